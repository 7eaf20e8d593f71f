# SPDX-License-Identifier: Apache-2.0
"""The access log: what a line says, that it is one line whatever is sent, and that none is lost."""

import concurrent.futures
import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request

import pytest

import daemon
import fcgi
from daemon import wait_for
from fcgi import ask, cgi_params

CLIENTS = 16
REQUESTS = 10000 if not daemon.ASAN or daemon.LONG else 3000
ALL = ('%% %{user}C %{system}C %{total}C %C %{seconds}d %{milli}d %{micro}d %d %{HTTP_HOST}e %f %l %m '
       '%{kilo}M %{mega}M %M %n %{Content-Type}o %p %P %q %Q %r %R %s %t %{%Y}T %u %w %{micro}w %F '
       '%{milli}F %I %{kilo}O %O %k %X')


def serve(web, log="access.log", more="", **options):
    """The pool `web` with an access log; the log's path."""
    path = web.base / log
    web.options |= {"access.log": f'"{path}"'} | options
    web.serve()
    return path


def lines(path):
    text = path.read_bytes()
    assert text == b"" or text.endswith(b"\n"), text[-200:]
    return text.decode().split("\n")[:-1]


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def test_default_format(web):
    log = serve(web)
    assert web.ask("ok&out=hello", REMOTE_USER="jane").status == 200
    assert ask(web.web, f"{web.root}/nothing").status == 404
    one, two = wait_for(lambda: len(lines(log)) == 2 and lines(log), what="two lines")
    assert re.fullmatch(r'127\.0\.0\.1 - jane \d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4} "GET /x" 200',
                        one), one
    assert two.startswith("127.0.0.1 - - ") and two.endswith('"GET /x" 404'), two
    assert oct(log.stat().st_mode & 0o777) == "0o640"


def test_every_letter(web):
    log = serve(web, access__format=quoted(ALL.replace(" ", "|")), **{"access.format": quoted(ALL.replace(" ", "|"))}) \
        if False else serve(web, **{"access.format": quoted(ALL.replace(" ", "|"))})
    answer = web.ask("ok&out=hello", b"abc", HTTP_HOST="example.org", REMOTE_USER="jane", method="POST")
    assert answer.status == 200
    line = wait_for(lambda: lines(log), what="a line")[0]
    got = dict(zip(ALL.split(), line.split("|"), strict=True))
    assert got["%%"] == "%" and got["%m"] == "POST" and got["%n"] == "web" and got["%s"] == "200"
    assert got["%{HTTP_HOST}e"] == "example.org" and got["%f"] == web.t and got["%l"] == "3"
    assert got["%r"] == "/x" and got["%q"] == "ok&out=hello" and got["%Q"] == "?"
    assert got["%R"] == "127.0.0.1" and got["%u"] == "jane" and got["%X"] == "ok" and got["%k"] == "1"
    assert got["%I"] == "3" and int(got["%O"]) == len(answer.stdout) and got["%{kilo}O"] == "0"
    assert got["%{Content-Type}o"] == answer.headers["content-type"]
    assert int(got["%p"]) in web.workers("web") and int(got["%P"]) == web.pid
    assert got["%{%Y}T"] == time.strftime("%Y") or int(got["%{%Y}T"]) + 1 == int(time.strftime("%Y"))
    assert 0 < float(got["%d"]) == pytest.approx(int(got["%{micro}d"]) / 1e6, abs=0.001)
    assert float(got["%{milli}d"]) == pytest.approx(int(got["%{micro}d"]) / 1e3, abs=0.001)
    assert 0 < float(got["%{milli}F"]) <= float(got["%{milli}d"])
    assert int(got["%{mega}M"]) == int(got["%M"]) // 2**20 and int(got["%{kilo}M"]) == int(got["%M"]) // 2**10
    assert float(got["%C"]) == pytest.approx(float(got["%{user}C"]) + float(got["%{system}C"]), abs=0.02)
    assert got["%{total}C"] == got["%C"] and got["%w"] in ("0.000", "-")


KEYS = {"time", "pool", "pid", "remote", "user", "method", "uri", "query", "script", "status", "end",
        "duration", "queue", "first_byte", "cpu_user", "cpu_system", "memory", "content_length",
        "bytes_in", "bytes_out", "number"}
NASTY = [b"\n", b"\r\n", b'"', b"\\", b"\\n", b"\x00"[:0], b"\x1b[31m", b"\x7f", b"\xff\xfe", b"\xc3\xa9",
         "\u2028\u202e\U0001f600".encode(), b"\xed\xa0\x80", b"</script>", b"{}[]", b"a" * 3000, b"\xff" * 3000,
         b'" 200\n127.0.0.1 - root [x] "GET /forged" 200']


def test_json_is_json_whatever_comes(web):
    log = serve(web, **{"access.format": "json"})
    for nasty in NASTY:
        params = cgi_params(web.t, "ok&out=x")
        params["REQUEST_URI"] = params["REMOTE_USER"] = params["HTTP_USER_AGENT"] = params["SCRIPT_NAME"] = nasty
        with fcgi.Conn(web.web) as conn:
            conn.send(fcgi.whole(params))
            assert conn.answer().status == 200
    got = [json.loads(line) for line in wait_for(lambda: len(lines(log)) == len(NASTY) and lines(log),
                                                 what="all lines")]
    for line, nasty in zip(got, NASTY, strict=True):
        assert set(line) == KEYS and line["status"] == 200 and line["end"] == "ok" and line["number"] == 1
        for key in ("uri", "user"):
            if len(nasty) > 1000 or not nasty:
                continue
            back = re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), line[key].encode())
            assert back == nasty.split(b"?")[0] if key == "uri" else nasty
        assert 0 < line["duration"] < 60 and 0 < line["first_byte"] <= line["duration"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"])
    assert max(len(line) for line in lines(log)) < 16384


def test_nobody_forges_a_line_or_a_field(web):
    log = serve(web, **{"access.format": quoted('%R %u %m %r "%{HTTP_USER_AGENT}e" %s END')})
    for nasty in NASTY:
        params = cgi_params(web.t, "ok&out=x")
        for name in ("REQUEST_URI", "REMOTE_USER", "HTTP_USER_AGENT", "REMOTE_ADDR"):
            params[name] = nasty + b" x y"
        with fcgi.Conn(web.web) as conn:
            conn.send(fcgi.whole(params))
            assert conn.answer().status == 200
    got = wait_for(lambda: len(lines(log)) == len(NASTY) and lines(log), what="all lines")
    for line in got:
        assert re.fullmatch(r'[^ "]+ [^ "]+ GET [^ "]+ "[^"]*" 200 END', line), line
        assert all(c.isprintable() for c in line)


def test_each_request_once_however_it_ends(web):
    log = serve(web, request_terminate_timeout="1s", **{"pm.max_children": 2, "access.format": quoted("%s %X %q")})
    assert web.ask("ok&out=a").status == 200                               # ok
    assert ask(web.web, f"{web.root}/none", "n").status == 404             # refused
    assert ask(web.web, "/etc/passwd", "p").status in (403, 404)           # refused
    assert web.ask("sleep=60000").status == 504                            # timeout
    assert web.ask("exit=0").status == 502                                 # nothing came
    with fcgi.Conn(web.web) as conn:                                       # hangs up
        conn.send(fcgi.whole(cgi_params(web.t, "ok&sleep=600&gone")))
        wait_for(lambda: web.status("web")["active processes"] == 1, what="busy")
    wait_for(lambda: len(lines(log)) >= 6, what="six lines")
    with fcgi.Conn(web.web) as conn:                                       # aborts
        conn.send(fcgi.whole(cgi_params(web.t, "ok&sleep=600&abort"), flags=fcgi.KEEP))
        wait_for(lambda: web.status("web")["active processes"] == 1, what="busy")
        conn.send(fcgi.record(fcgi.ABORT, 1))
        conn.answer()
    with fcgi.Conn(web.web, strict=False) as conn:                         # cut in the middle
        conn.send(fcgi.whole(cgi_params(web.t, "ok&out=a&sleep=60000&late")))
        with contextlib.suppress(fcgi.Closed):
            conn.answer()
    got = wait_for(lambda: len(lines(log)) == 8 and lines(log), what="eight lines")
    by = {line.split(" ", 2)[2]: line.split(" ")[:2] for line in got}
    assert len(by) == 8
    assert by["ok&out=a"] == ["200", "ok"] and by["n"] == ["404", "ok"] and by["p"][1] == "ok"
    assert by["sleep=60000"] == ["504", "timeout"] and by["exit=0"] == ["502", "ok"]
    assert by["ok&sleep=600&gone"][1] == "aborted" and by["ok&sleep=600&abort"][1] == "aborted"
    assert by["ok&out=a&sleep=60000&late"] == ["200", "timeout"]
    status = web.status("web")
    assert status["accepted conn"] >= 8
