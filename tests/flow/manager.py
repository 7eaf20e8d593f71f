# SPDX-License-Identifier: Apache-2.0
"""A service manager without systemd: hands sockets over, keeps those it is given, is told things."""

import array
import contextlib
import os
import select
import socket
import sys
import threading

import daemon

# What execs ganger with exactly these descriptors, from 3 on, and LISTEN_PID as asked.
LAUNCH = """
import os, sys
fds, pid, command = eval(sys.argv[1]), sys.argv[2], sys.argv[3:]
high = [__import__("fcntl").fcntl(fd, 0, 100 + len(fds)) for fd in fds]
os.closerange(3, 100)
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i, inheritable=True)
    os.close(fd)
if pid != "none":
    os.environ["LISTEN_PID"] = str(os.getpid()) if pid == "own" else pid
os.execv(command[0], command)
"""


class Manager:
    """Starts one ganger, and starts it again with what is in the store."""

    def __init__(self, ganger, store=64, watchdog=0):
        self.ganger, self.limit, self.watchdog = ganger, store, watchdog
        self.path = str(ganger.base / "manager.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self.store = {}    # name: descriptor
        self.removed = []  # names, in order
        self.words = []    # all other VARIABLE=VALUE, in order
        self.change = threading.Condition()
        self.over = False
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def close(self):
        self.over = True
        self.thread.join()
        self.socket.close()
        os.unlink(self.path)
        for fd in self.store.values():
            os.close(fd)

    def _listen(self):
        while not self.over:
            if not select.select([self.socket], [], [], 0.05)[0]:
                continue
            data, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(4 * 8))
            fds = array.array("i")
            for level, kind, content in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds.frombytes(content[:len(content) // 4 * 4])
            with self.change:
                self._message(data.decode().split("\n"), list(fds))
                self.change.notify_all()

    def _message(self, lines, fds):
        name = next((x[7:] for x in lines if x.startswith("FDNAME=")), "stored")
        if "FDSTORE=1" in lines:
            assert len(fds) == 1, (lines, fds)
            old = self.store.get(name)
            same = old is not None and os.fstat(old).st_ino == os.fstat(fds[0]).st_ino
            if old is None:
                self.store[name] = fds[0]
            else:
                os.close(fds[0])
                assert same, f"a second socket for {name}"
        elif "FDSTOREREMOVE=1" in lines:
            self.removed.append(name)
            fd = self.store.pop(name, None)
            if fd is not None:
                os.close(fd)
        else:
            assert not fds, lines
        self.words.extend(lines)

    def wait(self, condition, what, timeout=daemon.PATIENCE):
        with self.change:
            assert self.change.wait_for(condition, timeout), f"{what}\n{self.ganger.log[-3000:]}"

    def start(self, sockets=(), names=None, count=None, pid="own", ready=True):
        """`sockets`: [(name, socket)], before what is in the store."""
        with self.change:
            handed = [(n, s.fileno()) for n, s in sockets] + list(self.store.items())
            self.words.clear()
        env = {"NOTIFY_SOCKET": self.path}
        if self.limit:
            env["FDSTORE"] = str(self.limit)
        if self.watchdog:
            env["WATCHDOG_USEC"] = str(self.watchdog)
        if handed or count:
            env["LISTEN_FDS"] = str(len(handed) if count is None else count)
            env["LISTEN_FDNAMES"] = ":".join(n for n, _ in handed) if names is None else names
        fds = [fd for _, fd in handed]
        wrap = [sys.executable, "-c", LAUNCH, repr(fds), pid]
        self.ganger.start(ready=False, env=env, wrap=wrap, pass_fds=fds)
        if ready:
            self.ready()
        return self

    def ready(self):
        g = self.ganger
        self.wait(lambda: "READY=1" in self.words or g.process.poll() is not None, "ready")
        assert g.process.poll() is None, g.log[-3000:]

    def kill(self):
        """kill -9, as the out-of-memory killer might."""
        self.ganger.process.kill()
        self.ganger.process.wait()
        self.ganger.notify.close()


def listening(address):
    """A listening stream socket: a path, (host, port) or an abstract name with NUL."""
    family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
    s = socket.socket(family, socket.SOCK_STREAM)
    s.bind(address)
    s.listen(64)
    if isinstance(address, str) and address[0] == "/":
        os.chmod(address, 0o666)
    return s


def inode(path):
    return os.stat(path).st_ino


class Load:
    """Clients that ask again and again; every failure is kept.  What is asked for a word is answered
    with that word, or as `right` says."""

    def __init__(self, ask, clients=4, right=lambda answer, word: answer.body == word.encode()):
        self.ask, self.right, self.over = ask, right, False
        self.done, self.failures = 0, []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(i,)) for i in range(clients)]
        for t in self.threads:
            t.start()

    def _run(self, client):
        number = 0
        while not self.over:
            word = f"c{client}n{number}"
            try:
                answer = self.ask(word)
                fine = answer.status == 200 and self.right(answer, word)
                trouble = None if fine else repr(answer)
            except Exception as e:  # whatever it is, it is a lost request
                fine, trouble = False, f"{type(e).__name__}: {e}"
            with self.lock:
                self.done += fine
                if not fine:
                    self.failures.append(f"{word}: {trouble}")
            number += 1

    def more(self, count):
        """Wait until `count` more have been answered."""
        begin = self.done
        daemon.wait_for(lambda: self.done >= begin + count or self.failures,
                        what=f"{count} more answers")

    def end(self):
        self.over = True
        for t in self.threads:
            t.join()
        return self.failures

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()



@contextlib.contextmanager
def managed(ganger, **more):
    m = Manager(ganger, **more)
    try:
        yield m
    finally:
        m.close()
