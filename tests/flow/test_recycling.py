# SPDX-License-Identifier: Apache-2.0
"""Workers come and go under load, and no request is lost by it.

A pid may be given twice in a long run, so a worker is known here by its pid and the time of its start
(its "life"), which the programs tell when they are asked for `born`.
"""

import collections
import os
import re
import signal
import statistics
import time

import pytest

import daemon
from daemon import LONG, wait_for
from native import Crowd, Pending

REQUESTS = 20_000 if LONG else 2_000
SCALE_DOWNS = 50 if LONG else 6
CLIENTS = 8
GANG = 4
# php-cgi leaves after 500 requests by itself: here it is to be replaced by ganger alone.
PHP = {"env": '{"PHP_FCGI_MAX_REQUESTS=0"}'}
WHO = {"cgi": "ok&worker"}  # the query that tells the life of a worker; of the others, "born"


def add(world, name, **options):
    if name == "cgi":
        return world.add(name, [world.programs["cgi"]], kind="cgi", **options)
    return world.add(name, **(PHP if name == "php" else {}), **options)


def who(name, *more):
    """A query that tells the life of the worker that answers."""
    return "&".join([WHO.get(name, "born"), *more])


def life(reply):
    return reply.pid, int(reply.rest)


def born(pid):
    """The life of `pid`, or None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return pid, int(f.read().rsplit(")", 1)[1].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return None


def standing(world, name):
    """Lives of the workers of a pool."""
    pids = world.ganger.workers(name) if name == "cgi" else world.pids(name)
    return {b for b in map(born, pids) if b}


class Answers:
    """Who has answered, in the order in which the clients heard it."""

    def __init__(self, world, name):
        self.world, self.name, self.order = world, name, []

    def crowd(self, requests, clients=CLIENTS, *more):
        crowd = Crowd(self.world, f"/{self.name}?{who(self.name, *more)}", requests, clients)
        return crowd

    def take(self, crowd):
        crowd.wait(900).lossless()
        self.order += [life(r) for r in crowd.replies]

    def until_gone(self, lives):
        """Twice as many requests at once as there are workers: everybody has to take one."""
        for _ in range(100):
            if not lives & standing(self.world, self.name):
                return
            self.take(self.crowd(2 * GANG, 2 * GANG, "sleep=100"))
        raise AssertionError(f"workers of the beginning still answer: {lives & standing(self.world, self.name)}")

    @property
    def counts(self):
        return collections.Counter(self.order)


def nobody_goes_on(order, limit, gang=GANG, clients=CLIENTS):
    """A worker that has come to its limit answers on until its turn has come, the oldest first, and its
    successor stands.  Counted in workers, that is known however busy the machine is: at most those
    who were there (gang and surplus) can be replaced before it, which brings as many new ones, beside
    those who were on the way.  By then only answers that are on their way to a client are left."""
    counts, new, late = collections.Counter(), 0, collections.Counter()
    due = {}
    for one in order:
        counts[one] += 1
        new += counts[one] == 1
        if counts[one] == limit:
            due[one] = new
        elif counts[one] > limit and new - due[one] >= 3 * gang:
            late[one] += 1
    assert max(late.values(), default=0) <= clients, late


def bounded(answers, limit, took):
    """Nobody accepts more than twice its limit, or ten more than it, before its successor has come.  One
    that has waited for a second takes one more; and when those that leave take half a second for it,
    so that no successor is on the way, nobody is held: a machine as busy as that is no rule."""
    bound = max(2 * limit, limit + 10)
    counts = answers.counts
    over = {one: n for one, n in counts.items() if n > bound + took}
    assert len(over) <= len(counts) / 5, (bound, took, sorted(counts.values()))
    assert len(counts) >= len(answers.order) / (2 * bound), sorted(counts.values())


def accounts_agree(world, name, answers, limit, size=GANG):
    """What the clients have seen of the workers is what status says."""
    counts = answers.counts
    replaced = {one for one, n in counts.items() if n >= limit}

    def agree():
        s = world.status(name)
        return s if (s["restarts"]["max requests"], s["exits"]["ok"], s["spawned"], s["idle processes"]) \
            == (len(replaced), len(replaced), len(replaced) + size, size) else None
    try:
        status = wait_for(agree)
    except AssertionError:
        raise AssertionError(f"{len(replaced)} of {len(counts)} workers came to their limit, status says "
                             f"{world.status(name)}") from None
    assert status["accepted conn"] == len(answers.order)
    assert status["state"] == "running"
    assert (status["exits"]["error"], status["exits"]["signal"]) == (0, 0), status["exits"]
    assert not replaced & standing(world, name), "who came to its limit is gone"
    assert len(replaced) >= size


@pytest.mark.parametrize("limit", [1, 3])
@pytest.mark.parametrize("name", ["php", "c", "cgi"])
def test_max_requests_loses_nothing(world, name, limit):
    """20 000 requests of 8 clients: none fails, and every worker that has come to its limit was replaced."""
    add(world, name, pm__max_children=GANG, pm__max_requests=limit).start().front()
    world.settled(name, GANG)
    first = standing(world, name)
    assert len(first) == GANG
    answers = Answers(world, name)
    crowd = answers.crowd(REQUESTS if LONG or name == "c" else REQUESTS // 2)
    answers.take(crowd)
    answers.until_gone(first)
    accounts_agree(world, name, answers, limit)
    nobody_goes_on(answers.order, limit)
    bounded(answers, limit, crowd.took)
    counts = sorted(answers.counts.values())
    print(f"{name}, max_requests = {limit}: {len(answers.order)} requests in {crowd.took:.1f} s, "
          f"0 failures, {len(counts)} workers; requests of one: "
          f"median {statistics.median(counts):.0f}, most {counts[-1]}")


@pytest.mark.parametrize("name", ["php", "c", "cgi"])
def test_all_come_to_their_limit_at_the_same_moment(world, name):
    """They are replaced one after the other all the same, and those that wait for it go on serving."""
    add(world, name, pm__max_children=GANG, pm__max_requests=1).start().front()
    world.settled(name, GANG)
    answers = Answers(world, name)
    for _ in range(5):
        answers.take(answers.crowd(GANG, GANG, "sleep=300"))
        answers.take(answers.crowd(GANG * 5))
        whole(world, name)
    accounts_agree(world, name, answers, 1)


@pytest.mark.parametrize("name", ["php", "c", "cgi"])
def test_the_gang_never_leaves_together(world, name):
    """A quarter at most is away at once, and each replacement stands before its predecessor goes."""
    add(world, name, pm__max_children=8, pm__max_requests=2).start().front()
    world.settled(name, 8)
    crowd = Answers(world, name).crowd(1_000_000, CLIENTS, "sleep=300")
    looks, total = 0, 0

    def look():
        """A look is true of one moment only when nobody has come or gone while it was taken."""
        nonlocal looks, total
        births = world.status(name)["spawned"], world.status(name)["exits"]
        status = world.status(name, full=True)
        assert status["total processes"] <= 8 + 2, status["total processes"]
        total += 1
        if births == (world.status(name)["spawned"], world.status(name)["exits"]):
            looks += 1
            standing = sum(p["state"] in ("Idle", "Running") for p in status["processes"])
            assert standing >= 6, f"only {standing} of 8 stood: {status}"
        return status["restarts"]["max requests"] >= 16 and total >= 50 and looks >= 5
    wait_for(look, 60, "a gang that was replaced twice")
    crowd.stop()
    crowd.wait().lossless()


@pytest.mark.parametrize("name", ["php", "c", "cgi"])
def test_scale_downs_lose_nothing(world, name):
    """50 times the pool grows under a burst and shrinks after it, while 2 clients go on and on."""
    add(world, name, pm="dynamic", pm__max_children=16, pm__start_servers=2, pm__min_spare_servers=1,
        pm__max_spare_servers=2, pm__process_idle_timeout='"200ms"').start().front()
    wait_for(lambda: world.status(name)["idle processes"] >= 1, what="it serves")
    answers = Answers(world, name)
    steady = answers.crowd(1_000_000, 2, "sleep=2")
    for number in range(SCALE_DOWNS):
        before = world.status(name)
        burst = answers.crowd(24, 12, "sleep=100")
        # Counters, for a look may come too late to see the pool large.
        wait_for(lambda: world.status(name)["spawned"] >= before["spawned"] + 6, what=f"growth {number}")
        answers.take(burst)
        wait_for(lambda: (s := world.status(name))["total processes"] <= 6 and
                 s["exits"]["ok"] >= before["exits"]["ok"] + 6, what=f"scale-down {number}")
    steady.stop()
    answers.take(steady)
    status = wait_for(lambda: (s := world.status(name))["spawned"] - s["exits"]["ok"] ==
                      s["total processes"] and s, what="who is asked to leave has left")
    assert (status["exits"]["error"], status["exits"]["signal"]) == (0, 0), status["exits"]
    assert status["accepted conn"] == len(answers.order)
    assert len(answers.counts) <= status["spawned"]
    print(f"{name}: {SCALE_DOWNS} scale-downs, {len(answers.order)} requests, 0 failures, "
          f"{status['exits']['ok']} workers left")


# php-cgi gives the memory back after each request: each that has served is too large already.
MEMORY = {"php": "4M", "c": "10M", "python": "48M", "perl": "48M"}


@pytest.mark.parametrize("name", list(MEMORY))
def test_max_memory_recycles_and_loses_nothing(world, name):
    add(world, name, pm__max_children=GANG, pm__max_memory=f'"{MEMORY[name]}"').start().front()
    world.settled(name, GANG)
    first = standing(world, name)
    answers = Answers(world, name)
    crowd = answers.crowd(1_000_000, CLIENTS, "grow=500000", "sleep=2")
    least = 40 if LONG else 8

    def enough():
        return crowd.done >= (REQUESTS if LONG else 500) and \
            world.status(name)["restarts"]["max memory"] >= least and not first & standing(world, name)
    wait_for(enough, 120, "no worker of the beginning is left")
    crowd.stop()
    answers.take(crowd)

    def agree():
        s = world.status(name)
        alive = standing(world, name)
        return s["exits"]["ok"] == s["restarts"]["max memory"] == s["spawned"] - GANG and \
            s["idle processes"] == GANG and len(alive) == GANG and alive == standing(world, name) and \
            len(answers.counts.keys() - alive) <= s["exits"]["ok"] and s
    status = wait_for(agree, what="status agrees with what the clients have seen")
    assert (status["exits"]["error"], status["exits"]["signal"]) == (0, 0), status["exits"]
    assert status["accepted conn"] == len(answers.order)
    print(f"{name}, max_memory = {MEMORY[name]}: {len(answers.order)} requests, 0 failures, "
          f"{status['restarts']['max memory']} workers replaced")


def test_recycling_is_said_once_and_not_as_a_fault(world):
    world.add("c", pm__max_children=2, pm__max_requests=10).start().front()
    world.settled("c", 2)
    Crowd(world, "/c", 200, 4).wait().lossless()
    log = [line for line in world.ganger.log.splitlines() if "reached pm.max_children" not in line]
    assert not re.search(r"\b(ERROR|WARNING|ALERT)\b", "\n".join(log)), log
    assert world.ganger.ctl("status").returncode == 0


# ---- breaking it -----------------------------------------------------------------------------------

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
    whole(world, "c")


def whole(world, name, size=GANG):
    """Wait until a gang is as large as it is to be, with nobody coming or going; its status."""
    return wait_for(lambda: (s := world.status(name))["idle processes"] == s["total processes"] == size and s,
                    what=f"the gang is {size} and whole")


def kill_one(world, name, number):
    """End one worker of a pool that changes all the while.  False: it has gone by itself before."""
    alive = sorted(standing(world, name))
    if not alive:
        return False
    pid, started = alive[number % len(alive)]
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if born(pid) != (pid, started):
            return False
        signal.pidfd_send_signal(fd, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)


@pytest.mark.parametrize("name", ["php", "c", "cgi"])
def test_workers_that_are_killed_while_all_are_replaced(world, name):
    """Each kill costs at most the requests that it had in hand; the pool is whole again after it."""
    add(world, name, pm__max_children=GANG, pm__max_requests=2).start().front()
    world.settled(name, GANG)
    kills = 0
    crowd = Answers(world, name).crowd(1_000_000, CLIENTS, "sleep=5")
    while kills < 20:
        done = crowd.done
        kills += kill_one(world, name, kills)
        wait_for(lambda: crowd.done >= done + 10, what="requests are answered all the while")
    crowd.stop()
    crowd.wait()
    # A 502, or half an answer when the kill came behind its header.
    assert len(crowd.failures) <= kills, crowd.failures
    status = whole(world, name)
    assert status["exits"]["error"] == 0 and status["exits"]["signal"] <= kills, status["exits"]
    assert status["spawned"] == GANG + status["exits"]["ok"] + status["exits"]["signal"], status
    assert world.direct(name, who(name)).status == 200


def test_the_old_serve_on_while_no_successor_can_start(world):
    """All are due and every new worker dies at once: those who can serve do, until there are others."""
    broken = world.base / "broken"
    script = world.ganger.folder.script("perhaps", f"#!/bin/sh\n[ -e {broken} ] && exit 3\n"
                                        f"exec {world.programs['fcgi-hello']}\n")
    world.add("c", [script], pm__max_children=GANG, pm__max_requests=1).start().front()
    world.settled("c", GANG)
    first = standing(world, "c")
    broken.touch()
    answers = Answers(world, "c")
    answers.take(answers.crowd(REQUESTS // 4))
    wait_for(lambda: world.status("c")["state"] == "failing", what="the pool says that it fails")
    answers.take(answers.crowd(REQUESTS // 4))
    status = world.status("c")
    assert set(answers.counts) <= first and first <= standing(world, "c"), status
    assert status["restarts"]["max requests"] == 0 and "3" in status["reason"], status
    assert status["spawned"] < 60, "starts are not tried without end"
    broken.unlink()
    answers.until_gone(first)
    wait_for(lambda: world.status("c")["state"] == "running", what="it is well again")
    whole(world, "c")


@pytest.mark.parametrize("name", ["php", "c", "cgi"])
def test_a_master_that_is_stuck_stops_nobody_from_being_served(world, name):
    """A worker that may accept no more takes one connection each second all the same."""
    add(world, name, pm__max_children=1, pm__max_requests=1).start()
    world.settled(name, 1)
    os.kill(world.ganger.pid, signal.SIGSTOP)
    try:
        first = [life(world.direct(name, who(name))) for _ in range(10)]
        began = time.monotonic()
        more = [life(world.direct(name, who(name))) for _ in range(3)]  # the first of them may still come
        took = time.monotonic() - began
    finally:
        os.kill(world.ganger.pid, signal.SIGCONT)
    assert len(set(first + more)) == 1
    assert took >= 1.9, took
    wait_for(lambda: first[0] not in standing(world, name), what="it is replaced")
    whole(world, name, 1)


def test_a_long_request_does_not_hold_up_a_stop_of_a_gang_that_is_replaced(world):
    """Due, asked to leave, and busy: a stop lets it finish."""
    world.add("c", pm__max_children=2, pm__max_requests=1).start()
    world.settled("c", 2)
    pending = [Pending(world, "c", f"note={world.notes / 'n'}&sleep=1500") for _ in range(2)]
    world.noted("n", 2)
    world.ganger.signal(signal.SIGQUIT)
    assert [p.result().status for p in pending] == [200, 200]
    assert world.ganger.process.wait(daemon.PATIENCE) == 0
