# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the flow tests.  A missing tool or program is a failure, never a skip."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
import daemon  # noqa: E402
import fcgi  # noqa: E402
import native  # noqa: E402

TOOLS = daemon.ROOT / "tests" / "tools"


def pytest_configure(config):
    for program in ("ganger", "ganger-worker", "gangerctl"):
        if not (daemon.BUILD / program).exists():
            pytest.exit(f"{daemon.BUILD / program} is missing: run make first", 1)
    # `make check &` leaves these ignored, and so would be every program that a test starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


C_PROGRAMS = {"cgi": [], "fcgi-hello": ["-lfcgi"], "fcgi-threads": ["-lfcgi", "-pthread"],
              "fcgi-exec": ["-lfcgi"], "slow": ["-lfcgi"], "misbehave": ["-lfcgi", "-pthread"]}


def go_cache():
    """Go compiles its library once for each cache: the builds' folder keeps it."""
    cache = daemon.BUILD / "go-cache"
    cache.mkdir(exist_ok=True)
    return str(cache)


@pytest.fixture(scope="session")
def programs():
    """The programs of tests/tools, compiled once where they must be; {name: path}."""
    # Not pytest's own folder, which a second pytest would close to other users.
    place = daemon.Folder()
    yield make_programs(place.path)
    place.remove()


def make_programs(folder):
    out = {}
    for name, libraries in C_PROGRAMS.items():
        out[name] = str(folder / name)
        subprocess.run(["gcc", "-O1", "-Wall", "-Wextra", "-o", out[name],
                        str(TOOLS / f"{name}.c"), *libraries], check=True)
    for name in ("fcgi.pl", "fcgi-wsgi.py", "native.php", "slow.pl", "slow.py"):
        out[name] = shutil.copy(TOOLS / name, folder)
    out["fcgi-go"] = str(folder / "fcgi-go")
    subprocess.run(["go", "build", "-o", out["fcgi-go"], "main.go"], cwd=TOOLS / "fcgi-go", check=True,
                   env=os.environ | {"GO111MODULE": "off", "GOFLAGS": "", "GOTOOLCHAIN": "local",
                                     "GOCACHE": os.environ.get("GOCACHE", go_cache())})
    for path in out.values():
        os.chmod(path, 0o755)
    return out


@pytest.fixture
def folder():
    f = daemon.Folder()
    yield f
    f.remove()


def _make(folder, user):
    return daemon.Ganger(folder, user)


USERS = ["root", "user"] if os.geteuid() == 0 else ["user"]


@pytest.fixture
def ganger(folder):
    """A ganger not yet started, as root when the tests are root's."""
    g = daemon.Ganger(folder)
    yield g
    finish(g)


@pytest.fixture(params=USERS)
def each_ganger(request, folder):
    """As `ganger`, once as root and once as an ordinary user."""
    g = daemon.Ganger(folder, "daemon" if request.param == "user" and os.geteuid() == 0 else None)
    yield g
    finish(g)


def finish(g):
    """Whatever a test did: ganger ends with status 0, leaves no process, and no sanitizer spoke."""
    if g.process is None:
        return
    died = g.process.poll()
    pids = [pid for pid, _, _ in daemon.children(g.pid)] if died is None else []
    status = g.stop()
    log = g.log
    assert "Sanitizer" not in log and "runtime error:" not in log, log[-6000:]
    if died is None:
        assert status == 0, f"exit status {status}\n{log[-4000:]}"
    daemon.wait_for(lambda: not any(daemon.alive(p) for p in pids), what=f"workers {pids} gone")
    bad = [c for c in log if (ord(c) < 32 and c != "\n") or ord(c) == 127]
    assert not bad, f"control bytes {bad!r} in the log"


@pytest.fixture
def web(ganger, programs):
    """A started ganger with one cgi pool `web` of 4 workers whose script_root holds `t`."""
    root = ganger.base / "cgi"
    root.mkdir()
    root.chmod(0o755)
    shutil.copy(programs["cgi"], root / "t")
    (root / "t").chmod(0o755)
    ganger.root, ganger.t = root, str(root / "t")
    ganger.web = ganger.sock("web")
    ganger.options = {"pm.max_children": 4}
    ganger.notes = ganger.base / "notes"
    ganger.notes.mkdir()
    ganger.notes.chmod(0o777)

    def start(**options):
        merged = {**ganger.options, **{k.replace("__", "."): v for k, v in options.items()}}
        text = "\n".join(f"  {k} = {v}" for k, v in merged.items())
        ganger.write(ganger.pool("web", f'  kind = cgi\n  script_root = {{"{root}"}}\n{text}'))
        ganger.start()
        daemon.wait_for(lambda: ganger.status("web")["idle processes"] == merged["pm.max_children"],
                        what="the whole gang serves")
        return ganger
    ganger.serve = start

    def t(query="", body=b"", address=None, **more):
        return fcgi.ask(address or ganger.web, ganger.t, query, body, **more)
    ganger.ask = t
    return ganger


@pytest.fixture
def served(web):
    """`web`, already serving with its defaults."""
    web.serve()
    return web


@pytest.fixture
def world(ganger, programs):
    """Native pools to be added, nginx before them."""
    w = native.World(ganger, programs)
    yield w
    w.close()
