# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven by chromedriver over the W3C WebDriver protocol."""

import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import daemon

# Nothing but the pages of the tests is looked up, let alone asked for.
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --disable-extensions --disable-default-apps --disable-dev-shm-usage
--no-default-browser-check --disable-domain-reliability --metrics-recording-only --mute-audio
--password-store=basic --use-mock-keychain --hide-scrollbars --force-color-profile=srgb
--no-proxy-server""".split() + ["--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"Enter": "\ue007", "Tab": "\ue004", "Escape": "\ue00c", "Space": " ", "Backspace": "\ue003"}


class Trouble(Exception):
    """What the driver says it could not do."""


class Browser:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ganger-browser-"))
        self.log = open(self.folder / "driver.log", "wb")
        self.session = None
        # A process group of its own: the browser's processes end with it.
        self.process = subprocess.Popen(["chromedriver", "--port=0"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True,
                                        env=self.environment(), start_new_session=True)
        try:
            self.port = self.find_port()
            self.begin()
        except BaseException:
            self.close()
            raise

    def environment(self):
        keep = {k: os.environ[k] for k in ("PATH", "LANG") if k in os.environ}
        return keep | {"HOME": str(self.folder), "TMPDIR": str(self.folder), "XDG_RUNTIME_DIR": str(self.folder)}

    def find_port(self):
        for line in self.process.stdout:
            found = re.search(r"successfully on port (\d+)", line)
            if found:
                return int(found.group(1))
        raise Trouble("chromedriver ended: " + (self.folder / "driver.log").read_text())

    def begin(self):
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"binary": shutil.which("chromium"),
                                   "args": [*FLAGS, f"--user-data-dir={self.folder}/profile"]},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}}, session=False)
        self.session = answer["sessionId"]

    def call(self, method, path, body=None, session=True):
        url = f"http://127.0.0.1:{self.port}" + (f"/session/{self.session}" if session else "") + path
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=4 * daemon.PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise Trouble(json.load(error)["value"]) from None

    def close(self):
        if self.session is not None:
            with contextlib.suppress(Exception):
                self.call("DELETE", "")
        self.process.terminate()
        try:
            self.process.wait(daemon.PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # a browser that its driver has left behind
        self.process.stdout.close()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- what a page is made to do

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """The value of a JavaScript function's body."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def devtools(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def window(self, width, height=900, dark=False, scale=1):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale,
                      mobile=width < 600)
        self.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def scripts(self, allowed):
        self.devtools("Emulation.setScriptExecutionDisabled", value=not allowed)

    def find(self, selector):
        return self.call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self.call("POST", f"/element/{self.find(selector)}/click")

    def type(self, selector, text):
        self.call("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def press(self, *keys):
        """Keys for whatever has the focus."""
        actions = []
        for key in keys:
            value = KEYS.get(key, key)
            actions += [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def focused(self):
        """The text of what has the focus."""
        return self.run("return document.activeElement.textContent")

    # ---- what is to be seen

    def source(self):
        return self.call("GET", "/source")

    def text(self, selector="body"):
        """As a reader sees it: what is hidden does not count."""
        return self.run("return document.querySelector(arguments[0])?.innerText ?? null", selector)

    def texts(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility())"
                        ".map(e => e.innerText.trim())", selector)

    def wait(self, condition, what, hurry=False):
        """Until condition() is true; with the page's text in the complaint.  `hurry`: the page looks again at
        once, as when it comes into sight, not at its next second."""
        def paced():
            value = condition()
            if not value:
                if hurry:
                    self.run("document.dispatchEvent(new Event('visibilitychange'))")
                time.sleep(0.05)
            return value
        try:
            return daemon.wait_for(paced, what=what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text()}\n{self.console()}") from None

    def console(self):
        """What was complained of since the last time: [(level, message)]."""
        return [(entry["level"], entry["message"]) for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def picture(self, path, whole=False):
        path.parent.mkdir(parents=True, exist_ok=True)
        if whole:
            data = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        else:
            data = self.call("GET", "/screenshot")
        path.write_bytes(base64.b64decode(data))
