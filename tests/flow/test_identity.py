# SPDX-License-Identifier: Apache-2.0
"""Users, paths, sockets, allowed clients: FAULTS C80–C84, C89."""

import os
import pwd
import grp
import re
import socket
import stat
import subprocess
import threading
import time

import pytest

import daemon
from fcgi import Conn, ask, cgi_params, whole

ROOT = os.geteuid() == 0


def pools(web, extra, listen=None, name="web"):
    return web.pool(name, f'  kind = cgi\n  script_root = {{"{web.root}"}}\n  pm.max_children = 1\n{extra}',
                    listen=listen)


def needs_root():
    if not ROOT:
        pytest.fail("needs root: run the tests as root")


def test_C80_unknown_user_and_group(web):
    needs_root()
    for extra in ('  user = "nosuchuser"', '  user = "nobody"\n  group = "nosuchgroup"',
                  '  user = "nobody"\n  listen.owner = "nosuchowner"',
                  '  user = "nobody"\n  listen.group = "nosuchlgroup"'):
        web.write(pools(web, extra))
        result = web.run("-t")
        assert result.returncode == 1
        name = re.findall(r'"(nosuch\w+)"', extra)[0]
        assert name in result.stderr and "pool web" in result.stderr, result.stderr
        strict = web.run("-S", timeout=20)
        assert strict.returncode != 0


def test_C80_a_pool_with_an_unknown_user_fails_alone(web):
    needs_root()
    web.write(pools(web, '  user = "nosuchuser"', name="bad"), pools(web, '  user = "nobody"'))
    web.start()
    assert web.ask("ok&out=x").body == b"x"
    row = web.status("bad")
    assert row["state"] == "failed" and "nosuchuser" in row["reason"]


def test_C80_numeric_user_without_an_entry(web):
    needs_root()
    web.write(pools(web, '  user = "54321"\n  group = "54322"'))
    web.start()
    text = web.ask("ok&self").body.decode()
    assert "Uid:\t54321\t54321\t54321\t54321" in text and "Gid:\t54322\t54322" in text
    assert re.search(r"^Groups:\t\s*(54322 ?)?$", text, re.M), text


def test_C80_supplementary_groups(web):
    needs_root()
    name = next(u for g in grp.getgrall() for u in g.gr_mem) if any(
        g.gr_mem for g in grp.getgrall()) else "www-data"
    entry = pwd.getpwnam(name)
    expected = sorted(set(os.getgrouplist(name, entry.pw_gid)))
    root = "" if entry.pw_uid else "  allow_root = yes\n"
    web.write(pools(web, f'  user = "{name}"\n{root}'))
    web.start()
    text = web.ask("ok&self").body.decode()
    got = sorted(map(int, re.search(r"^Groups:\t(.*)$", text, re.M).group(1).split()))
    assert got == expected


def test_root_pools_are_refused_unless_allowed(web):
    needs_root()
    web.write(pools(web, '  user = "root"\n  group = "root"'))
    result = web.run("-t")
    assert result.returncode == 1 and "allow_root" in result.stderr
    web.write(pools(web, '  user = "root"\n  group = "root"\n  allow_root = yes'))
    assert web.run("-t").returncode == 0


def test_C81_a_worker_that_cannot_become_its_user_runs_nothing(web):
    """The master may not change its identity (no CAP_SETUID): no byte runs as root."""
    needs_root()
    web.write(pools(web, '  user = "nobody"\n  group = "nogroup"'))
    web.start(ready=False, wrap=("setpriv", "--bounding-set=-setuid,-setgid",
                                 "--inh-caps=-setuid,-setgid", "--"))
    web.wait_log(r"\[pool web\].*(user|group|identity)")
    assert not web.workers("web")


def test_C82_chroot_and_chdir_are_checked(web):
    needs_root()
    plain = web.folder.script("plainfile", "x")
    for option in (f'  chroot = "{web.base}/missing"', f'  chroot = "{plain}"',
                   f'  chdir = "{web.base}/missing"'):
        web.write(pools(web, option))
        result = web.run("-t")
        assert result.returncode == 1 and "pool web" in result.stderr, (option, result.stderr)


def test_C83_port_in_use_fails_that_pool_alone(web):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        web.write(pools(web, "", f'"127.0.0.1:{port}"', "bad"), pools(web, ""))
        web.start()
        assert web.ask("ok&out=x").body == b"x"
        row = web.status("bad")
        assert row["state"] == "failed" and str(port) in row["reason"], row
        web.stop()
        web.process = None
        web.start("-S", ready=False)
        assert web.process.wait(daemon.PATIENCE) != 0
        web.process = None


def test_C83_two_pools_on_one_address(web):
    web.write(pools(web, "", '"127.0.0.1:9999"', "a"), pools(web, "", '"127.0.0.1:9999"', "b"))
    result = web.run("-t")
    assert result.returncode == 1 and "9999" in result.stderr and "pool b" in result.stderr


def test_C83_address_that_is_not_ours(web):
    web.write(pools(web, '  listen.allowed_clients = {"127.0.0.1"}', '"192.0.2.1:9000"', "bad"),
              pools(web, ""))
    web.start()
    assert web.status("bad")["state"] == "failed"
    assert web.ask("ok&out=x").body == b"x"


def victim(web, kind):
    path = web.runtime / "web.sock"
    if kind == "regular":
        path.write_text("precious")
    elif kind == "folder":
        path.mkdir()
    elif kind == "symlink":
        target = web.base / "precious"
        target.write_text("precious")
        path.symlink_to(target)
    elif kind == "dangling":
        path.symlink_to(web.base / "nowhere")
    elif kind == "fifo":
        os.mkfifo(path)
    return path


@pytest.mark.parametrize("kind", ["regular", "folder", "symlink", "dangling", "fifo"])
def test_C84_what_is_no_dead_socket_is_never_touched(web, kind):
    path = victim(web, kind)
    before = os.lstat(path)
    web.write(pools(web, ""))
    web.start()
    row = web.status("web")
    assert row["state"] == "failed" and "web.sock" in row["reason"]
    after = os.lstat(path)
    assert (before.st_ino, before.st_mode, before.st_size) == (after.st_ino, after.st_mode, after.st_size)
    assert not (web.base / "nowhere").exists()
    assert [p.name for p in web.runtime.iterdir() if "tmp" in p.name] == []


def test_C84_dead_socket_is_replaced(web):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(web.web)
        s.listen()
    web.serve()
    assert web.ask("ok&out=x").body == b"x"


def test_C84_live_socket_is_not_taken(web):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(web.web)
        s.listen()
        web.write(pools(web, ""))
        web.start()
        assert web.status("web")["state"] == "failed"
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(web.web)
            s.settimeout(2)
            s.accept()[0].close()


def test_C84_mode_and_owner_hold_at_the_first_visible_instant(web):
    seen, stop = set(), threading.Event()

    def watch():
        while not stop.is_set():
            try:
                st = os.lstat(web.web)
                seen.add((stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid))
            except FileNotFoundError:
                pass
    owner = '  listen.owner = "www-data"\n  listen.group = "www-data"\n' if ROOT else ""
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        for _ in range(30 if daemon.LONG else 5):
            web.write(pools(web, owner + "  listen.mode = 0604"))
            web.start()
            web.stop()
    finally:
        stop.set()
        thread.join()
        web.process = None
    www = pwd.getpwnam("www-data")
    expected = (0o604, www.pw_uid, www.pw_gid) if ROOT else (0o604, os.getuid(), os.getgid())
    assert seen == {expected}


def test_C84_default_mode_is_0660(web):
    web.serve()
    assert stat.S_IMODE(os.lstat(web.web).st_mode) == 0o660


@pytest.mark.parametrize("length", [107, 108, 109])
def test_C84_path_length(web, length):
    path = str(web.runtime) + "/"
    path += "x" * (length - len(path))
    web.write(pools(web, "", f'"{path}"'))
    result = web.run("-t")
    assert (result.returncode == 0) == (length <= 107), result.stderr
    if length <= 107:
        web.start()
        assert ask(path, web.t, "ok&out=long").body == b"long"


def test_abstract_and_v6_sockets(web):
    name = f"@ganger-test-{os.getpid()}"
    port = daemon.free_port("::1")
    web.write(pools(web, "", f'{{"{name}", "[::1]:{port}"}}'))
    web.start()
    assert ask(name, web.t, "ok&out=abstract").body == b"abstract"
    assert ask(("::1", port), web.t, "ok&out=six").body == b"six"


def test_tcp_beyond_loopback_needs_allowed_clients(web):
    web.write(pools(web, "", '"0.0.0.0:9998"'))
    result = web.run("-t")
    assert result.returncode == 1 and "listen.allowed_clients" in result.stderr


def test_C89_allowed_clients(web):
    port = daemon.free_port()
    web.write(pools(web, '  listen.allowed_clients = {"127.0.0.2", "127.0.1.0/24"}', f'"0.0.0.0:{port}"'))
    web.start()

    def from_(source):
        with socket.socket() as s:
            s.settimeout(daemon.PATIENCE)
            s.bind((source, 0))
            s.connect(("127.0.0.1", port))
            s.sendall(whole(cgi_params(web.t, "ok&out=in")))
            try:
                return b"in" in s.recv(65536)
            except ConnectionResetError:
                return False
    table = {"127.0.0.1": False, "127.0.0.2": True, "127.0.0.3": False, "127.0.1.0": True,
             "127.0.1.255": True, "127.0.2.0": False, "127.0.0.255": False}
    assert {source: from_(source) for source in table} == table
    web.wait_log(r"\[pool web\].*127\.0\.0\.1.*allowed_clients|allowed_clients.*127\.0\.0\.1")


def test_the_master_keeps_only_the_capabilities_it_needs(served):
    needs_root()
    kept = {"chown": 0, "dac_override": 1, "dac_read_search": 2, "fowner": 3, "kill": 5, "setgid": 6,
            "setuid": 7, "setpcap": 8, "net_bind_service": 10, "net_admin": 12, "sys_chroot": 18,
            "sys_ptrace": 19, "sys_nice": 23, "sys_resource": 24}
    allowed = sum(1 << bit for bit in kept.values())
    status = open(f"/proc/{served.pid}/status").read()
    for name in ("CapPrm", "CapEff", "CapBnd"):
        value = int(re.search(rf"^{name}:\t([0-9a-f]+)$", status, re.M).group(1), 16)
        assert value and not value & ~allowed, f"{name} {value:x}"
    assert re.search(r"^CapInh:\t0+$", status, re.M) and re.search(r"^CapAmb:\t0+$", status, re.M)
