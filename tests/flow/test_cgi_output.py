# SPDX-License-Identifier: Apache-2.0
"""What programs print, and what ganger makes of it: rows G01 … G63 of the bad-input catalogue.

One table; each row runs through a real worker with the raw client.  Every split of the same bytes is
checked by the unit test of wire/response; here the program writes each case whole, and again one
byte a write.
"""

import pytest

import conftest
import daemon
from fcgi import (AUTHORIZER, KEEP, Closed, Conn, ask, begin, cgi_params, pairs, record, stream,
                  whole, PARAMS, STDIN)

CRLF = "\r\n"
LONG_LINE = "X-Long: " + "v" * 20000

# name: (program output, (status, body) or None for 502, header lines that must be there, must not)
CASES = {
    "G01_crlf": ("Content-Type: text/plain\r\n\r\nbody", (200, "body"), ["Content-Type: text/plain"], []),
    "G02_lf": ("Content-Type: text/plain\n\nbody", (200, "body"), ["Content-Type: text/plain"], []),
    "G03_mixed": ("Content-Type: text/plain\r\nX-A: 1\n\r\nbody", (200, "body"), ["X-A: 1"], []),
    "G04_lone_cr": ("Content-Type: text/plain\r\rbody", None, [], []),
    "G05_no_header": ("just text\n", None, [], []),
    "G06_G46_nothing": ("", None, [], []),
    "G07_no_blank_line": ("Content-Type: text/plain\r\nX-A: 1\r\n", None, [], []),
    "G08_blank_line_first": ("\r\nContent-Type: text/plain\r\n\r\nbody", None, [], []),
    "G09_extension_fields_only": ("X-A: 1\r\n\r\nbody", None, [], []),
    "G10_status_without_type": ("Status: 204 No Content\r\n\r\n", (204, ""), [], []),
    "G11_status": ("Status: 404 Not Found\r\nContent-Type: a/b\r\n\r\nx", (404, "x"), ["Status: 404 Not Found"], []),
    "G12_status_without_reason": ("Status: 404\r\nContent-Type: a/b\r\n\r\nx", (404, "x"), ["Status: 404 Not Found"], []),
    "G13_status_abc": ("Status: abc\r\n\r\n", None, [], []),
    "G13_status_20": ("Status: 20\r\n\r\n", None, [], []),
    "G13_status_2000": ("Status: 2000\r\n\r\n", None, [], []),
    "G13_status_negative": ("Status: -200\r\n\r\n", None, [], []),
    "G13_status_empty": ("Status:\r\n\r\n", None, [], []),
    "G14_status_999": ("Status: 999 X\r\n\r\n", None, [], []),
    "G15_status_100": ("Status: 100 Continue\r\n\r\n", None, [], []),
    "G15_status_101": ("Status: 101 Switching\r\n\r\n", None, [], []),
    "G15_status_103": ("Status: 103 Early Hints\r\n\r\n", None, [], []),
    "G16_cr_in_reason": ("Status: 200 OK\rX: y\r\n\r\n", None, [], []),
    "G17_status_twice": ("Status: 200 OK\r\nStatus: 404 No\r\n\r\nx", None, [], []),
    "G18_type_twice": ("Content-Type: a/b\r\nContent-Type: c/d\r\n\r\nx", None, [], []),
    "G19_location_twice": ("Location: http://a/\r\nLocation: http://b/\r\n\r\n", None, [], []),
    "G20_204_with_body": ("Status: 204 No Content\r\n\r\nbody", (204, ""), [], []),
    "G21_304_with_body": ("Status: 304 Not Modified\r\n\r\nbody", (304, ""), [], []),
    "G23_location_only": ("Location: http://e.com/\r\n\r\n", (302, ""), ["Location: http://e.com/"], []),
    "G24_local_location": ("Location: /path?q\r\n\r\n", (302, ""), ["Location: /path?q"], []),
    "G25_local_location_with_body": ("Location: /p\r\nContent-Type: a/b\r\n\r\nx", (302, "x"), ["Location: /p"], []),
    "G26_301": ("Status: 301 Moved\r\nLocation: http://e/\r\nContent-Type: a/b\r\n\r\nx", (301, "x"), [], []),
    "G27_location_with_200": ("Status: 201 Created\r\nLocation: /new\r\n\r\n", (201, ""), ["Location: /new"], []),
    "G28_location_with_space": ("Location: http://e/a b\r\n\r\n", None, [], []),
    "G28_location_empty": ("Location:\r\n\r\n", None, [], []),
    "G28_location_ctl": ("Location: http://e/\x01\r\n\r\n", None, [], []),
    "G29_longer_than_content_length": ("Content-Type: a/b\r\nContent-Length: 2\r\n\r\nbody", (200, "bo"), [], []),
    "G31_content_length_twice_equal": ("Content-Type: a/b\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nbody", (200, "body"), [], []),
    "G31_content_length_twice_different": ("Content-Type: a/b\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody", None, [], []),
    "G31_content_length_plus": ("Content-Type: a/b\r\nContent-Length: +4\r\n\r\nbody", None, [], []),
    "G31_content_length_hex": ("Content-Type: a/b\r\nContent-Length: 0x4\r\n\r\nbody", None, [], []),
    "G31_content_length_huge": ("Content-Type: a/b\r\nContent-Length: 99999999999999999999\r\n\r\nbody", None, [], []),
    "G32_transfer_encoding": ("Content-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (200, "0\r\n\r\n"), [], ["transfer-encoding"]),
    "G33_hop_by_hop": ("Content-Type: a/b\r\nConnection: close\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\nTE: x\r\nTrailer: y\r\nProxy-Connection: z\r\n\r\nx",
                       (200, "x"), [], ["connection", "keep-alive", "upgrade", "te", "trailer", "proxy-connection"]),
    "G34_continuation": ("Content-Type: a/b\r\nX-A: 1\r\n 2\r\n\r\nx", None, [], []),
    "G35_nul": ("Content-Type: a/b\r\nX-A: a\x00b\r\n\r\nx", None, [], []),
    "G36_cr_in_value": ("Content-Type: a/b\r\nX-A: a\rX-B: injected\r\n\r\nx", None, [], []),
    "G37_space_before_colon": ("Content-Type: a/b\r\nX-A : 1\r\n\r\nx", None, [], []),
    "G38_space_in_name": ("Content-Type: a/b\r\nX A: 1\r\n\r\nx", None, [], []),
    "G39_leading_space": (" Content-Type: a/b\r\n\r\nx", None, [], []),
    "G40_empty_name": ("Content-Type: a/b\r\n: v\r\n\r\nx", None, [], []),
    "G41_no_colon": ("Content-Type: a/b\r\nrubbish\r\n\r\nx", None, [], []),
    "G42_long_line": (f"Content-Type: a/b\r\n{LONG_LINE}\r\n\r\nx", None, [], []),
    "G42_line_within_the_limit": (f"Content-Type: a/b\r\n{LONG_LINE[:15000]}\r\n\r\nx", (200, "x"), [], []),
    "G43_many_lines": ("Content-Type: a/b\r\n" + "X-A: 1\r\n" * 2000 + "\r\nx", None, [], []),
    "G47_http_status_line": ("HTTP/1.1 202 Accepted\r\nContent-Type: a/b\r\n\r\nx", None, [], []),
    "G49_internal_redirect": ("Content-Type: a/b\r\nX-Accel-Redirect: /i\r\n\r\n", (200, ""), ["X-Accel-Redirect: /i"], []),
    "G50_x_cgi": ("Content-Type: a/b\r\nX-CGI-A: 1\r\n\r\n", (200, ""), [], []),
    "G51_cookies": ("Content-Type: a/b\r\n" + "".join(f"Set-Cookie: c{i}=1\r\n" for i in range(50)) + "\r\nx",
                    (200, "x"), [f"Set-Cookie: c{i}=1" for i in range(50)], []),
    "G52_latin_1": ("Content-Type: a/b\r\nX-A: \xe9\r\n\r\nx", (200, "x"), ["X-A: \xe9"], []),
    "G58_empty_body": ("Content-Type: a/b\r\n\r\n", (200, ""), [], []),
    "G62_fastcgi_records": ("\x01\x06\x00\x01\x00\x08\x00\x00abcdefgh", None, [], []),
}

PRINTER = r"""#!/usr/bin/perl
# Prints the file that QUERY_STRING names, whole or one byte a write.
my ($file, $bytewise) = split /,/, $ENV{QUERY_STRING};
open my $in, '<:raw', $file or die; local $/; my $text = <$in>;
binmode STDOUT; $| = 1;
if ($bytewise) { syswrite STDOUT, $_ for split //, $text } else { print $text }
"""


@pytest.fixture(scope="module")
def printer(programs):
    import shutil
    folder = daemon.Folder()
    g = daemon.Ganger(folder)
    root = folder.path / "cgi"
    root.mkdir()
    root.chmod(0o755)
    shutil.copy(programs["cgi"], root / "t")
    g.t, g.web, g.root = str(root / "t"), g.sock("web"), root
    g.printer = folder.script("cgi/print", PRINTER)
    (root / "t").chmod(0o755)
    g.write(g.pool("web", f'  kind = cgi\n  script_root = {{"{root}"}}\n  pm.max_children = 2'))
    g.start()
    yield g
    conftest.finish(g)
    folder.remove()


@pytest.mark.parametrize("bytewise", ["", ",1"], ids=["whole", "bytewise"])
@pytest.mark.parametrize("name", CASES)
def test_output(printer, name, bytewise):
    text, expected, wanted, unwanted = CASES[name]
    path = printer.folder.path / f"case-{name}"
    path.write_bytes(text.encode("latin-1"))
    path.chmod(0o644)
    answer = ask(printer.web, printer.printer, f"{path}{bytewise}", timeout=30)
    if expected is None:
        assert answer.status == 502, answer
        assert "text/plain" in answer.headers["content-type"]
        assert answer.body == b"502 Bad Gateway\n", "nothing of the program's own text"
        return
    assert (answer.status, answer.body.decode("latin-1")) == expected, answer
    lines = answer.head.split(CRLF)
    for line in wanted:
        assert line in lines, (line, lines)
    for field in unwanted:
        assert field not in answer.headers
    assert "\n" not in answer.head.replace(CRLF, ""), "header lines end in CRLF only"


def t(g, query, **more):
    return ask(g.web, g.t, query, **more)


def test_G22_head_has_no_body(printer):
    answer = t(printer, "ok&spam=100000", method="HEAD")
    assert answer.status == 200 and answer.body == b""


def test_G30_fewer_bytes_than_content_length_does_not_look_complete(printer):
    with Conn(printer.web) as c:
        c.send(whole(cgi_params(printer.t, "out=Content-Type: a/b%0aContent-Length: 20%0a%0abody")))
        answers = c.until_closed()
    assert answers[1].body == b"body" and not answers[1].ended and not answers[1].out_ended


def test_G44_header_in_single_bytes_with_pauses(printer):
    query = "&".join(f"out=%{ord(c):02x}&sleep=2" for c in "Content-Type: a/b\n\nx")
    assert t(printer, query).body == b"x"


def test_G45_header_in_two_writes_at_every_split(printer):
    """The unit test sweeps every case; here the splits are real writes with a pause between."""
    text = "Status: 404 Not\r\nX-A: 1\r\n\r\nbody"
    answers = set()
    for cut in range(1, len(text) - 4, 1 if daemon.LONG else 3):
        quoted = ["".join(f"%{ord(c):02x}" for c in part) for part in (text[:cut], text[cut:])]
        answers.add(t(printer, f"out={quoted[0]}&sleep=3&out={quoted[1]}").stdout)
    assert len(answers) == 1 and b"404" in answers.pop()


def test_G46_large_header_block(printer):
    text = "Content-Type: a/b\r\n" + "".join(f"X-{i}: {'v' * 4000}\r\n" for i in range(14)) + "\r\nx"
    path = printer.folder.path / "G46"
    path.write_text(text, newline="")
    path.chmod(0o644)
    answer = ask(printer.web, printer.printer, str(path))
    assert answer.status == 200 and answer.headers["x-13"] == "v" * 4000 and answer.body == b"x"
    path.write_text(text.replace("\r\nx", "".join(f"Y-{i}: {'v' * 4000}\r\n" for i in range(9)) + "\r\nx"), newline="")
    assert ask(printer.web, printer.printer, str(path)).status == 502


def test_G48_nph_script_is_refused(printer):
    printer.folder.script("cgi/nph-x", "#!/bin/sh\nprintf 'HTTP/1.0 200 OK\\r\\n\\r\\nx'\n")
    assert ask(printer.web, str(printer.root / "nph-x")).status == 502


def test_G53_stderr_before_the_header(printer):
    answer = t(printer, "err=first%0a&ok&out=body")
    assert answer.body == b"body" and b"first" in answer.stderr


def test_G54_stderr_is_escaped(printer):
    answer = t(printer, "err=%1b[31mred%0d%00x%0anext%0a&ok&out=body")
    assert answer.body == b"body"
    assert not [b for b in answer.stderr if (b < 32 and b != 10) or b == 127], answer.stderr
    assert b"x1b" in answer.stderr and b"next" in answer.stderr


def test_G55_dies_by_a_signal_before_its_header(printer):
    answer = t(printer, "raise=11")
    assert answer.status == 502 and answer.app_status == 128 + 11
    printer.wait_log(r"\[pool web\].*(SIGSEGV|signal 11)")


def test_G56_dies_in_the_middle_of_the_body(printer):
    with Conn(printer.web) as c:
        c.send(whole(cgi_params(printer.t, "ok&out=half&sleep=100&raise=11")))
        answers = c.until_closed()
    assert answers[1].body == b"half" and not answers[1].ended and not answers[1].out_ended


def test_G57_C49_exit_status_after_a_good_answer(printer):
    answer = t(printer, "ok&out=body&exit=3")
    assert (answer.body, answer.app_status, answer.protocol_status) == (b"body", 3, 0)


def test_G59_fifty_mebibytes_stream_with_little_memory(printer):
    size = (5 << 30) if daemon.LONG else (50 << 20)
    with Conn(printer.web, 600) as c:
        c.send(whole(cgi_params(printer.t, f"ok&spam={size}")))
        got, peak = 0, 0
        while True:
            type_, _, content = c.read_record()
            if type_ == 3:
                break
            got += len(content)
            if got % 4096 == 0 or not peak:
                peak = max(peak, max(daemon.rss(p) for p in printer.workers("web")))
    assert got == size + len("Content-Type: text/plain\r\n\r\n")
    budget = (8 << 20) if not daemon.ASAN else (64 << 20)
    assert peak < budget


def test_G60_stdout_closed_before_any_write(printer):
    assert t(printer, "err=oops%0a&closeout&sleep=10").status == 502


def test_G61_output_after_the_end_is_dropped(printer):
    answer = t(printer, "ok&out=body&fork=60000")
    assert answer.body == b"body"


def test_G63_stdin_is_a_pipe_so_libraries_know_it_is_cgi(printer):
    answer = t(printer, "ok&self")
    assert b"fd 0 pipe" in answer.body or b"fd 0 device" in answer.body


def test_authorizer_may_answer_without_a_body(printer):
    answer = ask(printer.web, printer.t, "out=Status: 403 Forbidden%0aContent-Type: text/plain%0a%0ano",
                 role=AUTHORIZER)
    assert answer.status == 403 and answer.body == b"no"
