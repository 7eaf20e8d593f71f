# SPDX-License-Identifier: Apache-2.0
"""What the slow log says of C, Perl and Python programs, as CGI and as native FastCGI programs, while
they sleep, spin and wait for a pipe or a socket; and that their requests end as if nobody had looked."""

import os
import re
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
KINDS = ("cgi", "fastcgi")
# Where a program is, by its language and what it does; a hook that knows only C sees the interpreter's
# functions.
FUNCTIONS = {
    ("c", "sleep"): r"slow_sleep", ("c", "spin"): r"slow_spin", ("c", "pipe"): r"slow_pipe",
    ("c", "socket"): r"slow_socket",
    ("perl", "sleep"): r"XS_Time__HiRes_nanosleep|nanosleep", ("perl", "spin"): r"Perl_\w+|perl_run",
    ("perl", "pipe"): r"Perl_pp_sysread", ("perl", "socket"): r"Perl_pp_sysread",
    ("python", "sleep"): r"time_sleep|_PyEval_EvalFrameDefault",
    ("python", "spin"): r"_PyEval_EvalFrameDefault|Py_BytesMain",
    ("python", "pipe"): r"_PyEval_EvalFrameDefault", ("python", "socket"): r"_PyEval_EvalFrameDefault",
}
CALLS = {"sleep": r"(clock_)?nanosleep \(|pselect6 \(|select \(", "pipe": r"read \(\d+\)",
         "socket": r"(read|recvfrom) \(\d+\)"}
SLEEP = 4000


@pytest.fixture
def slow(ganger, programs):
    s = slowlog.Slow(ganger, programs)
    yield s
    s.close()


def check_facts(slow, e, kind, mode, answer_pid):
    """What /proc said, which was read before any hook ran."""
    language = e.pool.split("_")[0]
    assert e.program == answer_pid
    if kind == "cgi":
        assert e.pid in slow.ganger.workers(e.pool)
        assert e["script_filename"] == slow.commands[language][0]
        assert e["method"] == "GET" and e["uri"].startswith(f"/x?{mode}=")
    else:
        assert e.pid == answer_pid and "not known" in e["uri"]
    assert re.fullmatch(r"\d+\.\d{3} s \(request_slowlog_timeout is 0\.300 s\)", e["age"])
    assert float(e["age"].split()[0]) >= 0.3
    assert os.path.basename(slow.commands[language][0]) in e["command_line"]
    assert re.fullmatch(r"\d+\.\d\d s user, \d+\.\d\d s system", e["cpu"])
    assert int(e["memory"].split()[0]) > 100
    if mode == "spin":
        assert e["state"].startswith("R ") or float(e["cpu"].split()[0]) > 0
        return
    assert e["state"].startswith("S ("), e.text
    assert re.search(CALLS[mode], e["syscall"]), e.text
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
        slow.add(language, command, kind, pm__max_children=3, slowlog__command=STACK,
                 slowlog__timeout="60s")
    slow.start()
    for mode in ("pipe", "socket", "spin"):
        gate = slow.open_gate(mode)
        before = len(slow.entries())
        pending = {language: slow.begin(language, gate.query(mode)) for language in slow.commands}
        if mode == "socket":
            gate.accept(3)
        new = slow.wait_entries(before + len(pending))[before:]
        gate.let_go(3)
        for language, request in pending.items():
            pid, did, result = said(request.result())
            assert (did, result) == (mode, 1 if mode == "spin" else 7)
            e = next(e for e in new if e.pool == language)
            check_facts(slow, e, kind, mode, pid)
            assert e.result.startswith("exit status 0 after"), e.text
            assert re.search(FUNCTIONS[language, mode], "\n".join(e.hook)), e.text
        gate.close()
    for language in slow.commands:
        daemon.wait_for(lambda: slow.slow(language) == 3, what=f"3 slow requests of {language}")
    assert len(slow.entries()) == 9


def test_sleeping(slow):
    """Nobody's sleep is cut short, though a hook stops it meanwhile."""
    for kind in KINDS:
        for language, command in slow.commands.items():
            slow.add(f"{language}_{kind}", command, kind, slowlog__command=STACK,
                     slowlog__timeout="60s")
    slow.start()
    done = {}
    for attempt in range(1, 4):  # hooks wait for their turn, and a busy machine takes its time
        left = [name for name in slow.pools if name not in done]
        pending = {name: slow.begin(name, f"sleep={SLEEP * attempt}") for name in left}
        for name, request in pending.items():
            pid, did, slept = said(request.result())
            assert did == "sleep" and slept >= SLEEP * attempt, (name, slept)
            assert slept < SLEEP * attempt + 15000, (name, slept)
            e = slow.wait_entries(1, lambda e: e.program == pid and
                                  e.pool == name)[-1 if "fastcgi" in name else 0]
            check_facts(slow, e, name.split("_")[1], "sleep", pid)
            if e.result.startswith("exit status 0"):
                done[name] = e
    assert len(done) == len(slow.pools), slow.log.read_text()
    for name, e in done.items():
        assert re.search(FUNCTIONS[name.split("_")[0], "sleep"], "\n".join(e.hook)), e.text


def test_python_function(slow):
    """gdb with the interpreter's debugging symbols (python3-dbg) tells the script's own function."""
    slow.add("python", slow.commands["python"], slowlog__command=PYTHON, slowlog__timeout="120s")
    slow.start()
    gate = slow.open_gate()
    request = slow.begin("python", gate.query("pipe"))
    e = slow.wait_entries(1)[0]
    gate.let_go()
    assert said(request.result())[1:] == ("pipe", 7)
    assert any(re.search(r'File ".*slow\.py", line \d+, in slow_pipe', line) for line in e.hook), e.text


def test_children_and_body(slow):
    """Whom a program waits for, and a request whose body does not come."""
    cat = slow.ganger.folder.script("cat.sh", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n"
                                    "exec cat\n")
    slow.add("shell", [slow.ganger.folder.script("child.sh", "#!/bin/sh\nread line < \"${QUERY_STRING#*=}\" "
                       "& wait\nprintf 'Content-Type: text/plain\\n\\ndone'\n")])
    slow.add("body", [cat])
    slow.start()
    gate = slow.open_gate()
    pending = slow.begin("shell", gate.query("pipe"))
    e = slow.wait_entries(1)[0]
    os.write(gate.writer, b"x\n")
    assert pending.result().body == b"done"
    child = next(c for c in e.keys["child"] if f" of {e.program} " in c)
    assert re.search(r'^\d+ of \d+ "child\.sh": S \(sleeping\), wchan \S+, syscall \S+', child), e.text
    assert re.search(r"on descriptor 0: .*\.fifo$", child) or "openat" in child, e.text
    assert "slowlog.command" not in e.keys

    with fcgi.Conn(slow.ganger.sock("body"), 60) as c:
        params = fcgi.cgi_params(cat, "", "POST", CONTENT_LENGTH="10")
        c.send(fcgi.begin() + fcgi.stream(fcgi.PARAMS, 1, fcgi.pairs(params)) +
               fcgi.record(fcgi.STDIN, 1, b"01234"))
        e = slow.wait_entries(1, lambda e: e.pool == "body")[0]
        assert "the body of the request, as the web server sends it" in e["waits_on"], e.text
        c.send(fcgi.record(fcgi.STDIN, 1, b"56789") + fcgi.record(fcgi.STDIN, 1))
        assert c.answer().body == b"0123456789"


def test_tcp_peer(slow):
    """The database that does not answer is named."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    port = listener.getsockname()[1]
    script = slow.ganger.folder.script("tcp.py", "#!/usr/bin/python3\nimport socket\n"
                                       f"s = socket.create_connection(('127.0.0.1', {port}))\n"
                                       "print('Content-Type: text/plain\\n\\n' + s.recv(9).decode())\n")
    slow.add("tcp", [script]).start()
    pending = slow.begin("tcp", "")
    connection = listener.accept()[0]
    e = slow.wait_entries(1)[0]
    connection.sendall(b"good")
    connection.close()
    listener.close()
    assert pending.result().body == b"good\n"
    assert re.search(rf"tcp 127\.0\.0\.1:\d+ -> 127\.0\.0\.1:{port} established$", e["waits_on"]), e.text


def test_what_may_not_be_read_is_said(slow):
    """A program that its user may not read is not dumpable: no stack, no links, and the reason."""
    closed = str(slow.base / "closed")
    subprocess.run(["cp", slow.programs["slow"], closed], check=True)
    os.chmod(closed, 0o711)
    if slow.ganger.as_root:
        slow.add("closed", [closed], slowlog__command=STACK).start()
        gate = slow.open_gate()
        pending = slow.begin("closed", gate.query("pipe"))
        e = slow.wait_entries(1)[0]
        gate.let_go()
        assert said(pending.result())[1:] == ("pipe", 7)
        assert "not permitted: the program is not dumpable" in e["syscall"], e.text
        assert e["state"].startswith("S ("), e.text


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
    time.sleep(1)  # five times the limit: nothing more is to happen
    gate.let_go()
    said(second.result())
    assert said(slow.ask("c", "sleep=1"))[2] >= 1
    assert slow.slow("c") == before + 1
    assert {p["pid"] for p in slow.ganger.status("c", full=True)["processes"]} == {p["pid"] for p in pids}
    slow.add("c", slow.commands["c"], kind, request_slowlog_timeout="0")
    slow.ganger.write(*slow.pools.values())
    assert slow.ganger.ctl("reload", "--wait").returncode == 0
    assert said(slow.ask("c", "sleep=600"))[2] >= 600
    assert slow.slow("c") == before + 1
    assert len(slow.entries()) == entries + 1
