#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Slow on purpose, under FastCGI and as CGI: what tests/tools/slow.c does, in Python."""

import importlib.machinery
import importlib.util
import os
import pathlib
import socket
import stat
import sys
import time


def slow_sleep(ms):
    began = time.monotonic()
    time.sleep(int(ms) / 1000)
    return int(1000 * (time.monotonic() - began))


def slow_spin(path):
    n = 0
    while True:
        for i in range(1000000):
            n += i
        if os.path.exists(path):
            return int(n != 0)


def slow_pipe(path):
    with open(path, "rb", buffering=0) as stream:
        return stream.read(1)[0] - ord("0")


def slow_socket(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        return s.recv(1)[0] - ord("0")


def answer(query):
    mode, _, argument = query.partition("=")
    modes = {"sleep": slow_sleep, "spin": slow_spin, "pipe": slow_pipe, "socket": slow_socket}
    return f"pid={os.getpid()} {mode} {modes[mode](argument) if mode in modes else -1}\n"


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield answer(environ.get("QUERY_STRING", "")).encode()


if stat.S_ISSOCK(os.fstat(0).st_mode):
    sys.argv = [sys.argv[0], "loop"]
    sys.dont_write_bytecode = True
    path = str(pathlib.Path(__file__).with_name("fcgi-wsgi.py"))
    loader = importlib.machinery.SourceFileLoader("wsgi", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("wsgi", loader))
    loader.exec_module(module)
    module.application = application
    module.loop(socket.socket(fileno=0))
else:
    sys.stdout.write("Content-Type: text/plain\r\n\r\n" + answer(os.environ.get("QUERY_STRING", "")))
