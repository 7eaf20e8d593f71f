# SPDX-License-Identifier: Apache-2.0
"""The preloaded library in real programs, without a master: tests/tools/shim-launch plays it.

What is asserted: the board tells the truth, a drain ends an idle program at once and a busy one after
its request, nothing is interrupted and no accepted connection is lost, at whatever moment it comes.
"""

import os
import random
import select
import signal
import socket
import subprocess
import threading
import time

import pytest

import daemon
import fcgi

TOOLS = daemon.ROOT / "tests" / "tools"
SHIM = daemon.BUILD / "libganger-shim.so"
STARTING, IDLE, BUSY, LEAVING = 1, 2, 3, 4
LONG = bool(os.environ.get("LONG"))


@pytest.fixture(scope="session")
def tools(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shim")
    base = ["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", f"-I{daemon.ROOT / 'src'}"]
    rooms = [str(daemon.ROOT / "src" / f) for f in (
        "board/board.c", "board/doorbell.c", "board/mapping.c", "board/request.c", "board/sequence.c",
        "board/slot.c", "board/snapshot.c", "base/error.c", "base/clock.c", "base/text.c",
        "base/bytes.c", "base/descriptor.c", "base/number.c")]
    for name, more in {"shim-launch": rooms, "shim-odd": [], "fcgi-hello": ["-lfcgi"],
                       "fcgi-threads": ["-lfcgi", "-pthread"]}.items():
        subprocess.run([*base, "-o", str(folder / name), str(TOOLS / f"{name}.c"), *more], check=True)
    return folder


class Launch:
    """A program under the library; `show` is what its slot says."""

    def __init__(self, tools, folder, *argv, options=(), ready=True):
        self.path = str(folder / "s")
        self.heard = b""
        self.process = subprocess.Popen(
            [str(tools / "shim-launch"), *options, str(SHIM), self.path, *map(str, argv)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.say("pid")  # the socket is there
        if ready:
            self.until(shim=2, state=IDLE)

    def say(self, line, deadline=daemon.PATIENCE):
        self.process.stdin.write(f"{line}\n".encode())
        return self.hear(deadline)

    def hear(self, deadline=daemon.PATIENCE):
        """The next line.  Two may come at once: the program's own, and the launcher's about its end."""
        while b"\n" not in self.heard:
            assert select.select([self.process.stdout], [], [], deadline)[0], "no answer in time"
            piece = os.read(self.process.stdout.fileno(), 4096)
            if not piece:
                return ""
            self.heard += piece
        line, self.heard = self.heard.split(b"\n", 1)
        return line.decode().strip()

    @property
    def show(self):
        names = ("state", "active", "accepted", "requests", "aborted", "shim", "drain")
        return dict(zip(names, map(int, self.say("show").split())))

    def until(self, **want):
        daemon.wait_for(lambda: want.items() <= self.show.items(), what=f"{want}, not {self.show}")
        return self.show

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(10)
        s.connect(self.path)
        return s

    def ask(self, line):
        with self.connect() as s:
            s.sendall(line.encode())
            return self.rest(s).decode().strip()

    def fastcgi(self, query="", script="/x"):
        with self.connect() as s:
            s.sendall(fcgi.whole(fcgi.cgi_params(script, query)))
            return self.rest(s)

    @staticmethod
    def rest(s):
        out = b""
        while piece := s.recv(65536):
            out += piece
        return out

    def drain(self):
        self.process.stdin.write(b"drain\n")

    def end(self):
        """The launcher kills the program when nobody speaks to it any more."""
        if self.process.stdin.closed:
            return
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture
def launch(tools, tmp_path):
    running = []

    def start(*argv, **more):
        argv = [tools / argv[0] if (tools / str(argv[0])).exists() else argv[0], *argv[1:]]
        running.append(Launch(tools, tmp_path, *argv, **more))
        return running[-1]
    yield start
    for one in running:
        one.end()


FASTCGI = {
    "c": ("fcgi-hello",), "threads": ("fcgi-threads",), "perl": ("/usr/bin/perl", TOOLS / "fcgi.pl"),
    "php": ("/usr/bin/php-cgi",), "python": ("/usr/bin/python3", TOOLS / "fcgi-wsgi.py", "loop"),
    "flup": ("/usr/bin/python3", TOOLS / "fcgi-wsgi.py", "threads"),
    "start script": ("/bin/sh", "-c", f"exec /usr/bin/env A=b /usr/bin/perl {TOOLS}/fcgi.pl"),
}


@pytest.mark.parametrize("name", FASTCGI)
def test_native_programs_are_counted_and_leave(launch, name):
    one = launch(*FASTCGI[name])
    for _ in range(20):
        assert b"pid=" in one.fastcgi(script=str(TOOLS / "native.php"))
    seen = one.until(active=0, state=IDLE)
    assert (seen["accepted"], seen["requests"], seen["aborted"]) == (20, 20, 0)
    began = time.monotonic()
    assert one.say("drain") in ("exit 0", "signal 15")
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("name", FASTCGI)
def test_a_busy_program_finishes_uninterrupted(launch, name):
    one = launch(*FASTCGI[name])
    with one.connect() as s:
        s.sendall(fcgi.whole(fcgi.cgi_params(str(TOOLS / "native.php"), "sleep=700")))
        one.until(active=1, state=BUSY)
        one.drain()
        reply = one.rest(s)
    slept = int(reply.split(b"slept=")[1].split()[0])
    assert slept >= 700
    assert one.hear() in ("exit 0", "signal 15")


@pytest.mark.parametrize("mode,options", [
    ("accept", ()), ("poll", ("-n",)), ("select", ("-n",)), ("epoll", ("-n",)), ("poll", ()),
    ("blocked", ()), ("ignore", ()), ("closed", ())])
def test_every_way_of_waiting(launch, mode, options):
    one = launch("shim-odd", mode, options=options)
    assert one.ask("sleep 20").startswith("slept ")
    for habit in ("fork", "vfork", "dup", "fclose", "range"):
        if (mode, habit) != ("epoll", "range"):  # which closes its epoll descriptor, too
            assert one.ask(habit)
            one.until(active=0, state=IDLE)
    with one.connect() as s:
        s.sendall(b"sleep 300")
        one.until(active=1)
        one.drain()
        assert int(one.rest(s).split()[1]) >= 300
    assert one.hear() in ("exit 0", "signal 15")


def test_a_vfork_child_that_closes_counts_nothing_out(launch):
    one = launch("shim-odd")
    with one.connect() as s:
        s.sendall(b"vfork")
        time.sleep(0.1)
        assert one.show["active"] == 1
        assert one.rest(s)
    one.until(active=0)


def test_work_after_the_answer_is_not_idle(launch):
    """The connection is closed, the program is not back in accept(): no signal may reach it."""
    one = launch("shim-odd")
    assert one.ask("late 2000") == "late 0"
    assert one.show["state"] == BUSY
    one.drain()
    assert int(one.hear().split()[1]) >= 2000
    assert one.hear() == "signal 15"


def test_children_and_masks_see_nothing_of_it(launch):
    one = launch("shim-odd")
    assert one.ask("env") == "env 0"
    assert one.ask("masks") == "masks 0"
    fds = {os.readlink(f"/proc/{one.say('pid')}/fd/{n}")
           for n in os.listdir(f"/proc/{one.say('pid')}/fd")}
    assert not any("memfd" in target for target in fds)


def test_a_client_that_hung_up_is_dropped_before_the_program(launch):
    one = launch("shim-odd")
    with one.connect() as first:
        first.sendall(b"sleep 200")
        one.until(active=1)
        for _ in range(3):
            one.connect().close()
        assert one.rest(first)
    assert one.until(active=0, state=IDLE, accepted=4)["aborted"] == 3
    assert one.show["requests"] == 1


def test_hangups_can_be_left_to_the_program(launch):
    one = launch("shim-odd", options=("-s", "hup=0"))
    one.connect().close()
    assert one.until(active=0, accepted=1)["aborted"] == 0


def test_the_bell(launch):
    one = launch("shim-odd")
    one.ask("sleep 1")
    assert one.say("bells") == "1", "it came to its first accept()"
    one.ask("sleep 1")
    assert one.say("bells") == "0"
    one.say("spare 1")
    one.ask("sleep 1")
    assert one.say("bells") == "1"
    one.say("spare 0")
    one.say("ring 3")
    one.ask("sleep 1")
    assert one.say("bells") == "1"
    one.say("spare 1")
    one.say("deaf")  # the master is dead: no SIGPIPE
    one.ask("sleep 1")
    assert one.ask("sleep 1")


def soon(attempt, tries=20):
    """A held program waits for a second at most, which a busy machine may well take for nothing."""
    assert any(attempt() for _ in range(tries))


@pytest.mark.parametrize("mode,options", [
    ("accept", ()), ("poll", ("-n",)), ("select", ("-n",)), ("epoll", ("-n",)), ("poll", ()), ("blocked", ())])
def test_who_is_held_leaves_connections_to_others(launch, mode, options):
    """It accepts none until the master takes the word back, is stuck, or says that it may leave."""
    def held():
        """One that is held, and a connection for it."""
        one = launch("shim-odd", mode, options=options)
        one.say("hold 2")
        assert one.ask("sleep 1") and one.ask("sleep 1")
        s = one.connect()
        s.sendall(b"sleep 1")
        select.select([s], [], [], 0.1)
        return one, s

    def goes_on(word):
        one, s = held()
        began = time.monotonic()
        one.say(word)
        assert one.rest(s).startswith(b"slept ")
        took = time.monotonic() - began
        assert one.show["accepted"] == 3
        return took < 0.4 if word != "hold 2" else took > 0.4

    def leaves():
        one, s = held()
        assert one.say("drain") in ("exit 0", "signal 15")
        s.close()
        return one.show["accepted"] == 2
    for word in ("hold 0", "hold 3", "hold 2"):
        soon(lambda: goes_on(word))
    soon(leaves)


def test_a_program_with_connections_open_is_not_held(launch):
    """They must not wait for others that it is not to have.  Held, it would wait a second each time."""
    one = launch("/usr/bin/python3", TOOLS / "fcgi-wsgi.py", "threads")
    one.say("hold 1")
    took = []
    with one.connect():
        one.until(active=1)
        for _ in range(10):
            began = time.monotonic()
            assert b"pid=" in one.fastcgi()
            took.append(time.monotonic() - began)
    assert min(took) < 0.9, took


def test_who_is_held_sees_its_own_signals(launch):
    """A handler that accept() is to be interrupted by: behind the hold nobody would hear of it."""
    one = launch("shim-odd", "handler")
    one.say("hold 2")
    assert one.ask("sleep 1") and one.ask("sleep 1")
    pid = int(one.say("pid"))
    one.until(accepted=2, active=0)
    os.kill(pid, signal.SIGTERM)
    assert one.say("wait") == "exit 0"


def test_the_master_dies_while_the_program_is_held(launch):
    one = launch("shim-odd")
    one.say("hold 1")
    one.ask("sleep 1")
    pid = int(one.say("pid"))
    one.process.kill()
    daemon.wait_for(lambda: not daemon.alive(pid), what="the orphan leaves")


def test_the_master_dies_while_the_program_waits(launch):
    one = launch("shim-odd")
    pid = int(one.say("pid"))
    one.process.kill()
    daemon.wait_for(lambda: not daemon.alive(pid), what="the orphan leaves")


@pytest.mark.parametrize("program", ["fcgi-hello", "/usr/bin/php-cgi"])
def test_it_adds_no_system_call_to_a_request(launch, tmp_path, program):
    """What requests call, with the library in the program and without."""
    def calls(name, *options):
        one = launch(program, options=options, ready=not options)
        trace = tmp_path / name
        assert one.fastcgi(script=str(TOOLS / "native.php"))
        strace = subprocess.Popen(["strace", "-f", "-o", trace, "-p", one.say("pid")],
                                  stderr=subprocess.PIPE, text=True)
        assert "attached" in strace.stderr.readline()
        for _ in range(6):
            one.fastcgi(script=str(TOOLS / "native.php"))
        one.end()
        strace.wait(10)
        strace.stderr.close()
        lines = [line.split(None, 1)[1] for line in trace.read_text().splitlines()]
        at = [i for i, line in enumerate(lines) if line.startswith("accept(0")]
        return [line.split("(")[0] for line in lines[at[1]:at[4]] if "<... " not in line]
    plain, shim = calls("plain", "-p"), calls("shim")
    # The look whether the client is still there, at most once a connection; see the manual.
    looks = shim.count("ppoll")
    assert looks <= 3
    assert sorted(c for c in shim if c != "ppoll") == sorted(c for c in plain if c != "ppoll")


def test_node(launch, tmp_path):
    """An event loop that closes its connections by syscall()."""
    (tmp_path / "s.js").write_text("require('net').createServer(c => c.on('data', () => setTimeout("
                                   "() => c.end('hi'), 300))).listen({fd: 0})")
    one = launch("/usr/bin/node", tmp_path / "s.js", options=("-n",))
    assert one.ask("x") == "hi"
    one.until(active=0, state=IDLE, accepted=1)
    with one.connect() as s:
        s.sendall(b"x")
        one.until(active=1)
        one.drain()
        assert one.rest(s) == b"hi"
    assert one.hear() in ("exit 0", "signal 15")


def test_a_drain_at_any_moment(launch):
    """One request and one drain signal at random distance: what was accepted is answered, whole and
    uninterrupted; what was not is left in the queue."""
    rng = random.Random(7)
    both = 0
    for _ in range(1500 if LONG else 150):
        one = launch("shim-odd")
        client = one.connect()
        client.settimeout(5)
        lag = rng.uniform(0, 0.0006)
        timer = threading.Thread(target=lambda: (time.sleep(lag), client.sendall(b"sleep 3"))) \
            if rng.random() < 0.5 else None
        if timer:
            timer.start()
        else:
            client.sendall(b"sleep 3")
            time.sleep(lag)
        result = one.say("drain")
        assert result == "signal 15"
        if timer:
            timer.join()
        seen = one.show
        assert seen["accepted"] == seen["requests"] <= 1
        if seen["accepted"]:
            both += 1
            assert int(one.rest(client).split()[1]) >= 3
        client.close()
        one.end()
    assert both
