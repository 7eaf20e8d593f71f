# SPDX-License-Identifier: Apache-2.0
"""Native FastCGI programs behind nginx, and a crowd of clients that counts exactly.

Every program of tests/tools answers alike: "pid=PID slept=MS\\n", then when the process was started if
the query has `born`, then the request's body if it has `cat`.  The query: sleep=MS (slept once: a signal
that cuts it short shows in `slept`), note=PATH (the pid is appended to that file before the sleep),
grow=BYTES (memory kept), born, cat.
"""

import collections
import contextlib
import http.client
import os
import re
import selectors
import shutil
import threading
import time

import daemon
import fcgi

PHP = "/usr/bin/php-cgi"
SANITIZED = daemon.ASAN
# Where time is the subject it is measured on the release build; sanitizers get this much more.
SLACK = 4.0 if SANITIZED else 1.0


def crowding():
    """How many times as much as its processors can do the machine has had to do in the last minute."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class Reply:
    def __init__(self, status, body, headers, took):
        self.status, self.body, self.headers, self.took = status, body, headers, took
        found = re.match(rb"pid=(\d+) slept=(\d+)\n", body)
        self.pid, self.slept = (int(found[1]), int(found[2])) if found else (None, None)
        self.rest = body[found.end():] if found else body

    def __repr__(self):
        return f"<{self.status} {self.body[:200]!r} in {self.took:.3f} s>"


class World:
    """ganger with native pools, and nginx with a location for each."""

    def __init__(self, ganger, programs):
        self.ganger, self.programs = ganger, programs
        self.base = ganger.base
        self.nginx = None
        self.pools = {}
        self.notes = self.base / "notes"
        self.notes.mkdir()
        self.notes.chmod(0o777)
        self.php = str(self.base / "native.php")
        shutil.copy(programs["native.php"], self.php)
        os.chmod(self.php, 0o644)
        self.commands = {
            "php": [PHP],
            "perl": [programs["fcgi.pl"]],
            "c": [programs["fcgi-hello"]],
            "threads": [programs["fcgi-threads"]],
            "python": ["/usr/bin/python3", programs["fcgi-wsgi.py"], "loop"],
            "flup": ["/usr/bin/python3", programs["fcgi-wsgi.py"], "threads"],
            "go": [programs["fcgi-go"]],
        }

    def add(self, name, command=None, kind="fastcgi", **options):
        """A pool; the command of its name when none is given."""
        options = {"pm": "static", "pm.max_children": 2} | \
            {k.replace("__", "."): v for k, v in options.items()}
        if kind == "fastcgi" or command is not None:
            words = ", ".join(f'"{w}"' for w in command or self.commands[name])
            options |= {"command": f"{{{words}}}"}
        if self.ganger.as_root:
            options = {"listen.owner": '"www-data"'} | options
        text = "\n".join(f"  {k} = {v}" for k, v in options.items())
        self.pools[name] = self.ganger.pool(name, f"  kind = {kind}\n{text}")
        return self

    def start(self, **more):
        self.ganger.write(*self.pools.values())
        self.ganger.start(**more)
        return self

    def front(self, extra=""):
        """nginx before every pool, at /NAME."""
        self.nginx = daemon.Nginx(self.ganger.folder, "\n".join(
            f"location /{name} {{ include /etc/nginx/fastcgi_params; fastcgi_read_timeout 60s;"
            f" fastcgi_param SCRIPT_FILENAME {self.php}; fastcgi_pass unix:{self.sock(name)}; {extra} }}"
            for name in self.pools))
        return self

    def close(self):
        if self.nginx:
            self.nginx.stop()
            self.nginx = None

    def sock(self, name):
        return self.ganger.sock(name)

    def pids(self, pool):
        """The pids that status names, of processes that are the master's children and alive."""
        mine = {pid for pid, _, state in daemon.children(self.ganger.pid) if state not in "ZX"}
        return sorted(p["pid"] for p in self.status(pool, full=True)["processes"] if p["pid"] in mine)

    def status(self, pool, full=False):
        return self.ganger.status(pool, full)

    def settled(self, pool, idle, what=None):
        daemon.wait_for(lambda: self.status(pool)["idle processes"] == idle,
                        what=what or f"{idle} idle processes in {pool}")

    def direct(self, pool, query="", body=b"", timeout=30.0, **more):
        """One request straight to the pool's socket; a Reply."""
        began = time.monotonic()
        answer = fcgi.ask(self.sock(pool), self.php, query, body, timeout, strict=False, **more)
        return Reply(answer.status, answer.body, answer.headers, time.monotonic() - began)

    def get(self, pool, query="", body=None, timeout=60.0):
        """One request through nginx."""
        with contextlib.closing(self.client(timeout)) as c:
            return fetch(c, f"/{pool}?{query}", body)

    def client(self, timeout=60.0):
        return http.client.HTTPConnection("127.0.0.1", self.nginx.port, timeout=timeout)

    def noted(self, name, count=1):
        """Pids that requests with note=NAME have written, once there are `count`."""
        path = self.notes / name
        return daemon.wait_for(lambda: path.exists() and len(pids := path.read_text().split()) >= count
                               and [int(p) for p in pids], what=f"note {name}")

    def in_hand(self, pool, name, query):
        """Begin a request and return when the program has it: (Pending, pid of the program)."""
        pending = Pending(self, pool, f"note={self.notes / name}&{query}")
        return pending, self.noted(name)[0]


class Pending:
    """A request on its way, straight to the socket."""

    def __init__(self, world, pool, query):
        self.reply = self.error = None
        self.thread = threading.Thread(target=self._run, args=(world, pool, query), daemon=True)
        self.thread.start()

    def _run(self, world, pool, query):
        try:
            self.reply = world.direct(pool, query)
        except Exception as error:  # noqa: BLE001 the waiting test raises it
            self.error = error

    def result(self, timeout=30.0):
        self.thread.join(timeout)
        assert not self.thread.is_alive(), "no answer in time"
        if self.error:
            raise self.error
        return self.reply


def fetch(client, path, body=None):
    began = time.monotonic()
    client.request("POST" if body else "GET", path, body)
    answer = client.getresponse()
    return Reply(answer.status, answer.read(), dict(answer.getheaders()), time.monotonic() - began)


class Crowd:
    """`clients` threads that make `requests` requests in all through nginx; every outcome is counted."""

    def __init__(self, world, path, requests, clients, timeout=60.0):
        self.pids = collections.Counter()
        self.failures = []
        self.replies = []
        self.lock = threading.Lock()
        self.left = requests
        self.requests = requests
        self.world, self.path, self.timeout = world, path, timeout
        self.began = time.monotonic()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def _take(self):
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def _run(self):
        client = self.world.client(self.timeout)
        while self._take():
            try:
                reply = fetch(client, self.path)
            except Exception as error:  # noqa: BLE001 whatever it is, it is a failure that counts
                with self.lock:
                    self.failures.append(repr(error))
                client.close()
                continue
            with self.lock:
                self.replies.append(reply)
                if reply.status == 200 and reply.pid:
                    self.pids[reply.pid] += 1
                else:
                    self.failures.append(repr(reply))
        client.close()

    @property
    def done(self):
        return len(self.replies) + len(self.failures)

    def stop(self):
        """No more requests than have begun."""
        with self.lock:
            self.requests -= max(0, self.left)
            self.left = 0

    def wait(self, timeout=300.0):
        deadline = time.monotonic() + timeout
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        assert not any(t.is_alive() for t in self.threads), f"{self.left} requests left in {timeout} s"
        self.took = time.monotonic() - self.began
        return self

    def lossless(self):
        assert not self.failures, f"{len(self.failures)} of {self.requests}: {self.failures[:5]}\n" + \
            self.world.nginx.log[-2000:] + self.world.ganger.log[-3000:]
        assert sum(self.pids.values()) == self.requests
        return self


def salvo(world, pool, query, count, timeout=60.0):
    """`count` requests at the same instant, straight to the pool's socket, from one thread: the clients
    cost next to nothing.  Replies in the order in which they came; `took` counts from the first connect."""
    request = fcgi.whole(fcgi.cgi_params(world.php, query))
    began = time.monotonic()
    waiting = selectors.DefaultSelector()
    replies = []
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            conn = stack.enter_context(fcgi.Conn(world.sock(pool), timeout, strict=False))
            conn.sock.sendall(request)
            waiting.register(conn.sock, selectors.EVENT_READ, conn)
        while len(replies) < count:
            left = began + timeout - time.monotonic()
            ready = waiting.select(max(0.0, left))
            assert ready, f"{len(replies)} of {count} answered in {timeout} s"
            for key, _ in ready:
                waiting.unregister(key.data.sock)
                answer = key.data.answer(timeout=10)
                replies.append(Reply(answer.status, answer.body, answer.headers,
                                     time.monotonic() - began))
                key.data.close()  # php-cgi serves nobody else before
    waiting.close()
    return replies
