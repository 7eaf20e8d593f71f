# SPDX-License-Identifier: Apache-2.0
"""What reads PHP-FPM's status reads ganger's: the ways in which exporters and plugins take the documented
text and JSON apart, each done here as they do it."""

import json
import re

import daemon
import formats
import pytest
from fcgi import Conn, ask, cgi_params, whole

# What PHP-FPM documents, with what a reader in a language with types declares each as.
POOL = {"pool": str, "process manager": str, "start time": int, "start since": int, "accepted conn": int,
        "listen queue": int, "max listen queue": int, "listen queue len": int, "idle processes": int,
        "active processes": int, "total processes": int, "max active processes": int,
        "max children reached": int, "slow requests": int}
PROCESS = {"pid": int, "state": str, "start time": int, "start since": int, "requests": int,
           "request duration": int, "request method": str, "request uri": str, "content length": int,
           "user": str, "script": str, "last request cpu": float, "last request memory": int}
STATES = {"Idle", "Running", "Reading headers", "Getting request informations", "Finishing", "Ending"}
TEXT_WORKER = [name if name != "request uri" else "request URI" for name in PROCESS]


@pytest.fixture(scope="module")
def resting(programs):
    """A pool that has answered four requests and has one in hand, among three workers."""
    import shutil
    folder = daemon.Folder()
    g = daemon.Ganger(folder)
    t = folder.path / "t"
    shutil.copy(programs["cgi"], t)
    t.chmod(0o755)
    g.write(g.pool("web", f'  kind = cgi\n  script_root = {{"{folder.path}"}}\n  pm.max_children = 3'))
    g.start()
    for _ in range(4):
        ask(g.sock("web"), str(t), "ok", body=b"12345")
    busy = Conn(g.sock("web"))
    busy.send(whole(cgi_params(str(t), "sleep=300000", REQUEST_URI="/slow?x=1")))

    def as_wanted():
        pool = g.status("web", full=True)
        return (pool["requests"], pool["idle processes"], pool["active processes"]) == (4, 2, 1) and \
            any(p["request uri"] == "/slow?x=1" for p in pool["processes"])
    daemon.wait_for(as_wanted, what="four answered, one in hand, two idle")
    yield g
    busy.close()
    try:
        assert g.stop() == 0
    finally:
        folder.remove()


def decode(fields, value):
    """As a decoder into a struct does: each named member must be of its type, others are passed over."""
    out = {}
    for name, kind in fields.items():
        assert name in value, name
        got = value[name]
        assert isinstance(got, (int, float) if kind is float else kind) and not isinstance(got, bool), \
            f"{name}: {got!r}"
        if kind is int:
            assert -2**63 <= got < 2**63
        out[name] = kind(got)
    return out


def test_an_exporter_that_decodes_json(resting):
    """`?json&full` into a struct of the pool with a slice of processes, then counted by state."""
    page = json.loads(formats.body(resting, "json&full&pool=web"))
    pool = decode(POOL, page)
    processes = [decode(PROCESS, p) for p in page["processes"]]
    assert list(page)[:len(POOL)] == list(POOL)
    assert [list(p)[:len(PROCESS)] for p in page["processes"]] == [list(PROCESS)] * 3
    assert pool["accepted conn"] == 5 and pool["pool"] == "web" and pool["process manager"] == "static"
    assert pool["idle processes"] + pool["active processes"] == pool["total processes"] == len(processes)
    by_state = {}
    for process in processes:
        assert process["state"] in STATES
        by_state[process["state"]] = by_state.get(process["state"], 0) + 1
    assert by_state == {"Idle": 2, "Running": 1}
    running, = [p for p in processes if p["state"] == "Running"]
    assert running["request duration"] > 0 and running["request uri"] == "/slow?x=1"
    assert running["last request cpu"] == 0 and running["last request memory"] == 0
    idle = [p for p in processes if p["state"] == "Idle" and p["requests"]]
    assert all(p["content length"] == 5 and p["last request memory"] > 0 for p in idle)


def test_a_collector_that_splits_lines(resting):
    """Each line at its first colon, both sides trimmed; those names that it knows as numbers."""
    found = {}
    for line in formats.body(resting, "pool=web").split("\n"):
        key, colon, value = line.partition(":")
        if colon:
            found[key.strip()] = value.strip()
    assert found["pool"] == "web"
    for name, kind in POOL.items():
        if kind is int and name != "start time":
            int(found[name])
    assert (found["accepted conn"], found["active processes"]) == ("5", "1")
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}", found["start time"])


def test_a_plugin_that_greps(resting):
    """munin's plugins: a pattern for each field, anywhere on the page, the first match is the value."""
    text = formats.body(resting, "pool=web")
    patterns = {"accepted": (r"accepted conn:\s+(\d+)", "5"), "idle": (r"idle processes:\s+(\d+)", "2"),
                "active": (r"active processes:\s+(\d+)", "1"), "total": (r"total processes:\s+(\d+)", "3"),
                                "reached": (r"max children reached:\s+(\d+)", "0"),
                "slow": (r"slow requests:\s+(\d+)", "0"),
                "manager": (r"process manager:\s+(\w+)", "static")}
    for name, (pattern, value) in patterns.items():
        assert re.search(pattern, text)[1] == value, name
        # The same, of a line from its beginning.
        assert re.search("^" + pattern + "$", text, re.M)[1] == value, name
    assert int(re.search(r"^listen queue:\s+(\d+)$", text, re.M)[1]) >= 0
    assert 1 <= int(re.search(r"^max active processes:\s+(\d+)$", text, re.M)[1]) <= 3


def test_a_script_that_reads_the_full_page(resting):
    """Blocks behind lines of stars, the lines of each in PHP-FPM's order with PHP-FPM's columns."""
    text = formats.body(resting, "full&pool=web")
    head, *blocks = text.split("************************\n")
    assert len(blocks) == 3
    lines = head.splitlines()
    assert [line.split(":")[0] for line in lines[:len(POOL)]] == list(POOL)
    assert all(re.match(r"[a-z ]+: +\S", line) and line[22] != " " and line[21] == " "
               for line in lines[:len(POOL)])
    for block in blocks:
        lines = block.splitlines()
        assert [line.split(":")[0] for line in lines[:len(TEXT_WORKER)]] == TEXT_WORKER
        assert all(line[21] == " " and line[22] != " " for line in lines[:len(TEXT_WORKER)])
        row = dict(line.split(":", 1) for line in lines if ":" in line)
        assert float(row["last request cpu"]) >= 0
    # munin's average of what processes hold, by the pids of the page.
    pids = [int(p) for p in re.findall(r"^pid:\s+(\d+)$", text, re.M)]
    assert len(pids) == 3 and all(daemon.alive(p) for p in pids)


def test_a_health_check(resting):
    """The ping page: 200 and "pong", nothing else."""
    answer = formats.page(resting, "", "/ping")
    assert (answer.status, answer.body) == (200, b"pong")
    assert answer.headers["content-type"].startswith("text/plain")
