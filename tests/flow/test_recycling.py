# SPDX-License-Identifier: Apache-2.0
"""Workers come and go under load, and no request is lost by it."""

import os
import re
import threading

import pytest

import daemon
from daemon import LONG, wait_for
from native import Crowd

REQUESTS = 20_000 if LONG else 2_000
SCALE_DOWNS = 50 if LONG else 8


def master_remembers(world, name):
    """The board's counts survive the workers they were counted by."""
    world.settled(name, 4)
    return world.status(name)


@pytest.mark.parametrize("limit", [1, 3])
@pytest.mark.parametrize("name", ["php", "c"])
def test_max_requests_loses_nothing(world, name, limit):
    world.add(name, pm__max_children=4, pm__max_requests=limit).start().front()
    world.settled(name, 4)
    first = set(world.pids(name))
    crowd = Crowd(world, f"/{name}", REQUESTS, 8).wait(600).lossless()
    # One of four is away at a time, so a worker takes more while its replacement starts; a php-cgi
    # takes its time for that.
    assert len(crowd.pids) >= (60 if LONG else 7), f"{len(crowd.pids)} workers for {REQUESTS} requests"
    wait_for(lambda: not first & set(world.pids(name)), what="none of the first gang is left")
    status = master_remembers(world, name)
    assert status["accepted conn"] == REQUESTS
    assert status["state"] == "running"
    assert (status["exits"]["error"], status["exits"]["signal"]) == (0, 0), status["exits"]
    assert status["exits"]["ok"] >= len(crowd.pids) - 8, status["exits"]
    print(f"{name}: {len(crowd.pids)} workers, at most {max(crowd.pids.values())} requests by one")


@pytest.mark.parametrize("limit", [1, 3])
def test_max_requests_of_cgi_workers_loses_nothing(web, limit):
    web.serve(pm__max_requests=limit)
    first = set(web.workers("web"))
    failures = []
    counts = {"done": 0}
    lock = threading.Lock()

    def client():
        for _ in range(REQUESTS // 20):
            try:
                answer = web.ask("ok&out=x")
                good = answer.status == 200 and answer.body == b"x"
            except Exception as error:  # noqa: BLE001
                good, answer = False, error
            with lock:
                counts["done"] += 1
                if not good:
                    failures.append(repr(answer))
    threads = [threading.Thread(target=client) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures, failures[:5]
    wait_for(lambda: not first & set(web.workers("web")), what="none of the first gang is left")
    status = web.status("web")
    assert status["accepted conn"] == counts["done"]
    # One at a time is away, so a worker takes more while its replacement starts.
    assert status["spawned"] >= counts["done"] // (20 * limit), status["spawned"]


@pytest.mark.parametrize("name", ["php", "c"])
def test_the_gang_never_leaves_together(world, name):
    """A quarter at most is away at once, and each replacement stands before its predecessor goes."""
    world.add(name, pm__max_children=8, pm__max_requests=5).start().front()
    world.settled(name, 8)
    crowd = Crowd(world, f"/{name}", REQUESTS, 8)
    least = 8
    while any(t.is_alive() for t in crowd.threads):
        status = world.status(name, full=True)
        least = min(least, sum(p["state"] in ("Idle", "Running") for p in status["processes"]))
        assert status["total processes"] <= 8 + 2, status["total processes"]
    crowd.wait().lossless()
    assert least >= 6, f"only {least} of 8 stood"


@pytest.mark.parametrize("name", ["php", "c"])
def test_scale_downs_lose_nothing(world, name):
    world.add(name, pm="dynamic", pm__max_children=16, pm__start_servers=2, pm__min_spare_servers=1,
              pm__max_spare_servers=2, pm__process_idle_timeout='"200ms"').start().front()
    wait_for(lambda: world.status(name)["idle processes"] >= 1, what="it serves")
    steady = Crowd(world, f"/{name}", 1_000_000, 2)
    crowds = []
    for number in range(SCALE_DOWNS):
        crowds.append(Crowd(world, f"/{name}?sleep=100", 24, 12))
        wait_for(lambda: world.status(name)["total processes"] >= 8, what=f"growth {number}")
        crowds[-1].wait()
        wait_for(lambda: world.status(name)["total processes"] <= 6, what=f"scale-down {number}")
    steady.stop()
    steady.wait().lossless()
    for crowd in crowds:
        crowd.lossless()


@pytest.mark.parametrize("name", ["python", "perl"])
def test_max_memory_recycles_and_loses_nothing(world, name):
    world.add(name, pm__max_children=4, pm__max_memory='"48M"').start().front()
    world.settled(name, 4)
    first = set(world.pids(name))
    crowd = Crowd(world, f"/{name}?grow=500000&sleep=10", 1_000_000, 6)
    peak = 0

    def replaced():
        nonlocal peak
        peak = max([peak, *[resident(pid) for pid in world.pids(name)]])
        return len(crowd.pids) >= (40 if LONG else 10)
    wait_for(replaced, 120, "ten workers have served")
    crowd.stop()
    crowd.wait().lossless()
    assert peak < 600 << 20, f"{peak >> 20} MB"
    wait_for(lambda: not first & set(world.pids(name)), what="none of the first gang is left")
    status = world.status(name)
    assert (status["exits"]["error"], status["exits"]["signal"]) == (0, 0), status["exits"]


def resident(pid):
    try:
        with open(f"/proc/{pid}/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def test_recycling_is_said_once_and_not_as_a_fault(world):
    world.add("c", pm__max_children=2, pm__max_requests=10).start().front()
    world.settled("c", 2)
    Crowd(world, "/c", 200, 4).wait().lossless()
    log = world.ganger.log
    assert not re.search(r"\b(ERROR|WARNING|ALERT)\b", log), log
    assert world.ganger.ctl("status").returncode == 0


def test_a_worker_that_is_killed_while_it_is_to_leave_is_replaced(world):
    """The replacement of a recycled worker is there already: the gang is neither larger nor smaller after."""
    world.add("c", pm__max_children=4, pm__max_requests=1).start()
    world.settled("c", 4)
    pending, pid = world.in_hand("c", "n", "sleep=5000")
    wait_for(lambda: len([p for p in world.pids("c") if p != pid]) >= 4, what="its replacement")
    os.kill(pid, 9)
    wait_for(lambda: not daemon.alive(pid))
    with pytest.raises(Exception):
        pending.result()
    world.settled("c", 4)
    assert world.status("c")["total processes"] == 4
