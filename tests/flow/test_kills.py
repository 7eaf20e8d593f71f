# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any moment: of a worker (each loses the one request that it has in hand, counted by id, and
nothing else), and of the master without a service manager (FAULTS C06, C07, C08)."""

import collections
import contextlib
import os
import random
import signal
import socket
import threading
import time

import pytest

import daemon
from daemon import LONG, wait_for
from fcgi import Conn, ask, cgi_params, whole
from native import PHP

PERIOD = 0.1
SECONDS = 20 if LONG else 4
NATIVE = ["c", "php"]

# Says who has it in hand (its parent, the worker) before it does anything.
CGI = """#!/bin/sh
echo $PPID >> $NOTES/$QUERY_STRING
sleep 0.02
printf 'Content-Type: text/plain\\r\\n\\r\\n%s' "$QUERY_STRING"
"""


class Client(threading.Thread):
    """A closed loop of requests, each with an id of its own, straight to the sockets."""

    def __init__(self, world, pools, number):
        super().__init__(daemon=True)
        self.world, self.pools, self.number = world, pools, number
        self.done, self.lost = [], {}
        self.stopping = threading.Event()

    def run(self):
        n = 0
        while not self.stopping.is_set():
            n += 1
            pool = self.pools[n % len(self.pools)]
            name = f"{pool}-{self.number}-{n}"
            query = name if pool == "cgi" else f"note={self.world.notes / name}&sleep=20"
            script = self.world.script if pool == "cgi" else self.world.php
            try:
                answer = ask(self.world.sock(pool), script, query, timeout=30, strict=False)
                assert answer.status == 200 and answer.ended and answer.protocol_status == 0, answer
                assert answer.body == name.encode() if pool == "cgi" else answer.body.startswith(b"pid="), answer
                self.done.append(name)
            except Exception as error:  # noqa: BLE001 whatever it is, it is lost
                self.lost[name] = repr(error)[:300]


@contextlib.contextmanager
def load(world, pools, count=8):
    clients = [Client(world, pools, i) for i in range(count)]
    for c in clients:
        c.start()
    try:
        yield clients
    finally:
        for c in clients:
            c.stopping.set()
        for c in clients:
            c.join(60)


def results(clients):
    assert not any(c.is_alive() for c in clients), "a client got no answer in time"
    lost = {}
    for c in clients:
        lost.update(c.lost)
    return [name for c in clients for name in c.done], lost


@pytest.fixture
def three(world):
    """A CGI pool and two native ones, 4 workers each."""
    cgi = CGI.replace("$NOTES", str(world.notes))
    world.script = world.ganger.folder.script("which.cgi", cgi)
    world.slow = world.ganger.folder.script("slow.cgi", cgi.replace("0.02", "1"))
    world.add("cgi", kind="cgi", script_root=f'{{"{world.base}"}}', pm__max_children=4)
    for name in NATIVE:  # php-cgi leaves after 500 requests when nobody says otherwise
        world.add(name, pm__max_children=4, env='{"PHP_FCGI_MAX_REQUESTS=0"}')
    world.start()
    for name in ["cgi", *NATIVE]:
        wait_for(lambda: len(world.pids(name)) == 4, what=f"four workers of {name}")
    return world


def holders(world, name):
    """Who has had this request in hand."""
    path = world.notes / name
    return path.read_text().split() if path.exists() else []


def test_R5_a_killed_worker_loses_its_request_and_nothing_else(three):
    pools = ["cgi", *NATIVE]
    killed = []
    before = daemon.descriptors(three.ganger.pid)
    seed = random.randrange(1 << 30)
    choice = random.Random(seed)
    with load(three, pools) as clients:
        due = time.monotonic()
        end = due + SECONDS
        while due < end:
            due += PERIOD
            time.sleep(max(0.0, due - time.monotonic()))
            alive = [pid for pid, comm, state in daemon.children(three.ganger.pid)
                     if state not in "ZX" and comm in ("ganger-worker", "fcgi-hello", "php-cgi") and
                     pid not in killed and pid not in three.ganger.workers("status")]
            if not alive:
                continue
            victim = choice.choice(alive)
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)
    done, lost = results(clients)
    context = f"seed {seed}: {len(killed)} killed, {len(done)} done, lost {lost}"
    assert len(killed) >= SECONDS / PERIOD / 2 and len(done) > len(killed), context
    # Each of the lost was in the hand of a killed worker, one in each, and is not run again for it.
    assert len(lost) <= len(killed), context
    by = collections.Counter()
    for name in lost:
        who = holders(three, name)
        assert len(who) <= 1, (name, who, context)
        for pid in who:
            assert int(pid) in killed, (name, pid, context)
            by[pid] += 1
    assert all(count == 1 for count in by.values()), (by, context)
    # None of the others is run twice.
    for name in done:
        assert len(holders(three, name)) == 1, (name, holders(three, name))
    # And all is as it was before.
    for name in pools:
        wait_for(lambda: len(three.pids(name)) == 4, what=f"{name} is at strength again")
        wait_for(lambda: three.status(name)["active processes"] == 0, what=f"nobody of {name} is busy")
    wait_for(lambda: not [c for c in daemon.children(three.ganger.pid) if c[2] == "Z"], what="no zombie")
    wait_for(lambda: daemon.descriptors(three.ganger.pid) <= before, what="no descriptor is left")
    three.ganger.wait_log("was killed by signal 9")


# ---------------------------------------------------------------- the master, without a service manager


def test_C06_kill_9_of_the_master_loses_no_request_in_hand(three):
    """Workers finish what they have, then leave: no orphan stays, and a new master starts by itself."""
    pools = ["cgi", *NATIVE]
    everybody = [pid for pid, _, _ in daemon.children(three.ganger.pid)]
    held = {}
    with contextlib.ExitStack() as stack:
        for pool in pools:
            c = held[pool] = stack.enter_context(Conn(three.sock(pool), 30, strict=False))
            note = three.notes / f"held-{pool}"
            script, query = (three.slow, f"held-{pool}") if pool == "cgi" else \
                (three.php, f"note={note}&sleep=1000")
            c.send(whole(cgi_params(script, query)))
            wait_for(lambda: note.exists() and note.read_text().strip(), what=f"{pool} has it in hand")
        three.ganger.process.kill()
        three.ganger.process.wait()
        for pool, c in held.items():
            assert c.answer().status == 200, pool
    wait_for(lambda: not any(map(daemon.alive, everybody)), 10, "no orphan is left")
    three.ganger.start()
    for pool in pools:
        assert ask(three.sock(pool), three.slow if pool == "cgi" else three.php, "again", timeout=30,
                   strict=False).status == 200
    assert three.ganger.ctl("ping").returncode == 0


def test_C07_a_new_master_at_once_waits_for_what_the_old_one_left(three):
    """Every pool is served again without anybody's help, and never by two owners of its socket."""
    pools = ["cgi", *NATIVE]
    old = [pid for pid, _, _ in daemon.children(three.ganger.pid)]
    with contextlib.ExitStack() as stack:
        held = {}
        for pool in pools:
            c = held[pool] = stack.enter_context(Conn(three.sock(pool), 30, strict=False))
            note = three.notes / f"held-{pool}"
            script, query = (three.slow, f"held-{pool}") if pool == "cgi" else \
                (three.php, f"note={note}&sleep=4000")
            c.send(whole(cgi_params(script, query)))
            wait_for(lambda: note.exists() and note.read_text().strip(), what=f"{pool} has it in hand")
        three.ganger.process.kill()
        three.ganger.process.wait()
        three.ganger.start()  # at once, and it is ready
        for pool in NATIVE:  # ganger's own workers let go of the socket at once
            assert three.status(pool)["state"] == "failed" or "free now" in three.ganger.log, pool
        for pool, c in held.items():
            assert c.answer().status == 200, pool
    three.ganger.wait_log("its address is free now", count=len(NATIVE))
    for pool in pools:
        wait_for(lambda: three.status(pool).get("state") == "running", what=f"{pool} runs")
        assert ask(three.sock(pool), three.slow if pool == "cgi" else three.php, f"after-{pool}",
                   timeout=30, strict=False).status == 200
    wait_for(lambda: not any(map(daemon.alive, old)), 10, "no orphan is left")


def test_C08_a_master_that_stands_still_loses_nothing(three):
    """SIGSTOP under load: the workers serve; after SIGCONT the deaths of meanwhile are made good."""
    pools = ["cgi", *NATIVE]
    master = three.ganger.pid
    with load(three, pools) as clients:
        wait_for(lambda: sum(len(c.done) for c in clients) > 20, what="some requests")
        os.kill(master, signal.SIGSTOP)
        try:
            wait_for(lambda: open(f"/proc/{master}/stat").read().rsplit(")", 1)[1].split()[0] == "T")
            had = sum(len(c.done) for c in clients)
            end = time.monotonic() + (30 if LONG else 2)
            wait_for(lambda: time.monotonic() > end and sum(len(c.done) for c in clients) > had + 50, 60,
                     "the workers serve")
            # One of each, idle or not: what it had in hand is lost, nothing else.
            victims = [random.choice(three.pids(pool)) for pool in pools]
            for pid in victims:
                os.kill(pid, signal.SIGKILL)
        finally:
            os.kill(master, signal.SIGCONT)
        for pool, pid in zip(pools, victims):
            wait_for(lambda: pid not in three.pids(pool) and len(three.pids(pool)) == 4,
                     what=f"{pool} is at strength again")
    done, lost = results(clients)
    assert len(lost) <= len(victims), lost
    for name in lost:
        assert all(int(pid) in victims for pid in holders(three, name)), (name, lost)
    for name in done:
        assert len(holders(three, name)) == 1
