# SPDX-License-Identifier: Apache-2.0
"""The control socket, gangerctl's orders, and the ways to stop: FAULTS C26, C27, C88."""

import array
import contextlib
import grp
import os
import pwd
import re
import signal
import socket
import stat
import subprocess
import time

import pytest

import daemon
from fcgi import PARAMS, STDIN, Closed, Conn, begin, cgi_params, pairs, stream, whole

LINKS = 32  # CONTROL_LINKS


class Line:
    """A connection to the control socket."""

    def __init__(self, world, timeout=daemon.PATIENCE):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(world.runtime / "control.sock"))  # waits while the backlog is full
        self.sock.settimeout(timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.sock.sendall(data)

    def rest(self):
        """All that is said until the other end hangs up."""
        said = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := self.sock.recv(65536):
                said += piece
        return said.decode()


def say(world, data):
    with Line(world) as line:
        line.send(data)
        return line.rest()


def order(world, *words, status=0):
    result = world.ctl(*words)
    assert result.returncode == status, (words, result)
    return result


def free(world, count):
    """The master holds as many descriptors as before."""
    daemon.wait_for(lambda: daemon.descriptors(world.pid) <= count, what="the connections are closed")


# ---------------------------------------------------------------- orders


def test_ping_says_who_answers(served):
    said = order(served, "ping").stdout
    assert re.fullmatch(rf"ganger \S+, pid {served.pid}: 2 pools, 5 workers\n", said), said


@pytest.mark.parametrize("closed,want", [("<&- >&- 2>&-", 0), (">&-", 0), (">/dev/full", 23)])
def test_an_answer_that_nobody_takes(served, closed, want):
    """It is not written to the control socket, and an order that was carried out is no failure."""
    result = subprocess.run(["bash", "-c", f"exec {daemon.BUILD}/gangerctl -r {served.runtime} ping {closed}"],
                            capture_output=True, timeout=daemon.PATIENCE)
    assert result.returncode == want, result
    assert (b"No space left" in result.stderr) == (want != 0)


def test_the_socket_has_its_mode_and_goes_with_the_master(served):
    path = served.runtime / "control.sock"
    st = path.stat()
    assert stat.S_ISSOCK(st.st_mode) and stat.S_IMODE(st.st_mode) == 0o600
    assert served.stop() == 0
    assert not path.exists()
    assert served.ctl("ping").returncode == 2, "unreachable"


def test_an_ordinary_users_ganger_is_ordered_by_its_user(each_ganger):
    each_ganger.write()
    each_ganger.start()
    assert order(each_ganger, "ping").stdout.startswith("ganger ")
    assert each_ganger.ctl("quit", "--wait").returncode == 0
    assert each_ganger.process.wait(daemon.PATIENCE) == 0


def test_test_shows_every_mistake_and_changes_nothing(served):
    workers = served.workers()
    good = served.config.read_text()
    assert "(warning)" in order(served, "test").stdout
    served.config.write_text(good.replace("pm.max_children", "pm.max_chidren") + "pool x { listen = 1 }\n")
    result = order(served, "test", status=1)
    assert "did you mean" in result.stdout and "pool x" in result.stdout, result
    assert "failed" in result.stderr
    served.config.write_text(good)
    order(served, "test")
    assert served.workers() == workers and served.ask("ok&out=a").body == b"a"


def test_quit_finishes_requests_and_tells_when_all_is_over(served):
    with Conn(served.web) as c:
        path = served.notes / "q"
        c.send(whole(cgi_params(served.t, f"note={path}&ok&out=a&sleep=700&out=b")))
        daemon.wait_for(path.exists)
        ctl = subprocess.Popen([str(daemon.BUILD / "gangerctl"), "-r", str(served.runtime), "quit", "--wait"],
                               env=served.environment(), stderr=subprocess.PIPE)
        served.wait_log("ordered by uid 0 .*: quit" if os.geteuid() == 0 else "ordered by uid .*: quit")
        refused = served.ctl("reload")
        assert refused.returncode in (1, 2) and ("stopping" in refused.stderr or "running" in refused.stderr)
        assert c.answer().body == b"ab"
    assert ctl.wait(daemon.PATIENCE) == 0, ctl.stderr.read()
    ctl.stderr.close()
    daemon.wait_for(lambda: not daemon.alive(served.pid), 1, "it has ended when gangerctl says so")
    assert not (served.runtime / "ganger.pid").exists()


def test_waiting_for_quit_ends_with_an_order_to_stop_now(served):
    with Line(served) as waiting:
        with Conn(served.web) as c:
            path = served.notes / "q"
            c.send(whole(cgi_params(served.t, f"note={path}&ok&sleep=60000")))
            daemon.wait_for(path.exists)
            waiting.send(b"quit wait\n")
            served.wait_log("finishing requests")
            served.signal(signal.SIGTERM)
            assert waiting.rest() == "ok\n"
    assert served.process.wait(daemon.PATIENCE) == 0


def test_orders_about_a_pool_settle_before_gangerctl_says_so(served):
    before = served.workers("web")
    order(served, "restart", "web", "--wait")
    daemon.wait_for(lambda: not set(before) & set(served.workers("web")), what="the old ones have left")
    assert len(served.workers("web")) == 4
    # Up and down; nobody is restarted for it.
    kept = served.workers("web")
    order(served, "scale", "web", "6", "--wait")
    assert len(served.workers("web")) == 6 and set(kept) <= set(served.workers("web"))
    order(served, "scale", "web", "1", "--wait")
    daemon.wait_for(lambda: len(served.workers("web")) == 1, what="one worker is left")
    # Stopped: its socket is gone, the status says so, and it is no failure.
    order(served, "stop", "web", "--wait")
    assert served.workers("web") == [] and not os.path.exists(served.web)
    assert served.status("web")["state"] == "stopped"
    assert served.ctl("status").returncode == 0
    assert "stopped already" in order(served, "stop", "web", status=1).stderr
    assert "gangerctl start web" in order(served, "restart", "web", status=1).stderr
    order(served, "reload", "--wait")
    assert not os.path.exists(served.web), "a reload starts nothing that was stopped"
    order(served, "start", "web", "--wait")
    assert served.ask("ok&out=a").body == b"a"
    assert "is running" in order(served, "start", "web", status=1).stderr
    for word in ("restart", "stop", "start"):
        assert "no pool nix" in order(served, word, "nix", status=1).stderr
    assert "no pool nix" in order(served, "scale", "nix", "3", status=1).stderr


def test_a_reload_that_is_refused_or_fails_says_so(served):
    workers = served.workers("web")
    good = served.config.read_text()
    served.config.write_text(good + "pool x { lsten = 1\n }\n")
    result = order(served, "reload", status=1)
    assert "did you mean listen" in result.stdout and "nothing has changed" in result.stderr, result
    assert order(served, "reload", "--wait", status=1).stderr
    served.config.write_text(good + f'pool x {{ listen = "{served.sock("x")}"\n user = "nobody"\n pm.max_children = 1\n'
                             ' command = {"/nonexistent/program"}\n }\n')
    result = order(served, "reload", "--wait", status=1)
    assert "/nonexistent/program" in result.stderr, result
    served.config.write_text(good)
    result = order(served, "reload", "--wait")
    assert "pool x: drop" in result.stdout, result
    assert served.workers("web") == workers and served.ask("ok&out=a").body == b"a"


def test_two_who_wait_for_the_same_are_both_told(served):
    with Line(served) as one, Line(served) as two:
        one.send(b"restart web wait\n")
        two.send(b"restart web wait\n")
        assert one.rest().endswith("ok\n") and two.rest().endswith("ok\n")
    daemon.wait_for(lambda: len(served.workers("web")) == 4)


def test_completion_for_bash(served):
    """What bash offers at the end of a line."""
    script = daemon.ROOT / "scripts" / "completion" / "gangerctl.bash"

    def offers(*words):
        quoted = " ".join(f"'{w}'" for w in words)
        out = subprocess.run(["bash", "-c", f"source {script}; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1};"
                              ' _gangerctl; printf "%s\\n" "${COMPREPLY[@]}"'], capture_output=True, text=True,
                             timeout=daemon.PATIENCE, env=served.environment())
        assert out.stderr == "", out
        return out.stdout.split()
    ctl, run = str(daemon.BUILD / "gangerctl"), str(served.runtime)
    assert offers(ctl, "re") == ["request", "reload", "restart", "reopen"]
    assert offers(ctl, "reload", "--") == ["--wait"]
    assert offers(ctl, "-r", run, "restart", "w") == ["web"]
    assert set(offers(ctl, "-r", run, "stop", "")) == {"web", "status", "--wait"}
    assert set(offers(ctl, "-r", run, "status", "")) == {"web", "status", "--full", "--json", "--watch"}
    assert offers(ctl, "-r", str(served.base / "none"), "restart", "w") == []
    assert offers(ctl, "-r", run, "top", "--delay", "5", "w") == ["web"]
    assert offers(ctl, "request", "--ti") == ["--timeout", "--timing"]
    # Every order, and every long option of the help, is known to both shells.
    text = "".join(subprocess.run([ctl, *words, "-h"], capture_output=True, text=True, check=True,
                                  env=served.environment()).stdout for words in ([], ["request"], ["bench"], ["proxy-config"]))
    for name in ("gangerctl.bash", "_gangerctl"):
        known = (script.parent / name).read_text()
        assert [w for w in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text) if w not in known] == [], name
        assert [w for w in ("status", "request", *re.findall(r"^  ([a-z]+) ", text, re.M))
                if not re.search(rf"\b{w}\b", known)] == [], name


# ---------------------------------------------------------------- C88


@pytest.mark.parametrize("line,want", [
    (b"", ""), (b"\n", "failed: the line is empty\n"), (b"frobnicate\n", "is no order"),
    (b"\0\n", "is no order"), (b"ping\0\n", "is no order"), (b"\x1b[2Jping\n", "\\x1b[2J"),
    (b"ping\r\n", "\\x0d"), (b"ping wait\n", "one word too many"), (b"restart ../x\n", "no name of a pool"),
    (b"scale web 0\n", "from 1 to"), (b"p" * 511 + b"\n", "is no order"), (b"p" * 512 + b"\n", "too long"),
    (b"p" * (1 << 20), "too long"), (b"ping\nquit\n", "ok\n"), (b"\xff" * 100 + b"\n", "is no order"),
])
def test_C88_odd_lines(served, line, want):
    before = daemon.descriptors(served.pid)
    with Line(served) as connection:
        connection.send(line)
        if not line.endswith(b"\n"):
            connection.sock.shutdown(socket.SHUT_WR)
        said = connection.rest()
    assert want in said and (said == "" or re.search(r"^(ok|failed: [ -~]+)\n\Z", said, re.M)), said
    assert said.count("\nok\n") + said.count("failed:") <= 1
    free(served, before)
    assert served.ask("ok&out=a").body == b"a" and not served.process.poll()


def test_C88_half_a_line_is_refused_at_its_end_and_in_time(served):
    before = daemon.descriptors(served.pid)
    with Line(served) as ended, Line(served) as silent:
        ended.send(b"quit")
        ended.sock.shutdown(socket.SHUT_WR)
        assert "has no end" in ended.rest()
        silent.send(b"qui")
        began = time.monotonic()
        assert "in time" in silent.rest()
        assert time.monotonic() - began < 15
    free(served, before)
    assert served.process.poll() is None


def test_C88_descriptors_that_come_along_are_closed(served):
    before = daemon.descriptors(served.pid)
    read, write = os.pipe()
    with Line(served) as line:
        line.sock.sendmsg([b"pi"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                     array.array("i", [write] * 200))])
        os.close(write)
        # Nobody holds the other end any more: the line was read, the descriptors were not taken.
        assert os.read(read, 1) == b""
        assert daemon.descriptors(served.pid) <= before + 1
        line.send(b"ng\n")
        assert line.rest().endswith("\nok\n")
    os.close(read)
    free(served, before)


def test_C88_a_thousand_idle_connections_keep_nobody_out(served):
    before = daemon.descriptors(served.pid)
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(Line(served)) for _ in range(1000)]
        assert "ganger" in order(served, "ping").stdout
        assert served.status("web")["active processes"] >= 0
        assert daemon.descriptors(served.pid) <= before + LINKS + 1  # one is just being let in
        # Each of them is told, and hung up on, sooner or later.
        for line in lines:
            assert line.rest().startswith("failed: ")
    free(served, before)
    assert served.ask("ok&out=a").body == b"a"


def test_C88_who_waits_keeps_the_place_and_more_are_turned_away(web):
    web.globals = "process_control_timeout = 60s"
    web.serve()
    with Conn(web.web) as c, contextlib.ExitStack() as stack:
        path = web.notes / "q"
        params = cgi_params(web.t, f"note={path}&ok&cat", "POST", CONTENT_LENGTH="1")
        c.send(begin() + stream(PARAMS, 1, pairs(params)))  # its body comes at the end
        daemon.wait_for(path.exists)
        waiting = [stack.enter_context(Line(web)) for _ in range(LINKS)]
        for line in waiting:
            line.send(b"quit wait\n")
        web.wait_log("ordered by uid .*: quit", count=LINKS)
        assert "too many connections" in say(web, b"ping\n")
        # Whoever hangs up makes room.
        waiting.pop().sock.close()
        daemon.wait_for(lambda: "ganger" in say(web, b"ping\n"), what="a free place")
        c.send(stream(STDIN, 1, b"a"))
        assert c.answer().body == b"a"
        assert [line.rest() for line in waiting] == ["ok\n"] * (LINKS - 1)
    assert web.process.wait(daemon.PATIENCE) == 0


def test_C88_a_client_that_does_not_read_is_hung_up_on(served):
    """Its answer is larger than a socket holds."""
    deep = served.base / ("d" * 250) / ("e" * 250) / "bad.conf"
    deep.parent.mkdir(parents=True)
    deep.write_text("".join(f'pool p{i} {{ frob = {i}\n }}\n' for i in range(600)))
    served.config.write_text(served.config.read_text() + f'include("{deep}")\n')
    before = daemon.descriptors(served.pid)
    with Line(served) as line:
        line.send(b"test\n")
        assert "ganger" in say(served, b"ping\n"), "the master does not wait for the reader"
        free(served, before)
    with Line(served) as line:
        line.send(b"test\n")
        said = line.rest()
    assert len(said) > 220000 and re.search(r"\nfailed: .*\n\Z", said), said[-300:]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs other users")
def test_C88_only_root_and_the_group_may(web):
    nobody = pwd.getpwnam("nobody")
    games = grp.getgrnam("games").gr_gid
    path = str(web.runtime / "control.sock")

    def ping(**who):
        result = subprocess.run([str(daemon.BUILD / "gangerctl"), "-r", str(web.runtime), "ping"],
                                capture_output=True, text=True, env=web.environment(),
                                timeout=daemon.PATIENCE, **who)
        return result.returncode, result.stdout + result.stderr
    others = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    web.serve()
    before = daemon.descriptors(web.pid)
    code, said = ping(**others)
    assert code == 2 and "control.group" in said, said
    # The mode is not the only lock.
    os.chmod(path, 0o666)
    code, said = ping(**others)
    assert code == 1 and "only root" in said, said
    assert ping(user=nobody.pw_uid, group=games, extra_groups=[])[0] == 1
    web.wait_log(rf"uid {nobody.pw_uid} .* may not give orders")
    free(web, before)
    assert web.stop() == 0

    web.globals = 'control.group = "games"'
    web.process = None
    web.serve()
    st = os.stat(path)
    assert stat.S_IMODE(st.st_mode) == 0o660 and st.st_gid == games
    assert ping(user=nobody.pw_uid, group=games, extra_groups=[])[0] == 0
    assert ping(user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[4, games, 12])[0] == 0
    assert ping(**others)[0] == 2
    os.chmod(path, 0o666)
    assert ping(**others)[0] == 1
    assert ping(user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[4, 12])[0] == 1
    assert ping()[0] == 0


def test_an_unknown_control_group_is_refused_before_anything_runs(web):
    web.globals = 'control.group = "no-such-group"'
    web.write()
    for flags in ([], ["-t"]):
        result = web.run(*flags)
        assert result.returncode != 0, result
        assert "control.group" in result.stderr and "no-such-group" in result.stderr, result


# ---------------------------------------------------------------- stop_on_term


def test_C26_a_graceful_term_serves_what_waits(web):
    """SIGTERM with stop_on_term = graceful: what is in hand and what waits in the backlog is served, the
    path is gone at once, and the exit status is 0."""
    web.globals = "process_control_timeout = 20s\nstop_on_term = graceful"
    web.serve()
    with contextlib.ExitStack() as stack:
        conns = [stack.enter_context(Conn(web.web, 30)) for _ in range(12)]
        for i, c in enumerate(conns):
            c.send(whole(cgi_params(web.t, f"note={web.notes}/r{i}&ok&out={i}&sleep=300&out=.")))
        daemon.wait_for(lambda: len(list(web.notes.iterdir())) >= 4, what="four are in hand")
        web.signal(signal.SIGTERM)
        daemon.wait_for(lambda: not os.path.exists(web.web), what="nobody new comes")
        for i, c in enumerate(conns):
            assert c.answer().body == f"{i}.".encode()
    assert web.process.wait(daemon.PATIENCE) == 0
    assert "stopping now" not in web.log


def test_C26_a_second_term_is_immediate(web):
    web.globals = "process_control_timeout = 60s\nstop_on_term = graceful"
    web.serve()
    with Conn(web.web) as c:
        path = web.notes / "q"
        c.send(whole(cgi_params(web.t, f"note={path}&ok&sleep=60000")))
        daemon.wait_for(path.exists)
        web.signal(signal.SIGTERM)
        web.wait_log("finishing requests")
        assert web.process.poll() is None
        web.signal(signal.SIGTERM)
        assert web.process.wait(daemon.PATIENCE) == 0
        with pytest.raises(Closed):
            c.answer()
    assert "stopping now" in web.log


def test_C26_how_term_stops_can_be_reloaded(served):
    """And what waits in the backlog when the grace is over is left, with status 0 all the same."""
    served.config.write_text(served.config.read_text() + "stop_on_term = graceful\n"
                             "process_control_timeout = 1s\n")
    order(served, "reload", "--wait")
    with contextlib.ExitStack() as stack:
        conns = [stack.enter_context(Conn(served.web, 30)) for _ in range(8)]
        for i, c in enumerate(conns):
            c.send(whole(cgi_params(served.t, f"note={served.notes}/{i}&ok&out=a&sleep=60000")))
        daemon.wait_for(lambda: len(list(served.notes.iterdir())) == 4, what="all four are busy")
        began = time.monotonic()
        served.signal(signal.SIGTERM)
        assert served.process.wait(daemon.PATIENCE) == 0
        assert 1 <= time.monotonic() - began < 10
        for c in conns:
            with pytest.raises(Closed):
                c.answer()
    assert "finishing requests" in served.log


def test_whoever_waits_when_ganger_stops_is_told(world):
    """A pool that does not come up keeps its restart waiting."""
    slow = world.ganger.folder.script("slow.sh", "#!/bin/sh\nexec sleep 60\n")
    world.add("c", pm__max_children=1).start()
    with Line(world.ganger) as line, Line(world.ganger) as other:
        line.send(b"stop c wait\n")
        assert line.rest() == "pool c: stop\nok\n"
        world.ganger.config.write_text(world.ganger.config.read_text().replace(world.commands["c"][0], slow))
        other.send(b"reload wait\n")
        assert other.rest().endswith("ok\n")
    with Line(world.ganger) as line:
        line.send(b"start c wait\n")
        daemon.wait_for(lambda: "slow.sh" in str(daemon.children(world.ganger.pid)) or
                        any(c[1] == "sleep" for c in daemon.children(world.ganger.pid)))
        world.ganger.signal(signal.SIGTERM)
        said = line.rest()
    assert re.search(r"^(ok|failed: .*)\n\Z", said, re.M), said
    assert world.ganger.process.wait(daemon.PATIENCE) == 0


STUBBORN = r"""
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void)
{
    char block[100];
    signal(SIGTERM, SIG_IGN);
    for (;;) {
        int c = accept(0, NULL, NULL);
        if (c >= 0 && read(c, block, sizeof block) >= 0)
            close(c);
    }
}
"""


def test_C27_whoever_ignores_sigterm_is_killed_after_the_grace_of_a_reload(world):
    """A static program: nobody can tell whether it is busy, so it is asked, and has its time."""
    source, program = world.base / "stubborn.c", world.base / "stubborn"
    source.write_text(STUBBORN)
    subprocess.run(["gcc", "-static", "-o", program, source], check=True)
    world.ganger.globals = "process_control_timeout = 1s"
    world.add("c", [str(program)], pm__max_children=2).start()
    old = daemon.wait_for(lambda: len(pids := world.pids("c")) == 2 and pids, what="two workers")
    world.ganger.config.write_text(world.ganger.config.read_text().replace(
        "pm.max_children = 2", 'pm.max_children = 2\n  env = {"A=1"}'))
    began = time.monotonic()
    assert order(world.ganger, "reload", "--wait").stdout.count("pool c: replace") == 1
    assert time.monotonic() - began < 10, "a reload does not wait for those that leave"
    daemon.wait_for(lambda: not any(map(daemon.alive, old)), what="the old ones are gone")
    for pid in old:
        assert f"worker {pid} has not left in time; sent SIGKILL" in world.ganger.log, world.ganger.log
    assert len(world.pids("c")) == 2


def test_C27_whoever_ignores_sigterm_is_killed_after_the_grace(world):
    """A native program that ignores SIGTERM inside a request."""
    stubborn = world.ganger.folder.script("stubborn.py", """#!/usr/bin/python3
import signal, socket, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
s = socket.socket(fileno=0)
while True:
    try:
        c, _ = s.accept()
    except OSError:
        continue
    c.recv(1)
    while True:
        time.sleep(60)
""")
    world.ganger.globals = "process_control_timeout = 1s"
    world.add("c", [stubborn], pm__max_children=1).start()
    with socket.socket(socket.AF_UNIX) as c:
        c.connect(world.sock("c"))
        c.sendall(b"x" * 8)
        daemon.wait_for(lambda: world.status("c")["active processes"] == 1, what="it is busy")
        pid = world.pids("c")[0]
        began = time.monotonic()
        world.ganger.signal(signal.SIGQUIT)
        assert world.ganger.process.wait(daemon.PATIENCE) == 0
        took = time.monotonic() - began
    assert 1 <= took < 8, took
    assert not daemon.alive(pid)
    assert re.search(rf"worker {pid} has not left in time; sent SIGKILL", world.ganger.log), world.ganger.log
