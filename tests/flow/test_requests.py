# SPDX-License-Identifier: Apache-2.0
"""Programs and clients that misbehave during a request: FAULTS C33–C44, C46–C51, C53–C55."""

import os
import re
import signal
import threading
import time

import pytest

import daemon
from fcgi import (ABORT, KEEP, PARAMS, STDIN, Closed, Conn, ask, begin, cgi_params, pairs, record,
                  stream, whole)

ASAN = daemon.ASAN


def note_pid(world, name):
    path = world.notes / name
    text = daemon.wait_for(lambda: path.exists() and path.read_text().endswith("\n") and
                           path.read_text(), what=f"the program's note {name}")
    return [int(p) for p in text.split()]


def gone(pids):
    """Wait until they are; the seconds that it took."""
    started = time.monotonic()
    daemon.wait_for(lambda: not any(map(daemon.alive, pids)), what=f"{pids} gone")
    return time.monotonic() - started


def family(world, pid):
    """The program and its children."""
    return [pid] + [c for c, _, _ in daemon.children(pid)]


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("transport", ["unix", "tcp"])
def test_C33_D88_client_gone_ends_the_process_group(web, how, transport):
    port = daemon.free_port()
    web.options["listen"] = f'{{"{web.web}", "127.0.0.1:{port}"}}'
    start_listening_on(web, port)
    took = []
    for i in range(20 if daemon.LONG else 4):
        c = Conn(web.web if transport == "unix" else ("127.0.0.1", port))
        c.send(whole(cgi_params(web.t, f"fork=60000&ok&out=x&note={web.notes}/{i}&sleep=60000")))
        pids = family(web, note_pid(web, str(i))[0])
        assert len(pids) == 2
        c.close() if how == "close" else c.reset()
        took.append(gone(pids))
    assert min(took) < 1, took  # the programs would sleep for a minute
    assert web.ask("ok&out=alive").body == b"alive"


def start_listening_on(web, port):
    text = "\n".join(f"  {k} = {v}" for k, v in web.options.items() if k != "listen")
    web.write(web.pool("web", f'  kind = cgi\n  script_root = {{"{web.root}"}}\n{text}',
                       listen=web.options["listen"]))
    web.start()


def test_C34_abort_request_ends_the_process_group(served):
    took = []
    for i in range(20 if daemon.LONG else 4):
        with Conn(served.web) as c:
            c.send(begin(flags=KEEP) + stream(PARAMS, 1, pairs(cgi_params(
                served.t, f"ignterm&fork=60000&note={served.notes}/{i}&sleep=60000"))) + record(STDIN, 1))
            pids = family(served, note_pid(served, str(i))[0])
            started = time.monotonic()
            c.send(record(ABORT, 1))
            answer = c.answer()
            assert answer.protocol_status == 0
            gone(pids)
            took.append(time.monotonic() - started)
            c.send(whole(cgi_params(served.t, "ok&out=again"), flags=KEEP))
            assert c.answer().body == b"again"
    assert min(took) < 1, took


@pytest.mark.parametrize("transport", ["unix", "tcp"])
def test_C35_half_close_is_not_an_abort(web, transport):
    port = daemon.free_port()
    web.options["listen"] = f'{{"{web.web}", "127.0.0.1:{port}"}}'
    start_listening_on(web, port)
    for i in range(100 if daemon.LONG else 8):
        with Conn(web.web if transport == "unix" else ("127.0.0.1", port)) as c:
            c.send(whole(cgi_params(web.t, f"sleep=100&ok&out={i}&sleep=50&out=end")))
            c.half_close()
            assert c.answer().body == f"{i}end".encode()


@pytest.mark.parametrize("transport", ["unix", "tcp"])
def test_queued_request_whose_client_left_is_never_run(web, transport):
    """FEATURES: a request of a client that hung up while it waited is work for nobody."""
    port = daemon.free_port()
    web.options |= {"listen": f'{{"{web.web}", "127.0.0.1:{port}"}}', "pm.max_children": 1}
    start_listening_on(web, port)
    address = web.web if transport == "unix" else ("127.0.0.1", port)
    with Conn(web.web) as busy:
        busy.send(whole(cgi_params(web.t, f"note={web.notes}/busy&until={web.notes}/go&ok")))
        note_pid(web, "busy")
        for _ in range(5):
            with Conn(address) as c:
                c.send(whole(cgi_params(web.t, f"note={web.notes}/left&ok")))
        (web.notes / "go").touch()
        assert busy.answer().status == 200
    assert web.ask("ok&out=next").body == b"next"
    assert not (web.notes / "left").exists()


def test_C36_D82_program_that_ignores_a_large_body(served):
    for _ in range(100 if daemon.LONG else 10):
        answer = served.ask("ok&out=early", os.urandom(1 << 20))
        assert (answer.status, answer.body) == (200, b"early")


@pytest.mark.parametrize("size", [64 << 10, 1 << 20, (1 << 30) if daemon.LONG else (32 << 20)])
def test_C37_echo_while_reading(served, size):
    worker_peak = 0
    body = os.urandom(1 << 20) * max(1, size >> 20) if size >= 1 << 20 else os.urandom(size)
    before = max(daemon.rss(p) for p in served.workers("web"))
    with Conn(served.web, 600) as c:
        sender = threading.Thread(target=c.send, args=(whole(
            cgi_params(served.t, "ok&cat", "POST"), body),))
        sender.start()
        answer = c.answer(timeout=600)
        worker_peak = max(daemon.rss(p) for p in served.workers("web"))
        sender.join()
    assert answer.body == body
    if not ASAN:
        assert worker_peak - before < 4 << 20


def test_C38_slow_reader_is_back_pressure(served):
    before = max(daemon.rss(p) for p in served.workers("web"))
    with Conn(served.web) as c:
        c.send(whole(cgi_params(served.t, f"ok&note={served.notes}/C38&spam={1 << 30}")))
        pid = note_pid(served, "C38")[0]
        # Blocked in write once pipe and socket are full: its position stops changing.
        daemon.wait_for(lambda: "pipe_write" in open(f"/proc/{pid}/wchan").read() or
                        open(f"/proc/{pid}/syscall").read().startswith("1 "), what="program blocked")
        for _ in range(200):
            c.read_record()
        after = max(daemon.rss(p) for p in served.workers("web"))
    assert after - before < ((64 if ASAN else 8) << 20)
    gone([pid])


def test_C39_reader_that_stops_for_ever_is_ended(web):
    web.serve(request_body_timeout="1s")
    started = time.monotonic()
    with Conn(web.web) as c:
        c.send(whole(cgi_params(web.t, f"ok&note={web.notes}/C39&spam={1 << 30}")))
        gone(note_pid(web, "C39"))
        assert time.monotonic() - started > 0.9
    assert web.ask("ok&out=alive").body == b"alive"


def test_body_that_stops_coming_is_ended(web):
    web.serve(request_body_timeout="1s")
    with Conn(web.web) as c:
        c.send(begin() + stream(PARAMS, 1, pairs(cgi_params(
            web.t, f"note={web.notes}/stall&read&ok", "POST", CONTENT_LENGTH="100"))) +
            record(STDIN, 1, b"part"))
        gone(note_pid(web, "stall"))


def test_C40_one_byte_per_write(served):
    n = 1_000_000 if daemon.LONG else 100_000
    with Conn(served.web, 120) as c:
        c.send(whole(cgi_params(served.t, f"ok&bytes={n}")))
        assert c.answer(timeout=120).body == b"x" * n
    assert max(daemon.rss(p) for p in served.workers("web")) < (64 << 20 if ASAN else 8 << 20)


def test_C41_one_byte_stdin_records_and_a_program_that_never_reads(served):
    worker_before = max(daemon.rss(p) for p in served.workers("web"))
    with Conn(served.web, 20) as c:
        c.send(begin() + stream(PARAMS, 1, pairs(cgi_params(
            served.t, f"note={served.notes}/C41&sleep=60000", "POST"))))
        pid = note_pid(served, "C41")[0]
        c.sock.settimeout(1)
        try:
            for _ in range(200):
                c.sock.sendall(record(STDIN, 1, b"x") * 1000)
        except (OSError, TimeoutError):
            pass
        assert max(daemon.rss(p) for p in served.workers("web")) - worker_before < (16 if ASAN else 1) << 20
    gone([pid])


def test_D81_body_for_a_program_that_reads_slowly(served):
    """64 KiB records for a reader of one byte a millisecond: the socket is held back, not memory filled."""
    before = max(daemon.rss(p) for p in served.workers("web"))
    sent = 0
    with Conn(served.web, 20) as c:
        c.send(begin() + stream(PARAMS, 1, pairs(cgi_params(served.t, "slowread=1000", "POST"))))
        c.sock.settimeout(1)
        try:
            for _ in range(1000):
                c.sock.sendall(record(STDIN, 1, b"x" * 65535))
                sent += 65535
        except (OSError, TimeoutError):
            pass
        assert sent < 8 << 20, "the sender is held back"
        assert max(daemon.rss(p) for p in served.workers("web")) - before < (16 if ASAN else 2) << 20


def test_C42_much_stderr_before_the_answer(served):
    size = (10 << 20) if daemon.LONG else (2 << 20)
    with Conn(served.web, 60) as c:
        c.send(whole(cgi_params(served.t, f"errspam={size}&ok&out=body")))
        answer = c.answer(timeout=60)
    assert answer.body == b"body"


def test_C43_stdout_closed_early_does_not_hold_the_request(served):
    started = time.monotonic()
    answer = served.ask(f"ok&out=body&note={served.notes}/C43&closeout&closeerr&sleep=60000")
    assert answer.body == b"body" and time.monotonic() - started < daemon.AT_ONCE
    gone(note_pid(served, "C43"))


@pytest.mark.parametrize("how", ["fork", "daemon"])
def test_C44_a_child_that_keeps_the_pipes_does_not_hold_the_request(served, how):
    started = time.monotonic()
    with Conn(served.web) as c:
        c.send(whole(cgi_params(served.t, f"{how}=60000&ok&out=body&note={served.notes}/{how}")))
        pid = note_pid(served, how)[0]
        answer = c.answer()
    assert answer.body == b"body" and time.monotonic() - started < daemon.AT_ONCE
    daemon.wait_for(lambda: not group_members(pid), what="the whole group is gone")


def group_members(group):
    out = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stat = open(f"/proc/{name}/stat", encoding="latin-1").read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(stat[2]) == group and stat[0] not in "ZX":
                out.append(int(name))
    return out


def test_every_request_ends_its_group(served):
    """A background child without the pipes goes with its request, too."""
    script = served.folder.script("cgi/bg", "#!/bin/sh\nsleep 600 >/dev/null 2>&1 </dev/null &\n"
                                  "printf 'Content-Type: a/b\\n\\n%s' $$\n")
    group = int(ask(served.web, script).body)
    daemon.wait_for(lambda: not group_members(group), what="the background child is gone")


def test_C46_no_output_is_502(served):
    assert served.ask("exit=0").status == 502
    served.wait_log(r"\[pool web\].*/t.*(no|empty|nothing)")


def test_C47_text_without_a_header_is_502_and_only_in_the_log(served):
    answer = served.ask("out=secret traceback\n")
    assert answer.status == 502 and b"secret" not in answer.stdout


def test_C48_killed_in_the_middle_is_visible(served):
    with Conn(served.web) as c:
        c.send(whole(cgi_params(served.t, "ok&spam=100000&raise=9")))
        a = c.until_closed()[1]
    assert not a.ended and not a.out_ended
    served.wait_log(r"\[pool web\].*(SIGKILL|signal 9)")


def test_C50_too_slow_before_the_header_is_504(web):
    web.serve(request_terminate_timeout="500ms")
    started = time.monotonic()
    answer = web.ask(f"note={web.notes}/C50&sleep=60000")
    assert answer.status == 504 and 0.4 < time.monotonic() - started < daemon.AT_ONCE
    gone(note_pid(web, "C50"))
    web.wait_log(r"\[pool web\].*request_terminate_timeout")


def test_C50_a_program_that_ignores_term_is_killed(web):
    web.serve(request_terminate_timeout="300ms")
    answer = web.ask(f"ignterm&fork=60000&note={web.notes}/pid&sleep=60000")
    assert answer.status == 504
    pid = note_pid(web, "pid")[0]
    daemon.wait_for(lambda: not group_members(pid), what="the whole group is gone")


def test_C51_too_slow_after_the_header_is_cut_visibly(web):
    web.serve(request_terminate_timeout="500ms")
    with Conn(web.web) as c:
        c.send(whole(cgi_params(web.t, f"ok&out=part&note={web.notes}/C51&sleep=60000")))
        a = c.until_closed()[1]
        assert a.body == b"part" and not a.ended
    gone(note_pid(web, "C51"))


def make_errors(world):
    """{name: (path, expected statuses)} of FAULTS C53."""
    root = world.root
    f = world.folder
    os.mkfifo(root / "fifo")
    os.chmod(root / "fifo", 0o777)
    (root / "dir").mkdir()
    (root / "dir").chmod(0o755)
    outside = f.script("outside/evil", "#!/bin/sh\necho\n")
    os.symlink(outside, root / "link-out")
    os.symlink("t", root / "link-in")
    os.symlink("loop", root / "loop")
    os.symlink("/proc/self/exe", root / "magic")
    return {
        "missing": (f"{root}/missing", {404}),
        "not_executable": (f.script("cgi/plain", "#!/bin/sh\n", 0o644), {403}),
        "unreadable_folder": (str(root / "dir"), {403, 404}),
        "fifo": (str(root / "fifo"), {403}),
        "outside": (outside, {403}),
        "symlink_out": (str(root / "link-out"), {403}),
        "symlink_loop": (str(root / "loop"), {403, 404}),
        "proc_exe": ("/proc/self/exe", {403, 404}),
        "magic_link": (str(root / "magic"), {403, 404}),
        "dev_fd": ("/dev/fd/0", {403, 404}),
        "dotdot": (f"{root}/../outside/evil", {403, 404}),
        "relative": ("t", {403, 404}),
        "empty": ("", {403, 404}),
        "too_long": (f"{root}/" + "x" * 5000, {403, 404, 431}),
        "etc_passwd": ("/etc/passwd", {403}),
        "prefix_of_the_root": (f"{root}-evil/x", {403, 404}),
        "no_interpreter": (f.script("cgi/nointerp", "#!/no/such/interpreter\n"), {502, 503}),
        "no_format": (f.script("cgi/noformat", "this is no program\n"), {502, 503}),
        "long_shebang": (f.script("cgi/longbang", "#!" + "/x" * 300 + "\n"), {502, 503}),
    }


def test_C53_D67_programs_that_cannot_be_started(served):
    before = {p: daemon.descriptors(p) for p in served.workers("web")}
    for name, (path, statuses) in make_errors(served).items():
        answer = ask(served.web, path)
        assert answer.status in statuses, (name, answer)
        assert "text/plain" in answer.headers["content-type"]
    assert served.ask("ok&out=fine").body == b"fine"
    assert ask(served.web, str(served.root / "link-in"), "ok&out=linked").body == b"linked"
    assert ask(served.web, f"{served.root}//./t", "ok&out=slashes").body == b"slashes"
    daemon.wait_for(lambda: {p: daemon.descriptors(p) for p in served.workers("web")} == before,
                    3, "no descriptor leaked")
    served.wait_log(r"\[pool web\].*missing")
    served.wait_log(r"\[pool web\].*nointerp")


def test_C53_path_info_is_split_at_the_script(served):
    a = ask(served.web, served.t + "/extra/path", "ok&env=PATH_INFO&env=SCRIPT_FILENAME&env=SCRIPT_NAME",
            SCRIPT_NAME="/cgi/t/extra/path")
    env = dict(line.split("=", 1) for line in a.body.decode().splitlines())
    assert env["PATH_INFO"] == "/extra/path" and env["SCRIPT_FILENAME"] == served.t
    assert env["SCRIPT_NAME"] == "/cgi/t"
    assert ask(served.web, served.t + "x/extra").status == 404


def test_D68_script_name_below_document_root(served):
    a = ask(served.web, "x", "ok&env=SCRIPT_FILENAME", SCRIPT_FILENAME=None, SCRIPT_NAME="/t",
            DOCUMENT_ROOT=str(served.root))
    assert a.body == f"SCRIPT_FILENAME={served.t}\n".encode()
    assert ask(served.web, "x", SCRIPT_FILENAME=None, SCRIPT_NAME="/t", DOCUMENT_ROOT="/etc").status in (403, 404)


@pytest.mark.parametrize("prefix", ["proxy:fcgi://127.0.0.1:9000", "proxy:balancer://cluster",
                                    "proxy:fcgi://localhost"])
def test_apache_prefixes_of_script_filename(served, prefix):
    assert ask(served.web, prefix + served.t, "ok&out=apache").body == b"apache"


def test_C54_what_a_program_is_born_with(each_ganger, programs):
    import shutil
    g = each_ganger
    root = g.base / "cgi"
    root.mkdir()
    root.chmod(0o755)
    shutil.copy(programs["cgi"], root / "t")
    (root / "t").chmod(0o755)
    g.write(g.pool("web", f'  kind = cgi\n  script_root = {{"{root}"}}\n  pm.max_children = 1\n'
                          '  env = {"POOL=yes", "X_FIX=pool"}'))
    g.start()
    a = ask(g.sock("web"), str(root / "t"), "ok&self", X_FIX="wire")
    text = a.body.decode()
    assert sorted(re.findall(r"^fd (\d+)", text, re.M)) == ["0", "1", "2"]
    assert "fd 1 pipe 0" in text and "fd 2 pipe 0" in text
    assert f"argv 0 {root}/t\n" in text and "argv 1" not in text
    assert f"cwd {root}\n" in text
    assert "leader 1" in text and "session 1" in text and "nice 0" in text
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert re.search(rf"^{name}:\t0+$", text, re.M), text
    assert re.search(r"^NoNewPrivs:\t1$", text, re.M)
    for name in ("SigBlk", "SigIgn", "SigCgt"):
        assert re.search(rf"^{name}:\t0+$", text, re.M), text
    assert re.search(r"^core 0$", text, re.M) and re.search(r"^oom 0$", text, re.M)
    if g.as_root:
        assert re.search(r"^Uid:\t65534\t65534\t65534\t65534$", text, re.M)
        assert re.search(r"^Gid:\t65534\t65534\t65534\t65534$", text, re.M)
        assert re.search(r"^CapBnd:\t0+$", text, re.M)
    environ = ask(g.sock("web"), str(root / "t"), "ok&environ", X_FIX="wire").body.decode()
    names = {line.split("=", 1)[0] for line in environ.splitlines() if "=" in line}
    assert names == set(cgi_params("x")) | {"PATH", "POOL", "X_FIX", "FCGI_ROLE"} | \
        (names & {"PATH_INFO", "PATH_TRANSLATED"})
    assert "POOL=yes" in environ and "X_FIX=pool" in environ


def test_C55_flags_of_one_programs_pipes_do_not_stay(served):
    for i in range(1000 if daemon.LONG else 50):
        assert served.ask(f"nonblock&ok&out={i}").body == str(i).encode()
    assert "fd 1 pipe 0" in served.ask("ok&self").body.decode()


def test_streams_first_byte_at_once(served):
    with Conn(served.web) as c:
        c.send(whole(cgi_params(served.t, f"ok&out=first&until={served.notes}/go&out=last")))
        text = b""
        while not text.endswith(b"first"):
            text += c.read_record()[2]
        (served.notes / "go").touch()
        assert c.answer().stdout == b"last"


@pytest.mark.parametrize("timeout", ["0", "500ms"])
def test_a_conversation_in_both_directions(web, timeout):
    """The client waits for the first half of the answer before it sends the second half of its body."""
    web.serve(response_holdback_timeout=timeout)
    with Conn(web.web) as c:
        c.send(begin() + stream(PARAMS, 1, pairs(cgi_params(web.t, "ok&cat", "POST"))))
        text = b""
        for word in (b"one", b"two", b"three"):
            c.send(record(STDIN, 1, word))
            while not text.endswith(word):
                text += c.read_record()[2]
        c.send(record(STDIN, 1))
        assert c.answer().stdout == b""


def test_a_response_is_held_back_while_its_body_comes(web):
    """nginx would stop sending the body at the first byte of the response."""
    web.serve(response_holdback_timeout="20s")
    with Conn(web.web) as c:
        c.send(begin() + stream(PARAMS, 1, pairs(cgi_params(
            web.t, f"ok&out=early&note={web.notes}/held&cat", "POST"))) + record(STDIN, 1, b"1"))
        note_pid(web, "held")
        c.send(record(STDIN, 1, b"2"))
        with pytest.raises(TimeoutError):
            c.read_record(0.3)
        c.send(record(STDIN, 1))
        assert c.answer().body == b"early12"


def test_output_and_rusage_reach_the_board(served):
    served.ask("ok&spam=1000000")
    process = daemon.wait_for(lambda: [p for p in served.status("web", full=True)["processes"]
                                       if p["requests"]], what="the request is counted")
    assert process[0]["request method"] == "GET"
    assert process[0]["script"].endswith("/t")
