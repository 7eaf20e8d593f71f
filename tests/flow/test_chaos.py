# SPDX-License-Identifier: Apache-2.0
"""Random peers against a live pool: legal and illegal records in any order, half-closes, resets,
slow readers, aborts, and programs that misbehave.  Nothing that a peer does may cost more than its
own connection, and nothing may be left behind.

The seed of every run is printed; CHAOS_SEED=N repeats one, CHAOS_SECONDS=N makes it longer."""

import os
import random
import select
import socket
import struct
import threading
import time

import daemon
import fcgi
from fcgi import (ABORT, AUTHORIZER, BEGIN, DATA, GET_VALUES, KEEP, PARAMS, RESPONDER, STDIN, Closed,
                  begin, cgi_params, pair, pairs, record)

SECONDS = float(os.environ.get("CHAOS_SECONDS", 300 if daemon.LONG else 10))
ACTORS = 20
ASAN = b"__asan_init" in (daemon.BUILD / "ganger-worker").read_bytes()
MEMORY = (400 if ASAN else 24) << 20  # a sanitizer keeps what was freed

QUICK = [
    "ok&out=x", "ok&spam=200000", "ok&cat", "ok&length", "exit=1", "raise=9", "raise=11",
    "ok&out=x&raise=15", "out=garbage", "out=no%0anewline", "ok&errspam=100000&out=x",
    "readsome=100&ok", "nonblock&ok&cat", "ok&bytes=300", "ok&closeerr&spam=70000",
    "read&ok&spam=100000", "err=a&exit=3", "out=Content-Length:%205%0d%0a%0d%0aabcdefgh",
    "out=Content-Length:%209%0d%0a%0d%0aabc", "daemon=200&ok&out=x", "sleep=20&ok",
]
SLOW = [
    "ok&spam=3000000", "ok&spam=50000&sleep=100&out=e", "fork=300&ok&out=x", "closeout&sleep=300",
    "ok&closeout&sleep=200", "ignterm&ok&sleep=400", "setsid&ok&sleep=100", "slowread=100",
    "ignterm&sleep=60000", "fork=60000&sleep=60000", "ok&sleep=60000", "fork=60000&ok&out=x",
    "closeout&closeerr&sleep=60000", "daemon=60000&ok",
]


class Actor:
    """One peer.  It keeps a queue of bytes to say and reads as it pleases."""

    def __init__(self, rng, addresses, script, tally):
        self.rng, self.tally = rng, tally
        self.script = script
        self.conn = fcgi.Conn(rng.choice(addresses))
        self.sock = self.conn.sock
        self.sock.setblocking(False)
        self.queue = b""
        self.plans = {}  # id -> records still to be said
        self.active = set()  # ids begun and not yet answered
        self.appetite = rng.choice([0, 1, 50, 4096, 1 << 18, 1 << 18])
        self.shut = False
        self.until = time.monotonic() + rng.choice([0.02, 0.3, 1.0, 2.5])

    def plan(self, id_):
        rng = self.rng
        method = rng.choice(["GET", "POST", "HEAD", "POST"])
        params = cgi_params(self.script if rng.random() < 0.95 else "/no/such", rng.choice(QUICK if rng.random() < 0.95 else SLOW),
                            method)
        size = rng.choice([0, 0, 5, 4095, 70000, 400000]) if method == "POST" else 0
        if method == "POST" and rng.random() < 0.8:
            params["CONTENT_LENGTH"] = str(max(0, size + rng.choice([0, 0, 0, 0, -3, 7])))
        if rng.random() < 0.05:
            params["X"] = "y" * 120000
        body, block = [], pairs(params)
        step = rng.choice([7, 100, 65535]) if len(block) < 5000 else 65535
        pad = rng.choice([0, 0, 1, 255])
        body.append(begin(id_, rng.choice([RESPONDER] * 20 + [AUTHORIZER, 3, 9]),
                          rng.choice([KEEP, KEEP, KEEP, 0, 0xff])))
        body += [record(PARAMS, id_, block[i:i + step], pad) for i in range(0, len(block), step)]
        body.append(record(PARAMS, id_))
        step = rng.choice([1000, 65535])
        body += [record(STDIN, id_, b"b" * min(step, size - i), pad) for i in range(0, size, step)]
        if rng.random() < 0.95:
            body.append(record(STDIN, id_))
        if rng.random() < 0.15:
            body.insert(rng.randrange(1, len(body) + 1), record(ABORT, id_))
        if rng.random() < 0.1:
            del body[rng.randrange(len(body)):]
        return body

    def speak(self):
        """Queue the next record of some request, or something odd."""
        rng = self.rng
        dice = rng.random()
        if dice < 0.01:
            self.queue += rng.randbytes(rng.randrange(1, 40))
        elif dice < 0.015:
            self.queue += record(rng.choice([BEGIN, ABORT, PARAMS, STDIN, DATA, 3, 6, 77]),
                                 rng.choice([0, 1, 2, 65535]), rng.randbytes(rng.choice([0, 1, 8])))
        elif dice < 0.03:
            self.queue += record(GET_VALUES, 0, pair("FCGI_MPXS_CONNS", ""))
        elif dice < 0.04:
            self.queue += record(77, 0, b"odd")
        elif dice < 0.05:
            self.queue += record(DATA, rng.randrange(1, 7), b"nobody reads this")
        elif self.plans and (dice < 0.9 or len(self.plans) > 5):
            id_ = rng.choice(list(self.plans))
            for _ in range(rng.choice([1, 1, 3, 100])):
                if not self.plans[id_]:
                    break
                self.queue += self.plans[id_].pop(0)
            if not self.plans[id_]:
                del self.plans[id_]
        else:
            id_ = rng.randrange(1, 7)
            if id_ not in self.plans and (id_ not in self.active or rng.random() < 0.02):
                self.plans[id_] = self.plan(id_)
                self.active.add(id_)
                self.tally["requests"] += 1

    def listen(self):
        if self.appetite == 0:
            return
        data = self.sock.recv(self.appetite)
        if not data:
            raise Closed
        self.conn.buffer += data
        buffer = self.conn.buffer
        while len(buffer) >= 8 and len(buffer) >= 8 + struct.unpack(">H", buffer[4:6])[0] + buffer[6]:
            size, padding = struct.unpack(">H", buffer[4:6])[0], buffer[6]
            assert buffer[0] == 1 and buffer[8 + size:8 + size + padding].strip(b"\0") == b""
            id_ = struct.unpack(">H", buffer[2:4])[0]
            self.conn._take(buffer[1], id_, buffer[8:8 + size])
            if id_ in self.conn.answers and self.conn.answers[id_].ended:
                self.active.discard(id_)
                self.tally["answers"] += self.conn.answers.pop(id_).protocol_status == 0
            buffer = self.conn.buffer = buffer[8 + size + padding:]

    def step(self):
        """False: this peer is over."""
        rng = self.rng
        if time.monotonic() > self.until:
            how = rng.random()
            if how < 0.3 and not self.shut:
                self.sock.shutdown(socket.SHUT_WR)
                self.shut = True
                self.until += rng.choice([0.01, 0.3, 2])
            elif how < 0.5:
                self.conn.reset()
                return False
            else:
                return False
        if len(self.queue) < 100000 and not self.shut:
            self.speak()
        try:
            if self.queue and not self.shut:
                sent = self.sock.send(self.queue[:rng.choice([1, 8, 100, 1 << 18, 1 << 18])])
                self.queue = self.queue[sent:]
        except BlockingIOError:
            pass
        try:
            self.listen()
        except BlockingIOError:
            pass
        return True


def honest(world, stop, failures, tally):
    """Whatever the others do, a decent client is served."""
    n = 0
    while not stop.is_set():
        n += 1
        try:
            answer = world.ask(f"ok&out={n}", timeout=60)
            assert answer.body == str(n).encode(), answer
            tally["honest"] += 1
        except Exception as e:  # told by the main thread
            failures.append(e)
            return
        stop.wait(0.05)


def play(world, seed, seconds, addresses, tally):
    rng = random.Random(seed)
    actors = []
    end = time.monotonic() + seconds
    while time.monotonic() < end or actors:
        if time.monotonic() < end and len(actors) < ACTORS:
            actors.append(Actor(rng, addresses, world.t, tally))
            tally["connections"] += 1
        for actor in list(actors):
            try:
                if actor.step():
                    continue
            except (Closed, ConnectionError, OSError):
                tally["closed by ganger"] += 1
            actor.conn.close()
            actors.remove(actor)
        select.select([], [], [], 0.0005)


def test_chaos(web):
    port = daemon.free_port()
    text = """
  kind = cgi
  script_root = {"%s"}
  pm.max_children = 2
  request_terminate_timeout = 1s
  request_body_timeout = 2s
  request_params_timeout = 2s
  response_holdback_timeout = 300ms
  keepalive_connections = 16
  catch_workers_output = yes
""" % web.root
    web.write(web.pool("web", text, listen=f'{{"{web.web}", "127.0.0.1:{port}"}}'))
    web.start()
    workers = web.workers("web")
    assert len(workers) == 2
    # One request of each kind first: what is allocated once is no leak.
    web.ask("ok")
    idle = {w: daemon.descriptors(w) for w in workers}
    seed = int(os.environ.get("CHAOS_SEED", random.SystemRandom().randrange(1 << 32)
                              if daemon.LONG else 20240607))
    print(f"CHAOS_SEED={seed} CHAOS_SECONDS={SECONDS:g}")
    tally = dict.fromkeys(("connections", "requests", "answers", "honest", "closed by ganger"), 0)
    stop, failures = threading.Event(), []
    client = threading.Thread(target=honest, args=(web, stop, failures, tally))
    client.start()
    try:
        play(web, seed, SECONDS, [web.web, ("127.0.0.1", port)], tally)
    finally:
        stop.set()
        client.join()
    print(tally)
    assert not failures, failures
    assert web.workers("web") == workers, f"a worker died\n{web.log[-6000:]}"
    # Programs that ignore SIGTERM, kept pipes and their grace: all is over within seconds.
    daemon.wait_for(lambda: not any(daemon.children(w) for w in workers), 70,
                    "no program is left")
    daemon.wait_for(lambda: {w: daemon.descriptors(w) for w in workers} == idle, 20,
                    "descriptors as at the start")
    status = web.status("web", full=True)
    assert status["active processes"] == 0 and status["idle processes"] == 2, status
    for w in workers:
        assert daemon.rss(w) < MEMORY, f"worker {w} holds {daemon.rss(w) >> 20} MiB"
    assert min(tally["requests"], tally["answers"], tally["honest"]) > 10, tally
    assert "does not end on SIGKILL" not in web.log
