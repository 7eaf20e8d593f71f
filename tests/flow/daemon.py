# SPDX-License-Identifier: Apache-2.0
"""Starting and watching the programs under test: ganger itself, and the web servers before it."""

import contextlib
import grp
import json
import os
import pathlib
import pwd
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import fcgi

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GANGER_BUILD", ROOT / "build")).resolve()
# Sanitizers take memory and time of their own.
ASAN = (BUILD / "ganger-worker").exists() and b"__asan_init" in (BUILD / "ganger-worker").read_bytes()
LONG = bool(os.environ.get("LONG"))
# Sanitizers and two busy cores: deadlines that are not the subject of a test are generous.
PATIENCE = 30.0
# The most that anything at once may take there.  What it is told from would take a minute or for ever.
AT_ONCE = 15.0
TERM = signal.SIGTERM  # `signal` is a method below


def wait_for(condition, timeout=PATIENCE, what="condition"):
    """Wait until condition() is true; its value.  Polls, but returns at the event."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {timeout} s: {what}")
        time.sleep(0.005)


def free_port(host="127.0.0.1"):
    """A port that is free now, and that the kernel gives to no client: below the ephemeral ones."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(1000):
        with socket.socket(family) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                s.bind((host, random.randrange(10000, 32000)))
                return s.getsockname()[1]
    raise AssertionError(f"no free port on {host}")


def listening(path):
    """True when somebody listens on the unix socket `path`: its name is there a moment before."""
    for line in open("/proc/net/unix", encoding="utf-8", errors="replace"):
        words = line.split(None, 7)
        if len(words) == 8 and words[7].rstrip("\n") == str(path) and words[3] == "00010000":
            return True
    return False


def alive(pid):
    """True while `pid` runs (a zombie does not)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid):
    """[(pid, comm, state)] of the direct children."""
    out = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except FileNotFoundError:
        return out
    for task in tasks:
        with contextlib.suppress(OSError):
            for child in open(f"/proc/{pid}/task/{task}/children").read().split():
                with contextlib.suppress(OSError):
                    stat = open(f"/proc/{child}/stat", encoding="latin-1").read()
                    out.append((int(child), stat[stat.index("(") + 1:stat.rindex(")")],
                                stat.rsplit(")", 1)[1].split()[0]))
    return out


def rss(pid):
    """Resident anonymous memory in bytes (what the process itself holds)."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Folder:
    """A temporary folder that any user may enter."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="ganger-test-"))
        self.path.chmod(0o755)

    def script(self, name, text, mode=0o755):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Ganger:
    """One ganger with its own runtime folder, logs and sockets, run as root or as `user`."""

    def __init__(self, folder, user=None):
        self.folder, self.user = folder, user
        self.base = folder.path
        self.runtime = self.base / "run"
        self.config = self.base / "ganger.conf"
        self.log_path = self.base / "ganger.log"
        self.process = None
        self.globals = ""
        self.runtime.mkdir(exist_ok=True)
        self.runtime.chmod(0o755)
        if user:
            entry = pwd.getpwnam(user)
            os.chown(self.runtime, entry.pw_uid, entry.pw_gid)
            os.chown(self.base, entry.pw_uid, entry.pw_gid)

    @property
    def as_root(self):
        return os.geteuid() == 0 and self.user is None

    def pool(self, name, body, listen=None, **options):
        """Text of a pool; root's pools run as nobody unless told otherwise."""
        lines = [f"pool {name} {{"]
        if listen is None:
            listen = f'"{self.sock(name)}"'
        if listen:
            lines.append(f"  listen = {listen}")
        if self.as_root and "user" not in options and "user" not in body:
            lines.append('  user = "nobody"\n  group = "nogroup"')
        for key, value in options.items():
            lines.append(f"  {key.replace('__', '.')} = {value}")
        return "\n".join(lines) + "\n" + body + "\n}\n"

    def sock(self, name):
        return str(self.runtime / f"{name}.sock")

    def write(self, *pools):
        self.config.write_text(f'runtime_directory = "{self.runtime}"\n{self.globals}\n' +
                               "\n".join(pools))
        self.config.chmod(0o644)

    def environment(self):
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        return env

    def command(self, *flags):
        return [str(BUILD / "ganger"), "-c", str(self.config), *flags]

    def _identity(self):
        if not self.user:
            return {}
        entry = pwd.getpwnam(self.user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def run(self, *flags, timeout=PATIENCE, **more):
        """Run to the end (-t and the like); CompletedProcess with text."""
        return subprocess.run(self.command(*flags), capture_output=True, text=True,
                              timeout=timeout, env=self.environment(), stdin=subprocess.DEVNULL,
                              **self._identity(), **more)

    def start(self, *flags, ready=True, timeout=PATIENCE, wrap=(), **more):
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = str(self.base / "notify.sock")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.notify.bind(path)
        os.chmod(path, 0o666)
        env = self.environment() | {"NOTIFY_SOCKET": path} | more.pop("env", {})
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen([*wrap, *self.command(*flags)], stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=log, env=env, **self._identity(),
                                        **more)
        log.close()
        if ready:
            self.wait_ready(timeout)
        return self

    def wait_ready(self, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        while True:
            readable = select.select([self.notify], [], [], 0.05)[0]
            if readable and b"READY=1" in self.notify.recv(4096).split(b"\n"):
                return
            if self.process.poll() is not None:
                raise AssertionError(f"ganger ended with {self.process.returncode}:\n{self.log}")
            if time.monotonic() > deadline:
                raise AssertionError(f"ganger is not ready:\n{self.log}")

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def wait_log(self, pattern, timeout=PATIENCE, count=1):
        regex = re.compile(pattern)
        try:
            wait_for(lambda: len(regex.findall(self.log)) >= count, timeout)
        except AssertionError:
            raise AssertionError(f"no {pattern!r} x{count} in the log:\n{self.log[-4000:]}") \
                from None

    def workers(self, pool=None):
        """Pids of live workers; with `pool`, of that pool (from their command line)."""
        out = []
        for pid, _, state in children(self.pid):
            if state in "ZX":
                continue
            with contextlib.suppress(OSError):
                argv = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0")
                if argv[0].endswith(b"ganger-worker") and \
                        (pool is None or argv[1] == pool.encode()):
                    out.append(pid)
        return sorted(out)

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, number=TERM, timeout=PATIENCE):
        """End it; its exit status.  Whatever it left behind is a failure of the caller's test."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.signal(number)
        try:
            return self.process.wait(timeout)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.notify.close()

    def status(self, pool=None, full=False):
        query = "json" + ("&full" if full else "") + (f"&pool={pool}" if pool else "")
        answer = fcgi.ask(self.sock("status"), "/status", query)
        assert answer.status == 200, answer
        return json.loads(answer.body)

    def ctl(self, *arguments, timeout=PATIENCE, **more):
        return subprocess.run([str(BUILD / "gangerctl"), "-r", str(self.runtime), *arguments],
                              capture_output=True, text=more.pop("text", True), timeout=timeout,
                              env=self.environment(), **more)


class Nginx:
    """nginx on a loopback port of its own, in the foreground."""

    def __init__(self, folder, server, upstreams=""):
        self.folder = folder.path / "nginx"
        self.folder.mkdir(mode=0o755, exist_ok=True)
        self.port = free_port()
        user = "user www-data;" if os.geteuid() == 0 else ""
        self.conf = self.folder / "nginx.conf"
        self.conf.write_text(f"""
{user} worker_processes 1; daemon off; master_process off; pid {self.folder}/nginx.pid;
error_log {self.folder}/error.log info;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/p;
  fastcgi_temp_path {self.folder}/f; uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
  client_max_body_size 0;
  {upstreams}
  server {{ listen 127.0.0.1:{self.port}; {server} }}
}}
""")
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-p", str(self.folder), "-c", str(self.conf)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

        def up():
            if self.process.poll() is not None:
                raise AssertionError((self.folder / "error.log").read_text())
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), PATIENCE).close()
                return True
        wait_for(up, what="nginx")

    @property
    def log(self):
        return (self.folder / "error.log").read_text(errors="replace")

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
