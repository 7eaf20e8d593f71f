# SPDX-License-Identifier: Apache-2.0
"""A request that sleeps 3 s is answered, and its sleep is not cut short, whatever becomes of its gang.

Programs of every kind go through it side by side.  The native ones measure their sleep, which they do not
take up again when a signal has ended it; a cgi program is not reached by any signal of ganger's, and its
answer is what counts.
"""

import signal

import daemon
from daemon import wait_for
from fcgi import KEEP, Conn, cgi_params, whole
from native import Pending

NATIVE = ["php", "perl", "c", "threads", "python", "flup"]
ALL = [*NATIVE, "cgi"]
SLEEP = 3000


class InHand:
    """A sleeping request in each pool: the worker that has it, and its answer."""

    def __init__(self, world, sleep=SLEEP, names=ALL):
        self.sleep = sleep
        self.notes = world.notes
        self.requests = {name: Pending(world, name, self.query(name)) for name in names}
        self.pids = {name: world.noted(name)[-1] for name in names}

    def query(self, name):
        path = self.notes / name
        path.unlink(missing_ok=True)
        return f"note={path}&" + (f"sleep={self.sleep}&ok&worker" if name == "cgi" else f"sleep={self.sleep}")

    def going_on(self):
        return [name for name, p in self.requests.items() if p.reply is None]

    def finish(self):
        """Every one was answered, after its whole sleep, by the process that had it from the beginning."""
        for name, pending in self.requests.items():
            reply = pending.result(120)
            assert reply.status == 200 and reply.took >= self.sleep / 1000, (name, reply)
            if name != "cgi":
                assert reply.slept >= self.sleep and reply.pid == self.pids[name], (name, reply)


def add(world, names=ALL, **options):
    for name in names:
        if name == "cgi":
            world.add(name, [world.programs["cgi"]], kind="cgi", **options)
        else:
            world.add(name, **options)
    world.ganger.globals = 'process_control_timeout = "60s"'
    world.start()
    for name in names:
        wait_for(lambda: world.status(name)["idle processes"] >= 2, what=f"{name} serves")


def test_a_stop(world):
    add(world, pm__max_children=2)
    held = InHand(world)
    world.ganger.signal(signal.SIGQUIT)
    held.finish()
    assert world.ganger.process.wait(60) == 0


def in_time(what):
    """Do it with longer and longer requests, until one is still in hand when all of it has happened: how fast
    that is depends on the machine."""
    for sleep in (SLEEP, 3 * SLEEP, 9 * SLEEP):
        if what(sleep):
            return
    raise AssertionError("the requests were over before what was to happen to their gangs")


def test_recycling(world):
    """Due by the request in hand itself: its successor comes, it is asked to leave, and it finishes."""
    add(world, NATIVE, pm__max_children=2, pm__max_requests=1)

    def recycled(sleep):
        before = {name: world.status(name)["restarts"]["max requests"] for name in NATIVE}
        held = InHand(world, sleep, NATIVE)
        for name in NATIVE:
            wait_for(lambda: world.status(name)["restarts"]["max requests"] > before[name],
                     what=f"{name} is to leave")
        done = held.going_on() == NATIVE
        assert not done or all(daemon.alive(pid) for pid in held.pids.values())
        held.finish()
        wait_for(lambda: not any(daemon.alive(pid) for pid in held.pids.values()), what="they have left")
        return done
    in_time(recycled)


def test_recycling_of_a_cgi_worker(world):
    """It comes to its limit by a request beside the one that sleeps."""
    world.add("cgi", [world.programs["cgi"]], kind="cgi", pm__max_children=1, pm__max_requests=2).start()

    def recycled(sleep):
        wait_for(lambda: (s := world.status("cgi"))["idle processes"] == s["total processes"] == 1)
        before = world.status("cgi")["restarts"]["max requests"]
        worker = world.ganger.workers("cgi")[0]
        with Conn(world.sock("cgi")) as kept:
            for turn in range(2):
                kept.send(whole(cgi_params(world.php, "ok&out=x"), flags=KEEP))
                assert kept.answer().body == b"x"
                if turn == 0:
                    held = InHand(world, sleep, ["cgi"])
            wait_for(lambda: world.status("cgi")["restarts"]["max requests"] > before, what="it is to leave")
        done = held.going_on() == ["cgi"]
        if done:
            assert daemon.alive(worker)
            assert world.direct("cgi", "ok&worker").pid != worker, "its successor serves"
        held.finish()
        assert held.requests["cgi"].reply.pid == worker
        wait_for(lambda: not daemon.alive(worker), what="it has left")
        return done
    in_time(recycled)


def grow(world, names):
    """Requests until each pool has started two workers, which is one more than it keeps while one is busy.
    A program that makes a thread for each connection may take all that come at once."""
    before = {name: world.status(name)["spawned"] for name in names}
    for _ in range(50):
        crowd = [Pending(world, name, "ok&sleep=200" if name == "cgi" else "sleep=200")
                 for name in names for _ in range(28 if name in ("threads", "flup") else 7)]
        assert {one.result(60).status for one in crowd} == {200}
        names = [name for name in names if world.status(name)["spawned"] < before[name] + 2]
        if not names:
            return
    raise AssertionError(f"{names} do not grow")


def test_shrinking(world):
    add(world, pm="dynamic", pm__max_children=8, pm__start_servers=2, pm__min_spare_servers=1,
        pm__max_spare_servers=2, pm__process_idle_timeout='"300ms"')

    def shrunk(sleep):
        held = InHand(world, sleep)
        before = {name: world.status(name)["exits"]["ok"] for name in ALL}
        grow(world, ALL)
        for name in ALL:
            wait_for(lambda: world.status(name)["exits"]["ok"] > before[name], what=f"{name} has shrunk")
        done = held.going_on() == ALL
        assert not done or all(daemon.alive(pid) for pid in held.pids.values())
        held.finish()
        return done
    in_time(shrunk)
