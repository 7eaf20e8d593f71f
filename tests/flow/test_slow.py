# SPDX-License-Identifier: Apache-2.0
"""What the slow log says of C, Perl and Python programs, as CGI and as native FastCGI programs, while
they sleep, spin and wait for a pipe or a socket; and that their requests end as if nobody had looked."""

import collections
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

import pytest

import daemon
import fcgi
import slowlog
from slowlog import said

STACK = ["/usr/bin/eu-stack", "-p", "%p"]
PYTHON = ["/usr/bin/gdb", "-batch", "-nx", "-p", "%p", "-ex", "py-bt"]
PERL = ["/usr/bin/gdb", "-batch", "-nx", "-p", "%p", "-x"]  # and scripts/perl-where.py
KINDS = ("cgi", "fastcgi")
# Where a program is, by its language and what it does; a hook that knows only C sees the interpreter's
# functions.
FUNCTIONS = {
    ("c", "sleep"): r"slow_sleep", ("c", "spin"): r"slow_spin", ("c", "pipe"): r"slow_pipe",
    ("c", "socket"): r"slow_socket",
    ("perl", "sleep"): r"XS_Time__HiRes_nanosleep|nanosleep", ("perl", "spin"): r"Perl_runops_standard",
    ("perl", "pipe"): r"Perl_pp_sysread", ("perl", "socket"): r"Perl_pp_sysread",
    ("python", "sleep"): r"time_sleep|_PyEval_EvalFrameDefault",
    ("python", "spin"): r"_PyEval_EvalFrameDefault|Py_BytesMain",
    ("python", "pipe"): r"_PyEval_EvalFrameDefault", ("python", "socket"): r"_PyEval_EvalFrameDefault",
}
CALLS = {"sleep": r"(clock_)?nanosleep \(|pselect6 \(|select \(", "pipe": r"read \(\d+\)",
         "socket": r"(read|recvfrom) \(\d+\)"}
SLEEP = 2000
# An interpreter takes a while until its script is where it waits.
LIMITS = {("cgi", "perl"): "400ms", ("cgi", "python"): "600ms"}


@pytest.fixture
def slow(ganger, programs):
    s = slowlog.Slow(ganger, programs)
    yield s
    s.close()


def waits(mode):
    """An entry that was written when the program had come to where it waits."""
    def right(e):
        if mode == "spin":
            return e.get("state").startswith("R ") and any("spin" in line or "Perl" in line or "Eval" in line
                                                           for line in e.hook)
        return e.get("state").startswith("S (") and re.search(CALLS[mode], e.get("syscall")) and \
            (mode == "sleep" or re.search(r"\.fifo$|socket:", e.get("waits_on")))
    return right


def check_facts(slow, e, kind, mode, answer_pid):
    """What /proc said, which was read before any hook ran."""
    language = e.pool.split("_")[0]
    limit = LIMITS.get((kind, language), "100ms")[:-2]
    assert e.program == answer_pid
    if kind == "cgi":
        assert e.pid in slow.ganger.workers(e.pool)
        assert e["script_filename"] == slow.commands[language][0]
        assert e["method"] == "GET" and e["uri"].startswith(f"/x?{mode}=")
    else:
        assert e.pid == answer_pid and "not known" in e["uri"]
        assert any(re.search(rf"descriptor \d+: unix {e.pool}\.sock -> ", s) for s in e.keys["socket"]), e.text
    assert re.fullmatch(rf"\d+\.\d{{3}} s \(request_slowlog_timeout is 0\.{limit} s\)", e["age"])
    assert float(e["age"].split()[0]) >= int(limit) / 1000
    assert os.path.basename(slow.commands[language][0]) in e["command_line"]
    assert re.fullmatch(r"\d+\.\d\d s user, \d+\.\d\d s system", e["cpu"])
    assert int(e["memory"].split()[0]) > 100
    if mode == "spin":
        return
    assert e["wchan"] and "not permitted" not in e["wchan"], e.text
    if mode == "pipe":
        assert re.search(r"descriptor \d+: .*\.fifo$", e["waits_on"]), e.text
    elif mode == "socket":
        assert re.search(r"descriptor \d+: socket:\[\d+\], unix -> .*\.sock$", e["waits_on"]), e.text
        assert any(re.search(r"unix -> .*\.sock$", s) for s in e.keys["socket"]), e.text


@pytest.mark.parametrize("kind", KINDS)
def test_blocked_and_busy(slow, kind):
    """Spinning, and reading from a pipe and a socket: the right program, call and function; the answer
    is what it would have been."""
    for language, command in slow.commands.items():
        slow.add(language, command, kind, slowlog__command=STACK, slowlog__timeout="60s",
                 request_slowlog_timeout=LIMITS.get((kind, language), "100ms"))
    slow.start()
    slow.open_gate()
    for mode in ("pipe", "socket", "spin"):
        for language in slow.commands:
            e, (pid, did, result) = slow.observe(language, mode, waits(mode))
            assert (did, result) == (mode, 1 if mode == "spin" else 7)
            check_facts(slow, e, kind, mode, pid)
            assert e.result.startswith("exit status 0 after"), e.text
            assert re.search(FUNCTIONS[language, mode], "\n".join(e.hook)), e.text
    for language in slow.commands:
        daemon.wait_for(lambda: slow.slow(language) == slow.asked[language],
                        what=f"each request of {language} is slow once")
    assert len(slow.entries()) == sum(slow.asked.values())


def test_sleeping(slow):
    """Nobody's sleep is cut short, though a hook stops it meanwhile."""
    for kind in KINDS:
        for language, command in slow.commands.items():
            slow.add(f"{language}_{kind}", command, kind, slowlog__command=STACK,
                     slowlog__timeout="60s",
                     request_slowlog_timeout=LIMITS.get((kind, language), "100ms"))
    slow.start()
    done = {}
    for attempt in range(1, 7):  # hooks wait for their turn, and a busy machine takes its time
        left = [name for name in slow.pools if name not in done]
        pending = {name: slow.begin(name, f"sleep={SLEEP * attempt}") for name in left}
        for name, request in pending.items():
            pid, did, slept = said(request.result())
            assert did == "sleep" and slept >= SLEEP * attempt, (name, slept)
            assert slept < SLEEP * attempt + 15000, (name, slept)
            e = slow.wait_entries(attempt, lambda e: e.pool == name)[-1]
            if waits("sleep")(e) and e.result.startswith("exit status 0"):
                check_facts(slow, e, name.split("_")[1], "sleep", pid)
                done[name] = e
    assert len(done) == len(slow.pools), slow.log.read_text()
    for name, e in done.items():
        assert re.search(FUNCTIONS[name.split("_")[0], "sleep"], "\n".join(e.hook)), e.text


def perl_lines(path):
    """{mode: number of the line of slow.pl where it stays}, and that of "call", the one outside."""
    lines = pathlib.Path(path).read_text().splitlines()
    words = {"sleep": "nanosleep(", "spin": "for (my", "pipe": "sysread", "call": "->($argument)"}
    return {mode: next(n for n, line in enumerate(lines, 1) if word in line) for mode, word in words.items()}


@pytest.mark.parametrize("language", ["perl", "python"])
def test_function_of_a_script(slow, language):
    """gdb with the interpreter's symbols (perl-debug, python3-dbg) names the script's own function."""
    hook, path = PYTHON, re.escape(slow.commands[language][0])
    lines = collections.defaultdict(lambda: r"\d+")
    if language == "perl":
        # Where the pool's user can read it.
        reader = shutil.copy(daemon.ROOT / "scripts" / "perl-where.py", slow.base)
        os.chmod(reader, 0o644)
        hook = PERL + [str(reader)]
        lines = perl_lines(slow.commands[language][0])

    def named(e, mode):
        """The hook ended well and told the function, its file and line, and who called it."""
        wanted = {"perl": rf"main::slow_{mode} at {path} line {lines[mode]}\n"
                          rf"the program at {path} line {lines['call']}$",
                  "python": rf'File "{path}", line \d+, in slow_{mode}\n'}[language]
        return e.result.startswith("exit status 0 after") and \
            re.search(wanted, "\n".join(e.hook), re.MULTILINE)
    for kind in KINDS:
        slow.add(kind, slow.commands[language], kind, slowlog__command=hook, slowlog__timeout="120s",
                 request_slowlog_timeout="600ms")
    slow.start()
    slow.open_gate()
    for kind in KINDS:
        for mode in ("pipe", "spin"):
            e, answer = slow.observe(kind, mode, lambda e, m=mode: waits(m)(e) and named(e, m))
            assert answer == (e.program, mode, 1 if mode == "spin" else 7)
    for attempt in range(1, 7):  # gdb takes its time
        entries = len(slow.entries())
        pending = {kind: slow.begin(kind, f"sleep={4000 * attempt}") for kind in KINDS}
        answers = {kind: said(request.result()) for kind, request in pending.items()}
        found = {e.pool: e for e in slow.wait_entries(entries + 2)[entries:]}
        assert all(answers[kind][1] == "sleep" and answers[kind][2] >= 4000 * attempt for kind in KINDS)
        if all(named(found[kind], "sleep") for kind in KINDS):
            break
    assert {kind: answers[kind][0] for kind in KINDS} == {kind: found[kind].program for kind in KINDS}
    assert all(named(found[kind], "sleep") for kind in KINDS), [e.text for e in found.values()]


def test_children(slow):
    """Whom a program waits for."""
    slow.add("shell", [slow.ganger.folder.script(
        "child.sh", "#!/bin/sh\nhead -c 1 \"${QUERY_STRING#*=}\" >/dev/null\n"
        "printf 'Content-Type: text/plain\\n\\npid=%s shell 7\\n' $$\n")])
    slow.start()
    slow.open_gate()

    def child(e):
        return next((c for c in e.keys.get("child", []) if f" of {e.program} " in c), "")
    e, answer = slow.observe("shell", "pipe", lambda e: "syscall read on descriptor" in child(e))
    assert answer == (e.program, "shell", 7)
    assert re.search(r'^\d+ of \d+ "head": S \(sleeping\), wchan \S+, syscall read on descriptor \d+: '
                     r'.*\.fifo$', child(e)), e.text
    assert "slowlog.command" not in e.keys and "wait" in e["syscall"], e.text


def test_body_that_does_not_come(slow):
    cat = slow.ganger.folder.script("cat.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n"
                                    "exec cat\n")
    slow.add("body", [cat], request_slowlog_timeout="300ms")
    slow.start()
    for attempt in range(10):
        with fcgi.Conn(slow.ganger.sock("body"), 60) as c:
            params = fcgi.cgi_params(cat, "", "POST", CONTENT_LENGTH="10")
            c.send(fcgi.begin() + fcgi.stream(fcgi.PARAMS, 1, fcgi.pairs(params)) +
                   fcgi.record(fcgi.STDIN, 1, b"01234"))
            e = slow.wait_entries(attempt + 1)[-1]
            c.send(fcgi.record(fcgi.STDIN, 1, b"56789") + fcgi.record(fcgi.STDIN, 1))
            assert c.answer().body == b"0123456789"
        if "read (0)" in e["syscall"]:
            break
    assert "the body of the request, as the web server sends it" in e["waits_on"], e.text


def test_tcp_peer(slow):
    """The database that does not answer is named."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    port = listener.getsockname()[1]
    script = slow.ganger.folder.script("tcp.py", "#!/usr/bin/python3\nimport socket\n"
                                       f"s = socket.create_connection(('127.0.0.1', {port}))\n"
                                       "print('Content-Type: text/plain\\n\\n' + s.recv(9).decode())\n")
    slow.add("tcp", [script], request_slowlog_timeout="500ms").start()
    for attempt in range(10):
        pending = slow.begin("tcp", "")
        connection = listener.accept()[0]
        e = slow.wait_entries(attempt + 1)[-1]
        connection.sendall(b"good")
        connection.close()
        assert pending.result().body == b"good\n"
        if "recvfrom" in e["syscall"]:
            break
    listener.close()
    assert re.search(rf"tcp 127\.0\.0\.1:\d+ -> 127\.0\.0\.1:{port} established$", e["waits_on"]), e.text


def test_what_may_not_be_read_is_said(slow):
    """A program that its user may not read is not dumpable: no stack, no links, and the reason."""
    closed = str(slow.base / "closed")
    subprocess.run(["cp", slow.programs["slow"], closed], check=True)
    os.chmod(closed, 0o711)
    if slow.ganger.as_root:
        slow.add("closed", [closed], slowlog__command=STACK).start()
        slow.open_gate()
        e, answer = slow.observe("closed", "pipe", lambda e: e["state"].startswith("S ("))
        assert answer[1:] == ("pipe", 7)
        assert "not permitted: the program is not dumpable" in e["syscall"], e.text


@pytest.mark.parametrize("kind", KINDS)
def test_counts_once_and_reloads(slow, kind):
    """Each slow request counts once, however long it goes on; a new time limit holds at once, and
    nobody is replaced for it."""
    slow.add("c", slow.commands["c"], kind, request_slowlog_timeout=None, slowlog__command=None)
    slow.start()
    pids = slow.ganger.status("c", full=True)["processes"]
    gate = slow.open_gate()
    first = slow.begin("c", gate.query("pipe"))
    slow.add("c", slow.commands["c"], kind, request_slowlog_timeout="200ms")
    slow.ganger.write(*slow.pools.values())
    assert slow.ganger.ctl("reload", "--wait").returncode == 0
    gate.let_go()
    said(first.result())
    before = slow.slow("c")  # 0 or 1: a native one is held to the new limit, a CGI request to its own
    entries = len(slow.entries()) if before else 0
    second = slow.begin("c", gate.query("pipe"))
    slow.wait_entries(entries + 1)
    time.sleep(0.6)  # three times the limit: nothing more is to happen
    gate.let_go()
    said(second.result())
    assert slow.slow("c") == before + 1
    assert {p["pid"] for p in slow.ganger.status("c", full=True)["processes"]} == {p["pid"] for p in pids}
    slow.add("c", slow.commands["c"], kind, request_slowlog_timeout="0")
    slow.ganger.write(*slow.pools.values())
    assert slow.ganger.ctl("reload", "--wait").returncode == 0
    assert said(slow.ask("c", "sleep=400"))[2] >= 400
    assert slow.slow("c") == before + 1
    assert len(slow.entries()) == entries + 1
