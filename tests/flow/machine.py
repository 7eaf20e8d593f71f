# SPDX-License-Identifier: Apache-2.0
"""A real systemd with ganger installed: a container whose root is this machine's, under an overlay, with a
network of its own.  It boots in a second, since all that is not needed is masked."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import daemon
import fcgi

MASKED = """dbus.socket dbus.service fcgiwrap.socket ldconfig.service systemd-ask-password-console.path
systemd-ask-password-wall.path systemd-firstboot.service systemd-hwdb-update.service
systemd-journal-catalog-update.service systemd-journal-flush.service systemd-logind.service
systemd-machine-id-commit.service systemd-random-seed.service systemd-remount-fs.service
systemd-sysctl.service systemd-sysusers.service systemd-tmpfiles-clean.timer
systemd-tmpfiles-setup-dev.service systemd-update-done.service systemd-update-utmp.service
systemd-networkd.service systemd-resolved.service tmp.mount""".split()

TARGET = """[Unit]
Requires=basic.target
After=basic.target
AllowIsolate=yes
"""

# The leak checker stops the process by ptrace, which the unit forbids.
SANITIZED = """[Service]
Environment=ASAN_OPTIONS=detect_leaks=0
"""


class Impossible(Exception):
    """This machine cannot boot one; the text says why."""


def command(*arguments, **more):
    return subprocess.run(arguments, capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)


class Machine:
    def __init__(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="ganger-machine-"))
        self.root = self.base / "root"
        self.console = self.base / "console"
        self.process = self.leader = None
        self.mounted = []

    # ---- from nothing to a booted system, and back

    def boot(self):
        if os.geteuid() != 0:
            raise Impossible("only root can boot a container")
        self._mount()
        self._furnish()
        name = f"ganger-{os.getpid()}"
        with open(self.console, "wb") as console:
            self.process = subprocess.Popen(
                ["systemd-nspawn", "--quiet", "-D", self.root, "-M", name, "--register=no",
                 "--keep-unit", "--private-network", "--console=pipe", "/lib/systemd/systemd",
                 "--unit=ganger-test.target"],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True)
        deadline = time.monotonic() + 60
        while self.state() not in ("running", "degraded"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Impossible("the container does not boot:\n" +
                                 self.console.read_text(errors="replace")[-3000:])
            time.sleep(0.02)
        return self

    def _mount(self):
        layers, root = self.base / "layers", self.root
        for folder in (layers, root):
            folder.mkdir()
        self._do("mount", "-t", "tmpfs", "-o", "mode=755", "ganger-test", layers)
        self.mounted.append(layers)
        for name in ("upper", "work"):
            (layers / name).mkdir()
        self._do("mount", "-t", "overlay", "-o",
                 f"lowerdir=/,upperdir={layers}/upper,workdir={layers}/work", "ganger-test", root)
        self.mounted.append(root)

    def _do(self, *arguments):
        done = command(*map(str, arguments))
        if done.returncode != 0:
            raise Impossible(f"{' '.join(map(str, arguments))}: {done.stderr}")

    def _furnish(self):
        units = self.root / "etc/systemd/system"
        for wants in ("timers", "sockets", "sysinit", "multi-user", "network-online"):
            shutil.rmtree(units / f"{wants}.target.wants", ignore_errors=True)
        for unit in MASKED:
            link = units / unit
            if link.is_symlink() or link.exists():
                link.unlink()
            link.symlink_to("/dev/null")
        (units / "ganger-test.target").write_text(TARGET)
        for leftover in ("etc/ganger", "usr/lib/ganger", "usr/local/lib/ganger"):
            shutil.rmtree(self.root / leftover, ignore_errors=True)
        # What is built is installed, and nothing is built for it.
        done = command("make", "-s", "-o", "all", "install", f"BUILD={daemon.BUILD}", "PREFIX=/usr",
                       f"DESTDIR={self.root}", cwd=daemon.ROOT)
        assert done.returncode == 0, done.stderr
        if daemon.ASAN:
            self.write("/etc/systemd/system/ganger.service.d/sanitized.conf", SANITIZED)

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for place in reversed(self.mounted):
            command("umount", "-l", str(place))
        shutil.rmtree(self.base, ignore_errors=True)

    # ---- inside

    def _find_leader(self):
        for child, _, _ in daemon.children(self.process.pid):
            for line in open(f"/proc/{child}/status"):
                words = line.split()
                if words[0] == "NSpid:" and len(words) == 3 and words[2] == "1":
                    return child
        return None

    def state(self):
        self.leader = self.leader or self._find_leader()
        if self.leader is None:
            return None
        return self.run("systemctl", "is-system-running", check=False).stdout.strip()

    def run(self, *arguments, check=True, timeout=60):
        done = command("nsenter", "-t", str(self.leader), "-a", "--root", "--wd", *arguments,
                       timeout=timeout)
        assert not check or done.returncode == 0, \
            f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.journal()}"
        return done

    def systemctl(self, *arguments, **more):
        return self.run("systemctl", *arguments, **more)

    def show(self, name, unit="ganger"):
        return self.systemctl("show", "-p", name, "--value", unit).stdout.strip()

    def journal(self):
        return command("nsenter", "-t", str(self.leader), "-a", "--root", "--wd", "journalctl", "-u",
                       "ganger", "--no-pager", "-n", "100").stdout

    def path(self, path):
        """Where a path of the inside is to be found from here, once booted."""
        return pathlib.Path(f"/proc/{self.leader}/root{path}")

    def write(self, path, text):
        place = (self.root if self.leader is None else self.path("")) / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def remove(self, path):
        if self.path(path).exists():
            self.path(path).unlink()

    def ask(self, script, query, body=b"", sock="/run/ganger/web.sock", **more):
        return fcgi.ask(str(self.path(sock)), script, query, body, **more)
