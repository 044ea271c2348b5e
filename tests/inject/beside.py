#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What happens while a sync, or a run, is in the middle of something: it is stopped at each call that it
makes, another lq does all of its work, and it goes on.

    beside.py [NAME...]
"""
import concurrent.futures
import csv
import itertools
import os
import pathlib
import shutil
import sys

import lab

N_RUNS = 3


class Meeting:
    """One project or two clones of it, and their store."""

    def __init__(self, template, folder):
        self.folder, self.store = folder, folder / "store"
        self.project, self.clone = folder / "project", folder / "clone"
        files = lab.run_files(template)
        lab.copy_project(template, self.project, files[:N_RUNS])
        lab.copy_project(template, self.clone, ())
        # The clone has other runs of the same names, and they are unknown to its state.db, which is
        # the project's: it has an origin of its own.
        (self.clone / ".lq/origin").unlink()
        for path, other in zip(files[:N_RUNS], files[N_RUNS:]):
            link = self.clone / ".lq/logs" / path
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(template / ".lq/logs" / other, link)
        self.problems = []

    def local(self, *projects):
        return sorted(lab.sha256(project / ".lq/logs" / path) for project in projects
                      for path in lab.run_files(project))

    def there(self):
        return sorted(lab.sha256(self.store / path) for path in lab.found(self.store))

    def check(self, condition, problem):
        if not condition:
            self.problems.append(problem)

    def check_ok(self, outcome):
        self.check(outcome.status == 0, f"failed: {outcome}")

    def run(self, folder, *words):
        outcome = lab.lq(folder, *words, home=self.folder)
        self.check_ok(outcome)
        return outcome


def sync_words(meeting):
    return ("sync", "--mode", "copy", meeting.store)


def two_clones(meeting, at):
    """Two clones that want the same names both keep all of theirs."""
    first = lab.Stopped(meeting.project, *sync_words(meeting), at=at, path=meeting.store)
    meeting.run(meeting.clone, *sync_words(meeting))
    meeting.check_ok(first.go_on())
    meeting.check(meeting.there() == meeting.local(meeting.project, meeting.clone),
                  f"{len(meeting.there())} files are there")
    return first.hit


def one_project(meeting, at):
    """Two syncs of one project bring each run once."""
    first = lab.Stopped(meeting.project, *sync_words(meeting), at=at, path=meeting.store)
    meeting.run(meeting.project, *sync_words(meeting))
    meeting.check_ok(first.go_on())
    meeting.check(meeting.there() == meeting.local(meeting.project),
                  f"{len(meeting.there())} files are there")
    meeting.check(not lab.leftovers(meeting.store), "a temporary file is left")
    return first.hit


def killed_holder(meeting, at):
    """A sync that is killed holds up nobody, not even one that is beside it."""
    first = lab.Stopped(meeting.project, *sync_words(meeting), at=at, path=meeting.project / ".lq/logs")
    if first.hit:
        first.process.kill()
    first.go_on()
    meeting.run(meeting.project, *sync_words(meeting))
    meeting.check(meeting.there() == meeting.local(meeting.project),
                  f"{len(meeting.there())} files are there")
    return first.hit


def prune_meanwhile(meeting, at):
    """Runs that go while they are to be synced are no error; what got there is whole."""
    before = set(meeting.local(meeting.project))
    first = lab.Stopped(meeting.project, *sync_words(meeting), at=at, path=meeting.store)
    meeting.run(meeting.project, "prune", "--keep-last", "0", "--force")
    meeting.check_ok(first.go_on())
    meeting.check(not meeting.local(meeting.project), "not all runs are pruned")
    meeting.check(set(meeting.there()) <= before, "something else is there")
    return first.hit


def sync_during_run(meeting, at):
    """A run that is being recorded is not there, or whole."""
    first = lab.Stopped(meeting.project, "run", "-q", "true", at=at, path=meeting.project / ".lq/logs")
    meeting.run(meeting.project, *sync_words(meeting))
    meeting.check_ok(first.go_on())
    meeting.check(set(meeting.there()) <= set(meeting.local(meeting.project)), "not whole")
    meeting.run(meeting.project, *sync_words(meeting))
    meeting.check(meeting.there() == meeting.local(meeting.project), "a run is missing")
    meeting.check(len(meeting.there()) == N_RUNS + 1, "the run was not recorded")
    return first.hit


def question_during_sync(meeting, at):
    """An answer counts each run once, and has nothing to say about files on their way."""
    meeting.store.mkdir()
    first = lab.Stopped(meeting.project, *sync_words(meeting), at=at, path=meeting.store)
    for _ in range(2):
        answer = meeting.run(meeting.folder, "sql", "-d", meeting.store, "--csv",
                             "SELECT count(*) AS runs, count(DISTINCT run_uid) AS uids FROM lq_runs")
        row = next(csv.DictReader(answer.stdout.splitlines()))
        meeting.check(row["runs"] == row["uids"], f"counted twice: {row}")
        meeting.check(not answer.stderr or "no runs" in answer.stderr, f"says: {answer.stderr}")
        if first.status is None:
            meeting.check_ok(first.go_on())
    meeting.check(row["runs"] == str(N_RUNS), f"not all runs are found: {row}")
    return first.hit


# Each with a stride: calls that are left out between two that are tried.
TESTS = ((two_clones, 2), (one_project, 2), (killed_holder, 2), (prune_meanwhile, 6),
         (sync_during_run, 3), (question_during_sync, 12))


def every_call(test, stride, template, scratch):
    numbers = itertools.count()

    def attempt(at):
        folder = scratch / f"{test.__name__}-{next(numbers)}"
        folder.mkdir()
        meeting = Meeting(template, folder)
        hit = test(meeting, at)
        shutil.rmtree(folder)
        return hit, [f"stopped at call {at}: {hit}\n{problem}" for problem in meeting.problems]

    problems, at, hit = [], 1, True
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        while hit:
            step = stride * os.cpu_count()
            results = list(pool.map(attempt, range(at, at + step, stride)))
            hit = all(result[0] for result in results)
            problems += [problem for result in results for problem in result[1]]
            at += step
    print(f"# {test.__name__}: {at - step} calls", flush=True)
    return problems


def main():
    with lab.scratch_folder() as folder:
        scratch = pathlib.Path(folder)
        template = scratch / "template"
        lab.new_project(template, 2 * N_RUNS)
        lab.Tap([(test.__name__, lambda test=test, stride=stride:
                  every_call(test, stride, template, scratch)) for test, stride in TESTS],
                sys.argv[1:]).exit()


if __name__ == "__main__":
    main()
