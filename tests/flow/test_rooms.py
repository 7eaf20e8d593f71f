# SPDX-License-Identifier: Apache-2.0
"""scripts/check-rooms passes on the tree, and fails on a copy that is broken in each way."""

import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GANGER_BUILD", ROOT / "build")).resolve()
PROGRAMS = ("ganger", "ganger-worker", "gangerctl")


class Tree:
    """A copy of the sources, with the objects and programs of the finished build."""
    before = None  # what is wrong with every copy

    def __init__(self, folder):
        self.source = folder / "src"
        self.build = folder / "build"
        shutil.copytree(ROOT / "src", self.source)
        for old in (BUILD / "obj" / "src").rglob("*.o"):
            new = self.build / "obj" / "src" / old.relative_to(BUILD / "obj" / "src")
            # Objects of sources that are gone lie about in a folder that was built in before.
            if (self.source / new.relative_to(self.build / "obj" / "src")).with_suffix(".c").is_file():
                new.parent.mkdir(parents=True, exist_ok=True)
                new.symlink_to(old)
        for program in (*PROGRAMS, "libganger-shim.so"):
            (self.build / program).symlink_to(BUILD / program)
        # What is wrong with the tree anyway is one test's business, not everyone's.
        if Tree.before is None:
            Tree.before = {self.nameless(line) for line in self.check()[1][:-1]}

    def nameless(self, line):
        """A complaint without the folder of this copy."""
        return line.replace(str(self.source.parent), "")

    def add(self, name, text):
        """Write a file and, when it is C, compile it."""
        path = self.source / name
        path.write_text(text)
        if path.suffix == ".c":
            path = self.build / "obj" / "src" / pathlib.Path(name).with_suffix(".o")
            path.unlink(missing_ok=True)
            subprocess.run(
                ["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-I", self.source, "-c", "-o", path,
                 self.source / name],
                check=True,
            )

    def append(self, name, text):
        path = self.source / name
        path.write_text(path.read_text() + text)

    def check(self):
        """(exit status, lines) of check-rooms on this tree."""
        run = subprocess.run(
            [ROOT / "scripts" / "check-rooms", "--source", self.source, "--build", self.build],
            capture_output=True, text=True, check=False,
        )
        assert run.stderr == ""
        return run.returncode, run.stdout.splitlines()

    def faults(self):
        """The complaints since the copy was made; the exit status must agree with them."""
        status, lines = self.check()
        assert lines[-1].startswith("rooms: ")
        assert status == (1 if lines[:-1] else 0), lines
        return [line for line in lines[:-1] if self.nameless(line) not in Tree.before]


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_the_tree_itself_is_clean(tree):
    status, lines = tree.check()
    assert (status, lines[:-1]) == (0, [])
    assert lines[-1].endswith(" 0 faults")


BROKEN = {
    "include-above": (
        "base/broken.c",
        '#include "board/board.h"\n',
        'base/broken.c:1: base may not include "board/board.h" (allowed: its own headers only)',
    ),
    "include-beside": (
        "wire/broken.c",
        '\n#include "conf/conf.h"\n',
        'wire/broken.c:2: wire may not include "conf/conf.h" (allowed: base)',
    ),
    "include-without-room": (
        "wire/broken.c",
        '#include "reader.h"\n',
        'wire/broken.c:1: "reader.h": write "ROOM/FILE.h", from the source folder',
    ),
    "include-in-angles": (
        "base/broken.c",
        "#include <board/board.h>\n",
        'base/broken.c:1: base may not include "board/board.h" (allowed: its own headers only)',
    ),
    "system-header-of-another": (
        "serve/broken.c",
        "#include <confuse.h>\n",
        "serve/broken.c:1: serve may not include <confuse.h>: it belongs to conf",
    ),
    "allow-row": (
        "pool/broken.c",
        "#include <systemd/sd-event.h>\n",
        "pool/broken.c:1: pool may not include <systemd/sd-event.h>: "
        "it belongs to ctl master serve",
    ),
    "forbid-row": (
        "pool/broken.c",
        "#include <poll.h>\n",
        "pool/broken.c:1: pool may not include <poll.h>: forbidden to pool",
    ),
    "export-prefix": (
        "base/broken.c",
        "int leak(void);\nint leak(void)\n{\n    return 0;\n}\n",
        "base/broken.c: exports leak; make it static, or call it broken_* or base_broken*",
    ),
    "export-of-data": (
        "base/broken.c",
        "int leak = 1;\n",
        "base/broken.c: exports leak; make it static, or call it broken_* or base_broken*",
    ),
    "symbol-declared-by-hand": (
        "wire/broken.c",
        "int conf_load(void);\nint broken_call(void);\n"
        "int broken_call(void)\n{\n    return conf_load();\n}\n",
        "wire/broken.c: wire may not use conf_load of conf",
    ),
    "long-file": ("base/broken.c", "\n" * 401, "base/broken.c: 401 lines; at most 400"),
    "long-function": (
        "base/broken.c",
        "\nint broken_long(int a,\n                int b)\n{\n"
        + "    a += b;\n" * 78
        + "    return a;\n}\n",
        "base/broken.c:4: broken_long() has 81 lines; at most 80",
    ),
}


def test_part_of_a_header(tree):
    """bytes_part.c may implement what bytes.h declares; without that header it may not."""
    text = "int bytes_more(void);\nint bytes_more(void)\n{\n    return 0;\n}\n"
    tree.add("base/bytes_part.c", text)
    assert tree.faults() == []
    tree.add("base/nobytes_part.c", text.replace("bytes_more", "nobytes_more"))
    assert ["exports nobytes_more" in fault for fault in tree.faults()] == [True]


@pytest.mark.parametrize("name", BROKEN)
def test_broken(tree, name):
    file, text, fault = BROKEN[name]
    tree.add(file, text)
    assert tree.faults() == [f"{tree.source}/{fault}"]


def test_good_additions_are_no_faults(tree):
    tree.add(
        "wire/good-one.c",
        '#include "base/bytes.h"\nint good_one_a(void);\nint wire_good_one(void);\n'
        "int good_one_a(void)\n{\n    return 1;\n}\nint wire_good_one(void)\n{\n    return 1;\n}\n"
        "static int helper(void)\n{\n    return 1;\n}\nint good_one_b(void);\n"
        "int good_one_b(void)\n{\n    return helper();\n}\n",
    )
    assert tree.faults() == []


def test_long_is_excused_by_a_row(tree):
    tree.add("base/broken.c", BROKEN["long-function"][1] + "\n" * 400)
    assert len(tree.faults()) == 2
    tree.append("ROOMS", "long base/broken.c it is a table\n")
    tree.append("ROOMS", "long base/broken.c:broken_long it is a table, too\n")
    assert tree.faults() == []


def test_circle_of_includes(tree):
    tree.add("base/one.h", '#include "wire/two.h"\n')
    tree.add("wire/two.h", '#include "base/one.h"\n')
    faults = tree.faults()
    assert f'{tree.source}/base/one.h:1: base may not include "wire/two.h"' in faults[0]
    assert "a circle of includes: base/one.h -> wire/two.h -> base/one.h" in faults[1]


@pytest.mark.parametrize("symbol", ["reader_next", "serve_run", "conf_load"])
def test_link_law(tree, symbol):
    """A program in which a symbol of another room turns up."""
    program = "ganger-worker" if symbol == "conf_load" else "ganger"
    (tree.build / program).unlink()
    subprocess.run(
        ["objcopy", "--add-symbol", f"{symbol}=.text:0,function,global", BUILD / program,
         tree.build / program],
        check=True,
    )
    assert tree.faults() == [f"{tree.build}/{program}: holds {symbol}, against its link law"]


def test_program_or_object_missing(tree):
    (tree.build / "ganger").unlink()
    (tree.build / "obj" / "src" / "base" / "bytes.o").unlink()
    faults = tree.faults()
    assert any("bytes.c: no object" in fault and "build first" in fault for fault in faults)
    assert any("ganger: not built" in fault for fault in faults)


def test_stripped_program(tree):
    (tree.build / "ganger").unlink()
    subprocess.run(["strip", "-o", tree.build / "ganger", BUILD / "ganger"], check=True)
    assert ["stripped" in fault for fault in tree.faults()] == [True]


def test_table_looks_up(tree):
    tree.append("ROOMS", "1 | attic | pool |\nnonsense\n")
    faults = tree.faults()
    assert any("attic may include pool, which is not on a lower floor" in fault for fault in faults)
    assert any("not understood: nonsense" in fault for fault in faults)


def test_folder_without_a_row(tree):
    (tree.source / "cellar").mkdir()
    tree.add("cellar/wine.h", "")
    assert tree.faults() == [f"{tree.source}/cellar/wine.h: cellar has no row in ROOMS"]


def test_no_table():
    run = subprocess.run(
        [ROOT / "scripts" / "check-rooms", "--source", "/nonexistent"],
        capture_output=True, text=True, check=False,
    )
    assert run.returncode == 2 and "no such file" in run.stderr


def test_the_preloaded_library_exports_what_it_wraps(tree):
    """A name too many in the library, and one too many in the table."""
    rooms = (tree.source / "ROOMS").read_text()
    assert "wrap accept accept4 " in rooms
    (tree.source / "ROOMS").write_text(rooms.replace("wrap accept accept4 ", "wrap accept listen "))
    library = tree.build / "libganger-shim.so"
    faults = tree.faults()
    assert f"{library}: exports accept4, which no wrap row names" in faults
    assert f"{library}: does not export listen, which a wrap row names" in faults
