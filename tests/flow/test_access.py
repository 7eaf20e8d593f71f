# SPDX-License-Identifier: Apache-2.0
"""The access log: what a line says, that it is one line whatever is sent, and that none is lost."""

import concurrent.futures
import contextlib
import fcntl
import json
import os
import re
import resource
import signal
import subprocess
import time
import urllib.request

import pytest

import daemon
import fcgi
from daemon import wait_for
from fcgi import ask, cgi_params

CLIENTS = 16
REQUESTS = 10000 if not daemon.ASAN or daemon.LONG else 1500
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
    log = serve(web, **{"access.format": quoted(ALL.replace(" ", "|"))})
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


@pytest.mark.parametrize("form", ["json", '"%r" END'])
def test_what_is_cut_says_so(web, form):
    log = serve(web, **{"access.format": quoted(form)})
    uris = [c * 20000 for c in ("b", "\u00e9", "\U0001f600")] + ["b" * 8192]
    for uri in uris:
        params = cgi_params(web.t, "ok&out=x", REQUEST_URI=uri)
        with fcgi.Conn(web.web) as conn:
            conn.send(fcgi.whole(params))
            assert conn.answer().status == 200
    got = wait_for(lambda: len(lines(log)) == len(uris) and lines(log), what="all lines")
    got = [json.loads(line)["uri"] if form == "json" else line[1:-5] for line in got]
    for uri, shown in zip(uris[:3], got, strict=False):
        assert shown == uri[:len(shown) - 3] + "..." and len(shown) > 1000
    assert got[3] == uris[3]


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


def test_aborted_before_it_began(web):
    """All in one piece: no program is run, and what is told of it is not told of another."""
    log = serve(web, **{"access.format": quoted("%s %X %q"), "pm.max_children": 1})
    assert web.ask("ok&first").status == 200
    with fcgi.Conn(web.web) as conn:
        conn.send(fcgi.whole(cgi_params(web.t, "second", REQUEST_URI="/second"), flags=fcgi.KEEP) +
                  fcgi.record(fcgi.ABORT, 1))
        assert conn.answer().stdout == b""
    assert lines(log) == ["200 ok ok&first", "- aborted second"]
    worker = wait_for(lambda: web.status("web", full=True)["requests"] == 2 and
                      web.status("web", full=True)["processes"][0], what="both are counted")
    assert worker["request uri"] == "/second" and worker["script"] == "-"


def test_too_slow_whoever_leaves_then(web):
    """The client hangs up between the time limit and the end of the program: the limit was first."""
    log = serve(web, request_terminate_timeout="1s", **{"access.format": quoted("%X %q"), "pm.max_children": 1})
    note = web.notes / "term"
    web.folder.script("cgi/deaf", f"#!/bin/sh\ntrap ': > {note}' TERM\nwhile :; do sleep 0.05; done\n")
    with fcgi.Conn(web.web) as conn:
        conn.send(fcgi.whole(cgi_params(str(web.root / "deaf"), "slow")))
        wait_for(note.exists, what="the program is told to end")
    wait_for(lambda: lines(log) == ["timeout slow"], what="its line")
    status = wait_for(lambda: web.status("web")["requests"] == 1 and web.status("web"), what="it is counted")
    assert (status["timed out requests"], status["aborted requests"]) == (1, 0)


def test_suppressed_paths(web):
    log = serve(web, **{"access.suppress_path": '{"/ping", "/x"}', "access.format": quoted("%r %m %Q%q %s")})
    web.folder.script("cgi/plain", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nx'\n")
    quiet = [{}, {"method": "HEAD"}]
    loud = [{"method": "POST"}, {"body": b"abc", "method": "GET"}, {"QUERY_STRING": "ok&q"},
            {"REQUEST_URI": "/x/"}, {"REQUEST_URI": "/"}, {"SCRIPT_FILENAME": f"{web.root}/no"}]
    for more in quiet + loud:
        params = cgi_params(web.t, "", more.get("method", "GET"))
        params |= {k: v for k, v in more.items() if k.isupper()}
        params["SCRIPT_FILENAME"] = more.get("SCRIPT_FILENAME", str(web.root / "plain"))
        with fcgi.Conn(web.web) as conn:
            conn.send(fcgi.whole(params, more.get("body", b"")))
            assert conn.answer().status == (404 if "SCRIPT_FILENAME" in more else 200)
    got = wait_for(lambda: len(lines(log)) == len(loud) and lines(log), what="the loud ones")
    assert [line.rsplit(" ", 1)[1] for line in got] == ["200"] * 5 + ["404"]


def test_queue_time(web):
    log = serve(web, **{"access.format": quoted("%{micro}w %k %q"), "pm.max_children": 1})
    now = time.time()
    assert web.ask("ok&n=1").status == 200                                  # found the worker waiting
    assert web.ask("ok&n=2", REQUEST_START=f"{now - 100:.3f}").status == 200
    assert web.ask("ok&n=3", REQUEST_START=f"t={now - 7200:.3f}").status == 200
    with fcgi.Conn(web.web) as conn:                                        # found it busy
        conn.send(fcgi.whole(cgi_params(web.t, "ok&sleep=600&n=4")))
        wait_for(lambda: web.status("web")["active processes"] == 1, what="busy")
        with fcgi.Conn(web.web) as other:
            other.send(fcgi.whole(cgi_params(web.t, "ok&n=5")))
            assert other.answer().status == 200
        conn.answer()
    with fcgi.Conn(web.web) as conn:
        for n in (6, 7):
            conn.send(fcgi.whole(cgi_params(web.t, f"ok&n={n}"), flags=fcgi.KEEP))
            conn.answer()
    got = wait_for(lambda: len(lines(log)) == 7 and lines(log), what="seven lines")
    by = {line.rsplit("=", 1)[1]: line.split(" ")[:2] for line in got}
    assert by["1"][0] in ("0", "-") and by["3"][0] in ("0", "-") and by["5"] == ["-", "1"]
    assert 100e6 <= int(by["2"][0]) < 200e6
    assert by["6"][1] == "1" and by["7"] == ["0", "2"]
    status = web.status("web", full=True)
    assert status["queue time histogram"] and status["first byte histogram"]


def test_queue_time_over_tcp(web):
    port = daemon.free_port()
    path = web.base / "tcp.log"
    web.write(web.pool("web", f"""  kind = cgi
  script_root = {{"{web.root}"}}
  pm.max_children = 1
  access.log = "{path}"
  access.format = "%{{milli}}w %q" """, listen=f'"127.0.0.1:{port}"'))
    web.start()
    with fcgi.Conn(("127.0.0.1", port)) as conn:
        conn.send(fcgi.whole(cgi_params(web.t, "ok&sleep=700&a")))
        wait_for(lambda: web.status("web")["active processes"] == 1, what="busy")
        with fcgi.Conn(("127.0.0.1", port)) as other:
            other.send(fcgi.whole(cgi_params(web.t, "ok&b")))
            began = time.monotonic()
            other.answer()
            took = time.monotonic() - began
        conn.answer()
    got = wait_for(lambda: len(lines(path)) == 2 and lines(path), what="two lines")
    waited = next(float(line.split(" ")[0]) for line in got if line.endswith("&b"))
    assert 0 < waited / 1e3 <= took + 0.1


# ---------------------------------------------------------------- many, and what may go wrong

FRONT = """location / {{ include /etc/nginx/fastcgi_params; fastcgi_pass unix:{sock};
  fastcgi_param SCRIPT_FILENAME {t}; fastcgi_param REQUEST_START $msec; }}"""


@pytest.fixture
def front(web):
    if os.geteuid() == 0:
        web.options |= {"listen.owner": '"www-data"', "listen.group": '"www-data"'}
    site = daemon.Nginx(web.folder, FRONT.format(sock=web.web, t=web.t))
    yield site
    site.stop()


def burst(front, count, clients=CLIENTS):
    """`count` requests at so many clients, each with a number of its own."""
    def some(first):
        for n in range(first, count, clients):
            with urllib.request.urlopen(front.url(f"/p{n}?ok&out=x"), timeout=60) as answer:
                assert answer.read() == b"x"
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        list(pool.map(some, range(clients)))


def test_every_request_is_one_whole_line(web, front):
    log = serve(web, **{"access.format": "json"})
    burst(front, REQUESTS)
    got = [json.loads(line) for line in wait_for(lambda: len(lines(log)) >= REQUESTS and lines(log),
                                                 what="all lines")]
    assert sorted(int(line["uri"][2:]) for line in got) == list(range(REQUESTS))
    assert all(line["status"] == 200 and line["queue"] is not None for line in got)


@pytest.mark.parametrize("how", ["signal", "gangerctl"])
def test_rotation_loses_no_line(web, front, how):
    folder = web.base / "logs"
    folder.mkdir()
    log = serve(web, "logs/access.log", **{"access.format": quoted("%r %s")})
    count = 5000 if daemon.LONG else 400
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        load = pool.submit(burst, front, count)
        turns = 0
        while not load.done():
            turns += 1
            os.rename(log, folder / f"access.log.{turns}")
            if how == "signal":
                web.signal(signal.SIGUSR1)
            else:
                web.ctl("reopen", check=True)
            wait_for(log.exists, what="a new log")
        load.result()
    assert turns >= 3
    every = lambda: [line for path in folder.iterdir() for line in lines(path)]  # noqa: E731
    wait_for(lambda: len(every()) >= count, what="all lines")
    assert sorted(every()) == sorted(f"/p{n} 200" for n in range(count))


def test_full_disk_drops_whole_lines(web):
    if os.geteuid() != 0:
        pytest.fail("a small file system needs root")
    disk = web.base / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", disk], check=True)
    try:
        log = serve(web, "disk/access.log", **{"access.format": quoted("%q %s END"), "pm.max_children": 2})
        (disk / "filler").write_bytes(b"x" * (64 * 1024 - 4096))
        for n in range(80):
            assert web.ask("ok&n=%d&" % n + "y" * 100).status == 200
        web.wait_log(r"access\.log: \d+ lines dropped: No space left on device")
        (disk / "filler").unlink()
        # A torn line is mended without anybody asking.
        wait_for(lambda: log.read_bytes().endswith(b"\n"), what="the last line is ended")
        for n in range(80, 90):
            assert web.ask("ok&n=%d&end" % n).status == 200
        wait_for(lambda: sum(line.endswith("&end 200 END") for line in lines(log)) == 10, what="ten lines")
        whole = [line for line in lines(log) if line.endswith(" 200 END")]
        assert all(re.fullmatch(r"ok&n=\d+&(y{100}|end) 200 END", line) for line in whole)
        torn = [line for line in lines(log) if not line.endswith(" 200 END")]
        assert len(torn) <= 2 and 10 < len(whole) < 90
        web.stop()
        dropped = sum(map(int, re.findall(r"access\.log: (\d+) lines dropped", web.log)))
        assert dropped == 90 - len(whole)
    finally:
        web.stop()
        subprocess.run(["umount", disk], check=True)


def test_a_log_that_may_grow_no_more(web):
    """RLIMIT_FSIZE, as LimitFSIZE= of systemd sets it: its signal would end the worker, and the request."""
    most, hard = 512 * 1024, resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        log = serve(web, **{"access.format": quoted("%q %q END"), "pm.max_children": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    workers = sorted(web.workers("web"))
    for n in range(50):
        assert web.ask(f"ok&n={n}&" + "y" * 8000).status == 200
    web.wait_log(r"access\.log: \d+ lines dropped: File too large")
    assert most - 16384 <= log.stat().st_size <= most
    assert sorted(web.workers("web")) == workers


def test_C63_a_pipe_whose_reader_stops(web):
    fifo = web.base / "fifo"
    os.mkfifo(fifo)
    log = serve(web, "fifo", **{"access.format": quoted("%q " + "z" * 900), "pm.max_children": 2})
    assert log == fifo
    # Nobody reads: a pipe holds 64 KiB, and everybody is answered all the same.
    for n in range(100):
        assert web.ask(f"ok&n={n}").status == 200
    web.wait_log(r"access\.log: \d+ lines dropped: Resource temporarily unavailable")
    with open(fifo, "rb", buffering=0, opener=lambda p, f: os.open(p, os.O_RDONLY | os.O_NONBLOCK)) as reader:
        fcntl.fcntl(reader, fcntl.F_SETFL, 0)
        got = b""
        while got.count(b"\n") < 50:
            got += reader.read(65536)
        first = got.split(b"\n")[:-1]
        assert all(re.fullmatch(rb"ok&n=\d+ z{900}", line) for line in first), first[:3]
        assert web.ask("ok&n=1000").status == 200
        while b"ok&n=1000 " not in got:
            got += reader.read(65536)
    # The reader is gone: nobody is hurt.
    assert web.ask("ok&n=1001").status == 200


@pytest.mark.parametrize("what", ["link", "folder", "hard link", "no folder", "foreign link"])
def test_C87_what_is_no_log_is_refused(web, what):
    victim = web.base / "victim"
    victim.write_text("precious\n")
    place = web.base / "there"
    place.mkdir()
    log = place / "log"
    reason = {"link": "symbolic link", "folder": "Is a directory|names a folder|neither", "hard link": "second name",
              "no folder": "make the folder first", "foreign link": "is a link that somebody else"}[what]
    if what == "link":
        log.symlink_to(victim)
    elif what == "folder":
        log.mkdir()
    elif what == "hard link":
        os.link(victim, log)
    elif what == "no folder":
        log = place / "none" / "log"
    else:
        place.chmod(0o777)
        (place / "sub").symlink_to(web.base)
        log = place / "sub" / "victim"
    web.write(web.pool("web", f'  kind = cgi\n  script_root = {{"{web.root}"}}\n  pm.max_children = 1\n'
                              f'  access.log = "{log}"'))
    tested = web.run("-t")
    assert tested.returncode == 1 and re.search(reason, tested.stderr + tested.stdout), tested
    web.start()
    assert web.status("web")["state"] == "failed"
    assert re.search(reason, web.log)
    assert victim.read_text() == "precious\n"


def test_a_log_that_cannot_be_reopened_stays(web):
    folder = web.base / "logs"
    folder.mkdir()
    log = serve(web, "logs/access.log", **{"access.format": quoted("%q")})
    os.rename(folder, web.base / "gone")
    result = web.ctl("reopen")
    assert result.returncode == 1 and "cannot be opened anew" in result.stderr + result.stdout
    web.wait_log(r"access\.log: log file .*logs.*; going on with the old one")
    assert web.ask("ok&still").status == 200
    wait_for(lambda: lines(web.base / "gone" / log.name) == ["ok&still"], what="the line in the old file")


def test_format_and_file_change_while_serving(web):
    first = serve(web, **{"access.format": quoted("one %q")})
    workers = web.workers("web")
    web.ask("ok&a")
    text = web.config.read_text()
    second = web.base / "second.log"
    web.config.write_text(text.replace('"one %q"', '"two %q"').replace(str(first), str(second)))
    assert web.ctl("reload", "--wait").returncode == 0
    wait_for(second.exists, what="the second log")

    def told():
        web.ask("ok&b")
        return lines(second)[-20:] == ["two ok&b"] * 20
    wait_for(told, what="the workers write the new one, as they are told to now")
    # A request that a worker had in hand when it was told has the form that it began with.
    assert set(lines(second)) <= {"one ok&b", "two ok&b"}
    web.config.write_text(re.sub(r"  access\..*\n", "", text))
    assert web.ctl("reload", "--wait").returncode == 0
    assert web.workers("web") == workers


def test_the_log_goes_on_through_an_upgrade(web):
    log = serve(web, **{"access.format": quoted("%q")})
    web.ask("ok&before")
    assert web.ctl("upgrade", "--wait").returncode == 0
    web.ask("ok&after")
    os.rename(log, web.base / "old")
    web.ctl("reopen", check=True)
    wait_for(log.exists, what="a new log")

    def told():
        web.ask("ok&new")
        return lines(log)
    wait_for(told, what="a line in the new log")
    assert {"ok&before", "ok&after"} <= set(lines(web.base / "old"))


def test_a_full_pool_and_a_stopped_worker_leave_lines(web):
    log = serve(web, queue_timeout="500ms", **{"pm.max_children": 1, "access.format": quoted("%s %X %q")})
    with contextlib.ExitStack() as stack:
        busy = stack.enter_context(fcgi.Conn(web.web))
        busy.send(fcgi.whole(cgi_params(web.t, "sleep=100000&long")))
        wait_for(lambda: web.status("web")["active processes"] == 1, what="busy")
        assert web.ask("ok&shed").status == 503
        wait_for(lambda: "503 ok ok&shed" in lines(log), what="the 503")
        web.stop()
    assert "- aborted sleep=100000&long" in lines(log)
