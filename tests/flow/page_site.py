# SPDX-License-Identifier: Apache-2.0
"""ganger's page, served with made-up numbers: as many pools as one likes, and answers that are wrong."""

import http.server
import json
import threading
import time

BOUNDS = "0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 30 +Inf".split()
SHARES = [0, 0, 1, 5, 10, 30, 25, 15, 7, 4, 2, 1, 0, 0, 0, 0]
NAMES = "git cgit web php-shop mapserver nagios status mailman".split()


def worker(pool, slot, state):
    return {"pid": 20000 + slot, "state": state, "start since": 300, "requests": 100 * slot + 7,
            "request duration": 38000, "request method": "GET", "request uri": f"/{pool}/page/{slot}?q=long+query",
            "user": "ada" if slot % 2 else "-", "script": f"/usr/lib/{pool}/{pool}.cgi", "slot": slot,
            "last request status": 200, "last request bytes out": 46080, "last request queue time": 120,
            "last request first byte": 8400, "memory proportional": 11 << 20, "memory resident": 31 << 20}


def pool(number, limit=8, requests=1000, busy=2, **more):
    """What the status says of a pool; `more` (with '_' for ' ') instead of what stands here."""
    name = NAMES[number] if number < len(NAMES) else f"customer-{number:04d}"
    total = min(limit, busy + 2)
    out = {
        "pool": name, "process manager": ["dynamic", "static", "ondemand"][number % 3], "start since": 93600 + number,
        "accepted conn": requests, "listen queue": 0, "max listen queue": 5, "listen queue len": 511,
        "idle processes": total - busy, "active processes": busy, "total processes": total,
        "max active processes": limit, "max children reached": number, "slow requests": 1, "memory peak": 23 << 20,
        "kind": ["cgi", "fastcgi"][number % 2], "state": "running", "reason": "", "listen": f"/run/ganger/{name}.sock",
        "max children": limit, "opaque processes": 0, "shedding": 0, "active requests": busy, "requests": requests,
        "failed requests": 3, "timed out requests": 1, "aborted requests": 2, "bytes in": requests * 700,
        "bytes out": requests * 9400, "process cpu seconds": 90.5, "generation": 3, "leaving processes": 0,
        "user": ["www-data", name[:8]][number % 2], "spawned": 77, "spawn failures": 0, "start failures": 0,
        "shed requests": 0, "memory resident": total * 31 << 20, "memory proportional": total * 11 << 20,
        "throttled until": 0, "requests per second": 1.5,
        "exits": {"ok": 40, "error": 2, "signal": 1}, "exit codes": {"1": 1, "127": 1}, "exit signals": {"SIGSEGV": 1},
        "restarts": {"max requests": 30, "max memory": 1, "reload": 4, "restart": 0, "scale down": 19},
        "limits": {"pm.start_servers": 2, "pm.max_requests": 500, "pm.max_memory": 128 << 20, "queue_timeout": 5.0,
                   "request_terminate_timeout": 60.0, "request_slowlog_timeout": 0.0},
        "request duration histogram": {b: requests * s // 100 for b, s in zip(BOUNDS, SHARES)},
        "queue time histogram": {b: requests if b == "0.0005" else 0 for b in BOUNDS},
    }
    return out | {key.replace("_", " "): value for key, value in more.items()}


def workers(of):
    """The same with its workers."""
    busy, idle = of["active processes"], of["idle processes"]
    return of | {"processes": [worker(of["pool"], i, "Running" if i < busy else "Idle") for i in range(busy + idle)]}


class Site:
    """`document` and `headers` are the page's; answer(query) gives what it reads: pools, or (status, body), or
    None for a connection that is closed."""

    def __init__(self, document, headers):
        self.answer = lambda query: []
        self.asked = []
        self.replied = 0
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def reply(self, status, body, fields):
                self.send_response(status)
                for name, value in fields:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                query = self.path.partition("?")[2]
                if "json" not in query:
                    return self.reply(200, document, headers)
                site.asked.append(query)
                answer = site.answer(query)
                if answer is None:
                    self.close_connection = True
                    return None
                status, body = answer if isinstance(answer, tuple) else (200, site.whole(answer, query))
                self.reply(status, body, [("Content-Type", "application/json")])
                site.replied += 1
                return None

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a browser that hangs up in the middle

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def whole(self, pools, query):
        if "full" in query:
            pools = [workers(p) for p in pools]
        name = query.partition("pool=")[2].partition("&")[0]
        if name:
            pools = [p for p in pools if p["pool"] == name]
            return json.dumps(pools[0] if pools else {}).encode()
        return json.dumps({"ganger": {"version": "9.9", "now": time.time()}, "pools": pools}).encode()

    def url(self, rest=""):
        return f"http://127.0.0.1:{self.server.server_address[1]}/any/path/status{rest}"

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
