# SPDX-License-Identifier: Apache-2.0
"""gangerctl as a FastCGI client: against responders that behave, and against those that do not."""

import hashlib
import json
import os
import pty
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

import daemon
import fcgi

CTL = str(daemon.BUILD / "gangerctl")
HEAD = b"Content-Type: text/plain\r\n\r\n"


def environment(**more):
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    env.update({n: v for n, v in os.environ.items() if n.endswith("SAN_OPTIONS")})
    return env | more


def ctl(*arguments, **more):
    more.setdefault("stdin", subprocess.DEVNULL)
    if "input" in more:
        del more["stdin"]
    result = subprocess.run([CTL, *map(str, arguments)], capture_output=True, timeout=60,
                            env=environment(), **more)
    assert b"Sanitizer" not in result.stderr and b"runtime error" not in result.stderr, \
        result.stderr.decode()
    return result


class Request:
    """What a responder has received of one request."""

    def __init__(self):
        self.params, self.body, self.role, self.flags = {}, b"", None, None


class Peer:
    """One accepted connection."""

    def __init__(self, sock):
        self.sock, self.held = sock, b""

    def exactly(self, count):
        while len(self.held) < count:
            piece = self.sock.recv(65536)
            if not piece:
                raise EOFError
            self.held += piece
        out, self.held = self.held[:count], self.held[count:]
        return out

    def record(self):
        version, type_, id_, length, pad, _ = struct.unpack(">BBHHBB", self.exactly(8))
        assert version == 1
        content = self.exactly(length)
        self.exactly(pad)
        return type_, id_, content

    def request(self, body=True):
        """Up to the empty PARAMS record, or with `body` up to the empty STDIN record."""
        out, params = Request(), b""
        while True:
            type_, id_, content = self.record()
            assert id_ == 1
            if type_ == fcgi.BEGIN:
                out.role, out.flags = struct.unpack(">HB", content[:3])
            elif type_ == fcgi.PARAMS and content:
                params += content
            elif type_ == fcgi.PARAMS:
                out.params = decode(params)
                if not body:
                    return out
            elif type_ == fcgi.STDIN and content:
                out.body += content
            elif type_ == fcgi.STDIN:
                return out

    def send(self, data):
        self.sock.sendall(data)

    def answer(self, stdout, stderr=b"", app_status=0, protocol_status=0):
        data = fcgi.stream(fcgi.STDERR, 1, stderr) if stderr else b""
        self.send(data + fcgi.stream(fcgi.STDOUT, 1, stdout) + end(app_status, protocol_status))


def decode(data):
    out = {}
    while data:
        lengths = []
        for _ in range(2):
            wide = data[0] & 0x80
            lengths.append(struct.unpack(">I", data[:4])[0] & 0x7fffffff if wide else data[0])
            data = data[4 if wide else 1:]
        out[data[:lengths[0]].decode()] = data[lengths[0]:sum(lengths)].decode()
        data = data[sum(lengths):]
    return out


def end(app_status=0, protocol_status=0):
    return fcgi.record(fcgi.END, 1, struct.pack(">IB3x", app_status, protocol_status))


class Responder:
    """Listens on `address` and calls handler(Peer) for each connection, in a thread."""

    def __init__(self, address, handler):
        self.handler, self.error, self.connections = handler, None, 0
        inet = isinstance(address, tuple)
        family = socket.AF_UNIX if not inet else \
            socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.listener = socket.socket(family)
        self.listener.bind(address)
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1] if inet else None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with sock:
                sock.settimeout(30)
                try:
                    self.handler(Peer(sock))
                except (EOFError, ConnectionError):
                    pass
                except Exception as error:  # told to the test when it ends
                    self.error = error

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(30)
        if self.error:
            raise self.error


@pytest.fixture
def respond(folder):
    """respond(handler) → the path of a socket that it serves."""
    made = []

    def start(handler, address=None):
        address = address or str(folder.path / f"r{len(made)}.sock")
        made.append(Responder(address, handler))
        return address if made[-1].port is None else made[-1].port
    start.made = made
    yield start
    for responder in made:
        responder.stop()


def simple(stdout=HEAD + b"hello", **more):
    def handler(peer):
        while True:
            peer.request()
            peer.answer(stdout, **more)
    return handler


# ---------------------------------------------------------------- what is sent


def test_parameters_are_those_of_a_web_server(respond):
    seen = []

    def handler(peer):
        seen.append(peer.request())
        peer.answer(HEAD)
    path = respond(handler)
    result = ctl("request", path, "/a%20b/c?x=1&y=%32", "-X", "PUT", "-H", "X-One: 1", "-H",
                 "Content-Type: text/x", "-p", "PATH_INFO=/i", "-p", "REMOTE_PORT", "-d", "body",
                 "--script", "/srv/x.cgi")
    assert result.returncode == 0, result
    request = seen[0]
    assert (request.role, request.flags, request.body) == (1, 0, b"body")
    want = {
        "REQUEST_METHOD": "PUT", "QUERY_STRING": "x=1&y=%32", "REQUEST_URI": "/a%20b/c?x=1&y=%32",
        "SCRIPT_NAME": "/a b/c", "SCRIPT_FILENAME": "/srv/x.cgi", "DOCUMENT_ROOT": "/srv",
        "SERVER_PROTOCOL": "HTTP/1.1", "GATEWAY_INTERFACE": "CGI/1.1", "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "localhost", "CONTENT_TYPE": "text/x", "CONTENT_LENGTH": "4",
        "HTTP_X_ONE": "1", "PATH_INFO": "/i", "REDIRECT_STATUS": "200",
    }
    assert {n: request.params.get(n) for n in want} == want
    assert "REMOTE_PORT" not in request.params


def test_authorizer(respond):
    seen = []

    def handler(peer):
        seen.append(peer.request())
        peer.answer(b"Status: 403 Forbidden\r\n\r\n")
    result = ctl("request", respond(handler), "--role", "authorizer")
    assert result.returncode == 22
    assert seen[0].role == fcgi.AUTHORIZER and "CONTENT_LENGTH" not in seen[0].params


def test_filter(respond, folder):
    """Section 6.4: the body, then the data, whose length and time are parameters."""
    seen = []

    def handler(peer):
        while True:
            request, data = peer.request(), b""
            while True:
                type_, _, content = peer.record()
                assert type_ == fcgi.DATA
                if not content:
                    break
                data += content
            seen.append((request, data))
            peer.answer(HEAD)
    path, source = respond(handler), folder.path / "x"
    source.write_bytes(b"data" * 50_000)
    os.utime(source, (7, 1234567))
    result = ctl("request", path, "--role", "filter", "--filter-file", source, "-d", "body", "-n", "2")
    assert result.returncode == 0, result
    assert ctl("request", path, "--role", "filter").returncode == 0
    for request, data in seen[:2]:
        assert (request.role, request.body, data) == (fcgi.FILTER, b"body", source.read_bytes())
        assert request.params["FCGI_DATA_LENGTH"] == "200000"
        assert request.params["FCGI_DATA_LAST_MOD"] == "1234567"
    request, data = seen[2]
    assert (data, request.params["FCGI_DATA_LENGTH"], request.body) == (b"", "0", b"")


def test_ganger_says_that_it_serves_no_filters(served, folder):
    source = folder.path / "x"
    source.write_bytes(b"x" * 300_000)
    for more in ([], ["--filter-file", source]):
        result = ctl("request", served.web, "/t", "--role", "filter", "--script", served.t, *more)
        assert (result.returncode, result.stdout) == (1, b"")
        assert b"FCGI_UNKNOWN_ROLE" in result.stderr, result


@pytest.mark.parametrize("stream", [False, True])
def test_length_of_a_pipe(respond, stream):
    """As a web server does it, unless it is to be sent as it comes."""
    seen = []

    def handler(peer):
        while True:
            seen.append(peer.request())
            peer.answer(HEAD)
    path, more = respond(handler), ["--stream"] if stream else ["-n", "2"]
    result = ctl("request", path, "-d", "-", *more, input=b"x" * 200_000)
    assert result.returncode == 0, result
    assert [(r.params["CONTENT_LENGTH"], len(r.body)) for r in seen] == \
        ([("", 200_000)] if stream else [("200000", 200_000)] * 2)


@pytest.mark.parametrize("kind", ["relative", "dots", "link", "abstract", "v4", "v6", "localhost"])
def test_addresses(respond, folder, kind):
    here, address, arguments = folder.path, None, None
    if kind == "abstract":
        respond(simple(), f"\0ganger-ctl-{os.getpid()}")
        arguments = f"@ganger-ctl-{os.getpid()}"
    elif kind in ("v4", "localhost"):
        port = respond(simple(), ("127.0.0.1", 0))
        arguments = f"{'127.0.0.1' if kind == 'v4' else 'localhost'}:{port}"
    elif kind == "v6":
        arguments = f"[::1]:{respond(simple(), ('::1', 0))}"
    else:
        address = respond(simple())
        os.symlink(address, here / "link")
        (here / "sub").mkdir()
        arguments = {"relative": os.path.basename(address), "link": "./link",
                     "dots": f"{here}/sub/../{os.path.basename(address)}"}[kind]
    result = ctl("request", arguments, cwd=here)
    assert (result.returncode, result.stdout) == (0, b"hello"), result


# ---------------------------------------------------------------- the response


@pytest.mark.parametrize("head,status", [
    (b"Status: 200 OK\r\n\r\n", 0), (b"Content-Type: a/b\n\n", 0), (b"Location: /x\r\n\r\n", 0),
    (b"Status: 399 X\r\n\r\n", 0), (b"Status: 400 Bad\r\n\r\n", 22), (b"status:503\r\n\r\n", 22),
    (b"Status: abc\r\n\r\n", 1), (b"<html>\nno header", 1), (b"X: y\r\n", 1), (b"", 1)])
def test_exit_status_follows_the_response(respond, head, status):
    result = ctl("request", respond(simple(head)))
    assert result.returncode == status, result
    assert bool(result.stderr) == (status == 1)


def test_include_output_and_every_cut(respond, folder):
    body = bytes(range(256)) * 8

    def handler(peer):
        peer.request()
        for i in range(0, len(HEAD + body), 7):
            peer.send(fcgi.record(fcgi.STDOUT, 1, (HEAD + body)[i:i + 7], pad=i % 256))
        peer.send(fcgi.record(fcgi.STDOUT, 1, pad=3) + end())
    path = respond(handler)
    assert ctl("request", path).stdout == body
    assert ctl("request", path, "-i").stdout == HEAD + body
    out = folder.path / "out"
    result = ctl("request", path, "-o", out)
    assert result.stdout == b"" and out.read_bytes() == body


def test_stderr_is_escaped_unless_told_otherwise(respond):
    path = respond(simple(stderr=b"one\x1b[31m\ntwo\xff\nthree"))
    assert ctl("request", path).stderr == \
        b"stderr: one\\x1b[31m\nstderr: two\\xff\nstderr: three\n"
    assert ctl("request", path, "--stderr", "raw").stderr == b"one\x1b[31m\ntwo\xff\nthree"
    assert ctl("request", path, "--stderr", "hide").stderr == b""


def test_verbose_and_timing(respond):
    path = respond(simple(HEAD + b"x\x1b", app_status=7))
    result = ctl("request", path, "-v", "-d", "q\x1b")
    text = result.stderr.decode("ascii")
    assert "\x1b" not in text
    assert "> BEGIN_REQUEST id=1 length=8 padding=0 role=1 flags=0\n" in text
    assert '> STDIN id=1 length=2 padding=6 "q\\x1b"\n' in text
    assert "< END_REQUEST id=1 length=8 padding=0 app_status=7 protocol_status=0\n" in text
    assert "* REQUEST_METHOD=POST\n" in text
    timing = ctl("request", path, "--timing").stderr.decode()
    assert timing.startswith("connect ") and "status 200, app status 7" in timing


# ---------------------------------------------------------------- bodies


def test_upload_and_echo_of_a_large_body(respond, folder):
    """More than any buffer between the two, both ways at the same time."""
    def handler(peer):
        peer.request(body=False)
        peer.send(fcgi.record(fcgi.STDOUT, 1, HEAD))
        while True:
            _, _, content = peer.record()
            if not content:
                break
            peer.send(fcgi.stream(fcgi.STDOUT, 1, content, end=False))
        peer.send(fcgi.record(fcgi.STDOUT, 1) + end())
    data = os.urandom(1 << 20) * 16
    source = folder.path / "body"
    source.write_bytes(data)
    path = respond(handler)
    for how, more in ((f"@{source}", {}), ("-", {"input": data})):
        result = ctl("request", path, "-d", how, **more)
        assert result.returncode == 0, result.stderr
        assert hashlib.sha256(result.stdout).digest() == hashlib.sha256(data).digest()


def test_memory_is_bounded(respond, folder):
    """100 MB each way in less than 8 MB (more under a sanitizer)."""
    seen = {}

    def handler(peer):
        peer.request(body=False)
        seen["body"] = 0
        while True:
            _, _, content = peer.record()
            seen["body"] += len(content)
            if not content:
                break
        peer.send(fcgi.record(fcgi.STDOUT, 1, HEAD))
        piece = fcgi.record(fcgi.STDOUT, 1, b"x" * 65528)
        for _ in range(1600):
            peer.send(piece)
        status = open(f"/proc/{child.pid}/status").read()
        seen["peak"] = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])
        peer.send(fcgi.record(fcgi.STDOUT, 1) + end())
    body = folder.path / "body"
    with open(body, "wb") as f:
        f.truncate(100_000_000)
    out = folder.path / "out"
    child = subprocess.Popen([CTL, "request", respond(handler), "-d", f"@{body}", "-o", out],
                             env=environment())
    assert child.wait(60) == 0
    assert seen["body"] == 100_000_000 and out.stat().st_size == 1600 * 65528
    sanitized = b"__asan_init" in open(CTL, "rb").read()
    assert seen["peak"] < (256 if sanitized else 8) * 1024


@pytest.mark.parametrize("close", [False, True])
def test_an_early_answer_needs_no_body(respond, folder, close):
    """A program that answers 413 without reading: no deadlock, no complaint."""
    released = threading.Event()

    def handler(peer):
        peer.request(body=False)
        peer.answer(b"Status: 413 Too Large\r\n\r\nno" + b"x" * 300_000)
        if not close:
            released.wait(30)
    body = folder.path / "body"
    with open(body, "wb") as f:
        f.truncate(100_000_000)
    started = time.monotonic()
    result = ctl("request", respond(handler), "-d", f"@{body}")
    released.set()
    assert result.returncode == 22 and len(result.stdout) == 300_002, result.stderr
    assert time.monotonic() - started < 10


def test_a_slow_pipe_is_not_a_slow_application(respond):
    """The clock of --timeout stands while standard input has nothing to give."""
    path = respond(simple())
    reader, writer = os.pipe()
    child = subprocess.Popen([CTL, "request", path, "-d", "-", "--stream", "--timeout", "1500ms"], stdin=reader,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    os.close(reader)
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(2.5)
    os.write(writer, b"late")
    os.close(writer)
    out, err = child.communicate(timeout=20)
    assert (child.returncode, out, err) == (0, b"hello", b"")


def test_unreadable_bodies(respond, folder):
    path = respond(simple())
    assert ctl("request", path, "-d", "@/no/such").returncode == 26
    assert ctl("request", path, "-d", f"@{folder.path}").returncode == 26
    result = ctl("request", path, "-d", "-", "-n", "2", "--stream", input=b"x")
    assert result.returncode == 2 and b"--stream" in result.stderr


# ---------------------------------------------------------------- many requests


def test_kept_connection(respond):
    flags = []

    def handler(peer):
        while True:
            request = peer.request()
            flags.append((request.flags, request.body))
            peer.answer(HEAD + b"x")
    result = ctl("request", respond(handler), "-n", "50", "-d", "again")
    assert result.returncode == 0 and result.stdout == b"x" * 50
    assert flags == [(fcgi.KEEP, b"again")] * 50
    assert respond.made[0].connections == 1
    assert b"50 requests, 0 bad, 0 reconnects" in result.stderr


def test_a_connection_that_is_not_kept_is_made_anew(respond):
    def handler(peer):
        peer.request()
        peer.answer(HEAD + b"x")
    result = ctl("request", respond(handler), "-n", "5")
    assert result.returncode == 0 and result.stdout == b"x" * 5, result.stderr
    assert respond.made[0].connections == 5 and b"4 reconnects" in result.stderr


def test_early_answers_on_a_kept_connection(respond, folder):
    """The body that was not wanted must still end before the next request begins."""
    body = folder.path / "body"
    body.write_bytes(b"x" * 3_000_000)

    def handler(peer):
        while True:
            peer.request(body=False)
            peer.answer(b"Status: 413 X\r\n\r\nno")
            while True:
                type_, id_, content = peer.record()
                assert (type_, id_) == (fcgi.STDIN, 1)
                if not content:
                    break
    result = ctl("request", respond(handler), "-n", "5", "-d", f"@{body}")
    assert result.returncode == 22 and result.stdout == b"no" * 5, result.stderr
    assert respond.made[0].connections == 1


# ---------------------------------------------------------------- failures


def after(data, hold=None):
    def handler(peer):
        peer.request()
        peer.send(data)
        if hold:
            hold.wait(30)
    return handler


RECORD = fcgi.record
BROKEN = {
    "nothing": b"",
    "half a header": b"\x01\x06\x00",
    "half a body": HEAD[:0] + RECORD(fcgi.STDOUT, 1, HEAD + b"some"),
    "no END_REQUEST": fcgi.stream(fcgi.STDOUT, 1, HEAD + b"all"),
    "http": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello",
    "version 2": RECORD(fcgi.STDOUT, 1, HEAD, version=2) + end(),
    "another id": RECORD(fcgi.STDOUT, 2, HEAD) + end(),
    "id 0": RECORD(fcgi.STDOUT, 0, HEAD) + end(),
    "a web server's record": RECORD(fcgi.STDIN, 1, HEAD) + end(),
    "stdout after its end": fcgi.stream(fcgi.STDOUT, 1, HEAD) + RECORD(fcgi.STDOUT, 1, b"x") + end(),
    "short END_REQUEST": fcgi.stream(fcgi.STDOUT, 1, HEAD) + RECORD(fcgi.END, 1, b"1234"),
    "overloaded": end(protocol_status=2),
    "unknown role": end(protocol_status=3),
    "no such status": end(protocol_status=77),
    "only stderr": fcgi.stream(fcgi.STDERR, 1, b"sorry") + end(),
    "zeros": bytes(4096),
}


@pytest.mark.parametrize("what", sorted(BROKEN))
def test_broken_answers(respond, what):
    result = ctl("request", respond(after(BROKEN[what])), "--timeout", "20")
    assert result.returncode == 1, result
    assert b"gangerctl: " in result.stderr
    result.stderr.decode("ascii")


def test_closed_before_the_request_was_read(respond, folder):
    body = folder.path / "body"
    body.write_bytes(b"x" * 3_000_000)
    result = ctl("request", respond(lambda peer: None), "-d", f"@{body}")
    assert result.returncode == 1 and b"before the response was complete" in result.stderr


@pytest.mark.parametrize("what,want", [
    (b"", b"did not answer in time"),
    (fcgi.record(fcgi.STDOUT, 1, HEAD + b"a"), b"began but was not complete"),
])
def test_a_peer_that_hangs(respond, what, want):
    hold = threading.Event()
    started = time.monotonic()
    result = ctl("request", respond(after(what, hold)), "--timeout", "300ms")
    hold.set()
    assert result.returncode == 28 and want in result.stderr, result
    assert 0.3 <= time.monotonic() - started < 10


def test_a_peer_that_does_not_read(respond, folder):
    hold = threading.Event()
    body = folder.path / "body"
    body.write_bytes(b"x" * 30_000_000)
    result = ctl("request", respond(lambda peer: hold.wait(30)), "-d", f"@{body}", "--timeout",
                 "300ms")
    hold.set()
    assert result.returncode == 28 and b"did not read the request" in result.stderr


def test_a_peer_that_drips_for_ever(respond):
    """Something always moves, so only --max-time ends it."""
    def handler(peer):
        peer.request()
        peer.send(fcgi.record(fcgi.STDOUT, 1, HEAD))
        while not select.select([peer.sock], [], [], 0.02)[0]:
            peer.send(fcgi.record(fcgi.STDOUT, 1, b"."))
    result = ctl("request", respond(handler), "--timeout", "10", "--max-time", "300ms")
    assert result.returncode == 28 and b"--max-time" in result.stderr


def test_a_full_backlog_times_out(folder):
    """Nobody accepts: connecting itself has the deadline."""
    path = str(folder.path / "full.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(0)
    waiting = socket.socket(socket.AF_UNIX)
    waiting.connect(path)
    started = time.monotonic()
    result = ctl("request", path, "--timeout", "300ms")
    assert result.returncode == 28, result
    assert time.monotonic() - started < 10
    waiting.close()
    listener.close()


def test_cannot_connect(folder):
    gone = folder.path / "gone.sock"
    socket.socket(socket.AF_UNIX).bind(str(gone))
    (folder.path / "file").write_text("x")
    for place in (gone, folder.path / "none.sock", folder.path / "file", "@ganger-no-such",
                  "127.0.0.1:1", "[::1]:1", "./none.sock", folder.path / "x" / ".." / "none.sock"):
        result = ctl("request", place)
        assert result.returncode == 7, (place, result)
        assert result.stderr.startswith(b"gangerctl: ")


def test_a_closed_output_is_no_accident(respond):
    path = respond(simple(HEAD + b"x" * 3_000_000))
    child = subprocess.Popen([CTL, "request", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=environment())
    child.stdout.read(10)
    child.stdout.close()
    assert child.stderr.read() == b""
    assert child.wait(20) == 23
    result = ctl("request", path, "-o", "/dev/full")
    assert result.returncode == 23 and b"No space left" in result.stderr


def spoiled(stream, count, seed):
    """`count` times the stream with a few bytes changed and its end cut off; the same in every run."""
    rng, pieces = random.Random(seed), []
    for _ in range(count):
        bad = bytearray(stream)
        for _ in range(rng.randint(1, 4)):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        pieces.append(bytes(bad[:rng.randint(1, len(bad))]))
    return pieces


def test_garbage_of_every_kind_never_crashes(respond):
    stream = fcgi.stream(fcgi.STDERR, 1, b"e") + fcgi.stream(fcgi.STDOUT, 1, HEAD + b"x" * 50) + end()
    pieces = spoiled(stream, 60, 1)
    left = list(pieces)

    def handler(peer):
        peer.request()
        peer.send(left.pop())
    path = respond(handler)
    for _ in pieces:
        result = ctl("request", path, "--timeout", "10", "-v")
        assert result.returncode in (0, 1, 22), result
        assert b"\x1b" not in result.stderr


# ---------------------------------------------------------------- the command line


@pytest.mark.parametrize("arguments,want", [
    ([], "Usage:"), (["statsu"], "did you mean status?"), (["requets"], "did you mean request?"),
    (["frobnicate"], "no subcommand"), (["\x1b[31m"], "\\x1b[31m"),
    (["reload", "shop"], "reload takes nothing"), (["restart"], "restart takes a pool"),
    (["scale", "shop"], "scale takes a pool and a number"), (["ping", "--wait"], "leave out --wait"),
    (["restart", "a b"], "no name of a pool"),
    (["top", "a", "b"], '"b"'), (["request"], "needs a SOCKET"),
    (["proxy-config"], "needs a PROXY"), (["proxy-config", "nginx"], "needs a PROXY"),
    (["proxy-config", "iis", "x"], "nginx, apache"), (["proxy-config", "nginx", "x", "y"], '"y"'),
    (["bench"], "bench needs a SOCKET"), (["bench", "/s", "-c", "0"], "-c takes"),
    (["bench", "/s", "-t", "0"], "-t takes"), (["bench", "/s", "-t", "8d"], "seven days"),
    (["bench", "/s", "-n", "x"], "-n takes"), (["bench", "/s", "relative"], "must begin with '/'"),
    (["request", "/s", "/", "x"], '"x"'), (["request", "/s", "relative"], "must begin with '/'"),
    (["request", "/s", "/%00"], "%00"), (["request", "/s", "-n", "0"], "-n takes"),
    (["request", "/s", "-n", "x"], "-n takes"), (["request", "/s", "--role", "x"], "--role is"),
    (["request", "/s", "--filter-file", "x"], "--role filter"),
    (["request", "/s", "--timeout", "0"], "--timeout takes"), (["request", "/s", "-H", "x"], "-H"),
    (["request", "/s", "--timeout", "18446744073709"], "seven days"),
    (["request", "/s", "--max-time", "18446744073710"], "seven days"),
    (["request", "/s", "--stderr", "x"], "--stderr is"), (["request", "systemd:x"], "systemd"),
    (["request", "example.org:9000"], "name service"), (["request", ""], "empty"),
    (["request", "/s", "--frob"], "--frob"), (["status", "a", "b"], '"b"'), (["-x"], "x"),
])
def test_usage_errors(arguments, want):
    result = ctl(*arguments)
    assert result.returncode == 2 and want in result.stderr.decode(), result
    assert result.stdout == b"" and b"\x1b" not in result.stderr


def test_help_and_version():
    text = "".join(ctl(*words, "-h").stdout.decode() for words in ([], ["request"], ["bench"], ["proxy-config"]))
    assert "request SOCKET" in text and "reload" in text
    assert ctl("--version").stdout.startswith(b"gangerctl ")
    page = (daemon.ROOT / "man" / "gangerctl.1").read_text()
    options = set(re.findall(r"(?<![\w-])--([a-z][a-z-]+)", text))
    assert len(options) > 15
    assert [o for o in options if not re.search(rf"Fl -{o}\b", page)] == []
    assert set(re.findall(r"Fl -([a-z][a-z-]+)", page)) == options


# ---------------------------------------------------------------- status


POOLS = {"pools": [
    {"pool": "git", "kind": "cgi", "process manager": "static", "state": "running", "idle processes": 3,
     "active processes": 1, "total processes": 4, "max children": 4, "requests": 12, "reason": ""},
    {"pool": "bad", "kind": "cgi", "process manager": "static", "state": "failing",
     "reason": "exec /x: No such file\u001b[31m"}]}


def status_page(value, seen=None):
    def handler(peer):
        request = peer.request()
        if seen is not None:
            seen.append(request.params["QUERY_STRING"])
        text = value if isinstance(value, bytes) else json.dumps(value).encode()
        peer.answer(b"Content-Type: application/json\r\n\r\n" + text)
    return handler


def test_status_table_and_exit_status(respond, folder):
    seen = []
    respond(status_page(POOLS, seen), str(folder.path / "status.sock"))
    result = ctl("-r", folder.path, "status")
    lines = result.stdout.decode().splitlines()
    assert result.returncode == 1 and len(lines) == 4
    assert lines[0].split()[:4] == ["POOL", "STATE", "BUSY", "IDLE"]
    assert lines[1].split()[:6] == ["git", "running", "1", "3", "4", "4"]
    assert lines[3] == "    exec /x: No such file?[31m"
    assert b"\x1b" not in result.stdout
    as_json = ctl("status", "-r", folder.path, "--json", "--full", "a b&c")
    assert as_json.returncode == 1 and json.loads(as_json.stdout) == POOLS
    assert seen == ["json", "json&full&pool=%61%20%62%26%63"]
    # That ganger cannot be reached would be another matter.
    with open("/dev/full", "wb") as full:
        result = subprocess.run([CTL, "-r", folder.path, "status"], stdout=full, stderr=subprocess.PIPE,
                                env=environment(), timeout=60)
    assert result.returncode == 23 and b"No space left" in result.stderr


def test_status_is_relative_to_here_too(respond, folder):
    respond(status_page({"pool": "one", "state": "running"}), str(folder.path / "status.sock"))
    result = ctl("-r", ".", "status", "one", cwd=folder.path)
    assert result.returncode == 0 and result.stdout.splitlines()[1].split()[0] == b"one"


@pytest.mark.parametrize("variables,colours", [({}, True), ({"NO_COLOR": "1"}, False),
                                               ({"TERM": "dumb"}, False)])
def test_colours_only_on_a_terminal(respond, folder, variables, colours):
    respond(status_page(POOLS), str(folder.path / "status.sock"))
    master, slave = pty.openpty()
    child = subprocess.Popen([CTL, "-r", str(folder.path), "status"], stdout=slave, stdin=slave,
                             stderr=slave, env=environment(TERM="xterm") | variables)
    os.close(slave)
    text = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:
            break
        if not piece:
            break
        text += piece
    os.close(master)
    assert child.wait(20) == 1
    assert (b"\x1b[32mrunning\x1b[0m" in text) == colours
    assert b"failing" in text and b"\x1b[31m\x1b" not in text


@pytest.mark.parametrize("page", [b"", b"not json", b"[]", b'{"pools":[', b"\xff\xfe", b"{}"])
def test_status_from_a_stranger(respond, folder, page):
    respond(status_page(page), str(folder.path / "status.sock"))
    for form in ([], ["--json"]):
        result = ctl("-r", folder.path, "status", *form)
        assert result.returncode == 2 and result.stdout == b"", result
        assert b"status.sock" in result.stderr


def test_status_of_no_such_pool(respond, folder):
    def handler(peer):
        peer.request()
        peer.answer(b"Status: 404 Not Found\r\nContent-Type: text/plain\r\n\r\nno\n")
    respond(handler, str(folder.path / "status.sock"))
    result = ctl("-r", folder.path, "status", "x\x1b")
    assert result.returncode == 2 and b'no pool "x\\x1b"' in result.stderr


def test_status_without_ganger(folder):
    result = ctl("-r", folder.path, "status")
    assert result.returncode == 2 and result.stdout == b""
    assert f"{folder.path}/status.sock".encode() in result.stderr and b"-r DIR" in result.stderr
    if os.geteuid() == 0:
        denied = folder.path / "denied"
        denied.mkdir(mode=0o700)
        copy = folder.path / "gangerctl"
        shutil.copy(CTL, copy)
        run = subprocess.run([copy, "-r", denied, "status"], capture_output=True, text=True,
                             user="nobody", group="nogroup", extra_groups=[], env=environment())
        assert run.returncode == 2 and "as root" in run.stderr, run
        run = subprocess.run([copy, "status"], capture_output=True, text=True, user="nobody",
                             group="nogroup", extra_groups=[], env=environment())
        assert run.returncode == 2 and "XDG_RUNTIME_DIR" in run.stderr, run


def test_status_of_a_real_ganger(web):
    """One pool that serves, one that cannot run: the table, the JSON and the page agree."""
    web.write(web.pool("web", f'  kind = cgi\n  script_root = {{"{web.root}"}}\n  pm.max_children = 2'),
              web.pool("bad", f'  kind = cgi\n  script_root = {{"{web.root}"}}\n'
                              '  user = "no-such-user"\n  pm.max_children = 1'))
    web.start()
    assert web.ctl("request", web.web, "/?ok", "--script", web.t).returncode == 0
    daemon.wait_for(lambda: (row := web.status("web"))["requests"] == 1 and
                    row["idle processes"] == 2, what="the request is counted, and nobody is busy")
    result = web.ctl("status")
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines()}
    if web.as_root:
        assert result.returncode == 1 and rows["bad"][1] == "failed", result
        assert "no-such-user" in result.stdout
    assert rows["web"][1] == "running" and rows["web"][4:6] == ["2", "2"] and rows["web"][9] == "1"
    assert web.ctl("status", "web").returncode == 0
    one = json.loads(web.ctl("status", "web", "--json", "--full").stdout)
    assert one["pool"] == "web" and len(one["processes"]) == 2
    full = web.ctl("status", "web", "--full").stdout
    assert all(f" {p['pid']}  " in full for p in one["processes"])
    missing = web.ctl("status", "wep")
    assert missing.returncode == 2 and 'no pool "wep"' in missing.stderr
    page = web.ctl("request", web.sock("status"), "/?pool=web").stdout.splitlines()
    text = dict(line.split(":", 1) for line in page)
    for name in ("total processes", "requests", "max children", "state"):
        assert text[name].strip() == str(one[name])


# ---------------------------------------------------------------- programs of others


def php(folder):
    path = str(folder.path / "php.sock")
    child = subprocess.Popen(["php-cgi", "-n", "-d", "log_errors=1", "-b", path],
                             env=environment(PHP_FCGI_CHILDREN="0"), stderr=subprocess.DEVNULL)
    daemon.wait_for(lambda: daemon.listening(path), what="php-cgi's socket")
    return child, path


def test_php_cgi(folder):
    script = folder.script("x.php", """<?php
header("Status: " . ($_GET["code"] ?? "200"));
error_log("to the log");
echo strlen(file_get_contents("php://input")), " ", $_SERVER["HTTP_X_Y"] ?? "-", " ", $_SERVER["REQUEST_METHOD"];
""")
    child, path = php(folder)
    try:
        result = ctl("request", path, "/x?code=201", "--script", script, "-H", "X-Y: z", "-d", "abc")
        assert (result.returncode, result.stdout) == (0, b"3 z POST"), result
        assert b"stderr: to the log" in result.stderr
        assert ctl("request", path, "/x?code=500", "--script", script).returncode == 22
        assert ctl("request", path, "/no/such.php").returncode == 22
        result = ctl("request", path, script, "-n", "20", "--stderr", "hide")
        assert result.stdout == b"0 - GET" * 20 and b"0 reconnects" in result.stderr
    finally:
        child.terminate()
        child.wait(20)


def test_fcgiwrap(folder):
    script = folder.script("x.sh", "#!/bin/sh\necho Content-Type: text/plain\necho\n"
                                   "echo oops >&2\nprintf '%s ' \"$QUERY_STRING\"\nwc -c\n")
    path = str(folder.path / "fw.sock")
    child = subprocess.Popen(["/usr/sbin/fcgiwrap", "-s", f"unix:{path}"], env=environment(),
                             stderr=subprocess.DEVNULL)
    try:
        daemon.wait_for(lambda: daemon.listening(path), what="fcgiwrap's socket")
        result = ctl("request", path, "/?q", "--script", script, "-d", "12345")
        assert (result.returncode, result.stdout) == (0, b"q 5\n"), result
        assert ctl("request", path, "/", "--script", "/no/such").returncode == 22
        result = ctl("request", path, script, "-n", "10", "--stderr", "hide")
        assert result.returncode == 0 and result.stdout == b" 0\n" * 10, result
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(20)


def test_a_killed_application(folder):
    """The program dies in the middle: said so, at once."""
    note = folder.path / "note"
    script = folder.script("x.php", f'<?php echo "begun"; flush(); touch("{note}"); sleep(60); ')
    child, path = php(folder)
    try:
        client = subprocess.Popen([CTL, "request", path, script, "-n", "3"], env=environment(),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        daemon.wait_for(note.exists, what="the script runs")
        child.kill()
        out, err = client.communicate(timeout=20)
        assert client.returncode == 1 and out == b"begun"
        assert b"before the response was complete" in err
    finally:
        child.kill()
        child.wait(20)
