# SPDX-License-Identifier: Apache-2.0
"""Sockets that are handed over and kept by a service manager, and what it is told: FAULTS C06, C90 to
C95, without systemd (test_systemd.py has the real one)."""

import os
import re
import shutil
import signal
import socket
import time

import pytest

import daemon
from daemon import wait_for
from fcgi import ask
from manager import Load, inode, listening, managed

ROUNDS = 50 if daemon.LONG else 8


@pytest.fixture
def site(ganger, programs):
    """A ganger with a CGI program that does as it is told; site.cgi(name, listen) is a pool."""
    root = ganger.base / "cgi"
    root.mkdir(mode=0o755)
    ganger.t = str(shutil.copy(programs["cgi"], root / "t"))

    def cgi(name, listen=None, **options):
        options = {"pm__max_children": 2, **options}
        return ganger.pool(name, f'  kind = cgi\n  script_root = {{"{root}"}}', listen, **options)
    ganger.cgi = cgi
    return ganger


def say(site, address, text, more=""):
    return ask(address, site.t, f"{more}ok&out={text}")


def served(site, address, text="here"):
    assert say(site, address, text).body == text.encode()


def sockets_of(pid):
    """Inode numbers of the sockets that a process has open."""
    out = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            link = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            continue
        found = re.match(r"socket:\[(\d+)\]", link)
        if found:
            out.append(int(found.group(1)))
    return out


def number(s):
    return os.fstat(s.fileno()).st_ino


# ---- socket activation

def test_C91_by_name_and_by_address_in_any_order(site):
    base = site.base
    with managed(site) as m:
        web = listening(str(base / "web.sock"))
        tcp = listening(("127.0.0.1", 0))
        old = listening(str(base / "old.sock"))
        abstract = listening(f"\0ganger-{os.getpid()}-a")
        stranger = listening(str(base / "stranger.sock"))
        before = inode(base / "old.sock")
        port = tcp.getsockname()[1]
        datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        datagram.bind(str(base / "datagram.sock"))
        deaf = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        pipe = os.fdopen(os.pipe()[0])
        site.write(site.cgi("web", '"systemd:web"'), site.cgi("tcp", '"systemd:a tcp.socket"'),
                   site.cgi("old", f'"{base}/old.sock"'),
                   site.cgi("abstract", f'"@ganger-{os.getpid()}-a"'))
        m.start([("x", stranger), ("a tcp.socket", tcp), ("web", datagram), ("deaf", deaf),
                 ("pipe", pipe), ("web", web), ("any", old), ("", abstract)])
        served(site, str(base / "web.sock"))
        served(site, ("127.0.0.1", port))
        served(site, str(base / "old.sock"))
        served(site, f"\0ganger-{os.getpid()}-a")
        assert inode(base / "old.sock") == before
        held = sockets_of(site.pid)
        assert {number(web), number(tcp), number(old), number(abstract)} <= set(held)
        assert not {number(stranger), number(datagram), number(deaf)} & set(held)
        for what in (r"\(web\), which was handed over, is no stream socket",
                     r"\(deaf\), which was handed over, does not listen",
                     r"\(pipe\), which was handed over, is no socket",
                     r"no pool listens on the socket x, which was handed over"):
            assert re.search(what, site.log), site.log
        # They are systemd's: not kept by us as well, and their paths stay when we go.
        assert set(m.store) == {f"listen={site.runtime}/status.sock"}
        for pid in site.workers():
            environment = open(f"/proc/{pid}/environ", "rb").read()
            assert b"LISTEN_" not in environment and b"NOTIFY" not in environment
        assert b"LISTEN_" not in ask(str(base / "web.sock"), site.t, "ok&environ").body
        assert site.stop(signal.SIGQUIT) == 0
        assert (base / "web.sock").exists() and (base / "old.sock").exists()
        for s in (web, tcp, old, abstract, stranger, datagram, deaf, pipe):
            s.close()


@pytest.mark.parametrize("how", ["missing", "pid", "count", "names", "far", "taken"])
def test_C91_what_does_not_fit(site, how):
    """The pool that misses its socket fails and says so; the other one serves."""
    base = site.base
    with managed(site) as m:
        web = listening(str(base / "web.sock"))
        if how == "far":
            web.close()
            web = listening(("0.0.0.0", 0))
        listen = {"missing": '"systemd:other"', "taken": '{"systemd:web", "systemd:w"}'}
        site.write(site.cgi("web", listen.get(how, '"systemd:web"')), site.cgi("own"))
        m.start([("web", web)], pid=str(os.getpid()) if how == "pid" else "own",
                count=9999 if how == "count" else None, names="a:b:c" if how == "names" else None)
        served(site, site.sock("own"))
        pool = site.status("web")
        assert pool["state"] == "failed"
        assert ("other machines can reach" if how == "far" else
                "systemd handed over no socket of the name") in pool["reason"]
        if how == "missing":
            assert "it did: web" in pool["reason"]
        said = {"pid": "LISTEN_PID names another process", "count": "do not fit what was handed over",
                "names": "do not fit what was handed over"}
        assert said.get(how, "") in site.log
        web.close()


def test_C91_nobody_listens_to_a_daemons_parent(site):
    """-t does not know what will be handed over, and takes nothing."""
    site.write(site.cgi("web", '"systemd:web"'))
    assert site.run("-t").returncode == 0


# ---- the file descriptor store

def test_sockets_are_stored_before_ready(site):
    with managed(site) as m:
        site.write(site.cgi("web"), site.cgi("tcp", '"127.0.0.1:0"'.replace(":0", f":{free_port()}")),
                   site.cgi("abstract", f'"@ganger-{os.getpid()}-b"'))
        m.start()
        stored = m.words[:m.words.index("READY=1")]
        names = [stored[i + 2][7:] for i, x in enumerate(stored) if x == "FDSTORE=1"]
        assert sorted(names) == sorted(m.store) and len(names) == 4
        assert f"listen={site.sock('web')}" in names
        assert any(re.fullmatch(r"listen=127\.0\.0\.1%3A\d+", x) for x in names)
        assert stored.count("FDPOLL=0") == 4


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_without_a_store_nothing_is_kept(site):
    with managed(site, store=0) as m:
        site.write(site.cgi("web"))
        m.start()
        assert not m.store and not any("FDSTORE" in x for x in m.words)
        assert site.stop(signal.SIGQUIT) == 0
        assert not os.path.exists(site.sock("web"))


def test_a_store_that_is_too_small(site):
    with managed(site, store=1) as m:
        site.write(site.cgi("web"), site.cgi("too"))
        m.start()
        assert len(m.store) == 1
        assert "raise FileDescriptorStoreMax=" in site.log


def test_C06_C93_kill_9_of_the_master_under_load(site):
    """Nobody is refused, what is in hand is finished, and the next master takes the same sockets."""
    with managed(site) as m:
        site.write(site.cgi("web", pm__max_children=3))
        m.start()
        path = inode(site.sock("web"))
        with Load(lambda word: say(site, site.sock("web"), word, "sleep=5&")) as load:
            for _ in range(ROUNDS):
                load.more(20)
                orphans = site.workers()
                m.kill()
                m.start()
                wait_for(lambda: not any(daemon.alive(p) for p in orphans),
                         what="the workers of the dead master leave")
            load.more(20)
            failures = load.end()
        assert not failures, failures[:5]
        assert inode(site.sock("web")) == path


def test_C06_requests_in_hand_and_in_the_queue_outlive_the_master(site):
    with managed(site) as m:
        site.write(site.cgi("web"))
        m.start()
        with Load(lambda word: say(site, site.sock("web"), word, "sleep=1000&"),
                  clients=6) as load:
            wait_for(lambda: site.status("web")["active processes"] == 2)
            load.over = True
            m.kill()
            m.start()
            failures = load.end()
        assert not failures, failures


def test_C92_restart_under_load(site):
    with managed(site) as m:
        site.write(site.cgi("web"))
        m.start()
        path = inode(site.sock("web"))
        m.removed.clear()
        with Load(lambda word: say(site, site.sock("web"), word)) as load:
            for _ in range(ROUNDS):
                load.more(20)
                assert site.stop(signal.SIGQUIT) == 0
                assert not m.removed
                m.start()
            load.more(20)
            failures = load.end()
        assert not failures, failures[:5]
        assert inode(site.sock("web")) == path


def test_C92_restart_of_a_pool_that_is_never_idle(site, programs):
    """Whoever waits when it begins to stop is served; those who come all the time do not hold it up."""
    program = shutil.copy(programs["fcgi-hello"], site.base / "native")

    def right(answer, word):
        found = re.fullmatch(rb"pid=\d+ slept=(\d+)\n(\w+)", answer.body)
        return found and int(found.group(1)) >= 20 and found.group(2) == word.encode()
    with managed(site) as m:
        site.write(site.pool("native", f'  kind = fastcgi\n  command = {{"{program}"}}\n'
                             "  pm.max_children = 2"))
        m.start()
        with Load(lambda word: ask(site.sock("native"), "/x", "sleep=20&cat", word.encode()), 3,
                  right) as load:
            for _ in range(ROUNDS):
                load.more(10)
                assert site.stop(signal.SIGQUIT) == 0
                m.start()
            load.more(10)
            failures = load.end()
        assert not failures, failures[:5]


def test_C94_strangers_in_the_store(site):
    """What no pool wants is taken out, its path too; what is not what its name says is not used."""
    with managed(site) as m:
        site.write(site.cgi("web"), site.cgi("gone"), site.cgi("moved"))
        m.start()
        assert site.stop(signal.SIGQUIT) == 0
        assert os.path.exists(site.sock("gone"))
        # Somebody took the path meanwhile, and is dead: its socket is not the one in the store.
        os.unlink(site.sock("moved"))
        listening(site.sock("moved")).close()
        for name, s in (("stored", listening(("127.0.0.1", 0))),
                        (f"listen={site.runtime}/a%2", listening(("127.0.0.1", 0))),
                        ("listen=127.0.0.1%3A1", listening(("127.0.0.1", 0)))):
            m.store[name] = os.dup(s.fileno())
            s.close()
        site.write(site.cgi("web"), site.cgi("moved"))
        m.start()
        assert set(m.store) == {f"listen={site.sock(x)}" for x in ("web", "moved", "status")}
        assert f"listen={site.sock('gone')}" in m.removed
        assert not os.path.exists(site.sock("gone"))
        assert "no pool listens on listen=" in site.log
        served(site, site.sock("web"))
        served(site, site.sock("moved"))


def test_mode_and_owner_follow_the_configuration(site):
    with managed(site) as m:
        site.write(site.cgi("web", listen__mode="0600"))
        m.start()
        before = inode(site.sock("web"))
        assert os.stat(site.sock("web")).st_mode & 0o777 == 0o600
        m.kill()
        site.write(site.cgi("web", listen__mode="0666", listen__group='"nogroup"'))
        m.start()
        after = os.stat(site.sock("web"))
        assert (after.st_ino, after.st_mode & 0o777) == (before, 0o666)
        if site.as_root:
            assert after.st_gid == 65534


# ---- words

def test_C95_the_watchdog_hears_the_loop_and_nothing_else(site):
    every = 500_000
    with managed(site, watchdog=every) as m:
        site.write(site.cgi("web"))
        m.start()
        with Load(lambda word: say(site, site.sock("web"), word)):
            m.wait(lambda: m.words.count("WATCHDOG=1") >= 5, "signs of life")
        os.kill(site.pid, signal.SIGSTOP)
        try:
            wait_for(lambda: stopped(site.pid))
            time.sleep(0.1)  # what is on its way arrives
            heard = m.words.count("WATCHDOG=1")
            time.sleep(2 * every / 1e6)
            assert m.words.count("WATCHDOG=1") == heard
        finally:
            os.kill(site.pid, signal.SIGCONT)
        m.wait(lambda: m.words.count("WATCHDOG=1") > heard, "alive again")


def stopped(pid):
    return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "T"


def test_nobody_asks_for_a_watchdog(site):
    with managed(site) as m:
        site.write(site.cgi("web"))
        m.start()
        assert site.stop() == 0
        m.wait(lambda: "STOPPING=1" in m.words, "stopping")
        assert "WATCHDOG=1" not in m.words
        assert any(re.fullmatch(r"EXTEND_TIMEOUT_USEC=\d+", x) for x in m.words)


def test_C90_nobody_reads_while_sockets_are_stored_and_the_watchdog_runs(site):
    """The reader's queue is full for the whole life of ganger, which never waits for it."""
    path = str(site.base / "stuck.sock")
    reader = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    reader.bind(path)
    writer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    writer.setblocking(False)
    try:
        while True:
            writer.sendto(b"X=1", path)
    except BlockingIOError:
        pass
    site.write(site.cgi("web"))
    site.start(ready=False, env={"NOTIFY_SOCKET": path, "FDSTORE": "9", "WATCHDOG_USEC": "20000"})
    site.wait_log("ready to handle connections")
    for i in range(50):
        served(site, site.sock("web"), str(i))
    assert site.stop(signal.SIGQUIT) == 0
    reader.close()
    writer.close()


def test_systemd_interval(site):
    site.globals = "systemd_interval = 0s"
    with managed(site) as m:
        site.write(site.cgi("web", pm="ondemand", pm__max_children=3,
                            pm__process_idle_timeout='"1s"'))
        m.start()
        served(site, site.sock("web"))
        wait_for(lambda: len(site.workers("web")) == 0, what="nobody, when nobody asks")
        assert site.stop() == 0
        assert not [x for x in m.words[m.words.index("READY=1") + 2:] if "STATUS=2 pools" in x]
    site.globals = "systemd_interval = 1s"
    with managed(site) as m:
        site.write(site.cgi("web", pm="ondemand", pm__max_children=3))
        m.start()
        served(site, site.sock("web"))
        m.wait(lambda: any(re.match("STATUS=2 pools, [2-4] workers", x) for x in m.words), "status")


def test_a_reload_is_told_from_its_begin_to_its_end(site):
    with managed(site) as m:
        site.write(site.cgi("web"), site.cgi("old"))
        m.start()
        begin = inode(site.sock("web"))
        m.removed.clear()
        for text, removed in ((site.cgi("web", env='{"A=1"}'), ["old"]), ("pool web { lisen = 1 }", [])):
            m.words.clear()
            site.write(text)
            site.signal(signal.SIGHUP)
            m.wait(lambda: "READY=1" in m.words, "reloaded")
            assert m.words[0] == "RELOADING=1" and m.words[1].startswith("MONOTONIC_USEC=")
            served(site, site.sock("web"))
            # What no pool has any more is taken out of the store; what one hands to the next stays.
            m.wait(lambda: m.removed == [f"listen={site.sock(x)}" for x in removed], "removed")
            m.removed.clear()
        assert inode(site.sock("web")) == begin
        assert set(m.store) == {f"listen={site.sock(x)}" for x in ("web", "status")}


def test_an_upgrade_keeps_what_is_kept(site):
    """Sockets of systemd's too, also for a pool that is stopped and started afterwards."""
    with managed(site) as m:
        web = listening(str(site.base / "web.sock"))
        site.write(site.cgi("web", '"systemd:web"'), site.cgi("own"))
        m.start([("web", web)])
        store = {name: os.fstat(fd).st_ino for name, fd in m.store.items()}
        m.words.clear()
        m.removed.clear()
        site.signal(signal.SIGUSR2)
        m.wait(lambda: "READY=1" in m.words, "upgraded")
        assert not m.removed
        assert {name: os.fstat(fd).st_ino for name, fd in m.store.items()} == store
        served(site, str(site.base / "web.sock"))
        assert site.ctl("stop", "--wait", "web").returncode == 0
        assert site.ctl("start", "--wait", "web").returncode == 0
        served(site, str(site.base / "web.sock"))
        pid = site.pid
        m.kill()
        m.start([("web", web)])
        assert site.pid != pid
        served(site, site.sock("own"))
        served(site, str(site.base / "web.sock"))
        web.close()


def test_a_pool_that_is_stopped_over_an_upgrade_finds_its_socket_again(site):
    """systemd's, which only it holds: also over a second upgrade, and whoever came meanwhile is served."""
    with managed(site) as m:
        web, tcp = listening(str(site.base / "web.sock")), listening(("127.0.0.1", 0))
        site.write(site.cgi("web", '"systemd:web"'), site.cgi("tcp", '"systemd:tcp"'), site.cgi("own"))
        m.start([("web", web), ("tcp", tcp)])
        assert site.ctl("stop", "--wait", "web").returncode == 0
        for _ in range(2):
            m.words.clear()
            site.signal(signal.SIGUSR2)
            m.wait(lambda: "READY=1" in m.words, "upgraded")
            assert site.status("web")["state"] == "stopped"
            assert sockets_of(site.pid).count(number(web)) == 1
        served(site, tcp.getsockname())
        with Load(lambda word: say(site, str(site.base / "web.sock"), word), clients=1) as load:
            result = site.ctl("start", "--wait", "web")
            assert result.returncode == 0, result
            load.more(1)
            assert not load.end()
        # What runs is stopped and started as ever, and an upgrade before does not count it twice.
        assert site.ctl("stop", "--wait", "tcp").returncode == 0
        assert site.ctl("start", "--wait", "tcp").returncode == 0
        served(site, tcp.getsockname())
        assert site.stop(signal.SIGQUIT) == 0
        assert (site.base / "web.sock").exists()
        web.close()
        tcp.close()


def test_daemonize_is_left_out_for_a_service_manager(site):
    site.globals = "daemonize = yes"
    with managed(site) as m:
        site.write(site.cgi("web"))
        m.start()
        assert site.process.poll() is None
        served(site, site.sock("web"))
        assert "daemonize = yes is left out" in site.log
