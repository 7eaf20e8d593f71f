# SPDX-License-Identifier: Apache-2.0
"""Resources that run out, and peers that hold on: FAULTS C58, C60, C67–C70, and keep-alive."""

import os
import subprocess
import threading
import time

import pytest

import daemon
from fcgi import (KEEP, PARAMS, STDIN, Closed, Conn, ask, begin, cgi_params, pairs, record, stream,
                  whole)


def cpu_ticks(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_C58_out_of_descriptors(web):
    """The worker has few descriptors and many clients: it pauses, does not spin, loses nobody."""
    web.serve(rlimit_files=40, pm__max_children=1, keepalive_connections=1000)
    worker = web.workers("web")[0]
    kept = []
    for i in range(64):
        c = Conn(web.web, 30)
        c.send(whole(cgi_params(web.t, f"ok&out={i}"), flags=KEEP))
        kept.append(c)
    ticks = cpu_ticks(worker)
    started = time.monotonic()
    for c in kept[:10]:
        c.answer()
    for c in kept[:10]:
        c.close()
    answered = 10
    for i, c in enumerate(kept[10:], 10):
        try:
            assert c.answer(timeout=30).body == str(i).encode()
            answered += 1
        except Closed:
            pass
        c.close()
    assert answered == 64, "every waiting client is served in the end"
    spent = (cpu_ticks(worker) - ticks) / os.sysconf("SC_CLK_TCK")
    assert spent < max(1.5, 0.5 * (time.monotonic() - started))
    assert web.workers("web") == [worker]


def test_C60_no_more_processes_is_503(web):
    """RLIMIT_NPROC of the pool's user is reached inside the worker: 503, and service afterwards."""
    if os.geteuid() != 0:
        pytest.fail("needs root to give the pool a user of its own")
    web.serve(pm__max_children=1, user='"games"', group='"games"')
    worker = web.workers("web")[0]

    def limit(soft):  # as the pool's own user, who may change its soft limit
        subprocess.run(["setpriv", "--reuid", "games", "--regid", "games", "--clear-groups",
                        "prlimit", f"--nproc={soft}:", "--pid", str(worker)], check=True)
    limit(0)
    for _ in range(5):
        answer = web.ask("ok")
        assert answer.status == 503, answer
    web.wait_log(r"\[pool web\].*(process|fork|clone|start)")
    limit(1000)
    assert web.ask("ok&out=again").body == b"again"
    assert web.workers("web") == [worker]


def test_C67_silent_connections_take_no_worker(web):
    served = web.serve(request_params_timeout="60s")
    silent = []
    for _ in range(500):
        try:
            silent.append(Conn(served.web, 5))
        except (BlockingIOError, OSError):
            break
    assert len(silent) > 100
    for i in range(20):
        started = time.monotonic()
        assert served.ask(f"ok&out={i}").body == str(i).encode()
        assert time.monotonic() - started < daemon.AT_ONCE
    for c in silent:
        c.close()


def test_C67_silent_connections_are_closed(web):
    web.serve(request_params_timeout="1s")
    started = time.monotonic()
    with Conn(web.web) as c:
        c.until_closed()
        assert time.monotonic() - started > 0.9


def test_C68_slowloris(web):
    web.serve(request_params_timeout="1s")
    stop = threading.Event()
    slow = [Conn(web.web) for _ in range(100)]

    def drip():
        data = whole(cgi_params(web.t, f"note={web.notes}/slow&ok"))
        for i in range(len(data)):
            for c in slow:
                try:
                    c.sock.send(data[i:i + 1])
                except OSError:
                    pass
            if stop.wait(0.2):
                return
    thread = threading.Thread(target=drip)
    thread.start()
    try:
        for i in range(20):
            assert web.ask(f"ok&out={i}").body == str(i).encode()
        daemon.wait_for(lambda: all(c.is_closed() for c in slow), what="slow peers are closed")
    finally:
        stop.set()
        thread.join()
    assert not (web.notes / "slow").exists()


def test_C69_peers_that_never_close(served):
    """Without KEEP_CONN, answered, and never closed by the peer: no worker waits for them."""
    idle = []
    for i in range(40):
        c = Conn(served.web)
        c.send(whole(cgi_params(served.t, f"ok&out={i}")))
        assert c.answer().body == str(i).encode()
        idle.append(c)
    started = time.monotonic()
    for c in idle:
        c.until_closed()
    assert time.monotonic() - started < daemon.AT_ONCE


def test_C70_short_body_with_a_proper_end(served):
    for keep in (0, KEEP):
        with Conn(served.web) as c:
            started = time.monotonic()
            c.send(begin(flags=keep) + stream(PARAMS, 1, pairs(cgi_params(
                served.t, "ok&length", "POST", CONTENT_LENGTH="1000"))) + stream(STDIN, 1, b"12345"))
            assert c.answer().body == b"5\n"
            assert time.monotonic() - started < daemon.AT_ONCE


def test_kept_connections_do_not_pin_a_worker(served):
    """Many idle kept connections on every worker; a new client never waits."""
    kept = []
    for i in range(64):
        c = Conn(served.web)
        c.send(whole(cgi_params(served.t, "ok&out=k"), flags=KEEP))
        assert c.answer().body == b"k"
        kept.append(c)
    started = time.monotonic()
    for i in range(20):
        assert served.ask(f"ok&out={i}").body == str(i).encode()
    assert time.monotonic() - started < daemon.AT_ONCE
    for c in kept:  # and each of them still serves
        c.send(whole(cgi_params(served.t, "ok&out=again"), flags=KEEP))
        assert c.answer().body == b"again"
        c.close()


def test_a_request_on_a_kept_connection_never_waits_behind_another(web):
    web.serve(pm__max_children=1)
    with Conn(web.web) as kept, Conn(web.web) as slow:
        kept.send(whole(cgi_params(web.t, "ok&out=1"), flags=KEEP))
        kept.answer()
        slow.send(whole(cgi_params(
            web.t, f"note={web.notes}/slow&until={web.notes}/go&ok&out=slow")))
        daemon.wait_for((web.notes / "slow").exists)
        kept.send(whole(cgi_params(web.t, "ok&out=2"), flags=KEEP))
        assert kept.answer().body == b"2"
        (web.notes / "go").touch()
        assert slow.answer().body == b"slow"


def test_keepalive_timeout_and_connections(web):
    web.serve(pm__max_children=1, keepalive_timeout="1s", keepalive_connections=4)
    kept = []
    for _ in range(12):
        c = Conn(web.web)
        c.send(whole(cgi_params(web.t, "ok"), flags=KEEP))
        c.answer()
        kept.append(c)
    daemon.wait_for(lambda: sum(not c.is_closed() for c in kept) <= 4, what="at most four are kept")
    daemon.wait_for(lambda: all(c.is_closed() for c in kept), what="idle ones are closed in time")


def test_no_descriptor_or_memory_leak(served):
    """The same counts after many requests of every ending as before."""
    def everything():
        served.ask("ok&out=x")
        served.ask("exit=0")
        served.ask("raise=11")
        ask(served.web, "/no/such")
        with Conn(served.web) as c:
            c.send(whole(cgi_params(served.t, "sleep=60000"))[:-3])
        with Conn(served.web) as c:
            c.send(b"rubbish")
        with Conn(served.web) as c:
            c.send(whole(cgi_params(served.t, "ok&spam=1000000")))
    for _ in range(20):
        everything()

    def settled():
        return {p: daemon.descriptors(p) for p in [served.pid, *served.workers("web")]}
    daemon.wait_for(lambda: not any(daemon.children(w) for w in served.workers("web")), what="programs are gone")
    daemon.wait_for(lambda: len(set(list(settled().values())[1:])) == 1, what="all workers idle alike")
    before = settled()
    for _ in range(100):
        everything()
    daemon.wait_for(lambda: settled() == before, what=f"descriptors as before: {before} {settled()}")
