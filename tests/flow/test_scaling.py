# SPDX-License-Identifier: Apache-2.0
"""Gangs grow in the moment in which they must, and shrink to what was needed."""

import math
import os
import time

import pytest

import daemon
from daemon import LONG, wait_for
from native import SANITIZED, SLACK, Pending, crowding, salvo

DYNAMIC = {"pm": "dynamic", "pm.max_children": 100, "pm.start_servers": 5, "pm.min_spare_servers": 5,
           "pm.max_spare_servers": 10}
# Seconds in which the 100 requests of a burst are answered, the best of TRIES; scripts/bench burst measures.
# To start php-cgi takes 10 ms of a processor: two of them cannot have started enough before 0.55 s.  A request
# of a CGI pool takes two starts, the worker's and the program's.
BURST = {"c": 0.4, "cgi": 0.6, "php": 0.4 if (os.cpu_count() or 1) >= 8 else 1.5}
# Milliseconds to the answer of a pool without a process, the best of 2 * TRIES; scripts/bench cold measures.
COLD = {"c": 5, "cgi": 15}
TRIES = 15


def add(world, name, **options):
    if name == "cgi":
        return world.add("cgi", [world.programs["cgi"]], kind="cgi", **options)
    return world.add(name, **options)


@pytest.fixture
def burst_world(world):
    def start(name, **options):
        add(world, name, **(DYNAMIC | options)).start()
        wait_for(lambda: world.status(name)["idle processes"] >= 5, what="five stand ready")
        return world
    return start


@pytest.mark.parametrize("name", ["c", "php", "cgi"])
def test_a_burst_is_answered_at_once(burst_world, name):
    """100 requests of 200 ms on a pool of 5: each would wait 4 s if the pool stayed as it is."""
    world = burst_world(name, **{"pm.process_idle_timeout": '"300ms"'})
    query = "ok&sleep=200" if name == "cgi" else "sleep=200"
    took = []
    for _ in range(TRIES):
        replies = salvo(world, name, query, 100)
        assert [r.status for r in replies] == [200] * 100
        took.append(replies[-1].took)
        if took[-1] <= BURST[name] * SLACK:
            break
        wait_for(lambda: world.status(name)["total processes"] <= 12, what="small again")
    assert min(took) <= BURST[name] * SLACK * crowding(), took
    if name != "cgi":  # whose replies name the program
        assert len({r.pid for r in replies}) > 10, (took, world.status(name), world.ganger.log[-3000:])


@pytest.mark.parametrize("name", ["c", "cgi"])
def test_the_first_request_of_an_ondemand_pool(world, name):
    """Answered by a process that did not run when it came."""
    add(world, name, pm="ondemand", pm__max_children=4, pm__process_idle_timeout='"100ms"').start()
    took = []
    while len(took) < 2 * TRIES and min(took, default=math.inf) > COLD[name] * SLACK:
        wait_for(lambda: world.status(name)["total processes"] == 0, what="nobody is left")
        took.append(1000 * world.direct(name, "ok" if name == "cgi" else "").took)
    assert min(took) <= COLD[name] * SLACK * crowding(), took


@pytest.mark.parametrize("name", ["php", "python", "flup", "threads", "cgi"])
def test_an_ondemand_pool_comes_and_goes(world, name):
    add(world, name, pm="ondemand", pm__max_children=4, pm__process_idle_timeout='"150ms"').start()
    for _ in range(5):
        wait_for(lambda: world.status(name)["total processes"] == 0, what="nobody is left")
        assert world.direct(name, "ok" if name == "cgi" else "").status == 200


def test_an_ondemand_pool_starts_as_many_as_wait(world):
    world.add("c", pm="ondemand", pm__max_children=20, pm__process_idle_timeout='"10s"').start()
    replies = salvo(world, "c", "sleep=300", 12)
    assert {r.status for r in replies} == {200}
    assert replies[-1].took < 1.8 * crowding(), "one after another they take 3.6 s"
    assert 4 <= world.status("c")["total processes"] <= 20


# tests/flow/test_light_traffic.py: and back to the spares while a little is to be done.

def test_steady_traffic_does_not_make_the_gang_flap(world):
    world.add("c", pm="dynamic", pm__max_children=30, pm__start_servers=4, pm__min_spare_servers=2,
              pm__max_spare_servers=6, pm__process_idle_timeout='"1s"').start()
    wait_for(lambda: world.status("c")["idle processes"] >= 2, what="it serves")
    deadline = time.monotonic() + (30 if LONG else 4)
    while time.monotonic() < deadline:
        salvo(world, "c", "sleep=30", 6)
    assert world.status("c")["spawned"] <= 16, world.status("c")


def test_max_children_holds(world):
    world.add("c", pm="dynamic", pm__max_children=6, pm__start_servers=2, pm__min_spare_servers=1,
              pm__max_spare_servers=3).start()
    wait_for(lambda: world.status("c")["idle processes"] >= 2, what="it serves")
    pending = [Pending(world, "c", "sleep=100") for _ in range(30)]
    most = 0
    while any(p.thread.is_alive() for p in pending):
        most = max(most, world.status("c")["total processes"])
    assert {p.result().status for p in pending} == {200}
    status = world.status("c")
    assert most <= 6 and status["max active processes"] <= 6
    assert status["max children reached"] >= 1
    assert len([line for line in world.ganger.log.splitlines() if "max_children" in line]) in (1, 2)


def test_process_max_holds_over_all_pools(world):
    world.ganger.globals = "process.max = 12"
    for name in ("c", "perl"):
        world.add(name, pm="dynamic", pm__max_children=10, pm__start_servers=2, pm__min_spare_servers=1,
                  pm__max_spare_servers=3)
    world.start()
    for name in ("c", "perl"):
        wait_for(lambda: world.status(name)["idle processes"] >= 1, what="it serves")
    pending = [Pending(world, name, "sleep=100") for name in ("c", "perl") for _ in range(20)]
    most = 0
    while any(p.thread.is_alive() for p in pending):
        most = max(most, sum(world.status(n)["total processes"] for n in ("c", "perl")))
    assert {p.result().status for p in pending} == {200}
    assert most <= 12, most


def test_cgi_pools_scale_likewise(world):
    world.add("cgi", [world.programs["cgi"]], kind="cgi", pm="dynamic", pm__max_children=20,
              pm__start_servers=2, pm__min_spare_servers=1, pm__max_spare_servers=3,
              pm__process_idle_timeout='"500ms"').start()
    wait_for(lambda: world.status("cgi")["idle processes"] >= 2, what="it serves")
    assert {r.status for r in salvo(world, "cgi", "ok&sleep=300", 12)} == {200}
    assert world.status("cgi")["max active processes"] >= 8
    wait_for(lambda: world.status("cgi")["total processes"] <= 4, what="small again")


def test_a_pool_that_cannot_start_is_throttled_and_the_others_scale(world):
    bad = world.ganger.folder.script("bad", "#!/bin/sh\necho no licence >&2\nexit 3\n")
    world.add("bad", [bad], pm__max_children=10, catch_workers_output="yes")
    world.add("c", **{k.replace(".", "__"): v for k, v in DYNAMIC.items()})
    world.start()
    wait_for(lambda: world.status("c")["idle processes"] >= 5, what="the good pool serves")
    wait_for(lambda: world.status("bad")["state"] == "failing", what="the bad pool is failing")
    assert {r.status for r in salvo(world, "c", "sleep=100", 40)} == {200}
    status = world.status("bad")
    assert "3" in status["reason"] and status["spawned"] < 60, status
    assert daemon.rss(world.ganger.pid) < (400 << 20 if SANITIZED else 20 << 20)
