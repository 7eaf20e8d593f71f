// SPDX-License-Identifier: Apache-2.0
// Curves and the strips of workers.

const CURVE_HEIGHT = 24;

class Curve {
  constructor(className) {
    this.line = drawing("path", { class: "line", "vector-effect": "non-scaling-stroke" });
    this.area = drawing("path", { class: "area" });
    this.node = drawing("svg", {
      class: "curve " + className, viewBox: `0 0 ${SPAN - 1} ${CURVE_HEIGHT}`, preserveAspectRatio: "none",
      "aria-hidden": "true", focusable: "false",
    }, this.area, this.line);
    this.drawn = "";
  }

  // `least`: the curve's top is this, even when all of it lies lower.
  draw(series, second, least) {
    const top = Math.max(series.peak(), least);
    const bottom = CURVE_HEIGHT - 1;
    let line = "";
    let area = "";
    let began = -1;
    let x = 0;
    for (const value of series.until(second)) {
      if (Number.isNaN(value)) {
        if (began >= 0) area += `V${bottom}H${began}Z`;
        began = -1;
      } else {
        const y = (bottom - value / top * (bottom - 1.5)).toFixed(1);
        const step = (began < 0 ? "M" : "L") + x + " " + y;
        line += step;
        area += step;
        if (began < 0) began = x;
      }
      x += 1;
    }
    if (began >= 0) area += `V${bottom}H${began}Z`;
    if (line === this.drawn) return;
    this.drawn = line;
    this.line.setAttribute("d", line);
    this.area.setAttribute("d", area);
  }
}

const WORKER_WORDS = {
  busy: "busy", idle: "idle", new: "starting", leaving: "finishing", shed: "shedding", opaque: "opaque",
  unknown: "unknown", free: "not started",
};
const STRIP_WIDE = 40; // up to so many cells each is as large as it can be …
const STRIP_MOST = 160; // … and from here on there is a cell for each state

function tally(keys) {
  const sums = new Map();
  for (const key of keys) sums.set(key, (sums.get(key) ?? 0) + 1);
  return sums;
}

function inWords(keys, limit) {
  const parts = [];
  for (const [key, number] of tally(keys)) parts.push(number + " " + WORKER_WORDS[key]);
  if (parts.length === 0) parts.push("no workers");
  return parts.join(", ") + (limit === null ? "" : ", at most " + limit);
}

// One cell for each worker, in the order of their slots.
class Strip {
  constructor() {
    this.node = element("div", { class: "strip", role: "img" });
    this.drawn = "";
  }

  draw(keys, limit) {
    const held = Math.max(0, (limit ?? 0) - keys.length);
    const form = keys.length + held > STRIP_MOST ? "bar" : keys.length + held > STRIP_WIDE ? "small" : "large";
    const text = form + limit + keys.join();
    if (text === this.drawn) return;
    this.drawn = text;
    mark(this.node, "data-form", form);
    mark(this.node, "aria-label", inWords(keys, limit));
    if (form === "bar") this.bar(keys, held);
    else this.cells(keys, held);
  }

  cells(keys, held) {
    this.fit(keys.length + held);
    let cell = this.node.firstChild;
    for (let i = 0; cell !== null; i++, cell = cell.nextSibling) {
      mark(cell, "class", "worker " + (i < keys.length ? keys[i] : "free"));
      cell.style.flexGrow = "";
    }
  }

  bar(keys, held) {
    const sums = tally(keys);
    if (held > 0) sums.set("free", held);
    this.fit(sums.size);
    let cell = this.node.firstChild;
    for (const [key, number] of sums) {
      mark(cell, "class", "worker " + key);
      cell.style.flexGrow = number;
      cell = cell.nextSibling;
    }
  }

  fit(number) {
    while (this.node.childElementCount > number) this.node.lastChild.remove();
    while (this.node.childElementCount < number) this.node.append(element("span"));
  }
}

// What a worker is doing, in a line, for whoever points at its cell.
function workerInWords(worker) {
  const v = worker.values;
  const words = [`slot ${worker.slot}, pid ${numberOf(v, "pid") ?? NONE}: ${WORKER_WORDS[worker.key]}`];
  const request = requestOf(worker);
  if (request !== NONE) words.push((worker.key === "busy" ? "" : "last: ") + request);
  const took = numberOf(v, "request duration");
  if (took) words.push(duration(took / 1e6));
  return words.join("\n");
}
