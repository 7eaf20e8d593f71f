# SPDX-License-Identifier: Apache-2.0
"""What gangerctl proxy-config prints is loaded by the real web servers, and requests arrive by it."""

import os
import re
import shutil
import subprocess
import urllib.parse

import pytest

import daemon
import native
import proxies
from test_ctl import CTL, ctl, environment
from test_nginx import fetch

PROXIES = sorted(proxies.KINDS)


def snippet(config, proxy, pool, *more):
    result = ctl("proxy-config", proxy, pool, "-c", config, *more)
    assert (result.returncode, result.stderr) == (0, b""), result
    return result.stdout.decode()


@pytest.fixture
def pools(ganger, programs):
    """A ganger with a pool of each kind."""
    base = ganger.base
    for name in ("site", "cgi-bin"):
        (base / name).mkdir()
        (base / name).chmod(0o755)
    shutil.copy(programs["cgi"], base / "cgi-bin" / "t.cgi")
    shutil.copy(programs["native.php"], base / "site" / "x.php")
    for path in (base / "cgi-bin" / "t.cgi", base / "site" / "x.php"):
        path.chmod(0o755)
    ganger.port = daemon.free_port()
    ganger.six = daemon.free_port("::1")
    words = {
        "six": f'  command = {{"{programs["cgi"]}"}}',
        "abstract": f'  command = {{"{programs["cgi"]}"}}',
        "one": f'  command = {{"{programs["cgi"]}"}}\n  request_terminate_timeout = 65',
        "cgi-bin": f'  script_root = {{"{base}/cgi-bin"}}',
        "c": f'  kind = fastcgi\n  command = {{"{programs["fcgi-hello"]}"}}',
        "php": f'  kind = fastcgi\n  command = {{"{native.PHP}"}}',
    }
    listen = {"c": f'"127.0.0.1:{ganger.port}"', "six": f'"[::1]:{ganger.six}"',
              "abstract": f'"@ganger-proxy-{os.getpid()}"'}
    ganger.write(*(ganger.pool(name, text, listen=listen.get(name), pm__max_children=2, listen__mode="0666")
                   for name, text in words.items()),
                 ganger.pool("status", "  kind = status", pm__max_children=1, listen__mode="0666"))
    ganger.start()
    for name in words:
        daemon.wait_for(lambda name=name: ganger.status(name)["idle processes"] == 2, what=name)
    return ganger


@pytest.mark.parametrize("kind", PROXIES)
def test_every_kind_of_pool(pools, kind):
    names = ["one", "cgi-bin", "c", "php", "status", "six"]
    if kind == "caddy":
        names.append("abstract")
    else:
        result = ctl("proxy-config", kind, "abstract", "-c", pools.config)
        assert result.returncode == 1 and b"abstract socket @ganger-proxy" in result.stderr
    more = {"php": ["--root", f"{pools.base}/site"]} if kind == "haproxy" else {}
    texts = [snippet(pools.config, kind, name, *more.get(name, [])) for name in names]
    assert "70" in texts[0]  # 65 s, and a little more
    proxy = proxies.Proxy(kind, pools.base, pools.base / "site", texts)
    try:
        check_cgi(proxy, kind)
        for name in names[5:]:
            assert fetch(proxy.url(f"/{name}/?ok&out=hello"))[:2] == (200, b"hello"), (name, proxy.said)
        check_keeping(pools, proxy, kind)
        for path, body in (("/c/", b""), ("/x.php", b"")):
            status, got, _ = fetch(proxy.url(path))
            assert status == 200 and got.startswith(b"pid="), (path, got, proxy.said)
            body = os.urandom(200_000)
            status, got, _ = fetch(proxy.url(path + "?cat"), body)
            assert status == 200 and got.split(b"\n", 1)[1] == body, (path, got[:300], proxy.said)
        assert fetch(proxy.url("/nothing.php"))[0] == 404
        check_status(proxy)
    finally:
        proxy.stop()


@pytest.mark.parametrize("kind", PROXIES)
def test_a_root_beside_the_one_that_is_there(pools, kind):
    """Web servers come with a folder in their configuration, and some take no second one."""
    proxy = proxies.Proxy(kind, pools.base, pools.base / "cgi-bin",
                          [snippet(pools.config, kind, "php", "--root", f"{pools.base}/site")])
    try:
        status, got, _ = fetch(proxy.url("/x.php"))
        assert status == 200 and got.startswith(b"pid="), (status, got, proxy.said)
    finally:
        proxy.stop()


def variables(proxy, path, query="", body=None):
    wanted = ("PATH_INFO", "SCRIPT_NAME", "SCRIPT_FILENAME", "QUERY_STRING", "REQUEST_METHOD", "CONTENT_LENGTH",
              "REQUEST_START", "SERVER_PROTOCOL", "REMOTE_ADDR", "HTTP_HOST")
    asked = "&".join(f"env={name}" for name in wanted)
    status, got, _ = fetch(proxy.url(f"{path}?ok&{asked}{query}"), body)
    assert status == 200, (path, status, got, proxy.said)
    lines = got.decode().splitlines()
    return {line.split("=", 1)[0]: line.split("=", 1)[1] for line in lines if "=" in line}


def check_cgi(proxy, kind):
    # One program for all: what follows the prefix is PATH_INFO.
    for rest in ("/", "/repo.git/info/refs", "/a%20b/c%3Fd"):
        got = variables(proxy, "/one" + rest)
        assert (got["SCRIPT_NAME"], got["PATH_INFO"]) == ("/one", urllib.parse.unquote(rest)), (kind, got)
        assert got["QUERY_STRING"].startswith("ok&env=") and got["REQUEST_METHOD"] == "GET"
        assert got["REMOTE_ADDR"] == "127.0.0.1" and got["SERVER_PROTOCOL"].startswith("HTTP/")
        if kind != "lighttpd":  # which has no clock to send
            assert re.fullmatch(r"t=1\d{9}(\.\d{3}|\d{3}|\d{6})", got["REQUEST_START"]), (kind, got)
    body = os.urandom(300_000)
    status, got, _ = fetch(proxy.url("/one/put?ok&cat"), body)
    assert status == 200 and got == body, (kind, status, len(got), proxy.said)
    # Scripts: the file is found beneath script_root, and what follows its name is PATH_INFO.
    got = variables(proxy, "/cgi-bin/t.cgi")
    assert got["SCRIPT_NAME"] == "/cgi-bin/t.cgi" and got.get("PATH_INFO", "") == "", (kind, got)
    assert got["SCRIPT_FILENAME"].endswith("/cgi-bin/t.cgi")
    got = variables(proxy, "/cgi-bin/t.cgi/more/path", body=b"x" * 100_000, query="&read")
    assert (got["SCRIPT_NAME"], got["PATH_INFO"]) == ("/cgi-bin/t.cgi", "/more/path"), (kind, got)
    assert (got["REQUEST_METHOD"], got["CONTENT_LENGTH"]) == ("POST", "100000")
    assert fetch(proxy.url("/cgi-bin/none.cgi"))[0] == 404


def check_keeping(ganger, proxy, kind):
    """Connections to ganger's own workers are kept, by those who can; to programs never."""
    def counts():
        return ganger.status("one")["accepted conn"]
    before = counts()
    for _ in range(30):
        assert fetch(proxy.url("/one/?ok"))[0] == 200
    made = counts() - before
    assert made == 30 if kind in ("caddy", "lighttpd") else made <= 15, (kind, made)


def check_status(proxy):
    for path, want in (("/status/", b"pool:"), ("/status/?json", b'"pools"'), ("/status/ping", b"pong")):
        status, got, _ = fetch(proxy.url(path))
        assert status == 200 and want in got, (path, status, got, proxy.said)


# ---------------------------------------------------------------- foreign texts


SAFE = " ';&(~!=,é"
ODD = [SAFE, '"', "\\", "$", "${x}", "{", "}", "{$HOME}", "%", "%41", "#", "|", "?", "*", "[", "`", "\\n", '\\"', "{env.HOME}",
       "%[path]"]


def test_foreign_texts_are_quoted_or_refused(ganger, programs):
    """Each odd text in the path of a socket and of a folder: requests arrive, or it was refused."""
    base, listen, roots = ganger.base, [], []
    for i, odd in enumerate(ODD):
        root = base / f"r{odd}t"
        root.mkdir()
        root.chmod(0o755)
        shutil.copy(programs["cgi"], root / "t")
        (root / "t").chmod(0o755)
        for words, path in ((listen, base / f"s{odd}k"), (roots, root)):
            words.append('"' + re.sub(r'(["\\$])', r"\\\1", str(path)) + '"')
        # What is asked about has a pool for each; what runs is one with all of them.
        (base / f"{i}.conf").write_text(f"runtime_directory = \"{base}\"\npool p{i} {{ listen = {listen[i]}\n"
                                        f"script_root = {roots[i]}\npm.max_children = 1 }}\n")
    ganger.write(ganger.pool("all", f"  script_root = {{{', '.join(roots)}}}", listen=f"{{{', '.join(listen)}}}",
                             pm__max_children=1, listen__mode="0666"))
    ganger.start()
    for kind in PROXIES:
        foreign_texts(base, kind)


def foreign_texts(base, kind):
    texts, refused = {}, []
    for i, odd in enumerate(ODD):
        result = ctl("proxy-config", kind, f"p{i}", "-c", base / f"{i}.conf")
        if result.returncode == 0:
            texts[i] = result.stdout.decode()
        else:
            assert result.returncode == 1 and b"cannot be told" in result.stderr and result.stdout == b"", result
            refused.append(odd)
    assert SAFE not in refused and len(refused) < len(ODD) - 5, refused
    proxy = proxies.Proxy(kind, base, base, list(texts.values()))
    try:
        for i, text in texts.items():
            status, got, _ = fetch(proxy.url(f"/p{i}/t?ok&out=hello"))
            assert (status, got) == (200, b"hello"), (kind, ODD[i], status, got, text, proxy.said[-2000:])
    finally:
        proxy.stop()


def test_what_is_said_of_mistakes(ganger):
    config = ganger.base / "x.conf"
    ganger.write(ganger.pool("shop", '  command = {"/bin/true"}', pm__max_children=1))

    def say(*words, **more):
        result = ctl("proxy-config", *words, **more)
        assert result.stdout == b"", result
        return result.returncode, result.stderr.decode()
    assert say("nginx", "shpo", "-c", ganger.config) == (2, 'gangerctl: there is no pool "shpo"; did you mean shop?\n')
    assert say("nginx", "\x1b[31m", "-c", ganger.config) == \
        (2, 'gangerctl: there is no pool "\\x1b[31m"; there are shop, status\n')
    status, text = say("nginx", "shop", "-c", config)
    assert status == 1 and str(config) in text
    config.write_text("pool shop { listen = }\nfrobnicate = 1\n")
    status, text = say("nginx", "shop", "-c", config)
    assert status == 1 and text.count(f"{config}:") == len(text.splitlines()) >= 1
    status, text = say("nginx", "shop", "-c", ganger.config, "--path", "shop")
    assert status == 1 and "--path" in text
    with open("/dev/full", "wb") as full:
        result = subprocess.run([CTL, "proxy-config", "nginx", "shop", "-c", ganger.config], stdout=full,
                                stderr=subprocess.PIPE, env=environment(), timeout=60)
    assert result.returncode == 23 and b"No space left" in result.stderr
