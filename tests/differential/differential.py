#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""lq with an index = lq without one = the stock DuckDB command line tool over the Parquet files.

    differential.py FIRST COUNT [QUERIES]

For each seed a project and a store are made, with several projects, hosts and days, copies, files of
older and of foreign schemas and files that are none; then QUERIES (40) questions are asked in several
scopes with several filters, of lq with an index, of lq without, and in SQL written here; and once more with the
index after files were added, removed and replaced. Prints TAP.
"""
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

TEXTS = ["no such name", "it's odd", "100 % sure", "a_b*c?", "ünï → 漢字", "tab\there", "-- not SQL",
         'say "no"', "$1 $2", "x' OR 1=1 --", "\\back\\slash", "[brackets] {braces}", "NULL", ""]
NAMES = ["build", "test", "lint it", "it's", "ünit", "%", "42", "null"]
HOSTS = ["snape", "hermione", "ron's box", "ü", "42"]
PROJECTS = [("acme", "rocket"), ("acme", "probe"), ("o'neill", "50 % off"), ("ünï", "null")]
TYPES = {}
RUN_COLUMNS = []
EVENT_COLUMNS = []


def sql_text(value):
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def read_columns(lq):
    """Names and types from lq itself; which rows they stand on."""
    listed = subprocess.run([lq, "schema", "--json"], capture_output=True, check=True, text=True)
    for column in json.loads(listed.stdout):
        TYPES[column["column"]] = column["type"]
        (EVENT_COLUMNS if column["rows"] == "event" else RUN_COLUMNS).append(column["column"])


def escape(value):
    """A value as a partition folder, for the values used here (docs/format.md)."""
    if re.fullmatch("[0-9]+", value) or value.lower() == "null":
        return f"~{ord(value[0]):X}{value[1:]}"
    return re.sub(rb"[^A-Za-z0-9._-]", lambda m: b"~%02X" % m[0][0], value.encode()).decode()


class Run:
    """One run: what its rows are, as SQL, and where its file may lie."""

    def __init__(self, rng, number):
        self.namespace, self.project = rng.choice(PROJECTS)
        self.hostname = rng.choice(HOSTS)
        self.source = rng.choice(["run", "run", "import", "capture"])
        self.name = rng.choice(NAMES)
        self.number = number
        self.day = rng.randrange(1, 20)
        self.time = f"2026-03-{self.day:02} {rng.randrange(24):02}:{rng.randrange(60):02}:{number % 60:02}"
        self.uid = f"{rng.getrandbits(32):08x}-0000-7000-8000-{rng.getrandbits(48):012x}"
        self.rows = [{}] + [{
            "event_id": i + 1,
            "severity": rng.choice(["error", "warning", "note", None]),
            "message": rng.choice(TEXTS) + str(rng.randrange(3)),
            "file_path": rng.choice(["a.c", "src/b c.py", None]),
            "line_number": rng.choice([None, rng.randrange(100)]),
            "error_fingerprint": f"gcc_compile_{rng.randrange(20):016x}",
            "test_status": rng.choice([None, None, "pass", "fail"]),
        } for i in range(rng.choice([0, 0, 1, 3, 10]))]
        self.duration = rng.random() * 10
        self.exit_code = rng.choice([0, 0, 1, 2, None])

    def make_local(self):
        self.namespace, self.project, self.hostname = "acme", "rocket", "snape"

    def values(self):
        """Its rows, as they would be in Parquet, without what is NULL."""
        common = {
            "run_id": self.number, "source_name": self.name, "source_type": self.source,
            "started_at": self.time + "+00", "completed_at": self.time + "+00",
            "exit_code": self.exit_code, "hostname": self.hostname, "run_uid": self.uid,
            "namespace": self.namespace, "project": self.project,
        }
        run_row = {
            "duration_sec": self.duration, "outcome": "ok" if self.exit_code == 0 else "fail",
            "error_count": sum(row.get("severity") == "error" for row in self.rows),
        }
        return [{**common, **(row or run_row)} for row in self.rows]

    def folder(self):
        return (f"namespace={escape(self.namespace)}/project={escape(self.project)}/"
                f"hostname={escape(self.hostname)}/{self.leaf()}")

    def leaf(self):
        return f"date=2026-03-{self.day:02}/source={self.source}"

    def file(self):
        return f"{self.number:03}_{re.sub('[^A-Za-z0-9_-]', '_', self.name)}_120000.parquet"


class Store:
    """A project and a store in `root`, and which of their files are good."""

    def __init__(self, rng, root, duckdb):
        self.root = root
        self.local = root / "work/.lq/logs"
        self.store = root / "store"
        self.good = {"local": [], "store": []}
        self.copies = []
        (root / "home").mkdir()
        self.rows = []
        self.script = []
        self.fill(rng)
        rows = root / "rows.json"
        rows.write_text("".join(json.dumps(row) + "\n" for row in self.rows), encoding="utf-8")
        types = ", ".join(f"{name}: {sql_text(type_)}" for name, type_ in TYPES.items())
        self.script.insert(0, f"SET TimeZone = 'UTC'; CREATE TABLE t AS FROM read_json("
                              f"{sql_text(str(rows))}, format = 'newline_delimited', "
                              f"columns = {{target: 'BIGINT', {types}}})")
        subprocess.run([duckdb], input=";\n".join(self.script) + ";", text=True, check=True,
                       capture_output=True)
        for source, target in self.copies:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        for place in self.good.values():
            place.sort()
        self.spoil(rng)

    def add(self, place, path, runs, leave_out=(), changed=None, more=""):
        """A file with these runs, without some columns, or with some of other types."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.rows += [{"target": len(self.script), **row} for run in runs for row in run.values()]
        columns = ", ".join(f"CAST({c} AS {(changed or {}).get(c, t)}) AS {c}"
                            for c, t in TYPES.items() if c not in leave_out)
        self.script.append(f"COPY (SELECT {columns}{more} FROM t WHERE target = {len(self.script)}) "
                           f"TO {sql_text(str(path))} (FORMAT parquet)")
        self.good[place].append(path)

    def copy(self, place, source, target):
        self.copies.append((source, target))
        self.good[place].append(target)

    def fill(self, rng):
        for number in range(1, rng.randrange(15, 40)):
            run = Run(rng, number)
            if rng.random() < 0.4:
                run.make_local()
                path = self.local / run.leaf() / run.file()
                self.add("local", path, [run])
                if rng.random() < 0.6:     # synced
                    self.copy("store", path, self.store / run.folder() / run.file())
                if rng.random() < 0.1:     # a copy by hand
                    self.copy("local", path, path.with_name("copy_" + path.name))
                continue
            path = self.store / run.folder() / run.file()
            kind = rng.random()
            if kind < 0.6:
                self.add("store", path, [run])
            elif kind < 0.75:              # of an older lq
                self.add("store", path, [run], leave_out={"test_status", "duration_sec", "ci", "outcome",
                                                          "lq_version"})
            elif kind < 0.85:              # of somebody else, with other types
                self.add("store", path, [run], changed={"run_id": "VARCHAR", "exit_code": "VARCHAR",
                                                        "line_number": "INTEGER"})
            elif kind < 0.92:              # of a tool without run_uid
                self.add("store", path, [run], leave_out={"run_uid", "origin"})
            else:                          # several runs in a file, and columns nobody knows
                other = Run(rng, number + 1000)
                other.namespace, other.project = run.namespace, run.project
                other.hostname, other.day, other.source = run.hostname, run.day, run.source
                other.time = run.time
                self.add("store", path, [run, other], more=", 42 AS answer")
            if rng.random() < 0.15:        # two names in the store
                self.copy("store", path, path.with_name(path.stem + "-89abcdef.parquet"))

    def spoil(self, rng):
        """Files that are no run files."""
        places = [p.parent for p in self.good["local"] + self.good["store"]]
        for i in range(rng.randrange(4)):
            path = rng.choice(places) / f"9{i}_bad_120000.parquet"
            good = rng.choice(self.good["local"] + self.good["store"]).read_bytes()
            path.write_bytes(rng.choice([b"", b"PAR1", b"nonsense" * 9, good[:len(good) // 2],
                                         good[:4] + bytes(len(good) - 12) + good[-8:]]))
        (rng.choice(places) / "._hidden.parquet").write_bytes(b"PAR1")


    def age(self):
        """As if nothing had happened for an hour: only then do the folders' times tell."""
        hour_ago = time.time() - 3600
        for root in (self.local, self.store):
            for folder, _, _ in os.walk(root):
                os.utime(folder, (hour_ago, hour_ago))

    def change(self, rng):
        """Remove, rename, copy and replace some files; spoil more."""
        for place in self.good:
            for path in rng.sample(self.good[place], len(self.good[place]) // 4):
                kind = rng.choice(["remove", "rename", "move", "copy", "replace", "empty the folder"])
                if path not in self.good[place]:    # its folder was emptied
                    continue
                self.good[place].remove(path)
                if kind == "rename":
                    self.good[place].append(path.rename(path.with_name("renamed_" + path.name)))
                elif kind == "move":    # to a folder that there was not
                    (path.parent / "more").mkdir(exist_ok=True)
                    self.good[place].append(path.rename(path.parent / "more" / path.name))
                elif kind == "copy":
                    self.good[place] += [path, path.with_name("again_" + path.name)]
                    shutil.copyfile(path, path.with_name("again_" + path.name))
                elif kind == "replace":
                    other = rng.choice([p for p in self.good[place] if p.parent == path.parent] + [path])
                    shutil.copyfile(other, path.with_name(".new"))
                    path.with_name(".new").rename(path)
                    self.good[place].append(path)
                elif kind == "empty the folder":
                    self.good[place] = [p for p in self.good[place] if p.parent != path.parent]
                    shutil.rmtree(path.parent)
                else:
                    path.unlink()
            self.good[place] = sorted(p for p in self.good[place] if p.exists())
        if self.good["local"] and self.good["store"]:
            self.spoil(rng)


class Question:
    """Some queries in one scope, with filters, for lq and as SQL."""

    def __init__(self, rng, n_queries):
        self.scope = rng.choice(["local", "-g", "-d", "--include-synced"])
        self.filters = {}
        for name, values in (("namespace", [n for n, _ in PROJECTS]), ("hostname", HOSTS),
                             ("project", [p for _, p in PROJECTS]), ("name", NAMES),
                             ("source", ["run", "import", "capture"]),
                             ("since", ["2026-03-05", "2026-03-10T12:00"]),
                             ("until", ["2026-03-15", "2026-03-12T06:30"])):
            if rng.random() < 0.2:
                self.filters[name] = rng.choice(values)
        self.queries = [self.query(rng) for _ in range(n_queries)]

    @staticmethod
    def query(rng):
        view = rng.choice(["lq_runs", "lq_events", "lq_events"])
        plain = [c for c, t in TYPES.items() if "MAP" not in t and
                 (view == "lq_events" or c not in EVENT_COLUMNS)]
        where = rng.choice([
            "true", "exit_code IS NULL", "exit_code > 0", "started_at >= '2026-03-09 00:00:00+00'",
            "source_name = " + sql_text(rng.choice(NAMES)), "duration_sec > 5", "error_count > 1",
            "hostname <> " + sql_text(rng.choice(HOSTS)), "run_id % 3 = 0", "run_uid IS NULL",
        ] + (["severity = 'error'", "severity IS NULL", "message LIKE '%o%'", "line_number < 50",
              "contains(message, " + sql_text(rng.choice(TEXTS)) + ")"] * 2
             if view == "lq_events" else []))
        if rng.random() < 0.4:
            group = rng.choice(plain)
            return (f"SELECT {group} AS g, count(*) AS n, min(started_at) AS first, max(run_id) AS m "
                    f"FROM {view} WHERE {where} GROUP BY ALL")
        columns = ", ".join(rng.sample(plain, rng.randrange(1, 6)) + ["file", "place", "date", "ref"])
        return f"SELECT {columns} FROM {view} WHERE {where}"

    def together(self):
        """All queries as one: the rows of each as a sorted list of JSON."""
        return " UNION ALL ".join(
            f"SELECT {i} AS q, coalesce(list(row ORDER BY row)::VARCHAR, '') AS rows FROM "
            f"(SELECT to_json(t)::VARCHAR AS row FROM ({query}) t)"
            for i, query in enumerate(self.queries)) + " ORDER BY q"

    def options(self, store):
        scope = {"local": [], "-d": ["-d", str(store.store)]}.get(self.scope, [self.scope])
        return scope + [f"--{name}={value}" for name, value in self.filters.items()]

    def files(self, store):
        part = store.store / "namespace=acme/project=rocket"
        return {
            "local": [(p, "local") for p in store.good["local"]],
            "-d": [(p, "store") for p in store.good["store"]],
            "-g": [(p, "local") for p in store.good["local"]] +
                  [(p, "store") for p in store.good["store"]],
            "--include-synced": [(p, "local") for p in store.good["local"]] +
                                [(p, "store") for p in store.good["store"] if part in p.parents],
        }[self.scope]

    def condition(self):
        column = {"source": "source_type", "name": "source_name"}
        conditions = ["true"]
        for name, value in self.filters.items():
            if name in ("since", "until"):
                operator = ">=" if name == "since" else "<"
                moment = value.replace("T", " ") + ":00" if "T" in value else value + " 00:00:00"
                conditions.append(f"started_at {operator} TIMESTAMPTZ '{moment}+00'")
            else:
                conditions.append(f"{column.get(name, name)} = {sql_text(value)}")
        return " AND ".join(conditions)

    def script(self, store):
        """The same in SQL that owes nothing to lq's."""
        chosen = ", ".join(f"({sql_text(str(path))}, {sql_text(place)})"
                           for path, place in self.files(store)) or "(NULL, NULL)"
        origin = ("namespace", "project", "hostname")
        ref = ("run_id::VARCHAR" if self.scope == "local" else
               " || ".join(f"(SELECT escaped FROM names WHERE value = {c}) || '{s}'"
                           for c, s in zip(origin, "/@:")) + " || run_id")
        names = ", ".join(f"({sql_text(v)}, {sql_text(escape(v))})" for v in
                          sorted({n for pair in PROJECTS for n in pair} | set(HOSTS)))
        return f"""
CREATE OR REPLACE TEMP TABLE names AS FROM (VALUES {names}) AS n(value, escaped);
CREATE OR REPLACE TEMP TABLE every_row AS SELECT e.* FROM everything e
    JOIN (VALUES {chosen}) AS c(file, place) ON c.file = e.file AND c.place = e.place;
CREATE OR REPLACE TEMP TABLE runs AS SELECT * FROM every_row
    WHERE event_id IS NULL AND (run_uid IS NOT NULL OR run_id IS NOT NULL) AND {self.condition()}
    QUALIFY row_number() OVER (PARTITION BY coalesce(run_uid, file) ORDER BY place, file) = 1;
CREATE OR REPLACE TEMP VIEW lq_runs AS SELECT {ref} AS ref, {', '.join(RUN_COLUMNS)},
    started_at::DATE AS date, source_type AS source, place, file FROM runs;
CREATE OR REPLACE TEMP VIEW lq_events AS SELECT r.ref || ':' || e.event_id AS ref,
    {', '.join(('e.' if c in EVENT_COLUMNS else 'r.') + c for c in TYPES)},
    r.date, r.source, r.place, r.file FROM every_row e JOIN lq_runs r
    ON r.file = e.file AND r.run_uid IS NOT DISTINCT FROM e.run_uid WHERE e.event_id IS NOT NULL;
{self.together()};
"""


class Asker:
    """Asks lq about a store."""

    def __init__(self, lq, store):
        self.lq = lq
        self.cwd = store.root / "work"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(store.root / "home"), "TZ": "XST-5:45",
                    "LQ_STORE": str(store.store), "LQ_HOSTNAME": "snape", "LC_ALL": "C.UTF-8"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def run(self, *args):
        done = subprocess.run([self.lq, *args], cwd=self.cwd, env=self.env, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"{args}: {done.stderr}")
        return done.stdout

    def ask(self, question, store):
        return [(row["q"], row["rows"]) for row in
                json.loads(self.run("sql", question.together(), "--json", *question.options(store)))]


def load(store):
    """All rows of all files. Each is read for itself, so that one with other types changes no other's."""
    casts = ", ".join(f"TRY_CAST({c} AS {t}) AS {c}" for c, t in TYPES.items())
    nulls = ", ".join(f"NULL::{t} AS {c}" for c, t in TYPES.items())
    empty = f"SELECT {nulls}, NULL::VARCHAR AS file, NULL::VARCHAR AS place WHERE false"
    reads = [f"INSERT INTO everything SELECT {casts}, file, place FROM ({empty} UNION ALL BY NAME "
             f"SELECT *, '{place}' AS place FROM read_parquet({sql_text(str(path))}, "
             f"hive_partitioning = false, filename = 'file'));\n"
             for place in store.good for path in store.good[place]]
    return f"CREATE TEMP TABLE everything AS {empty};\n" + "".join(reads)


def stock(duckdb, store, questions):
    """What the stock tool says to all of them."""
    script = load(store) + "".join(q.script(store) + f"SELECT '{'=' * 9}' AS q, '' AS rows;\n" for q in questions)
    # One JSON array a statement.
    done = subprocess.run([duckdb, "-json"], input="SET TimeZone = 'UTC';\n" + script, text=True,
                          capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr[:2000])
    answers, current, decoder, at = [], [], json.JSONDecoder(), 0
    while at < len(done.stdout):
        value, at = decoder.raw_decode(done.stdout, at)
        at += len(done.stdout[at:]) - len(done.stdout[at:].lstrip())
        if value and value[0]["q"] == "=" * 9:
            answers.append(current)
            current = []
        else:
            current += [(row["q"], row["rows"]) for row in value]
    return answers


def differ(question, expected, got):
    """How one question's answers differ; empty: they do not."""
    if len(got) != len(expected) or not got:
        return f"{len(got)} answers, not {len(expected)}"
    for (i, want), (_, answer) in zip(expected, got):
        if want != answer:
            return f"{question.queries[i]}\nwant {want[:1500]}\ngot  {answer[:1500]}"
    return ""


def compare(seed, lq, duckdb, n_queries):
    """Differences of one seed's answers, as text; empty when there are none."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="lq-differential-") as folder:
        store = Store(rng, pathlib.Path(folder), duckdb)
        asker = Asker(lq, store)
        asker.run("init", "--namespace", "acme", "--project", "rocket")
        questions = [Question(rng, -(-n_queries // 2)) for _ in range(2)]
        want = stock(duckdb, store, questions)
        without = [asker.ask(q, store) for q in questions]
        store.age()
        asker.run("index", "-g")
        with_index = [asker.ask(q, store) for q in questions]
        store.change(rng)
        changed = stock(duckdb, store, questions)
        after = [asker.ask(q, store) for q in questions]
        for name, wanted, answers in (("without an index", want, without),
                                      ("with an index", want, with_index),
                                      ("after a change", changed, after)):
            for question, expected, got in zip(questions, wanted, answers):
                difference = differ(question, expected, got)
                if difference:
                    return f"{name}: {' '.join(question.options(store))}\n{difference}"
    return ""


def main():
    first, count = int(sys.argv[1]), int(sys.argv[2])
    n_queries = int(sys.argv[3]) if len(sys.argv) > 3 else 40
    build = pathlib.Path(os.environ.get("LQ_BUILD_ROOT", pathlib.Path(__file__).parents[2] / "build"))
    lq, duckdb = str(build / "lq"), shutil.which("duckdb")
    if not duckdb:
        print("1..0 # SKIP no duckdb")
        return
    read_columns(lq)
    print(f"1..{count}")
    failed = False
    for number, seed in enumerate(range(first, first + count), 1):
        difference = compare(seed, lq, duckdb, n_queries)
        for line in difference.splitlines():
            print("#", line)
        print(f"{'not ok' if difference else 'ok'} {number} - store {seed}", flush=True)
        failed |= bool(difference)
    sys.exit(failed)


if __name__ == "__main__":
    main()
