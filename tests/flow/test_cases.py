# SPDX-License-Identifier: Apache-2.0
"""tests/cases/*.conf through the program: what -t says of each, and that -tt reads back."""

import subprocess

import pytest
from daemon import BUILD, ROOT

CASES = ROOT / "tests" / "cases"
NAMES = sorted(path.stem for path in CASES.glob("*.conf"))
SAMPLES = sorted((ROOT / "pools.d").glob("*.conf"))


def run(*arguments, cwd=CASES):
    return subprocess.run([BUILD / "ganger", *arguments], cwd=cwd, text=True, timeout=20,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("name", NAMES)
def test_case(name):
    want = (CASES / f"{name}.want").read_text()
    complaints, fine, dump = want.partition("----\n")
    result = run("-t", "-c", f"{name}.conf")
    for line in complaints.splitlines():
        text = line.removeprefix("warning: ")
        assert text in result.stderr + result.stdout, result
    if not fine:
        assert result.returncode == 1, result
        return
    result = run("-tt", "-c", f"{name}.conf")
    assert dump in result.stdout, result


def test_seven_mistakes_in_one_run():
    result = run("-t", "-c", "seven.conf")
    assert result.returncode == 1
    said = result.stderr + result.stdout
    lines = {int(line.split("seven.conf:")[1].split(":")[0])
             for line in said.splitlines() if "seven.conf:" in line}
    assert {3, 4, 5, 10, 11, 12, 15, 20, 21, 24, 30} <= lines, said


@pytest.mark.parametrize("sample", [path.name for path in SAMPLES])
def test_sample_reads_back(sample, tmp_path):
    first = run("-tt", "-c", ROOT / "pools.d" / sample)
    assert "pool " in first.stdout, first
    again = tmp_path / "again.conf"
    again.write_text(first.stdout)
    second = run("-tt", "-c", again)
    assert second.stdout == first.stdout
