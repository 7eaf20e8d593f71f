# SPDX-License-Identifier: Apache-2.0
"""FastCGI streams, legal and illegal, against a real worker.

Test names carry the row of the bad-input catalogue (D01 …).  Each illegal stream must cost only its own
connection: the fixture proves that the very same worker still serves afterwards.
"""

import os
import struct
import time

import pytest

import daemon
from fcgi import (ABORT, AUTHORIZER, BEGIN, CANT_MPX, COMPLETE, DATA, END, FILTER, GET_VALUES,
                  GET_VALUES_RESULT, KEEP, PARAMS, STDIN, STDOUT, UNKNOWN, UNKNOWN_ROLE, Closed, Conn,
                  begin, cgi_params, decode_pairs, length, pair, pairs, record, stream, whole)


@pytest.fixture(scope="module")
def world(programs, request):
    """One ganger with ONE worker for the whole module, so that a lost worker is seen."""
    folder = daemon.Folder()
    g = daemon.Ganger(folder)
    root = folder.path / "cgi"
    root.mkdir()
    root.chmod(0o755)
    import shutil
    shutil.copy(programs["cgi"], root / "t")
    (root / "t").chmod(0o755)
    notes = folder.path / "notes"
    notes.mkdir()
    notes.chmod(0o777)
    g.t, g.web, g.notes = str(root / "t"), g.sock("web"), notes
    g.write(g.pool("web", f'  kind = cgi\n  script_root = {{"{root}"}}\n  pm.max_children = 1\n'
                          '  request_params_timeout = 1s\n  keepalive_timeout = 30s'))
    g.start()
    yield g
    import conftest
    conftest.finish(g)
    folder.remove()


@pytest.fixture
def one(world):
    """The world, with the check that its only worker survived the test and still serves."""
    before = world.workers("web")
    assert len(before) == 1
    yield world
    assert serves(world)
    assert world.workers("web") == before, "the worker did not survive"


def serves(world):
    with Conn(world.web) as c:
        c.send(whole(cgi_params(world.t, "ok&out=alive")))
        return c.answer().body == b"alive"


def params(world, query="ok&out=hi", **more):
    return cgi_params(world.t, query, **more)


def noted(world, name):
    path = world.notes / name
    return path.exists()


def check_hi(answer, body=b"hi"):
    assert answer.status == 200 and answer.body == body, answer
    assert (answer.app_status, answer.protocol_status) == (0, COMPLETE)


# ---- legal shapes -----------------------------------------------------------------------------


def test_D04_one_byte_per_write(one):
    with Conn(one.web) as c:
        c.send(whole(params(one)), step=1)
        check_hi(c.answer())


def test_D04_split_at_each_byte(one):
    """The stream cut in two at every position, the halves in separate writes."""
    data = whole({"SCRIPT_FILENAME": one.t, "REQUEST_METHOD": "POST",
                  "QUERY_STRING": "ok&cat"}, b"body", pad=3)
    step = 1 if daemon.LONG else 7
    for cut in range(1, len(data), step):
        with Conn(one.web) as c:
            c.send(data[:cut])
            c.send(data[cut:])
            check_hi(c.answer(), b"body")


def test_D05_two_pipelined_requests_on_a_kept_connection(one):
    with Conn(one.web) as c:
        c.send(whole(params(one, "ok&out=1"), flags=KEEP) +
               whole(params(one, "ok&out=2"), flags=KEEP, id_=2))
        assert c.answer(1).body == b"1"
        assert c.answer(2).body == b"2"


def test_D09_D37_reserved_bytes_are_ignored(one):
    with Conn(one.web) as c:
        c.send(record(BEGIN, 1, struct.pack(">HB", 1, 0) + b"\xff" * 5, reserved=255) +
               record(PARAMS, 1, pairs(params(one)), reserved=255) +
               record(PARAMS, 1, reserved=255) + record(STDIN, 1, reserved=255))
        check_hi(c.answer())


@pytest.mark.parametrize("pad", range(256) if daemon.LONG else [0, 1, 2, 7, 8, 9, 127, 128, 254, 255])
def test_D11_D12_D13_padding(one, pad):
    with Conn(one.web) as c:
        c.send(whole(params(one, "ok&cat", method="POST"), b"z" * 70000, pad=pad))
        check_hi(c.answer(), b"z" * 70000)


def test_D13_longest_record(one):
    """65535 bytes of content and 255 of padding in PARAMS."""
    wire = pairs(params(one))
    filler = 65535 - len(wire)
    name = b"X_FILL"
    value = b"v" * (filler - len(name) - 5)
    wire += bytes([len(name)]) + length(len(value), True) + name + value
    assert len(wire) == 65535
    with Conn(one.web) as c:
        c.send(begin() + record(PARAMS, 1, wire, 255) + record(PARAMS, 1) + record(STDIN, 1))
        check_hi(c.answer())


def test_D14_padding_that_looks_like_records(one):
    evil = whole(params(one, f"note={one.notes}/D14"))[:255]
    head = struct.pack(">BBHHBB", 1, STDIN, 1, 0, len(evil), 0)
    with Conn(one.web) as c:
        c.send(begin() + stream(PARAMS, 1, pairs(params(one))) + head + evil)
        check_hi(c.answer())
    assert not noted(one, "D14")


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 8, 500])
def test_D17_D40_params_in_unaligned_pieces(one, chunk):
    with Conn(one.web) as c:
        c.send(whole(params(one), chunk=chunk))
        check_hi(c.answer())


@pytest.mark.parametrize("id_", [1, 2, 255, 256, 65535])
def test_D19_request_ids(one, id_):
    with Conn(one.web) as c:
        c.send(whole(params(one), id_=id_))
        check_hi(c.answer(id_))


def test_D35_D36_unknown_flag_bits(one):
    with Conn(one.web) as c:
        c.send(whole(params(one), flags=0xFE))
        check_hi(c.answer())
        c.until_closed()
    with Conn(one.web) as c:
        c.send(whole(params(one), flags=0xFF))
        check_hi(c.answer())
        c.send(whole(params(one), flags=0xFF))
        check_hi(c.answer())


@pytest.mark.parametrize("size", [0, 1, 127, 128, 129, 65000])
@pytest.mark.parametrize("long", [False, True])
def test_D48_D49_lengths_of_1_and_4_bytes(one, size, long):
    more = {"X_LEN": "v" * size}
    with Conn(one.web) as c:
        c.send(begin() + stream(PARAMS, 1, pairs({**params(one, "ok&env=X_LEN"), **more}, long)) +
               record(STDIN, 1))
        check_hi(c.answer(), f"X_LEN={'v' * size}\n".encode())


def test_hundred_requests_on_one_connection(one):
    with Conn(one.web) as c:
        for i in range(100):
            c.send(whole(params(one, f"ok&out={i}"), flags=KEEP))
            check_hi(c.answer(), str(i).encode())


def test_sixteen_multiplexed_requests(one):
    """All are in hand together: the first to be sent answers last."""
    with Conn(one.web) as c:
        for i in range(1, 17):
            c.send(begin(i, flags=KEEP) + stream(PARAMS, i, pairs(
                params(one, "ok&cat", method="POST"))))
        for i in reversed(range(1, 17)):
            c.send(stream(STDIN, i, f"body {i}".encode()))
            check_hi(c.answer(i), f"body {i}".encode())


def test_multiplexed_interleaved_records(one):
    ids = range(1, 9)
    per_id = [[record(*r) for r in
               [(BEGIN, i, struct.pack(">HB5x", 1, KEEP)),
                *[(PARAMS, i, pairs(params(one, "ok&cat", method="POST"))[k:k + 40])
                  for k in range(0, len(pairs(params(one, "ok&cat", method="POST"))), 40)],
                (PARAMS, i, b""), (STDIN, i, b"a%d" % i), (STDIN, i, b"b%d" % i), (STDIN, i, b"")]]
              for i in ids]
    with Conn(one.web) as c:
        for step in range(max(map(len, per_id))):
            c.send(b"".join(p[step] for p in per_id if step < len(p)))
        for i in ids:
            check_hi(c.answer(i), b"a%db%d" % (i, i))


def test_one_mebibyte_of_params(one):
    many = {f"X_{i}": "v" * 60000 for i in range(17)}
    with Conn(one.web) as c:
        c.send(whole({**params(one, "ok&env=X_16"), **many}))
        check_hi(c.answer(timeout=30), b"X_16=" + b"v" * 60000 + b"\n")


def test_ten_mebibyte_body_is_echoed(one):
    body = os.urandom(10 << 20)
    with Conn(one.web, 60) as c:
        import threading
        sender = threading.Thread(target=c.send, args=(whole(
            params(one, "ok&cat", method="POST"), body),))
        sender.start()
        answer = c.answer(timeout=60)
        sender.join()
    assert answer.body == body


# ---- illegal framing: each costs its own connection ---------------------------------------------

def begin_and_params(world, name, id_=1):
    return begin(id_) + stream(PARAMS, id_, pairs(params(world, f"note={world.notes}/{name}&ok")),
                               end=False)


ILLEGAL = {
    "D06_version_0": lambda w: struct.pack(">BBHHBB", 0, 1, 1, 8, 0, 0) + bytes(8),
    "D07_version_2": lambda w: struct.pack(">BBHHBB", 2, 1, 1, 8, 0, 0) + bytes(8),
    "D10_http": lambda w: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "D10_tls": lambda w: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "D16_empty_records": lambda w: record(STDIN, 9) * 10000,
    "D18_begin_id_0": lambda w: record(BEGIN, 0, struct.pack(">HB5x", 1, 0)),
    "D23_begin_twice": lambda w: begin(1) + begin(1),
    "D33_begin_of_7": lambda w: record(BEGIN, 1, bytes([0, 1, 0, 0, 0, 0, 0])),
    "D33_begin_of_0": lambda w: record(BEGIN, 1),
    "D34_begin_of_16": lambda w: record(BEGIN, 1, struct.pack(">HB13x", 1, 0)),
    "D43_stdin_before_end_of_params": lambda w: begin_and_params(w, "bad") + record(STDIN, 1, b"x"),
    "D50_announced_4_gib": lambda w: begin() + record(PARAMS, 1, b"\xff" * 8 + b"x"),
    "D51_announced_2_gib": lambda w: begin() + record(PARAMS, 1, b"\x7f" + b"\xff" * 7) +
    record(PARAMS, 1) + record(STDIN, 1),
    "D52_cut_in_value": lambda w: begin() + record(PARAMS, 1, pair("A", "bcd")[:-1]) +
    record(PARAMS, 1) + record(STDIN, 1),
    "D52_cut_in_length": lambda w: begin() + record(PARAMS, 1, b"\x01\x80\x00") +
    record(PARAMS, 1) + record(STDIN, 1),
    "D53_one_byte_too_many": lambda w: begin() + record(PARAMS, 1, pairs({"A": "b"}) + b"\x01") +
    record(PARAMS, 1) + record(STDIN, 1),
    "D91_end_request_from_the_server": lambda w: begin_and_params(w, "bad") + record(END, 1, bytes(8)),
    "D91_stdout_from_the_server": lambda w: begin_and_params(w, "bad") + record(STDOUT, 1, b"x"),
    "D96_get_values_cut": lambda w: record(GET_VALUES, 0, b"\x05\x00ab"),
    "D101_params_with_id_0": lambda w: record(PARAMS, 0, b"\x01\x01ab"),
    "D101_stdin_with_id_0": lambda w: record(STDIN, 0, b"x"),
}


@pytest.mark.parametrize("name", ILLEGAL)
def test_illegal_stream_costs_its_connection(one, name):
    with Conn(one.web) as good, Conn(one.web) as bad:
        good.send(whole(params(one, "ok&out=1"), flags=KEEP))
        check_hi(good.answer(), b"1")
        bad.send(ILLEGAL[name](one))
        for answer in bad.until_closed().values():
            assert answer.status >= 400 or answer.protocol_status != COMPLETE
        good.send(whole(params(one, "ok&out=2"), flags=KEEP))
        check_hi(good.answer(), b"2")
    assert not noted(one, "bad"), "a request of an illegal stream was run"


def test_D07_is_logged_with_a_hint(one):
    with Conn(one.web) as c:
        c.send(b"GET / HTTP/1.1\r\n\r\n")
        c.until_closed()
    one.wait_log(r"\[pool web\].*HTTP")


def test_D01_D02_D15_cut_short_then_closed(one):
    whole_one = begin_and_params(one, "cut")
    for data in (b"", whole_one[:3], whole_one[:8], whole_one[:20], whole_one):
        with Conn(one.web) as c:
            c.send(data)
    assert serves(one)
    assert not noted(one, "cut")


@pytest.mark.parametrize("data", [b"\x01", b"\x01\x01\x00\x01\x00\x08", "begin", "params"])
def test_D03_a_peer_that_stops_in_the_middle_is_closed(one, data):
    data = {"begin": begin(), "params": begin_and_params(one, "D03")}.get(data, data)
    started = time.monotonic()
    with Conn(one.web) as c:
        c.send(data)
        c.until_closed()
        assert time.monotonic() - started > 0.8, "closed before the deadline"
    assert not noted(one, "D03")


def test_D08_bad_version_while_a_request_runs_kills_it(one):
    with Conn(one.web) as c:
        c.send(begin() + stream(PARAMS, 1, pairs(params(one, f"note={one.notes}/D08&ok&sleep=60000"))))
        pid = int(daemon.wait_for(lambda: noted(one, "D08") and
                                  (one.notes / "D08").read_text().strip()))
        c.send(b"\xff\x05\x00\x01\x00\x00\x00\x00")
        c.until_closed()
    daemon.wait_for(lambda: not daemon.alive(pid), what="the program is gone")


# ---- ids -------------------------------------------------------------------------------------------

def test_D20_D28_records_of_inactive_ids_are_ignored(one):
    with Conn(one.web) as c:
        c.send(record(PARAMS, 7, b"x") + record(STDIN, 7, b"y") + record(ABORT, 7) +
               record(DATA, 7, b"z"))
        c.send(begin() + stream(PARAMS, 1, pairs(params(one, "ok&cat", method="POST"))))
        c.send(record(ABORT, 2) + stream(STDIN, 1, b"body"))
        check_hi(c.answer(), b"body")


def test_D21_D29_params_of_another_id_are_not_taken(one):
    with Conn(one.web) as c:
        c.send(begin(1) + record(PARAMS, 2, pairs(params(one, f"note={one.notes}/D21"))) +
               record(PARAMS, 2) + stream(PARAMS, 1, pairs(params(one))) + record(STDIN, 1))
        check_hi(c.answer())
    assert not noted(one, "D21")


def test_D22_D24_D27_second_id_is_a_request_of_its_own(one):
    """The design serves multiplexed requests, so 2 runs beside 1 and nothing is mixed."""
    with Conn(one.web) as c:
        p = pairs(params(one, "ok&cat", method="POST"))
        c.send(begin(1, flags=KEEP) + record(PARAMS, 1, p[:30]) + begin(2, flags=KEEP) +
               record(PARAMS, 1, p[30:]) + record(PARAMS, 1) + stream(PARAMS, 2, p))
        c.send(record(STDIN, 1, b"one") + record(STDIN, 2, b"two") + record(STDIN, 1) +
               record(STDIN, 2))
        check_hi(c.answer(1), b"one")
        check_hi(c.answer(2), b"two")


def test_D25_more_ids_than_a_connection_may_have(one):
    with Conn(one.web) as c:
        c.send(b"".join(begin(i, flags=KEEP) for i in range(1, 300)))
        refused = 0
        try:
            while True:
                type_, _, content = c.read_record(0.5)
                if type_ == END:
                    assert content[4] == CANT_MPX
                    refused += 1
        except (TimeoutError, Closed):
            pass
        assert 200 <= refused <= 298


@pytest.mark.parametrize("role", [0, 4, 9, 65535, FILTER])
def test_D30_D32_unknown_roles(one, role):
    with Conn(one.web) as c:
        c.send(whole(params(one, f"note={one.notes}/role"), flags=KEEP, role=role))
        assert c.answer().protocol_status == UNKNOWN_ROLE
        c.send(whole(params(one), flags=KEEP))
        check_hi(c.answer())
    assert not noted(one, "role")


def test_D31_authorizer_knows_its_role(one):
    with Conn(one.web) as c:
        c.send(whole(params(one, "out=Status: 200%0d%0aVariable-USER: joe%0d%0a%0d%0a&env=FCGI_ROLE"),
                     role=AUTHORIZER))
        answer = c.answer()
        assert answer.status == 200 and "variable-user" in answer.headers
        assert b"FCGI_ROLE=AUTHORIZER" in answer.body


def test_D38_a_body_left_over_is_never_a_request(one):
    with Conn(one.web) as c:
        c.send(begin(1, flags=KEEP) + stream(PARAMS, 1, pairs(
            params(one, "ok&out=1", method="POST", CONTENT_LENGTH="1000000"))))
        check_hi(c.answer(), b"1")
        evil = whole(params(one, f"note={one.notes}/D38&ok"), flags=KEEP)
        c.send(record(STDIN, 1, evil) + record(STDIN, 1))
        c.send(whole(params(one, "ok&out=2"), flags=KEEP))
        check_hi(c.answer(), b"2")
    assert not noted(one, "D38")


def test_D79_records_in_the_body_are_body(one):
    evil = whole(params(one, f"note={one.notes}/D79&ok"), flags=KEEP)
    with Conn(one.web) as c:
        c.send(whole(params(one, "ok&out=only", method="POST"), evil, flags=KEEP))
        check_hi(c.answer(), b"only")
        c.send(record(GET_VALUES, 0, pair("FCGI_MAX_REQS", "")))
        assert c.other()[0] == GET_VALUES_RESULT
        assert not c.answers, "exactly one answer"
    assert not noted(one, "D79")


# ---- params ---------------------------------------------------------------------------------------

def test_D41_no_params_at_all(one):
    with Conn(one.web) as c:
        c.send(begin() + record(PARAMS, 1) + record(STDIN, 1))
        assert c.answer().status in (400, 404, 500)


def test_D42_closed_before_the_empty_params_record(one):
    for _ in range(20):
        with Conn(one.web) as c:
            c.send(begin_and_params(one, "D42"))
    assert serves(one)
    assert not noted(one, "D42")


def test_D44_unknown_type_inside_params_is_ignored(one):
    with Conn(one.web) as c:
        p = pairs(params(one))
        c.send(begin() + record(PARAMS, 1, p[:20]) + record(77, 1, b"?") +
               record(PARAMS, 1, p[20:]) + record(PARAMS, 1) + record(STDIN, 1))
        check_hi(c.answer())


def test_D45_get_values_inside_params(one):
    with Conn(one.web) as c:
        p = pairs(params(one))
        c.send(begin() + record(PARAMS, 1, p[:20]) + record(GET_VALUES, 0, pair("FCGI_MPXS_CONNS", "")))
        assert decode_pairs(c.other()[1]) == {"FCGI_MPXS_CONNS": "1"}
        c.send(record(PARAMS, 1, p[20:]) + record(PARAMS, 1) + record(STDIN, 1))
        check_hi(c.answer())


@pytest.mark.parametrize("after", [record(PARAMS, 1), record(PARAMS, 1, b"\x01\x01ab")])
def test_D46_D47_params_after_their_end(one, after):
    with Conn(one.web) as c:
        c.send(begin() + stream(PARAMS, 1, pairs(params(one, f"note={one.notes}/D46&sleep=50&ok"))) + after)
        answers = c.until_closed()
        assert not any(a.ended and a.status == 200 for a in answers.values())
    ran = (one.notes / "D46").read_text().split() if noted(one, "D46") else []
    assert len(ran) <= 2, "the script ran once for each connection at most"


def test_D54_D55_params_past_the_limits(one):
    for many in ({"X": "v" * 200000}, {f"X_{i}": "" for i in range(20000)},
                 {f"X_{i}": "v" * 100000 for i in range(30)}):
        with Conn(one.web) as c:
            c.send(whole({**params(one), **many}))
            try:
                assert c.answer().status == 431
            except Closed:
                pass


def environment(world, more, body=b"", **extra):
    with Conn(world.web) as c:
        given = list(params(world, "ok&environ", **extra).items()) + list(more)
        c.send(begin() + stream(PARAMS, 1, pairs(given)) + stream(STDIN, 1, body))
        answer = c.answer()
    lines = answer.body.decode("latin-1").split("\n")
    return answer, dict(line.split("=", 1) for line in lines if "=" in line)


def test_D56_to_D66_names_that_never_come_from_the_wire(one):
    bad = [("", "x"), ("A=B", "c"), ("A\0B", "c"), ("A\nB", "c"), ("A B", "c"), ("A%B", "c"),
           ("() { :;}", "c"), ("1A", "c"), ("HTTP_PROXY", "evil"), ("http_proxy", "evil"),
           ("Http_Proxy", "evil"), ("FCGI_WEB_SERVER_ADDRS", "evil"), ("GANGER_X", "evil"),
           ("FCGI_ROLE", "evil")]
    bad += [(n, "evil") for n in (
        "LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT IFS BASH_ENV ENV PYTHONPATH PYTHONHOME PYTHONSTARTUP "
        "PERL5LIB PERL5OPT GLIBC_TUNABLES GCONV_PATH RUBYOPT NODE_OPTIONS").split()]
    answer, env = environment(one, bad)
    assert answer.status == 200
    assert "evil" not in env.values() and "c" not in env.values()
    assert env.get("PATH") == "/usr/local/bin:/usr/bin:/bin"
    assert env["FCGI_ROLE"] == "RESPONDER"


def test_D57_empty_value_is_exported(one):
    assert environment(one, [("X_EMPTY", "")])[1]["X_EMPTY"] == ""


def test_D61_control_bytes_in_a_value_pass_but_never_reach_the_log_raw(one):
    answer, _ = environment(one, [("X_CTL", "a\x1b[31m\rb")])
    assert b"X_CTL=a\x1b[31m\rb" in answer.body


def test_D65_last_of_duplicates_wins_once(one):
    answer, env = environment(one, [("X_DUP", "first"), ("X_DUP", "last")])
    assert answer.body.count(b"X_DUP=") == 1 and env["X_DUP"] == "last"


def test_D66_names_that_differ_in_case_only(one):
    answer, _ = environment(one, [("X_CASE", "a"), ("x_case", "b")])
    assert answer.body.lower().count(b"x_case=") == 1


def test_D60_nul_in_a_value_refuses_the_request(one):
    with Conn(one.web) as c:
        c.send(whole(params(one, f"note={one.notes}/D60&ok", PATH_INFO="/ok\0/evil")))
        assert c.answer().status == 400
    assert not noted(one, "D60")


@pytest.mark.parametrize("value", ["-1", " 5", "+5", "5x", "18446744073709551616", "0x5", "5,5"])
def test_D69_bad_content_length(one, value):
    with Conn(one.web) as c:
        c.send(whole(params(one, f"note={one.notes}/D69&ok", CONTENT_LENGTH=value)))
        assert c.answer().status == 400
    assert not noted(one, "D69")


def test_D69_empty_content_length_is_unset(one):
    with Conn(one.web) as c:
        c.send(whole(params(one, CONTENT_LENGTH="")))
        check_hi(c.answer())


@pytest.mark.parametrize("method", ["", "G" * 4096, "GET POST"])
def test_D70_bad_method(one, method):
    with Conn(one.web) as c:
        c.send(whole(params(one, method=method)))
        assert c.answer().status == 400


# ---- body -----------------------------------------------------------------------------------------

def test_D72_get_without_any_stdin_record_starts_at_once(one):
    with Conn(one.web) as c:
        c.send(begin() + stream(PARAMS, 1, pairs(params(one))))
        check_hi(c.answer())


def test_D74_body_shorter_than_announced(one):
    with Conn(one.web) as c:
        started = time.monotonic()
        c.send(begin() + stream(PARAMS, 1, pairs(params(one, "ok&length", method="POST", CONTENT_LENGTH="100"))) +
               stream(STDIN, 1, b"0123456789"))
        assert c.answer().body == b"10\n"
        assert time.monotonic() - started < daemon.AT_ONCE


def test_D75_body_longer_than_announced(one):
    with Conn(one.web) as c:
        c.send(begin(flags=KEEP) + stream(PARAMS, 1, pairs(params(
            one, "ok&cat", method="POST", CONTENT_LENGTH="10"))) +
            stream(STDIN, 1, b"0123456789" + b"X" * 20))
        check_hi(c.answer(), b"0123456789")
        c.send(whole(params(one), flags=KEEP))
        check_hi(c.answer())


def test_D76_body_without_content_length(one):
    with Conn(one.web) as c:
        c.send(begin() + stream(PARAMS, 1, pairs(params(one, "ok&cat", method="POST"))) +
               stream(STDIN, 1, b"chunked"))
        check_hi(c.answer(), b"chunked")


def test_D77_stdin_after_its_end(one):
    with Conn(one.web) as c:
        c.send(begin(flags=KEEP) + stream(PARAMS, 1, pairs(params(one, "ok&sleep=60000"))) +
               record(STDIN, 1) + record(STDIN, 1, b"more"))
        assert not any(a.ended for a in c.until_closed().values())


def test_D78_answered_but_the_body_never_ends(one):
    with Conn(one.web) as c:
        c.send(begin(flags=KEEP) + stream(PARAMS, 1, pairs(params(
            one, "ok&out=hi", method="POST", CONTENT_LENGTH="1000"))) + record(STDIN, 1, b"x"))
        check_hi(c.answer())
        c.until_closed(8)


def test_D80_body_in_records_of_one_byte(one):
    n = 1_000_000 if daemon.LONG else 100_000
    worker = one.workers("web")[0]
    before = daemon.rss(worker)
    with Conn(one.web, 120) as c:
        c.send(begin() + stream(PARAMS, 1, pairs(params(one, "ok&length", method="POST"))))
        c.send(record(STDIN, 1, b"x") * n + record(STDIN, 1))
        assert c.answer().body == b"%d\n" % n
    assert daemon.rss(worker) - before < 4 << 20


def test_D83_data_record_for_a_responder_is_ignored(one):
    with Conn(one.web) as c:
        c.send(begin() + stream(PARAMS, 1, pairs(params(one))) + record(DATA, 1, b"x") +
               record(STDIN, 1))
        check_hi(c.answer())


def test_D84_abort_inside_params(one):
    with Conn(one.web) as c:
        c.send(begin(flags=KEEP) + record(PARAMS, 1, pairs(params(one, f"note={one.notes}/D84"))) +
               record(ABORT, 1))
        answer = c.answer()
        assert (answer.app_status, answer.protocol_status) == (1, COMPLETE)
        c.send(whole(params(one), flags=KEEP))
        check_hi(c.answer())
    assert not noted(one, "D84")


def test_D85_D86_abort_while_running(one):
    with Conn(one.web) as c:
        c.send(begin(flags=KEEP) + stream(PARAMS, 1, pairs(
            params(one, f"note={one.notes}/D85&ok&sleep=60000"))) + record(STDIN, 1))
        pid = int(daemon.wait_for(lambda: noted(one, "D85") and (one.notes / "D85").read_text().strip()))
        started = time.monotonic()
        c.send(record(ABORT, 1, b"12345678"))
        assert c.answer().protocol_status == COMPLETE
        assert time.monotonic() - started < daemon.AT_ONCE
        assert not daemon.alive(pid)
        c.send(whole(params(one), flags=KEEP))
        check_hi(c.answer())


def test_D87_abort_after_the_end(one):
    with Conn(one.web) as c:
        c.send(whole(params(one), flags=KEEP))
        check_hi(c.answer())
        c.send(record(ABORT, 1) + whole(params(one), flags=KEEP))
        check_hi(c.answer())


def test_D89_half_close_after_the_request(one):
    with Conn(one.web) as c:
        c.send(whole(params(one, "sleep=200&ok&out=hi")))
        c.half_close()
        check_hi(c.answer())


def test_D90_half_close_inside_the_body(one):
    with Conn(one.web) as c:
        c.send(begin() + stream(PARAMS, 1, pairs(params(one, "ok&length", method="POST", CONTENT_LENGTH="100"))) +
               record(STDIN, 1, b"12345"))
        c.half_close()
        answers = c.until_closed()
        assert 1 not in answers or answers[1].body in (b"5\n", b"")


# ---- management -----------------------------------------------------------------------------------

def test_D92_answers_from_the_server_are_ignored(one):
    with Conn(one.web) as c:
        c.send(record(GET_VALUES_RESULT, 0, b"") + record(UNKNOWN, 0, bytes(8)) + whole(params(one)))
        check_hi(c.answer())


def test_D93_D95_get_values(one):
    with Conn(one.web) as c:
        names = {"FCGI_MAX_CONNS": "", "FCGI_MAX_REQS": "7", "FCGI_MPXS_CONNS": "", "FCGI_NONSENSE": ""}
        c.send(record(GET_VALUES, 0, pairs(names) + pair("FCGI_MAX_REQS", "", True)))
        type_, content = c.other()
        assert type_ == GET_VALUES_RESULT
        assert decode_pairs(content) == {"FCGI_MAX_CONNS": "1", "FCGI_MAX_REQS": "1",
                                         "FCGI_MPXS_CONNS": "1"}


def test_D94_get_values_of_unknown_names(one):
    with Conn(one.web) as c:
        c.send(record(GET_VALUES, 0, pair("FCGI_NONSENSE", "")))
        assert c.other() == (GET_VALUES_RESULT, b"")


def test_D97_get_values_past_its_limit(one):
    with Conn(one.web) as c:
        c.send(record(GET_VALUES, 0, (pair("N", "") * 30000)[:65535]))
        assert not c.until_closed()


@pytest.mark.parametrize("type_", [0, 12, 77, 255])
@pytest.mark.parametrize("content,pad", [(b"", 0), (b"abcdefgh", 0), (b"x", 7)])
def test_D99_unknown_management_types(one, type_, content, pad):
    with Conn(one.web) as c:
        c.send(record(type_, 0, content, pad))
        assert c.other() == (UNKNOWN, bytes([type_, 0, 0, 0, 0, 0, 0, 0]))
        c.send(whole(params(one)))
        check_hi(c.answer())


def test_D100_endless_unknown_records_and_a_peer_that_never_reads(one):
    worker = one.workers("web")[0]
    before = daemon.rss(worker)
    with Conn(one.web, 3) as c:
        c.sock.settimeout(3)
        try:
            for _ in range(2000):
                c.sock.sendall(record(200, 0) * 500)
        except (OSError, TimeoutError):
            pass
        assert daemon.rss(worker) - before < 1 << 20
