#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Say what `meson test` found: failed tests with their output, then the count of all TAP tests.

usage: test-summary.py BUILD_FOLDER EXIT_STATUS_OF_MESON
"""
import json
import os
import re
import sys

TAP_LINE = re.compile(r"(not )?ok\b[ \d]*(?:- )?(.*)")


def outcomes(test):
    """(name, 'passed' | 'failed' | 'skipped', comment lines before it) for each test of a program."""
    comments = []
    found = []
    for line in test.get("stdout", "").splitlines():
        match = TAP_LINE.match(line)
        if not match:
            comments.append(line)
            continue
        name, _, directive = match[2].partition(" # ")
        if directive.upper().startswith("SKIP"):
            comments = [directive]
            outcome = "skipped"
        else:
            outcome = "failed" if match[1] else "passed"
        found.append((f"{test['name']}: {name}", outcome, comments))
        comments = []
    seen = {outcome for _, outcome, _ in found}
    stderr = test.get("stderr", "").splitlines()
    # A program may also pass, skip or die without a line that says so.
    if test["result"] == "SKIP" and "skipped" not in seen:
        found.append((test["name"], "skipped", comments))
    elif test["result"] == "OK" and not found:
        found.append((test["name"], "passed", []))
    elif test["result"] not in ("OK", "SKIP", "EXPECTEDFAIL") and "failed" not in seen:
        how = f"{test['result'].lower()}, exit status {test.get('returncode')}"
        found.append((test["name"], "failed", comments + [how] + stderr[-40:]))
    elif "failed" in seen and stderr:
        found[-1][2].extend(stderr[-40:])
    return found


def main():
    build, status = sys.argv[1], int(sys.argv[2])
    count = {"passed": 0, "failed": 0, "skipped": 0}
    try:
        with open(f"{build}/meson-logs/testlog.json", encoding="utf-8") as log:
            tests = [json.loads(line) for line in log]
    except FileNotFoundError:
        tests = []
    for test in tests:
        for name, outcome, comments in outcomes(test):
            count[outcome] += 1
            if outcome == "failed":
                print(f"FAILED {name}", *comments, sep="\n    ")
            elif outcome == "skipped":
                print(f"skipped {name}:", *comments)
    if not any(count.values()) or (status and not count["failed"]):
        with open(f"{build}/test.log", encoding="utf-8", errors="replace") as log:
            print(log.read())
        print(f"meson test ended with {status}")
        count["failed"] += 1
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**count))
    return bool(count["failed"] or (count["skipped"] and os.environ.get("CI") == "true"))


sys.exit(main())
