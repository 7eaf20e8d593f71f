// SPDX-License-Identifier: Apache-2.0
// All that is known of one pool, beneath its line in the table.

// Names and values, one below the other.
class Facts {
  constructor(title) {
    this.list = element("dl", { class: "facts" });
    this.node = element("section", {}, element("h3", {}, title), this.list);
    this.keyed = new Keyed(this.list,
      ([name]) => element("div", {}, element("dt", {}, name), element("dd")),
      (node, [, value]) => say(node.lastChild, value));
  }

  set(pairs) {
    const items = pairs.filter((pair) => pair !== null);
    show(this.node, items.length > 0);
    this.keyed.set(items.map((item) => [item[0], item]));
  }
}

function boundInWords(bound, below) {
  return bound === Infinity ? "> " + exact(below) : "\u2264 " + exact(bound);
}

class Histogram {
  constructor(title) {
    this.list = element("ol", { class: "histogram" });
    this.sum = element("p", { class: "note" });
    this.node = element("section", {}, element("h3", {}, title), this.sum, this.list);
    this.keyed = new Keyed(this.list, () => element("li", {}, element("span", { class: "bound" }),
      element("span", { class: "bar" }, element("i")), element("span", { class: "number" })),
      (node, { words, number, share }) => {
        say(node.children[0], words);
        node.children[1].firstChild.style.width = (share * 100).toFixed(1) + "%";
        say(node.children[2], count(number));
      });
  }

  set(buckets) {
    const total = buckets.reduce((sum, [, number]) => sum + number, 0);
    show(this.node, buckets.length > 0);
    say(this.sum, total === 0 ? "none yet"
      : `half within ${duration(quantile(buckets, 0.5))}, 95 % within ${duration(quantile(buckets, 0.95))}`);
    const first = buckets.findIndex(([, number]) => number > 0);
    const last = buckets.findLastIndex(([, number]) => number > 0);
    const most = Math.max(1, ...buckets.map(([, number]) => number));
    const items = [];
    for (let i = Math.max(0, first - 1); first >= 0 && i <= Math.min(buckets.length - 1, last + 1); i++) {
      const [bound, number] = buckets[i];
      const words = boundInWords(bound, i > 0 ? buckets[i - 1][0] : 0);
      items.push([bound, { words, number, share: number / most }]);
    }
    this.keyed.set(items);
  }
}

const WORKER_COLUMNS = [
  ["Pid", (w) => String(numberOf(w.values, "pid") ?? NONE), "number"],
  ["State", (w) => WORKER_WORDS[w.key], "state"],
  ["Requests", (w) => count(numberOf(w.values, "requests")), "number"],
  ["Time", (w) => microseconds(w, "request duration"), "number"],
  ["Request", requestOf, "long request"],
  ["Script", (w) => wordOf(w, "script"), "long script"],
  ["User", (w) => wordOf(w, "user"), "long"],
  ["Status", (w) => String(numberOf(w.values, "last request status") || NONE), "number"],
  ["Waited", (w) => microseconds(w, "last request queue time"), "number"],
  ["First byte", (w) => microseconds(w, "last request first byte"), "number"],
  ["Sent", (w) => size(numberOf(w.values, "last request bytes out") || NaN), "number"],
  ["Memory", (w) => size(numberOf(w.values, "memory proportional") || numberOf(w.values, "memory resident") || NaN),
    "number"],
];

// PHP-FPM's word for none is "-".
function wordOf(worker, name) {
  const text = textOf(worker.values, name);
  return text === "" || text === "-" ? NONE : text;
}

function requestOf(worker) {
  const uri = wordOf(worker, "request uri");
  return uri === NONE ? NONE : textOf(worker.values, "request method") + " " + uri;
}

function microseconds(worker, name) {
  const value = numberOf(worker.values, name);
  return value === null || requestOf(worker) === NONE ? NONE : duration(value / 1e6);
}

class Workers {
  constructor(name) {
    const heads = WORKER_COLUMNS.map(([title, , kind]) =>
      element("th", { scope: "col", role: "columnheader", class: kind }, title));
    this.body = element("tbody", { role: "rowgroup" });
    this.title = element("h3", {}, "Workers");
    this.table = element("table", { class: "list", role: "table", "aria-label": "Workers of " + name },
      element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...heads)), this.body);
    this.none = element("p", { class: "note" }, "asking for the workers …");
    this.node = element("section", { class: "workers" }, this.title, this.none,
      element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Workers of " + name }, this.table));
    this.keyed = new Keyed(this.body, () => element("tr", { role: "row" }, ...WORKER_COLUMNS.map(
      ([title, , kind]) => element("td", { role: "cell", class: kind, "data-name": title }, ""))),
      (node, worker) => {
        WORKER_COLUMNS.forEach(([, value], i) => say(node.children[i], value(worker)));
        mark(node, "data-state", worker.key);
      });
  }

  set(workers) {
    show(this.table.parentNode, workers !== null && workers.length > 0);
    show(this.none, workers === null || workers.length === 0);
    say(this.none, workers === null ? "asking for the workers …" : "There are none now.");
    this.keyed.set((workers ?? []).map((worker) => [worker.slot, worker]));
  }
}

const OPTION_UNITS = [[/timeout$/, (v) => v === 0 ? "off" : exact(v)], [/memory$/, (v) => v === 0 ? "off" : size(v)]];

function option(name, value) {
  for (const [pattern, form] of OPTION_UNITS) if (pattern.test(name)) return form(value);
  return count(value);
}

class Detail {
  constructor(name) {
    this.reason = element("p", { class: "reason" });
    this.now = new Facts("Now");
    this.sums = new Facts("Since the start");
    this.ends = new Facts("Workers that left");
    this.limits = new Facts("Limits");
    this.times = [["Service time", "request duration histogram"], ["Time in the queue", "queue time histogram"],
      ["First byte", "first byte histogram"]].map(([title, key]) => [new Histogram(title), key]);
    this.workers = new Workers(name);
    this.node = element("div", { class: "detail" }, this.reason, element("div", { class: "sections" },
      this.now.node, this.sums.node, this.ends.node, this.limits.node,
      ...this.times.map(([histogram]) => histogram.node)), this.workers.node);
  }

  draw(pool, wall) {
    const number = (title, name, form = count) => [title, form(pool.number(name))];
    const reason = pool.text("reason");
    const next = pool.number("throttled until");
    const wait = next !== null && wall !== null && next > wall ? `; the next try in ${span(next - wall)}` : "";
    show(this.reason, reason !== "");
    say(this.reason, reason + wait);
    this.now.set([
      ["State", pool.state + (pool.full !== "" ? `, ${pool.full}` : "")],
      ["Kind", pool.text("kind") + ", " + pool.text("process manager")],
      ["Listens on", pool.text("listen") || NONE],
      ["User", pool.text("user") || NONE],
      number("Up", "start since", span),
      number("Generation", "generation"),
      ["Workers", `${count(pool.busy)} busy of ${count(pool.total)}, at most ${count(pool.number("max children"))}`],
      number("Of earlier generations", "leaving processes"),
      ["Queue", `${count(pool.queue)}, peak ${count(pool.number("max listen queue"))}, ` +
        `limit ${count(pool.number("listen queue len"))}`],
      number("Requests in hand", "active requests"),
      number("Memory, proportional", "memory proportional", (v) => size(v || NaN)),
      number("Memory, resident", "memory resident", (v) => size(v || NaN)),
      ["CPU", pool.cpu === null ? NONE : decimal(pool.cpu * 100) + SPACE + "%"],
    ]);
    this.sums.set([
      number("Requests", "requests"),
      number("Failed", "failed requests"),
      number("Timed out", "timed out requests"),
      number("Aborted by clients", "aborted requests"),
      number("Slow", "slow requests"),
      number("Answered 503 when full", "shed requests"),
      number("Connections", "accepted conn"),
      number("Received", "bytes in", size),
      number("Sent", "bytes out", size),
      number("CPU time", pool.cpuSource(), duration),
      number("Busy at once, at most", "max active processes"),
      number("All workers busy", "max children reached", times),
      number("Largest program", "memory peak", (v) => size(v || NaN)),
    ]);
    this.drawEnds(pool);
    this.limits.set(Object.entries(groupOf(pool.values, "limits"))
      .filter(([, value]) => isNumber(value)).map(([name, value]) => [name, option(name, value)]));
    for (const [histogram, key] of this.times) histogram.set(bucketsOf(pool.values, key));
    this.workers.set(pool.workers);
  }

  drawEnds(pool) {
    const named = (group, form) => Object.entries(groupOf(pool.values, group))
      .filter(([, value]) => isNumber(value)).map(([name, value]) => [form(name), count(value)]);
    const failures = pool.number("start failures");
    this.ends.set([
      ["Started", count(pool.number("spawned"))],
      ["Could not be started", count(pool.number("spawn failures"))],
      failures ? ["Failed starts in a row", count(failures)] : null,
      ...named("restarts", (name) => "Replaced: " + name),
      ...named("exits", (name) => "Left: " + name),
      ...named("exit codes", (name) => "Exit " + name),
      ...named("exit signals", (name) => name),
    ]);
  }
}

function times(value) {
  return value === null ? NONE : plural(value, "time", "times");
}
