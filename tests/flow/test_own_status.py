# SPDX-License-Identifier: Apache-2.0
"""pm.status_path and ping.path on the sockets of CGI pools: exactly these paths, and no program."""

import json
import os
import urllib.request

import pytest

import daemon
import fcgi
from fcgi import cgi_params

OPTIONS = {"pm.status_path": '"/-/status"', "ping.path": '"/ping"', "ping.response": '"still here"'}


def fetch(web, name="/-/status", query="", method="GET", **more):
    """As nginx asks: SCRIPT_FILENAME is there, too, and leads nowhere."""
    params = cgi_params(f"{web.root}{name}", query, method, SCRIPT_NAME=name,
                        REQUEST_URI=name + ("?" + query if query else ""))
    params = {k: v for k, v in (params | more).items() if v is not None}
    with fcgi.Conn(web.web) as conn:
        conn.send(fcgi.whole(params))
        return conn.answer()


def test_status_and_ping(web):
    web.serve(**{k.replace(".", "__"): v for k, v in OPTIONS.items()})
    ping = fetch(web, "/ping")
    assert (ping.status, ping.body) == (200, b"still here")
    assert ping.headers["content-type"].startswith("text/plain") and "no-store" in ping.headers["cache-control"]
    text = fetch(web)
    assert text.status == 200 and text.body.startswith(b"pool:"), text
    own = json.loads(fetch(web, query="json&full").body)
    other = web.status("web", full=True)
    assert set(own) == set(other) and own["pool"] == "web" and own["start time"] == other["start time"]
    assert len(own["processes"]) == 4 and own["accepted conn"] >= 3
    # The one that answers is busy with just that (and whoever answered before will have ended soon).
    daemon.wait_for(lambda: sorted(p["state"] for p in json.loads(fetch(web, query="json&full").body)["processes"]) ==
                    ["Idle"] * 3 + ["Running"], what="one is busy")
    assert fetch(web, query="html").headers["content-type"].startswith("text/html")
    assert b"# EOF" in fetch(web, query="openmetrics").body
    assert fetch(web, query="xml").status == 501
    # No other pool is to be had here.
    assert json.loads(fetch(web, query="json&pool=status").body)["pool"] == "web"
    head = fetch(web, method="HEAD")
    assert head.status == 200 and head.body == b"" and int(head.headers["content-length"]) > 100


def test_a_reader_who_goes_is_counted(web):
    """Pages that were not taken: as many requests and lines of the access log as were asked."""
    log = web.base / "access.log"
    web.serve(**{k.replace(".", "__"): v for k, v in OPTIONS.items()}, pm__max_children=1,
              access__log=f'"{log}"', access__format='"%X"')
    before = web.status("web")["requests"]
    params = cgi_params(f"{web.root}/-/status", "html", SCRIPT_NAME="/-/status", REQUEST_URI="/-/status?html")
    with fcgi.Conn(web.web) as conn:
        conn.send(b"".join(fcgi.whole(params, id_=i, flags=fcgi.KEEP) for i in range(1, 41)))
        daemon.wait_for(lambda: web.status("web")["active requests"] > 20, what="they are in hand")
    daemon.wait_for(lambda: len(log.read_text().split()) == 40, what="a line for each")
    said = log.read_text().split()
    assert said.count("aborted") > 10 and set(said) == {"ok", "aborted"}
    daemon.wait_for(lambda: web.status("web")["requests"] == before + 40, what="each is counted")
    assert web.status("web")["aborted requests"] == said.count("aborted")


def test_exactly_that_path(web):
    web.serve(**{k.replace(".", "__"): v for k, v in OPTIONS.items()})
    for name in ("/-/status/", "/x/-/status", "/-/statusx", "/ping/", "/a/ping", "/PING", "//ping", "/"):
        assert fetch(web, name).status in (403, 404), name
    # What a program is asked for is not taken for it because of what follows.
    assert fetch(web, "/t", PATH_INFO="/ping", SCRIPT_FILENAME=web.t).body != b"still here"
    # Servers that send PATH_INFO alone; those that send the same as both.
    assert fetch(web, "", PATH_INFO="/ping", REQUEST_URI=None).body == b"still here"
    assert fetch(web, "/ping", PATH_INFO="/ping", REQUEST_URI="/ping?x=1").body == b"still here"
    assert fetch(web, "/-", PATH_INFO="/status", REQUEST_URI=None).body.startswith(b"pool:")
    # A front controller gets every path that anybody writes, and the page is not for anybody.
    for more in ({}, {"PATH_INFO": "/ping"}):
        answer = fetch(web, "/t", "ok&out=mine", SCRIPT_FILENAME=web.t, REQUEST_URI="/ping?ok&out=mine", **more)
        assert answer.body == b"mine", more
    assert fetch(web, "/ping", REQUEST_URI=None, SCRIPT_FILENAME=None).body == b"still here"
    # An Authorizer is asked about a page, it is not the page.
    params = cgi_params(web.t, "out=Status: 200%0d%0a%0d%0a", SCRIPT_NAME="/ping")
    with fcgi.Conn(web.web) as conn:
        conn.send(fcgi.whole(params, role=fcgi.AUTHORIZER))
        assert b"still here" not in conn.answer().stdout


def test_through_nginx_and_off_again(web):
    web.options |= OPTIONS
    if os.geteuid() == 0:
        web.options |= {"listen.owner": '"www-data"', "listen.group": '"www-data"'}
    web.serve()
    site = daemon.Nginx(web.folder, "location / { include /etc/nginx/fastcgi_params; "
                                    f"fastcgi_pass unix:{web.web}; fastcgi_param SCRIPT_FILENAME {web.t}; }}")
    try:
        with urllib.request.urlopen(site.url("/ping?x"), timeout=30) as answer:
            assert answer.read() == b"still here"
        with urllib.request.urlopen(site.url("/-/status?json"), timeout=30) as answer:
            assert json.load(answer)["pool"] == "web"
    finally:
        site.stop()
    workers = web.workers("web")
    text = web.config.read_text()
    web.config.write_text(text.replace('ping.path = "/ping"', 'ping.path = "/pong"'))
    assert web.ctl("reload", "--wait").returncode == 0
    daemon.wait_for(lambda: fetch(web, "/pong").body == b"still here", what="the new path")
    assert web.workers("web") == workers


def test_busy_but_one(web):
    """Every worker but one is busy, others wait in the queue of none: the page tells so."""
    web.serve(**{k.replace(".", "__"): v for k, v in OPTIONS.items()})
    busy = [fcgi.Conn(web.web) for _ in range(3)]
    try:
        for conn in busy:
            conn.send(fcgi.whole(cgi_params(web.t, "ok&sleep=100000")))
        daemon.wait_for(lambda: web.status("web")["active processes"] == 3, what="three are busy")
        own = json.loads(fetch(web, query="json").body)
        assert own["active processes"] == 4 and own["idle processes"] == 0
        assert fetch(web, "/ping").body == b"still here"
    finally:
        for conn in busy:
            conn.close()


@pytest.mark.parametrize("kind", ["fastcgi", "status"])
def test_other_kinds_are_referred_to_the_status_pool(web, kind):
    web.write(web.pool("other", f'  kind = {kind}\n  pm.max_children = 1\n  ping.path = "/ping"\n' +
                       (f'  command = {{"{web.t}"}}' if kind == "fastcgi" else "")))
    result = web.run("-t")
    assert result.returncode == 1
    assert "ping.path means nothing for kind" in result.stderr and "ask the status pool" in result.stderr
