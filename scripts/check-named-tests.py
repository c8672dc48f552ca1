#!/usr/bin/env python3
"""Checks that each test that a document names exists.

    git ls-files '*.rs' | scripts/check-named-tests.py SECURITY.md

The tests of a table's row are in its last column: functions in backquotes, or stories as
`tests/cases/NAME`. A row without a test fails too.
"""
import pathlib
import re
import sys


def rows(text):
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and not set(line) <= set("|-: ") and cells[-1] != "test":
            yield number, cells[-1]


def main():
    document = pathlib.Path(sys.argv[1])
    sources = (pathlib.Path(name) for name in sys.stdin.read().splitlines())
    functions = set()
    for source in sources:
        functions.update(re.findall(r"\bfn (\w+)\(", source.read_text(encoding="utf-8")))
    problems, count = [], 0
    for number, cell in rows(document.read_text(encoding="utf-8")):
        names = re.findall(r"`([^`]+)`", cell)
        count += len(names)
        if not names:
            problems.append(f"{document}:{number}: no test is named")
        for name in names:
            is_there = pathlib.Path(name).is_dir() if name.startswith("tests/cases/") else name in functions
            if not is_there:
                problems.append(f"{document}:{number}: there is no test `{name}`")
    if problems or not count:
        sys.exit("\n".join(problems) or f"{document}: names no test at all")
    print(f"{document}: {count} tests are named, and each is there")


main()
