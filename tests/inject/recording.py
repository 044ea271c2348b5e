#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every file system call of `lq run` fails once, in every way, and is the last one once.

    recording.py [--all] [NAME...]     --all: each call with each error; else each `stride`-th call is the
                                       last one, and fails with one of the errors in turn

After each: the runs before are whole, this one is recorded whole or was said not to be, the command's
exit status is kept, nothing half written is visible, and the next run and the next sync work.
"""
import csv
import itertools
import pathlib
import re
import shutil
import sys

import lab

CALLS = "open,write,fsync,rename,link,unlink,close,copy,mkdir,truncate"
ERRORS = ("ENOSPC", "EIO", "EDQUOT", "EACCES", "EXDEV", "EINTR", "SHORT")
# Of lq's own, when the command has none to tell.
LQ_FAILED = 125
CLOSING_LINE = re.compile(r"lq: run \d+ this .*, [.]lq/logs/\S+$")
QUERY = ("SELECT run_id, source_name, exit_code, error_count, (SELECT count(*) FROM lq_events e"
         " WHERE e.run_uid = r.run_uid AND message = 'no') AS events FROM lq_runs r ORDER BY run_id")


class Scenario:
    """A command to record, with what config.yaml says about sync."""

    def __init__(self, name, n_errors, status, sync="", stride=1):
        self.name, self.n_errors, self.status = name, n_errors, status
        self.sync, self.stride = sync, stride
        self.log = "".join(f"a.c:{line}:1: error: no\n" for line in range(1, n_errors + 1))


SCENARIOS = (
    Scenario("fails", 2, 3, stride=2),
    Scenario("succeeds", 0, 0, stride=4),
    # More events than are kept in memory.
    Scenario("many_events", 20000, 3, stride=12),
    Scenario("then_synced", 2, 0, "auto: wait, include_raw: true, mode: copy", stride=6),
    Scenario("then_linked", 2, 3, "auto: wait, include_raw: true", stride=6),
    Scenario("synced_beside", 2, 0, "auto: true, include_raw: true, mode: copy", stride=6),
)


class Case:
    """One disturbed run and what came of it."""

    def __init__(self, scenario, template, folder, fault):
        self.scenario, self.fault = scenario, fault
        self.project, self.store = folder / "project", folder / "store"
        self.problems = []
        lab.copy_project(template, self.project)
        (self.project / ".lq/config.yaml").write_text(
            "project: {namespace: acme, project: rocket}\n"
            f"sync: {{destination: {self.store}{', ' * bool(scenario.sync)}{scenario.sync}}}\n")
        (self.project / "log").write_text(scenario.log)
        self.before = {path: self.digest(path) for path in lab.run_files(self.project)}
        if scenario.sync:  # what config.yaml names is used by itself after one sync by hand
            lab.expect_ok(self.lq("sync"))

    def lq(self, *words, fault=None):
        return lab.lq(self.project, *words, fault=fault)

    def digest(self, path):
        return lab.sha256(self.project / ".lq/logs" / path)

    def check(self, condition, problem):
        if not condition:
            self.problems.append(problem)

    def raw_logs(self, pattern="*"):
        return [path for path in (self.project / ".lq/raw").rglob(f"{pattern}.log.zst")
                if not path.name.startswith(".")]

    def is_kill(self):
        return self.fault.error in ("KILL", "KILLED")

    def examine(self, outcome):
        """What is there right after. Returns the files of this run: none or one."""
        files = [path for path in lab.run_files(self.project) if path not in self.before]
        said = [line for line in outcome.stderr.splitlines() if not CLOSING_LINE.match(line)]
        self.check(len(files) <= 1, f"{len(files)} run files")
        for path, digest in self.before.items():
            self.check(self.digest(path) == digest, f"a run before has changed: {path}")
        if self.is_kill():
            # One of sync.auto's own process is not the run's.
            self.check(outcome.killed or (outcome.status == self.scenario.status and files),
                       f"exit status {outcome.status}")
            return files
        want = (self.scenario.status,) if self.scenario.status else (0, LQ_FAILED)
        self.check(outcome.status in want, f"exit status {outcome.status}, not in {want}")
        self.check(outcome.stdout == self.scenario.log or self.is_refused(outcome),
                   "the command's output was not shown")
        self.check(files or said, "not recorded, and nothing said about it")
        self.check(outcome.status != 0 or files, "exit status 0, and not recorded")
        self.check(outcome.status != LQ_FAILED or said, "exit status 125, and nothing said")
        self.check(all(line.startswith(("lq: ", "hint: ")) for line in said), "not in its own words")
        if not outcome.hit.startswith("unlink"):
            self.check(files or not self.raw_logs("*_this_*"), "left a raw log of no run")
            left = [path for path in lab.leftovers(self.project / ".lq/logs") +
                    lab.leftovers(self.project / ".lq/raw") if ".tmp" in path]
            self.check(not left, f"left a temporary file: {left}")
        return files

    def is_refused(self, outcome):
        """A config.yaml that cannot be read: lq does not know what it would run."""
        return "config.yaml" in outcome.hit and outcome.status == LQ_FAILED

    def examine_answer(self, recorded):
        answer = self.lq("sql", "--csv", QUERY)
        self.check(answer.status == 0 and not answer.stderr, f"cannot ask: {answer}")
        rows = [tuple(row.values())[1:] for row in csv.DictReader(answer.stdout.splitlines())]
        errors = str(self.scenario.n_errors)
        want = ([("build0", "0", "0", "0")] +
                [("this", str(self.scenario.status), errors, errors)] * len(recorded) +
                [("next", "0", "0", "0")])
        self.check(rows == want, f"wrong answer: {rows}, not {want}")
        if recorded and self.raw_logs("*_this_*"):
            log = self.lq("output", "this")
            self.check(log.stdout == self.scenario.log, f"the raw log is not whole: {log}")

    def examine_store(self):
        """After one more sync, all that is recorded is there, once; raw logs as well."""
        done = self.lq("sync")
        self.check(done.status == 0, f"the next sync fails: {done}")
        there = sorted(lab.sha256(self.store / path) for path in lab.found(self.store))
        local = sorted(map(self.digest, lab.run_files(self.project)))
        # A run whose name was denied to it is stored under its own name, come what may.
        self.check(there == local or (self.fault.error == "EACCES" and set(there) == set(local)),
                   f"{len(there)} of {len(local)} runs are in the store")
        if "include_raw" in self.scenario.sync:
            runs = {pathlib.Path(path).stem for path in lab.run_files(self.project)}
            there = {lab.sha256(path) for path in self.store.rglob("*.log.zst")}
            for path in self.raw_logs():
                self.check(lab.sha256(path) in there or path.name.partition(".")[0] not in runs,
                           f"a raw log is not in the store: {path}")

    def run(self):
        """False when lq makes fewer calls than that."""
        self.fault.path = self.project.parent
        disturbed = self.lq("run", "-n", "this", "sh", "-c", f"cat log; exit {self.scenario.status}",
                            fault=self.fault)
        # The process of sync.auto may be hit after the run has ended.
        if not disturbed.hit and "auto: true" not in self.scenario.sync:
            return False
        recorded = self.examine(disturbed)
        after = self.lq("run", "-n", "next", "true")
        self.check(after.status == 0, f"the next run fails: {after}")
        self.examine_store()
        self.examine_answer(recorded)
        self.problems = [f"{self.fault}: {problem}\n{disturbed}" for problem in self.problems]
        return bool(disturbed.hit)


def torture(scenario, template, scratch, every_error):
    """Problems found in all cases of a scenario."""
    numbers = itertools.count()

    def attempt(fault):
        folder = scratch / f"{scenario.name}-{next(numbers)}"
        case = Case(scenario, template, folder, fault)
        more = case.run()
        shutil.rmtree(folder, ignore_errors=True)
        return more, case.problems

    def faults(at):
        error = ERRORS[at // scenario.stride % len(ERRORS)]
        return [lab.Fault(at, error, None if every_error else CALLS)
                for error in ("KILL", *(ERRORS if every_error else (error,)))]

    problems, n_calls, n_met = lab.at_each_call(attempt, faults, 8,
                                                1 if every_error else scenario.stride)
    print(f"# {scenario.name}: {n_calls} calls, {n_met} faults", flush=True)
    return problems


def main():
    every_error = "--all" in sys.argv
    names = [word for word in sys.argv[1:] if word != "--all"]
    with lab.scratch_folder() as folder:
        scratch = pathlib.Path(folder)
        template = scratch / "template"
        lab.new_project(template, 1)
        lab.Tap([(scenario.name,
                  lambda scenario=scenario: torture(scenario, template, scratch, every_error))
                 for scenario in SCENARIOS], names).exit()


if __name__ == "__main__":
    main()
