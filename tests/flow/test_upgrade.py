# SPDX-License-Identifier: Apache-2.0
"""An upgrade of the running master: same pid, same workers, same sockets, nothing lost; and every
binary that cannot take over leaves the old one running.  FAULTS C28 to C32."""

import contextlib
import fcntl
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import threading
import time

import pytest

import daemon
import fcgi
import native
from daemon import wait_for

ONE = '  kind = cgi\n  command = {"/bin/true"}\n  pm = static\n  pm.max_children = 1'


@pytest.fixture
def installed(ganger):
    """`ganger` from a folder of its own, whose programs a test may replace."""
    folder = ganger.base / "bin"
    folder.mkdir()
    folder.chmod(0o755)
    for name in ("ganger", "ganger-worker", "libganger-shim.so"):
        shutil.copy(daemon.BUILD / name, folder / name)
        (folder / name).chmod(0o755)
    ganger.binary = folder / "ganger"
    ganger.command = lambda *flags: [str(ganger.binary), "-c", str(ganger.config), *flags]
    return ganger


def install(ganger, source):
    """Put another file in the binary's place, as an installation does: a rename.  bytes, or a path."""
    temporary = ganger.binary.with_name("new")
    if isinstance(source, bytes):
        temporary.write_bytes(source)
    else:
        shutil.copy(source, temporary)
    temporary.chmod(0o755)
    temporary.rename(ganger.binary)


def upgrades(ganger):
    return ganger.log.count("upgraded from ganger")


def upgrade(ganger, number=None):
    """By SIGUSR2, until the new image serves."""
    before = upgrades(ganger) if number is None else number
    ganger.signal(signal.SIGUSR2)
    try:
        wait_for(lambda: upgrades(ganger) > before, what="an upgrade")
    except AssertionError:
        raise AssertionError(ganger.log[-4000:]) from None


def inodes(ganger):
    """The sockets that the master listens at."""
    out = set()
    for fd in os.listdir(f"/proc/{ganger.pid}/fd"):
        with contextlib.suppress(OSError):
            link = os.readlink(f"/proc/{ganger.pid}/fd/{fd}")
            if link.startswith("socket:"):
                out.add(link)
    listening = {f"socket:[{line.split()[6]}]" for line in open("/proc/net/unix").readlines()[1:]
                 if line.split()[5] == "01"}
    return out & listening


def pids(ganger):
    """Of its children, zombies too."""
    return sorted(pid for pid, _, _ in daemon.children(ganger.pid))


def totals(ganger, pool):
    s = ganger.status(pool)
    return {k: s[k] for k in ("accepted conn", "start time")}


class Load:
    """Clients of some pools, each request on a new connection; every outcome is counted.  `pools`: {name: function that asks once and raises when the answer is wrong}."""

    def __init__(self, pools, clients=2):
        self.failures, self.done, self.over = [], {name: 0 for name in pools}, False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(name, ask), daemon=True)
                        for name, ask in pools.items() for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def _run(self, name, ask):
        while not self.over:
            try:
                ask()
            except Exception as error:  # noqa: BLE001 whatever it is, it counts
                with self.lock:
                    self.failures.append(f"{name}: {error!r}")
            else:
                with self.lock:
                    self.done[name] += 1

    def end(self):
        self.over = True
        for thread in self.threads:
            thread.join(60)
        assert not any(t.is_alive() for t in self.threads)
        assert not self.failures, f"{len(self.failures)}: {self.failures[:5]}"
        assert all(self.done.values()), self.done
        return self


def three_pools(world, ganger):
    """A CGI pool, php-cgi and a libfcgi program, behind nginx; {name: one request}."""
    script = ganger.folder.script("answer", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nfine\\n'\n")
    owner = '  listen.owner = "www-data"\n' if ganger.as_root else ""
    world.pools["web"] = ganger.pool(
        "web", f'  kind = cgi\n  command = {{"{script}"}}\n  pm = static\n  pm.max_children = 2\n{owner}')
    # php-cgi leaves by itself after 500 requests otherwise.
    world.add("php", env='{"PHP_FCGI_MAX_REQUESTS=1000000"}').add("c")
    world.start()
    world.settled("php", 2)
    world.settled("c", 2)
    world.front()

    def web():
        reply = world.get("web")
        assert reply.status == 200 and reply.body == b"fine\n", reply

    def native(pool):
        def ask():
            reply = world.get(pool)
            assert reply.status == 200 and reply.pid, reply
        return ask
    return {"web": web, "php": native("php"), "c": native("c")}


@pytest.fixture
def behind(installed, programs):
    """(ganger, {pool: ask once}) of three pools behind nginx."""
    world = native.World(installed, programs)
    yield installed, three_pools(world, installed)
    world.close()


def test_C28_upgrades_under_load(behind):
    """Show 5, the first half: 20 in 20 seconds (fewer where time is short)."""
    installed, asks = behind
    count = 20 if daemon.LONG else 8
    master, workers, sockets = installed.pid, pids(installed), inodes(installed)
    before = {pool: totals(installed, pool) for pool in asks}
    control = os.stat(installed.runtime / "control.sock").st_ino
    load = Load(asks, clients=3 if daemon.LONG else 2)
    for i in range(count):
        began = time.monotonic()
        upgrade(installed, i)
        if daemon.LONG:
            time.sleep(max(0, 1 - (time.monotonic() - began)))
    load.end()
    assert installed.process.poll() is None and installed.pid == master
    assert pids(installed) == workers
    assert inodes(installed) == sockets
    assert os.stat(installed.runtime / "control.sock").st_ino == control
    for pool in asks:
        after = totals(installed, pool)
        assert after["start time"] == before[pool]["start time"]
        assert after["accepted conn"] - before[pool]["accepted conn"] == load.done[pool]
    assert (installed.runtime / "ganger.pid").read_text() == f"{master}\n"


def binaries(ganger):
    """What cannot take over; the log says why."""
    real = ganger.binary.read_bytes()
    script = b"#!/bin/sh\n"
    return {
        "/bin/false": ("/bin/false", "exited with status 1"),
        "/bin/true": ("/bin/true", "exited with status 0"),
        # Behind the middle there is nothing but what debuggers want.
        "truncated": (real[:len(real) // 20], "did not read the state, and was killed|it cannot be run"),
        "empty": (b"", "it cannot be run: Exec format error"),
        "crashes": (script + b"kill -SEGV $$\n", r"killed by signal 11 \(SEGV\)"),
        "another's words": (script + b"echo 'ganger 0: this is no state of mine' >&2; exit 70\n",
                            "status 70: ganger 0: this is no state of mine"),
        "lies": (script + b"echo 'ganger --adopt-check: the state can be taken over'; exit 1\n",
                 "exited with status 1"),
        "floods": (script + b"head -c 3000000 /dev/zero; exit 3\n",
                   "exited with status 3"),
    }


def test_C29_binaries_that_cannot_take_over(behind):
    """Show 5, the second half: refused, and serving goes on."""
    installed, asks = behind
    workers = pids(installed)
    real = installed.binary.read_bytes()
    load = Load({"web": asks["web"], "php": asks["php"]}, clients=1)
    for number, (name, (source, says)) in enumerate(binaries(installed).items(), 1):
        install(installed, source)
        installed.signal(signal.SIGUSR2)
        installed.wait_log(r"upgrade to \S+ failed: ", count=number)
        installed.wait_log(f"upgrade to \\S+ failed: .*({says}).*; ganger \\S+ goes on")
        assert installed.process.poll() is None, name
    installed.binary.unlink()
    result = installed.ctl("upgrade", "--wait")
    assert result.returncode == 1 and "No such file or directory" in result.stdout + result.stderr
    install(installed, real)
    installed.binary.chmod(0o644)
    result = installed.ctl("upgrade", "--wait")
    assert result.returncode == 1 and "Permission denied" in result.stdout + result.stderr
    load.end()
    # Nothing is left of all those attempts, and a good binary still takes over.
    wait_for(lambda: pids(installed) == workers, what="only the workers")
    installed.binary.chmod(0o755)
    result = installed.ctl("upgrade", "--wait")
    assert result.returncode == 0, result
    assert "now ganger" in result.stdout
    assert pids(installed) == workers
    asks["web"]()


def test_C29_a_binary_that_hangs(installed):
    """It has five seconds (a sanitized master gives more); who else orders one meanwhile is refused."""
    installed.write(installed.pool("web", ONE))
    installed.start()
    install(installed, b"#!/bin/sh\nexec sleep 1000\n")
    began = time.monotonic()
    installed.signal(signal.SIGUSR2)
    installed.wait_log("upgrading to")
    result = installed.ctl("upgrade")
    assert result.returncode == 1 and "under way already" in result.stdout + result.stderr
    installed.wait_log("failed: it did not read the state within", timeout=60)
    assert daemon.ASAN or time.monotonic() - began < 15
    wait_for(lambda: all(name != "sleep" for _, name, _ in daemon.children(installed.pid)),
             what="the one that hung is gone")
    # An order to stop calls one off.
    installed.signal(signal.SIGUSR2)
    installed.wait_log("upgrading to", count=2)
    assert installed.stop(signal.SIGQUIT) == 0
    assert "failed: ganger is to stop" in installed.log


def test_C31_another_version(installed):
    """A state of another version is refused, whoever asks."""
    installed.write(installed.pool("web", ONE))
    installed.start()
    real = installed.binary.read_bytes()
    # The magic and the version, as a program of a later version would write them.
    wrapper = installed.folder.script("later", f"""#!/usr/bin/python3
import os, struct, sys
fd = int(sys.argv[2])
data = bytearray(os.pread(fd, 1 << 26, 0))
data[8:12] = struct.pack("=I", 99)
new = os.memfd_create("later", os.MFD_ALLOW_SEALING)
os.write(new, data)
import fcntl
fcntl.fcntl(new, 1033, 1 | 2 | 4 | 8)
os.set_inheritable(new, True)
os.execv("{installed.base}/real", [sys.argv[0], sys.argv[1], str(new)])
""")
    (installed.base / "real").write_bytes(real)
    (installed.base / "real").chmod(0o755)
    for name in ("ganger-worker", "libganger-shim.so"):
        shutil.copy(installed.binary.with_name(name), installed.base / name)
    install(installed, wrapper)
    result = installed.ctl("upgrade", "--wait")
    assert result.returncode == 1
    assert "the state has version 99" in result.stdout + result.stderr, result


def test_C32_what_survives(installed):
    """Crashing pools keep their pauses, counters and reasons; a stopped pool stays stopped, a scaled
    one scaled, and a reload that comes at the same time is carried out."""
    crash = "".join(installed.pool(f"crash{i}", f'  kind = fastcgi\n  command = {{"/bin/false"}}\n'
                                   "  pm = static\n  pm.max_children = 1") for i in range(3))
    body = '  kind = cgi\n  command = {"/bin/true"}\n  pm = static\n  pm.max_children = 2'
    pools = [crash, installed.pool("still", body), installed.pool("scaled", body),
             installed.pool("web", body)]
    installed.write(*pools)
    installed.start()
    wait_for(lambda: installed.log.count("is failing") >= 3, what="three pools fail")
    assert installed.ctl("stop", "still", "--wait").returncode == 0
    assert installed.ctl("scale", "scaled", "4", "--wait").returncode == 0
    # Far into the back-off, so that nothing happens while we compare.
    wait_for(lambda: all(paused(installed, f"crash{i}") for i in range(3)), timeout=40,
             what="long pauses")
    before = [facts(installed, f"crash{i}") for i in range(3)]
    workers = installed.workers()
    upgrade(installed)
    after = [facts(installed, f"crash{i}") for i in range(3)]
    for a, b in zip(before, after):
        if a["spawned"] == b["spawned"]:  # else its pause has ended meanwhile
            assert a == b
        assert b["spawned"] - a["spawned"] in (0, 1)
    assert installed.status("still")["state"] == "stopped"
    assert not os.path.exists(installed.sock("still"))
    assert installed.status("scaled")["total processes"] == 4
    assert installed.workers() == workers
    # And a reload in the very moment of an upgrade: both happen.
    installed.write(*pools, installed.pool("more", body))
    installed.signal(signal.SIGHUP)
    upgrade(installed)
    wait_for(lambda: os.path.exists(installed.sock("more")), what="the new pool")
    wait_for(lambda: installed.status("more")["idle processes"] == 2, what="it serves")
    assert installed.status("still")["state"] == "stopped"
    assert installed.ctl("start", "still", "--wait").returncode == 0
    assert fcgi.ask(installed.sock("still"), "/x", "").status in (200, 502)


def paused(ganger, pool):
    """Its next start is some seconds away."""
    return (ganger.status(pool)["throttled until"] or 0) - time.time() > 2


def facts(ganger, pool):
    s = ganger.status(pool)
    return {k: s[k] for k in ("state", "reason", "spawned", "exits", "generation", "throttled until")}


# ---- C30: what is handed over is hostile until it was looked at ----

GRAB = """#!/usr/bin/python3
import os, sys
with open({path!r}, "wb") as f:
    f.write(os.pread(int(sys.argv[2]), 1 << 26, 0))
sys.exit(7)
"""
HEAD = struct.Struct("=II")


def grab_state(ganger):
    """The state of a running ganger, as its successor would get it."""
    path = str(ganger.base / "state")
    real = ganger.binary.read_bytes()
    install(ganger, GRAB.format(path=path).encode())
    assert ganger.ctl("upgrade", "--wait").returncode == 1
    install(ganger, real)
    return open(path, "rb").read()


def take_apart(state):
    """(beginning, [[kind, [entries] or text]])."""
    begin, rest, records = state[:12], state[12:], []
    while rest:
        kind, length = HEAD.unpack(rest[:8])
        content, rest = rest[8:8 + length], rest[8 + length:]
        records.append([kind, content if kind in (0, 2) else content.split(b"\0")[:-1]])
    return begin, records


def put_together(begin, records):
    out = bytearray(begin)
    for kind, content in records:
        if not isinstance(content, bytes):
            content = b"".join(entry + b"\0" for entry in content)
        out += HEAD.pack(kind, len(content)) + content
    return bytes(out)


def change(state, kind, name, value, which=0):
    """The state with another value in the which-th record of that kind; None takes the entry away."""
    begin, records = take_apart(state)
    entries = [content for k, content in records if k == kind][which]
    i = next(i for i, e in enumerate(entries) if e.startswith(name + b"="))
    if value is None:
        del entries[i]
    else:
        entries[i] = name + b"=" + value
    return put_together(begin, records)


MASTER, GANG, WORKER = 1, 16, 17


def hostile_states(state):
    """{name: (bytes, what the log says)}; the pid is put right later."""
    begin, records = take_apart(state)
    worker = next(r for r in records if r[0] == WORKER)
    many = [list(r) for r in records]
    at = many.index(worker)
    return {
        "empty": (b"", "no state of ganger"),
        "rubbish": (os.urandom(5000), "no state of ganger"),
        "cut off": (state[:-9], "cut off"),
        "cut in the middle": (state[:len(state) // 2], "cut off"),
        "goes on": (state + b"\0", "goes on behind its end"),
        "a length beyond the end": (begin + HEAD.pack(1, 0xffffffff) + state[20:], "cut off"),
        "a later version": (state[:8] + struct.pack("=I", 2) + state[12:], "has version 2"),
        "no master": (put_together(begin, records[1:]), "does not begin with the master"),
        "no configuration": (put_together(begin, [r for r in records if r[0] != 2]), "configuration"),
        "a strange record": (put_together(begin, records[:-1] + [[99, b"x"], [0, b""]]), "kind 99"),
        "too many workers": (put_together(begin, many[:at] + [worker] * 200 + many[at:]),
                             "too many workers|worker twice"),
        "one worker twice": (put_together(begin, many[:at] + [worker] + many[at:]), "worker twice"),
        "no such slot": (change(state, WORKER, b"slot", b"4000000000"), "slot = 4000000000"),
        "a slot beyond": (change(state, WORKER, b"slot", b"30000"), "a worker that cannot be"),
        "pid 1": (change(state, WORKER, b"pid", b"1"), "pid = 1"),
        "pid -1": (change(state, WORKER, b"pid", b"-1"), "pid = -1"),
        "a huge board": (change(state, GANG, b"slots", b"32769"), "slots = 32769"),
        "no board": (change(state, GANG, b"board", None), "lacks board"),
        "a name too long": (change(state, GANG, b"name", b"n" * 64), "name = n"),
        "another pool": (change(state, GANG, b"name", b"nobody"), "is in no configuration"),
        "descriptor 2": (change(state, GANG, b"board", b"2"), "board = 2"),
        # What is well formed, and stands for nothing, or for something else: 3 is a regular file.
        "not open": (state, "descriptor [0-9]+"),
        "a file as a board": (change(state, GANG, b"board", b"3"), "descriptor|no scoreboard"),
        "a file as a bell": (change(state, GANG, b"bell_read", b"3"), "descriptor"),
        "a file as a control socket": (change(state, MASTER, b"control", b"3"), "descriptor"),
        "a file as a process": (change(state, WORKER, b"pidfd", b"3"), "descriptor"),
    }


def seal(data, seals=15):
    fd = os.memfd_create("hostile", os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    fcntl.fcntl(fd, 1033, seals)  # F_ADD_SEALS
    return fd


def start_with(ganger, data, **more):
    """Start it with such a state, as if it were its own, in descriptor 60."""
    def prepare():
        begin = data
        if more.get("own", True) and len(data) > 20 and HEAD.unpack(data[12:20])[0] == MASTER:
            with contextlib.suppress(Exception):
                begin = change(data, MASTER, b"pid", str(os.getpid()).encode())
        fd = seal(begin, more.get("seals", 15))
        os.dup2(fd, 60)
        os.dup2(os.open("/etc/passwd", os.O_RDONLY), 3)
    ganger.start(env={"GANGER_ADOPT": more.get("number", "60")}, preexec_fn=prepare, close_fds=False)


@pytest.fixture
def state(installed):
    installed.write(installed.pool("web", ONE))
    installed.start()
    data = grab_state(installed)
    assert installed.stop(signal.SIGQUIT) == 0
    return data


def serves_anew(ganger, says):
    assert re.search(f"cannot be taken over: .*({says}).*; starting afresh", ganger.log), \
        f"{says!r} is not in\n{ganger.log[-3000:]}"
    assert fcgi.ask(ganger.sock("web"), "/x", "").status == 502  # /bin/true says nothing
    assert "GANGER_ADOPT" not in open(f"/proc/{ganger.pid}/environ").read()
    assert ganger.stop(signal.SIGQUIT) == 0
    ganger.log_path.unlink()


def test_C30_hostile_states(installed, state):
    """Each is refused with its reason, and ganger starts from its configuration."""
    assert put_together(*take_apart(state)) == state
    for name, (data, says) in hostile_states(state).items():
        start_with(installed, data)
        try:
            serves_anew(installed, says)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None


def test_C30_no_state_at_all(installed, state):
    start_with(installed, state, seals=7)  # everybody may still write to it
    serves_anew(installed, "not sealed")
    start_with(installed, state, own=False)
    serves_anew(installed, "written by another process")
    for number, says in (("3", "not a memory file"), ("61", "Bad file descriptor"), ("0", "no descriptor"),
                         ("x", "no descriptor"), ("99999999999999", "no descriptor"), ("", "no descriptor")):
        start_with(installed, state, number=number)
        serves_anew(installed, says)


# ---- what is under way in the moment of the exec ----

def test_C28_as_anybody(each_ganger, folder):
    """As root and as an ordinary user; the limits and capabilities stay."""
    g = each_ganger
    g.binary = daemon.BUILD / "ganger"
    g.write(g.pool("web", ONE))
    g.start()
    workers, before = pids(g), kernel_facts(g.pid)
    for i in range(3):
        upgrade(g, i)
    assert pids(g) == workers
    assert kernel_facts(g.pid) == before
    # A worker that is started now starts from the limits that the first image was born with.
    first = limits(g.workers("web")[0])
    os.kill(g.workers("web")[0], signal.SIGKILL)
    wait_for(lambda: set(g.workers("web")) - set(workers), what="a new worker")
    wait_for(lambda: g.status("web")["idle processes"] == 1, what="it serves")
    assert limits(g.workers("web")[0]) == first
    assert fcgi.ask(g.sock("web"), "/x", "").status == 502


def kernel_facts(pid):
    """What of a process an upgrade must not change."""
    lines = open(f"/proc/{pid}/status").read().splitlines()
    facts = [line for line in lines if line.split(":")[0] in
             ("Uid", "Gid", "Groups", "SigBlk", "SigIgn", "CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb",
              "NoNewPrivs", "Umask", "NSpid", "PPid")]
    return facts, limits(pid), open(f"/proc/{pid}/cmdline").read(), os.readlink(f"/proc/{pid}/cwd")


def limits(pid):
    return open(f"/proc/{pid}/limits").read()


def test_C28_a_daemon(installed):
    """It does not become one a second time, its log goes on, and its pid file stays locked."""
    log = installed.base / "its.log"
    installed.globals = f'error_log = "{log}"\n'
    installed.write(installed.pool("web", ONE))
    assert installed.run("-D").returncode == 0
    pid = int((installed.runtime / "ganger.pid").read_text())
    try:
        for i in range(1, 4):
            os.kill(pid, signal.SIGUSR2)
            wait_for(lambda: log.read_text().count("upgraded from ganger") == i, what="an upgrade")
        assert "another ganger is running" in installed.run().stderr + log.read_text()
        assert int((installed.runtime / "ganger.pid").read_text()) == pid and daemon.alive(pid)
        assert installed.ctl("ping").returncode == 0
        assert installed.ctl("quit", "--wait").returncode == 0
    finally:
        if daemon.alive(pid):
            os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not daemon.alive(pid), what="the daemon has ended")
    assert not (installed.runtime / "ganger.pid").exists()
    assert "Sanitizer" not in log.read_text()


def test_C28_requests_of_all_generations(installed, programs):
    """A request in the current generation, one in a generation that a reload has replaced, and one in a
    pool that it has dropped: all go on over upgrades, and their workers leave as they would have."""
    world = native.World(installed, programs)
    for name in ("kept", "replaced", "dropped"):
        world.add(name, [programs["fcgi-hello"]])
    world.start()
    pending = {name: world.in_hand(name, name, "sleep=4000")[0]
               for name in ("kept", "replaced", "dropped")}
    world.pools.pop("dropped")
    world.add("replaced", [programs["fcgi-hello"]], env='{"A=1"}')
    installed.write(*world.pools.values())
    assert installed.ctl("reload", "--wait").returncode in (0, 1)
    for i in range(2):
        upgrade(installed, i)
    assert installed.status("replaced")["generation"] == 2
    for name, request in pending.items():
        reply = request.result()
        assert reply.status == 200 and reply.slept >= 3900, (name, reply)
    expected = {"kept": 2, "replaced": 2}
    wait_for(lambda: len(pids(installed)) == sum(expected.values()) + 1, what="the old ones have left")
    for name in expected:
        assert world.direct(name).status == 200
    assert not os.path.exists(installed.sock("dropped"))


def test_C20_signals_in_the_middle(installed):
    """HUP, USR1 and USR2 at random moments for a while, then QUIT: all are carried out, none is lost,
    and the end is orderly."""
    body = '  kind = cgi\n  command = {"/bin/true"}\n  pm = static\n  pm.max_children = 1\n'
    installed.write(installed.pool("web", body))
    installed.start()
    rounds, seed = (200, 1) if daemon.LONG else (40, 1)
    chance = random.Random(seed)
    for i in range(rounds):
        if chance.random() < 0.5:
            installed.write(installed.pool("web", body + f'  env = {{"N={i}"}}\n'))
            installed.signal(signal.SIGHUP)
        if chance.random() < 0.3:
            installed.signal(signal.SIGUSR1)
        installed.signal(signal.SIGUSR2)
        time.sleep(chance.random() * 0.05)
    installed.write(installed.pool("web", body + '  env = {"LAST=1"}\n'))
    installed.signal(signal.SIGHUP)
    installed.signal(signal.SIGUSR2)
    wait_for(lambda: upgrades(installed) > 0, what="an upgrade", timeout=60)

    def last():
        pids_ = installed.workers("web")
        return len(pids_) == 1 and not installed.ctl("reload", "--wait").returncode
    wait_for(last, what="the last configuration", timeout=60)
    assert fcgi.ask(installed.sock("web"), "/x", "").status == 502
    assert installed.process.poll() is None
    installed.signal(signal.SIGUSR2)
    installed.signal(signal.SIGQUIT)
    assert installed.process.wait(daemon.PATIENCE) == 0


def test_C29_a_binary_that_fails_behind_the_exec(installed):
    """It has passed its trial, and cannot take over all the same: nothing can bring the old image back.
    It ends what it cannot manage and starts afresh, with the same pid."""
    installed.write(installed.pool("web", ONE))
    installed.start()
    master, workers = installed.pid, pids(installed)
    for name in ("ganger", "ganger-worker", "libganger-shim.so"):
        shutil.copy(installed.binary.with_name(name), installed.base / name)
    install(installed, f"""#!/usr/bin/python3
import fcntl, os, struct, sys
real = "{installed.base}/ganger"
if "--adopt-check" in sys.argv:
    os.execv(real, sys.argv)
data = bytearray(os.pread(int(os.environ["GANGER_ADOPT"]), 1 << 26, 0))
data[8:12] = struct.pack("=I", 99)
new = os.memfd_create("later", os.MFD_ALLOW_SEALING)
os.write(new, data)
fcntl.fcntl(new, 1033, 15)
os.set_inheritable(new, True)
os.environ["GANGER_ADOPT"] = str(new)
os.execv(real, sys.argv)
""".encode())
    installed.signal(signal.SIGUSR2)
    installed.wait_log("cannot be taken over: the state has version 99.*; starting afresh")
    installed.wait_log("ready to handle connections", count=2)
    assert installed.process.poll() is None and installed.pid == master
    assert not set(pids(installed)) & set(workers)
    assert installed.status("web")["idle processes"] == 1
    assert fcgi.ask(installed.sock("web"), "/x", "").status == 502
    assert installed.ctl("ping").returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to replace /etc/group")
def test_the_group_of_the_control_socket_is_unknown_by_then(installed):
    """It was known at the start: the socket stays its, and serving goes on."""
    groups = installed.base / "group"
    groups.write_text(open("/etc/group").read() + "ganger-testers:x:54321:\n")
    groups.chmod(0o644)
    installed.globals = 'control.group = "ganger-testers"'
    installed.write(installed.pool("web", ONE))
    installed.start(wrap=["unshare", "-m", "--propagation", "private", "sh", "-c",
                          f'mount --bind "{groups}" /etc/group && exec "$@"', "sh"])
    control = installed.runtime / "control.sock"
    assert control.stat().st_gid == 54321
    workers = pids(installed)
    groups.write_text(open("/etc/group").read())
    for i in range(2):
        upgrade(installed, i)
        assert pids(installed) == workers
        assert fcgi.ask(installed.sock("web"), "/x", "").status == 502
        assert control.stat().st_gid == 54321
        for group, status in ((54321, 0), (54322, 1)):
            result = installed.ctl("ping", user=65534, group=group, extra_groups=[])
            assert (result.returncode == 0) == (status == 0), result


@contextlib.contextmanager
def strace(pid, trace, calls):
    """Write what it calls; it is attached when this begins, and left alone when it ends."""
    tracer = subprocess.Popen(["strace", "-o", str(trace), "-e", f"trace={calls}", "-p", str(pid)],
                              stderr=subprocess.PIPE, text=True)
    try:
        assert "attached" in tracer.stderr.readline()
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(daemon.PATIENCE)
        tracer.stderr.close()


def test_an_address_that_is_held_is_not_hammered_after_an_upgrade(installed, programs):
    """A worker of a killed master has a request in hand; its successor tries again, at its leisure."""
    world = native.World(installed, programs)
    world.add("c", [programs["fcgi-hello"]], pm__max_children=1)
    world.start()
    world.settled("c", 1)
    pending, _ = world.in_hand("c", "held", "sleep=5000")
    installed.process.kill()
    installed.process.wait()
    installed.start(ready=False)
    installed.wait_log("trying again for")
    upgrade(installed)
    trace, began = installed.base / "trace", time.monotonic()
    with strace(installed.pid, trace, "bind"):
        assert pending.result().status == 200
        installed.wait_log("its address is free now")
        took = time.monotonic() - began
    # Ten times a second at most; each try begins with a socket under another name.
    tries = trace.read_text().count("/.c.sock.")
    assert 0 < tries <= 10 * took + 5, (tries, took)
    wait_for(lambda: installed.status("c")["idle processes"] == 1, what="it serves")
    assert world.direct("c").status == 200
