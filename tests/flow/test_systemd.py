# SPDX-License-Identifier: Apache-2.0
"""ganger under a real systemd, by its own unit file: R4; FAULTS C06, C92, C93, C95, C96."""

import json
import re
import shutil
import sys
import warnings

import pytest

import daemon
import machine
from daemon import wait_for
from manager import Load, inode

ROUNDS = 50 if daemon.LONG else 5
UNIT = "/etc/systemd/system/ganger.service.d"
CONF = """
pool web {{
  listen = {listen}
  listen.mode = 0666
  kind = cgi
  script_root = {{"/srv/cgi"}}
  user = "nobody"
  group = "nogroup"
  env = {{"WORD={word}"}}
  catch_workers_output = yes
  pm.max_children = 3
}}
pool native {{
  listen = "/run/ganger/native.sock"
  listen.mode = 0666
  kind = fastcgi
  command = {{"/srv/native"}}
  user = "nobody"
  group = "nogroup"
  pm.max_children = 2
}}
"""


@pytest.fixture(scope="module")
def booted(request, programs):
    m = machine.Machine()
    try:
        m.boot()
    except machine.Impossible as why:
        m.close()
        line = f"NOT TESTED: ganger under systemd, for this machine cannot boot a container: {why}"
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\n{'=' * 80}\n{line}\n{'=' * 80}", file=sys.stderr)
        warnings.warn(line)
        pytest.skip(line)
    m.path("/srv/cgi").mkdir(parents=True)
    shutil.copy(programs["cgi"], m.path("/srv/cgi/t"))
    shutil.copy(programs["fcgi-hello"], m.path("/srv/native"))
    yield m
    m.close()


@pytest.fixture
def system(booted):
    """Booted, and ganger not running, with the configuration it needs."""
    m = booted
    configure(m)
    yield m
    journal = m.journal()
    m.systemctl("stop", "ganger-web.socket", "ganger", check=False)
    for name in ("test.conf", "strict.conf"):
        m.remove(f"{UNIT}/{name}")
    m.remove("/etc/systemd/system/ganger-web.socket")
    m.systemctl("daemon-reload")
    m.systemctl("reset-failed", check=False)
    assert "Sanitizer" not in journal and "runtime error" not in journal, journal[-6000:]


def configure(m, listen='"/run/ganger/web.sock"', word="one"):
    m.write("/etc/ganger/pools.d/test.conf", CONF.format(listen=listen, word=word))


def drop_in(m, text):
    m.write(f"{UNIT}/test.conf", f"[Service]\n{text}\n")
    m.systemctl("daemon-reload")


def say(m, word, more="", **options):
    return m.ask("/srv/cgi/t", f"{more}ok&out={word}", **options)


def served(m, word="here", **options):
    assert say(m, word, **options).body == word.encode()


def native_load(m):
    """On the native pool, whose program sleeps once: a signal in the middle of it would be seen."""
    def right(answer, word):
        found = re.fullmatch(rb"pid=\d+ slept=(\d+)\n(\w+)", answer.body)
        return found and int(found.group(1)) >= 20 and found.group(2) == word.encode()
    return Load(lambda word: m.ask("/x", "sleep=20&cat", word.encode(),
                                   "/run/ganger/native.sock"), 3,
                right)


def kill(m, signal="KILL"):
    m.systemctl("kill", "-s", signal, "--kill-who=main", "ganger")


def again(m, before):
    """systemd has started another master, which is ready."""
    wait_for(lambda: m.show("MainPID") not in ("0", before) and m.show("ActiveState") == "active",
             timeout=60, what="a new master")


def entries(m, match, text):
    """Entries of the journal that match and hold the text."""
    lines = m.run("journalctl", "-q", "-o", "json", "--no-pager", match, check=False).stdout.splitlines()
    return [e for e in map(json.loads, lines) if text in e["MESSAGE"]]


def pool_processes(m):
    return m.run("sh", "-c", "pgrep -x ganger-worker; pgrep -x native; :").stdout.split()


def test_the_unit_becomes_active(system):
    verdict = system.run("systemd-analyze", "verify", "ganger.service", check=False)
    assert "ganger" not in verdict.stderr.replace("man ganger", ""), verdict.stderr
    system.systemctl("start", "ganger")
    assert system.show("ActiveState") == "active"
    assert re.match(r"\d+ pools, \d+ workers", system.show("StatusText"))
    assert int(system.show("NFileDescriptorStore")) == 3
    served(system)
    assert b"slept=0" in system.ask("/x", "", sock="/run/ganger/native.sock").body
    assert "ready to handle connections" in system.journal()
    assert system.run("gangerctl", "ping").returncode == 0
    # Lines of its workers, by their fields.
    say(system, "here", "err=for%20the%20journal%0a&")
    pids = system.run("pgrep", "-x", "ganger-worker").stdout.split()
    entry = wait_for(lambda: entries(system, "POOL=web", "for the journal"), what="the entry of its line")[0]
    assert entry["WORKER_PID"] in pids and entry["PRIORITY"] == "4", entry
    assert entry["SYSLOG_IDENTIFIER"] == "ganger" and entry["_SYSTEMD_UNIT"] == "ganger.service"
    assert entry["_PID"] == system.show("MainPID")
    assert entries(system, f"WORKER_PID={entry['WORKER_PID']}", "for the journal")
    assert not entries(system, "POOL=native", "for the journal")


def test_reload_returns_when_it_is_done(system):
    system.systemctl("start", "ganger")
    assert b"one" in system.ask("/srv/cgi/t", "ok&env=WORD").body
    pid = system.show("MainPID")
    for word in ("two", "three", "four"):
        configure(system, word=word)
        system.systemctl("reload", "ganger")
        assert word.encode() in system.ask("/srv/cgi/t", "ok&env=WORD").body
    assert system.show("MainPID") == pid
    system.write("/etc/ganger/pools.d/test.conf", "pool web { lisen = 1 }")
    assert system.systemctl("reload", "ganger", check=False).returncode != 0
    assert system.show("ActiveState") == "active"
    served(system)


def test_C06_C93_kill_9_of_the_master_under_load(system):
    """Nobody is refused, nothing in hand is lost, and the sockets are the same."""
    system.systemctl("start", "ganger")
    path = inode(system.path("/run/ganger/web.sock"))
    with Load(lambda word: say(system, word, "sleep=10&"), 3) as load, native_load(system) as native:
        for _ in range(ROUNDS):
            load.more(20)
            native.more(10)
            pid = system.show("MainPID")
            kill(system)
            again(system, pid)
        load.more(20)
        native.more(10)
        failures = load.end() + native.end()
    assert not failures, f"{failures[:5]}\n{system.journal()}"
    assert inode(system.path("/run/ganger/web.sock")) == path
    assert int(system.show("NRestarts")) == ROUNDS
    assert b"slept=0" in system.ask("/x", "", sock="/run/ganger/native.sock").body


def test_C92_restart_under_load(system):
    system.systemctl("start", "ganger")
    path = inode(system.path("/run/ganger/web.sock"))
    with Load(lambda word: say(system, word), 3) as load, native_load(system) as native:
        for _ in range(ROUNDS):
            load.more(20)
            native.more(10)
            system.systemctl("restart", "ganger")
        load.more(20)
        native.more(10)
        failures = load.end() + native.end()
    assert not failures, f"{failures[:5]}\n{system.journal()}"
    assert inode(system.path("/run/ganger/web.sock")) == path


def test_a_stop_finishes_what_is_in_hand_and_what_waits(system):
    system.systemctl("start", "ganger")
    with Load(lambda word: say(system, word, "sleep=1000&"), clients=5) as load:
        wait_for(lambda: int(active(system)) == 3, what="all workers are busy")
        load.over = True
        wait_for(lambda: waiting(system) == 2, what="two more wait")
        system.systemctl("stop", "ganger")
        failures = load.end()
    assert not failures and load.done == 5, failures
    assert (system.show("ActiveState"), system.show("Result")) == ("inactive", "success")
    assert not pool_processes(system)
    assert not system.path("/run/ganger").exists()
    assert int(system.show("NFileDescriptorStore")) == 0


def status(m):
    answer = m.ask("/status", "json&pool=web", sock="/run/ganger/status.sock")
    return json.loads(answer.body)


def active(m):
    return status(m)["active processes"]


def waiting(m):
    return status(m)["listen queue"]


def test_C95_a_master_that_hangs_is_restarted(system):
    drop_in(system, "WatchdogSec=2\nTimeoutAbortSec=1")
    system.systemctl("start", "ganger")
    pid = system.show("MainPID")
    served(system)
    kill(system, "STOP")
    with Load(lambda word: say(system, word), clients=2) as load:
        again(system, pid)
        load.more(5)
        failures = load.end()
    assert not failures, failures[:5]
    assert "watchdog" in system.journal().lower()


def test_socket_activation_starts_it_on_the_first_request(system):
    text = (daemon.ROOT / "systemd/ganger.socket.example").read_text()
    system.write("/etc/systemd/system/ganger-web.socket", text)
    configure(system, '"systemd:web"')
    system.systemctl("daemon-reload")
    system.systemctl("start", "ganger-web.socket")
    assert system.show("ActiveState") == "inactive"
    served(system, sock="/run/ganger-web.sock", timeout=60)
    wait_for(lambda: system.show("ActiveState") == "active")
    # systemd goes on listening while ganger is stopped, and starts it again.
    system.systemctl("stop", "ganger")
    served(system, sock="/run/ganger-web.sock", timeout=60)
    # … and it is the same socket after a kill.
    wait_for(lambda: system.show("ActiveState") == "active")
    pid = system.show("MainPID")
    kill(system)
    served(system, sock="/run/ganger-web.sock", timeout=60)
    again(system, pid)


def exposure(m):
    """What systemd-analyze says of the unit, with the drop-ins that it has."""
    # It needs no bus when it is told to read files.
    files = [m.path("/lib/systemd/system/ganger.service").read_text()]
    if m.path(f"{UNIT}/strict.conf").exists():
        files.append(m.path(f"{UNIT}/strict.conf").read_text())
    m.write("/run/score/ganger.service", "\n".join(files))
    said = m.run("systemd-analyze", "security", "--offline=true", "/run/score/ganger.service")
    return re.search(r"Overall exposure level for ganger.service: ([\d.]+)", said.stdout).group(1)


def test_C96_hardening(system):
    """With all that the unit takes away, and all that the strict example does, everything serves; and the
    scores are those that systemd/README.md records."""
    readme = (daemon.ROOT / "systemd/README.md").read_text()
    scores = dict(re.findall(r"^\| (ganger\.service[^|]*?) \| ([\d.]+) \|$", readme, re.M))
    assert exposure(system) == scores["ganger.service"]
    strict = (daemon.ROOT / "systemd/strict.conf.example").read_text()
    system.write(f"{UNIT}/strict.conf", strict)
    assert exposure(system) == scores["ganger.service with strict.conf.example"]
    system.systemctl("daemon-reload")
    system.systemctl("start", "ganger")
    with Load(lambda word: say(system, word)) as load:
        load.more(50)
        configure(system, word="new")
        system.systemctl("reload", "ganger")
        assert b"new" in system.ask("/srv/cgi/t", "ok&env=WORD").body
        pid = system.show("MainPID")
        kill(system)
        again(system, pid)
        load.more(20)
        failures = load.end()
    assert not failures, failures[:5]
    assert b"slept=0" in system.ask("/x", "", sock="/run/ganger/native.sock").body


def test_logrotate_and_tmpfiles(system):
    conf = system.path("/etc/ganger/ganger.conf")
    before = conf.read_text()
    system.write("/etc/ganger/ganger.conf", before.replace(
        'error_log = "stderr"', 'error_log = "/var/log/ganger/ganger.log"'))
    try:
        system.systemctl("start", "ganger")
        log = "/var/log/ganger/ganger.log"
        assert "ready to handle connections" in system.path(log).read_text()
        system.run("logrotate", "-f", "-s", "/run/logrotate.state", "/etc/logrotate.d/ganger")
        assert "ready to handle connections" in system.path(f"{log}.1").read_text()
        wait_for(lambda: "reopened" in system.path(log).read_text(), what="the new log is written")
        system.systemctl("stop", "ganger")
        assert "bye-bye" in system.path(log).read_text()
    finally:
        system.write("/etc/ganger/ganger.conf", before)
    system.run("systemd-tmpfiles", "--create", "ganger.conf")
    assert system.path("/run/ganger").stat().st_mode & 0o777 == 0o755
    system.path("/run/ganger").rmdir()
