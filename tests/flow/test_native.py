# SPDX-License-Identifier: Apache-2.0
"""Unmodified FastCGI programs: they run, are counted, and are never cut off in the middle of a request."""

import collections
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import time

import pytest

import daemon
import fcgi
from daemon import LONG, wait_for
from native import Crowd, Pending

SEEN = ["php", "perl", "c", "threads", "python", "flup"]  # the shim counts for these
SLEEP = 3000 if LONG else 1200  # of a request that must not be cut short
BODY = os.urandom(150_000)


# ---- they run, and status is true ------------------------------------------------------------------

@pytest.mark.parametrize("name", [*SEEN, "go"])
def test_runs_unmodified_behind_nginx(world, name):
    world.add(name).start().front()
    reply = world.get(name, "sleep=20")
    assert reply.status == 200 and reply.slept >= 20, reply
    assert reply.pid in world.pids(name)
    reply = world.get(name, "cat", BODY)
    assert reply.status == 200 and reply.rest == BODY
    Crowd(world, f"/{name}", 100, 4).wait().lossless()


@pytest.mark.parametrize("name", SEEN)
def test_status_says_who_is_busy_and_how_many_were_accepted(world, name):
    world.add(name, pm__max_children=3).start().front()
    world.settled(name, 3)
    before = world.status(name)
    assert (before["kind"], before["active processes"], before["total processes"],
            before["accepted conn"], before["opaque processes"]) == ("fastcgi", 0, 3, 0, 0), before

    pending, pid = world.in_hand(name, "busy", "sleep=1500")
    wait_for(lambda: world.status(name)["active processes"] == 1, what="one is busy")
    during = world.status(name, full=True)
    assert (during["idle processes"], during["accepted conn"]) == (2, 1)
    states = {p["pid"]: p["state"] for p in during["processes"]}
    assert states[pid] == "Running" and list(states.values()).count("Idle") == 2, states
    assert pending.result().slept >= 1500

    Crowd(world, f"/{name}", 200, 3).wait().lossless()
    world.settled(name, 3)
    after = world.status(name, full=True)
    assert (after["accepted conn"], after["active processes"]) == (201, 0)
    assert sum(p["accepted conn"] for p in after["processes"]) == 201
    assert sum(p["requests"] for p in after["processes"]) == 201


def test_a_multithreaded_program_is_busy_while_any_of_its_threads_is(world):
    world.add("threads", pm__max_children=1).start()
    world.settled("threads", 1)
    first, pid = world.in_hand("threads", "one", "sleep=400")
    second, same = world.in_hand("threads", "two", "sleep=1500")
    assert pid == same
    assert world.status("threads", full=True)["processes"][0]["active requests"] == 2
    first.result()
    assert world.status("threads")["active processes"] == 1
    second.result()
    world.settled("threads", 1)


def test_C97_go_is_opaque_and_says_so(world):
    world.add("go").start().front()
    Crowd(world, "/go", 200, 4).wait().lossless()
    status = world.status("go")
    assert status["opaque processes"] == 2, status
    assert "opaque" in world.ganger.log


def test_C97_a_static_program_is_opaque_and_works(world, programs):
    static = str(world.base / "static")
    source = daemon.ROOT / "tests" / "tools" / "fcgi-hello.c"
    subprocess.run(["gcc", "-O1", "-static", "-o", static, str(source), "-lfcgi"], check=True)
    world.add("static", [static]).start().front()
    Crowd(world, "/static", 200, 4).wait().lossless()
    assert world.status("static")["opaque processes"] == 2
    assert world.ganger.stop(signal.SIGQUIT) == 0


def test_C97_a_setuid_program_is_opaque_and_works(world, programs):
    if os.geteuid() != 0:
        pytest.fail("needs root: run the tests as root")
    program = world.base / "setuid"
    shutil.copy(programs["fcgi-hello"], program)
    shutil.chown(program, "daemon")
    program.chmod(0o755 | stat.S_ISUID)
    # With no_new_privileges the kernel gives nothing, and the loader may preload after all.
    world.add("setuid", [str(program)], no_new_privileges="no").start().front()
    Crowd(world, "/setuid", 100, 4).wait().lossless()
    assert world.status("setuid")["opaque processes"] == 2


def test_C97_a_program_that_clears_its_environment_is_counted(world):
    world.add("c", ["/usr/bin/env", "-i", world.programs["fcgi-hello"]])
    world.add("perl").start().front()
    assert world.get("c").status == 200
    assert world.get("perl").status == 200, "the other pool serves"


def test_the_shim_leaves_the_environment_of_programs_alone(world):
    """What the program starts does not inherit the shim, and what was preloaded before it still is."""
    script = world.ganger.folder.script("show.pl", """#!/usr/bin/perl
use FCGI;
my $request = FCGI::Request();
while ($request->Accept() >= 0) {
    my $child = `/usr/bin/env`;
    print "Content-Type: text/plain\\r\\n\\r\\n";
    print "own ", join(',', map { "$_=$ENV{$_}" } grep { /LD_PRELOAD|GANGER/ } keys %ENV), "\\n";
    print "child ", join(',', grep { /LD_PRELOAD|GANGER/ } split /\\n/, $child), "\\n";
}
""")
    world.add("show", [script]).start()
    assert world.direct("show").body == b"own \nchild \n"


@pytest.mark.parametrize("how", ["execl", "execlp", "execle"])
def test_a_launcher_hands_its_slot_on(world, how):
    """The library goes along, whichever function it is."""
    world.add("c", [world.programs["fcgi-exec"], how, world.programs["fcgi-hello"]]).start()
    world.settled("c", 2)
    assert world.direct("c").pid in world.pids("c")
    status = world.status("c")
    assert (status["opaque processes"], status["accepted conn"]) == (0, 1), status
    assert world.ganger.stop(signal.SIGQUIT) == 0


def test_a_program_that_execs_itself_between_requests_finishes_when_the_master_dies(world):
    """Nothing is left of the library by then: what comes is the stop signal, which libfcgi heeds, and
    no signal that the new program cannot know."""
    world.add("c", [world.programs["fcgi-exec"], "again", world.programs["fcgi-hello"]],
              pm__max_children=1, stop_signal='"SIGUSR1"').start()
    world.settled("c", 1)
    pid = world.direct("c").pid
    pending, again = world.in_hand("c", "second", "sleep=600")
    assert again == pid, "it is still the same process"
    world.ganger.process.kill()
    world.ganger.process.wait()
    reply = pending.result()
    assert (reply.status, reply.pid) == (200, pid), reply
    wait_for(lambda: not daemon.alive(pid), what="it leaves, too")


def test_a_program_that_execs_itself_between_requests_is_stopped_all_the_same(world):
    world.add("c", [world.programs["fcgi-exec"], "again", world.programs["fcgi-hello"]]).start()
    world.settled("c", 2)
    for _ in range(6):
        assert world.direct("c").status == 200
    assert world.ganger.stop(signal.SIGQUIT) == 0


def test_an_exec_that_fails_changes_nothing(world):
    world.add("c", [world.programs["fcgi-exec"], "fail", "/nonexistent/program"],
              pm__max_children=1).start()
    world.settled("c", 1)
    pids = {world.direct("c").pid for _ in range(5)}
    assert len(pids) == 1
    world.settled("c", 1)
    status = world.status("c")
    assert (status["accepted conn"], status["opaque processes"], status["spawned"]) == (5, 0, 1), status
    pending, pid = world.in_hand("c", "busy", "sleep=600")
    assert world.status("c")["active processes"] == 1
    world.ganger.signal(signal.SIGQUIT)
    reply = pending.result()
    assert (reply.status, reply.pid) == (200, pid) and reply.slept >= 600, reply
    assert world.ganger.process.wait(daemon.PATIENCE) == 0


def test_a_program_that_forks_its_own_workers_is_opaque_and_the_remedy_is_said(world):
    world.add("php", pm__max_children=1, env='{"PHP_FCGI_CHILDREN=3"}').start().front()
    Crowd(world, "/php", 50, 3).wait().lossless()
    status = world.status("php")
    assert (status["state"], status["opaque processes"], status["total processes"]) == ("running", 1, 1), status
    assert "unset PHP_FCGI_CHILDREN" in world.ganger.log
    family = [p for pid in world.pids("php") for p in (pid, *(child for child, _, _ in daemon.children(pid)))]
    assert len(family) == 4
    world.ganger.process.kill()
    world.ganger.process.wait()
    wait_for(lambda: not [p for p in family if daemon.alive(p)], what="they leave with the master")


def test_a_script_that_starts_the_program_as_its_child(world):
    script = world.ganger.folder.script("start", f"#!/bin/sh\n{world.programs['fcgi-hello']}\ntrue\n")
    world.add("script", [script], env='{"GANGER_SHIM_INHERIT=1"}').start().front()
    world.settled("script", 2)
    Crowd(world, "/script", 50, 3).wait().lossless()
    assert world.status("script")["accepted conn"] == 50
    family = [p for pid, _, _ in daemon.children(world.ganger.pid)
              for p in (pid, *(child for child, _, _ in daemon.children(pid)))]
    pending = Pending(world, "script", f"sleep={SLEEP}&note={world.notes}/s")
    wait_for(lambda: (world.notes / "s").exists(), what="it is in hand")
    world.ganger.process.kill()
    world.ganger.process.wait()
    assert pending.result().slept >= SLEEP
    wait_for(lambda: not [p for p in family if daemon.alive(p)], what="they leave with the master")


# ---- a request in hand is finished -----------------------------------------------------------------

# tests/flow/test_uninterrupted.py: through a stop, recycling and shrinking.

def test_idle_programs_stop_at_once(world):
    for name in SEEN:
        world.add(name)
    world.start()
    for name in SEEN:
        world.settled(name, 2)
    began = time.monotonic()
    assert world.ganger.stop(signal.SIGQUIT) == 0
    assert time.monotonic() - began < 5


# ---- the master dies --------------------------------------------------------------------------------

@pytest.mark.parametrize("name", [*SEEN, "go"])
def test_kill_9_of_the_master_workers_finish_and_leave(world, name):
    world.add(name).start()
    wait_for(lambda: len(world.pids(name)) == 2, what="two workers")
    everyone = [pid for pid, _, _ in daemon.children(world.ganger.pid)]
    if name == "go":
        pending, _ = Pending(world, name, ""), None
        pending.result()
    else:
        pending, _ = world.in_hand(name, "n", f"sleep={SLEEP}")
    world.ganger.process.kill()
    world.ganger.process.wait()
    if name != "go":
        reply = pending.result()
        assert reply.status == 200 and reply.slept >= SLEEP, reply
    wait_for(lambda: not [p for p in everyone if daemon.alive(p)], what="every worker has left")


# ---- programs that die ------------------------------------------------------------------------------

def test_C03_a_program_that_crashes_costs_its_own_request_alone(world):
    """Every 50th request ends the program by SIGSEGV: as many requests are lost, and nothing is held back."""
    world.add("perl", pm__max_children=4).start().front()
    world.settled("perl", 4)
    lost = 0
    for _ in range(4):
        Crowd(world, "/perl", 49, 4).wait().lossless()
        lost += world.get("perl", "crash").status == 502
    assert lost == 4
    wait_for(lambda: world.status("perl")["idle processes"] == 4, what="all four again")
    status = world.status("perl")
    assert status["exits"]["signal"] == 4, status["exits"]
    assert status["state"] == "running" and status["spawned"] == 8, status
    assert "SEGV" in world.ganger.log


def test_C04_a_program_that_leaves_by_itself_is_replaced_at_once(world):
    """php-cgi ends with status 0 after PHP_FCGI_MAX_REQUESTS: on purpose, so no throttle and no loss."""
    world.add("php", pm__max_children=4, env='{"PHP_FCGI_MAX_REQUESTS=20"}').start().front()
    crowd = Crowd(world, "/php", 1000 if LONG else 400, 6).wait()
    # A connection that the leaving program had accepted cannot be: it leaves between requests.
    crowd.lossless()
    assert len(crowd.pids) >= crowd.requests // 20
    wait_for(lambda: world.status("php")["idle processes"] == 4, what="all four again")
    status = world.status("php")
    assert status["state"] == "running"
    assert status["exits"]["ok"] >= crowd.requests // 20 - 4 and \
        (status["exits"]["error"], status["exits"]["signal"]) == (0, 0), status["exits"]
    assert "failing" not in world.ganger.log and "exited" not in world.ganger.log, world.ganger.log


def test_C10_a_worker_killed_while_it_writes_its_slot_never_holds_up_status(world):
    world.add("c", pm__max_children=4).start().front()
    world.settled("c", 4)
    crowd = Crowd(world, "/c?sleep=2", 100_000, 4)
    times = []
    killed = set()
    deadline = time.monotonic() + (30 if LONG else 4)
    while time.monotonic() < deadline:
        began = time.monotonic()
        status = world.status("c", full=True)
        times.append(time.monotonic() - began)
        assert status["total processes"] <= 5
        if len(times) % 40 == 0 and (pids := world.pids("c")):
            os.kill(pids[0], signal.SIGKILL)
            killed.add(pids[0])
    crowd.stop()
    crowd.wait()
    assert len(killed) >= 3 and len(crowd.failures) <= len(killed), crowd.failures[:3]
    assert sorted(times)[len(times) // 2] < 0.25
    world.settled("c", 4)
    assert world.status("c")["exits"]["signal"] == len(killed)


# ---- programs that misbehave --------------------------------------------------------------------------

def test_C98_a_program_that_closes_every_descriptor_is_counted(world):
    closer = world.ganger.folder.script("close.pl", f"""#!/usr/bin/perl
use POSIX;
POSIX::close($_) for 3 .. 1023;
do "{world.programs['fcgi.pl']}";
die $@ if $@;
""")
    world.add("closer", [closer]).start().front()
    world.settled("closer", 2)
    Crowd(world, "/closer", 200, 4).wait().lossless()
    world.settled("closer", 2)
    assert world.status("closer")["accepted conn"] == 200
    pending, _ = world.in_hand("closer", "n", "sleep=700")
    wait_for(lambda: world.status("closer")["active processes"] == 1, what="it is seen to be busy")
    world.ganger.signal(signal.SIGQUIT)
    assert pending.result().slept >= 700
    assert world.ganger.process.wait(daemon.PATIENCE) == 0


def test_client_that_hung_up_while_it_waited_costs_no_request(world):
    world.add("c", pm__max_children=1).start()
    world.settled("c", 1)
    pending, _ = world.in_hand("c", "n", "sleep=600")
    request = fcgi.whole(fcgi.cgi_params(world.php, f"note={world.notes}/gone"))
    for _ in range(10):
        with fcgi.Conn(world.sock("c")) as conn:
            conn.send(request)
    pending.result()
    assert world.direct("c").status == 200
    assert not (world.notes / "gone").exists(), "the program was given a request nobody waits for"


# ---- what it costs ----------------------------------------------------------------------------------

def calls(trace, pid, requests, ask):
    """System calls of `pid` while it answers, by name."""
    tracer = subprocess.Popen(["strace", "-f", "-o", str(trace), "-p", str(pid)], stderr=subprocess.PIPE, text=True)
    try:
        assert "attached" in tracer.stderr.readline()
        for _ in range(requests):
            ask()
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=20)
    return collections.Counter(re.findall(r"^\d+ +(\w+)\(", trace.read_text(), re.M))


@pytest.mark.parametrize("name", ["c", "php", "perl"])
def test_the_shim_adds_the_system_calls_that_the_manual_names_and_no_other(world, name):
    requests = 50
    os.utime(world.php, (1, 1))  # PHP's cache opens a new file at each request for its first two seconds
    world.add(name, pm__max_children=1).start()
    world.settled(name, 1)
    world.direct(name)
    with_shim = calls(world.base / "with", world.pids(name)[0], requests, lambda: world.direct(name))

    path = str(world.base / "plain.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(16)
        plain = subprocess.Popen(world.commands[name], stdin=listener.fileno(), stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
    try:
        def ask():
            assert fcgi.ask(path, world.php, strict=False).status == 200
        ask()
        without = calls(world.base / "without", plain.pid, requests, ask)
    finally:
        plain.kill()
        plain.wait()
    added = with_shim - without
    looks = added.pop("ppoll", 0)
    assert looks <= requests, f"{looks} looks whether the client is there"
    # Nobody is idle while the only worker is busy: unless the master is looking already, it is told.
    rings = added.pop("write", 0)
    assert rings <= requests
    assert added.pop("newfstatat", 0) <= rings + 2 and added.pop("rt_sigprocmask", 0) <= 2 * rings + 2, (added, rings)
    # The trace begins and ends in the middle of a call.
    assert all(count <= 2 for count in added.values()), (added, with_shim, without)
