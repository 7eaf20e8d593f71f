# SPDX-License-Identifier: Apache-2.0
"""The status responder's formats, read strictly."""

import json
import re

import daemon
import fcgi
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as old_metrics

TYPES = {"text": "text/plain; charset=utf-8", "json": "application/json",
         "html": "text/html; charset=utf-8",
         "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
         "prometheus": "text/plain; version=0.0.4; charset=utf-8"}


def page(ganger, query, path="/status", **more):
    return fcgi.ask(ganger.sock("status"), path, query, **more)


def body(ganger, query):
    answer = page(ganger, query)
    assert answer.status == 200, answer
    return answer.body.decode()


def metrics(text, old=False):
    """{(sample, ((label, value), …)): value}, and {family: type}."""
    samples, families = {}, {}
    for family in (old_metrics if old else open_metrics)(text):
        assert family.name not in families, family.name
        families[family.name] = family.type
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in samples, key
            samples[key] = sample.value
    return samples, families


def sample(samples, name, **labels):
    return samples[name, tuple(sorted(labels.items()))]


def blocks(text):
    """The text page as [({label: value} of a pool, [the same of each worker])]."""
    out = []
    for block in text.split("\n\n"):
        pool, *workers = [dict(re.fullmatch(r"([^:]+): +(.*)", line).groups()
                               for line in part.strip("\n").splitlines())
                          for part in block.split("************************")]
        if "pool" in pool:
            out.append((pool, workers))
        else:  # a worker: the line of stars stands behind an empty line
            out[-1][1].extend(workers)
    return out


def everything(ganger):
    return json.loads(body(ganger, "json&full"))


def schema():
    return json.loads((daemon.ROOT / "man" / "ganger-status.schema.json").read_text())
