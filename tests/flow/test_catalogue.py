# SPDX-License-Identifier: Apache-2.0
"""Every catalogued fault and bad input is a test that carries its row number, or tests/CATALOGUE.md says
why it cannot be one."""

import functools
import re

import pytest

from daemon import ROOT


def numbers(letter, *ranges):
    return [f"{letter}{n:02d}" for r in ranges for n in (r if isinstance(r, range) else [r])]


WANTED = numbers("C", range(1, 12), range(26, 33), range(33, 45), range(46, 52), range(53, 56), 58, 60, range(62, 65), range(66, 71),
                 range(75, 78), range(80, 86), 87, 88, range(89, 100)) + \
    numbers("D", range(1, 102)) + numbers("G", range(1, 64))


@functools.cache
def named_rows():
    """Row numbers in the names of tests: Python functions and cases, and table rows of unit tests."""
    rows = set()
    for path in [*ROOT.glob("tests/flow/test_*.py"), *ROOT.glob("tests/unit/*.c")]:
        if path.name == "test_catalogue.py":
            continue
        for line in path.read_text().splitlines():
            if "def test_" in line or '"' in line:
                rows.update(re.findall(r"(?<![A-Za-z0-9])([CDG]\d{2,3})(?!\d)", line.replace("_", " ")))
    return rows


@functools.cache
def explained_rows():
    text = (ROOT / "tests/CATALOGUE.md").read_text()
    return set(re.findall(r"^\| ([CDG]\d{2,3}) \|", text, re.M))


@pytest.mark.parametrize("row", WANTED)
def test_row_is_tested_or_explained(row):
    assert row in named_rows() or row in explained_rows(), \
        f"{row} has neither a test with its number nor a line in tests/CATALOGUE.md"
