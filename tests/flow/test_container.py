# SPDX-License-Identifier: Apache-2.0
"""As process 1 of a pid namespace, as in a container: strangers are reaped, SIGTERM is a graceful stop when
that is configured, and the exit status is 0."""

import contextlib
import os
import signal
import subprocess
import time

import pytest

import daemon
from daemon import wait_for
from fcgi import Conn, ask, cgi_params, whole

UNSHARE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
ORDINARY = ("setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups")

# Leaves an orphan in a session of its own, as a careless program does.
ORPHAN = """#!/bin/sh
(setsid sleep 0.3 >/dev/null 2>&1 </dev/null &)
printf 'Content-Type: a/b\\n\\nok'
"""


@pytest.fixture(params=["root", "ordinary"])
def contained(request, web, folder):
    """ganger as process 1; `master` is its pid out here."""
    if os.geteuid() != 0:
        pytest.fail("needs root: run the tests as root")
    web.globals = "stop_on_term = graceful\nprocess_control_timeout = 20s"
    text = f'  kind = cgi\n  script_root = {{"{web.root}"}}\n  pm.max_children = 4'
    wrap = UNSHARE
    if request.param == "ordinary":
        wrap += ORDINARY
        for path in (web.base, web.runtime):
            os.chown(path, 1, 1)
        web.write(f'pool web {{\n  listen = "{web.web}"\n{text}\n}}')
    else:
        web.write(web.pool("web", text))
    web.start(wrap=wrap)
    web.master = wait_for(lambda: [pid for pid, _, _ in daemon.children(web.pid)], what="process 1")[0]
    yield web
    if web.process.poll() is None:  # unshare itself takes no SIGTERM
        os.kill(web.master, signal.SIGTERM)
        assert web.process.wait(daemon.PATIENCE) == 0


def zombies(pid):
    return [c for c in daemon.children(pid) if c[2] in "ZX"]


def status_of(pid, field):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(field + ":"):
            return line.split()[1:]
    return []


def test_it_is_process_1_and_its_log_goes_to_stderr(contained):
    assert status_of(contained.master, "NSpid")[-1] == "1"
    assert "ready to handle connections" in contained.log  # of its stderr


def test_orphans_are_reaped_whoever_left_them(contained):
    script = contained.folder.script("cgi/orphan", ORPHAN)
    for _ in range(10):
        assert ask(contained.web, script).body == b"ok"
    # And those of somebody who came from outside, as `docker exec` does.
    for _ in range(5):
        subprocess.run(["nsenter", "-t", str(contained.master), "-p", "-m", "sh", "-c",
                        "(setsid sleep 0.1 </dev/null >/dev/null 2>&1 &)"], check=True)
    wait_for(lambda: not [c for c in daemon.children(contained.master) if c[1] in ("sleep", "sh", "orphan")],
             what="no orphan is left")
    wait_for(lambda: not zombies(contained.master), what="no zombie is left")
    for _ in range(20):
        assert contained.ask("ok&out=a").body == b"a"


def test_term_finishes_requests_and_the_exit_status_is_0(contained):
    with contextlib.ExitStack() as stack:
        conns = [stack.enter_context(Conn(contained.web, 30)) for _ in range(6)]
        for i, c in enumerate(conns):
            c.send(whole(cgi_params(contained.t, f"note={contained.notes}/{i}&ok&out={i}&sleep=500&out=.")))
        wait_for(lambda: len(list(contained.notes.iterdir())) >= 4, what="four are in hand")
        os.kill(contained.master, signal.SIGTERM)
        for i, c in enumerate(conns):
            assert c.answer().body == f"{i}.".encode()
    assert contained.process.wait(daemon.PATIENCE) == 0
    assert "finishing requests" in contained.log and "stopping now" not in contained.log


def test_other_signals_and_orders_reach_it(contained):
    os.kill(contained.master, signal.SIGUSR1)
    contained.wait_log("log reopened")
    assert "pid 1:" in contained.ctl("ping").stdout
    workers = {pid for pid, comm, _ in daemon.children(contained.master)}
    assert contained.ctl("restart", "web", "--wait").returncode == 0
    assert contained.ask("ok&out=a").body == b"a"
    wait_for(lambda: len(workers & {pid for pid, _, _ in daemon.children(contained.master)}) == 1,
             what="all but the status worker are new")
    began = time.monotonic()
    assert contained.ctl("quit", "--wait").returncode == 0
    assert contained.process.wait(daemon.PATIENCE) == 0
    assert time.monotonic() - began < 15


def test_an_init_that_is_told_to_stop_at_once(web):
    """Without the option, SIGTERM ends it and all that runs, with status 0, too."""
    if os.geteuid() != 0:
        pytest.fail("needs root: run the tests as root")
    web.write(web.pool("web", f'  kind = cgi\n  script_root = {{"{web.root}"}}\n  pm.max_children = 2'))
    web.start(wrap=UNSHARE)
    master = wait_for(lambda: [pid for pid, _, _ in daemon.children(web.pid)])[0]
    with Conn(web.web, 30) as c:
        c.send(whole(cgi_params(web.t, f"note={web.notes}/n&ok&sleep=60000")))
        wait_for(lambda: (web.notes / "n").exists())
        os.kill(master, signal.SIGTERM)
        assert web.process.wait(daemon.PATIENCE) == 0
