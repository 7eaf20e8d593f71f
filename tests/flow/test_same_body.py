# SPDX-License-Identifier: Apache-2.0
"""gangerctl request beside curl through nginx, before four FastCGI servers: the same body, byte for byte."""

import os
import subprocess
import zlib

import pytest

import daemon
from test_ctl import CTL, environment

SIZE = (100 if daemon.LONG else 10) * 1000 * 1000

# Each tells, by its query: `cat` the body, `sum` what is in it, until=PATH "tick" and later "tock".
SHELL = """#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
case $QUERY_STRING in
cat) exec cat ;;
until=*)
    printf tick
    while ! [ -e "${QUERY_STRING#until=}" ]; do sleep 0.01; done
    printf tock ;;
*) printf '%s %s' "$REQUEST_METHOD" "$QUERY_STRING" ;;
esac
"""
SUM = """#!/usr/bin/python3
import os, sys, zlib
sum = 0
while data := os.read(0, 1 << 20):
    sum = zlib.crc32(data, sum)
sys.stdout.write("Content-Type: text/plain\\r\\n\\r\\n%08x\\n" % sum)
"""
PHP = """<?php
header('Content-Type: text/plain');
if (isset($_GET['cat'])) { echo file_get_contents('php://input'); }
elseif (isset($_GET['sum'])) { echo hash_file('crc32b', 'php://input'), "\\n"; }
elseif (isset($_GET['until'])) {
    echo 'tick'; flush();
    for (clearstatcache(); !file_exists($_GET['until']); clearstatcache()) { usleep(10000); }
    echo 'tock';
} else { echo $_SERVER['REQUEST_METHOD'], ' ', $_SERVER['QUERY_STRING']; }
"""


class Server:
    """One FastCGI server: a socket, the script to name, nginx before it."""

    def __init__(self, folder, script, path, summing=None):
        self.path, self.script, self.summing = path, script, summing or script
        self.nginx = daemon.Nginx(folder, "".join(
            f"location /{name} {{ include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME {file};"
            f" fastcgi_param NO_BUFFERING 1;"
            f" fastcgi_buffering off; fastcgi_pass unix:{path}; fastcgi_read_timeout 60s; }}\n"
            for name, file in (("any", self.script), ("sum", self.summing))))

    def both(self, query, *more, body=None, stdin=subprocess.DEVNULL):
        """curl and gangerctl, begun; `more` are options that both know, `body` is @FILE or "@-"."""
        place, script = ("sum", self.summing) if query == "sum" else ("any", self.script)
        ours = [CTL, "request", self.path, f"/{place}?{query}", "--script", script, *more,
                "-p", "NO_BUFFERING=1"]  # fcgiwrap keeps what it has, unless told
        # curl shows a response when its buffer is full, unless -N says not to.
        theirs = ["curl", "-s", "-S", "-N", "--fail", self.nginx.url(f"/{place}?{query}"), *more]
        if body:
            ours += ["--data", body]
            theirs += ["--data-binary", body]
        return [subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 env=environment()) for command in (theirs, ours)]


def folder_for_all(folder):
    scripts = folder.path / "scripts"
    scripts.mkdir()
    scripts.chmod(0o755)
    return folder.script("scripts/any.cgi", SHELL), folder.script("scripts/sum.cgi", SUM)


def start(command, path, folder):
    with open(folder.path / "server.log", "wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(),
                                   start_new_session=True)
    try:
        daemon.wait_for(lambda: daemon.listening(path), what=command[0])
        os.chmod(path, 0o666)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process


@pytest.fixture(params=["ganger", "php-fpm", "fcgiwrap", "go"])
def server(request, folder, ganger, programs):
    path, process, summing = str(folder.path / "s"), None, None
    if request.param == "ganger":
        path = ganger.sock("web")
        script, summing = folder_for_all(folder)
        ganger.write(ganger.pool("web", f'  script_root = {{"{folder.path}/scripts"}}', pm__max_children=2,
                                 listen__mode="0666"))
        ganger.start()
    elif request.param == "fcgiwrap":
        script, summing = folder_for_all(folder)
        process = start(["/usr/sbin/fcgiwrap", "-c", "2", "-s", f"unix:{path}"], path, folder)
    elif request.param == "php-fpm":
        script = folder.script("x.php", PHP, 0o644)
        who = "user = www-data\ngroup = www-data\n" if os.geteuid() == 0 else ""
        conf = folder.script("fpm.conf", f"[global]\nerror_log = {folder.path}/fpm.log\ndaemonize = no\n[p]\n{who}"
                             f"listen = {path}\nlisten.mode = 0666\npm = static\npm.max_children = 2\n"
                             "php_admin_value[post_max_size] = 0\n", 0o644)
        process = start(["/usr/sbin/php-fpm8.2", "-F", "-n", "-y", conf], path, folder)
    else:
        script = "/go"
        process = start(["/usr/bin/spawn-fcgi", "-n", "-s", path, "--", programs["fcgi-go"]], path, folder)
    made = Server(folder, script, path, summing)
    made.name = request.param
    yield made
    made.nginx.stop()
    if process:
        os.killpg(process.pid, 15)
        process.wait(30)


def ends(processes, data=None):
    """Their output, when they have ended well and without a word."""
    out = []
    for process in processes:
        body, said = process.communicate(data, timeout=120)
        assert (process.returncode, said) == (0, b""), (process.args, process.returncode, said)
        out.append(body)
    return out


def test_same_body(server, folder):
    get(server)
    for size in (0, 1, 50_000):
        post_from_a_pipe(server, size)
    streaming(server, folder.path / "go-on")
    upload_of_a_file(server, folder.path / "upload")


def get(server):
    theirs, ours = ends(server.both("q=1"))
    assert theirs == ours
    assert ours == b"GET q=1" or (server.name == "go" and ours.startswith(b"pid="))


def post_from_a_pipe(server, size):
    """Not much: nginx sends no more of a body once it has seen the header of the response."""
    data = os.urandom(size)
    theirs, ours = ends(server.both("cat", "-H", "Content-Type: application/octet-stream", body="@-",
                                    stdin=subprocess.PIPE), data)
    assert theirs == ours
    assert ours.endswith(data) and (server.name == "go" or ours == data)


def upload_of_a_file(server, path):
    piece, sum_ = os.urandom(1_000_000), 0
    with open(path, "wb") as file:
        for i in range(SIZE // len(piece)):
            part = piece[i:] + piece[:i]
            sum_ = zlib.crc32(part, sum_)
            file.write(part)
    both = server.both("sum", "-X", "PUT", "-H", "Content-Type: application/octet-stream", body=f"@{path}")
    assert ends(both) == [b"%08x\n" % sum_] * 2


def streaming(server, go_on):
    """The first bytes are there before the last ones are written."""
    both = server.both(f"until={go_on}", "--max-time", "100")
    seen = [process.stdout.read(4) for process in both]
    assert seen == [b"tick", b"tick"] and not go_on.exists()
    assert [process.poll() for process in both] == [None, None]
    go_on.touch()
    assert ends(both) == [b"tock", b"tock"]
