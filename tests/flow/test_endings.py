# SPDX-License-Identifier: Apache-2.0
"""Every way a program can end gives its response, and afterwards no process and no descriptor is left."""

import threading

import daemon
from fcgi import Conn, ask, cgi_params, whole


def upload(world, query, body):
    with Conn(world.web, 120) as c:
        sender = threading.Thread(target=c.send, args=(whole(
            cgi_params(world.t, query, "POST"), body),))
        sender.start()
        answer = c.answer(timeout=120)
        sender.join()
    return answer


def test_every_ending_leaves_nothing_behind(served):
    before = {p: daemon.descriptors(p) for p in served.workers("web")}
    missing = f"{served.root}/missing"
    plain = served.folder.script("cgi/plain", "#!/bin/sh\n", 0o644)
    badly = served.folder.script("cgi/badly", "#!/no/such/interpreter\n")

    answer = upload(served, "ok&out=early", bytes(100 << 20))
    assert (answer.status, answer.body) == (200, b"early")
    answer = upload(served, "ok&spam=300000&length", bytes(500_000))
    assert answer.body == b"x" * 300000 + b"500000\n"
    assert served.ask("ok&out=a&closeout&sleep=60000").body == b"a"
    assert served.ask("daemon=60000&ok&out=b").body == b"b"
    answer = served.ask("err=only this%0a")
    assert answer.status == 502 and b"only this" in answer.stderr
    assert served.ask("raise=11").status == 502
    with Conn(served.web) as c:
        c.send(whole(cgi_params(served.t, "ok&out=half&sleep=50&raise=9")))
        assert not c.until_closed()[1].ended
    assert [ask(served.web, path).status for path in (missing, plain, badly)] == [404, 403, 503]

    def left():
        return [p for w in served.workers("web") for p, _, _ in daemon.children(w)] + \
            [p for p, comm, _ in daemon.children(served.pid) if comm == "t"]
    daemon.wait_for(lambda: not left(), what="no process is left")
    daemon.wait_for(lambda: {p: daemon.descriptors(p) for p in served.workers("web")} == before,
                    what="no descriptor is left, and the workers are the same")
