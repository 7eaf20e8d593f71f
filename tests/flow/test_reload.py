# SPDX-License-Identifier: Apache-2.0
"""A new configuration for a ganger that serves: nobody may notice but who is meant to."""

import contextlib
import os
import re
import signal
import socket
import threading
import time

import pytest

import daemon
import fcgi
from daemon import wait_for
from native import Pending

HUP = signal.SIGHUP


def reload(g, *flags, status=0):
    """`gangerctl reload --wait`, and its exit status; what it said."""
    done = g.ctl("reload", "--wait", *flags, timeout=60)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr, g.log[-3000:])
    return done.stdout + done.stderr


class Load:
    """Clients that ask again and again until stopped, through nginx, each path in turn."""

    def __init__(self, world, paths, clients=4):
        self.world, self.paths = world, paths
        self.failures, self.replies = [], []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(i,), daemon=True)
                        for i in range(clients)]
        for t in self.threads:
            t.start()

    def _run(self, number):
        client = self.world.client()
        while not self.over.is_set():
            path = self.paths[number % len(self.paths)]
            number += 1
            began = time.monotonic()
            try:
                client.request("GET", path)
                answer = client.getresponse()
                body = answer.read()
                good = answer.status == 200 and body.startswith(b"pid=")
                reply = (time.monotonic() - began, body)
                (self.replies if good else self.failures).append(
                    reply if good else (path, answer.status, body[:200]))
            except Exception as error:  # noqa: BLE001 whatever it is, it counts
                self.failures.append((path, repr(error)))
                client.close()
        client.close()

    def stop(self):
        self.over.set()
        for t in self.threads:
            t.join(60)
            assert not t.is_alive()
        assert not self.failures, (len(self.failures), len(self.replies), self.failures[:5],
                                   self.world.nginx.log[-2000:], self.world.ganger.log[-4000:])
        return self.replies


def edit(world, pool, **options):
    """Give options of a pool other values, and write the file."""
    text = world.pools[pool]
    for name, value in options.items():
        name = name.replace("__", ".")
        text = re.sub(rf"(?m)^ *{re.escape(name)} = .*\n", "", text)
        if value is not None:
            text = text.replace("{\n", f"{{\n  {name} = {value}\n", 1)
    world.pools[pool] = text
    world.ganger.write(*world.pools.values())


CGI = """#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\npid=%s slept=0\\n%s\\n' $$ "$MARK"
"""


def cgi_pool(world, name="cgi", **options):
    script = world.ganger.folder.script("hello.cgi", CGI)
    world.add(name, [script], kind="cgi", **options)


def test_nothing_has_changed(world):
    """FAULTS C14, in short: the pids stay, and nothing is lost."""
    cgi_pool(world)
    world.add("c").add("php").start().front()
    g = world.ganger
    before = {name: world.pids(name) for name in ("cgi", "c", "php")}
    load = Load(world, ["/cgi", "/c", "/php"])
    for _ in range(10):
        reload(g)
    load.stop()
    assert {name: world.pids(name) for name in before} == before
    assert "replaced" in g.log and " 0 failed" in g.log


@pytest.mark.parametrize("pool", ["cgi", "c", "php"])
def test_replace_under_load(world, pool):
    cgi_pool(world)
    world.add("c").add("php").start().front()
    g = world.ganger
    others = {name: world.pids(name) for name in ("cgi", "c", "php") if name != pool}
    load = Load(world, [f"/{pool}"])
    generation = world.status(pool)["generation"]
    for i in range(6):
        edit(world, pool, env=f'{{"MARK=m{i}"}}')
        said = reload(g)
        assert f"pool {pool}: replace" in said
        wait_for(lambda: world.status(pool)["generation"] == generation + i + 1, what="generation")
    load.stop()
    assert {name: world.pids(name) for name in others} == others
    if pool == "cgi":
        assert b"m5" in world.get(pool).body


def percentile(replies, share):
    took = sorted(t for t, _ in replies)
    return took[min(len(took) - 1, int(len(took) * share))]


def test_ten_reloads_a_second(world):
    """R1: half of them change the pools under load, in command, environment and size in turn.  Signals,
    so a reload may come in the middle of another."""
    other = world.ganger.folder.script("other.cgi", CGI + "# another one\n")
    cgi_pool(world, pm__max_children=3)
    world.add("php", pm__max_children=3).add("c", pm__max_children=3).start().front()
    g = world.ganger
    commands = {"cgi": (other, str(g.base / "hello.cgi"))}
    load = Load(world, ["/cgi", "/php", "/c"], clients=8)
    began = time.monotonic()
    for i in range(100 if daemon.LONG else 40):
        pool = ("cgi", "php", "c")[i // 2 % 3]
        if i % 2 == 0:
            change = i // 6 % 3
            if change == 0 and pool in commands:
                edit(world, pool, command=f'{{"{commands[pool][i // 18 % 2]}"}}')
            elif change == 2:
                edit(world, pool, pm__max_children=3 + i // 6 % 2)
            else:
                edit(world, pool, env=f'{{"MARK={i}"}}')
        g.signal(HUP)
        time.sleep(max(0.0, began + 0.1 * (i + 1) - time.monotonic()))
    reload(g)
    replies = load.stop()
    assert len(replies) > 100
    if world.pools["cgi"].count("MARK"):
        mark = re.search(r"MARK=(\d+)", world.pools["cgi"])[1].encode()
        assert mark in world.get("cgi").body
