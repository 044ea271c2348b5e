# SPDX-License-Identifier: MIT
"""Run the examples of Markdown files: what their ```console blocks say is what happens.

    examples.py FILE...           run them in the current folder; a line for each that differs
    examples.py --record FILE...  also write what came into the file, where it differs

A command stands behind `$ `, and goes on until its quotes are closed. What follows is its output,
standard error too; `...` stands for any text, alone on a line for any lines. Behind a command,
`# exit status 1` says how it ends; otherwise it succeeds. A line `^C` is what the user types when what
stands before it has come. Commands of one file follow one another.
What changes from run to run (times, sizes, the home folder, widths of columns) is not compared.
"""
import os
import re
import shlex
import signal
import subprocess
import sys
import threading

CHANGING = [
    (r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?)?", "DATE"),
    (r"_\d{6}\.", "_TIME."),
    (r"just now|\d+ (s|min|h) ago", "AGO"),
    (r"\b[\d.]+ ?[kMG]?B\b", "SIZE"),
    (r"\b\d+\.\d+\b", "NUMBER"),
    (r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b", "UID"),
    (r"\b(?=[0-9a-f]*\d)[0-9a-f]{7,40}\b", "HEX"),
    (r"\s+", " "),
]


def settle(line):
    line = line.replace(os.environ["HOME"], "/home/hermione")
    for pattern, name in CHANGING:
        line = re.sub(pattern, name, line)
    return line.strip()


def is_same(want, got):
    """Whether the output is what the document shows."""
    pattern = ""
    for line in want:
        parts = [re.escape(settle(part)) for part in line.split("...")]
        pattern += r"(.*\n)*" if line.strip() == "..." else ".*".join(parts) + "\n"
    return re.fullmatch(pattern, "".join(settle(line) + "\n" for line in got)) is not None


def is_whole(command):
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return not command.endswith("\\")


def blocks(lines):
    """(first, last, command, line of the output) of each example; the output is lines[out:last]."""
    at = 0
    while at < len(lines):
        if lines[at] != "```console":
            at += 1
            continue
        end = lines.index("```", at)
        at += 1
        while at < end:
            first, command = at, lines[at].removeprefix("$ ")
            if not lines[at].startswith("$ "):
                sys.exit(f"line {at + 1}: a console block begins with `$ `")
            at += 1
            while not is_whole(command):
                command += "\n" + lines[at]
                at += 1
            out = at
            while at < end and not lines[at].startswith("$ "):
                at += 1
            yield first, at, command, out


def run(command, want):
    """Exit status and lines of the output, with `^C` where that was typed."""
    before = want[: want.index("^C")] if "^C" in want else None
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(["bash", "-c", command], start_new_session=True, **pipes)
    alarm = threading.Timer(60, os.killpg, (process.pid, signal.SIGKILL))
    alarm.start()
    lines = []
    for line in process.stdout:
        lines.append(line.decode(errors="replace").rstrip("\r\n"))
        if before is not None and "^C" not in lines and is_same(before, lines):
            os.killpg(process.pid, signal.SIGINT)
            lines.append("^C")
    code = process.wait()
    alarm.cancel()
    return code % 256 if code >= 0 else 128 - code, lines


def try_file(path, record):
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    good, new, done = True, [], 0
    for first, last, command, out in blocks(lines):
        want_code = int((re.search(r"# exit status (\d+)", command) or [0, 0])[1])
        code, got = run(command, lines[out:last])
        new += lines[done:out]
        done = last
        if code == want_code and is_same(lines[out:last], got):
            new += lines[out:last]
            continue
        good = False
        new += [line.replace(os.environ["HOME"], "/home/hermione") for line in got]
        print(f"{path}:{first + 1}: {command}")
        if code != want_code:
            print(f"exit status {code}, not {want_code}")
        for line in lines[out:last]:
            print("- " + line)
        for line in got:
            print("+ " + line)
    if record and not good:
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(new + lines[done:]))
    return good


if __name__ == "__main__":
    files = [path for path in sys.argv[1:] if path != "--record"]
    sys.exit(not all([try_file(path, "--record" in sys.argv) for path in files]))
