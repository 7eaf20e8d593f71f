# SPDX-License-Identifier: Apache-2.0
"""A FastCGI client for tests: builds any stream, legal or not, and reads answers strictly.

The reader accepts only what the specification allows an application to send, so every test that
goes through it also checks everything ganger writes.
"""

import select
import socket
import struct
import time

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, DATA, GET_VALUES, GET_VALUES_RESULT, UNKNOWN = \
    range(1, 12)
RESPONDER, AUTHORIZER, FILTER = 1, 2, 3
KEEP = 1
COMPLETE, CANT_MPX, OVERLOADED, UNKNOWN_ROLE = range(4)

DEADLINE = 30.0


def record(type_, id_, content=b"", pad=0, version=1, reserved=0):
    return struct.pack(">BBHHBB", version, type_, id_, len(content), pad, reserved) + content + \
        b"\xaa" * pad


def begin(id_=1, role=RESPONDER, flags=0, pad=0):
    return record(BEGIN, id_, struct.pack(">HB5x", role, flags), pad)


def length(n, long=False):
    return struct.pack(">I", n | 0x80000000) if long or n > 127 else bytes([n])


def pair(name, value, long=False):
    name = name.encode() if isinstance(name, str) else name
    value = value.encode() if isinstance(value, str) else value
    return length(len(name), long) + length(len(value), long) + name + value


def pairs(params, long=False):
    return b"".join(pair(n, v, long) for n, v in
                    (params.items() if isinstance(params, dict) else params))


def stream(type_, id_, data, chunk=65535, pad=0, end=True):
    out = b"".join(record(type_, id_, data[i:i + chunk], pad)
                   for i in range(0, len(data), chunk))
    return out + (record(type_, id_, b"", pad) if end else b"")


def cgi_params(script, query="", method="GET", **more):
    params = {
        "REQUEST_METHOD": method, "SCRIPT_FILENAME": script, "QUERY_STRING": query,
        "SCRIPT_NAME": "/" + script.rsplit("/", 1)[-1], "REQUEST_URI": "/x?" + query,
        "SERVER_PROTOCOL": "HTTP/1.1", "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": "test", "REMOTE_ADDR": "127.0.0.1", "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
    }
    params.update(more)
    return {n: v for n, v in params.items() if v is not None}


def whole(params, body=b"", id_=1, flags=0, role=RESPONDER, chunk=65535, pad=0):
    """A whole legal request; CONTENT_LENGTH is added when there is a body."""
    params = dict(params)
    if body and "CONTENT_LENGTH" not in params:
        params["CONTENT_LENGTH"] = str(len(body))
    return begin(id_, role, flags, pad) + stream(PARAMS, id_, pairs(params), chunk, pad) + \
        stream(STDIN, id_, body, chunk, pad)


class ProtocolError(AssertionError):
    """ganger sent something an application must not send."""


class Closed(Exception):
    """The connection ended (or was reset) where a record was expected."""


class Answer:
    def __init__(self, id_):
        self.id, self.stdout, self.stderr = id_, b"", b""
        self.app_status = self.protocol_status = None
        self.ended = False
        self.out_ended = self.err_ended = False
        self.first_byte = None

    @property
    def head(self):
        return self.stdout.split(b"\r\n\r\n", 1)[0].decode("latin-1")

    @property
    def body(self):
        parts = self.stdout.split(b"\r\n\r\n", 1)
        return parts[1] if len(parts) == 2 else b""

    @property
    def headers(self):
        out = {}
        for line in self.head.split("\r\n"):
            if ":" in line:
                name, value = line.split(":", 1)
                out[name.lower()] = value.strip()
        return out

    @property
    def status(self):
        return int(self.headers.get("status", "200").split()[0])

    def __repr__(self):
        return (f"<Answer {self.id} stdout={self.stdout[:300]!r} stderr={self.stderr[:200]!r} "
                f"app={self.app_status} proto={self.protocol_status} ended={self.ended}>")


def dial(address, timeout=DEADLINE):
    """address: a path, '@abstract', or (host, port)."""
    if isinstance(address, tuple):
        return socket.create_connection(address, timeout)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(timeout)
    s.connect("\0" + address[1:] if address.startswith("@") else str(address))
    return s


class Conn:
    def __init__(self, address, timeout=DEADLINE, strict=True):
        """`strict` is for what ganger writes itself; php-cgi leaves out the end of STDOUT, and what
        it writes into reserved bytes is whatever lay there."""
        self.strict = strict
        self.sock = dial(str(address) if not isinstance(address, tuple) else address, timeout)
        self.timeout = timeout
        self.buffer = b""
        self.answers = {}
        self.others = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Close so that TCP sends RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, data, step=None):
        try:
            if step is None:
                self.sock.sendall(data)
            else:
                for i in range(0, len(data), step):
                    self.sock.sendall(data[i:i + step])
        except (BrokenPipeError, ConnectionResetError):
            pass  # ganger may close at the first illegal byte; the read tells

    def _fill(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"no whole record in time; have {self.buffer[:100]!r}")
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(1 << 18)
        except socket.timeout:
            raise TimeoutError("no byte in time") from None
        except ConnectionResetError:
            raise Closed("reset") from None
        if not data:
            raise Closed("end of stream" + (f" inside a record: {self.buffer[:40]!r}"
                                            if self.buffer else ""))
        self.buffer += data

    def read_record(self, timeout=None):
        deadline = time.monotonic() + (timeout or self.timeout)
        while len(self.buffer) < 8:
            self._fill(deadline)
        version, type_, id_, size, pad, reserved = struct.unpack(">BBHHBB", self.buffer[:8])
        if version != 1 or (self.strict and reserved != 0):
            raise ProtocolError(f"bad header {self.buffer[:8].hex()}")
        while len(self.buffer) < 8 + size + pad:
            self._fill(deadline)
        content, padding = self.buffer[8:8 + size], self.buffer[8 + size:8 + size + pad]
        self.buffer = self.buffer[8 + size + pad:]
        if self.strict and padding.strip(b"\0"):
            raise ProtocolError(f"padding is not zero: {padding!r}")
        return type_, id_, content

    def _take(self, type_, id_, content):
        if type_ in (GET_VALUES_RESULT, UNKNOWN):
            if id_ != 0:
                raise ProtocolError("management record with an id")
            self.others.append((type_, content))
            return
        if type_ not in (STDOUT, STDERR, END):
            raise ProtocolError(f"an application may not send type {type_}")
        answer = self.answers.setdefault(id_, Answer(id_))
        if answer.ended:
            raise ProtocolError(f"record {type_} after END_REQUEST of {id_}")
        if type_ == STDOUT:
            if answer.out_ended:
                raise ProtocolError("STDOUT after its end")
            answer.out_ended = not content
            if content and answer.first_byte is None:
                answer.first_byte = time.monotonic()
            answer.stdout += content
        elif type_ == STDERR:
            if answer.err_ended:
                raise ProtocolError("STDERR after its end")
            answer.err_ended = not content
            answer.stderr += content
        else:
            if len(content) != 8 or (self.strict and content[5:] != b"\0\0\0"):
                raise ProtocolError(f"END_REQUEST body {content!r}")
            answer.app_status, answer.protocol_status = struct.unpack(">IB3x", content)
            answer.ended = True
            if not self.strict:
                return
            if answer.protocol_status == COMPLETE and answer.stdout and not answer.out_ended:
                raise ProtocolError("END_REQUEST without the end of STDOUT")
            if answer.stderr and not answer.err_ended:
                raise ProtocolError("END_REQUEST without the end of STDERR")

    def answer(self, id_=1, timeout=None):
        """Read until END_REQUEST of `id_`; raises Closed or TimeoutError."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while not (id_ in self.answers and self.answers[id_].ended):
            self._take(*self.read_record(max(0.001, deadline - time.monotonic())))
        return self.answers.pop(id_)

    def other(self, timeout=None):
        """The next management answer."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while not self.others:
            self._take(*self.read_record(max(0.001, deadline - time.monotonic())))
        return self.others.pop(0)

    def until_closed(self, timeout=None):
        """Read everything until the other side closes; returns the answers so far."""
        deadline = time.monotonic() + (timeout or self.timeout)
        try:
            while True:
                self._take(*self.read_record(max(0.001, deadline - time.monotonic())))
        except Closed:
            return self.answers

    def is_closed(self):
        """True when the other side has closed (without waiting)."""
        if not select.select([self.sock], [], [], 0)[0]:
            return False
        try:
            return self.sock.recv(1, socket.MSG_PEEK) == b""
        except ConnectionResetError:
            return True


def ask(address, script, query="", body=b"", timeout=DEADLINE, role=RESPONDER, strict=True, **more):
    """One request on one connection; the Answer."""
    method = more.pop("method", "POST" if body else "GET")
    with Conn(address, timeout, strict) as c:
        c.send(whole(cgi_params(script, query, method, **more), body, role=role))
        answer = c.answer()
        left = c.until_closed()
        if left:
            raise ProtocolError(f"records after END_REQUEST: {left}")
        return answer


def decode_pairs(data):
    out, i = {}, 0

    def take():
        nonlocal i
        if data[i] & 0x80:
            n = struct.unpack(">I", data[i:i + 4])[0] & 0x7fffffff
            i += 4
        else:
            n = data[i]
            i += 1
        return n
    while i < len(data):
        n, v = take(), take()
        out[data[i:i + n].decode()] = data[i + n:i + n + v].decode()
        i += n + v
    return out
