# SPDX-License-Identifier: Apache-2.0
"""What an operator reads when a request fails: one short line that names pool, thing and remedy."""

import re

import pytest

from fcgi import Conn, ask, begin, cgi_params, stream, pairs, record, PARAMS

LONGEST = 260  # of the line, without its stamp and the script's path

SCRIPTS = {
    "noexec": ("#!/bin/sh\n", 0o644),
    "interpreter": ("#!/no/such/interpreter\n", 0o755),
    "shebang": ("hello\n", 0o755),
    "empty": ("#!/bin/sh\nexit 0\n", 0o755),
    "crash": ("#!/bin/sh\nkill -SEGV $$\n", 0o755),
    "garbage": ("#!/bin/sh\necho hello\n", 0o755),
    "headless": ("#!/bin/sh\nprintf 'Status: 200\\n'\n", 0o755),
    "slow": ("#!/bin/sh\nsleep 9\n", 0o755),
    "short": ("#!/bin/sh\nprintf 'Status: 200\\nContent-Length: 9\\n\\nab'\n", 0o755),
    "cut": ("#!/bin/sh\nprintf 'Status: 200\\n\\nab'; kill -KILL $$\n", 0o755),
    "odd": ("#!/bin/sh\nprintf 'Status: 200\\n\\nab'; exit 3\n", 0o755),
}

LINES = {  # script: words that the line must hold, besides pool and script
    "missing": ["404 Not Found", "no such script", "SCRIPT_FILENAME"],
    "noexec": ["403 Forbidden", "not executable", "chmod +x"],
    "folder": ["403 Forbidden", "is a folder", "name a script"],
    "../x": ["403 Forbidden", "..", "normalised"],
    "/bin/ls": ["403 Forbidden", "not beneath script_root", "add its folder to script_root"],
    "interpreter": ["503 Service Unavailable", "interpreter", "missing"],
    "shebang": ["503 Service Unavailable", "#!"],
    "empty": ["no output", "must at least write a header", "the client gets 502"],
    "crash": ["signal 11 (SIGSEGV)", "the client gets 502"],
    "garbage": ["without a colon", "hello", "the client gets 502"],
    "headless": ["an empty line must follow", "the client gets 502"],
    "slow": ["request_terminate_timeout", "raise it", "the client gets 504"],
    "short": ["less than its Content-Length", "cut off"],
    "cut": ["signal 9 (SIGKILL)", "cut off"],
    "odd": ["answered", "exit status 3"],
}


@pytest.fixture
def scripts(web):
    for name, (text, mode) in SCRIPTS.items():
        web.folder.script(f"cgi/{name}", text, mode)
    (web.root / "folder").mkdir()
    return web.serve(request_terminate_timeout="2s", request_params_timeout="1s", pm__max_children=1)


def line_about(world, wanted, thing):
    world.wait_log(re.escape(wanted))
    lines = [x for x in world.log.splitlines() if wanted in x]
    assert len(lines) == 1, lines
    text = lines[0]
    assert "[pool web]" in text and thing in text, text
    said = text.split("[pool web] ", 1)[1].replace(thing, "")
    assert len(said) <= LONGEST, f"{len(said)} characters: {said}"
    return text


@pytest.mark.parametrize("name", LINES)
def test_failure_of_a_program_is_one_short_line(scripts, name):
    script = name if name.startswith("/") else f"{scripts.root}/{name}"
    with Conn(scripts.web) as c:
        c.send(begin() + stream(PARAMS, 1, pairs(cgi_params(script))) + record(5, 1))
        c.until_closed()
    text = line_about(scripts, script, script)
    for words in LINES[name]:
        assert words in text, f"no {words!r} in {text!r}"
    words = text.split(": ", 2)[2].lower()
    assert words.count("malformed") < 2 and words.count("cannot") < 2, text


@pytest.mark.parametrize("words, params", [
    ("REQUEST_METHOD", {"method": "BAD METHOD"}), ("CONTENT_LENGTH", {"CONTENT_LENGTH": "x"}),
    ("NUL", {"X": "a\0b"}), ("request_params_limit", {"X": "y" * 200000})])
def test_a_refused_request_is_named(scripts, words, params):
    ask(scripts.web, scripts.t, **params)
    text = line_about(scripts, words, scripts.t if "X" not in params or words == "NUL" else "request")
    assert re.search(r": 4\d\d ", text), text


@pytest.mark.parametrize("words, data", [
    ("HTTP (or TLS) on a FastCGI socket", b"GET / HTTP/1.1\r\n\r\n"),
    ("a record type that only applications send", b"\1\7aaaaaa"),
    ("request_params_timeout", begin()),
    ("role 3", begin(role=3))])
def test_a_protocol_error_is_named(scripts, words, data):
    with Conn(scripts.web) as c:
        c.send(data)
        c.until_closed()
    assert "(0 more" not in line_about(scripts, words, "connection from unix socket")
