# SPDX-License-Identifier: Apache-2.0
"""What workers write, in the log: whole, prefixed, limited lines, whatever they do and whoever reads them
(FAULTS C42, C62, C63, C64)."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time

import pytest

import daemon
import fcgi
from daemon import wait_for

STAMP = r"\[\d\d-\w{3}-\d{4} \d\d:\d\d:\d\d\] "
FLOOD = (100 if daemon.LONG else 4) << 20
LINE = 64  # bytes of each line of a flood

# Writes its flood, says how many lines that were, and lives on.
FLOODER = f"""#!/usr/bin/perl
my ($number, $buffer) = (0, "");
while ($number * {LINE} < {FLOOD}) {{
    $buffer .= sprintf("flood %09d %s\\n", $number++, "x" x {LINE - 17});
    if (length($buffer) >= 60000) {{ syswrite(STDERR, $buffer); $buffer = ""; }}
}}
syswrite(STDERR, $buffer);
open(my $note, ">>", $ARGV[0]); print $note "$$ $number\\n"; close($note);
sleep(1000);
"""


def native(ganger, name, text, arguments=(), **options):
    """A pool whose program is a script that serves nobody."""
    path = ganger.folder.script(f"{name}.prog", text)
    words = ", ".join(f'"{w}"' for w in (path, *arguments))
    options = {"pm__max_children": 1, "catch_workers_output": "yes"} | options
    return ganger.pool(name, f"  kind = fastcgi\n  command = {{{words}}}", **options)


def cgi(web, name="web", **options):
    options = {"pm__max_children": 4, "catch_workers_output": "yes"} | options
    return web.pool(name, f'  kind = cgi\n  script_root = {{"{web.root}"}}', **options)


def go(ganger, *pools):
    """Started, not necessarily ready: programs that serve nobody never are."""
    ganger.write(*pools)
    ganger.start(ready=False)
    ganger.wait_log("ganger is running")
    return ganger


def ready(web, pool="web", count=4):
    wait_for(lambda: os.path.exists(web.sock("status")) and os.path.exists(web.sock(pool)), what="sockets")

    def serves():
        try:
            return web.status(pool)["idle processes"] == count
        except (AssertionError, OSError):  # nobody answers yet, or has not heard of the pool
            return False
    wait_for(serves, what="the whole gang serves")


def suppressed(text, pool):
    """Lines that the log says it does not show."""
    return sum(int(n) for n in re.findall(rf"\[pool {pool}\] .*?\b(\d+) lines?[^\n]* suppressed", text))


def dropped(text):
    return [int(n) for n in re.findall(r"WARNING: (\d+) lines? dropped$", text, re.M)]


def whole(text):
    """Every line of a log is one that ganger wrote."""
    assert text.endswith("\n")
    torn = [x for x in text.splitlines() if not re.match(STAMP + "(ALERT|ERROR|WARNING|NOTICE|DEBUG): ", x)]
    assert not torn, torn[:5]


def spent(pid):
    """Seconds of a processor, to the microsecond."""
    return int(open(f"/proc/{pid}/schedstat").read().split()[0]) / 1e9


# ---- floods

def test_a_flood_slows_nobody_and_every_line_counts(web):
    """Two workers write without end; another pool serves and heals meanwhile.  Each line is in the log or
    counted there as suppressed."""
    notes = web.notes / "floods"
    go(web, native(web, "flood", FLOODER, [str(notes)], pm__max_children=2), cgi(web))
    ready(web)
    asked = 0
    before, began = spent(web.pid), time.monotonic()
    victim = web.workers("web")[0]
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: len(web.workers("web")) == 4 and victim not in web.workers("web"), what="a new worker")
    while not notes.exists() or len(notes.read_text().splitlines()) < 2:
        assert web.ask(f"ok&out={asked}").body == str(asked).encode()
        asked += 1
        assert time.monotonic() - began < 120
    share = (spent(web.pid) - before) / (time.monotonic() - began)
    assert share < (0.9 if daemon.ASAN else 0.4), f"the master took {share:.2f} of a processor"
    said = [line.split() for line in notes.read_text().splitlines()]
    total = sum(int(count) for _, count in said)
    shown = STAMP + r"WARNING: \[pool flood\] worker (\d+) wrote: flood (\d{9}) x{%d}$" % (LINE - 17)
    wait_for(lambda: len(re.findall(shown, web.log, re.M)) + suppressed(web.log, "flood") >= total,
             what=f"an account of {total} lines")
    log = web.log
    lines = re.findall(shown, log, re.M)
    assert len(lines) + suppressed(log, "flood") == total
    assert {pid for pid, _ in lines} == {pid for pid, _ in said}
    # 500 at once and 100 a second of each; 1000 and 200 of both.
    assert 500 <= len(lines) <= 1000 + 200 * (time.monotonic() - began + 3), len(lines)
    for pid in {pid for pid, _ in lines}:
        numbers = [int(n) for p, n in lines if p == pid]
        assert numbers == sorted(set(numbers)) and numbers[:400] == list(range(400)), pid
    whole(log)
    assert all(re.fullmatch(shown[:-1], x) for x in log.splitlines() if " wrote: " in x)


@pytest.mark.parametrize("end", ["stop", "upgrade"])
def test_lines_held_back_are_counted_to_the_end(web, end):
    """A gang writes more than may be shown at once; before it is time to say so the master goes."""
    pids, spoken = web.notes / "pids", web.notes / "spoken"
    text = f"""#!/usr/bin/python3
import os, signal, socket
def note(path):
    with open(path, "a") as f:
        f.write(str(os.getpid()) + "\\n")
def speak(*_):
    os.write(2, b"".join(b"line %d\\n" % i for i in range(450)))
    note("{spoken}")
signal.signal(signal.SIGUSR1, speak)
note("{pids}")
s = socket.socket(fileno=0)
while True:
    s.accept()[0].close()
"""
    web.write(native(web, "burst", text, pm__max_children=4))
    web.start()
    wait_for(lambda: web.status("burst")["idle processes"] == 4, what="four serve")
    for pid in pids.read_text().split():
        os.kill(int(pid), signal.SIGUSR1)
    wait_for(lambda: spoken.exists() and len(spoken.read_text().split()) == 4, what="four have spoken")
    if end == "stop":
        web.stop()
    else:
        assert web.ctl("upgrade", "--wait").returncode == 0
        web.wait_log("upgraded from")

    def shown():
        return len(re.findall(r"worker \d+ wrote: line \d+$", web.log, re.M))
    wait_for(lambda: shown() + suppressed(web.log, "burst") >= 4 * 450, what="an account of all lines")
    assert shown() + suppressed(web.log, "burst") == 4 * 450
    assert shown() >= 1000


def test_C42_stderr_of_a_program_in_the_log(web):
    """10 MiB of it, then the answer: the client gets that, the log a number of whole lines and the count of the
    rest."""
    size = (10 if daemon.LONG else 2) << 20
    web.serve(catch_workers_output="yes", pm__max_children=1)
    answer = web.ask(f"errspam={size}&ok&out=body", timeout=60)
    assert answer.body == b"body"
    total = -(-size // 100)
    shown = STAMP + r'WARNING: \[pool web\] worker \d+: pid \d+ \(\S+\) said into stderr: "e{1,99}"$'
    wait_for(lambda: len(re.findall(shown, web.log, re.M)) + suppressed(web.log, "web") >= total, what="an account")
    assert len(re.findall(shown, web.log, re.M)) + suppressed(web.log, "web") == total
    assert 250 <= len(re.findall(shown, web.log, re.M)) <= 1000
    whole(web.log)


# ---- what a line is

LINES = [  # what a program writes, and what the log says it wrote
    (b"plain", "plain"),
    (b"<0>[pool other] worker 1: x", "<0>[pool other] worker 1: x"),
    (b"{1}x", "{1}x"),
    (b"[22-Nov-2026 10:00:00] ALERT: [pool other] down", "[22-Nov-2026 10:00:00] ALERT: [pool other] down"),
    (b"a\rb", r"a\x0db"),
    (b"\x1b]0;title\x07", r"\x1b]0;title\x07"),
    (b"c1 \xc2\x9b31m", r"c1 \xc2\x9b31m"),
    ("bidi \u202e\u2066 line \u2028".encode(), r"bidi \xe2\x80\xae\xe2\x81\xa6 line \xe2\x80\xa8"),
    (b"rubbish \xff\xc3 \xed\xa0\x80", r"rubbish \xff\xc3 \xed\xa0\x80"),
    (b"nul \0 end", r"nul \x00 end"),
    ("grün, 漢字, 🎉".encode(), "grün, 漢字, 🎉"),
    (b"back\\slash", r"back\x5cslash"),
]


def printer(folder, name, data, after="exec sleep 1000\n"):
    """A shell script that writes exactly `data` to its standard error."""
    octal = "".join(f"\\{byte:03o}" for byte in data)
    return f"#!/bin/sh\nprintf '{octal}' >&2\n{after}"


def test_any_line_is_one_line_and_nobody_elses(web):
    data = b"\n".join(raw for raw, _ in LINES) + b"\nunfinished"
    go(web, native(web, "odd", printer(web.folder, "odd", data)),
       native(web, "dies", printer(web.folder, "dies", b"my last w\xc3", "printf '\\244rds' >&2; exit 3\n")), cgi(web))
    ready(web)
    for raw, text in LINES:
        web.wait_log(STAMP + r"WARNING: \[pool odd\] worker \d+ wrote: " + re.escape(text) + "\n")
    # Given out when nothing can follow any more, with its character whole.
    web.wait_log(STAMP + r"WARNING: \[pool dies\] worker \d+ wrote: my last wärds\n")
    # Of a CGI program, too, and there the line of its worker is marked: nobody else can mark one.
    query = "&".join("err=" + "".join(f"%{b:02x}" for b in raw + b"\n") for raw, _ in LINES if b"\0" not in raw)
    answer = web.ask(query + "&ok&out=x")
    assert answer.body == b"x"
    for raw, text in LINES:
        if b"\0" not in raw:
            web.wait_log(STAMP + r'WARNING: \[pool web\] worker \d+: .* said into stderr: "' + re.escape(text) + '"\n')
            assert text.encode() + b"\n" in answer.stderr
    assert "[pool other]" not in re.sub(r"(wrote:|said into stderr:|last words:).*", "", web.log)
    assert "\nunfinished" not in web.log and "wrote: unfinished" not in web.log
    whole(web.log)


@pytest.mark.parametrize("limit", [512, 5000])
def test_long_lines_are_cut_between_characters(web, limit):
    web.globals = f"log_limit = {limit}"
    text = "é" * 6000
    go(web, native(web, "long", f"#!/usr/bin/perl\nprint STDERR '{text}', \"\\n\", 'x{text}', \"\\nnext\\n\"; sleep 1000;\n"),
       cgi(web, pm__max_children=1))
    ready(web, count=1)
    script = web.folder.script("cgi/long", f"#!/usr/bin/perl\nprint STDERR '{text}', \"\\n\", \"next\\n\"; print \"A: b\\n\\n\";")
    fcgi.ask(web.web, script)
    web.wait_log(r'said into stderr: "next"')
    web.wait_log("wrote: next")
    lines = [x for x in web.log_path.read_bytes().splitlines() if "é".encode() in x]
    assert len(lines) == 3, [x[:80] for x in lines]
    for line in lines:
        line.decode()
        assert limit - 4 <= len(line) <= limit and line.endswith(b"..."), (len(line), line[-20:])


def test_workers_never_mix(web):
    """Two of one pool write their lines in pieces, at the same time."""
    go(web, native(web, "two", "#!/bin/sh\nfor i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do\n"
                   "printf 'a%s-' $$ >&2; sleep 0.01; printf 'b%s-' $$ >&2; printf '%s\\n' $$ >&2\ndone\nexec sleep 1000\n",
                   pm__max_children=2), cgi(web, pm__max_children=1))
    whole_line = r"\[pool two\] worker (\d+) wrote: a\1-b\1-\1\n"
    web.wait_log(whole_line, count=40)
    assert len(set(re.findall(whole_line, web.log))) == 2
    assert len(re.findall("wrote: ", web.log)) == 40


def test_undecorated_lines(web):
    """As the program wrote them, but for what would break a line or a terminal."""
    go(web, native(web, "bare", printer(web.folder, "bare", b"{\"json\": \"l\xc3\xb6g\"}\n\x1bred\n"),
                   decorate_workers_output="no"),
       cgi(web, decorate_workers_output="no", pm__max_children=1))
    ready(web, count=1)
    web.ask("err=%7b%22a%22: 1%7d%0a%1bx%0a&ok".replace(" ", "%20"))
    for line in ('{"json": "lög"}', r"\x1bred", '{"a": 1}', r"\x1bx"):
        web.wait_log("(?m)^" + re.escape(line) + "$")
    # What ganger itself has to say keeps its form, and so does what its worker has.
    fcgi.ask(web.web, str(web.root / "missing"))
    web.wait_log(STAMP + r"\w+: \[pool web\] worker \d+: .*missing")


def test_levels_reach_workers(web):
    """log_level and log_limit hold for programs' lines, change with a reload, and for workers that start later."""
    def configure(level, limit=1024):
        web.globals = f"log_level = {level}\nlog_limit = {limit}"
        web.write(cgi(web, pm__max_children=1))

    def ask(word):
        assert web.ask(f"err={word}%0a&ok&out={word}").body == word.encode()

    configure("error")
    web.start()
    ready(web, count=1)
    ask("hushed")
    configure("warning", 512)
    assert web.ctl("reload", "--wait").returncode == 0
    for turn in ("told", "born"):
        wait_for(lambda: turn in web.log or ask(turn), what="a line at the new level")
        ask("x" * 600 + turn)
        web.wait_log(r'said into stderr: "x{300,}\.\.\.')
        os.kill(web.workers("web")[0], signal.SIGKILL)
        wait_for(lambda: web.status("web")["idle processes"] == 1 and len(web.workers("web")) == 1)
    assert "hushed" not in web.log and "NOTICE" not in web.log.split("told")[1]
    configure("debug")
    assert web.ctl("reload", "--wait").returncode == 0
    os.kill(web.workers("web")[0], signal.SIGKILL)
    web.wait_log(r"DEBUG: \[pool web\] worker \d+ is ready")


# ---- whoever reads the log

POOLS = ["w0", "w1", "w2", "w3"]  # each worker may write 250 lines at once


def fill(web, count=240):
    """Requests whose programs write numbered lines of a kilobyte, far more than ganger keeps and fewer than are
    suppressed; every request is answered."""
    tokens = []
    while len(tokens) < count * len(POOLS):
        for pool in POOLS:
            mine = [f"token-{len(tokens) + i:06d}-" for i in range(20)]
            query = "&".join(f"err={t}{'y' * 700}%0a" for t in mine)
            answer = fcgi.ask(web.sock(pool), web.t, f"{query}&ok&out={mine[0]}")
            assert answer.body == mine[0].encode()
            tokens += mine
    return tokens


def account(read, tokens):
    """Each line is there once, or counted as dropped, in one place: the newest are kept.  `read` is the log."""
    def numbers(text):
        return re.findall(r'said into stderr: "(token-\d{6}-)y{700}"', text)

    def newest():
        return read().partition(" dropped\n")[2]

    def complete():  # workers' lines pass in their order, and the workers' about so
        return dropped(read()) and set(tokens[-100:]) <= set(numbers(newest())) and \
            len(numbers(read())) + sum(dropped(read())) >= len(tokens)
    wait_for(complete, what=f"an account of {len(tokens)} lines")
    text = read()
    assert suppressed(text, r"\S+") == 0
    # One line, unless some lines were on their way still when the log went on.
    assert len(dropped(text)) <= 2, dropped(text)
    found, lost = numbers(text), sum(dropped(text))
    # Besides these ganger may have something to say: that may be lost, too.
    assert len(found) == len(set(found)) and len(tokens) <= len(found) + lost <= len(tokens) + 5
    assert len(numbers(newest())) > 200
    whole(text)


def test_C62_a_full_disk(web):
    """The log's file system is full, then not: requests go on, the log by itself, with one line about what is lost."""
    logs = web.base / "logs"
    logs.mkdir()
    web.globals = f'error_log = "{logs}/ganger.log"'
    web.write(*(cgi(web, pool, pm__max_children=1) for pool in POOLS))
    mount = ["unshare", "-m", *([] if os.geteuid() == 0 else ["-r"]), "sh", "-c",
             f'mount -t tmpfs -o size=2m,mode=755 none {logs} && exec "$@"', "sh"]
    web.start(wrap=mount)
    inside = daemon.pathlib.Path(f"/proc/{web.pid}/root{logs}")
    filler = inside / "filler"
    with open(filler, "wb", buffering=0) as f:
        with pytest.raises(OSError):
            while True:
                f.write(b"x" * 4096)
    log = inside / "ganger.log"
    size = log.stat().st_size
    tokens = fill(web)
    assert log.stat().st_size - size < 8192  # the rest of a page
    filler.unlink()
    account(log.read_text, tokens)  # without anything new being logged
    assert fcgi.ask(web.sock("w0"), web.t, "err=after%0a&ok&out=x").body == b"x"
    wait_for(lambda: "after" in log.read_text())


def test_C63_a_pipe_that_nobody_reads(web):
    """The reader of a FIFO is stopped, then goes on."""
    fifo, out = web.base / "log.fifo", web.base / "read.log"
    os.mkfifo(fifo)
    web.globals = f'error_log = "{fifo}"'
    web.write(*(cgi(web, pool, pm__max_children=1) for pool in POOLS))
    web.start()  # before anybody reads
    with open(out, "wb") as f:
        reader = subprocess.Popen(["cat", str(fifo)], stdout=f)
    try:
        wait_for(lambda: "ready to handle" in out.read_text(), what="what was written before")
        reader.send_signal(signal.SIGSTOP)
        tokens = fill(web)
        assert web.ctl("ping").returncode == 0
        reader.send_signal(signal.SIGCONT)
        account(out.read_text, tokens)
        # It is killed, and another one takes its place.
        reader.kill()
        reader.wait()
        assert fcgi.ask(web.sock("w0"), web.t, "err=meanwhile%0a&ok&out=x").body == b"x"
        with open(out, "ab") as f:
            reader = subprocess.Popen(["cat", str(fifo)], stdout=f)
        wait_for(lambda: "meanwhile" in out.read_text())
    finally:
        reader.kill()
        reader.wait()


def test_an_upgrade_tells_of_what_the_log_did_not_take(web):
    """Lines that wait for a reader are lost with the old image: the new one says how many."""
    fifo, out = web.base / "log.fifo", web.base / "read.log"
    os.mkfifo(fifo)
    web.globals = f'error_log = "{fifo}"'
    web.write(*(cgi(web, pool, pm__max_children=1) for pool in POOLS))
    web.start()
    with open(out, "wb") as f:
        reader = subprocess.Popen(["cat", str(fifo)], stdout=f)
    try:
        wait_for(lambda: "ready to handle" in out.read_text(), what="what was written before")
        reader.send_signal(signal.SIGSTOP)
        tokens = fill(web, 60)
        assert web.ctl("upgrade", "--wait").returncode == 0
        reader.send_signal(signal.SIGCONT)

        def found():
            return re.findall(r'said into stderr: "(token-\d{6}-)y{700}"', out.read_text())
        wait_for(lambda: len(found()) + sum(dropped(out.read_text())) >= len(tokens), what="an account of all lines")
        assert len(found()) == len(set(found())) < len(tokens)
        # Its own words on the way are among them.
        assert len(found()) + sum(dropped(out.read_text())) <= len(tokens) + 10
        whole(out.read_text())
        assert fcgi.ask(web.sock("w0"), web.t, "err=after%0a&ok&out=x").body == b"x"
        wait_for(lambda: '"after"' in out.read_text(), what="a new line")
    finally:
        reader.kill()
        reader.wait()


def test_an_upgrade_leaves_what_nobody_has_read(web):
    """What was written into FIFOs waits for a reader, whoever is the master by then."""
    log, access = web.base / "log.fifo", web.base / "access.fifo"
    os.mkfifo(log)
    os.mkfifo(access)
    web.globals = f'error_log = "{log}"'
    web.write(cgi(web, pm__max_children=1, access__log=access, access__format='"%q"'))
    web.start()
    assert web.ask("ok&before").status == 200
    assert web.ctl("upgrade", "--wait").returncode == 0
    assert web.ask("ok&after").status == 200
    text, lines = ({"path": p, "got": b""} for p in (log, access))
    with contextlib.ExitStack() as stack:
        for one in (text, lines):
            one["fd"] = os.open(one["path"], os.O_RDONLY | os.O_NONBLOCK)
            stack.callback(os.close, one["fd"])

        def read(one):
            with contextlib.suppress(BlockingIOError):
                one["got"] += os.read(one["fd"], 65536)
            return one["got"].decode()
        wait_for(lambda: "upgraded from" in read(text), what="the new image's lines")
        wait_for(lambda: "ok&after" in read(lines), what="the last request")
    assert " becomes " in text["got"].decode()  # the old one
    whole(text["got"].decode())
    assert lines["got"].decode().splitlines() == ["ok&before", "ok&after"]


def fields(datagram):
    """An entry of the journal as its protocol has it: NAME=value, or NAME, a length and the value."""
    found = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(rest[:8], "little")
            value, rest = rest[8:8 + size], rest[8 + size + 1:]
        assert re.fullmatch(b"[A-Z][A-Z0-9_]*", name) and name.decode() not in found
        found[name.decode()] = value
        datagram = rest
    return found


class Journal:
    def __init__(self, path):
        self.path, self.entries = path, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(str(path))
        os.chmod(path, 0o666)

    def read(self):
        while True:
            try:
                self.entries.append(fields(self.socket.recv(1 << 20)))
            except BlockingIOError:
                return self.entries

    def find(self, text):
        return [e for e in self.read() if text in e["MESSAGE"].decode()]

    def end(self):
        self.socket.close()
        self.path.unlink()


def test_C64_the_journal_goes_and_comes_back(web):
    """Entries with fields while it is there, text on stderr while it is not; no request is lost, and no line."""
    path = web.base / "journal.sock"
    web.globals = f'error_log = "journal:{path}"\nsyslog.ident = "test"'
    web.write(cgi(web, pm__max_children=1))
    journal = Journal(path)
    web.start()
    ready(web, count=1)
    worker = web.workers("web")[0]
    web.ask("err=first%0a&ok")
    entry = wait_for(lambda: journal.find("first"), what="an entry")[0]
    assert entry["MESSAGE"].startswith(f"[pool web] worker {worker}: ".encode())
    assert {k: v for k, v in entry.items() if k != "MESSAGE"} == {
                     "PRIORITY": b"4", "POOL": b"web", "WORKER_PID": str(worker).encode(),
                     "SYSLOG_IDENTIFIER": b"test", "SYSLOG_FACILITY": b"3"}
    assert [e["PRIORITY"] for e in journal.find("ready to handle")] == [b"5"]
    assert "first" not in web.log
    journal.end()
    for turn in range(3):
        assert web.ask(f"err=away{turn}%0a&ok&out=x").body == b"x"
    web.wait_log(STAMP + r'WARNING: \[pool web\] worker \d+: .*"away2"')
    journal = Journal(path)

    def back():
        web.ask("err=back%0a&ok")
        return journal.find("back")
    wait_for(back, what="the journal is found again")
    # It does not read: what it has no room for is kept.
    backlog = [f"kept{n:04d}" for n in range(150)]
    for first in range(0, len(backlog), 30):
        words = "&".join(f"err={word}%0a" for word in backlog[first:first + 30])
        assert web.ask(f"{words}&ok&out=x").body == b"x"
    wait_for(lambda: journal.find(backlog[-1]), what="all that was kept")
    assert [m for e in journal.entries for m in re.findall(r"kept\d{4}", e["MESSAGE"].decode())] == backlog
    assert "kept" not in web.log and "dropped" not in web.log
    # A worker's death is about that worker, too.
    os.kill(worker, signal.SIGKILL)
    entry = wait_for(lambda: journal.find("was killed by signal 9"), what="its death")[0]
    assert entry["WORKER_PID"] == str(worker).encode() and entry["POOL"] == b"web"
