# SPDX-License-Identifier: Apache-2.0
"""ganger.conf(5) documents every option that exists, as the schema has it, and no other."""

import re
import subprocess
from pathlib import Path

import pytest
from daemon import BUILD, ROOT

PAGE = ROOT / "man" / "ganger.conf.5"


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    """{(scope, name): (type, default, change)} of the options that are supported."""
    program = tmp_path_factory.mktemp("schema") / "schema-list"
    sources = sorted(Path(ROOT, "src").glob("conf/*.c")) + sorted(Path(ROOT, "src").glob("base/*.c"))
    subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE=", "-I", ROOT / "src", "-o", program,
                    ROOT / "tests" / "tools" / "schema-list.c", *sources, "-lconfuse"], check=True)
    rows = [line.split("\t") for line in
            subprocess.check_output([program], text=True).splitlines()]
    assert len(rows) > 80 and all(len(row) == 6 for row in rows)
    assert {row[5] for row in rows} == {"yes", "later", "never"}
    return {(r[0], r[1]): (r[2], r[3], r[4]) for r in rows if r[5] == "yes"}


@pytest.fixture(scope="module")
def page():
    """[(scope, name, words of the entry's first sentences)] in the page's order."""
    out, scope = [], None
    for line in PAGE.read_text().splitlines():
        if line.startswith(".Sh "):
            scope = {"GLOBAL OPTIONS": "global", "POOLS": "pool"}.get(line[4:])
        match = re.fullmatch(r"\.It Ic (\S+)", line)
        if match and scope:
            out.append((scope, match[1], []))
        elif out and scope:
            out[-1][2].append(line)
    return out


def test_options_are_those_of_the_schema(schema, page):
    assert [(scope, name) for scope, name, _ in page] == list(schema)


def test_type_default_and_change(schema, page):
    for scope, name, lines in page:
        kind, default, change = schema[scope, name]
        text = "\n".join(lines)
        head = text[:text.find(" .\n") + 2]
        assert lines[0].startswith(f".Em {kind} ,"), name
        assert f".Em {change} " in head, f"{name}: change is {change}"
        if default == "-":
            assert any(words in head for words in ("not set", "empty", "must be given", ".Pa ")), name
        else:
            assert f"default\n.Cm {default} ;" in head, f"{name}: default is {default}"


def test_nothing_is_told_twice():
    """A merge can leave a section standing twice."""
    for path in sorted((ROOT / "man").glob("*.[1-8]")):
        lines = path.read_text().splitlines()
        heads = [line for line in lines if line.startswith((".Sh ", ".Ss "))]
        assert len(set(heads)) == len(heads), path
        pieces = ["\n".join(lines[i:i + 12]) for i in range(len(lines) - 11)]
        assert len(set(pieces)) == len(pieces), path


def test_examples_load(folder_of_examples):
    for example in folder_of_examples:
        run = subprocess.run([BUILD / "ganger", "-t", "-c", example], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
        assert run.returncode == 0, f"{example.read_text()}\n{run.stdout}"


@pytest.fixture
def folder_of_examples(tmp_path):
    """Each example of the page, with users and folders that this machine has."""
    files = []
    scripts = tmp_path / "cgi-bin"
    scripts.mkdir()
    for i, text in enumerate(re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", PAGE.read_text(),
                                        re.M | re.S)):
        text = re.sub(r'user = "[^"]*"', 'user = "nobody"', text)
        text = re.sub(r'listen\.group = "[^"]*"', 'listen.group = "nogroup"', text)
        text = text.replace("/run/ganger", str(tmp_path)).replace("/srv/cgi-bin", str(scripts))
        text = text.replace("/usr/lib/git-core/git-http-backend", "/bin/true")
        file = tmp_path / f"example{i}.conf"
        file.write_text(f'runtime_directory = "{tmp_path}"\n' + text)
        files.append(file)
    assert len(files) >= 4
    return files


def test_the_page_is_clean():
    run = subprocess.run(["mandoc", "-Tlint", "-W", "style", PAGE], text=True,
                         stdout=subprocess.PIPE, timeout=20)
    rest = [line for line in run.stdout.splitlines() if "referenced manual not found" not in line]
    assert rest == []


def test_names_that_never_come_from_the_wire_are_listed():
    source = (ROOT / "src" / "wire" / "environ_denied.c").read_text()
    table = source[source.index("denied[] = {"):]
    names = re.findall(r'"([^"]+)"', table[:table.index("};")])
    listed = re.findall(r"^\.Ev (.*)$", PAGE.read_text(), re.M)
    words = {word for line in listed for word in line.split()}
    assert len(names) > 80 and set(names) <= words, set(names) - words


def test_functions_that_the_preloaded_library_wraps_are_listed():
    rows = re.findall(r"^wrap (.*)$", (ROOT / "src" / "ROOMS").read_text(), re.M)
    page = re.search(r"in front of these functions.*?\n\.Bd .*?\n(.*?)^\.Ed", PAGE.read_text(), re.M | re.S)
    assert len(rows) > 4 and page[1].split() == " ".join(rows).split()
