#!/usr/bin/env python3
"""Checks that each relative link of the Markdown files named on stdin (NUL-separated) leads to a file,
and each `#fragment` to a heading. Fixtures of tests are left alone: they are data."""

import re
import sys
from pathlib import Path

LINK = re.compile(r"\]\(([^()\s]+)\)")
CODE = re.compile(r"^(`{3,}|~{3,}).*?^\1`*\s*$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*\s*$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The fragments that GitHub gives to the headings of a page."""
    found: dict[str, int] = {}
    for heading in HEADING.findall(CODE.sub(fence_to_nothing, page.read_text("utf-8"))):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-")
        found[slug] = found.get(slug, 0) + 1
    return {slug if n == 0 else f"{slug}-{n}" for slug, times in found.items() for n in range(times)}


def fence_to_nothing(code: re.Match[str]) -> str:
    """Drops a fenced block, in which `#` is no heading, and keeps a piece of code within a line."""
    return "" if code.group(1) else code.group(0)


def broken(page: Path) -> list[str]:
    wrong = []
    for target in LINK.findall(CODE.sub("", page.read_text("utf-8"))):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        path, _, fragment = target.partition("#")
        there = page.parent / path if path else page
        if not there.exists():
            wrong.append(f"{page}: no such file: {target}")
        elif fragment and there.suffix == ".md" and fragment not in anchors(there):
            wrong.append(f"{page}: no such heading: {target}")
    return wrong


pages = [Path(name) for name in sys.stdin.read().split("\0") if name]
faults = [fault for page in pages if page.parts[:2] != ("tests", "cases") for fault in broken(page)]
sys.exit("\n".join(faults) or 0)
