# SPDX-License-Identifier: Apache-2.0
"""Programs that do harm: to their own pool, and to nobody else."""

import os
import signal
import time

import pytest

import daemon
from daemon import LONG, wait_for
from native import SANITIZED, Crowd, salvo

SECONDS = 60 if LONG else 6
BEHAVIOURS = ["block", "ignore", "deaf", "close", "truncate", "scribble", "fork", "exit", "never"]


def serving(behaviour):
    return behaviour not in ("exit", "never")


def unharmed(world, before):
    """The good pool and the master are as they were."""
    status = world.status("c")
    assert (status["state"], status["total processes"], status["opaque processes"]) == ("running", 2, 0), status
    assert status["exits"] == before["exits"], status["exits"]
    assert Crowd(world, "/c", 50, 2).wait().lossless()
    wait_for(lambda: world.status("c")["idle processes"] == 2, what="the good pool is idle")
    assert world.ganger.process.poll() is None
    assert daemon.rss(world.ganger.pid) < ((400 << 20) if SANITIZED else (16 << 20))


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_harm_stays_in_its_pool(world, behaviour):
    """Whatever a program does: the other pool serves, its status is right, and a stop ends everything."""
    world.ganger.globals = 'process_control_timeout = "2s"'
    world.add("bad", [world.programs["misbehave"], behaviour], pm__max_children=3, catch_workers_output="yes")
    world.add("c").start(ready=behaviour != "never").front()
    # A pool that never comes up keeps the master from saying so; its sockets are there all the same.
    wait_for(lambda: all(os.path.exists(world.sock(pool)) for pool in ("c", "status")), what="the sockets")
    world.settled("c", 2)
    wait_for(lambda: world.status("c")["state"] == "running", what="the master knows that they are ready")
    before = world.status("c")
    descriptors = daemon.descriptors(world.ganger.pid)
    if serving(behaviour):
        for _ in range(20):
            assert world.get("bad").status == 200
    elif behaviour == "exit":
        for _ in range(10):
            assert world.get("bad").status == 502
    unharmed(world, before)
    if serving(behaviour) and behaviour != "scribble":
        wait_for(lambda: world.status("bad")["idle processes"] == 3, 5 + daemon.PATIENCE, "all idle again")
        assert world.status("bad")["accepted conn"] == 20
    assert daemon.descriptors(world.ganger.pid) - descriptors <= 6  # fewer, while dead ones are not replaced yet
    everyone = [pid for pid, _, _ in daemon.children(world.ganger.pid)]
    began = time.monotonic()
    assert world.ganger.stop(signal.SIGQUIT) == 0
    assert time.monotonic() - began < 15
    wait_for(lambda: not [p for p in everyone if daemon.alive(p)], what="nothing is left")


@pytest.mark.parametrize("behaviour", ["block", "close", "deaf", "fork"])
def test_recycling_of_stubborn_programs_loses_nothing(world, behaviour):
    world.add("bad", [world.programs["misbehave"], behaviour], pm__max_children=4, pm__max_requests=10)
    world.start().front()
    world.settled("bad", 4)
    first = set(world.pids("bad"))
    Crowd(world, "/bad", 400, 6).wait().lossless()
    wait_for(lambda: not first & set(world.pids("bad")), what="none of the first gang is left")


def test_C99_forks_threads_and_handlers_do_not_lock_the_shim(world):
    """fork, vfork, RTLD_DEEPBIND and a handler every 3 ms that calls what the shim wraps."""
    world.ganger.globals = 'process_control_timeout = "2s"'
    world.add("bad", [world.programs["misbehave"], "storm"], pm__max_children=4, pm__max_requests=50)
    world.start().front()
    world.settled("bad", 4)
    first = set(world.pids("bad"))
    crowd = Crowd(world, "/bad", 1_000_000, 4)
    deadline = time.monotonic() + (60 if LONG else 4)
    done = 0
    while time.monotonic() < deadline:
        wait_for(lambda: crowd.done > done, what="it goes on")
        done = crowd.done
    crowd.stop()
    crowd.wait()
    # libfcgi gives a connection up when a signal ends its poll(), without ganger as well: the more often, the
    # longer nginx has to wait for a processor.
    assert len(crowd.failures) < crowd.requests / 2, crowd.failures[:3]
    wait_for(lambda: not first & set(world.pids("bad")), what="none of the first gang is left")
    world.settled("bad", 4)
    assert world.status("bad")["accepted conn"] == crowd.requests
    assert world.ganger.stop(signal.SIGQUIT) == 0


def test_C11_scribbling_over_the_board_confuses_nothing_but_its_own_numbers(world):
    """Beside it another pool scales, recycles and is asked; no signal reaches a process that is not ganger's."""
    bystander = os.fork()
    if bystander == 0:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(3))
        while True:
            signal.pause()
    world.ganger.globals = 'process_control_timeout = "2s"'
    world.add("bad", [world.programs["misbehave"], "scribble", "block"], pm="dynamic", pm__max_children=6,
              pm__start_servers=3, pm__min_spare_servers=1, pm__max_spare_servers=4, pm__max_requests=50,
              request_terminate_timeout='"5s"', catch_workers_output="yes")
    world.add("c", pm="dynamic", pm__max_children=12, pm__start_servers=2, pm__min_spare_servers=1,
              pm__max_spare_servers=3, pm__max_requests=50, pm__process_idle_timeout='"500ms"')
    world.start().front()
    try:
        wait_for(lambda: world.status("c")["idle processes"] >= 1, what="the good pool serves")
        world.ganger.wait_log(r"scribbling over [1-9]")
        crowd = Crowd(world, "/c", 1_000_000, 3)
        nasty = Crowd(world, "/bad", 1_000_000, 2)
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            assert {r.status for r in salvo(world, "c", "sleep=20", 8)} == {200}
            status = world.status("c", full=True)
            assert status["state"] == "running" and 1 <= status["total processes"] <= 15, status
            for form in ("", "json", "full", "json&full"):
                assert daemon.fcgi.ask(world.sock("status"), "/status", form).status == 200
            assert world.ganger.process.poll() is None, world.ganger.log[-3000:]
        for c in (crowd, nasty):
            c.stop()
            c.wait()
        crowd.lossless()
        assert os.waitpid(bystander, os.WNOHANG) == (0, 0), "a process of somebody else was signalled"
        assert daemon.rss(world.ganger.pid) < ((400 << 20) if SANITIZED else (20 << 20))
        status = world.status("c")
        assert (status["exits"]["error"], status["exits"]["signal"]) == (0, 0), status["exits"]
        assert world.ganger.stop(signal.SIGQUIT) == 0, world.ganger.log[-4000:]
    finally:
        os.kill(bystander, signal.SIGKILL)
        os.waitpid(bystander, 0)


def test_a_bad_pool_is_named(world):
    world.ganger.globals = 'process_control_timeout = "500ms"'
    world.add("bad", [world.programs["misbehave"], "block", "ignore"], stop_signal="SIGUSR1")
    world.start()
    world.settled("bad", 2)
    pending, pid = world.in_hand("bad", "n", "sleep=20000")
    began = time.monotonic()
    assert world.ganger.stop(signal.SIGQUIT) == 0
    assert time.monotonic() - began < 10
    assert not daemon.alive(pid)
    assert "[pool bad]" in world.ganger.log and str(pid) in world.ganger.log
    with pytest.raises(Exception):
        pending.result()
