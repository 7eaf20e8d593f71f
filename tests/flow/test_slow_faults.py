# SPDX-License-Identifier: Apache-2.0
"""Whatever becomes of the examination of a slow request, its answer comes, and nothing is left behind."""

import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

import daemon
import slowlog
from slowlog import running, said

KINDS = ("cgi", "fastcgi")


@pytest.fixture
def slow(ganger, programs):
    s = slowlog.Slow(ganger, programs)
    s.mark = f"98765.{time.monotonic_ns()}"  # names the processes of hooks
    yield s
    s.close()
    daemon.wait_for(lambda: not running(s.mark), what="nothing is left of a hook")


def hook(slow, text, name="hook"):
    """A hook that is a script; `sleep MARK` in it can be found."""
    return [slow.ganger.folder.script(f"{name}.sh", f"#!/bin/sh\n{text}\n"), "%p"]


def one(slow, kind="cgi", command="c", **options):
    """One pool with a request in hand that waits for the gate."""
    slow.add("c", slow.commands[command], kind, **options).start()
    gate = slow.open_gate()
    return gate, slow.begin("c", gate.query("pipe"))


def good(pending):
    assert said(pending.result())[1:] == ("pipe", 7)


HOOKS = {
    "missing": (["/nonexistent/hook", "%p"], "not run: ", []),
    "fails": (["/bin/sh", "-c", "echo $0=%%p; printf 'a\\033[31mb\\n' >&2; exit 3"], "exit status 3 after ",
              ["/bin/sh=%p", "a\\x1b[31mb"]),
    "dies": (["/bin/sh", "-c", "echo one; kill -9 $$"], "signal 9 after ", ["one"]),
    "floods": (["/bin/sh", "-c", "exec yes"], "signal 15 after ", ["y"] * 5),
    "long": (["/bin/sh", "-c", ": " + 9000 * "x" + "; echo whole"], "exit status 0 after ", ["whole"]),
    "lines": (["/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do echo $i; done; printf no-newline"],
              "exit status 0 after ", list("12345") + ["... 5 lines more"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_hooks_that_misbehave(slow, kind):
    for name, (command, _, _) in HOOKS.items():
        slow.add(name, slow.commands["c"], kind, slowlog__command=command, pm__max_children=1,
                 request_slowlog_trace_depth=5, slowlog__timeout="60s")
    slow.start()
    gate = slow.open_gate()
    pending = [slow.begin(name, gate.query("pipe")) for name in HOOKS]
    entries = {e.pool: e for e in slow.wait_entries(len(HOOKS))}
    gate.let_go(count=len(HOOKS))
    for p in pending:
        good(p)
    for name, (_, result, lines) in HOOKS.items():
        e = entries[name]
        assert e.result.startswith(result), e.text
        assert name == "floods" or e.hook == lines, e.text
    e = entries["floods"]
    assert e.result.endswith("ended: it wrote more than 4 MB"), e.text
    assert e.hook[:5] == HOOKS["floods"][2] and len(e.hook) == 6, e.text
    assert "\x1b" not in slow.log.read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_rights_of_a_hook(slow, kind):
    """Those of the program it looks at, and nothing of whoever started it."""
    text = ("echo uid $(id -u)\ngrep -E '^(CapInh|CapPrm|CapEff|CapAmb|NoNewPrivs|SigBlk|SigIgn):' /proc/self/status\n"
            "echo open $(readlink /proc/$$/fd/*)\nls /proc/$PPID/fd >/dev/null 2>&1 && echo examiner seen || echo examiner hidden")
    command = hook(slow, text)
    gate, pending = one(slow, kind, slowlog__command=command)
    e = slow.wait_entries(1)[0]
    status = pathlib.Path(f"/proc/{e.program}/status").read_text()
    gate.let_go()
    good(pending)
    facts = dict(re.fullmatch(r"(\w+)(?::\\x09| )(.*)", line).groups() for line in e.hook)
    assert facts["uid"] == re.search(r"user (\d+)$", e["program"])[1], e.text
    assert facts["uid"] != "0" or not slow.ganger.as_root, e.text
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs"):
        assert facts[name] == re.search(rf"^{name}:\t(.*)$", status, re.M)[1], e.text
        assert int(facts[name], 16) == 0 or name == "NoNewPrivs", e.text
    assert int(facts["SigBlk"], 16) == 0 == int(facts["SigIgn"], 16), e.text
    assert {name.split("[")[0] for name in facts["open"].split()} == \
        {"/dev/null", "pipe:", command[0]}, e.text
    assert facts["examiner"] == "hidden" or daemon.ASAN, e.text


@pytest.mark.parametrize("kind", KINDS)
def test_hook_that_hangs(slow, kind):
    """It is ended at slowlog.timeout, though it ignores SIGTERM, with children that left its group."""
    text = f"trap '' TERM\nsetsid sleep {slow.mark} &\nsleep {slow.mark} &\nsleep {slow.mark}"
    gate, pending = one(slow, kind, slowlog__command=hook(slow, text), slowlog__timeout="500ms")
    daemon.wait_for(lambda: len(running(slow.mark)) >= 3, what="the hook runs")
    e = slow.wait_entries(1)[0]
    assert e.result.startswith("signal 9 after ") and "slowlog.timeout" in e.result, e.text
    daemon.wait_for(lambda: not running(slow.mark), what="the hook is gone")
    assert pending.answer is None and pending.error is None
    gate.let_go()
    good(pending)


@pytest.mark.parametrize("kind", KINDS)
def test_hook_of_many_generations(slow, kind):
    """What a hook leaves behind is ended down to the last, though each is a session of its own."""
    slow.base.chmod(0o777)
    nested = slow.ganger.folder.script(
        "nested.sh", f"#!/bin/sh\ntrap '' TERM\n[ $1 = 0 ] || setsid $0 $(($1 - 1)) {slow.mark} &\n"
        f"sleep {slow.mark} &\n: >{slow.base}/up.$1\nwait\n")
    gate, pending = one(slow, kind, slowlog__timeout="60s", slowlog__command=hook(
        slow, f"{nested} 3 {slow.mark} &\nuntil [ -e {slow.base}/up.0 ]; do sleep 0.05; done"))
    e = slow.wait_entries(1)[0]
    assert e.result.startswith("exit status 0 after "), e.text
    daemon.wait_for(lambda: not running(slow.mark), what="nothing is left of the hook")
    assert pending.answer is None and pending.error is None
    gate.let_go()
    good(pending)


def test_one_log_of_two_pools(slow):
    """A pool whose hooks take their time keeps no other from its entries."""
    gate = slow.open_gate()
    slow.add("long", slow.commands["c"], slowlog__command=hook(slow, f"exec sleep {slow.mark}"),
             slowlog__timeout="100s")
    slow.add("short", slow.commands["c"], slowlog__command=["/bin/echo", "%p"]).start()
    first = slow.begin("long", gate.query("pipe"))
    daemon.wait_for(lambda: running(slow.mark), what="the hook runs")
    second = slow.begin("short", gate.query("pipe"))
    e = slow.wait_entries(1)[0]
    assert e.pool == "short" and e.hook == [str(e.program)] and running(slow.mark), e.text
    gate.let_go(count=2)
    good(first)
    good(second)


@pytest.mark.parametrize("kind", KINDS)
def test_program_ends_meanwhile(slow, kind):
    """The answer does not wait for the hook, nor the hook for its time: the number is nobody's now.  A
    native program goes on, and so does the hook."""
    gate, pending = one(slow, kind, slowlog__command=hook(slow, f"exec sleep {slow.mark}"),
                        slowlog__timeout="1s" if kind == "fastcgi" else "100s")
    daemon.wait_for(lambda: running(slow.mark), what="the hook runs")
    gate.let_go()
    good(pending)
    e = slow.wait_entries(1)[0]
    assert ("the program had ended" if kind == "cgi" else "slowlog.timeout") in e.result, e.text
    assert said(slow.ask("c", "sleep=1"))[1] == "sleep"


def both(slow, **options):
    """A pool of each kind, with a request in hand."""
    for kind in KINDS:
        slow.add(kind, slow.commands["c"], kind, **options)
    slow.start()
    gate = slow.open_gate()
    return gate, [slow.begin(kind, gate.query("pipe")) for kind in KINDS]


def test_stopped_program_is_sent_on(slow):
    """As a debugger leaves it behind that was killed at the wrong moment."""
    gate, pending = both(slow, slowlog__command=hook(slow, "kill -STOP $1"))
    slow.wait_entries(2)
    gate.let_go(count=2)
    for p in pending:
        good(p)


@pytest.mark.parametrize("kind", KINDS)
def test_killed_examiner(slow, kind):
    """The examination itself is killed: said in the log and in the next entry, the request goes on."""
    gate, pending = one(slow, kind, slowlog__command=hook(slow, f"exec sleep {slow.mark}"),
                        slowlog__timeout="100s", pm__max_children=1)
    daemon.wait_for(lambda: running(slow.mark), what="the hook runs")
    worker = slow.ganger.workers("c")
    examiners = [pid for w in [slow.ganger.pid, *worker] for pid, comm, _ in daemon.children(w)
                 if comm == "ganger-slow"]
    assert len(examiners) == 1
    os.kill(examiners[0], signal.SIGKILL)
    slow.ganger.wait_log(
        r"WARNING: \[pool c\] worker \d+: the examination of pid \d+.* killed by signal 9" if kind == "cgi"
        else r"WARNING: \[pool c\] the examination of a slow worker did not come to an end: it was killed")
    gate.let_go()
    good(pending)
    assert slow.entries() == [] and slow.ganger.workers("c") == worker
    daemon.wait_for(lambda: not running(slow.mark), what="the hook is gone")
    again = slow.begin("c", gate.query("pipe"))
    daemon.wait_for(lambda: running(slow.mark), what="the next hook runs")
    for pid in running(slow.mark):
        os.kill(pid, signal.SIGKILL)
    e = slow.wait_entries(1)[0]
    assert e["omitted"].startswith("1 "), e.text
    gate.let_go()
    good(again)


def test_no_room_in_the_log(slow):
    slow.log = pathlib.Path("/dev/full")
    gate, pending = both(slow)
    for kind in KINDS:
        slow.ganger.wait_log(rf"WARNING: \[pool {kind}\] (worker \d+: )?the slow log cannot be written: "
                             "No space left on device")
    gate.let_go(count=2)
    for p in pending:
        good(p)
    assert [slow.slow(kind) for kind in KINDS] == [1, 1]


@pytest.mark.parametrize("kind", KINDS)
def test_twenty_at_once(slow, kind):
    """Each is counted and examined; their hooks run one after the other."""
    text = f"mkdir {slow.base}/one || echo TWO\necho hello\nrmdir {slow.base}/one"
    slow.base.chmod(0o777)
    slow.add("c", slow.commands["c"], kind, pm__max_children=20, slowlog__timeout="60s",
             slowlog__command=hook(slow, text)).start()
    gate = slow.open_gate()
    pending = [slow.begin("c", gate.query("pipe")) for _ in range(20)]
    count = 20 if kind == "cgi" else 5  # of a native pool's, one a second after a few at once
    entries = slow.wait_entries(count)
    daemon.wait_for(lambda: slow.slow("c") == 20, what="20 slow requests")
    gate.let_go(count=20)
    pids = {said(p.result())[0] for p in pending}
    assert len({e.program for e in entries}) == len(entries) and {e.program for e in entries} <= pids
    assert all(e.hook == ["hello"] for e in entries), [e.text for e in entries if e.hook != ["hello"]]
    daemon.wait_for(lambda: slow.ganger.status("c")["active processes"] == 0, what="nobody is busy")
    assert slow.slow("c") == 20


def test_more_than_it_examines(slow):
    """A worker whose every request is slow examines a few, and says how many it did not."""
    slow.add("c", slow.commands["c"], pm__max_children=1, request_slowlog_timeout="20ms").start()
    for _ in range(9):
        assert said(slow.ask("c", "sleep=70"))[2] >= 70
    assert slow.slow("c") == 9
    time.sleep(1.2)  # the next one is paid for
    gate = slow.open_gate()
    pending = slow.begin("c", gate.query("pipe"))
    slow.wait_entries(1, lambda e: "pipe=" in e["uri"])
    gate.let_go()
    good(pending)
    entries = slow.entries()
    omitted = sum(int(e.get("omitted").split()[0]) for e in entries if "omitted" in e.keys)
    assert len(entries) + omitted == 10, [e.get("omitted") for e in entries]


@pytest.mark.parametrize("kind", KINDS)
def test_time_limit_meanwhile(slow, kind):
    """request_terminate_timeout ends program and examination alike."""
    text = f"trap '' TERM; sleep {slow.mark}; sleep {slow.mark}"
    gate, pending = one(slow, kind, "python", request_terminate_timeout="700ms", slowlog__timeout="100s",
                        slowlog__command=hook(slow, text))
    if kind == "cgi":
        assert pending.result().status == 504
    else:
        pending.thread.join(60)  # the worker is gone, and with it the connection
        assert pending.answer is None or pending.answer.status != 200
    e = slow.wait_entries(1)[0]
    assert "ended" in e.result, e.text  # while the hook ran, or before


@pytest.mark.parametrize("kind", KINDS)
def test_stop_meanwhile(slow, kind):
    """A stop does not wait for hooks, and leaves none."""
    gate, pending = one(slow, kind, slowlog__timeout="100s",
                        slowlog__command=hook(slow, f"trap '' TERM; sleep {slow.mark}; sleep {slow.mark}"))
    daemon.wait_for(lambda: running(slow.mark), what="the hook runs")
    assert slow.ganger.stop() == 0
    daemon.wait_for(lambda: not running(slow.mark), what="the hook is gone")


@pytest.mark.parametrize("kind", KINDS)
def test_graceful_stop_meanwhile(slow, kind):
    """A worker that leaves answers its request; then the examination is over, too."""
    gate, pending = one(slow, kind, slowlog__timeout="100s",
                        slowlog__command=hook(slow, f"sleep {slow.mark}"))
    daemon.wait_for(lambda: running(slow.mark), what="the hook runs")
    slow.ganger.signal(signal.SIGQUIT)
    gate.let_go()
    good(pending)
    assert slow.ganger.process.wait(daemon.PATIENCE) == 0
    daemon.wait_for(lambda: not running(slow.mark), what="the hook is gone")


def test_stopped_examiner(slow):
    """A worker that leaves does not wait for it for long, nor leaves it behind."""
    gate, pending = one(slow, slowlog__timeout="100s",
                        slowlog__command=hook(slow, f"exec sleep {slow.mark}"))
    daemon.wait_for(lambda: running(slow.mark), what="the hook runs")
    examiner = int(re.search(r"^PPid:\t(\d+)$", pathlib.Path(
        f"/proc/{running(slow.mark)[0]}/status").read_text(), re.M)[1])
    os.kill(examiner, signal.SIGSTOP)
    slow.ganger.signal(signal.SIGQUIT)
    gate.let_go()
    good(pending)
    assert slow.ganger.process.wait(daemon.PATIENCE) == 0
    daemon.wait_for(lambda: not daemon.alive(examiner), what="the examiner is gone")
    daemon.wait_for(lambda: not running(slow.mark), what="the hook is gone")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("victim", ["worker", "master"])
def test_kill_meanwhile(slow, kind, victim):
    """kill -9 of whoever started the examination leaves no hook behind, and none of its children."""
    text = f"trap '' TERM\nsetsid sleep {slow.mark} &\nsleep {slow.mark}\nsleep {slow.mark}"
    gate, pending = one(slow, kind, slowlog__timeout="100s", slowlog__command=hook(slow, text),
                        pm__max_children=1)
    daemon.wait_for(lambda: len(running(slow.mark)) >= 2, what="the hook runs")
    worker = slow.ganger.status("c", full=True)["processes"][0]["pid"]
    os.kill(worker if victim == "worker" else slow.ganger.pid, signal.SIGKILL)
    gate.let_go()  # a worker without a master finishes what it has
    daemon.wait_for(lambda: not running(slow.mark), what="the hook is gone")
    pending.thread.join(60)
    assert not pending.thread.is_alive()
    if victim == "master":
        slow.ganger.process.wait()
        slow.ganger.process = None
        daemon.wait_for(lambda: not daemon.alive(worker), what="the worker is gone")


@pytest.mark.parametrize("kind", KINDS)
def test_upgrade_meanwhile(slow, kind):
    """The request is slow once, before and after; the examination ends by itself."""
    gate, pending = one(slow, kind, slowlog__timeout="100s",
                        slowlog__command=hook(slow, f"sleep {slow.mark}"))
    daemon.wait_for(lambda: running(slow.mark), what="the hook runs")
    assert slow.slow("c") == 1
    done = slow.ganger.ctl("upgrade")
    assert done.returncode == 0, done
    time.sleep(0.4)  # four times the limit: nothing more is to happen
    assert slow.slow("c") == 1
    for pid in running(slow.mark):  # an impatient operator
        os.kill(pid, signal.SIGKILL)
    gate.let_go()
    good(pending)
    assert slow.slow("c") == 1
    e = slow.wait_entries(1)
    assert len(e) == 1
    again = slow.begin("c", gate.query("pipe"))
    daemon.wait_for(lambda: running(slow.mark), what="the next hook runs")
    for pid in running(slow.mark):
        os.kill(pid, signal.SIGKILL)
    slow.wait_entries(2)
    gate.let_go()
    good(again)
    assert slow.slow("c") == 2
