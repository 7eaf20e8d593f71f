# SPDX-License-Identifier: Apache-2.0
"""Logs that are renamed under load: not one line is lost or doubled (FAULTS C87), whoever wrote it."""

import os
import re
import signal
import threading
import time

import pytest

import daemon
from fcgi import ask

SECONDS = 20 if daemon.LONG else 3
POOLS = 6
# A worker may write 50 lines of its programs a second to the log; each client keeps
# below that, whatever the machine can do.
PAUSE = 0.025


class Writer(threading.Thread):
    """A client of one pool whose every request has the program write one line with a number of its own."""

    def __init__(self, world, pool):
        super().__init__(daemon=True)
        self.world, self.pool = world, pool
        self.sent, self.failed = [], []
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            token = f"line-{self.pool}-{len(self.sent)}-"
            began = time.monotonic()
            try:
                answer = ask(self.world.sock(self.pool), self.world.t, f"err={token}%0a&ok&out=a")
                assert answer.body == b"a", answer
                self.sent.append(token)
            except Exception as error:  # noqa: BLE001 every failure counts
                self.failed.append(repr(error))
            time.sleep(max(0.0, PAUSE - (time.monotonic() - began)))


def start(web):
    web.globals = f'error_log = "{web.base}/logs/ganger.log"'
    (web.base / "logs").mkdir()
    web.pools = [f"w{i}" for i in range(POOLS)]
    web.write(*(web.pool(name, f'  kind = cgi\n  script_root = {{"{web.root}"}}\n  pm.max_children = 2\n'
                         '  catch_workers_output = yes') for name in web.pools))
    web.start()


def rotate(web, how):
    """One logrotate: rename, then have the logs opened anew; returns when that is done."""
    log = web.base / "logs" / "ganger.log"
    number = len(list((web.base / "logs").iterdir()))
    os.rename(log, web.base / "logs" / f"ganger.log.{number}")
    how()
    daemon.wait_for(log.exists, what="a new log")


def lines(web):
    return "".join(p.read_text() for p in sorted((web.base / "logs").iterdir()))


@pytest.mark.parametrize("how", ["signal", "gangerctl"])
def test_C87_rotation_loses_no_line(web, how):
    start(web)
    asked = {"signal": lambda: web.signal(signal.SIGUSR1),
             "gangerctl": lambda: web.ctl("reopen", check=True)}[how]
    writers = [Writer(web, pool) for pool in web.pools]
    for w in writers:
        w.start()
    rotations = 0
    end = time.monotonic() + SECONDS
    try:
        while time.monotonic() < end:
            # As fast as it goes for some turns, then once a second.
            for _ in range(10 if rotations == 0 else 1):
                rotate(web, asked)
                rotations += 1
            time.sleep(max(0.0, min(1.0, end - time.monotonic())))
    finally:
        for w in writers:
            w.stopping.set()
            w.join(20)
    assert not [f for w in writers for f in w.failed]
    sent = [token for w in writers for token in w.sent]
    assert len(sent) > 100
    # The last of them may still be on their way.
    daemon.wait_for(lambda: len(re.findall(r"line-w\d-\d+-", lines(web))) >= len(sent), what="every line")
    assert web.stop() == 0
    text = lines(web)
    assert "suppressed" not in text and "dropped" not in text, text[-2000:]
    found = re.findall(r"line-w\d-\d+-", text)
    assert sorted(found) == sorted(sent), f"{len(sent)} requests, {len(found)} lines"
    # Each is a whole line, with its pool, in one of the files.
    whole = re.findall(r'^\[[^\]]+\] WARNING: \[pool (w\d)\] worker \d+: .* "(line-(w\d)-\d+-)"$', text, re.M)
    assert len(whole) == len(sent) and all(a == b for a, _, b in whole), text[:2000]
    assert len(list((web.base / "logs").iterdir())) == rotations + 1


def test_a_log_that_cannot_be_opened_anew_goes_on_in_the_old_file(web):
    start(web)
    logs = web.base / "logs"
    (logs / "ganger.log").rename(logs / "old.log")
    (logs / "ganger.log").mkdir()
    result = web.ctl("reopen")
    assert result.returncode == 1 and "cannot reopen the log" in result.stderr, result
    web.signal(signal.SIGUSR1)
    daemon.wait_for(lambda: (logs / "old.log").read_text().count("cannot reopen the log") >= 1)
    ask(web.sock("w0"), web.t, "err=after%0a&ok")
    daemon.wait_for(lambda: "after" in (logs / "old.log").read_text())
    (logs / "ganger.log").rmdir()
    assert web.ctl("reopen").returncode == 0
    assert "log reopened" in (logs / "ganger.log").read_text()
