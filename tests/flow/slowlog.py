# SPDX-License-Identifier: Apache-2.0
"""The slow log read back, and pools of the programs that are slow on purpose (tests/tools/slow.*)."""

import collections
import contextlib
import os
import pathlib
import re
import socket
import threading

import daemon
import fcgi

HEAD = re.compile(r"^\[\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\]  \[pool (\S+)\] pid (\d+)$")


class Entry:
    """One entry: `pool`, `pid`, `keys` {key: [value …]}, `hook` [line …]."""

    def __init__(self, text):
        lines = text.split("\n")
        head = HEAD.match(lines[0])
        assert head, text
        self.text, self.pool, self.pid = text, head[1], int(head[2])
        self.keys, self.hook = {}, []
        for line in lines[1:]:
            if line.startswith("| "):
                self.hook.append(line[2:])
                continue
            key, equals, value = line.partition(" = ")
            assert equals and re.fullmatch(r"[a-z_.]+", key), f"{line!r} in\n{text}"
            self.keys.setdefault(key, []).append(value)

    def __getitem__(self, key):
        return self.keys[key][0]

    def get(self, key):
        return self.keys.get(key, [""])[0]

    @property
    def program(self):
        return int(self["program"].split()[0])

    @property
    def result(self):
        """What became of the hook."""
        return self.get("slowlog.command")


class Slow:
    """A ganger whose pools write one slow log, `log`."""

    def __init__(self, ganger, programs):
        self.ganger, self.programs = ganger, programs
        self.base = ganger.base
        self.log = self.base / "slow.log"
        self.pools = {}
        self.commands = {"c": [programs["slow"]], "perl": [programs["slow.pl"]],
                         "python": [programs["slow.py"]]}
        self.gate = None
        self.asked = collections.Counter()

    def add(self, name, command, kind="cgi", **options):
        options = {"kind": kind, "command": words(command), "pm.max_children": 2,
                   "slowlog": f'"{self.log}"', "request_slowlog_timeout": "100ms"} | \
            {k.replace("__", "."): v for k, v in options.items()}
        hook = options.get("slowlog.command")
        if isinstance(hook, list):
            options["slowlog.command"] = words(hook)
        self.pools[name] = self.ganger.pool(
            name, "\n".join(f"  {k} = {v}" for k, v in options.items() if v is not None))
        return self

    def start(self):
        self.ganger.write(*self.pools.values())
        self.ganger.start()
        return self

    def ask(self, pool, query, timeout=60.0, **more):
        return fcgi.ask(self.ganger.sock(pool), self.commands["c"][0], query, timeout=timeout,
                        strict=False, **more)

    def begin(self, pool, query, **more):
        return Pending(self, pool, query, **more)

    def entries(self):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        if not text.endswith("\n"):
            return []  # in the middle of one
        return [Entry(t) for t in text.strip("\n").split("\n\n") if t]

    def wait_entries(self, count, where=lambda e: True):
        return daemon.wait_for(lambda: len(found := [e for e in self.entries() if where(e)]) >= count
                               and found, what=f"{count} entries in the slow log")

    def observe(self, pool, mode, right, attempts=10):
        """A request that waits at the gate until it has an entry: that entry and said() of its answer.
        One that was looked at before the program had come to where it waits is made again."""
        for _ in range(attempts):
            self.gate.shut()
            before = {e.text for e in self.entries()}
            pending = self.begin(pool, self.gate.query(mode))
            if mode == "socket":
                self.gate.accept()
            e = self.wait_entries(1, lambda e: e.pool == pool and e.text not in before)[0]
            self.gate.let_go(mode)
            self.asked[pool] += 1
            answer = said(pending.result())
            if right(e):
                return e, answer
        raise AssertionError(e.text)

    def slow(self, pool):
        return self.ganger.status(pool)["slow requests"]

    def open_gate(self, name="gate"):
        """What requests wait for until they are let go."""
        gate = Gate(self.base / name)
        self.gate = gate
        return gate

    def close(self):
        if self.gate:
            self.gate.close()


class Gate:
    """A FIFO, a file to come and a unix socket."""

    def __init__(self, path):
        self.fifo, self.file, self.path = f"{path}.fifo", f"{path}.file", f"{path}.sock"
        os.mkfifo(self.fifo)
        os.chmod(self.fifo, 0o666)
        self.writer = os.open(self.fifo, os.O_RDWR)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o666)
        self.listener.listen(64)
        self.accepted = []

    def query(self, mode):
        return {"pipe": f"pipe={self.fifo}", "spin": f"spin={self.file}",
                "socket": f"socket={self.path}"}[mode]

    def shut(self):
        pathlib.Path(self.file).unlink(missing_ok=True)

    def accept(self):
        self.accepted.append(self.listener.accept()[0])

    def let_go(self, mode="pipe", count=1):
        if mode == "spin":
            pathlib.Path(self.file).touch()
        elif mode == "pipe":
            os.write(self.writer, b"7" * count)
        while self.accepted:
            connection = self.accepted.pop()
            connection.sendall(b"7")
            connection.close()

    def close(self):
        with contextlib.suppress(OSError):
            os.close(self.writer)
        self.listener.close()


class Pending:
    """A request on its way."""

    def __init__(self, slow, pool, query, **more):
        self.answer = self.error = None
        self.thread = threading.Thread(target=self._run, args=(slow, pool, query), kwargs=more,
                                       daemon=True)
        self.thread.start()

    def _run(self, slow, pool, query, **more):
        try:
            self.answer = slow.ask(pool, query, **more)
        except Exception as error:  # noqa: BLE001 the waiting test raises it
            self.error = error

    def result(self, timeout=60.0):
        self.thread.join(timeout)
        assert not self.thread.is_alive(), "no answer in time"
        if self.error:
            raise self.error
        return self.answer


def words(command):
    return "{" + ", ".join('"' + w.replace("\\", "\\\\").replace('"', '\\"') + '"' for w in command) + "}"


def said(answer):
    """(pid, mode, result) of an answer of tests/tools/slow.*."""
    assert answer.status == 200, answer
    found = re.fullmatch(rb"pid=(\d+) ([a-z]+) (-?\d+)\n", answer.body)
    assert found, answer
    return int(found[1]), found[2].decode(), int(found[3])


def running(mark):
    """Pids of processes with `mark` in their command line."""
    out = []
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            with contextlib.suppress(OSError):
                if mark.encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() and \
                        daemon.alive(int(pid)):
                    out.append(int(pid))
    return out
