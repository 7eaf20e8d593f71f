#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A WSGI application over FastCGI, with the two ways such servers have of waiting for requests.

    fcgi-wsgi.py loop      one request after the other, accept() in a plain loop
    fcgi-wsgi.py threads   select() for a connection, a thread for each, fd 0 non-blocking (as flup)

The answer is told in tests/flow/native.py.  FCGI_KEEP_CONN is not honoured: a connection is a request.
"""

import io
import os
import select
import socket
import struct
import sys
import threading
import time
import urllib.parse

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT = range(1, 7)
kept = []


def application(environ, start_response):
    order = dict(urllib.parse.parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    if "note" in order:
        with open(order["note"], "a") as note:
            note.write(f"{os.getpid()}\n")
    slept = 0
    if "sleep" in order:
        began = time.monotonic()
        time.sleep(int(order["sleep"]) / 1000)
        slept = int(1000 * (time.monotonic() - began))
    if "grow" in order:
        kept.append(b"x" * int(order["grow"]))
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield f"pid={os.getpid()} slept={slept}\n".encode()
    if "born" in order:
        with open("/proc/self/stat") as stat:
            yield stat.read().rsplit(")", 1)[1].split()[19].encode() + b"\n"
    if "cat" in order:
        yield environ["wsgi.input"].read()


def record(kind, identifier, content=b""):
    return struct.pack(">BBHHBx", 1, kind, identifier, len(content), 0) + content


def pairs(data):
    at, out = 0, {}

    def size():
        nonlocal at
        if data[at] & 0x80:
            at += 4
            return struct.unpack(">I", data[at - 4:at])[0] & 0x7fffffff
        at += 1
        return data[at - 1]
    while at < len(data):
        name, value = size(), size()
        out[data[at:at + name].decode("latin-1")] = data[at + name:at + name + value].decode("latin-1")
        at += name + value
    return out


def serve(connection):
    with connection, connection.makefile("rb") as stream:
        identifier, parameters, body, whole = 0, b"", b"", False
        while not whole:
            head = stream.read(8)
            if len(head) < 8:
                return
            _, kind, identifier, length, padding = struct.unpack(">BBHHBx", head)
            content = stream.read(length + padding)[:length]
            if kind == PARAMS:
                parameters += content
            elif kind == STDIN:
                body += content
                whole = not content
            elif kind == ABORT:
                return
        environ = pairs(parameters)
        environ |= {"wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
                    "wsgi.errors": sys.stderr, "wsgi.multithread": sys.argv[1] == "threads",
                    "wsgi.multiprocess": True, "wsgi.run_once": False}
        head = []

        def start_response(status, headers):
            head.append(f"Status: {status}\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers) + "\r\n")
        out = b"".join(application(environ, start_response))
        out = head[0].encode("latin-1") + out
        for at in range(0, len(out), 65528):
            connection.sendall(record(STDOUT, identifier, out[at:at + 65528]))
        connection.sendall(record(STDOUT, identifier) +
                           record(END, identifier, struct.pack(">IB3x", 0, 0)))


def quietly(connection):
    try:
        serve(connection)
    except OSError:
        pass  # the client has gone


def loop(listener):
    listener.setblocking(True)
    while True:
        quietly(listener.accept()[0])


def threads(listener):
    listener.setblocking(False)
    while True:
        select.select([listener], [], [])
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue  # a sibling was faster
        connection.setblocking(True)
        threading.Thread(target=quietly, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    {"loop": loop, "threads": threads}[sys.argv[1]](socket.socket(fileno=0))
