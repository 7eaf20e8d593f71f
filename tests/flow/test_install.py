# SPDX-License-Identifier: Apache-2.0
"""make install and uninstall: what lies where, and what of the administrator's is left alone."""

import os
import pathlib
import re
import subprocess

import pytest

import daemon


def make(target, root, *variables):
    # What is built is installed, and nothing is built for it.
    done = subprocess.run(["make", "-s", "-o", "all", target, f"BUILD={daemon.BUILD}",
                           f"DESTDIR={root}", *variables], cwd=daemon.ROOT, text=True,
                          capture_output=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return done


def files(root):
    return {str(p.relative_to(root)): p for p in pathlib.Path(root).rglob("*") if not p.is_dir()}


@pytest.mark.parametrize("prefix, units", [("/usr/local", "usr/local/lib/systemd/system"),
                                           ("/usr", None)])
def test_install_and_uninstall(folder, prefix, units):
    root = folder.path / "root"
    make("install", root, f"PREFIX={prefix}")
    there = files(root)
    base = prefix.lstrip("/")
    if units is None:
        found = subprocess.run(["pkg-config", "--variable=systemdsystemunitdir", "systemd"],
                               capture_output=True, text=True).stdout.strip()
        units = (found or "/usr/lib/systemd/system").lstrip("/")
    wanted = {f"{base}/sbin/ganger": 0o755, f"{base}/bin/gangerctl": 0o755,
              f"{base}/lib/ganger/ganger-worker": 0o755, f"{base}/lib/ganger/libganger-shim.so": 0o644,
              f"{units}/ganger.service": 0o644, f"{base}/lib/tmpfiles.d/ganger.conf": 0o644,
              f"{base}/share/man/man8/ganger.8": 0o644,
              f"{base}/share/man/man7/ganger-status.7": 0o644,
              f"{base}/share/doc/ganger/ganger-status.schema.json": 0o644,
              f"{base}/share/doc/ganger/grafana-dashboard.json": 0o644,
              f"{base}/share/doc/ganger/prometheus-alerts.yml": 0o644,
              f"{base}/share/doc/ganger/perl-where.py": 0o644,
              f"{base}/share/doc/ganger/systemd/ganger.socket.example": 0o644,
              "etc/ganger/ganger.conf": 0o644, "etc/logrotate.d/ganger": 0o644}
    for name, mode in wanted.items():
        assert name in there, sorted(there)
        assert there[name].stat().st_mode & 0o777 == mode, name
    unit = there[f"{units}/ganger.service"].read_text()
    assert f"ExecStart={prefix}/sbin/ganger -c /etc/ganger/ganger.conf\n" in unit
    assert f"ExecReload={prefix}/bin/gangerctl reload --wait\n" in unit
    assert f"{prefix}/bin/gangerctl reopen" in there["etc/logrotate.d/ganger"].read_text()
    for name in there:
        if name.startswith((units, "etc/logrotate.d")):
            assert not re.search("@[a-z]+dir@", there[name].read_text()), name
    # What the administrator changed stays as it is, also when it is installed again.
    for name in ("etc/ganger/ganger.conf", "etc/logrotate.d/ganger"):
        there[name].write_text("# mine\n")
    make("install", root, f"PREFIX={prefix}")
    make("uninstall", root, f"PREFIX={prefix}")
    left = files(root)
    assert set(left) == {"etc/ganger/ganger.conf", "etc/logrotate.d/ganger"}
    assert {p.read_text() for p in left.values()} == {"# mine\n"}


def test_the_unit_may_go_elsewhere(folder):
    root = folder.path / "root"
    make("install", root, "systemdsystemunitdir=/etc/systemd/system", "sysconfdir=/opt/etc")
    there = files(root)
    assert "etc/systemd/system/ganger.service" in there
    assert "opt/etc/logrotate.d/ganger" in there
    assert "-c /opt/etc/ganger/ganger.conf" in there["etc/systemd/system/ganger.service"].read_text()


def test_installed_programs_find_each_other(folder):
    """From where they lie now: the worker in ../lib/ganger of the master."""
    root = folder.path / "root"
    make("install", root)
    conf = folder.path / "ganger.conf"
    conf.write_text(f'runtime_directory = "{folder.path}/run"\n')
    done = subprocess.run([root / "usr/local/sbin/ganger", "-t", "-c", conf], text=True,
                          capture_output=True, env={"PATH": os.environ["PATH"]})
    assert "is missing" not in done.stderr + done.stdout
