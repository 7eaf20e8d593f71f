# SPDX-License-Identifier: Apache-2.0
"""A terminal with a shell in it: tmux, on a socket of its own."""

import os
import re
import shlex
import signal
import subprocess

import daemon

PROMPT = "ready> "


class Terminal:
    def __init__(self, folder, width=80, height=24, term=None, **environment):
        self.place = folder.path / "tmux"
        self.place.mkdir(mode=0o700)
        self.env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TMUX_TMPDIR": str(self.place),
                    "HOME": str(self.place), "SHELL": "/bin/bash"}
        self.env.update({n: v for n, v in os.environ.items() if n.endswith("SAN_OPTIONS")})
        inside = " ".join(f"{n}={shlex.quote(v)}" for n, v in
                          ({"PS1": PROMPT} | ({"TERM": term} if term else {}) | environment).items())
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height),
                  f"env {inside} bash --norc --noprofile")
        self.asked = 0
        self.server = int(self.ask("#{pid}"))
        self.shell = int(self.ask("#{pane_pid}"))
        self.wait(lambda text: PROMPT.strip() in text, "the shell's prompt")

    def tmux(self, *words):
        run = subprocess.run(["tmux", "-L", "test", *words], env=self.env, capture_output=True, text=True,
                             timeout=daemon.PATIENCE, stdin=subprocess.DEVNULL)
        assert run.returncode == 0, run
        return run.stdout

    def ask(self, format_):
        return self.tmux("display-message", "-p", format_).strip()

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def keys(self, *names):
        self.tmux("send-keys", *names)

    def run(self, command):
        self.type(command)
        self.keys("Enter")

    def resize(self, width, height):
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def screen(self, colours=False):
        return self.tmux("capture-pane", "-p", *(["-e"] if colours else []))

    @property
    def lines(self):
        return self.screen().split("\n")

    @property
    def alternate(self):
        return self.ask("#{alternate_on}") == "1"

    def wait(self, condition, what):
        """Until condition(screen) holds; the screen then."""
        seen = {}

        def look():
            seen["text"] = self.screen()
            return condition(seen["text"])
        try:
            daemon.wait_for(look, what=what)
        except AssertionError:
            raise AssertionError(f"never seen: {what}\n{seen['text']}") from None
        return seen["text"]

    def shows(self, *patterns):
        """Wait for a screen that has all of these; it."""
        return self.wait(lambda text: all(re.search(p, text, re.M) for p in patterns), f"{patterns}")

    def child(self):
        """The pid of what the shell runs."""
        return daemon.wait_for(lambda: next((pid for pid, _, state in daemon.children(self.shell)
                                             if state not in "ZX"), None), what="the command")

    def prompt(self):
        """Wait until the shell has the terminal again, and nothing is left of what ran in it."""
        self.wait(lambda text: not self.alternate and
                  text.rstrip("\n").split("\n")[-1].rstrip() == PROMPT.strip(), "the prompt")

    def settings(self):
        """What stty says of the terminal, and the exit status of the command before."""
        self.asked += 1  # what stands on the screen from the last time is not the answer
        self.run(f"echo status{self.asked}=$? && stty -a && echo done{self.asked}=")
        text = self.shows(rf"^done{self.asked}=$")
        found = text[text.index(f"\nstatus{self.asked}=") + 1:]
        status, settings = found.split("\n", 1)
        # The size is the test's own business, and where it breaks the lines.
        settings = " ".join(settings[:settings.index(f"done{self.asked}=")].split())
        return int(status.partition("=")[2]), re.sub(r"rows \d+; columns \d+;", "", settings)

    def close(self):
        os.kill(self.server, signal.SIGTERM)
        daemon.wait_for(lambda: not daemon.alive(self.server), what="tmux ended")
