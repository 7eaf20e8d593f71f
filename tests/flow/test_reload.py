# SPDX-License-Identifier: Apache-2.0
"""A new configuration for a ganger that serves: nobody may notice but who is meant to."""

import contextlib
import os
import re
import signal
import socket
import threading
import time

import pytest

import daemon
import fcgi
from daemon import wait_for
from native import Pending, salvo

HUP = signal.SIGHUP


def reload(g, *flags, status=0):
    """`gangerctl reload --wait`, and its exit status; what it said."""
    done = g.ctl("reload", "--wait", *flags, timeout=60)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr, g.log[-3000:])
    return done.stdout + done.stderr


class Load:
    """Clients that ask again and again until stopped, through nginx, each path in turn."""

    def __init__(self, world, paths, clients=4):
        self.world, self.paths = world, paths
        self.failures, self.replies = [], []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(i,), daemon=True)
                        for i in range(clients)]
        for t in self.threads:
            t.start()

    def _run(self, number):
        client = self.world.client()
        while not self.over.is_set():
            path = self.paths[number % len(self.paths)]
            number += 1
            began = time.monotonic()
            try:
                client.request("GET", path)
                answer = client.getresponse()
                body = answer.read()
                good = answer.status == 200 and body.startswith(b"pid=")
                reply = (time.monotonic() - began, body)
                (self.replies if good else self.failures).append(
                    reply if good else (path, answer.status, body[:200]))
            except Exception as error:  # noqa: BLE001 whatever it is, it counts
                self.failures.append((path, repr(error)))
                client.close()
        client.close()

    def stop(self):
        self.over.set()
        for t in self.threads:
            t.join(60)
            assert not t.is_alive()
        assert not self.failures, (len(self.failures), len(self.replies), self.failures[:5],
                                   self.world.nginx.log[-2000:], self.world.ganger.log[-4000:])
        return self.replies


def write(g, *pools):
    """All of the file at once, as editors do: it may be read at any moment."""
    path = g.config
    g.config = path.with_suffix(".new")
    g.write(*pools)
    os.rename(g.config, path)
    g.config = path


def edit(world, pool, **options):
    """Give options of a pool other values, and write the file."""
    text = world.pools[pool]
    for name, value in options.items():
        name = name.replace("__", ".")
        text = re.sub(rf"(?m)^ *{re.escape(name)} = .*\n", "", text)
        if value is not None:
            text = text.replace("{\n", f"{{\n  {name} = {value}\n", 1)
    world.pools[pool] = text
    write(world.ganger, *world.pools.values())


CGI = """#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\npid=%s slept=0\\n%s\\n' $$ "$MARK"
"""


def cgi_pool(world, name="cgi", **options):
    script = world.ganger.base / "hello.cgi"
    if not script.exists():  # nobody writes over a script that is being run
        world.ganger.folder.script("hello.cgi", CGI)
    world.add(name, [str(script)], kind="cgi", **options)


def test_nothing_has_changed(world):
    """FAULTS C14, in short: the pids stay, and nothing is lost."""
    cgi_pool(world)
    world.add("c").add("php").start().front()
    g = world.ganger
    before = {name: world.pids(name) for name in ("cgi", "c", "php")}
    load = Load(world, ["/cgi", "/c", "/php"])
    for _ in range(10):
        reload(g)
    load.stop()
    assert {name: world.pids(name) for name in before} == before
    assert "replaced" in g.log and " 0 failed" in g.log


@pytest.mark.parametrize("pool", ["cgi", "c", "php"])
def test_replace_under_load(world, pool):
    cgi_pool(world)
    world.add("c").add("php").start().front()
    g = world.ganger
    others = {name: world.pids(name) for name in ("cgi", "c", "php") if name != pool}
    load = Load(world, [f"/{pool}"])
    generation = world.status(pool)["generation"]
    for i in range(6):
        edit(world, pool, env=f'{{"MARK=m{i}"}}')
        said = reload(g)
        assert f"pool {pool}: replace" in said
        wait_for(lambda: world.status(pool)["generation"] == generation + i + 1, what="generation")
    load.stop()
    assert {name: world.pids(name) for name in others} == others
    if pool == "cgi":
        assert b"m5" in world.get(pool).body


def percentile(replies, share):
    took = sorted(t for t, _ in replies)
    return took[min(len(took) - 1, int(len(took) * share))]


def test_ten_reloads_a_second(world):
    """R1: half of them change the pools under load, in command, environment and size in turn.  Signals,
    so a reload may come in the middle of another."""
    other = world.ganger.folder.script("other.cgi", CGI + "# another one\n")
    cgi_pool(world, pm__max_children=3)
    world.add("php", pm__max_children=3).add("c", pm__max_children=3).start().front()
    g = world.ganger
    commands = {"cgi": (other, str(g.base / "hello.cgi"))}
    load = Load(world, ["/cgi", "/php", "/c"], clients=8)
    began = time.monotonic()
    for i in range(100 if daemon.LONG else 40):
        pool = ("cgi", "php", "c")[i // 2 % 3]
        if i % 2 == 0:
            change = i // 6 % 3
            if change == 0 and pool in commands:
                edit(world, pool, command=f'{{"{commands[pool][i // 18 % 2]}"}}')
            elif change == 2:
                edit(world, pool, pm__max_children=3 + i // 6 % 2)
            else:
                edit(world, pool, env=f'{{"MARK={i}"}}')
        g.signal(HUP)
        time.sleep(max(0.0, began + 0.1 * (i + 1) - time.monotonic()))
    reload(g)
    replies = load.stop()
    assert len(replies) > 100
    if world.pools["cgi"].count("MARK"):
        mark = re.search(r"MARK=(\d+)", world.pools["cgi"])[1].encode()
        assert mark in world.get("cgi").body


# ---------------------------------------------------------------- beside the old ones

SLOW = """#!/bin/sh
case "$QUERY_STRING" in sleep=*) : >"$NOTES/$$"; sleep "${QUERY_STRING#sleep=}";; esac
printf 'Content-Type: text/plain\\r\\n\\r\\npid=%s slept=0\\n%s\\n' $$ "$MARK"
"""


def slow_pool(world, **options):
    script = world.ganger.folder.script("slow.cgi", SLOW)
    options.setdefault("env", f'{{"NOTES={world.notes}", "MARK=old"}}')
    world.add("cgi", [script], kind="cgi", **options)


def mark(world, text, **more):
    edit(world, "cgi", env=f'{{"NOTES={world.notes}", "MARK={text}"}}', **more)


def begin_slow(world, seconds):
    """A request that a worker has in hand."""
    known = set(os.listdir(world.notes))
    pending = Pending(world, "cgi", f"sleep={seconds}")
    wait_for(lambda: set(os.listdir(world.notes)) - known, what="a request in hand")
    return pending


def test_new_requests_do_not_wait_for_old_ones(world):
    """Show 2, FAULTS C16: the old worker is inside a request, the new generation answers."""
    slow_pool(world, pm__max_children=1)
    world.start()
    first = begin_slow(world, 5)
    mark(world, "new")
    reload(world.ganger)
    reply = world.direct("cgi")
    assert b"new" in reply.rest and first.reply is None
    assert reply.took < 4  # wishes in milliseconds are in scripts/bench
    assert b"old" in first.result().rest
    wait_for(lambda: len(world.ganger.workers("cgi")) == 1, what="the old worker gone")


def test_tuning_keeps_everybody(world):
    """Show 3: sizes and limits of a pool that runs, own workers and native ones."""
    slow_pool(world)
    world.add("c").start()
    g = world.ganger
    before = {name: set(world.pids(name)) for name in ("cgi", "c", "status")}
    assert world.direct("cgi", "sleep=0.3").status == 200
    for name in ("cgi", "c"):
        edit(world, name, pm__max_children=7, request_terminate_timeout="1s", listen__mode="0600",
             listen__backlog=7, pm__max_requests=1000, queue_limit=500)
    assert "pool c: tune" in reload(g)
    for name in ("cgi", "c"):
        assert before[name] < set(world.pids(name))
        assert world.status(name)["max children"] == 7 and len(world.pids(name)) == 7
        assert os.stat(world.sock(name)).st_mode & 0o777 == 0o600
        assert world.status(name)["generation"] == 1
    wait_for(lambda: world.direct("cgi", "sleep=10").status == 504, what="the new time limit")
    edit(world, "cgi", pm__max_children=2, request_terminate_timeout="0s", listen__mode="0666",
         pm="dynamic", pm__min_spare_servers=1, pm__max_spare_servers=2, pm__start_servers=1)
    reload(g)
    wait_for(lambda: len(world.pids("cgi")) <= 2, what="a smaller pool")
    assert os.stat(world.sock("cgi")).st_mode & 0o777 == 0o666
    assert world.direct("cgi", "sleep=1.5").status == 200
    assert set(world.pids("status")) == before["status"]


def test_growing_beyond_the_room(world):
    cgi_pool(world)
    world.start().front()
    load = Load(world, ["/cgi"])
    edit(world, "cgi", pm__max_children=60)
    assert "pool cgi: replace" in reload(world.ganger)
    assert len(world.pids("cgi")) == 60
    edit(world, "cgi", pm__max_children=2)
    assert "pool cgi: tune" in reload(world.ganger)
    wait_for(lambda: len(world.pids("cgi")) == 2, what="two workers")
    load.stop()


def test_another_program_in_a_smaller_pool(world):
    """As many old workers as two of the new size together may have: the new ones start all the same."""
    cgi_pool(world, pm__max_children=10)
    world.start().front()
    wait_for(lambda: len(world.pids("cgi")) == 10, what="ten workers")
    load = Load(world, ["/cgi"])
    edit(world, "cgi", env='{"MARK=small"}', pm__max_children=4)
    assert "pool cgi: replace" in reload(world.ganger)
    wait_for(lambda: len(world.ganger.workers("cgi")) == 4, what="the old workers gone")
    assert b"small" in world.direct("cgi").body
    load.stop()


def test_a_limit_on_requests_for_those_who_are_far_beyond_it(world):
    """They serve on until their successors stand, however long those take to start."""
    gate = world.notes / "gate"
    program = world.ganger.folder.script("gated.sh", f"""#!/bin/sh
while [ -e {gate} ]; do sleep 0.05; done
exec {world.programs["fcgi-hello"]}
""")
    world.add("c", [program], pm__max_children=2).start()
    before = set(world.pids("c"))
    # With a limit of 45 to 55 a worker may answer twice as many before it waits for its successor, and
    # then one in a second.
    answered = {pid: 0 for pid in before}
    while min(answered.values()) < 120:
        for reply in salvo(world, "c", "sleep=2", 20):
            assert reply.status == 200
            answered[reply.pid] += 1
    gate.touch()
    try:
        edit(world, "c", pm__max_requests=50)
        assert world.ganger.ctl("reload").returncode == 0
        wait_for(lambda: world.status("c")["total processes"] > 2, what="a successor on its way")
        began = time.monotonic()
        for _ in range(40):
            assert world.direct("c").pid in before
        assert time.monotonic() - began < daemon.AT_ONCE
    finally:
        gate.unlink()
    wait_for(lambda: not before & set(world.pids("c")), what="everybody replaced")
    assert world.direct("c").status == 200


def by_pool(g):
    """{pool: pids of its workers}, of ganger's own workers."""
    out = {}
    for pid in g.workers():
        name = open(f"/proc/{pid}/cmdline").read().split("\0")[1]
        out.setdefault(name, []).append(pid)
    return out


def test_one_of_many_pools(world):
    """Show 3: the others keep every pid, also the counters of the one that changed go on."""
    count = 200 if daemon.LONG or not daemon.ASAN else 40
    script = world.ganger.folder.script("hello.cgi", CGI)
    for i in range(count):
        world.add(f"p{i}", [script], kind="cgi", pm__max_children=1)
    world.start()
    g = world.ganger
    for _ in range(3):
        assert world.direct("p7").status == 200
    wait_for(lambda: world.status("p7")["requests"] == 3, what="three requests")
    before = by_pool(g)
    since = world.status("p7")["start time"]
    edit(world, "p7", env='{"MARK=x"}')
    reload(g)
    wait_for(lambda: world.status("p7")["generation"] == 2, what="generation 2")
    wait_for(lambda: len(g.workers("p7")) == 1, what="the old worker gone")
    after = by_pool(g)
    assert after.pop("p7") != before.pop("p7")
    assert after == before
    now = world.status("p7")
    assert now["requests"] == 3 and now["start time"] == since and now["spawned"] == 2
    assert b"x" in world.direct("p7").rest


# ---------------------------------------------------------------- what goes wrong

BROKEN = [
    ("pool x { listen = \"/x\" kind = cgi ", "syntax"),
    ("no_such_option = 1\n", "unknown key"),
    ("error_log = \"\x01\"\n\x00", "a NUL"),
    ("pool \xff {\n}\n", "no text"),
    ("include(\"{base}/ganger.conf\")\n", "an include cycle"),
    ("include(\"{base}/gone.conf\")\n", "a file that is gone"),
    ("pool cgi {\n listen = \"/tmp/y\"\n kind = status\n}\n", "a name twice"),
    ("pool y {\n listen = \"{base}/run/cgi.sock\"\n kind = status\n}\n", "an address twice"),
    ("pool y {\n listen = \"/tmp/y\"\n kind = status\n pm.max_children = 0\n}\n", "no workers"),
]


@pytest.mark.parametrize("text", [b[0] for b in BROKEN], ids=[b[1] for b in BROKEN])
def test_a_broken_file_changes_nothing(world, text):
    """Show 4, FAULTS C17."""
    cgi_pool(world)
    world.start()
    g = world.ganger
    before = world.pids("cgi")
    good = g.config.read_bytes()
    g.config.write_bytes(good + text.replace("{base}", str(g.base)).encode("latin-1"))
    said = reload(g, status=1)
    assert "ganger.conf:" in said
    g.signal(HUP)
    g.wait_log("reload failed: .*nothing has changed")
    assert world.pids("cgi") == before and world.direct("cgi").status == 200
    g.config.write_bytes(good)
    reload(g)
    assert world.pids("cgi") == before


def test_an_empty_file_ends_nobody(world):
    """As one is that is just being written."""
    cgi_pool(world)
    world.start()
    g = world.ganger
    before = world.pids("cgi")
    write(g)
    assert "no pool" in reload(g, status=1)
    assert world.pids("cgi") == before and world.direct("cgi").status == 200


def test_a_file_that_is_gone_or_no_file(world):
    cgi_pool(world)
    world.start()
    g = world.ganger
    before = world.pids("cgi")
    good = g.config.read_bytes()
    g.config.unlink()
    reload(g, status=1)
    g.config.mkdir()
    reload(g, status=1)
    g.config.rmdir()
    os.mkfifo(g.config)
    reload(g, status=1)
    g.config.unlink()
    with open(g.config, "wb") as f:
        f.truncate(2 << 30)
    reload(g, status=1)
    g.config.write_bytes(good)
    reload(g)
    assert world.pids("cgi") == before and world.direct("cgi").status == 200


@pytest.fixture
def taken():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(1)
        yield s.getsockname()[1]


def wrong_options(world, taken):
    fails = world.ganger.folder.script("fails.cgi", "#!/bin/sh\nexit 3\n")
    return {
        "missing program": ("c", {"command": '{"/no/such/program"}'}),
        "unknown user": ("cgi", {"user": '"nobody-knows-him"'}),
        "missing chroot": ("cgi", {"chroot": '"/no/such/folder"'}),
        "taken port": ("cgi", {"listen": f'"127.0.0.1:{taken}"'}),
        "missing folder": ("cgi", {"listen": '"/no/such/folder/sock"'}),
        "dies at once": ("c", {"command": f'{{"{fails}"}}'}),
    }


@pytest.mark.parametrize("what", list(wrong_options(type("W", (), {
    "ganger": type("G", (), {"folder": type("F", (), {"script": lambda *a: ""})()})(),
    "sock": lambda *a: ""})(), 0)))
def test_a_pool_that_cannot_run(world, taken, what):
    """Show 4, FAULTS C17, C18: said, and everything goes on; the other changes are made."""
    cgi_pool(world)
    world.add("c").add("php").start().front()
    g = world.ganger
    pool, options = wrong_options(world, taken)[what]
    before = {name: world.pids(name) for name in ("cgi", "c", "php")}
    load = Load(world, ["/cgi", "/c", "/php"], clients=3)
    good = dict(world.pools)
    edit(world, pool, **options)
    edit(world, "php", pm__max_children=3)
    said = reload(g, status=1)
    assert re.search(rf"pool {pool}: (replace|add) failed: ", said), said
    assert world.status("php")["max children"] == 3
    wait_for(lambda: world.pids(pool) == before[pool], what="the old workers alone")
    assert "it goes on as it was" in g.log
    reload(g, status=1)  # still so
    world.pools = good
    edit(world, "php")
    reload(g)
    assert {name: world.pids(name) for name in ("cgi", "c")} == {n: before[n] for n in ("cgi", "c")}
    load.stop()


def test_nobody_asks_for_it_and_it_is_tried_all_the_same(world):
    """A pool on demand with no worker: a broken program must not take the place of a good one."""
    world.add("c", pm="ondemand").start()
    g = world.ganger
    fails = g.folder.script("fails.cgi", "#!/bin/sh\nexit 3\n")
    assert not world.pids("c")
    good = world.pools["c"]
    edit(world, "c", command=f'{{"{fails}"}}')
    assert "pool c: replace failed: " in reload(g, status=1)
    assert world.direct("c").status == 200
    world.pools["c"] = good
    edit(world, "c", env='{"A=b"}')
    assert "pool c: replace" in reload(g)
    assert world.direct("c").status == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs programs as others")
def test_another_user(world):
    """FAULTS C24: a generation has a board of its own, and every worker of it the new user."""
    cgi_pool(world)
    world.start().front()
    load = Load(world, ["/cgi"])
    old = set(world.pids("cgi"))
    edit(world, "cgi", user='"daemon"', group='"daemon"')
    reload(world.ganger)
    wait_for(lambda: not old & set(world.ganger.workers("cgi")), what="the old workers gone")
    load.stop()
    for pid in world.ganger.workers("cgi"):
        assert os.stat(f"/proc/{pid}/task").st_uid in (0, 1)  # root's while it is not dumpable
        ids = re.search(r"Uid:\s+(.*)", open(f"/proc/{pid}/status").read())[1].split()
        assert ids == ["1"] * 4


def test_no_more_processes_than_are_allowed(world):
    """process.max holds for all generations together, but for the one that has to prove itself."""
    world.ganger.globals = "process.max = 4"
    cgi_pool(world, pm__max_children=4)
    world.start().front()
    g = world.ganger
    load = Load(world, ["/cgi"])
    for i in range(4):
        edit(world, "cgi", env=f'{{"MARK={i}"}}')
        g.signal(HUP)
        most = 0
        while f'reload done' not in g.log or g.log.count("reload done") <= i:
            most = max(most, len(g.workers("cgi")))
        assert most <= 6  # 4, the first of the new ones, and one that /proc still shows
    load.stop()
    wait_for(lambda: len(world.pids("cgi")) == 4, what="four workers")


def test_fewer_processes_than_all_pools_ask_for(world):
    """process.max is less than pm.max_children of all pools: what can be is there, and no order waits."""
    world.ganger.globals = "process.max = 4"
    for name in ("a", "b"):
        cgi_pool(world, name, pm__max_children=4)
    world.start()
    g = world.ganger
    reload(g)
    wait_for(lambda: len(g.workers()) == 5, what="four workers, and one for status")
    served = max("ab", key=lambda name: len(g.workers(name)))
    for i, name in enumerate([served, "b" if served == "a" else "a"]):
        edit(world, name, env=f'{{"MARK=m{i}"}}')
        assert f"pool {name}: replace" in reload(g)
        mark_of_it = f"m{i}".encode()
        wait_for(lambda: mark_of_it in world.direct(name).rest, what="the old workers gone")
    for name in ("a", "b"):
        assert g.ctl("restart", "--wait", name, timeout=60).returncode == 0
        assert world.direct(name).status == 200


def test_one_that_could_not_run_is_tried_again(world):
    cgi_pool(world)
    script = world.ganger.base / "later.cgi"
    world.add("late", [str(script)], kind="cgi").start()
    g = world.ganger
    assert world.status("late")["state"] == "failed"
    reload(g, status=1)
    world.ganger.folder.script("later.cgi", CGI)
    assert "pool late" in reload(g)
    assert world.direct("late").status == 200
    assert world.status("late")["state"] == "running"


# ---------------------------------------------------------------- addresses

def connect_unserved(path):
    """A connection that waits in the backlog: nobody can accept it yet."""
    return fcgi.Conn(path, 20, strict=False)


@pytest.mark.parametrize("kind", ["path", "tcp", "abstract"])
def test_a_changed_address_serves_what_waits(world, kind):
    """FAULTS C21: what is in the queue of the old address is served, the new one at once."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    old = {"path": world.sock("cgi"), "tcp": f"127.0.0.1:{port}", "abstract": f"@ganger-{port}"}[kind]
    new = world.sock("new")
    dial = {"path": old, "tcp": ("127.0.0.1", port), "abstract": f"\0ganger-{port}"}[kind]
    slow_pool(world, pm__max_children=1)
    edit(world, "cgi", listen=f'"{old}"')
    world.start()
    request = fcgi.whole(fcgi.cgi_params("/x", "", "GET"))
    with contextlib.ExitStack() as stack:
        busy = stack.enter_context(fcgi.Conn(dial, 20, strict=False))
        busy.send(fcgi.whole(fcgi.cgi_params("/x", "sleep=2", "GET")))
        wait_for(lambda: os.listdir(world.notes), what="a request in hand")
        waiting = [stack.enter_context(fcgi.Conn(dial, 20, strict=False)) for _ in range(3)]
        for conn in waiting:
            conn.send(request)
        edit(world, "cgi", listen=f'"{new}"')
        reload(world.ganger)
        assert fcgi.ask(new, "/x", "", strict=False).status == 200
        assert busy.answer(timeout=20).status == 200
        for conn in waiting:
            assert conn.answer(timeout=20).status == 200
    wait_for(lambda: len(world.ganger.workers("cgi")) == 1, what="the old workers gone")
    with pytest.raises(OSError):
        fcgi.Conn(dial, 2).close()
    if kind == "path":
        assert not os.path.exists(old)


@pytest.mark.parametrize("kind", ["path", "tcp"])
def test_a_changed_address_has_time(world, kind):
    """process_control_timeout is for a stop: what waits at the old address takes what it takes."""
    world.ganger.globals = "process_control_timeout = 1s"
    port = daemon.free_port()
    old = {"path": world.sock("cgi"), "tcp": f"127.0.0.1:{port}"}[kind]
    dial = {"path": old, "tcp": ("127.0.0.1", port)}[kind]
    slow_pool(world, pm__max_children=1)
    edit(world, "cgi", listen=f'"{old}"')
    world.start()
    with contextlib.ExitStack() as stack:
        conns = [stack.enter_context(fcgi.Conn(dial, 30, strict=False)) for _ in range(4)]
        for conn, seconds in zip(conns, (3, 0.7, 0.7, 0.7)):
            conn.send(fcgi.whole(fcgi.cgi_params("/x", f"sleep={seconds}", "GET")))
        wait_for(lambda: os.listdir(world.notes), what="a request in hand")
        edit(world, "cgi", listen=f'"{world.sock("new")}"')
        reload(world.ganger)
        assert fcgi.ask(world.sock("new"), "/x", "", strict=False).status == 200
        for conn in conns:
            assert conn.answer(timeout=30).status == 200
    wait_for(lambda: len(world.ganger.workers("cgi")) == 1, what="the old workers gone")
    with pytest.raises(OSError):
        fcgi.Conn(dial, 2).close()


def inode(path):
    return os.stat(path).st_ino


def test_renamed_added_dropped(world):
    """FAULTS C21: a pool with another name at the same address keeps its socket."""
    cgi_pool(world)
    cgi_pool(world, "gone")
    world.add("c").start().front()
    g = world.ganger
    before, socket_inode = world.pids("c"), inode(world.sock("cgi"))
    load = Load(world, ["/cgi", "/c"])
    other = world.pools.pop("cgi").replace("pool cgi", "pool other")
    gone = world.pools.pop("gone")
    world.pools["other"] = other
    cgi_pool(world, "more")
    write(g, *world.pools.values())
    said = reload(g)
    for line in ("pool other: add", "pool more: add", "pool gone: drop", "pool cgi: drop"):
        assert line in said
    assert inode(world.sock("cgi")) == socket_inode
    assert world.direct("more").status == 200
    assert not os.path.exists(world.sock("gone"))
    names = lambda: {p["pool"] for p in g.status()["pools"]}  # noqa: E731
    wait_for(lambda: names() == {"other", "c", "more", "status"}, what="the pools of the file")
    wait_for(lambda: not g.workers("gone") and not g.workers("cgi"), what="their workers gone")
    world.pools["gone"] = gone
    g.write(*world.pools.values())
    assert "pool gone: add" in reload(g)
    assert world.direct("gone").status == 200
    load.stop()
    assert world.pids("c") == before and inode(world.sock("cgi")) == socket_inode


def test_two_pools_swap_their_addresses(world):
    cgi_pool(world, "a", env='{"MARK=a"}')
    cgi_pool(world, "b", env='{"MARK=b"}')
    world.start().front()
    inodes = [inode(world.sock(n)) for n in "ab"]
    load = Load(world, ["/a", "/b"])
    world.pools = {"b": world.pools["b"].replace("b.sock", "a.sock"),
                   "a": world.pools["a"].replace("a.sock", "b.sock")}
    world.ganger.write(*world.pools.values())
    reload(world.ganger)
    wait_for(lambda: len(world.ganger.workers()) == 5, what="the old workers gone")
    assert b"\nb" in world.direct("a").body and b"\na" in world.direct("b").body
    load.stop()
    assert [inode(world.sock(n)) for n in "ab"] == inodes


def test_another_kind_at_the_same_address(world):
    """ganger's own workers wait in another way than a program does in accept()."""
    cgi_pool(world)
    world.add("c").start().front()
    load = Load(world, ["/cgi"])
    own, native = world.pools["cgi"], world.pools.pop("c").replace("pool c ", "pool cgi ").replace(
        "c.sock", "cgi.sock")
    for text in (native, own, native, own):
        world.pools["cgi"] = text
        world.ganger.write(text)
        reload(world.ganger)
    load.stop()


# ---------------------------------------------------------------- one after the other

def test_a_burst_of_signals(world):
    """FAULTS C19."""
    cgi_pool(world)
    world.start()
    g = world.ganger
    for i in range(50):
        edit(world, "cgi", env=f'{{"MARK={i}"}}')
        g.signal(HUP)
    wait_for(lambda: b"49" in world.direct("cgi").rest, what="the last configuration")
    wait_for(lambda: len(g.workers("cgi")) == 2, what="the others gone")
    assert g.log.count("reloading") < 25


def test_a_change_that_is_taken_back(world):
    """A reload during a reload is compared with what is on its way, then with what serves."""
    never = world.ganger.folder.script("never.sh", "#!/bin/sh\nsleep 60\n")
    world.add("c").start()
    g = world.ganger
    before = world.pids("c")
    good = world.pools["c"]
    edit(world, "c", command=f'{{"{never}"}}')
    g.signal(HUP)
    wait_for(lambda: len(daemon.children(g.pid)) > 3, what="the new one on its way")
    edit(world, "c", pm__max_children=3)
    g.ctl("reload")
    assert not g.ctl("reload").returncode
    world.pools["c"] = good
    edit(world, "c")
    reload(g)
    assert world.pids("c") == before
    wait_for(lambda: len(daemon.children(g.pid)) == 3, what="the new one gone")


def test_a_generation_that_does_not_end(world):
    """FAULTS C25: many reloads while a request hangs; there is a limit, and only it is lost."""
    world.ganger.globals = "process_control_timeout = 1s"
    slow_pool(world, pm__max_children=1)
    world.start()
    hung = []
    for i in range(8):
        hung.append(begin_slow(world, 600))
        mark(world, f"m{i}")
        reload(world.ganger)
        assert len(world.ganger.workers("cgi")) <= 4  # twice pm.max_children and its surplus
        assert f"m{i}".encode() in world.direct("cgi").rest
        if i == 3:  # for the first time there was no room
            wait_for(lambda: hung[0].error or hung[0].reply, what="the oldest ended")
            assert world.ganger.log.count("have still not finished") == 1  # its place was enough
            assert all(h.thread.is_alive() for h in hung[1:])
    assert hung[-1].reply is None and hung[-1].error is None
    assert "have still not finished" in world.ganger.log


def test_signals_at_any_moment(world):
    """FAULTS C20: while it starts and while it stops."""
    cgi_pool(world)
    g = world.ganger
    for i in range(60 if daemon.LONG else 8):
        world.start(ready=False)
        wait_for(lambda: "ganger is running" in g.log, what="signals are heard")
        for _ in range(i % 4 + 1):
            g.signal(HUP)
            time.sleep(0.002 * (i % 5))
        g.process.send_signal([signal.SIGQUIT, signal.SIGTERM][i % 2])
        for _ in range(3):
            g.signal(HUP)
        assert g.process.wait(20) == 0, g.log[-2000:]
        g.notify.close()
        g.log_path.unlink()
    world.start()


# ---------------------------------------------------------------- orders about one pool

def test_restart_stop_start_scale(world):
    cgi_pool(world)
    world.add("c").start().front()
    g = world.ganger
    others = world.pids("c")
    load = Load(world, ["/cgi", "/c"])
    before = world.pids("cgi")
    assert g.ctl("restart", "--wait", "cgi").returncode == 0
    wait_for(lambda: not set(world.pids("cgi")) & set(before), what="other workers")
    assert g.ctl("scale", "--wait", "cgi", "5").returncode == 0
    assert len(world.pids("cgi")) == 5 and world.status("cgi")["max children"] == 5
    reload(g)
    assert len(world.pids("cgi")) == 5  # until its configuration changes
    assert g.ctl("restart", "--wait", "cgi").returncode == 0
    wait_for(lambda: len(world.pids("cgi")) == 5, what="five again")
    assert g.ctl("scale", "--wait", "cgi", "50").returncode == 0
    wait_for(lambda: len(world.pids("cgi")) == 50, what="fifty")
    edit(world, "cgi", pm__max_children=3)
    reload(g)
    wait_for(lambda: len(world.pids("cgi")) == 3, what="what is written")
    load.stop()
    assert world.pids("c") == others
    assert g.ctl("stop", "--wait", "cgi").returncode == 0
    assert not os.path.exists(world.sock("cgi")) and not world.pids("cgi")
    wait_for(lambda: world.status("cgi")["state"] == "stopped", what="the word")
    edit(world, "cgi", env='{"MARK=later"}')
    reload(g)
    assert world.status("cgi")["state"] == "stopped" and not world.pids("cgi")
    assert g.ctl("restart", "cgi").returncode == 1
    assert g.ctl("start", "--wait", "cgi").returncode == 0
    assert b"later" in world.direct("cgi").rest
    for words in (["restart", "none"], ["stop", "none"], ["start", "cgi"], ["scale", "none", "3"]):
        done = g.ctl(*words)
        assert done.returncode == 1 and words[1] in done.stdout + done.stderr


def test_start_while_it_stops(world):
    slow_pool(world, pm__max_children=1)
    world.start()
    g = world.ganger
    first = begin_slow(world, 2)
    assert g.ctl("stop", "cgi").returncode == 0
    assert g.ctl("start", "--wait", "cgi").returncode == 0
    assert world.direct("cgi").status == 200
    assert first.result().status == 200


def test_a_start_that_fails_and_then_works(world):
    """Of a pool that is stopped, of one that still is about to be, and of one that never ran."""
    place = world.base / "sockets"
    place.mkdir()
    gone = world.base / "gone"
    slow_pool(world, pm__max_children=1)
    world.add("late", [str(world.base / "slow.cgi")], kind="cgi")
    edit(world, "cgi", listen=f'"{place}/cgi.sock"')
    edit(world, "late", listen=f'"{world.base}/later/late.sock"', env=f'{{"NOTES={world.notes}"}}')
    world.start()
    g = world.ganger

    def ask(name, path):
        return fcgi.ask(str(path), "/x", "", strict=False).status

    def start_fails(name):
        done = g.ctl("start", "--wait", name, timeout=60)
        assert done.returncode == 1 and name in done.stdout + done.stderr, (done, g.log[-3000:])
        assert "running" not in done.stdout + done.stderr, done

    assert world.status("late")["state"] == "failed"
    for _ in range(2):
        start_fails("late")
    (world.base / "later").mkdir()
    assert g.ctl("start", "--wait", "late").returncode == 0
    assert ask("late", world.base / "later/late.sock") == 200

    for held in (False, True):
        busy = None
        if held:
            known = set(os.listdir(world.notes))
            busy = fcgi.Conn(f"{place}/cgi.sock", 30, strict=False)
            busy.send(fcgi.whole(fcgi.cgi_params("/x", "sleep=3", "GET")))
            wait_for(lambda: set(os.listdir(world.notes)) - known, what="a request in hand")
        assert g.ctl("stop", *([] if held else ["--wait"]), "cgi").returncode == 0
        wait_for(lambda: not (place / "cgi.sock").exists(), what="the socket gone")
        place.rename(gone)
        for _ in range(2):
            start_fails("cgi")
        gone.rename(place)
        done = g.ctl("start", "--wait", "cgi", timeout=60)
        assert done.returncode == 0, (done, g.log[-3000:])
        assert ask("cgi", place / "cgi.sock") == 200
        if busy:
            assert busy.answer(timeout=30).status == 200
            busy.close()
