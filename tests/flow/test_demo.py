# SPDX-License-Identifier: Apache-2.0
"""The demo offers what it says (Show: clone, a push of 30 MB, fsck, cgit), and leaves nothing."""

import os
import pathlib
import signal
import subprocess
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GANGER_BUILD", ROOT / "build")).resolve()
USERS = ["root", "user"] if os.geteuid() == 0 else ["user"]


@pytest.fixture(params=USERS)
def demo(request, tmp_path_factory):
    """(command, environment, folder that its own temporary folder is made in)"""
    command = ["/usr/bin/python3", str(ROOT / "demo" / "demo.py"), "--build", str(BUILD)]
    with tempfile.TemporaryDirectory(prefix="demo-test-") as folder:
        if request.param == "user" and os.geteuid() == 0:
            os.chmod(folder, 0o777)
            command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]
        else:
            os.chmod(folder, 0o755)
        environment = {
            "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin",
            "TMPDIR": folder,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        }
        yield command, environment, pathlib.Path(folder)


def test_demo_check(demo):
    command, environment, folder = demo
    run = subprocess.run(
        [*command, "--port", "0", "--check"],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "ok: git clone, a push of 30 MB, fsck on both sides" in run.stdout
    assert run.stdout.endswith("demo: all good\n")
    assert list(folder.iterdir()) == []


def test_demo_ends_on_ctrl_c(demo):
    command, environment, folder = demo
    with subprocess.Popen(
        [*command, "--port", "0"],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C ends it."):
                process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    assert process.returncode == 0, "".join(lines)
    assert list(folder.iterdir()) == []
    for folder_of_process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (folder_of_process / "cmdline").read_bytes()
        except OSError:
            continue
        assert str(folder).encode() not in words, words
