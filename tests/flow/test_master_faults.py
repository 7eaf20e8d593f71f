# SPDX-License-Identifier: Apache-2.0
"""What a worker, a pool, a reader that does not read or a signal at a bad moment must not do to the
master: FAULTS C09, C11, C90 and their like."""

import contextlib
import fcntl
import os
import pathlib
import pwd
import random
import select
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

import daemon
from fcgi import Conn, ask, cgi_params, whole

TOOL = daemon.ROOT / "tests" / "tools" / "hostile.c"


@pytest.fixture(scope="module")
def hostile_tool(tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile") / "hostile"
    subprocess.run(["gcc", "-O2", "-Wall", "-o", str(path), str(TOOL)], check=True)
    return str(path)


@pytest.fixture
def hostile(hostile_tool):
    """Start tests/tools/hostile against a worker; what still runs at the end is ended."""
    running = []

    def start(pid, what, amount):
        uid = pwd.getpwnam("nobody").pw_uid
        p = subprocess.Popen([hostile_tool, str(pid), str(uid), what, str(amount)],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0)
        running.append(p)
        assert select.select([p.stdout], [], [], daemon.PATIENCE)[0]
        assert p.stdout.readline() == b"armed\n"
        return p
    yield start
    for p in running:
        p.kill()
        p.wait()
        p.stdout.close()


def cpu(pid):
    """Seconds of processor time that `pid` has used."""
    words = open(f"/proc/{pid}/stat", encoding="latin-1").read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def replaced(world, victim, count=4, timeout=daemon.PATIENCE):
    daemon.wait_for(lambda: victim not in world.workers("web") and
                    len(world.workers("web")) == count, timeout, "the gang is at strength again")


def kill_one(world, timeout=daemon.PATIENCE):
    victim = random.choice(world.workers("web"))
    os.kill(victim, signal.SIGKILL)
    replaced(world, victim, timeout=timeout)


def pool(web, **options):
    merged = {"pm.max_children": 4, **options}
    text = "\n".join(f"  {k} = {v}" for k, v in merged.items())
    return web.pool("web", f'  kind = cgi\n  script_root = {{"{web.root}"}}\n{text}')


# ---- readers that do not read

@contextlib.contextmanager
def stuck_socket(path):
    """A datagram socket whose queue is full and whose reader does not read."""
    reader = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    reader.bind(str(path))
    os.chmod(path, 0o666)
    writer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    writer.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            writer.sendto(b"X=1", str(path))
    writer.close()
    yield reader
    reader.close()


def test_C90_a_notify_socket_that_nobody_reads(web):
    path = web.base / "stuck.sock"
    with stuck_socket(path) as reader:
        web.write(pool(web))
        web.start(ready=False, env={"NOTIFY_SOCKET": str(path)})
        web.wait_log("ready to handle connections")
        daemon.wait_for(lambda: len(web.workers("web")) == 4)
        kill_one(web)
        assert web.ask("ok&out=x").body == b"x"
        web.wait_log("does not read what it is told")
        # Once there is room, what it had to say arrives.
        reader.settimeout(daemon.PATIENCE)
        while b"READY=1" not in reader.recv(4096).split(b"\n"):
            pass
        assert web.stop() == 0
        while b"STOPPING=1" not in reader.recv(4096).split(b"\n"):
            pass


def test_C90_stop_with_a_notify_socket_that_nobody_reads(web):
    path = web.base / "stuck.sock"
    with stuck_socket(path):
        web.write(pool(web))
        web.start(ready=False, env={"NOTIFY_SOCKET": str(path)})
        web.wait_log("ready to handle connections")
        started = time.monotonic()
        assert web.stop() == 0
        assert time.monotonic() - started < daemon.AT_ONCE


@pytest.mark.parametrize("value", ["/nonexistent/notify", "@no-such-ganger-socket", "vsock:2:1",
                                   "/" + "x" * 200, "relative", ""])
def test_C90_a_notify_socket_that_does_not_work(web, value):
    web.write(pool(web))
    web.start(ready=False, env={"NOTIFY_SOCKET": value})
    web.wait_log("ready to handle connections")
    assert web.ask("ok&out=x").body == b"x"
    assert len([x for x in web.log.splitlines() if "trying again" in x]) == (1 if value else 0)


def test_a_log_pipe_whose_reader_stopped(web):
    """stderr is a full FIFO: lines are dropped, nothing waits."""
    fifo = web.base / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(fifo, os.O_WRONLY)
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x")
    os.set_blocking(writer, True)
    web.globals = "log_level = debug"
    web.write(pool(web))
    web.start(wrap=["/bin/sh", "-c", f'exec "$@" 2>"{fifo}"', "sh"])
    daemon.wait_for(lambda: len(web.workers("web")) == 4)
    for _ in range(10):
        kill_one(web)
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        web.signal(number)
    assert web.ask("ok&out=x").body == b"x"
    assert web.stop() == 0
    os.close(writer)
    os.close(reader)


# ---- hostile workers

def test_C11_a_worker_scribbles_over_the_board(web, hostile):
    """Wrong numbers on the status page, and havoc in its own pool, are all that it gets."""
    bad = web.pool("bad", f'  kind = cgi\n  script_root = {{"{web.root}"}}\n  pm.max_children = 4')
    web.write(pool(web), bad)
    web.start()
    stranger = subprocess.Popen(["sleep", "1000"])
    seconds = 60 if daemon.LONG else 5
    good = set(web.workers("web"))
    try:
        scribbler = hostile(web.workers("bad")[0], "board", seconds)
        while scribbler.poll() is None:
            with contextlib.suppress(IndexError, ProcessLookupError):
                os.kill(random.choice(web.workers("bad")), signal.SIGKILL)
            web.status(full=True)
            assert web.ctl("status", "bad").returncode in (0, 1)
            assert web.ask("ok&out=x").body == b"x"
            time.sleep(0.02)
        assert scribbler.returncode == 0
        assert set(web.workers("web")) == good
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
    assert "ALERT" not in web.log
    daemon.wait_for(lambda: len(web.workers("bad")) == 4, 40, "the pool is well again")


def test_a_worker_that_sends_garbage(served, hostile):
    pid = served.workers("web")[0]
    before = daemon.descriptors(served.pid)
    assert hostile(pid, "garbage", 2000).wait(daemon.PATIENCE) == 0
    assert pid in served.workers("web")
    kill_one(served)
    daemon.wait_for(lambda: daemon.descriptors(served.pid) <= before)
    assert "ALERT" not in served.log


@pytest.mark.parametrize("what", ["words", "output"])
def test_a_worker_that_floods_does_not_keep_the_master_busy(served, hostile, what):
    pid = served.workers("web")[0]
    flood = hostile(pid, what, 4)
    time.sleep(0.3)
    before = cpu(served.pid)
    started = time.monotonic()
    others = [p for p in served.workers("web") if p != pid]
    os.kill(others[0], signal.SIGKILL)
    replaced(served, others[0])
    while flood.poll() is None:
        time.sleep(0.02)
    share = (cpu(served.pid) - before) / (time.monotonic() - started)
    assert share < (0.95 if daemon.ASAN else 0.6), share
    if what == "output":
        served.wait_log("suppressed")
    assert served.ask("ok&out=x").body == b"x"


def test_a_worker_gives_descriptors_whose_close_waits(served, hostile):
    """The last close of a socket with SO_LINGER sleeps: it must not be the master's."""
    pid = served.workers("web")[0]
    before = daemon.descriptors(served.pid)
    h = hostile(pid, "linger", 5)
    assert select.select([h.stdout], [], [], daemon.PATIENCE)[0]
    assert h.stdout.readline() == b"given\n"
    replaced(served, pid)
    assert "sent descriptors" in served.log
    kill_one(served)
    # The same, unread when the worker dies.
    pid = served.workers("web")[0]
    served.signal(signal.SIGSTOP)
    h = hostile(pid, "linger", 5)
    assert select.select([h.stdout], [], [], daemon.PATIENCE)[0]
    assert h.stdout.readline() == b"given\n"
    os.kill(pid, signal.SIGKILL)
    served.signal(signal.SIGCONT)
    replaced(served, pid)
    kill_one(served)
    daemon.wait_for(lambda: daemon.descriptors(served.pid) <= before, what="no descriptor is left")
    daemon.wait_for(lambda: not [c for c in daemon.children(served.pid) if c[2] == "Z"])


# ---- deaths and starts

def test_200_deaths_leave_nothing_behind(served):
    kill_one(served)
    before = daemon.descriptors(served.pid)
    memory = daemon.rss(served.pid)
    for _ in range(10_000 // 4 if daemon.LONG else 50):
        victims = served.workers("web")
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        daemon.wait_for(lambda: len(set(served.workers("web")) - set(victims)) == 4)
    daemon.wait_for(lambda: served.status("web")["idle processes"] == 4)
    daemon.wait_for(lambda: daemon.descriptors(served.pid) <= before)
    daemon.wait_for(lambda: not [c for c in daemon.children(served.pid) if c[2] == "Z"])
    if "ASAN_OPTIONS" not in os.environ and daemon.rss(served.pid) > memory:
        assert daemon.rss(served.pid) - memory < 16 << 20


def test_an_old_worker_does_not_excuse_new_ones(web):
    """While some workers live well, starts that fail are still throttled more and more."""
    folder = web.base / "cwd"
    folder.mkdir()
    folder.chmod(0o755)
    web.serve(chdir=f'"{folder}"')
    for _ in range(40):
        assert web.ask("ok&out=x").body == b"x"
    folder.rmdir()
    victim = web.workers("web")[0]
    os.kill(victim, signal.SIGKILL)
    daemon.wait_for(lambda: web.status("web")["state"] == "failing")
    before = web.status("web")["spawned"]
    time.sleep(4.5)  # the subject is a rate
    row = web.status("web")
    assert row["spawned"] - before <= 6, row
    assert row["state"] == "failing"
    assert web.log.count("is failing") == 1, web.log[-3000:]
    folder.mkdir()
    folder.chmod(0o755)
    daemon.wait_for(lambda: len(web.workers("web")) == 4, 30)


def test_max_active_is_remembered(served):
    """Also what nobody looked at while it lasted, and what workers who are gone have seen."""
    assert served.status("web")["max active processes"] == 0
    clients = [threading.Thread(target=served.ask, args=(
        f"note={served.notes}/{i}&until={served.notes}/go&ok",)) for i in range(3)]
    for c in clients:
        c.start()
    for i in range(3):
        daemon.wait_for((served.notes / str(i)).exists)
    (served.notes / "go").touch()
    for c in clients:
        c.join()
    daemon.wait_for(lambda: served.status("web")["idle processes"] == 4)
    assert served.status("web")["max active processes"] == 3
    for victim in served.workers("web"):
        os.kill(victim, signal.SIGKILL)
        replaced(served, victim)
    daemon.wait_for(lambda: served.status("web")["idle processes"] == 4)
    assert served.status("web")["max active processes"] == 3


def test_a_stranger_holds_the_lock_of_the_folder(web):
    """Anyone who can read the folder can lock it; that delays nobody's start."""
    folder = os.open(web.runtime, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    pools = [web.pool(f"p{i}", f'  kind = cgi\n  script_root = {{"{web.root}"}}\n  pm.max_children = 1')
             for i in range(30)]
    web.write(*pools)
    started = time.monotonic()
    web.start()
    assert time.monotonic() - started < 10  # half a second for each would be 15
    os.close(folder)


# ---- stopping

def test_quit_with_stopped_workers(web):
    """SIGSTOP'ped workers cannot leave; QUIT kills them when its time is over."""
    web.globals = "process_control_timeout = 1"
    web.serve()
    for pid in web.workers("web"):
        os.kill(pid, signal.SIGSTOP)
    started = time.monotonic()
    assert web.stop(signal.SIGQUIT) == 0
    assert 0.9 < time.monotonic() - started < daemon.AT_ONCE


def test_term_twice_ends_stopped_workers_at_once(web):
    web.serve()
    for pid in web.workers("web"):
        os.kill(pid, signal.SIGSTOP)
    web.signal(signal.SIGQUIT)
    web.wait_log("finishing requests")
    web.signal(signal.SIGTERM)
    web.wait_log("stopping now")
    started = time.monotonic()
    web.signal(signal.SIGTERM)
    assert web.process.wait(daemon.PATIENCE) == 0
    assert time.monotonic() - started < daemon.AT_ONCE


def test_a_storm_of_signals(served):
    for _ in range(300):
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD):
            served.signal(number)
    kill_one(served)
    assert served.ask("ok&out=x").body == b"x"


def test_stop_in_the_middle_of_a_start(web):
    for number in (signal.SIGQUIT, signal.SIGTERM):
        web.write(pool(web, **{"pm.max_children": 30}))
        web.start(ready=False)
        daemon.wait_for(lambda: web.workers("web"))
        assert web.stop(number) == 0
        assert not web.workers("web")


def test_stop_while_throttled(web):
    folder = web.base / "cwd"
    folder.mkdir()
    web.write(pool(web, chdir=f'"{folder}"'))
    folder.chmod(0o700)
    if os.geteuid() != 0:
        pytest.skip("needs workers of another user")
    web.start()
    daemon.wait_for(lambda: web.status("web")["state"] == "failing")
    started = time.monotonic()
    assert web.stop(signal.SIGQUIT) == 0
    assert time.monotonic() - started < daemon.AT_ONCE


def test_quit_serves_what_waits_in_the_backlog(web):
    """Two workers, ten clients that are connected by then: none is dropped."""
    web.serve(pm__max_children=2)
    clients = [Conn(web.web) for _ in range(10)]
    for n, c in enumerate(clients):
        c.send(whole(cgi_params(web.t, f"sleep=150&ok&out=x{n}")))
    daemon.wait_for(lambda: web.status("web")["active processes"] == 2)
    assert web.stop(signal.SIGQUIT) == 0
    for n, c in enumerate(clients):
        assert c.answer().body == f"x{n}".encode()
        c.close()
    assert not os.path.exists(web.web)


def test_quit_leaves_a_backlog_when_its_time_is_over(web):
    web.globals = "process_control_timeout = 1"
    web.serve(pm__max_children=1)
    conns = [Conn(web.web) for _ in range(5)]
    for c in conns:
        c.send(whole(cgi_params(web.t, "sleep=60000&ok")))
    daemon.wait_for(lambda: web.status("web")["active processes"] == 1)
    started = time.monotonic()
    assert web.stop(signal.SIGQUIT) == 0
    assert 0.9 < time.monotonic() - started < daemon.AT_ONCE
    for c in conns:
        c.close()


# ---- another root

def make_root(web, programs):
    """A folder that holds the test program, what it is linked with, and nothing else."""
    root = web.base / "jail"
    for name in ("", "cgi", "dev"):
        (root / name).mkdir(mode=0o755)
    os.mknod(root / "dev" / "null", 0o666 | 0o020000, os.makedev(1, 3))
    (root / "dev" / "null").chmod(0o666)
    shutil.copy(programs["cgi"], root / "cgi" / "t")
    (root / "cgi" / "t").chmod(0o755)
    for word in subprocess.run(["ldd", programs["cgi"]], capture_output=True, text=True).stdout.split():
        if word.startswith("/"):
            target = pathlib.Path(f"{root}{word}")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(word, target)
    return root


@pytest.mark.parametrize("more", [{}, {"no_new_privileges": "false"}, {"chdir": '"/cgi"'},
                                  {"user": '"root"', "group": '"root"', "allow_root": "true"}])
def test_a_pool_in_another_root(web, programs, more):
    """The worker itself needs no loader and no library in there, and keeps no right to leave."""
    if os.geteuid() != 0:
        pytest.skip("only root can change the root")
    root = make_root(web, programs)
    options = {"chroot": f'"{root}"', "command": '{"/cgi/t"}', "pm.max_children": 2,
               "user": '"nobody"', "group": '"nogroup"', **more}
    text = "\n".join(f"  {k} = {v}" for k, v in options.items())
    web.write(web.pool("web", "  kind = cgi\n" + text))
    assert web.run("-t").returncode == 0
    # The leak checker needs /proc.
    web.start(env={"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"})
    assert ask(web.web, "/cgi/t", "ok&out=x").body == b"x", web.log
    for pid in web.workers("web"):
        assert os.readlink(f"/proc/{pid}/root") == str(root)
        assert os.readlink(f"/proc/{pid}/cwd") == str(root)
        for line in open(f"/proc/{pid}/status"):
            if line.startswith(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")):
                assert int(line.split()[1], 16) == 0, line
    with Conn(web.web) as c:
        note = root / "note"
        note.mkdir(mode=0o777)
        note.chmod(0o777)
        c.send(whole(cgi_params("/cgi/t", "note=/note/p&sleep=60000")))
        program = int(daemon.wait_for(lambda: (note / "p").exists() and (note / "p").read_text().strip()))
        assert os.readlink(f"/proc/{program}/root") == str(root)
        assert "CapPrm:\t0000000000000000" in open(f"/proc/{program}/status").read()
    victim = web.workers("web")[0]
    os.kill(victim, signal.SIGKILL)
    replaced(web, victim, 2)
    assert ask(web.web, "/cgi/t", "ok&out=x").body == b"x"


def test_a_root_without_proc_and_device_is_refused(web, programs):
    if os.geteuid() != 0:
        pytest.skip("only root can change the root")
    root = make_root(web, programs)
    body = f'  kind = cgi\n  chroot = "{root}"\n  %s\n  user = "nobody"\n  pm.max_children = 1'
    web.write(web.pool("web", body % 'script_root = {"/cgi"}'))
    result = web.run("-t")
    assert result.returncode == 1 and "mount -t proc" in result.stderr, result.stderr
    (root / "dev" / "null").unlink()
    web.write(web.pool("web", body % 'command = {"/cgi/t"}'))
    result = web.run("-t")
    assert result.returncode == 1 and "mknod" in result.stderr, result.stderr
