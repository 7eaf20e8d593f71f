#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ganger behind an nginx of its own: git with pushes, cgit, CGI scripts, the status page.

Everything lives in one temporary folder, which is gone afterwards.  Started by scripts/demo, which
installs and builds first.
"""

import argparse
import contextlib
import hashlib
import html
import http.client
import json
import os
import pathlib
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
HOST = "127.0.0.1"
WEB_USER = "www-data"
READY_SECONDS = 20
STOP_SECONDS = 15
PUSH_BYTES = 30 << 20
CGIT_PROGRAMS = ("/usr/lib/cgit/cgit.cgi", "/usr/libexec/cgit/cgit.cgi")
CGIT_STATIC = ("/usr/share/cgit", "/usr/share/webapps/cgit")


class DemoError(Exception):
    """The demo cannot go on; the text says why and what to do."""


class Stopped(Exception):
    """Ctrl-C, or a signal to stop."""


def first_existing(paths, what):
    for path in paths:
        if os.path.exists(path):
            return path
    raise DemoError(f"{what} not found in {' or '.join(paths)}; run scripts/bootstrap demo")


def run(*command, **options):
    """A command that must succeed, in bounded time; returns what it printed."""
    options.setdefault("timeout", 120)
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )
    if done.returncode != 0:
        raise DemoError(f"{shlex.join(map(str, command))}: status {done.returncode}\n{done.stdout}")
    return done.stdout


class Git:
    """git, without the caller's own settings, and with no way to ask questions."""

    def __init__(self, home):
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "Demo",
            "GIT_AUTHOR_EMAIL": "demo@example.org",
            "GIT_COMMITTER_NAME": "Demo",
            "GIT_COMMITTER_EMAIL": "demo@example.org",
            "no_proxy": "*",
        }

    def __call__(self, folder, *arguments):
        # The repository belongs to the pool's user, who need not be the one who looks.
        return run(
            "git", "-c", "safe.directory=*", "-C", folder, *arguments, env=self.environment
        ).strip()


class Demo:
    """The folder, the two servers, and what they offer."""

    def __init__(self, folder, build, port, quiet):
        self.dir = folder
        self.build = build
        self.port = port
        self.quiet = quiet
        self.root = os.geteuid() == 0
        self.git = Git(folder / "home")
        self.running = []  # (name, process), in the order they must stop

    def url(self, path=""):
        return f"http://{HOST}:{self.port}/{path}"

    # ------------------------------------------------------------ preparation

    def prepare(self):
        for name in ("bin", "home", "log", "nginx", "repositories", "run", "www"):
            (self.dir / name).mkdir()
        # nginx and the pools run as another user, and must get to their files.
        self.dir.chmod(0o755)
        for program in ("ganger", "ganger-worker", "gangerctl"):
            path = self.build / program
            if not path.is_file():
                raise DemoError(f"{path} is not there; run make")
            shutil.copy(path, self.dir / "bin" / program)
        shutil.copytree(HERE / "cgi-bin", self.dir / "cgi-bin")
        self.make_repository()
        words = {
            "DIR": str(self.dir),
            "PORT": str(self.port),
            "USER": f"user {WEB_USER};" if self.root else "# (not root: nginx keeps its user)",
            "ACCESS": self.access(),
            "CGIT": first_existing(CGIT_PROGRAMS, "cgit"),
            "CGIT_STATIC": first_existing(CGIT_STATIC, "cgit's style sheet"),
            "LINKS": "\n".join(
                f'<tr><td><a href="/{html.escape(path)}">/{html.escape(path)}</a></td>'
                f"<td>{html.escape(text)}</td></tr>"
                for path, text, _ in self.links()
                if path != ""
            ),
            "COMMANDS": html.escape("\n".join(self.commands())),
        }
        for name in ("ganger.conf", "nginx.conf", "cgitrc", "www/index.html"):
            text = (HERE / name).read_text()
            for word, value in words.items():
                text = text.replace(f"@{word}@", value)
            (self.dir / name).write_text(text)

    def access(self):
        """As root the pools run as the web server's user; as anybody else they run as that one."""
        if not self.root:
            return "listen.mode = 0600"
        return (
            f'user = "{WEB_USER}"   group = "{WEB_USER}"\n'
            f'    listen.owner = "{WEB_USER}"   listen.group = "{WEB_USER}"   listen.mode = 0600'
        )

    def make_repository(self):
        work = self.dir / "home" / "work"
        bare = self.dir / "repositories" / "demo.git"
        work.mkdir()
        self.git(work, "init", "-q", "-b", "main")
        (work / "README.md").write_text("# demo\n\nServed by git-http-backend in a ganger pool.\n")
        shutil.copytree(HERE / "cgi-bin", work / "cgi-bin")
        self.git(work, "add", ".")
        self.git(work, "commit", "-q", "-m", "A repository to clone, push to and look at")
        self.git(self.dir, "clone", "-q", "--bare", work, bare)
        self.git(bare, "config", "http.receivepack", "true")
        (bare / "description").write_text("A repository to clone and push to\n")
        shutil.rmtree(work)
        if self.root:
            user = pwd.getpwnam(WEB_USER)
            for path in [bare, *bare.rglob("*")]:
                os.chown(path, user.pw_uid, user.pw_gid)

    # ------------------------------------------------------------ the servers

    def start(self):
        self.spawn("ganger", self.dir / "bin" / "ganger", "-c", self.dir / "ganger.conf")
        for pool in ("git", "cgit", "cgi", "status"):
            self.wait_for(socket.AF_UNIX, str(self.dir / "run" / f"{pool}.sock"))
        self.spawn(
            "nginx", "nginx", "-e", self.dir / "log" / "nginx.log", "-p", self.dir,
            "-c", self.dir / "nginx.conf",
        )  # fmt: skip
        self.wait_for(socket.AF_INET, (HOST, self.port))

    def spawn(self, name, *command):
        # A process group of its own: the terminal's Ctrl-C is for this program, which then asks each
        # server to finish.
        log = None
        if self.quiet or name != "ganger":
            log = open(self.dir / "log" / f"{name}.log", "ab")
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        if log is not None:
            log.close()
        self.running.insert(0, (name, process))

    def wait_for(self, family, address):
        """Until somebody listens there, or one of the servers ended."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                if probe.connect_ex(address) == 0:
                    if family == socket.AF_INET:
                        # nginx listens before it minds signals; when it answers it does both.
                        probe.settimeout(READY_SECONDS)
                        probe.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
                        probe.recv(1)
                    return
            for name, process in self.running:
                if process.poll() is not None:
                    raise DemoError(f"{name} ended with status {process.returncode}")
            if time.monotonic() > deadline:
                raise DemoError(f"nobody listens on {address} after {READY_SECONDS} s")
            time.sleep(0.02)

    def watch(self):
        """Until a server ends by itself (Ctrl-C comes as an exception)."""
        while True:
            for name, process in self.running:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.5)
                    raise DemoError(f"{name} ended with status {process.returncode}")

    def stop(self):
        """nginx first, then ganger: each finishes what it has in hand.  True when both did."""
        clean = True
        for name, process in self.running:
            for number in (signal.SIGQUIT, signal.SIGTERM, signal.SIGKILL):
                if process.poll() is None:
                    process.send_signal(number)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(timeout=STOP_SECONDS if number == signal.SIGQUIT else 5)
                        continue
                    print(f"demo: {name} did not stop on {number.name}", file=sys.stderr)
                    clean = False
            if process.returncode != 0:
                print(f"demo: {name} ended with status {process.returncode}", file=sys.stderr)
                clean = False
        self.running = []
        return clean

    def show_logs(self):
        for path in sorted((self.dir / "log").glob("*.log")):
            print(f"---- {path.name}\n{path.read_text(errors='replace')[-8000:]}", file=sys.stderr)

    # ------------------------------------------------------------ what it offers

    def links(self):
        """(path, what it is, check of the answer) for every page."""
        return (
            ("", "this list", page("ganger demo")),
            ("cgi-bin/environment.sh", "a shell script: its environment", page("GATEWAY_INTERFACE")),
            (
                "cgi-bin/environment.sh/more/path?a=1&b=2",
                "the same with PATH_INFO and a query",
                page("PATH_INFO=/more/path", "QUERY_STRING=a=1&b=2"),
            ),
            ("cgi-bin/clock.pl", "a Perl script: a clock, line by line", check_clock),
            ("cgit/", "cgit: the repositories", page("demo.git", "A repository to clone")),
            ("cgit/demo.git/log/", "cgit: commits", page("A repository to clone, push to")),
            ("cgit/demo.git/tree/README.md", "cgit: a file", page("git-http-backend")),
            ("status", "the status page, live in a browser", check_live),
            ("status?text&full", "the same as text, with every worker", page("pid:", "requests:")),
            ("status?json", "the same for programs", check_json),
        )

    def commands(self):
        return (
            f"git clone {self.url('git/demo.git')}",
            f"curl -F greeting=hello -F file=@/etc/passwd {self.url('cgi-bin/upload.py')}",
            f"curl -N '{self.url('cgi-bin/clock.pl?ticks=20')}'",
            f"{self.build / 'gangerctl'} -r {self.dir / 'run'} status",
            f"{self.build / 'gangerctl'} -r {self.dir / 'run'} top",
        )

    def announce(self):
        print(f"\nganger demo: {self.url()}\n")
        width = max(len(self.url(path)) for path, _, _ in self.links())
        for path, text, _ in self.links():
            print(f"  {self.url(path):{width}}  {text}")
        print("\nto try (anybody may push to the repository):\n")
        for command in self.commands():
            print(f"  {command}")
        print(flush=True)

    # ------------------------------------------------------------ --check

    def check(self):
        for path, text, check in self.links():
            check(self, path)
            print(f"ok: {self.url(path)}", flush=True)
        for check in (check_upload, check_gangerctl, check_git):
            print(f"ok: {check(self)}", flush=True)


def fetch(demo, path, method="GET", body=None, headers=None):
    connection = http.client.HTTPConnection(HOST, demo.port, timeout=60)
    try:
        connection.request(method, "/" + path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def expect(condition, text):
    if not condition:
        raise DemoError(text)


def page(*words):
    """A check: status 200, and all of the words on the page."""

    def check(demo, path):
        status, text = fetch(demo, path)
        expect(status == 200, f"{demo.url(path)}: status {status}\n{text}")
        for word in words:
            expect(word in text, f"{demo.url(path)}: no {word!r} in\n{text}")

    return check


def check_json(demo, path):
    status, text = fetch(demo, path)
    expect(status == 200, f"{demo.url(path)}: status {status}\n{text}")
    names = {pool["pool"] for pool in json.loads(text)["pools"]}
    expect({"git", "cgit", "cgi"} <= names, f"{demo.url(path)}: pools {names}")


def check_live(demo, path):
    """A browser gets the page, everything else text."""
    page("pool:", "active processes:")(demo, path)
    status, text = fetch(demo, path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    expect(status == 200, f"{demo.url(path)}: status {status}\n{text}")
    for word in ("<!DOCTYPE html>", "<b>cgit</b>", '<script type="module">'):
        expect(word in text, f"{demo.url(path)}: no {word!r} in the page")


def check_clock(demo, path):
    """The first line must be here long before the last one is written."""
    connection = http.client.HTTPConnection(HOST, demo.port, timeout=60)
    try:
        connection.request("GET", f"/{path}?ticks=4")
        answer = connection.getresponse()
        expect(answer.status == 200, f"{demo.url(path)}: status {answer.status}")
        first = answer.readline()
        began = time.monotonic()
        rest = answer.read()
        expect(b"tick 1" in first and b"tick 4" in rest, f"{demo.url(path)}: {first!r} {rest!r}")
        expect(time.monotonic() - began > 1, f"{demo.url(path)}: the clock came all at once")
    finally:
        connection.close()


def check_upload(demo):
    content = os.urandom(1 << 20)
    boundary = "demo-boundary-7f3a"
    body = (
        f"--{boundary}\r\nContent-Disposition: form-data; name=\"greeting\"\r\n\r\nhello\r\n"
        f"--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"random\"\r\n"
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode() + content + f"\r\n--{boundary}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    status, text = fetch(demo, "cgi-bin/upload.py", "POST", body, kind)
    expect(status == 200, f"upload.py: status {status}\n{text}")
    for word in ("hello", "1048576 bytes", hashlib.sha256(content).hexdigest()):
        expect(word in text, f"upload.py: no {word!r} in\n{text}")
    return "a form with a file of 1 MiB"


def check_gangerctl(demo):
    text = run(demo.dir / "bin" / "gangerctl", "-r", demo.dir / "run", "status")
    for pool in ("git", "cgit", "cgi"):
        expect(pool in text, f"gangerctl status: no pool {pool} in\n{text}")
    return "gangerctl status"


def check_git(demo):
    """Clone, push 30 MB that cannot be compressed, clone again, and look at every object."""
    home = demo.dir / "home"
    url = demo.url("git/demo.git")
    content = os.urandom(PUSH_BYTES)
    demo.git(home, "clone", "-q", url, "first")
    (home / "first" / "random").write_bytes(content)
    demo.git(home / "first", "add", "random")
    demo.git(home / "first", "commit", "-q", "-m", "30 MB of random data")
    demo.git(home / "first", "push", "-q", "origin", "main")
    demo.git(demo.dir / "repositories" / "demo.git", "fsck", "--strict", "--full")
    demo.git(home, "clone", "-q", url, "second")
    demo.git(home / "second", "fsck", "--strict", "--full")
    expect((home / "second" / "random").read_bytes() == content, "the pushed file came back changed")
    page("30 MB of random data")(demo, "cgit/demo.git/log/")
    return "git clone, a push of 30 MB, fsck on both sides"


def choose_port(wanted):
    """`wanted` (0: any) when it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError as error:
            remedy = f"choose another: make demo PORT={wanted + 1}"
            raise DemoError(f"{HOST}:{wanted}: {error.strerror}; {remedy}") from error
        return probe.getsockname()[1]


STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stop_on_signal(_number, _frame):
    raise Stopped


def main():
    parser = argparse.ArgumentParser(description="ganger behind an nginx of its own")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--port", type=int, default=8080, help="0: any free one")
    parser.add_argument("--check", action="store_true", help="use everything, then stop")
    arguments = parser.parse_args()

    for number in STOP_SIGNALS:
        signal.signal(number, stop_on_signal)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ganger-demo-"))
    demo = None
    good = False
    try:
        port = choose_port(arguments.port)
        demo = Demo(folder, arguments.build, port, quiet=arguments.check)
        demo.prepare()
        demo.start()
        demo.announce()
        if arguments.check:
            demo.check()
            good = True
        else:
            print("Ctrl-C ends it.", flush=True)
            demo.watch()
    except Stopped:
        print("\ndemo: stopping", flush=True)
        good = not arguments.check
    except (DemoError, OSError, http.client.HTTPException, subprocess.TimeoutExpired) as error:
        print(f"demo: {error}", file=sys.stderr)
    finally:
        # Once is enough: another Ctrl-C does not interrupt the stopping.
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if demo is not None:
            good = demo.stop() and good
            if not good and arguments.check:
                demo.show_logs()
        shutil.rmtree(folder, ignore_errors=True)
    if arguments.check:
        print("demo: all good" if good else "demo: FAILED", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
