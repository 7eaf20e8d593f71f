# SPDX-License-Identifier: Apache-2.0
"""gangerctl top and gangerctl status --watch, in a terminal."""

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time

import pytest

import daemon
import pages
from terminal import Terminal

CTL = str(daemon.BUILD / "gangerctl")
FAST = "-d 200ms"


@pytest.fixture
def terminal(folder):
    made = []

    def start(**options):
        made.append(Terminal(folder, **options))
        return made[-1]
    yield start
    for one in made:
        text = one.screen()
        one.close()
        assert "Sanitizer" not in text and "runtime error" not in text, text


@pytest.fixture
def page(folder):
    """page(answer) serves pages.Pages on the status socket of the folder."""
    made = []

    def start(answer):
        made.append(pages.Pages(folder.path / "status.sock", answer))
        return made[-1]
    start.stop = lambda: made.pop().stop()
    yield start
    for one in made:
        one.stop()


def names(text):
    """First words of the lines below the headings, as far as the rows go."""
    lines = text.split("\n")
    at = next(i for i, line in enumerate(lines) if re.match(r"POOL|\s+PID", line))
    rows = [line.split() for line in lines[at + 1:]]
    return [row[0] for row in rows[:next((i for i, row in enumerate(rows) if not row), len(rows))]]


def heading(text):
    return next(line for line in text.split("\n") if re.match(r"POOL|\s+PID", line))


def three():
    return pages.document([
        pages.pool("git", 1, requests=100, requests_per_second=2.0, listen_queue=7),
        pages.pool("shop", 2, requests=100, requests_per_second=40.0, kind="fastcgi"),
        pages.pool("dead", 3, requests=0, state="failing", active_processes=0, idle_processes=0,
                   total_processes=0, reason="exec /x: No such file or directory")])


def answers(query):
    """Those three; the workers of each."""
    if "pool=" not in query:
        return three()
    name = bytes.fromhex(query.split("pool=")[1].replace("%", "")).decode()
    found = [p for p in three()["pools"] if p["pool"] == name]
    if not found:
        return 404, b"no such pool\n"
    return found[0] | {"processes": [
        pages.worker(4001, 1), pages.worker(4002, 2, state="Running", request_uri="/cart/add?item=7"),
        pages.worker(4003, 3, last_request_status=503)]}


# ---------------------------------------------------------------- what one sees


def test_pools_sorted_filtered_and_looked_into(terminal, folder, page):
    page(answers)
    t = terminal()
    before = t.settings()
    t.run(f"{CTL} -r {folder.path} top {FAST}")
    t.shows("^git", "^shop", "^dead", r"ganger 9\.8\.7", "up 1h18m", "3 pools", "1 failing", "queue 7")
    assert t.alternate
    # Nothing changes from one sample to the next: equals stand in the order of their names.
    t.wait(lambda text: names(text) == ["dead", "git", "shop"], "no requests in a second")
    t.keys("Q")
    t.wait(lambda text: names(text) == ["git", "dead", "shop"] and "▼QUEUE" in heading(text), "by queue")
    t.keys("r")
    t.wait(lambda text: names(text)[-1] == "git" and "▲QUEUE" in heading(text), "by queue, smallest first")
    t.keys("N")
    t.wait(lambda text: names(text) == ["dead", "git", "shop"] and "POOL▲" in text, "by name")
    t.keys(">")
    t.wait(lambda text: names(text)[0] == "dead" and "STATE▲" in text, "by state: what fails is first")
    t.keys("<")
    t.shows("POOL▲")
    # The reason of the one under the cursor, then the next.
    t.shows("^dead: exec /x: No such file")
    t.keys("Down")
    t.shows("^git: cgi, dynamic, listens on /run/ganger/git.sock, runs as www-data")
    t.keys("/")
    t.type("SHO")
    t.shows("^Filter: SHO")
    t.wait(lambda text: names(text) == ["shop"], "those with SHO in them")
    t.keys("Enter")
    t.shows("/SHO .* 1-1 of 1$")
    t.keys("Escape")
    t.wait(lambda text: names(text) == ["dead", "git", "shop"], "all again")
    t.keys("End", "Enter")
    # Who serves is first.
    t.shows("pool shop  running  fastcgi, dynamic, as www-data", "PID STATE▲.*\n +4002 Running .*GET /cart/add",
            "4003 Idle .* 503 ")
    t.keys("BSpace")
    t.wait(lambda text: names(text) == ["dead", "git", "shop"], "back at the pools")
    # A pool without a worker says why.
    t.keys("Home", "Enter")
    t.shows("pool dead  failing", "^exec /x: No such file", "4003")
    t.keys("Escape")
    t.wait(lambda text: names(text) == ["dead", "git", "shop"], "back at the pools")
    t.keys("h")
    t.shows("Any key goes back", "sort by a column", "connections that wait for a worker")
    t.keys("x", "p")
    t.shows("PAUSED")
    t.keys("p", "q")
    t.prompt()
    assert t.settings() == (0, before[1])


def test_workers_of_one_pool(terminal, folder, page):
    server = page(answers)
    t = terminal(width=120, height=30)
    t.run(f"{CTL} -r {folder.path} top {FAST} shop")
    t.shows("pool shop", "4003")
    assert set(server.queries) == {"json&full&pool=%73%68%6F%70"}
    t.keys("Escape", "T")  # there is nothing to go back to
    t.shows("▼TIME", "pool shop")
    t.keys("q")
    t.prompt()
    t.run(f"{CTL} -r {folder.path} top {FAST} nosuch")
    t.shows('there is no pool "nosuch"')
    t.keys("q")
    t.prompt()


def test_rates_are_those_between_samples(terminal, folder, page):
    """A counter that grows by 100 in about a second, and starts anew from 50."""
    begun = time.monotonic()

    def answer(_):
        passed = time.monotonic() - begun
        return pages.document([pages.pool("web", requests=int(1000 + 100 * passed),
                                          request_seconds=25 + 0.5 * 100 * passed)])
    page(answer)
    t = terminal()
    t.run(f"{CTL} -r {folder.path} top -d 1")

    def rate(text):
        found = re.search(r"^web +running .*? (\d+\.\d|\d+) +0 +(\d+)ms", text, re.M)
        return found and 50 < float(found[1]) < 150 and 350 < int(found[2]) < 650
    t.wait(rate, "some 100 requests a second of half a second each")
    t.keys("q")
    t.prompt()


@pytest.mark.parametrize("name,environment,coloured", [
    ("screen-256color", {}, True), ("screen-256color", {"NO_COLOR": "1"}, False), ("vt100", {}, False),
    ("screen-256color", {"LANG": "C", "LC_ALL": "C"}, True)])
def test_colours_and_plain_terminals(terminal, folder, page, name, environment, coloured):
    page(answers)
    t = terminal(term=name, **environment)
    t.run(f"{CTL} -r {folder.path} top {FAST}")
    t.shows("^git", "^dead", "1-3 of 3", "▼" if "LC_ALL" not in environment else "v")
    text = t.screen(colours=True)
    assert bool(re.search(r"\x1b\[[\d;]*3[1-6]", text)) == coloured, text
    assert "LC_ALL" not in environment or text.isascii()
    t.keys("q")
    t.prompt()


@pytest.mark.parametrize("term", ["dumb", "", "no-such-terminal"])
def test_no_terminal_to_draw_on(folder, term):
    master, slave = pty.openpty()
    run = subprocess.run([CTL, "-r", folder.path, "top"], stdin=slave, stdout=slave, stderr=subprocess.PIPE,
                         timeout=daemon.PATIENCE, text=True, env={"TERM": term, "LANG": "C.UTF-8"})
    os.close(slave)
    os.close(master)
    assert run.returncode == 2 and "TERM" in run.stderr and "\x1b" not in run.stderr, run
    run = subprocess.run([CTL, "-r", folder.path, "top"], stdin=subprocess.DEVNULL, capture_output=True,
                         timeout=daemon.PATIENCE, text=True, env={"TERM": "xterm", "LANG": "C.UTF-8"})
    assert run.returncode == 2 and run.stdout == "" and "needs a terminal" in run.stderr, run


# ---------------------------------------------------------------- the terminal is given back


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_restores_the_terminal(terminal, folder, page, number):
    page(answers)
    t = terminal()
    before = t.settings()
    t.run(f"{CTL} -r {folder.path} top")
    t.shows("^git")
    os.kill(t.child(), number)
    t.prompt()
    assert t.settings() == (0 if number == signal.SIGINT else 128 + number, before[1])


@pytest.mark.parametrize("command", ["top", "status --watch"])
def test_asked_twice_to_end_it_restores_the_terminal(terminal, folder, page, command):
    """Who is impatient gets the terminal back, too."""
    page(answers)
    t = terminal()
    before = t.settings()
    for _ in range(3):
        t.run(f"{CTL} -r {folder.path} {command}")
        t.shows("^git")
        pid = t.child()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(ProcessLookupError):  # it may be gone by then
                os.kill(pid, number)
        t.prompt()
        assert t.settings() == (0, before[1])


@pytest.mark.parametrize("command", ["top", "status --watch"])
def test_killed_while_suspended(terminal, folder, page, command):
    """Bash has its own moments to tell of it, so the terminal itself is asked."""
    page(answers)
    t = terminal()
    tty = os.open(t.ask("#{pane_tty}"), os.O_RDWR | os.O_NOCTTY)
    before = termios.tcgetattr(tty)
    t.run(f"{CTL} -r {folder.path} {command}")
    t.shows("^git")
    pid = t.child()
    t.keys("C-z")
    t.shows("Stopped")
    t.run("kill %1")  # and SIGCONT
    daemon.wait_for(lambda: not daemon.alive(pid), what="the end of it")
    daemon.wait_for(lambda: termios.tcgetattr(tty) == before, what="the settings of before")
    os.close(tty)
    assert not t.alternate


def test_keys_that_mean_nothing(terminal, folder, page):
    """However often; those of htop do what they do there."""
    page(answers)
    t = terminal()
    t.run(f"{CTL} -r {folder.path} top {FAST}")
    t.shows("^git")
    for _ in range(6):
        t.keys("F5")
    t.keys("F12", "IC", "F1")
    t.shows("Any key goes back")
    t.keys("F9", "F4")
    t.type("sho")
    t.shows("^Filter: sho")
    t.keys("Enter", "F6")
    t.shows("ERR/S▼|▼ERR/S")
    t.keys("F10")
    t.prompt()


def test_suspend_and_resume(terminal, folder, page):
    page(answers)
    t = terminal()
    t.run(f"{CTL} -r {folder.path} top {FAST}")
    t.shows("^git")
    t.keys("C-z")
    t.shows("Stopped")
    assert not t.alternate
    t.resize(100, 20)
    t.run("fg")
    t.shows("^git", "^shop")
    assert t.alternate
    pid = t.child()
    os.kill(pid, signal.SIGSTOP)  # it has no say in this one
    t.wait(lambda _: not t.alternate or "Stopped" in t.screen(), "the shell is back")
    t.run("fg")
    t.shows("^git", "^shop")
    t.keys("C-c")
    t.prompt()


def test_sizes(terminal, folder, page):
    """Down to one cell and up again; each screen is whole."""
    page(answers)
    t = terminal()
    t.run(f"{CTL} -r {folder.path} top {FAST}")
    t.shows("^git")
    t.resize(40, 10)
    t.shows("^POOL", "^git", "1-3 of 3")
    t.wait(lambda text: all(len(line) <= 40 for line in text.split("\n")) and "QUEUE" in text and
           "LISTEN" not in text, "what fits")
    t.resize(200, 50)
    t.shows("LISTEN", "REQUESTS", "LOAD", "/run/ganger/git.sock")
    t.keys("h")
    for width, height in ((7, 3), (1, 1), (200, 2), (2, 50), (20, 6)):
        t.resize(width, height)
        daemon.wait_for(lambda: t.ask("#{pane_width}x#{pane_height}") == f"{width}x{height}", what="size")
        t.keys("Down", "/", "x", "Escape", "Up", "h", "x")
        t.keys("C-l")
    t.resize(80, 24)
    t.shows("^git", "^shop", "3 pools", "1-3 of 3")
    # A size is no key: the help stays, and takes the next one.
    t.keys("h")
    t.shows("Any key goes back")
    t.resize(100, 30)
    t.wait(lambda text: text.split("\n")[29].startswith("Any key goes back"), "the help at the bottom")
    t.keys("q")
    t.shows("^git", "1-3 of 3")
    t.keys("q")
    t.prompt()


# ---------------------------------------------------------------- ganger comes and goes


def test_a_real_ganger(web, terminal):
    """Its pools, a pool that a reload adds, ganger gone and back."""
    one = web.pool("web", f'  kind = cgi\n  script_root = {{"{web.root}"}}\n  pm.max_children = 2')
    two = web.pool("second", f'  kind = cgi\n  script_root = {{"{web.root}"}}\n  pm.max_children = 3')
    web.write(one)
    web.start()
    t = terminal()
    t.run(f"{CTL} -r {web.runtime} top {FAST}")
    t.shows("^web +running", "^status +running", "2 pools", "0 failing")
    web.write(one, two)
    assert web.ctl("reload", "--wait").returncode == 0
    t.shows("^second +running", "3 pools")
    t.keys("N", "End", "Enter")
    pids = web.workers("web")
    t.shows("pool web", *(rf"^ +{pid} Idle" for pid in pids))
    t.keys("Escape")
    t.shows("^second")
    assert web.stop() == 0
    # The last numbers stay.
    t.shows("No answer for .*trying again", "^web", "^second", "^status")
    web.start()
    t.wait(lambda text: "No answer" not in text and "second" in names(text), "ganger is back")
    t.keys("q")
    t.prompt()


def test_before_ganger_starts(terminal, folder, page):
    t = terminal()
    t.run(f"{CTL} -r {folder.path} top {FAST}")
    t.shows("cannot connect to .*/status.sock")
    page(answers)
    t.shows("^git")
    t.keys("q")
    t.prompt()


def test_keys_work_while_nothing_answers(terminal, folder, page):
    """A responder that takes the question and says nothing."""
    page(lambda _: None)
    t = terminal()
    t.run(f"{CTL} -r {folder.path} top {FAST}")
    t.shows("Waiting for ganger")
    t.keys("h")
    t.shows("Any key goes back")
    t.keys("h")
    t.shows("slow to answer")
    t.keys("q")
    t.prompt()


def test_strange_answers(terminal, folder, page):
    """Whatever it is that answers: said so, and the next good answer counts."""
    given = [b""]
    page(lambda query: given[0] if given[0] is not None else answers(query))
    t = terminal()
    t.run(f"{CTL} -r {folder.path} top {FAST}")
    t.shows("is no JSON")
    for answer, want in ((b"{}", "holds no pools"), (b"not json", r"is no JSON \(byte 3\)"),
                         ((503, b"busy"), "Status 503"), (b"[" * 10000, r"is no JSON \(byte 33\)"),
                         (b'{"pools":[', r"is no JSON \(byte 10\)"), (None, "^git")):
        given[0] = answer
        t.shows(want)
    t.wait(lambda text: "JSON" not in text and "3 pools" in text, "all is well")
    t.keys("q")
    t.prompt()


def test_hostile_names_stay_in_their_cells(terminal, folder, page):
    """Escapes, controls, wide, joining and turning characters; numbers that are none."""
    names_ = ["\x1b[2J\x1b[31mred", "汉字" * 20, "a\u0301\u200b\u202eb", "\u009b31m", "x" * 5000, "",
              "\U0001f600\ufe0f\u200d"]
    hostile = [pages.pool(name, requests=2**64 - 1, idle_processes=-5, active_processes=1e300,
                          max_children="x", listen_queue=[1], memory_proportional=2**63, start_since=2**60,
                          request_seconds=1e308, state="running\n\r\t", reason=name * 3) for name in names_]
    page(lambda query: json.dumps(pages.document(hostile) if "full" not in query else hostile[0] | {
        "processes": [pages.worker(2**63, request_uri=name, state=name) for name in names_]}).encode())
    t = terminal()
    t.run(f"{CTL} -r {folder.path} top {FAST}")
    t.shows(r"\?\[2J\?\[31mred", "^汉字", "7 pools", "1-7 of 7")
    for line in t.screen(colours=False).split("\n"):
        assert not any(ord(c) < 32 or 0x7f <= ord(c) < 0xa0 or ord(c) in (0x202e, 0x200b) for c in line), line
    for size in ((30, 9), (60, 12), (132, 40)):
        t.resize(*size)
        t.shows("7 pools|failing")
    t.keys("Enter")
    t.shows("PID")
    t.keys("q")
    t.prompt()


# ---------------------------------------------------------------- many


def test_a_thousand_pools(terminal, folder, page):
    turn = [0]

    def answer(_):
        turn[0] += 1
        return pages.thousand(turn[0])
    server = page(answer)
    t = terminal()
    t.run(f"{CTL} -r {folder.path} top -d 1")
    t.shows("1000 pools", "of 1000")
    t.keys("N")
    t.wait(lambda text: names(text)[0] == "pool0000", "the first")
    t.keys("End")
    t.wait(lambda text: "pool0999" in names(text), "the last")
    t.keys("PPage")
    t.wait(lambda text: "pool0981" in names(text) and "pool0999" not in names(text), "a screen above")
    t.keys("Home", "NPage", "Down")
    t.wait(lambda text: "pool0019" in names(text) and "pool0000" not in names(text), "a screen below")
    t.keys("/")
    t.type("pool05")
    t.shows("Filter: pool05")
    t.wait(lambda text: names(text)[0] == "pool0500", "a hundred of them")
    t.keys("Enter")
    t.shows("of 100$")
    # What the list shows does not need the workers.
    assert set(server.queries) == {"json"}
    if not daemon.ASAN:
        # A thousandth of what would be felt; a release build takes a hundredth of a core.
        pid = t.child()
        before, asked = processor_time(pid), len(server.queries)
        daemon.wait_for(lambda: len(server.queries) >= asked + 4, what="four more samples")
        spent = (processor_time(pid) - before) / (len(server.queries) - asked)
        assert spent < 0.1, f"{spent:.3f} s of a processor for each sample"
    t.keys("q")
    t.prompt()


def processor_time(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ---------------------------------------------------------------- status --watch


def test_watch_on_a_terminal(terminal, folder, page):
    page(answers)
    t = terminal()
    before = t.settings()
    t.run(f"{CTL} -r {folder.path} status --watch=200ms")
    t.shows("^Every 200ms", "^git +running", "^    exec /x: No such file")
    assert t.alternate
    t.resize(60, 5)
    t.shows("^POOL", "more lines; `gangerctl top` scrolls")
    t.resize(120, 30)
    t.shows("LISTEN")
    page.stop()
    t.shows("No answer for .*trying again", "^git +running")
    page(answers)
    t.wait(lambda text: "No answer" not in text and "git" in text, "it answers again")
    t.keys("C-z")
    t.shows("Stopped")
    t.run("fg")
    t.shows("^git +running")
    t.keys("C-c")
    t.prompt()
    assert t.settings() == (0, before[1])
    t.run(f"{CTL} -r {folder.path} status --watch=200ms")
    t.shows("^git +running")
    os.kill(t.child(), signal.SIGTERM)
    t.prompt()
    assert t.settings() == (128 + signal.SIGTERM, before[1])


def test_watch_clears_lines_before_it_writes_them(folder, page):
    """On xterm what clears the rest of a line that is full clears its last cell."""
    page(lambda _: pages.document([pages.pool("a" * 60, reason="b" * 90)] * 30))
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 40, 0, 0))
    env = {"TERM": "xterm", "LANG": "C.UTF-8"} | \
        {n: v for n, v in os.environ.items() if n.endswith("SAN_OPTIONS")}
    child = subprocess.Popen([CTL, "-r", str(folder.path), "status", "--watch=100ms"], stdin=slave, stdout=slave,
                             stderr=subprocess.PIPE, env=env)
    os.close(slave)
    seen = b""
    while seen.count(b"\x1b[H") < 4:
        seen += os.read(master, 65536)
    child.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # EIO: nobody has the other end any more
        while piece := os.read(master, 65536):
            seen += piece
    assert child.wait(daemon.PATIENCE) == 0
    child.stderr.close()
    os.close(master)
    lines = [re.sub(r"\x1b\[[\d;?]*[hlm]", "", line) for line in re.split(r"\r+\n|\x1b\[H", seen.decode())]
    assert any(len(re.sub(r"\x1b\[.", "", line)) == 40 for line in lines), lines
    for line in lines:
        assert re.fullmatch(r"(\x1b\[[JK])*[^\x1b]*", line), line


def test_watch_on_a_pipe(folder, page):
    page(answers)
    command = [CTL, "-r", str(folder.path), "status"]
    env = {"TERM": "xterm", "LANG": "C.UTF-8"} | \
        {n: v for n, v in os.environ.items() if n.endswith("SAN_OPTIONS")}
    child = subprocess.Popen([*command, "--watch=100ms"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, env=env)

    def block():
        lines = []
        while (line := child.stdout.readline()) not in ("\n", ""):
            lines.append(line)
        return lines
    for _ in range(3):
        lines = block()
        assert re.match(r"\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d$", lines[0])
        assert lines[1].startswith("POOL") and lines[2].startswith("git ") and "\x1b" not in "".join(lines)
    page.stop()
    assert "trying again" in child.stderr.readline()
    page(answers)
    assert "answers again" in child.stderr.readline()
    child.send_signal(signal.SIGINT)
    assert child.wait(daemon.PATIENCE) == 0
    child.stdout.close()
    child.stderr.close()
    # One document on each line.
    child = subprocess.Popen([*command, "git", "--json", "--watch=100ms"], stdout=subprocess.PIPE, text=True,
                             env=env)
    for _ in range(3):
        assert json.loads(child.stdout.readline())["pool"] == "git"
    # Whoever reads no more ends it.
    child.stdout.close()
    assert child.wait(daemon.PATIENCE) == 23


@pytest.mark.parametrize("words", [["status", "--watch=0"], ["status", "--watch=x"], ["top", "-d", "1ms"],
                                   ["top", "-d", "2d"]])
def test_intervals_that_are_none(words):
    run = subprocess.run([CTL, *words], capture_output=True, text=True, timeout=daemon.PATIENCE)
    assert run.returncode == 2 and "from 100ms to 1d" in run.stderr, run
