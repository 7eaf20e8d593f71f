# SPDX-License-Identifier: Apache-2.0
"""The status responder and gangerctl, as far as they go."""

import json
import os
import threading
import time

import daemon
from fcgi import KEEP, Conn, ask, cgi_params, whole

FPM_FIELDS = ["pool", "process manager", "start time", "start since", "accepted conn", "listen queue",
              "max listen queue", "listen queue len", "idle processes", "active processes",
              "total processes", "max active processes", "max children reached", "slow requests"]


def test_fields_and_counts(served):
    for _ in range(5):
        served.ask("ok")
    served.ask("exit=0")

    def counted():
        row = served.status("web")
        return row["requests"] == 6 and row["idle processes"] == 4 and row
    row = daemon.wait_for(counted, what="six requests are counted, and nobody is busy")
    assert [f for f in FPM_FIELDS if f not in row] == []
    assert (row["pool"], row["process manager"], row["state"]) == ("web", "static", "running")
    assert row["accepted conn"] == 6 and row["total processes"] == 4
    assert row["idle processes"] == 4 and row["active processes"] == 0
    everything = served.status()
    assert {p["pool"] for p in everything["pools"]} == {"web", "status"}


def test_busy_workers_are_shown_and_status_needs_none_of_them(served):
    busy = []
    for i in range(4):
        c = Conn(served.web)
        c.send(whole(cgi_params(served.t, f"note={served.notes}/{i}&sleep=60000")))
        busy.append(c)
        daemon.wait_for((served.notes / str(i)).exists)
    started = time.monotonic()
    row = served.status("web", full=True)
    assert time.monotonic() - started < daemon.AT_ONCE
    assert row["active processes"] == 4 and row["idle processes"] == 0
    assert len(row["processes"]) == 4
    # A worker says what it runs when the program has been started: that may be a moment ago.
    daemon.wait_for(lambda: all(p["script"].endswith("/t")
                                for p in served.status("web", full=True)["processes"]))
    for c in busy:
        c.close()


def test_a_new_responder_knows_all_pools(ganger):
    """It is told of them one by one: nobody gets a page of those that it was told of so far."""
    names = [f"p{i}" for i in range(300)]
    ganger.write("".join(ganger.pool(name, '  kind = cgi\n  command = {"/bin/true"}\n  pm = ondemand\n'
                                           '  pm.max_children = 1') for name in names))
    ganger.start()
    daemon.wait_for(lambda: len(ganger.status()["pools"]) == 301, what="all pools are shown")
    for _ in range(5):
        old = ganger.workers("status")
        for worker in old:
            os.kill(worker, 9)
        daemon.wait_for(lambda: not any(daemon.alive(pid) for pid in old))  # noqa: B023
        assert len(ganger.status()["pools"]) == 301
        assert ganger.status(names[-1])["pool"] == names[-1]


def test_readers_that_stop_keep_nobody_away(served):
    """As many pages in hand as may be, and nobody takes them: others get theirs all the same."""
    params = cgi_params("/status", "html")
    stopped = []
    try:
        for _ in range(8):
            c = Conn(served.sock("status"))
            c.send(b"".join(whole(params, id_=i, flags=KEEP) for i in range(1, 61)))
            stopped.append(c)
        started = time.monotonic()
        row = served.status("web")
        # Without that they are waited for as long as request_body_timeout says, a minute.
        assert row["pool"] == "web" and time.monotonic() - started < 30
    finally:
        for c in stopped:
            c.close()


def test_text_form(served):
    answer = ask(served.sock("status"), "/status", "pool=web")
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/plain")
    lines = answer.body.decode().splitlines()
    assert lines[0].split(":") [0] == "pool" and lines[0].endswith("web")
    assert ask(served.sock("status"), "/status", "pool=nosuch").status == 404


def test_counters_survive_a_killed_worker(served):
    for _ in range(8):
        served.ask("ok")
    daemon.wait_for(lambda: served.status("web")["requests"] == 8, what="eight requests are counted")
    victims = served.workers("web")
    for worker in victims:
        os.kill(worker, 9)
    daemon.wait_for(lambda: len(set(served.workers("web")) - set(victims)) == 4)
    served.ask("ok")
    daemon.wait_for(lambda: served.status("web")["requests"] == 9, what="nine requests in all")


def test_a_uri_with_control_bytes_is_escaped(served):
    with Conn(served.web) as c:
        c.send(whole(cgi_params(served.t, f"note={served.notes}/u&sleep=60000",
                                REQUEST_URI="/x\x1b[31m<script>\"\\\xff")))
        daemon.wait_for((served.notes / "u").exists)

        def uris():
            return [p["request uri"] for p in served.status("web", full=True)["processes"]]
        daemon.wait_for(lambda: any("<script>" in u for u in uris()), what="the URI is shown")
        assert not any("\x1b" in u for u in uris()), uris()
        text = ask(served.sock("status"), "/status", "pool=web&full").body
        assert b"\x1b" not in text


def test_gangerctl_status(served):
    result = served.ctl("status")
    assert result.returncode == 0 and "web" in result.stdout and "running" in result.stdout
    one = served.ctl("status", "web", "--json")
    assert json.loads(one.stdout)["pool"] == "web"


def test_gangerctl_request(served):
    result = served.ctl("request", served.web, f"/?ok&out=hello", "--script", served.t)
    assert (result.returncode, result.stdout) == (0, "hello"), result
    result = served.ctl("request", served.web, "/", "--script", "/no/such")
    assert result.returncode == 22


def test_gangerctl_without_ganger(web):
    result = web.ctl("status")
    assert result.returncode == 2 and "status.sock" in result.stderr
