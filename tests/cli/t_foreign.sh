#!/usr/bin/env bash
# Names that nobody would choose, and a store that an enemy has prepared.
# shellcheck disable=SC2031 # lib.sh gives each test its HOME
. "$(dirname -- "$0")/lib.sh"

IDENTITY=namespace=acme/project=rocket/hostname=testhost

test_hostile_names() {
    lq init --namespace acme --project rocket >/dev/null 2>&1
    run python3 - "$HOME/store" <<'END'
import csv, io, json, os, subprocess, sys

NAMES = ["plain", "Plain", "PLAIN", "größe 日本 😀", "a/b", "..", ".", "../../x", "100%", "a+b&c=d?e#f", "*", "[a-z]",
         "back\\slash", "~", "~2E", "it's \"so\"", "null", "NULL", "0123", "line\nbreak", "tab\tand\x1b[31m",
         "x" * 300, "x" * 299 + "y", "__HIVE_DEFAULT_PARTITION__", " ", "-n", ":5@h:3"]
store = sys.argv[1]


def lq(*words, **env):
    done = subprocess.run(["lq", *words], env={**os.environ, **env}, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"lq {words}: {done.returncode} {done.stderr.decode()}")
    return done.stdout.decode()


# A project's names hold no control characters and at most 255 bytes: tests of the configuration show that
# it refuses others.
project = {name: name if name.isprintable() and len(name) < 256 else "plain" for name in NAMES}
for name in NAMES:
    with open(".lq/config.yaml", "w") as config:
        json.dump({"project": {"namespace": project[name], "project": project[name]}}, config)
    # A host is named by its environment; a run by an option.
    lq("run", "-q", "-n", name, "true", LQ_HOSTNAME=name)
lq("sync", store)
rows = list(csv.DictReader(io.StringIO(lq(
    "sql", "-d", store, "--csv",
    "SELECT namespace, project, hostname, source_name, ref, run_uid FROM lq_runs"), newline="")))
found = sorted((row["namespace"], row["project"], row["hostname"], row["source_name"]) for row in rows)
wanted = sorted((project[name], project[name], name, name) for name in NAMES)
if found != wanted:
    sys.exit(f"stored: {[item for item in found if item not in wanted]}, "
             f"not {[item for item in wanted if item not in found]}")
by_name = {row["hostname"]: row for row in rows}
for folder, folders, _ in os.walk(store):
    for name in folders:
        if not name.isascii() or not name.isprintable() or set(name) - set(map(chr, range(33, 127))) \
                or len(name) > 255:
            sys.exit(f"folder {name!r}")
# What is printed as a reference finds the run, and so does each filter.
for name in NAMES:
    row = by_name[name]
    for words in (["info", row["ref"]], ["history", f"--namespace={name}"], ["history", f"--project={name}"],
                  ["history", f"--hostname={name}"], ["history", f"--name={name}"]):
        if words[0] == "history" and NAMES.index(name) % 4 != len(words[1]) % 4:
            continue  # each filter on a quarter of the names
        if name != project[name] and words[0] == "history" and "host" not in words[1]:
            continue
        answer = json.loads(lq(words[0], "-d", store, "--json", *words[1:-1],
                               *(["--"] if words[0] == "info" else []), words[-1]))
        answer = answer if isinstance(answer, list) else [answer]
        uids = [item.get("run_uid") for item in answer]
        if uids != [row["run_uid"]]:
            sys.exit(f"{words}: {answer}")
END
    expect_rc 0
    expect_stdout </dev/null
}

# A store with two good runs and whatever may lie beside them.
enemy_store() {
    local good there=$HOME/store/$IDENTITY/date=2026-01-01/source=run
    new_project
    lq run -q -n good true 2>/dev/null
    lq run -q -n good sh -c 'echo "a.c:1:2: error: no"; exit 1' 2>/dev/null || true
    lq sync "$HOME/store" 2>/dev/null
    mkdir -p "$HOME/outside" "$there"
    good=$(echo "$HOME/store/$IDENTITY"/date=*/source=run/001_*.parquet)
    (cd "$HOME" && lq init --namespace evil --project evil >/dev/null 2>&1 &&
        LQ_HOSTNAME=evil lq run -q -n evil true 2>/dev/null && lq sync "$HOME/outside" 2>/dev/null)
    rm -rf "$HOME/.lq"
    mkfifo "$there/001_pipe_000000.parquet"
    : >"$there/002_empty_000000.parquet"
    head -c 2000 "$good" >"$there/003_short_000000.parquet"
    head -c 5000 /dev/urandom >"$there/004_garbage_000000.parquet"
    duckdb -c "COPY (SELECT 42 AS answer, 'x' AS severity) TO '$there/005_schema_000000.parquet'" >/dev/null
    # A footer that claims four gigabytes, and one that claims to begin before the file.
    { head -c -8 "$good"; printf '\376\377\377\377PAR1'; } >"$there/006_footer_000000.parquet"
    { head -c -8 "$good"; printf '\377\377\377\177PAR1'; } >"$there/007_footer_000000.parquet"
    mkdir "$there/008_folder_000000.parquet"
    ln -s /etc/passwd "$there/009_passwd_000000.parquet"
    ln -s "$(find "$HOME/outside" -name '*.parquet')" "$there/010_link_000000.parquet"
    ln -s /dev/zero "$there/011_zero_000000.parquet"
    ln -s "$there" "$there/round"
    ln -s .. "$HOME/store/$IDENTITY/date=2026-01-02"
    ln -s "$HOME/outside/namespace=evil" "$HOME/store/namespace=evil"
    ln -s "$HOME/outside/namespace=evil/project=evil/hostname=testhost" \
        "$HOME/store/namespace=acme/project=rocket/hostname=linked"
    mkdir -p "$HOME/store/namespace=acme/project=rocket/hostname=..~2F..~2Fx/date=x/source=.." \
        "$HOME/store/namespace=acme/project=rocket/hostname=%2e%2e%2fx"
    echo file >"$HOME/store/namespace=file"
    mkdir "$HOME/store/namespace=closed"
    chmod a-rwx "$HOME/store/namespace=closed"
}

# Everything outside of the store, with contents.
outside() { find "$HOME/outside" /etc/passwd -printf '%p %l %T@ %s\n' | sort; }

test_asking_an_enemy_store() {
    need duckdb
    enemy_store
    outside >before
    for _ in first again; do
        run as_anyone timeout 60 lq sql -d "$HOME/store" --csv \
            'SELECT source_name, count(*) AS runs, sum(error_count)::BIGINT AS errors
             FROM lq_runs WHERE run_uid IS NOT NULL GROUP BY 1 ORDER BY 1'
        expect_rc 0
        expect_stdout <<'END'
source_name,runs,errors
good,2,1
END
        # One line for each bad file, and nothing of what links lead to.
        for name in 002_empty 003_short 004_garbage 006_footer 007_footer; do
            expect test "$(grep -c "$name" "$state/err")" == 1
        done
        expect_not_in_stderr root:
        expect_not_in_stdout evil
    done
    run as_anyone timeout 60 lq errors -d "$HOME/store" --csv
    expect_rc 0
    expect test "$(grep -c 'a.c' "$state/out")" == 1
    outside >after
    expect cmp before after
}

test_syncing_into_an_enemy_store() {
    need duckdb
    enemy_store
    outside >before
    lq run -q -n third true 2>/dev/null
    for words in '' --force --verify '--verify --deep'; do
        # shellcheck disable=SC2086
        run as_anyone timeout 60 lq sync "$HOME/store" $words
        expect_rc 0
    done
    expect test "$(find "$HOME/store/$IDENTITY" -name '*_third_*' | wc -l)" == 1

    # Each folder on the way may be somebody's link.
    lq run -q -n fourth true 2>/dev/null
    for folder in "$HOME/store/$IDENTITY"/date=*/source=run "$HOME/store/$IDENTITY" \
        "$HOME/store/namespace=acme"; do
        [[ $folder == */date=2026-01-0* ]] && continue
        mv "$folder" "$HOME/kept"
        ln -s "$HOME/outside" "$folder"
        run as_anyone timeout 60 lq sync "$HOME/store"
        expect_rc 1
        expect_in_stderr 'symbolic link'
        rm "$folder"
        mv "$HOME/kept" "$folder"
    done
    outside >after
    expect cmp before after
    run lq sync "$HOME/store"
    expect_rc 0
    expect test "$(find "$HOME/store/$IDENTITY" -name '*_fourth_*' | wc -l)" == 1
}

run_tests "$@"
