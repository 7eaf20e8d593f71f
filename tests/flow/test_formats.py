# SPDX-License-Identifier: Apache-2.0
"""What the status responder says: the formats agree, and each is what its specification says."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import urllib.parse
import urllib.request

import daemon
import formats
import jsonschema
import pytest
from fcgi import Conn, ask, cgi_params, whole

DASHBOARD = daemon.ROOT / "scripts" / "grafana-dashboard.json"
ALERTS = daemon.ROOT / "scripts" / "prometheus-alerts.yml"
NASTY = b"/x\"}} 1\n\\<script>&\x1b[31m\xff"
# What goes on between two looks at a pool that rests: time, and what is measured now and then.
RESTLESS = {"start since", "last request age", "requests per second", "measured", "process cpu seconds",
            "memory resident", "memory proportional"}


@pytest.fixture(scope="module")
def lively(programs, tmp_path_factory):
    """A pool that has served well and badly, one whose program cannot live, and one with limits."""
    folder = daemon.Folder()
    g = daemon.Ganger(folder)
    t = folder.path / "t"
    shutil.copy(programs["cgi"], t)
    t.chmod(0o755)
    web = f'  kind = cgi\n  script_root = {{"{folder.path}"}}\n'
    g.write(g.pool("web", web + "  pm.max_children = 3"),
            g.pool("late", web + "  pm.max_children = 1\n  request_terminate_timeout = 300ms"),
            g.pool("bad", '  kind = fastcgi\n  command = {"/bin/false"}\n  pm.max_children = 1'),
            g.pool("limited", web + "  pm = dynamic\n  pm.max_children = 8\n  pm.max_requests = 1000\n"
                              "  queue_timeout = 1500ms\n  pm.max_memory = 64M\n  status.ready = no"))
    g.start()
    g.t = str(t)
    for query in ("ok", "ok", "ok&spam=100000", "exit=3"):
        ask(g.sock("web"), g.t, query)
    assert ask(g.sock("late"), g.t, "sleep=60000").status == 504

    def pools():
        return {p["pool"]: p for p in formats.everything(g)["pools"]}

    def counted():
        now = pools()
        return now["web"]["requests"] == 4 and now["late"]["requests"] == 1 and \
            now["bad"]["state"] == "failing"
    daemon.wait_for(counted, what="all requests are counted, and a pool fails")
    os.kill(g.workers("web")[0], signal.SIGKILL)
    daemon.wait_for(lambda: pools()["web"]["exits"]["signal"] == 1 and pools()["web"]["idle processes"] == 3,
                    what="a worker was killed and replaced")
    ask(g.sock("web"), g.t, "ok&length", body=b"x" * 5000, REQUEST_URI=NASTY, REMOTE_USER=NASTY)
    daemon.wait_for(lambda: pools()["web"]["requests"] == 5, what="the last request is counted")
    yield g
    try:
        log = g.log
        assert g.stop() == 0
        assert "Sanitizer" not in log and "runtime error:" not in log, log
    finally:
        folder.remove()


def at_rest(g, *queries):
    """One page for each query, of a moment when nothing went on in pool web."""
    def look():
        def still():
            pool = json.loads(formats.body(g, "json&full&pool=web"))
            for row in (pool, *pool["processes"]):
                for name in RESTLESS:
                    row.pop(name, None)
            return pool
        before = still()
        pages = [formats.body(g, query) for query in queries]
        return still() == before and pages
    return daemon.wait_for(look, what="a moment of rest")


# ---------------------------------------------------------------- JSON

def test_json_fits_its_schema(lively):
    schema = formats.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    busy = Conn(lively.sock("limited"))
    busy.send(whole(cgi_params(lively.t, "ok&sleep=400", REQUEST_URI=NASTY)))
    for query in ("json", "json&full", "json&pool=web", "json&pool=web&full", "json&full&pool=bad",
                  "json&full&pool=status", "json&full&pool=limited"):
        validator.validate(json.loads(formats.body(lively, query)))
    busy.answer()
    busy.close()
    for wrong in ({}, {"pools": []}, json.loads(formats.body(lively, "json&pool=web")) | {"new": 1}):
        assert not validator.is_valid(wrong)


def objects(schema):
    """Every object with named members in the schema, with a name."""
    def walk(name, node):
        if isinstance(node, dict):
            if "properties" in node:
                yield name, node
            for key, below in node.items():
                yield from walk(f"{name}/{key}", below)
        elif isinstance(node, list):
            for below in node:
                yield from walk(name, below)
    return list(walk("", schema))


def test_schema_describes_and_closes_everything():
    found = objects(formats.schema())
    assert len(found) >= 8
    for name, node in found:
        assert node["additionalProperties"] is False, name
        for key, value in node["properties"].items():
            assert value.get("description", "").endswith(".") or "$ref" in value, f"{name}: {key}"


def test_every_key_of_the_schema_comes(lively):
    """Nothing is described that never is: each member was seen in some pool or worker."""
    seen = json.loads(formats.body(lively, "json&full"))["pools"]
    pool = formats.schema()["$defs"]["pool"]["properties"]
    worker = formats.schema()["$defs"]["worker"]["properties"]
    # Which no request of this test can have: a configuration with everything, a queue.
    never = {"last request queue time", "last request first byte"}
    assert set(pool) == {k for p in seen for k in p}
    assert set(worker) - never <= {k for p in seen for w in p["processes"] for k in w}
    for group in ("exits", "restarts"):
        assert set(pool[group]["properties"]) == set(seen[0][group])
    limits = {p["pool"]: p["limits"] for p in seen}
    assert set(limits["limited"]) <= set(pool["limits"]["properties"])


def test_json_of_all_pools_says_whose_it_is(lively):
    all_pools = formats.everything(lively)
    assert all_pools["ganger"]["version"] and all_pools["ganger"]["now"] > 1.6e9
    assert [p["pool"] for p in all_pools["pools"]] == ["web", "late", "bad", "limited", "status"]
    one = json.loads(formats.body(lively, "json&pool=web"))
    assert "ganger" not in one and one["pool"] == "web"


def test_keys_are_in_the_manual():
    page = (daemon.ROOT / "man" / "ganger-status.7").read_text()
    sections = dict(zip(re.findall(r"^\.Sh (.*)$", page, re.M), re.split(r"^\.Sh .*$", page, flags=re.M)[1:]))
    schema = formats.schema()["$defs"]
    pool = []
    for key, value in schema["pool"]["properties"].items():
        if key != "processes":
            pool += [key, *value.get("properties", {})]
    assert re.findall(r"^\.It Cm (.*)$", sections["VALUES OF A POOL"], re.M) == pool
    assert re.findall(r"^\.It Cm (.*)$", sections["VALUES OF A WORKER"], re.M) == \
        list(schema["worker"]["properties"])


# ---------------------------------------------------------------- one truth in every format

def seconds(text):
    """A date of the text page as the JSON has it."""
    import datetime
    if text == "-":
        return 0
    return int(datetime.datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z").timestamp())


def spelt(value, text):
    """Does the text page's value mean the JSON's?"""
    if isinstance(value, str):
        return text == (value or "-")
    if isinstance(value, float):
        return float(text) == value
    return text == str(value) or (not text.isdigit() and seconds(text) == value)


def test_text_and_json_agree(lively):
    text, page = at_rest(lively, "text&full&pool=web", "json&full&pool=web")
    (pool, workers), = formats.blocks(text)
    row = json.loads(page)
    processes = row.pop("processes")
    labels = {"exits": "exits ", "restarts": "restarts ", "limits": "limit ", "exit codes": "exit code ",
              "exit signals": "exit signal ", "request duration histogram": "took <= ",
              "queue time histogram": "waited <= ", "first byte histogram": "first byte <= "}
    last = {"took <= ": "took longer", "waited <= ": "waited longer", "first byte <= ": "first byte later"}
    flat = {}
    for name, value in row.items():
        if not isinstance(value, dict):
            flat[name] = value
            continue
        for key, number in value.items():
            label = labels[name] + key + (" s" if "histogram" in name else "")
            flat[last[labels[name]] if key == "+Inf" else label] = number
    assert set(flat) == set(pool)
    for name, value in flat.items():
        assert name in RESTLESS or spelt(value, pool[name]), name
    assert len(workers) == len(processes) == 3
    for worker, process in zip(workers, processes):
        process["request URI"] = process.pop("request uri")
        assert set(worker) == set(process)
        for name, value in process.items():
            assert name in RESTLESS or spelt(value, worker[name]), name


PLAIN = {
    "accepted conn": "accepted_connections_total", "listen queue": "listen_queue",
    "max listen queue": "listen_queue_peak", "listen queue len": "listen_queue_limit",
    "idle processes": "idle_workers", "active processes": "active_workers", "total processes": "workers",
    "max active processes": "active_workers_peak", "max children reached": "max_children_reached_total",
    "slow requests": "slow_requests_total", "memory peak": "memory_peak_bytes",
    "max children": "max_children", "leaving processes": "leaving_workers",
    "opaque processes": "opaque_workers", "shedding": "shedding", "shed requests": "shed_requests_total",
    "active requests": "active_requests", "requests": "requests_total",
    "failed requests": "failed_requests_total", "timed out requests": "timed_out_requests_total",
    "aborted requests": "aborted_requests_total", "bytes in": "received_bytes_total",
    "bytes out": "sent_bytes_total", "cpu seconds": "cpu_seconds_total", "generation": "generation",
    "spawned": "spawned_workers_total", "spawn failures": "spawn_failures_total",
    "start failures": "start_failures", "start time": "start_time_seconds",
    "throttled until": "throttled_until_time_seconds", "request seconds": "request_duration_seconds_sum",
    "queue seconds": "queue_time_seconds_sum", "first byte seconds": "first_byte_seconds_sum",
}


def test_metrics_and_json_agree(lively):
    text, page = at_rest(lively, "openmetrics&full&pool=web", "json&full&pool=web")
    samples, _ = formats.metrics(text)
    row = json.loads(page)
    # What is a number and has no sample of its own: seconds since a moment that has one.
    assert {k for k, v in row.items() if not isinstance(v, (str, dict, list))} == \
        set(PLAIN) | RESTLESS - {"last request age"}

    def is_sample(name, value, **labels):
        assert formats.sample(samples, "ganger_" + name, pool="web", **labels) == value, name
    for name, metric in PLAIN.items():
        is_sample(metric, row[name])
    for result, count in row["exits"].items():
        is_sample("exits_total", count, result=result)
    for cause, count in row["restarts"].items():
        is_sample("restarts_total", count, cause=cause.replace(" ", "_"))
    for code, count in row["exit codes"].items():
        is_sample("exit_codes_total", count, code=code)
    for name, count in row["exit signals"].items():
        is_sample("exit_signals_total", count, signal=name)
    for group, metric in (("request duration histogram", "request_duration_seconds"),
                          ("queue time histogram", "queue_time_seconds"),
                          ("first byte histogram", "first_byte_seconds")):
        total = 0
        for bound, count in row[group].items():
            total += count
            le = bound if "." in bound or bound == "+Inf" else bound + ".0"
            is_sample(metric + "_bucket", total, le=le)
        is_sample(metric + "_count", total)
    for option, value in row["limits"].items():
        unit = "_bytes" if option == "pm.max_memory" else "_seconds" if option.endswith("_timeout") else ""
        is_sample("limit" + unit, value, option=option)
    assert formats.sample(samples, "ganger_pool_state", pool="web", state=row["state"]) == 1
    for worker in row["processes"]:
        who = {"pool": "web", "slot": str(worker["slot"]), "pid": str(worker["pid"])}
        assert formats.sample(samples, "ganger_worker_state", state=worker["state"], **who) == 1
        for name, metric in (("requests", "requests_total"), ("bytes out", "sent_bytes_total"),
                             ("cpu seconds", "cpu_seconds_total"), ("start time", "start_time_seconds")):
            assert formats.sample(samples, "ganger_worker_" + metric, **who) == worker[name]


def test_counters_are_exact(lively):
    """web: 4 good ones, 1 without a header (502), and a worker was killed; late: 1 too slow (504)."""
    row = lively.status("web")
    assert (row["requests"], row["failed requests"], row["timed out requests"]) == (5, 1, 0)
    assert row["exit signals"] == {"SIGKILL": 1} and row["exits"]["signal"] == 1
    assert sum(row["request duration histogram"].values()) == 5
    row = lively.status("late")
    assert (row["requests"], row["failed requests"], row["timed out requests"]) == (1, 1, 1)
    bad = lively.status("bad")
    assert bad["exit codes"] == {"1": bad["exits"]["error"]} and bad["exits"]["error"] > 0


# ---------------------------------------------------------------- OpenMetrics

@pytest.mark.parametrize("query", ["", "&full", "&pool=web", "&pool=bad&full"])
def test_metrics_are_what_the_specifications_say(lively, query):
    """By Prometheus' own strict reader of either format, and the same in both."""
    new, families = formats.metrics(formats.body(lively, "openmetrics" + query))
    old, old_families = formats.metrics(formats.body(lively, "prometheus" + query), old=True)
    assert set(new) == set(old)
    assert {"counter", "gauge", "histogram", "info"} == set(families.values())
    assert len(families) == len(old_families)
    for name, kind in families.items():
        if kind == "counter":
            assert not name.endswith("_total")


def test_promtool_finds_no_fault(lively):
    for query in ("prometheus", "prometheus&full"):
        run = subprocess.run(["promtool", "check", "metrics"], input=formats.body(lively, query),
                             capture_output=True, text=True, timeout=60)
        assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_metrics_are_in_the_manual(lively):
    page = (daemon.ROOT / "man" / "ganger-status.7").read_text()
    named = dict(re.findall(r"^\.It Cm (ganger_\S+) Pq (\w+)$", page, re.M))
    _, families = formats.metrics(formats.body(lively, "openmetrics&full"))
    suffix = {"counter": "_total", "info": "_info"}
    assert named == {name + suffix.get(kind, ""): kind for name, kind in families.items()}


class Prometheus:
    """Debian's, on a loopback port of its own, with ganger's alert rules."""

    def __init__(self, folder, target, path):
        self.folder = folder.path / "prometheus"
        self.folder.mkdir()
        self.port = daemon.free_port()
        config = self.folder / "prometheus.yml"
        config.write_text(f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ["{ALERTS}"]
scrape_configs:
  - job_name: ganger
    metrics_path: {path}
    static_configs: [{{targets: ["{target}"]}}]
""")
        subprocess.run(["promtool", "check", "config", config], check=True, capture_output=True)
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder}/data",
             f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def get(self, path, **query):
        url = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(query)}"
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(url, timeout=daemon.PATIENCE) as answer:
                return json.load(answer)["data"]
        assert self.process.poll() is None, (self.folder / "log").read_text()
        return None

    def value(self, query):
        """The number that a query with one result has, or None."""
        data = self.get("/api/v1/query", query=query)
        return float(data["result"][0]["value"][1]) if data and len(data["result"]) == 1 else None

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(daemon.PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
            self.log.close()


def test_prometheus_scrapes(lively):
    """Through nginx and with nothing said in the path, so it is the Accept field that decides."""
    folder = daemon.Folder()
    nginx = daemon.Nginx(folder, f"""
        location /deep/ {{ include /etc/nginx/fastcgi_params;
                           fastcgi_pass unix:{lively.sock("status")}; }}
        """)
    os.chmod(lively.sock("status"), 0o666)
    prometheus = Prometheus(folder, f"127.0.0.1:{nginx.port}", "/deep/metrics")
    try:
        daemon.wait_for(lambda: prometheus.value("up") == 1, timeout=60, what="a scrape")
        assert prometheus.value('ganger_requests_total{pool="web"}') == 5
        assert prometheus.value('ganger_pool_state{pool="bad",state="failing"}') == 1
        assert prometheus.value('histogram_quantile(1, ganger_request_duration_seconds_bucket{pool="web"})') > 0
        wanted = formats.metrics(formats.body(lively, "openmetrics"))[0]
        assert prometheus.value('count({job="ganger",__name__=~"ganger_.*"})') == len(wanted)
        # Types and units came over, so it was read as OpenMetrics.
        meta = daemon.wait_for(lambda: prometheus.get("/api/v1/targets/metadata"), what="metadata")
        units = {m["metric"]: m.get("unit") for m in meta}
        assert units["ganger_sent_bytes"] == "bytes" and units["ganger_request_duration_seconds"] == "seconds"

        def judged():
            rules = prometheus.get("/api/v1/rules")["groups"][0]["rules"]
            return all(r["lastEvaluation"][:4] != "0001" for r in rules) and rules
        rules = daemon.wait_for(judged, timeout=60, what="the rules are evaluated")
        assert [(r["name"], r.get("lastError")) for r in rules if r["health"] != "ok"] == []

        def noticed():
            names = {r["name"] for r in prometheus.get("/api/v1/rules")["groups"][0]["rules"]
                     if r["state"] != "inactive"}
            return "GangerPoolFailing" in names and "GangerDoesNotAnswer" not in names
        daemon.wait_for(noticed, timeout=60, what="the failing pool is noticed")
        # What answers the scrape is busy with it, and that is nobody's trouble.
        assert prometheus.value('ganger_idle_workers{pool="status"}') == 0
        spare, = [r for r in prometheus.get("/api/v1/rules")["groups"][0]["rules"]
                  if r["name"] == "GangerNoSpareWorker"]
        assert "status" not in {a["labels"]["pool"] for a in spare["alerts"]}
    finally:
        prometheus.stop()
        nginx.stop()
        folder.remove()


# ---------------------------------------------------------------- the dashboard and the rules

def series(lively):
    """{sample name: label names that any sample of it has}, those of Prometheus' own added."""
    samples, families = formats.metrics(formats.body(lively, "openmetrics&full"))
    out = {}
    for name, labels in samples:
        out.setdefault(name, {"instance", "job"}).update(key for key, _ in labels)
    for name, kind in families.items():
        if kind == "counter" and name + "_total" not in out:
            out[name + "_total"] = {"instance", "job", "pool"}
    return out


def check_expression(expression, known):
    names = re.findall(r"\bganger_\w+", expression)
    assert names, expression
    for name in names:
        assert name in known, f"{name} in {expression}"
    for name, selector in re.findall(r"\b(ganger_\w+)\{([^}]*)\}", expression):
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector):
            assert label in known[name], f"{label} of {name} in {expression}"
    for group in re.findall(r"\bby \(([^)]*)\)", expression):
        for label in re.split(r",\s*", group):
            assert any(label in known[name] for name in names), f"by {label} in {expression}"
    return set().union(*(known[name] for name in names))


def test_alert_rules_name_what_there_is(lively):
    import yaml
    run = subprocess.run(["promtool", "check", "rules", ALERTS], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    rules = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
    known = series(lively)
    assert len(rules) > 10
    for rule in rules:
        labels = check_expression(rule["expr"], known)
        for label in re.findall(r"\$labels\.(\w+)", json.dumps(rule)):
            assert label in labels, f"{label} in {rule['alert']}"


def test_alerts_are_raised_for_what_they_say(tmp_path):
    """By promtool, with made-up numbers of half an hour: {alert: whom it is about}."""
    series = {'up{job="ganger",instance="here"}': "1x30", 'up{job="ganger",instance="gone"}': "0x30",
              'ganger_build_info{instance="here"}': "1x30"}
    for pool, kind, workers in (("web", "cgi", 4), ("busy", "cgi", 2), ("status", "status", 1), ("go", "fastcgi", 2)):
        who = f'{{instance="here",pool="{pool}"}}'
        series[f'ganger_pool_info{{instance="here",pool="{pool}",kind="{kind}"}}'] = "1x30"
        series["ganger_workers" + who] = series["ganger_max_children" + who] = f"{workers}x30"
        series["ganger_idle_workers" + who] = "1x30" if pool == "web" else "0x30"
        series["ganger_opaque_workers" + who] = "2x30" if pool == "go" else "0x30"
    died = 'ganger_exit_signals_total{instance="here",pool="%s",signal="%s"}'
    series |= {died % ("web", "SIGSEGV"): "_x24 1x5",  # the first one ever
               died % ("busy", "SIGABRT"): "3x24 4x5", died % ("go", "SIGSEGV"): "7x30",
               died % ("web", "SIGTERM"): "1x24 2x5"}
    wanted = {"GangerDoesNotAnswer": {("gone", "")}, "GangerNoSpareWorker": {("here", "busy")},
              "GangerWorkersCrash": {("here", "web"), ("here", "busy")}}
    file = tmp_path / "test.yml"
    file.write_text(json.dumps({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": [
        {"interval": "1m", "input_series": [{"series": name, "values": text} for name, text in series.items()],
         "promql_expr_test": [{"expr": "count by (alertname, instance, pool) (ALERTS{alertstate=\"firing\"})",
                               "eval_time": "27m",
                               "exp_samples": [
                                   {"labels": "{" + ",".join(f'{k}="{v}"' for k, v in
                                                             zip(("alertname", "instance", "pool"), (name, *who)) if v)
                                    + "}", "value": 1} for name, all_of_it in wanted.items() for who in all_of_it]}]}]}))
    run = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


def test_dashboard_names_what_there_is(lively):
    board = json.loads(DASHBOARD.read_text())
    known = series(lively)
    panels = [p for p in board["panels"] if p["type"] != "row"]
    assert len(panels) > 10 and len({p["id"] for p in board["panels"]}) == len(board["panels"])
    for panel in panels:
        for target in panel["targets"]:
            labels = check_expression(target["expr"], known)
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert label in labels, f"{label} in {panel['title']}"
    for variable in board["templating"]["list"][1:]:
        expression, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]).groups()
        assert label in known[re.match(r"\w+", expression)[0]]
    for note in board["annotations"]["list"]:
        check_expression(note["expr"], known)
    used = {v for v in re.findall(r"\$(\w+)", DASHBOARD.read_text()) if not v.startswith("__")}
    assert used - {"datasource"} == {v["name"] for v in board["templating"]["list"]} - {"datasource"}


def test_the_dashboards_questions_are_understood(lively, tmp_path):
    """As rules, which promtool reads; what Grafana puts in is put in."""
    rules = [{"record": f"r{i}", "expr": re.sub(r"\$__rate_interval", "5m", target["expr"]).replace("$", "")}
             for i, target in enumerate(t for p in json.loads(DASHBOARD.read_text())["panels"]
                                        for t in p.get("targets", []))]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}))
    run = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


# ---------------------------------------------------------------- asking

@pytest.mark.parametrize("name", formats.TYPES)
def test_format_by_word_and_by_accept(lively, name):
    wanted = formats.TYPES[name]
    by_word = formats.page(lively, name)
    accept = "text/plain;version=0.0.4" if name == "prometheus" else wanted.split(";")[0]
    by_accept = formats.page(lively, "", HTTP_ACCEPT=accept)
    over = formats.page(lively, name, HTTP_ACCEPT="application/json, text/html")
    for answer in (by_word, by_accept, over):
        assert (answer.status, answer.headers["content-type"]) == (200, wanted)
        assert int(answer.headers["content-length"]) == len(answer.body) > 0
        assert "no-store" in answer.headers["cache-control"] and answer.headers["vary"] == "Accept"
        assert answer.headers["x-content-type-options"] == "nosniff"
    head = formats.page(lively, name, method="HEAD")
    assert head.body == b"" and int(head.headers["content-length"]) > 100
    assert head.headers["content-type"] == wanted
    assert ("content-security-policy" in by_word.headers) == (name == "html")


def test_what_there_is_not(lively):
    assert formats.page(lively, "xml").status == 501
    for name in formats.TYPES:
        assert formats.page(lively, name + "&pool=nosuch").status == 404
    assert formats.page(lively, "", HTTP_ACCEPT="application/xml").headers["content-type"] == \
        formats.TYPES["text"]


def test_uris_of_strangers_break_no_format(lively):
    pages = {name: formats.body(lively, name + "&full&pool=web") for name in formats.TYPES}
    # Whatever the board was told stands there, and nowhere as it came.
    escaped = '/x"}} 1\\x0a\\x5c<script>&\\x1b[31m\\xff'
    assert any(w["request uri"] == escaped for w in json.loads(pages["json"])["processes"])
    assert escaped in pages["text"]
    for name, text in pages.items():
        assert "\x1b" not in text and "\ufffd" not in text, name
    assert "&#60;script&#62;" in pages["html"] or "&lt;script&gt;" in pages["html"]
    assert not re.search(r"1\\x0a[^<]*<script>", pages["html"])


def test_live_and_ready(lively):
    for path in ("/live", "/any/where/live"):
        assert formats.page(lively, "", path).body == b"live\n"
    answer = formats.page(lively, "", "/ready")
    assert answer.status == 503
    assert re.fullmatch(rb"bad: failing: .*\n", answer.body), answer.body
    assert formats.page(lively, "pool=web", "/ready").body == b"ready\n"
    assert formats.page(lively, "pool=limited&idle=9", "/ready").status == 503
    assert formats.page(lively, "pool=web&idle=3&queue=0", "/ready").status == 200
    assert formats.page(lively, "pool=nosuch", "/ready").status == 404


def test_a_pool_that_does_not_count(lively):
    """status.ready changes while the pool serves."""
    text = lively.config.read_text()
    try:
        lively.config.write_text(text.replace('command = {"/bin/false"}',
                                              'command = {"/bin/false"}\n  status.ready = no'))
        lively.signal(signal.SIGHUP)
        daemon.wait_for(lambda: formats.page(lively, "", "/ready").body == b"ready\n",
                        what="the failing pool does not count")
    finally:
        lively.config.write_text(text)
        lively.signal(signal.SIGHUP)
    daemon.wait_for(lambda: formats.page(lively, "", "/ready").status == 503, what="it counts again")


# ---------------------------------------------------------------- nobody has to wait

def test_requests_per_second(served):
    """Told from looks: the first is compared with the pool's start, the next ones with it."""
    def rate():
        return served.status("web")["requests per second"]
    served.ask("ok")
    daemon.wait_for(lambda: served.status("web")["requests"] == 1)
    for _ in range(20):
        served.ask("ok")
    # No later than a second from now a look is compared with an earlier one, and sees the twenty.
    daemon.wait_for(lambda: rate() > 0.5, what="requests are seen")
    assert rate() < 2000


def test_counters_do_not_go_back(web, programs):
    """Pools under load whose workers come and go, and that are replaced again and again: one counter that is
    smaller for a moment is, to Prometheus, all that was ever counted at once."""
    def write(number):
        more = f'  pm.max_children = 3\n  pm.max_requests = 100\n  env = {{"N={number}"}}\n'
        web.write(web.pool("cgi", f'  kind = cgi\n  script_root = {{"{web.root}"}}\n' + more),
                  web.pool("native", f'  kind = fastcgi\n  command = {{"{programs["fcgi-hello"]}"}}\n' + more))
    write(0)
    web.start()
    stop = threading.Event()
    last, back, looks = {}, [], []

    def look():
        while not stop.is_set():
            text = formats.body(web, "prometheus")
            for name, value in re.findall(r"^(\w+_(?:total|bucket|count|sum)\{.*\}) (\S+)$", text, re.M):
                if float(value) < last.get(name, 0):
                    back.append((name, last[name], value))
                last[name] = float(value)
            looks.append(len(text))
    loads = [subprocess.Popen([daemon.BUILD / "gangerctl", "bench", web.sock(name), "-c", "3", "-t", "600", "--script",
                               web.t, "/t?ok"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
             for name in ("cgi", "native")]
    looker = threading.Thread(target=look)
    looker.start()
    try:
        for number in range(1, 6):
            write(number)
            assert web.ctl("reload").returncode == 0
            before = len(looks)
            daemon.wait_for(lambda: len(looks) > before + 20, what="twenty looks", timeout=60)
    finally:
        stop.set()
        looker.join()
        for process in loads:
            process.kill()
            process.wait()
    assert last['ganger_restarts_total{pool="native",cause="reload"}'] > 0
    assert back == []


def fill(path):
    """Connect until the queue is full; the connections."""
    waiting = []
    while True:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.setblocking(False)
        try:
            s.connect(path)
        except BlockingIOError:
            s.close()
            return waiting
        waiting.append(s)
        assert len(waiting) < 100


def test_status_answers_while_everything_is_busy(web):
    """Every worker of every pool is busy, and their queues are full."""
    import statistics
    import time
    text = [web.pool(name, f'  kind = cgi\n  script_root = {{"{web.root}"}}\n  pm.max_children = 2\n'
                           "  listen.backlog = 8") for name in ("one", "two")]
    web.write(*text)
    web.start()
    os.chmod(web.sock("status"), 0o666)
    nginx = daemon.Nginx(web.folder, f"""
        location / {{ include /etc/nginx/fastcgi_params; fastcgi_pass unix:{web.sock("status")}; }}""")
    busy = []
    try:
        for name in ("one", "two"):
            for i in range(2):
                c = Conn(web.sock(name))
                c.send(whole(cgi_params(web.t, f"note={web.notes}/{name}{i}&sleep=120000")))
                busy.append(c)
        for name in ("one", "two"):
            daemon.wait_for(lambda: web.status(name)["active processes"] == 2, what="all are busy")
            busy += fill(web.sock(name))
            daemon.wait_for(lambda: web.status(name)["listen queue"] >= 8, what="the queue is full")

        def through_nginx(path):
            with urllib.request.urlopen(nginx.url(path), timeout=daemon.PATIENCE) as answer:
                assert answer.status == 200
                return answer.read()
        questions = {name: lambda name=name: formats.body(web, name + "&full") for name in formats.TYPES}
        questions["ping"] = lambda: formats.page(web, "", "/ping")
        questions["page through nginx"] = lambda: through_nginx("/?html")
        questions["ping through nginx"] = lambda: through_nginx("/ping")
        for name, question in questions.items():
            took = []
            for _ in range(15):
                began = time.monotonic()
                question()
                took.append(time.monotonic() - began)
            # With a worker of the pools it would take two minutes.
            limit = daemon.AT_ONCE if daemon.ASAN else 0.020
            assert statistics.median(took) <= limit, f"{name}: {took}"
    finally:
        nginx.stop()
        for c in busy:
            c.close()
