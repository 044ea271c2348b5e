#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every file system call of `lq sync` fails once, in every way, and is the last one once.

    torture.py [--all] [NAME...]     --all: each call with each error; else each call is the last one,
                                     and every other one fails, with one of the errors in turn

After each: every visible file is whole, the exit status told the truth, and the next sync brings
everything there, once.
"""
import itertools
import os
import pathlib
import shutil
import sys

import lab

# Reading cannot lose anything; that it fails is tried with --all.
CALLS = "open,write,fsync,rename,link,unlink,close,copy,mkdir,truncate"
ERRORS = ("ENOSPC", "EIO", "EDQUOT", "EACCES", "EXDEV", "EINTR", "SHORT")
DURABLE = ("fsync", "fdatasync", "syncfs")
# A copy between file systems goes on by reading and writing.
HARMLESS = {("copy_file_range", "EXDEV")}


class Scenario:
    """A sync to disturb: `prepare` makes what is there before, `words` are lq's. Without --all only
    each `stride`-th call is tried. `back`: words of the sync after it, when it is another one."""

    def __init__(self, name, n_files, words=(), prepare=None, stride=1, back=None):
        self.name, self.n_files, self.words = name, n_files, words
        self.prepare, self.stride = prepare, stride
        self.back = back or words  # of the sync after it


def name_taken(case):
    """The first run's name is another run's there, the second is there already."""
    first, second = lab.run_files(case.project)[:2]
    foreign = case.project.parent.parent / "foreign"
    for source, path in ((foreign, first), (case.project / ".lq/logs" / second, second)):
        target = case.store / lab.IDENTITY / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def copied(case):
    lab.expect_ok(lab.lq(case.project, "sync", "--mode", "copy", case.store))


def linked(case):
    lab.expect_ok(lab.lq(case.project, "sync", "--mode", "auto", case.store))


def symlinked(case):
    lab.expect_ok(lab.lq(case.project, "sync", "--mode", "symlink", case.store))


def damaged(case):
    """Of the copies there one is gone and one has other bytes."""
    copied(case)
    first, second = lab.run_files(case.project)[:2]
    (case.store / lab.IDENTITY / first).unlink()
    with open(case.store / lab.IDENTITY / second, "r+b") as file:
        file.write(b"?")


SCENARIOS = (
    Scenario("copy", 20, ("--mode", "copy")),
    Scenario("link", 20, ("--mode", "auto")),
    Scenario("copy_many", 34, ("--mode", "copy"), stride=9),
    Scenario("copy_taken_names", 3, ("--mode", "copy"), name_taken, stride=3),
    Scenario("link_taken_names", 3, ("--mode", "auto"), name_taken, stride=3),
    Scenario("copy_to_link", 3, ("--mode", "auto"), copied, stride=3),
    Scenario("link_to_copy", 3, ("--mode", "copy"), linked, stride=3),
    Scenario("copy_to_symlink", 3, ("--mode", "symlink"), copied, stride=3),
    Scenario("symlink_to_copy", 3, ("--mode", "copy"), symlinked, stride=3),
    Scenario("not_to_symlink", 3, ("--mode", "symlink"), copied, 3, ("--mode", "copy")),
    Scenario("not_to_copy", 3, ("--mode", "copy"), symlinked, 3, ("--mode", "symlink")),
    Scenario("repair", 3, ("--mode", "copy", "--verify", "--deep"), damaged, stride=3),
)


class Case:
    """One disturbed sync and what came of it."""

    def __init__(self, scenario, template, folder, fault):
        self.scenario, self.fault = scenario, fault
        self.project, self.store = folder / "project", folder / "store"
        self.problems = []
        files = lab.run_files(template)[:scenario.n_files]
        lab.copy_project(template, self.project, files)
        if scenario.prepare:
            self.store.mkdir()
            scenario.prepare(self)
        self.local = {lab.sha256(self.project / ".lq/logs" / path) for path in files}
        self.before = {path: lab.sha256(self.store / path) for path in lab.found(self.store, follow=True)}
        # Whole but for those that are to be repaired.
        self.damage = set(self.before.values()) - self.local if scenario.prepare == damaged else set()

    def sync(self, fault=None):
        if fault:  # not what libraries do elsewhere
            fault.path = self.project.parent
        words = self.scenario.words if fault else self.scenario.back
        return lab.lq(self.project, "sync", *words, self.store, fault=fault)

    def check(self, condition, problem):
        if not condition:
            self.problems.append(problem)

    def look(self):
        """Check that what is visible is whole and what was there is so still; return the hashes of
        the runs there."""
        there = {path: lab.sha256(self.store / path) for path in lab.found(self.store, follow=True)}
        foreign = set(self.before.values())
        for path, digest in there.items():
            self.check(digest in self.local | foreign, f"not whole: {path}")
        for path, digest in self.before.items():
            self.check(there.get(path) == digest or digest in self.damage, f"overwritten: {path}")
        return [digest for digest in there.values() if digest in self.local]

    def must_fail(self, outcome):
        """Whether the fault cannot have been worked around."""
        call, _, path = outcome.hit.partition(" ")
        error = self.fault.error
        if error in ("SHORT", "EINTR") or (call, error) in HARMLESS or not outcome.hit:
            return False
        return str(self.store) in path and (
            call in DURABLE or call in ("write", "copy_file_range", "mkdirat") or
            (call == "close" and not os.path.isdir(path) and path.endswith(".tmp")))

    def must_succeed(self, outcome):
        """What is interrupted or done in part is taken up again. SQLite, which is not lq's, does so
        in most places."""
        call, _, path = outcome.hit.partition(" ")
        if self.fault.error in ("EINTR", "SHORT"):
            return "state.db" not in path
        return (call, self.fault.error) in HARMLESS

    def examine(self, outcome):
        status = outcome.status
        there = self.look()
        missing = self.local - set(there)
        kill = self.fault.error in ("KILL", "KILLED")
        # No moment of a change of mode hides a run, or shows it twice.
        if self.scenario.prepare in (copied, linked, symlinked):
            self.check(sorted(there) == sorted(self.local), f"{len(there)} files are there meanwhile")
        self.check(status in ((-9,) if kill else (0, 1)), f"exit status {status}")
        if status == 0:
            self.check(not missing, f"exit status 0, and {len(missing)} runs are missing")
            self.check(not self.must_fail(outcome), "exit status 0, but the disk had said no")
        if status == 1:
            self.check(not self.must_succeed(outcome), "gave up")
            lines = outcome.stderr.splitlines()
            self.check(lines and all(line.startswith(("lq: ", "hint: ")) for line in lines),
                       "says nothing, or not in its own words")
        if not kill and not outcome.hit.startswith("unlink"):
            self.check(not lab.leftovers(self.store), "left a temporary file")
        if not kill and not self.damage:
            self.check_state()

    def check_state(self):
        try:
            rows = lab.state_rows(self.project, "SELECT remote_path FROM synced")
        except lab.sqlite3.OperationalError:
            return
        for path, in rows:
            self.check((self.store / path).exists(), f"state.db says that there is {path}")

    def run(self):
        """False when lq makes fewer calls than that."""
        disturbed = self.sync(self.fault)
        if not disturbed.hit:
            return False
        self.examine(disturbed)
        after = self.sync()
        self.check(after.status == 0, f"the next sync fails: {after}")
        there = self.look()
        # Foreign readers see what has a run's name wherever it lies.
        hidden = [path for path in self.store.rglob("*.parquet") if "/.lq-" in str(path)]
        self.check(not hidden, f"left after the next sync: {hidden}")
        # A run whose name was once denied to it is stored under its own name, come what may.
        self.check(set(there) == self.local and (len(there) == len(self.local) or
                                                 self.fault.error == "EACCES"),
                   f"after the next sync {len(there)} files are there, not {len(self.local)}")
        self.check_state()
        self.problems = [f"{self.fault}: {problem}\n{disturbed}" for problem in self.problems]
        return True


def torture(scenario, template, scratch, every_error):
    """Problems found in all cases of a scenario."""
    numbers = itertools.count()

    def attempt(fault):
        folder = scratch / f"{scenario.name}-{next(numbers)}"
        case = Case(scenario, template, folder, fault)
        more = case.run()
        shutil.rmtree(folder)
        return more, case.problems

    def faults(at):
        turn = () if at % 2 else (ERRORS[at // 2 % len(ERRORS)],)
        return [lab.Fault(at, error, None if every_error else CALLS)
                for error in ("KILL", *(ERRORS if every_error else turn))]

    problems, n_calls, _ = lab.at_each_call(attempt, faults, 16,
                                            1 if every_error else scenario.stride)
    print(f"# {scenario.name}: {n_calls} calls", flush=True)
    return problems


def passing_error(template, scratch):
    """A run that state.db does not know, and that cannot be read for a moment, is not taken for a bad
    file for good."""
    case = Case(Scenario("", 2), template, scratch / "passing_error", None)
    (case.project / ".lq/state.db").unlink()
    disturbed = lab.lq(case.project, "sync", case.store,
                       fault=lab.Fault(1, "EIO", "open", "/proc/self/fd"))
    case.check(disturbed.hit, "not disturbed")
    case.check(disturbed.status == 1, "exit status 0, and a run is missing")
    case.check(len(case.look()) == 1, "the other run was not brought")
    case.check("cannot read '.lq/logs/" in disturbed.stderr, "does not name the run")
    case.check(case.sync().status == 0, "the next sync fails")
    case.check(set(case.look()) == case.local, "a run is missing")
    return [f"{problem}\n{disturbed}" for problem in case.problems]


def main():
    every_error = "--all" in sys.argv
    names = [word for word in sys.argv[1:] if word != "--all"]
    with lab.scratch_folder() as folder:
        scratch = pathlib.Path(folder)
        template = scratch / "template"
        lab.new_project(template, max(scenario.n_files for scenario in SCENARIOS))
        (scratch / "foreign").write_bytes(b"another's run")
        tests = [(scenario.name,
                  lambda scenario=scenario: torture(scenario, template, scratch, every_error))
                 for scenario in SCENARIOS]
        tests.append(("passing_error", lambda: passing_error(template, scratch)))
        lab.Tap(tests, names).exit()


if __name__ == "__main__":
    main()
