#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random schedules of what happens to two clones and their store, beside a model of what must hold.

    model.py [--seed N] [--schedules N]     N schedules from seed N on; one seed is one schedule

Two clones with one host name record runs under the same names, sync them to one store in every mode and
from each to each, are killed in it, prune, lose state.db, take back a backup. What is asked through the store at the end is
every run that was ever there, once, and nothing else.
"""
import argparse
import concurrent.futures
import csv
import json
import os
import pathlib
import random
import shutil
import sqlite3

import lab

N_STEPS = 14
RUNS_PER_CLONE = 12
DAYS = ("2026-01-01", "2026-01-02")
CLONES = ("red", "blue")
MODES = ("auto", "copy", "symlink")
CALLS = "open,write,fsync,rename,link,unlink,close,copy,mkdir,truncate"
ERRORS = ("ENOSPC", "EIO", "EDQUOT", "EACCES", "EXDEV", "EINTR", "SHORT")
RUN_QUERY = ("SELECT run_uid, count(*) AS runs, sum(error_count)::BIGINT AS errors, (SELECT count(*)"
             " FROM lq_events e WHERE e.run_uid = r.run_uid) AS events FROM lq_runs r GROUP BY run_uid")


class Pool:
    """Runs that clones record: real files of theirs, with the row that recording leaves in state.db."""

    def __init__(self, folder):
        self.runs = {}
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda name: self.record(name, folder / name), CLONES))

    def record(self, name, project):
        lab.new_project(project)
        log = project / "log"
        for i in range(RUNS_PER_CLONE):
            log.write_text("".join(f"a.c:{line}:1: error: no\n" for line in range(1, i % 4 + 1)))
            # Which errors a run has does not matter to its import.
            lab.lq(project, "import", "-n", f"build{i}", log)
        lab.flush_state(project)
        rows = lab.state_rows(project, "SELECT path, size_bytes, sha256, run_uid, namespace, project,"
                                       " hostname FROM file ORDER BY path")
        if len(rows) != RUNS_PER_CLONE:
            raise AssertionError(f"{len(rows)} runs recorded, not {RUNS_PER_CLONE}")
        self.runs[name] = [Run(project / ".lq/logs" / row[0], row[1:], i % 4)
                           for i, row in enumerate(rows)]
        # What the clones start from: nothing recorded, state.db as the first run leaves it.
        db = sqlite3.connect(project / ".lq/state.db")
        db.executescript("DELETE FROM file; DELETE FROM counter; PRAGMA journal_mode = DELETE;")
        db.close()


class Run:
    """A run of the pool: its file, its row in state.db but for the path, how many errors it has."""

    def __init__(self, file, row, n_errors):
        self.file, self.row, self.n_errors = file, row, n_errors
        self.uid = row[2]


class Clone:
    """One of the two, and what is in its folder."""

    def __init__(self, name, project, pool):
        self.name, self.project = name, project
        self.to_record = list(pool.runs[name])
        self.local = {}  # path below logs to Run
        self.next_id = 1
        self.mode = None  # of the last sync
        self.backup = None


class Schedule:
    """One seed's steps, carried out and checked."""

    def __init__(self, seed, pool, template, folder):
        self.random = random.Random(seed)
        self.folder = folder
        self.store = folder / "store"
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.recorded = {}  # uid to Run
        self.must = set()   # uids that are in the store for good
        self.may = set()    # those that a disturbed sync may have brought there
        self.log, self.problems = [], []
        self.clones = []
        for name in CLONES:
            clone = Clone(name, folder / name, pool)
            lab.copy_project(template / name, clone.project, files=())
            config = clone.project / ".lq/config.yaml"
            config.write_text(f"project: {{namespace: acme, project: rocket}}\n"
                              f"sync: {{destination: {self.store}}}\n")
            self.clones.append(clone)

    # ---- steps ----

    def record(self, clone):
        """A run is recorded; at times its row in state.db is not written any more."""
        if not clone.to_record:
            return
        run = clone.to_record.pop(0)
        day = self.random.choice(DAYS)
        path = f"date={day}/source=import/{clone.next_id:03}_build_143022.parquet"
        clone.next_id += 1
        target = clone.project / ".lq/logs" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():  # as recording does it, in a folder that was put back
            path = path.replace(".parquet", f"-{run.uid[-8:]}.parquet")
            target = clone.project / ".lq/logs" / path
        os.link(run.file, target)
        clone.local[path] = run
        self.recorded[run.uid] = run
        if self.link_owner() is clone:  # seen at once
            self.may.add(run.uid)
        known = self.random.random() < 0.9 and self.add_row(clone, (path, *run.row))
        self.log.append(f"{clone.name} records {path} {run.uid}{'' if known else ', unknown'}")

    @staticmethod
    def add_row(clone, row):
        """Add the run to state.db; False when there is none yet, no table in it, or it is not the
        clone's own."""
        state = clone.project / ".lq/state.db"
        if not state.exists():
            return False
        origin = (clone.project / ".lq/origin").read_text()
        db = sqlite3.connect(state)
        try:
            owner = db.execute("PRAGMA application_id").fetchone()[0]
            if owner != int(origin[:8], 16) & 0x7fffffff:
                return False
            db.execute("INSERT OR REPLACE INTO file (path, size_bytes, sha256, run_uid, namespace,"
                       " project, hostname) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            db.commit()
        except sqlite3.OperationalError:
            return False
        finally:
            db.close()
        return True

    def sync(self, clone, fault=None, mode=None):
        mode = mode or self.random.choice(MODES)
        words = ["sync", "--mode", mode]
        if self.random.random() < 0.3:
            words += self.random.choice((["--verify"], ["--verify", "--deep"], ["--force"]))
        local = {run.uid for run in clone.local.values()}
        refusal = self.must_refuse(clone, mode)
        self.may |= local
        done = self.lq(clone, *words, fault=fault)
        if done.status == 0 and refusal and local:
            self.problems.append(f"{refusal}, and exit status 0: {done}")
        if done.status == 0:
            clone.mode = mode
            if mode != "symlink":
                self.must |= local
        elif not refusal and (fault is None or not done.hit):
            self.problems.append(f"sync failed: {done}")

    def link_owner(self):
        """The clone whose runs are seen through a link; None: there is no link."""
        link = self.store / lab.IDENTITY
        return next((clone for clone in self.clones if link.is_symlink() and
                     os.readlink(link) == str(clone.project / ".lq/logs")), None)

    def must_refuse(self, clone, mode):
        """Why the clone cannot have that mode here; "" if it can."""
        folder = self.store / lab.IDENTITY
        if folder.is_symlink():
            return "" if self.link_owner() is clone else "the link is another's"
        if mode != "symlink":
            return ""
        own = {run.row[1] for run in clone.local.values()}
        for top, _, names in os.walk(folder):
            for name in names:
                if name.startswith(".") or lab.sha256(os.path.join(top, name)) not in own:
                    return f"{top}/{name} is not the clone's"
        return ""

    def sync_disturbed(self, clone):
        error = self.random.choice(("KILL", "KILLED", "KILL", "KILLED", *ERRORS))
        self.sync(clone, lab.Fault(self.random.randrange(1, 120), error, CALLS, self.folder))

    def damage(self, clone):
        """A file that the clone knows to be in the store, and still has itself, is lost there or, when it
        is no link, overwritten. A sync that verifies mends it."""
        local = {run.row[1] for run in clone.local.values()}
        links = {os.stat(run.file).st_ino for run in self.recorded.values()}
        there = [path for path in self.remembered(clone) if (self.store / path).exists()
                 and lab.sha256(self.store / path) in local]
        if not there or self.link_owner():
            return
        path = self.store / self.random.choice(there)
        if self.random.random() < 0.5 or path.stat().st_ino in links:
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:-1] + b"?")
        self.log.append(f"{path} is damaged")
        self.lq(clone, "sync", "--verify", "--deep")

    @staticmethod
    def remembered(clone):
        """Paths in the store that state.db knows, if it is the clone's own."""
        try:
            rows = lab.state_rows(clone.project, "SELECT remote_path FROM synced ORDER BY path")
        except sqlite3.OperationalError:
            return []
        return [path for path, in rows]

    def prune(self, clone):
        done = self.lq(clone, "prune", "--keep-last", self.random.randrange(3))
        if done.status != 0:
            self.problems.append(f"prune failed: {done}")
        left = set(lab.run_files(clone.project))
        for path in set(clone.local) - left:
            if clone.local[path].uid not in self.may:
                self.problems.append(f"pruned before it was synced: {path}")
            if self.link_owner() is clone:
                self.must.discard(clone.local[path].uid)
            del clone.local[path]

    def lose_state(self, clone):
        for suffix in ("", "-wal", "-shm"):
            pathlib.Path(f"{clone.project}/.lq/state.db{suffix}").unlink(missing_ok=True)
        self.log.append(f"{clone.name} loses state.db")

    def back_up(self, clone):
        """Copy the whole of .lq while nothing runs in it."""
        shutil.rmtree(self.folder / f"{clone.name}.backup", ignore_errors=True)
        shutil.copytree(clone.project / ".lq", self.folder / f"{clone.name}.backup")
        clone.backup = (dict(clone.local), clone.next_id)
        self.log.append(f"{clone.name} is backed up")

    def restore(self, clone):
        """Runs recorded since are gone; the next ones get their numbers again."""
        if not clone.backup:
            return
        if self.link_owner() is clone:
            self.must -= {run.uid for run in clone.local.values()}
        shutil.rmtree(clone.project / ".lq")
        shutil.copytree(self.folder / f"{clone.name}.backup", clone.project / ".lq")
        clone.local, clone.next_id = dict(clone.backup[0]), clone.backup[1]
        self.log.append(f"{clone.name} is restored")

    def swap_state(self, clone):
        """state.db of the other clone is put in place of the own one."""
        other = next(one for one in self.clones if one is not clone)
        lab.flush_state(other.project)
        self.lose_state(clone)
        shutil.copyfile(other.project / ".lq/state.db", clone.project / ".lq/state.db")
        self.log.append(f"{clone.name} gets the state.db of {other.name}")

    STEPS = ((record, 10), (sync, 4), (sync_disturbed, 6), (prune, 1), (damage, 1), (lose_state, 1), (back_up, 1),
             (restore, 1), (swap_state, 1))

    # ---- carrying out and checking ----

    def lq(self, clone, *words, fault=None):
        done = lab.lq(clone.project, *words, fault=fault, home=self.home)
        self.log.append(f"{clone.name}: {done}" + (f" ({fault})" if fault else ""))
        if done.status not in (0, 1, -9):
            self.problems.append(f"ended badly: {done}")
        return done

    def run(self):
        steps, weights = zip(*self.STEPS)
        for _ in range(N_STEPS):
            step = self.random.choices(steps, weights)[0]
            step(self, self.random.choice(self.clones))
        # What is seen through a link becomes what is there.
        owner = self.link_owner()
        if owner and not owner.local:
            (self.store / lab.IDENTITY).unlink()
        for clone in sorted(self.clones, key=lambda clone: clone is not owner):
            self.sync(clone, mode=self.random.choice(("auto", "copy")))
        self.check_files()
        self.check_answer()
        return self.problems

    def check_files(self):
        known = {run.row[1] for run in self.recorded.values()}
        for path in lab.found(self.store, follow=True):
            if lab.sha256(self.store / path) not in known:
                self.problems.append(f"not whole: {path}")
        for clone in self.clones:
            left = self.lq(clone, "sync", "--dry-run", "--json", "--mode", clone.mode or "auto")
            if left.status != 0 or json.loads(left.stdout)["counts"]["files"] != 0:
                self.problems.append(f"not all is synced: {left}")

    def check_answer(self):
        if not self.store.exists():
            return
        answer = lab.lq(self.folder, "sql", "-d", self.store, "--csv", RUN_QUERY, home=self.home)
        if answer.status != 0 or answer.stderr:
            self.problems.append(f"cannot ask: {answer}")
            return
        asked = {row["run_uid"]: row for row in csv.DictReader(answer.stdout.splitlines())}
        for uid in sorted(self.must - set(asked)):
            self.problems.append(f"lost: {uid}")
        for uid, row in asked.items():
            run = self.recorded.get(uid)
            want = ("1", str(run.n_errors), str(run.n_errors)) if run and uid in self.may else None
            if want != (row["runs"], row["errors"], row["events"]):
                self.problems.append(f"wrong answer: {dict(row)}, not {want}")


def carry_out(seed, pool, template, scratch):
    folder = scratch / str(seed)
    schedule = Schedule(seed, pool, template, folder)
    try:
        problems = schedule.run()
    except Exception as error:  # the seed must be told, whatever it was
        problems = schedule.problems + [repr(error)]
    shutil.rmtree(folder)
    return [f"seed {seed}: " + "\n".join([*problems, *schedule.log])] if problems else []


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--schedules", type=int, default=1)
    options = parser.parse_args()
    with lab.scratch_folder() as folder:
        scratch = pathlib.Path(folder)
        pool = Pool(scratch / "pool")

        def schedules():
            seeds = range(options.seed, options.seed + options.schedules)
            with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
                found = threads.map(
                    lambda seed: carry_out(seed, pool, scratch / "pool", scratch), seeds)
                return [problem for problems in found for problem in problems]

        lab.Tap([(f"schedules {options.seed} to {options.seed + options.schedules - 1}", schedules)],
                []).exit()


if __name__ == "__main__":
    main()
