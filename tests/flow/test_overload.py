# SPDX-License-Identifier: Apache-2.0
"""More requests than a pool can serve: seen, said, and shed when that is wished."""

import contextlib
import re
import socket
import time

import pytest

import fcgi
from daemon import LONG, wait_for
from native import SLACK, Crowd, crowding, salvo

KINDS = ["c", "php", "cgi"]


def add(world, name, **options):
    if name == "cgi":
        return world.add("cgi", [world.programs["cgi"]], kind="cgi", **options)
    return world.add(name, **options)


def query(world, name, text, note=None):
    note = f"note={world.notes / note}&" if note else ""
    return f"{note}ok&{text}" if name == "cgi" else note + text


# ---- the queue -------------------------------------------------------------------------------------

@pytest.mark.parametrize("transport", ["unix", "tcp"])
@pytest.mark.parametrize("name", KINDS)
def test_status_says_how_many_wait(world, name, transport):
    if transport == "unix":
        address = world.sock(name)
        add(world, name, pm__max_children=1)
    else:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            address = s.getsockname()
        add(world, name, pm__max_children=1)
        world.pools[name] = world.pools[name].replace(f'"{world.sock(name)}"', f'"127.0.0.1:{address[1]}"')
        world.pools[name] = re.sub(r"\n  listen.owner[^\n]*", "", world.pools[name])
    world.start()
    world.settled(name, 1)
    with contextlib.ExitStack() as stack:
        conns = []

        def begin(text, note=None):
            conn = stack.enter_context(fcgi.Conn(address, 30, strict=False))
            conn.send(fcgi.whole(fcgi.cgi_params(
                world.programs["cgi"] if name == "cgi" else world.php, query(world, name, text, note))))
            conns.append(conn)
        begin("sleep=3000", "first")
        world.noted("first")
        for _ in range(3):
            begin("sleep=1")
        wait_for(lambda: world.status(name)["listen queue"] == 3, what="three wait")
        status = world.status(name)
        assert status["max listen queue"] == 3 and status["active processes"] == 1, status
        assert status["listen queue len"] >= 3, status
        for conn in conns:
            assert conn.answer().status == 200
            conn.close()
    wait_for(lambda: world.status(name)["listen queue"] == 0, what="nobody waits")
    assert world.status(name)["max listen queue"] == 3


def test_C66_a_full_backlog_is_counted_and_loses_nothing(world):
    world.add("c", pm__max_children=1, listen__backlog=16).start()
    world.settled("c", 1)
    pending, _ = world.in_hand("c", "first", "sleep=2500")
    request = fcgi.whole(fcgi.cgi_params(world.php, ""))
    with contextlib.ExitStack() as stack:
        queued, refused = [], 0
        for _ in range(200):
            conn = fcgi.Conn.__new__(fcgi.Conn)
            s = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            s.setblocking(False)
            try:
                s.connect(world.sock("c"))
            except BlockingIOError:
                refused += 1
                continue
            s.sendall(request)
            conn.sock, conn.timeout, conn.strict = s, 30, False
            conn.buffer, conn.answers, conn.others = b"", {}, []
            queued.append(conn)
        assert (len(queued), refused) == (17, 183)  # the kernel lets one more than the backlog wait
        wait_for(lambda: world.status("c")["listen queue"] == 17, what="seventeen wait")
        assert world.status("c")["listen queue len"] == 16
        assert pending.result().status == 200
        for conn in queued:
            assert conn.answer().status == 200
            conn.close()


def test_C66_a_backlog_that_the_kernel_cuts_is_a_warning(world):
    limit = int(open("/proc/sys/net/core/somaxconn").read())
    world.add("c", listen__backlog=limit + 1).start()
    assert re.search(rf"WARNING.*pool c.*backlog.*{limit}", world.ganger.log, re.I), world.ganger.log


def test_a_full_pool_is_said_once_with_who_and_what(world):
    world.add("c", pm__max_children=2).start()
    world.settled("c", 2)
    for _ in range(2 if not LONG else 20):
        assert {r.status for r in salvo(world, "c", "sleep=150", 12)} == {200}
    world.ganger.wait_log(r"\[pool c\].*pm\.max_children")
    lines = [line for line in world.ganger.log.splitlines() if "pm.max_children" in line]
    assert len(lines) <= 2 + (10 if LONG else 0), lines
    assert re.search(r"\b2\b", lines[0]), lines[0]
    assert world.status("c")["max children reached"] >= 1


# ---- shedding --------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", KINDS)
def test_a_flood_is_shed_and_those_served_are_served(world, name):
    add(world, name, pm__max_children=2, queue_timeout='"200ms"').start().front()
    world.settled(name, 2)
    crowd = Crowd(world, f"/{name}?" + query(world, name, "sleep=100"), 2000 if LONG else 800, 200)
    crowd.wait(120)
    replies = crowd.replies
    assert len(replies) == crowd.requests, crowd.failures[:5]  # no connection failed, none timed out
    served = [r for r in replies if r.status == 200]
    shed = [r for r in replies if r.status == 503]
    assert len(served) + len(shed) == len(replies), {r.status for r in replies}
    assert shed and len(served) >= 8
    assert all({k.lower(): v for k, v in r.headers.items()}.get("retry-after") == "1" for r in shed)
    if name != "cgi":
        assert all(r.slept >= 100 for r in served), "a request that was served was cut short"
    slowest = max(r.took for r in replies)
    assert slowest < (0.8 * SLACK + 0.2) * crowding(), f"{slowest:.2f} s; {len(served)} served, {len(shed)} shed"

    ended = time.monotonic()
    wait_for(lambda: not world.status(name)["shedding"], what="the shedder has left")
    assert time.monotonic() - ended < 1.0 * SLACK * crowding()
    for _ in range(10):
        assert world.get(name, query(world, name, "sleep=1")).status == 200
    status = world.status(name)
    assert status["listen queue"] == 0 and status["total processes"] == 2, status
    world.ganger.wait_log(rf"\[pool {name}\].* \d+ requests were shed")


def test_a_queue_that_is_too_long_is_shed_at_once(world):
    world.add("c", pm__max_children=1, queue_limit=10).start()
    world.settled("c", 1)
    pending, _ = world.in_hand("c", "n", "sleep=1500")
    replies = salvo(world, "c", "", 40)
    statuses = [r.status for r in replies]
    assert set(statuses) <= {200, 503} and statuses.count(503) >= 29, statuses
    assert replies[28].took < 1.0 * SLACK * crowding()
    assert pending.result().slept >= 1500


def test_without_the_options_nothing_is_shed(world):
    world.add("c", pm__max_children=2).start()
    world.settled("c", 2)
    assert {r.status for r in salvo(world, "c", "sleep=20", 100)} == {200}
    assert not world.status("c")["shedding"]
