# SPDX-License-Identifier: Apache-2.0
"""A status responder that says whatever a test, or a measurement, wants."""

import json
import os
import socket
import struct
import threading

BEGIN, END, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6


def record(type_, content=b""):
    return struct.pack(">BBHHBB", 1, type_, 1, len(content), 0, 0) + content


class Pages:
    """Listens on `path`; answer(query) gives each page: bytes, a value for JSON, (status, bytes), or
    None for no answer at all until the server is stopped."""

    def __init__(self, path, answer):
        self.path, self.answer, self.queries = str(path), answer, []
        self.over = threading.Event()
        self.threads = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(16)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self.serve, args=(sock,), daemon=True)
            thread.start()
            self.threads = [t for t in self.threads if t.is_alive()] + [thread]

    def serve(self, sock):
        with sock:
            try:
                query = read_query(sock)
                self.queries.append(query)
                answer = self.answer(query)
                if answer is None:
                    self.over.wait()
                    return
                sock.sendall(answer_of(answer))
            except (OSError, EOFError):
                pass

    def stop(self):
        self.over.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(30)
        for thread in self.threads:
            thread.join(30)
        os.unlink(self.path)


def exactly(sock, count):
    out = b""
    while len(out) < count:
        piece = sock.recv(count - len(out))
        if not piece:
            raise EOFError
        out += piece
    return out


def read_query(sock):
    """QUERY_STRING of a request, read to its end."""
    params = b""
    while True:
        _, type_, _, length, pad, _ = struct.unpack(">BBHHBB", exactly(sock, 8))
        content = exactly(sock, length)
        exactly(sock, pad)
        if type_ == PARAMS:
            params += content
        if type_ == STDIN and length == 0:
            break
    while params:
        lengths = []
        for _ in range(2):
            wide = params[0] & 0x80
            lengths.append(struct.unpack(">I", params[:4])[0] & 0x7fffffff if wide else params[0])
            params = params[4 if wide else 1:]
        if params[:lengths[0]] == b"QUERY_STRING":
            return params[lengths[0]:sum(lengths)].decode()
        params = params[sum(lengths):]
    return ""


def answer_of(answer):
    status = 200
    if isinstance(answer, tuple):
        status, answer = answer
    if not isinstance(answer, bytes):
        answer = json.dumps(answer, separators=(",", ":")).encode()
    head = f"Status: {status} X\r\nContent-Type: application/json\r\n\r\n".encode()
    body = head + answer
    records = b"".join(record(STDOUT, body[i:i + 65528]) for i in range(0, len(body), 65528))
    return records + record(STDOUT) + record(END, b"\0" * 8)


BOUNDS = ["0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5",
          "5", "10", "30", "+Inf"]


def pool(name, number=0, turn=0, workers=5, **more):
    """A pool as ganger's page has it, with every member that costs a reader time."""
    busy = (number + turn) % (workers + 1)
    served = 1000 + number * 7 + turn * (number % 50)
    out = {
        "pool": name, "process manager": "dynamic", "start time": 1795300000, "start since": 4711 + turn,
        "accepted conn": served, "listen queue": 0, "max listen queue": 3, "listen queue len": 511,
        "idle processes": workers - busy, "active processes": busy, "total processes": workers,
        "max active processes": workers, "max children reached": 0, "slow requests": 0,
        "memory peak": 3 << 20, "kind": "cgi", "state": "running", "reason": "",
        "listen": f"/run/ganger/{name}.sock", "user": "www-data", "max children": workers,
        "opaque processes": 0, "leaving processes": 0, "shedding": 0, "shed requests": 0,
        "active requests": busy, "requests": served, "requests per second": 0.0, "failed requests": 0,
        "timed out requests": 0, "aborted requests": 0, "bytes in": served * 300, "bytes out": served * 5000,
        "cpu seconds": served * 0.001, "process cpu seconds": served * 0.0015, "request seconds": served * 0.002,
        "queue seconds": 0.5, "first byte seconds": served * 0.001, "memory resident": 40 << 20,
        "memory proportional": 11 << 20, "measured": 1795300000, "generation": 1, "spawned": workers,
        "spawn failures": 0, "start failures": 0, "throttled until": 0,
        "exits": {"ok": 0, "error": 0, "signal": 0}, "exit codes": {"1": 2}, "exit signals": {"SIGSEGV": 1},
        "restarts": {n: 0 for n in ("max requests", "max memory", "emergency", "time limit", "reload",
                                    "restart", "scale down")},
        "limits": {"pm.start_servers": 2, "pm.min_spare_servers": 1, "pm.max_spare_servers": 3,
                   "pm.max_requests": 500, "queue_limit": 100, "queue_timeout": 2.5},
        "request duration histogram": {b: served for b in BOUNDS},
        "queue time histogram": {b: served for b in BOUNDS},
        "first byte histogram": {b: served for b in BOUNDS},
    }
    return out | {n.replace("_", " "): v for n, v in more.items()}


def worker(pid, number=0, **more):
    out = {"pid": pid, "state": "Idle", "start time": 1795300000, "start since": 60, "requests": number,
           "request duration": 1500, "request method": "GET", "request uri": f"/page/{number}",
           "content length": 0, "user": "-", "script": "/srv/www/index.cgi", "last request cpu": 12.5,
           "last request memory": 3 << 20, "last request status": 200, "slot": number}
    return out | {n.replace("_", " "): v for n, v in more.items()}


def document(pools):
    return {"ganger": {"version": "9.8.7", "now": 1795300000.5}, "pools": pools}


def thousand(turn, count=1000):
    """The page of a thousand busy pools, as bytes."""
    pools = [pool(f"pool{i:04}", i, turn) for i in range(count)]
    return json.dumps(document(pools), separators=(",", ":")).encode()
