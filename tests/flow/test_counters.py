# SPDX-License-Identifier: Apache-2.0
"""Every counter of the status after an exact script of happenings: as many as there were, and the same
after an upgrade, a reload and kill -9 of the workers that had counted them.

Nothing here is told from how long it takes: each step is waited for, and then the numbers are compared.
"""

import os
import signal
import time

import daemon
import fcgi
import native
from daemon import wait_for
from test_reload import edit
from test_upgrade import install, upgrade, installed  # noqa: F401 a fixture

LEAVES = """#!/usr/bin/perl
use FCGI;
$SIG{CHLD} = 'DEFAULT';
my $r = FCGI::Request();
while ($r->Accept() >= 0) {
    my $order = $ENV{QUERY_STRING};
    print "Content-Type: text/plain\\r\\n\\r\\nslept=0\\n";
    $r->Finish();
    exit $1 if $order =~ /exit=(\\d+)/;
    kill $1, $$ if $order =~ /kill=(\\w+)/;
}
"""
CGI = """#!/bin/sh
case "$QUERY_STRING" in
*fail*) exit 0 ;;
*late*) exec sleep 60 ;;
esac
cat >/dev/null
printf 'Content-Type: text/plain\\r\\n\\r\\nhello\\n'
"""
CAUSES = ("max requests", "max memory", "emergency", "time limit", "reload", "restart", "scale down")


def causes(**counts):
    return dict.fromkeys(CAUSES, 0) | {k.replace("_", " "): v for k, v in counts.items()}


def at_rest(world, pool, size):
    """The whole gang serves, and nobody leaves."""
    def quiet():
        s = world.status(pool)
        return s["state"] == "running" and s["idle processes"] == s["total processes"] == size and \
            s["leaving processes"] == 0 and s
    return wait_for(quiet, what=f"{size} idle workers of {pool}")


def same(world, pool, **expected):
    """What the status says of the pool is exactly this."""
    expected = {k.replace("_", " "): v for k, v in expected.items()}

    def found():
        s = world.status(pool)
        return {k: s[k] for k in expected}
    # A worker that has gone is counted when the master has heard of it.
    try:
        wait_for(lambda: found() == expected, what="the counters")
    except AssertionError:
        assert found() == expected
    s = world.status(pool)
    exits = s["exits"]
    assert s["spawned"] == s["total processes"] + sum(exits.values()), s
    assert sum(s["exit codes"].values()) == exits["error"]
    assert sum(s["exit signals"].values()) == exits["signal"]
    assert sum(s["request duration histogram"].values()) == \
        (s["requests"] if s["kind"] == "cgi" else 0)


def kill(world, pool, number=signal.SIGKILL):
    pid = world.pids(pool)[0]
    os.kill(pid, number)
    wait_for(lambda: pid not in world.pids(pool) and not daemon.alive(pid), what=f"{pid} is gone")


def ordered(world, *arguments):
    done = world.ganger.ctl(*arguments)
    assert done.returncode == 0, done.stderr + world.ganger.log[-3000:]


def test_a_cgi_pool(installed, programs):  # noqa: F811
    world = native.World(installed, programs)
    script = installed.folder.script("do.cgi", CGI)
    world.add("cgi", [script], kind="cgi", pm__max_children=2, request_terminate_timeout="4s")
    world.start()
    at_rest(world, "cgi", 2)
    for i in range(12):
        assert world.direct("cgi", "", b"x" * 100).status == 200
    for i in range(3):
        assert world.direct("cgi", "fail").status == 502
    late = [native.Pending(world, "cgi", "late") for _ in range(2)]
    assert [p.result().status for p in late] == [504, 504]
    counted = {"accepted conn": 17, "requests": 17, "failed requests": 5, "timed out requests": 2,
               "aborted requests": 0, "slow requests": 0}
    same(world, "cgi", spawned=2, exits={"ok": 0, "error": 0, "signal": 0}, restarts=causes(), **counted)
    # With their parameters and frames; and then the same for ever.
    counted |= {k: world.status("cgi")[k] for k in ("bytes in", "bytes out", "queue time histogram",
                                                    "first byte histogram", "cpu seconds")}
    assert counted["bytes in"] > 1200 and counted["bytes out"] > 12 * len("hello\n")
    # Those who counted are killed, one is asked to leave, all are replaced twice: the sum stays.
    kill(world, "cgi")
    at_rest(world, "cgi", 2)
    kill(world, "cgi", signal.SIGUSR2)
    at_rest(world, "cgi", 2)
    ordered(world, "scale", "cgi", "1")
    at_rest(world, "cgi", 1)
    ordered(world, "restart", "cgi", "--wait")
    at_rest(world, "cgi", 1)
    edit(world, "cgi", env='{"A=1"}')
    ordered(world, "reload", "--wait")
    at_rest(world, "cgi", 2)
    whole = dict(counted, spawned=7, exits={"ok": 3, "error": 0, "signal": 2}, **{
        "exit codes": {}, "exit signals": {"SIGKILL": 1, "SIGUSR2": 1}},
        restarts=causes(scale_down=1, restart=1, reload=1))
    same(world, "cgi", **whole)
    upgrade(installed)
    at_rest(world, "cgi", 2)
    same(world, "cgi", **whole)
    assert world.direct("cgi").status == 200
    kill(world, "cgi")
    at_rest(world, "cgi", 2)
    for name in ("bytes in", "bytes out", "queue time histogram", "first byte histogram", "cpu seconds"):
        del whole[name]
    whole |= {"accepted conn": 18, "requests": 18, "spawned": 8, "exits": {"ok": 3, "error": 0, "signal": 3},
              "exit signals": {"SIGKILL": 2, "SIGUSR2": 1}}
    same(world, "cgi", **whole)


def test_native_pools(installed, programs):  # noqa: F811
    """Each leaves for causes of its own, all at once."""
    world = native.World(installed, programs)
    leaves = installed.folder.script("leaves.pl", LEAVES)
    world.add("count", [programs["fcgi-hello"]], pm__max_children=1, pm__max_requests=5)
    world.add("grow", [programs["fcgi-hello"]], pm__max_children=1, pm__max_memory="64M")
    world.add("late", [programs["fcgi-hello"]], pm__max_children=1, request_terminate_timeout="1s")
    world.add("leaves", [leaves], pm__max_children=1)
    world.add("idle", [programs["fcgi-hello"]], pm="ondemand", pm__max_children=1,
              pm__process_idle_timeout="1s")
    world.add("roll", [programs["fcgi-hello"]], pm__max_children=2)
    world.start()
    for name in ("count", "grow", "late", "leaves"):
        at_rest(world, name, 1)
    at_rest(world, "roll", 2)

    stuck = native.Pending(world, "late", "sleep=60000")
    assert world.direct("idle").status == 200
    assert world.direct("grow", f"grow={100 << 20}").status == 200
    for _ in range(5):
        assert world.direct("count").status == 200
    served = 0
    for order in ("", "exit=3", "exit=3", "exit=200", "kill=KILL", "kill=SEGV", "exit=0"):
        assert world.direct("leaves", order).status == 200
        served += 1
        wait_for(lambda: sum((s := world.status("leaves"))["exits"].values()) == served - 1 and
                 s["requests"] == served, what="its end")
        at_rest(world, "leaves", 1)
    ordered(world, "restart", "roll", "--wait")
    at_rest(world, "roll", 2)
    edit(world, "roll", env='{"A=1"}')
    ordered(world, "reload", "--wait")
    at_rest(world, "roll", 2)
    kill(world, "roll")
    at_rest(world, "roll", 2)
    stuck.result()  # libfcgi ends its sleep, answers, and leaves

    expected = {
        "count": {"requests": 5, "restarts": causes(max_requests=1), "spawned": 2},
        "grow": {"requests": 1, "restarts": causes(max_memory=1), "spawned": 2},
        "late": {"restarts": causes(time_limit=1), "timed out requests": 1, "spawned": 2},
        "leaves": {"requests": 7, "restarts": causes(), "spawned": 7,
                   "exits": {"ok": 1, "error": 3, "signal": 2},
                   "exit codes": {"3": 2, "200": 1}, "exit signals": {"SIGKILL": 1, "SIGSEGV": 1}},
        "idle": {"requests": 1, "restarts": causes(scale_down=1), "spawned": 1, "total processes": 0},
        "roll": {"requests": 0, "restarts": causes(restart=2, reload=2), "spawned": 7,
                 "exits": {"ok": 4, "error": 0, "signal": 1}, "exit signals": {"SIGKILL": 1}},
    }
    for _ in range(2):
        for name, numbers in expected.items():
            same(world, name, **numbers)
        upgrade(installed)
    for name, numbers in expected.items():
        same(world, name, **numbers)


def test_what_workers_use(world, programs):
    """Measured while somebody looks: the memory and the time of a program in hand, and of those before."""
    script = world.ganger.folder.script("eat.pl", """#!/usr/bin/perl
my $kept = 'x' x (64 << 20);
my @spent;
do { @spent = times } until $spent[0] + $spent[1] > 0.4;
print "Content-Type: text/plain\\r\\n\\r\\n";
sleep 60 if $ENV{QUERY_STRING} eq 'stay';
""")
    world.add("cgi", [script], kind="cgi", pm__max_children=1).start()
    world.settled("cgi", 1)
    assert world.direct("cgi", "").status == 200
    stays = native.Pending(world, "cgi", "stay")

    def large():
        s = world.status("cgi", full=True)
        return s["memory resident"] > 64 << 20 and s["process cpu seconds"] >= 0.4 and s
    s = wait_for(large, what="the program is seen")
    assert s["processes"][0]["memory resident"] == s["memory resident"]
    if s["memory proportional"]:  # needs the right to look into others
        assert 64 << 20 < s["memory proportional"] <= s["memory resident"]
    elif world.ganger.as_root:
        raise AssertionError("no proportional size")
    assert abs(time.time() - s["measured"]) < 60
    before = s["process cpu seconds"]
    # What the dead have used stays, and grows by what was not seen before.
    kill(world, "cgi")
    world.settled("cgi", 1)
    small = wait_for(lambda: (n := world.status("cgi"))["memory resident"] < 32 << 20 and n,
                     what="its memory is forgotten")
    assert small["process cpu seconds"] >= before
    stays.thread.join(daemon.PATIENCE)


def at_peace(pid):
    """It sleeps for a whole second, sooner or later."""
    def wakes():
        fields = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status") if ":" in line)
        return int(fields["voluntary_ctxt_switches"])

    def quiet():
        before = wakes()
        time.sleep(3 if daemon.LONG else 1)  # LONG: longer than two surveys are apart
        return wakes() - before <= 1
    wait_for(quiet, what="the master sleeps")
    assert len(os.listdir(f"/proc/{pid}/task")) == 1


def test_nothing_is_measured_while_nobody_looks(world):
    """No thread, no timer; with LONG also when somebody has looked, some ten seconds later."""
    world.add("c", pm__max_children=2).start()
    pid = world.ganger.pid
    wait_for(lambda: len(daemon.children(pid)) >= 3, what="its workers")
    at_peace(pid)
    assert world.status("c")["measured"] == 0
    wait_for(lambda: world.status("c")["measured"] > 0, what="a measurement")
    if daemon.LONG:
        at_peace(pid)


POOLS = 1000 if daemon.LONG else 40


def test_C71_many_idle_pools(ganger):
    """They serve, all of them; the status knows each; nobody wakes the master; its memory is bounded."""
    script = ganger.folder.script("true.cgi", "#!/bin/sh\necho Content-Type: text/plain\necho\n")
    pools = [ganger.pool(f"p{i}", f'  kind = cgi\n  command = {{"{script}"}}\n  pm.max_children = 4')
             for i in range(POOLS)]
    ganger.write(*pools)
    ganger.start(timeout=5 * daemon.PATIENCE)
    wait_for(lambda: len(daemon.children(ganger.pid)) == 4 * POOLS + 1, 5 * daemon.PATIENCE, "all workers")
    at_peace(ganger.pid)
    if not daemon.ASAN:
        assert daemon.rss(ganger.pid) < 32 << 20

    def idle():
        s = [p for p in ganger.status()["pools"] if p["kind"] == "cgi"]
        assert len(s) == POOLS
        return sum(p["idle processes"] for p in s) == 4 * POOLS
    wait_for(idle, what="all are idle")
    for i in range(0, POOLS, 13):
        assert fcgi.ask(ganger.sock(f"p{i}"), "/x", "").status == 200
