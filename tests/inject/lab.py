# SPDX-License-Identifier: MIT
"""What the tests that disturb lq share: a scratch folder, run files to sync, lq with a fault in it.

Files lie in memory where that is possible: thousands of small trees are made and removed.
"""
import concurrent.futures
import hashlib
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(os.environ["LQ_BUILD_ROOT"])
LQ = BUILD / "lq"
INJECT = BUILD / "tests/inject/libinject.so"
# Both are set by LQ under ASan: the wrappers come before the sanitizer's library.
ASAN_OPTIONS = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
IDENTITY = "namespace=acme/project=rocket/hostname=testhost"
# Nothing that lq does on a few files takes this long; it is there to report a hang.
TIMEOUT_SEC = 120


def scratch_folder():
    """A temporary folder that is removed when the returned object goes, in memory if there is room."""
    shm = "/dev/shm"
    try:
        room = os.statvfs(shm).f_bavail * os.statvfs(shm).f_frsize if os.access(shm, os.W_OK) else 0
    except OSError:
        room = 0
    return tempfile.TemporaryDirectory(prefix="lq-inject-", dir=shm if room > 1 << 29 else None)


class Fault:
    """The n-th call of some kinds fails or kills; see inject.c."""

    def __init__(self, at, error, calls=None, path=None):
        self.at, self.error, self.calls, self.path = at, error, calls, path

    def environment(self, report):
        env = {"LD_PRELOAD": str(INJECT), "LQ_INJECT_AT": str(self.at),
               "LQ_INJECT_ERROR": self.error, "LQ_INJECT_REPORT": str(report)}
        if self.calls:
            env["LQ_INJECT_CALLS"] = self.calls
        if self.path:
            env["LQ_INJECT_PATH"] = str(self.path)
        return env

    def __str__(self):
        return f"call {self.at}{' of ' + self.calls if self.calls else ''}: {self.error}"


def at_each_call(attempt, faults, step, stride):
    """Call attempt(fault) for the faults(n) of each `stride`-th call n, `step` of these at once, until no
    fault is met any more. An attempt gives whether it met its fault, and the problems found. Gives all
    problems, the last call, and how many faults were met."""
    problems, n_met, at, more = [], 0, 1, True
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        while more:
            batch = [fault for n in range(at, at + step * stride, stride) for fault in faults(n)]
            results = list(pool.map(attempt, batch))
            # The threads of lq do not always make the same number of calls.
            more = any(met for met, _ in results)
            problems += [problem for _, found in results for problem in found]
            n_met += sum(met for met, _ in results)
            at += step * stride
    return problems, at - step * stride, n_met


class Outcome:
    """How a command of lq ended. `hit`: the call that the fault met, "" if there were fewer."""

    def __init__(self, words, status, stdout, stderr, hit):
        self.words, self.status, self.stdout, self.stderr, self.hit = (
            words, status, stdout, stderr, hit)

    @property
    def killed(self):
        return self.status == -signal.SIGKILL

    def __str__(self):
        text = f"lq {' '.join(self.words)}: exit status {self.status}"
        if self.hit:
            text += f"\n{self.hit}"
        return text + ("\n" + self.stderr if self.stderr else "")


def environment(folder, fault=None, home=None, report=None):
    """For lq: nothing of the caller's."""
    env = {"PATH": os.environ["PATH"], "HOME": str(home or folder), "LC_ALL": "C.UTF-8",
           "TZ": "UTC", "LQ_HOSTNAME": "testhost", "ASAN_OPTIONS": ASAN_OPTIONS,
           "GIT_CEILING_DIRECTORIES": str(folder)}
    if fault:
        report.write_bytes(b"")
        env.update(fault.environment(report))
    return env


def lq(folder, *words, fault=None, home=None):
    """Run lq in `folder`."""
    report = pathlib.Path(folder) / "report"
    words = [str(word) for word in words]
    done = subprocess.run([LQ, *words], cwd=folder, env=environment(folder, fault, home, report),
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_SEC,
                          check=False)
    return Outcome(words, done.returncode, done.stdout.decode(errors="replace"),
                   done.stderr.decode(errors="replace"), report.read_text().strip() if fault else "")


class Stopped:
    """lq in `folder`, stopped at the n-th call on a path that contains `path`; `hit` is that call, ""
    when it has ended without."""

    def __init__(self, folder, *words, at, path):
        self.words = [str(word) for word in words]
        self.folder = pathlib.Path(folder)
        report = self.folder / "stopped"
        self.errors = open(self.folder / "errors", "w+b")
        self.process = subprocess.Popen(
            [LQ, *self.words], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=self.errors, env=environment(folder, Fault(at, "STOP", path=path), None, report))
        self.status = None
        _, status = os.waitpid(self.process.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            self.status = os.waitstatus_to_exitcode(status)
        self.hit = report.read_text().strip()

    def go_on(self):
        """Let it, and wait for its end."""
        if self.status is None:
            os.kill(self.process.pid, signal.SIGCONT)
            _, status = os.waitpid(self.process.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)
        self.process.returncode = self.status
        self.errors.seek(0)
        outcome = Outcome(self.words, self.status, "", self.errors.read().decode(), self.hit)
        self.errors.close()
        return outcome


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def new_project(folder, n_runs=0):
    """A project in `folder` with runs that cost as little as runs can."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    expect_ok(lq(folder, "init", "--namespace", "acme", "--project", "rocket"))
    for i in range(n_runs):
        expect_ok(lq(folder, "run", "-q", "-n", f"build{i}", "true"))
    flush_state(folder)


def expect_ok(outcome):
    if outcome.status != 0:
        raise AssertionError(str(outcome))
    return outcome


def flush_state(folder):
    """Make state.db one file again, so that it can be copied."""
    state = pathlib.Path(folder) / ".lq/state.db"
    db = sqlite3.connect(state)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    for suffix in ("-wal", "-shm"):
        pathlib.Path(f"{state}{suffix}").unlink(missing_ok=True)


def copy_project(source, target, files=None):
    """A copy of a project; run files, which nobody changes, become links to the same bytes. `files`:
    only these, below logs."""
    source, target = pathlib.Path(source), pathlib.Path(target)
    (target / ".lq").mkdir(parents=True)
    for name in ("config.yaml", "origin", "state.db"):
        shutil.copyfile(source / ".lq" / name, target / ".lq" / name)
    for path in files if files is not None else run_files(source):
        link = target / ".lq/logs" / path
        link.parent.mkdir(parents=True, exist_ok=True)
        os.link(source / ".lq/logs" / path, link)


def run_files(project):
    """Paths of a project's run files below logs, sorted."""
    return sorted(found(pathlib.Path(project) / ".lq/logs"))


def found(top, follow=False):
    """Paths below `top` of all files that a reader takes for runs: none in folders with a dot."""
    for folder, folders, names in os.walk(top, followlinks=follow):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if name.endswith(".parquet"):
                yield os.path.relpath(os.path.join(folder, name), top)


def leftovers(top):
    """Files below `top` that no reader takes for a run."""
    return [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names
            if not name.endswith(".parquet")]


def state_rows(project, sql):
    """What state.db answers; opened as lq finds it, write-ahead log and all."""
    db = sqlite3.connect(pathlib.Path(project) / ".lq/state.db")
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


class Tap:
    """Tests by name, printed as TAP; those named as arguments, or all."""

    def __init__(self, tests, names):
        self.failed = 0
        chosen = [(name, test) for name, test in tests if not names or name in names]
        print(f"1..{len(chosen)}", flush=True)
        for number, (name, test) in enumerate(chosen, 1):
            problems = test() or []
            for problem in problems[:5]:
                print("# " + str(problem).strip().replace("\n", "\n#   "))
            if len(problems) > 5:
                print(f"# and {len(problems) - 5} more")
            self.failed += bool(problems)
            print(f"{'not ' if problems else ''}ok {number} - {name}", flush=True)

    def exit(self):
        sys.exit(1 if self.failed else 0)
