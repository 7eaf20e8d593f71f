# SPDX-License-Identifier: Apache-2.0
"""Requests that share a connection or a worker, while one of them does not move."""

import os
import time

import daemon
from fcgi import (ABORT, KEEP, PARAMS, STDIN, Conn, begin, cgi_params, pairs, record, stream, whole)


def head(world, id_, query, **params):
    method = params.pop("method", "POST")
    return begin(id_, flags=KEEP) + stream(PARAMS, id_, pairs(cgi_params(
        world.t, query, method, **params)))


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_abort_of_a_request_whose_program_has_ended(served):
    """Only a stranger on its pipes keeps it alive: an abort does not wait for the grace."""
    took = []
    with Conn(served.web) as c:
        for i in range(1, 5):
            note = served.notes / str(i)
            c.send(whole(cgi_params(served.t, f"fork=60000&ok&out=x&note={note}"), id_=i, flags=KEEP))
            answer = b""
            while not answer.endswith(b"x"):
                answer += c.read_record()[2]
            pid = int(daemon.wait_for(lambda n=note: n.exists() and n.read_text().strip()))
            daemon.wait_for(lambda p=pid: not daemon.alive(p))
            time.sleep(0.1)  # nothing tells us when ganger has seen it
            started = time.monotonic()
            c.send(record(ABORT, i))
            c.answer(i)
            took.append(time.monotonic() - started)
    assert min(took) < 1, took  # the grace is two seconds


def test_a_blocked_connection_is_not_the_peers_fault(web):
    """While request 1 takes nothing of its body the connection is not read.  What request 2 and 3
    lack meanwhile is not missing: no timeout may count."""
    web.serve(pm__max_children=1, request_body_timeout="1s", request_params_timeout="1s",
              response_holdback_timeout="10s")
    body = b"b" * 600000
    with Conn(web.web) as c:
        c.send(head(web, 1, "ok&sleep=3500&length", CONTENT_LENGTH=str(len(body))) +
               head(web, 2, "ok&length", CONTENT_LENGTH="5") + begin(3, flags=KEEP) +
               record(PARAMS, 3, pairs(cgi_params(web.t, "ok&out=3"))))
        c.send(stream(STDIN, 1, body) + stream(STDIN, 2, b"12345") + record(PARAMS, 3) +
               record(STDIN, 3))
        assert c.answer(1).body == b"600000\n"
        assert c.answer(2).body == b"5\n"
        assert c.answer(3).body == b"3"


def test_sixteen_responses_held_back_at_once(web):
    """All of them wait for their bodies, then all are let go."""
    web.serve(pm__max_children=1, response_holdback_timeout="15s")
    with Conn(web.web, 30) as c:
        for i in range(1, 17):
            c.send(head(web, i, "ok&spam=400000&cat") + record(STDIN, i, b"1"))
        time.sleep(2)  # they write, and ganger holds it: nothing shows from outside
        c.send(b"".join(record(STDIN, i) for i in range(1, 17)))
        for i in range(1, 17):
            answer = c.answer(i)
            assert answer.status == 200 and len(answer.body) == 400001, (i, answer)
    worker = web.workers("web")[0]
    assert daemon.rss(worker) < 200 << 20


def test_a_held_response_of_a_client_that_left_costs_no_time(web):
    """The deadline of a held response is nobody's when the client is gone."""
    web.serve(pm__max_children=1, response_holdback_timeout="200ms")
    worker = web.workers("web")[0]
    before = cpu_seconds(worker)
    for i in range(4):
        with Conn(web.web) as c:
            c.send(head(web, 1, f"ignterm&ok&out=x&note={web.notes}/{i}&sleep=60000") +
                   record(STDIN, 1, b"1"))
            daemon.wait_for((web.notes / str(i)).exists)
            time.sleep(0.1)  # what it wrote is being read
    daemon.wait_for(lambda: not daemon.children(worker), what="the programs are ended")
    assert cpu_seconds(worker) - before < 0.8  # spinning: half a second for each


def test_strangers_are_reaped_though_a_program_runs(web):
    web.serve(pm__max_children=1)
    worker = web.workers("web")[0]
    with Conn(web.web) as slow, Conn(web.web) as c:
        c.send(whole(cgi_params(web.t, "ok"), flags=KEEP))
        c.answer()
        slow.send(whole(cgi_params(web.t, f"note={web.notes}/slow&sleep=60000")))
        daemon.wait_for((web.notes / "slow").exists)
        for _ in range(10):
            c.send(whole(cgi_params(web.t, "daemon=1&ok"), flags=KEEP))
            c.answer()
        daemon.wait_for(lambda: len(daemon.children(worker)) == 1, what="only the slow one is left")


def test_a_body_of_unknown_length_that_stops_coming(web):
    web.serve(request_body_timeout="1s", response_holdback_timeout="10s")
    with Conn(web.web) as c:
        c.send(head(web, 1, "ok&cat") + record(STDIN, 1, b"some"))
        assert c.answer().status == 408


def test_an_ended_program_is_not_too_slow(web):
    """Its last bytes are on their way to a client that takes its time."""
    web.serve(pm__max_children=1, request_terminate_timeout="2s")
    worker = web.workers("web")[0]
    with Conn(web.web) as c:
        # more than socket and queue hold, and the rest fits into the pipe
        c.send(whole(cgi_params(web.t, "ok&spam=420000"), flags=KEEP))
        daemon.wait_for(lambda: [s for _, _, s in daemon.children(worker)] == ["Z"],
                        what="a program that has ended, unread")
        time.sleep(2.3)  # the time limit passes; there is no event to wait for
        answer = c.answer()
        assert len(answer.body) == 420000


def test_a_reader_of_the_status_page_that_stops_reading(web):
    """It must not keep others from the page, with one status worker."""
    web.serve(pm__max_children=16)
    with Conn(web.sock("status")) as c:
        c.send(b"".join(whole(cgi_params("/status", "json&full"), id_=i, flags=KEEP)
                        for i in range(1, 61)))
        c._take(*c.read_record())
        started = time.monotonic()
        assert web.status("web")["pool"] == "web"
        assert time.monotonic() - started < daemon.AT_ONCE
        for i in range(1, 61):
            assert c.answer(i).status == 200


def test_nothing_completes_a_response_that_was_cut(served):
    """The connection stays for request 2; whatever the peer does to id 1, it gets no END_REQUEST."""
    with Conn(served.web) as c:
        c.send(whole(cgi_params(served.t, "ok&out=x&sleep=50&raise=9"), id_=1, flags=KEEP) +
               whole(cgi_params(served.t, "sleep=1500&ok&out=y"), id_=2, flags=KEEP))
        served.wait_log("killed in the middle")
        c.send(begin(1, flags=KEEP) + record(ABORT, 1))
        assert c.answer(2).body == b"y"
        assert not c.until_closed()[1].ended
