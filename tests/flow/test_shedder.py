# SPDX-License-Identifier: Apache-2.0
"""What a shedder says, connection by connection; tests/flow/test_overload.py has the floods."""

import contextlib
import os
import re
import signal
import time

import pytest

import fcgi
from daemon import alive, wait_for
from native import crowding


@pytest.fixture
def shedding(web):
    """A pool whose one worker sleeps, with a shedder beside it; leaving ends the sleep."""
    web.serve(pm__max_children=1, queue_timeout='"40ms"')
    with contextlib.ExitStack() as stack:
        held = stack.enter_context(fcgi.Conn(web.web, 60, strict=False))
        held.send(fcgi.whole(fcgi.cgi_params(web.t, f"note={web.notes / 'n'}&ok&sleep=30000")))
        wait_for(lambda: (web.notes / "n").exists(), what="the worker is busy")
        web.held = held
        assert web.ask("ok", strict=False).status == 503
        yield web


def shedder(web):
    return [p["pid"] for p in web.status("web", full=True)["processes"] if p["state"] == "Shedding"]


def one_shedder(web):
    """Its pid.  It has left when nothing waited for a while, and the next request brings another."""
    def seen():
        assert web.ask("ok", strict=False).status == 503
        return shedder(web)
    pid, = wait_for(seen, what="a shedder")
    return pid


def header(answer, name):
    return {k.lower(): v for k, v in answer.headers.items()}.get(name)


def test_the_answer(shedding):
    answer = shedding.ask("ok", strict=False)
    assert answer.status == 503 and header(answer, "retry-after") == "1"
    assert header(answer, "content-type").startswith("text/plain")
    assert len(answer.body) == int(header(answer, "content-length")) > 0
    answer = shedding.ask("ok", method="HEAD", strict=False)
    assert answer.status == 503 and answer.body == b"" and int(header(answer, "content-length")) > 0
    assert shedding.ask("ok", role=fcgi.AUTHORIZER, strict=False).status == 503
    assert shedding.ask("ok", b"x" * (4 << 20), strict=False).status == 503
    assert one_shedder(shedding)
    assert shedding.status("web")["total processes"] == 1


def test_a_kept_connection_is_not_kept(shedding):
    """Or the web server would send its next requests here, when the workers have room again."""
    with fcgi.Conn(shedding.web, strict=False) as conn:
        conn.send(fcgi.whole(fcgi.cgi_params(shedding.t, "ok"), flags=fcgi.KEEP))
        assert conn.answer().status == 503
        conn.until_closed()


def test_several_on_one_connection(shedding):
    with fcgi.Conn(shedding.web, strict=False) as conn:
        ids = range(1, 9)
        conn.send(b"".join(fcgi.whole(fcgi.cgi_params(shedding.t, "ok"), id_=i, flags=fcgi.KEEP)
                           for i in ids))
        assert [conn.answer(i).status for i in ids] == [503] * 8
        conn.until_closed()


def test_many_at_once_among_silent_and_illegal_ones(shedding):
    """Nobody waits for those that say nothing."""
    request = fcgi.whole(fcgi.cgi_params(shedding.t, "ok"))
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(fcgi.Conn(shedding.web))
            stack.enter_context(fcgi.Conn(shedding.web)).send(b"GET / HTTP/1.0\r\n\r\n")
            stack.enter_context(fcgi.Conn(shedding.web)).send(request[:20])
        with fcgi.Conn(shedding.web) as gone:
            gone.send(request)
        conns = [stack.enter_context(fcgi.Conn(shedding.web, strict=False)) for _ in range(200)]
        began = time.monotonic()
        for conn in conns:
            conn.send(request)
        assert {conn.answer().status for conn in conns} == {503}
        assert time.monotonic() - began < 5 * crowding()
    assert shedding.ask("ok", strict=False).status == 503


def test_one_that_is_killed_is_replaced(shedding):
    def killed():
        first = one_shedder(shedding)
        with contextlib.suppress(ProcessLookupError):  # it has left by itself
            os.kill(first, signal.SIGKILL)
        wait_for(lambda: not alive(first), what="it is dead")
        assert shedding.ask("ok", timeout=20, strict=False).status == 503
        assert first not in shedder(shedding)
        return re.search(r"\[pool web\].*shedder.*killed by signal 9", shedding.log)
    wait_for(killed, what="one is killed")
    assert shedding.status("web")["state"] == "running"


def test_it_leaves_and_the_pool_is_as_before(shedding):
    pid = one_shedder(shedding)
    shedding.held.close()
    wait_for(lambda: not shedder(shedding), what="the shedder has left")
    wait_for(lambda: not alive(pid), what="its process is gone")
    assert shedding.ask("ok").status == 200
    shedding.wait_log(r"no longer overloaded; \d+ requests were shed")


def test_a_stop_takes_it_along(shedding):
    pid = one_shedder(shedding)
    shedding.held.close()
    shedding.stop(signal.SIGQUIT)
    wait_for(lambda: not alive(pid), what="the shedder is gone")
