# SPDX-License-Identifier: MIT
"""What the benchmarks share: measuring commands side by side, and a table of figures.

Commands that are compared run in turn, round after round, so that a busy moment hits all of them;
figures are medians. A benchmark states figures and never fails on them.
"""
import os
import pathlib
import statistics
import subprocess
import tempfile

MEASURE = os.environ["LQ_MEASURE"]  # set, like the next four, by script/bench
NOSYNC = os.environ["LQ_NOSYNC"]
LQ = os.environ["LQ_BINARY"]
BLQ = os.environ["LQ_PEER_BLQ"]
PEER_PYTHON = os.environ["LQ_PEER_PYTHON"]
MB = 1_000_000


class Failed(Exception):
    """A measured command did not do its work, so its time means nothing."""


class Result:
    """All runs of one command."""

    def __init__(self, name):
        self.name = name
        self.walls = []
        self.peaks = []
        self.ends = []

    @property
    def seconds(self):
        return statistics.median(self.walls)

    @property
    def ms(self):
        return self.seconds * 1000

    @property
    def peak_mb(self):
        return max(self.peaks) / 1024


class Scratch:
    """A folder for one benchmark, with a project of lq and of the peer in it."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="lq-bench-")
        self.path = pathlib.Path(self.folder.name)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("CI", "LQ_", "XDG_"))}
        self.env["HOME"] = str(self.path / "home")
        (self.path / "home").mkdir()
        for name, argv in (("lq", [LQ, "init"]), ("blq", [BLQ, "init"])):
            (self.path / name).mkdir()
            subprocess.run(argv, cwd=self.path / name, env=self.env, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @staticmethod
    def helper(name):
        """A program beside this file."""
        return str(pathlib.Path(__file__).parent / name)

    def run(self, result, argv, cwd, want_status=0):
        """Run once and add the figures to `result`."""
        figures = self.path / "figures"
        figures.write_text("")
        subprocess.run([MEASURE, figures, *map(str, argv)], cwd=self.path / cwd, env=self.env,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=True)
        start, end, peak_kb, status = map(int, figures.read_text().split())
        if status != want_status:
            raise Failed(f"{' '.join(map(str, argv))}: exit status {status}")
        result.walls.append((end - start) / 1e9)
        result.peaks.append(peak_kb)
        result.ends.append(end)

    def compare(self, commands, rounds, warmups=1):
        """{name: (argv, folder)} to {name: Result}, in turn."""
        results = {name: Result(name) for name in commands}
        for turn in range(warmups + rounds):
            for name, (argv, cwd) in commands.items():
                self.run(results[name] if turn >= warmups else Result(name), argv, cwd)
        return results


def make_log(path, n_lines, every=50):
    """A build log of about 76 bytes a line; each `every`-th line is a compiler's diagnostic."""
    with open(path, "w", encoding="ascii") as log:
        for i in range(n_lines):
            name = f"src/room_{i % 97}/part_{i % 1013}"
            if i % every == 0:
                severity = "error" if i % (2 * every) == 0 else "warning"
                log.write(f"{name}.c:{i % 900 + 1}:{i % 70 + 1}: {severity}: "
                          f"no member named 'field_{i}' in 'struct thing'\n")
            else:
                log.write(f"[{i * 100 // n_lines:3}%] Building C object {name}.c.o "
                          f"-O2 -g -Wall -DN={i:07}\n")


class Table:
    """Prints itself as Markdown: what was measured, and whether the demand is held."""

    def __init__(self, title):
        print(f"\n## {title}\n\n| what | figure | demand | |\n|---|---|---|---|")

    @staticmethod
    def row(what, value, unit="", at_most=None, note=""):
        """Integers are counts, and printed whole."""
        def text(number):
            return f"{number:,}" if isinstance(number, int) else f"{number:.3g}"

        demand = verdict = ""
        if at_most is not None:
            demand = f"at most {text(at_most)} {unit}".strip()
            verdict = "held" if value <= at_most else "**missed**"
        print(f"| {what} | {text(value)} {unit} {note}| {demand} | {verdict} |", flush=True)
