#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The first pass stays quick: each head, which vectorscan searches in every block, has text that it must contain.

One head without can make the search for all of them three times slower, where a log has many lines on which it
nearly matches. Nothing is timed here; the rules are about the expressions:

- A head that may begin anywhere contains a fixed text of at least MIN_TEXT bytes.
- What stands before "anything up to the line's end" contains one of at least MIN_START bytes, or one at all where the
  head begins at a line's start: from each place where it matches, vectorscan goes on to the end of the line.

    t_heads.py GEN-FORMATS FORMAT.json...
"""
import subprocess
import sys

try:
    from re import _constants as constants, _parser as parser
except ImportError:  # Python 3.10
    import sre_constants as constants
    import sre_parse as parser

MIN_TEXT = 2
MIN_START = 3

# Heads that may do without, and why. Each was measured: without it the first pass over a mixed log takes at most 3 %
# fewer instructions.
ALLOWED = {
    r"[A-Za-z0-9_-]\)$": "of any two bytes before a line's end this is the rarest pair",
    r"\.[fF](?:\d\d|or|pp|tn)?:\d+:\d+:$": "nothing but digits and colons up to the line's end",
    r"\.(?:[cm]?[jt]sx?|vue|svelte)$": "a handful of endings, at a line's end",
    r"\.(?:css|scss|sass|less|sss|pcss|styl|vue|svelte|astro|html?|[jt]sx?)$": "a handful of endings, at a line's end",
    r"\.[cm]?[jt]sx?:\d+$": "a handful of endings, at a line's end",
    r"\.l?hs(?:c|-boot)?:[^\n\n]*: (?:error|warning):": "begins with the name of a Haskell file only",
    r"^[^\n\n ]*\.t \.\.+ ?(?:ok|skipped|Failed|Dubious)": "goes no further than the first word",
    r"^[^\n\n ]*lua[A-Za-z0-9.-]*: [^\n\n]*:\d+: ": "goes no further than the first word",
}


def is_anything(items):
    """Whether a repeated thing is a class of all but a few bytes."""
    op, arg = items[0]
    return len(items) == 1 and (
        op in (constants.ANY, constants.NOT_LITERAL)
        or (op is constants.IN and arg[0][0] is constants.NEGATE)
    )


def fixed(items):
    """How many bytes the shortest text has that `items` match, when they are texts and choices among texts; else None."""
    total = 0
    for op, arg in items:
        if op is constants.LITERAL:
            total += 1
            continue
        choices = arg[1] if op is constants.BRANCH else [arg[3]] if op is constants.SUBPATTERN else []
        lengths = [fixed(choice) for choice in choices]
        if not lengths or None in lengths:
            return None
        total += min(lengths)
    return total


def pieces(items):
    """The longest text that must be in each piece between repetitions of anything."""
    found = [0]
    run = 0
    for op, arg in items:
        length = fixed([(op, arg)])
        if length is not None:
            run += length
            found[-1] = max(found[-1], run)
            continue
        if op is constants.AT:
            continue
        run = 0
        if op is constants.SUBPATTERN:
            found[-1] = max(found[-1], *pieces(arg[3]))
        elif op is constants.BRANCH:
            found[-1] = max(found[-1], min(max(pieces(choice)) for choice in arg[1]))
        elif op in (constants.MAX_REPEAT, constants.MIN_REPEAT):
            least, most, repeated = arg
            if least:
                run = fixed(repeated) or 0
                found[-1] = max(found[-1], run)
            if most is constants.MAXREPEAT and is_anything(repeated):
                found.append(0)
                run = 0
    return found


def faults(items):
    """What is wrong with a head, as text; empty: nothing."""
    if len(items) == 1 and items[0][0] is constants.BRANCH:
        return next((fault for fault in map(faults, items[0][1][1]) if fault), "")
    anchored = bool(items) and tuple(items[0]) == (constants.AT, constants.AT_BEGINNING)
    texts = pieces(items)
    if not anchored and max(texts) < MIN_TEXT:
        return f"has no text of {MIN_TEXT} bytes that must be there"
    if len(texts) > 1 and texts[0] < (1 if anchored else MIN_START):
        return "begins with too little, and then takes anything"
    return ""


def faults_of(head):
    return faults(list(parser.parse(head)))


def report(number, name, problems):
    for problem in problems:
        print(f"# {problem}")
    print(f"{'not ok' if problems else 'ok'} {number} - {name}")


print("1..3")
traps = [r"\] [^\n]* \(\d+ ms\)$", r"[a-z]+:\d+:", r"^[^\n]*: \d+", r"error: |[0-9]+ [a-z]"]
report(1, "what is too slow is found", [f"'{head}' passes" for head in traps if not faults_of(head)])

listed = subprocess.run([sys.argv[1], "--heads", *sys.argv[2:]], check=True, stdout=subprocess.PIPE, text=True)
heads = [line.split("\t", 1) for line in listed.stdout.splitlines()]
report(2, "each head has text that must be there",
       [f"{owner}: '{head}' {faults_of(head)}" for owner, head in heads if head not in ALLOWED and faults_of(head)]
       or ([] if len(heads) > 200 else ["there are hardly any heads"]))
known = {head for _, head in heads}
report(3, "each exception is needed",
       [f"'{head}'" for head in ALLOWED if head not in known or not faults_of(head)])
