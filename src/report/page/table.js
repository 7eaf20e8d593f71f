// SPDX-License-Identifier: Apache-2.0
// The table of pools: a <tbody> for each, which holds its line and, when it is opened, what detail.js
// draws.  Curves and strips are drawn for lines in sight; numbers always, where they have changed.

const COLUMNS = [
  { key: "pool", title: "Pool", value: (p) => p.name, words: true },
  { key: "state", title: "State", value: (p) => p.severity },
  { key: "workers", title: "Workers", value: (p) => p.busy },
  { key: "queue", title: "Queue", value: (p) => p.queue, numeric: true },
  { key: "rate", title: "Requests/s", value: (p) => p.rate, numeric: true },
  { key: "failed", title: "Failed", value: (p) => p.number("failed requests"), numeric: true },
  { key: "time", title: "95 % within", value: (p) => p.p95, numeric: true },
  { key: "cpu", title: "CPU", value: (p) => p.cpu, numeric: true },
  { key: "memory", title: "Memory", value: (p) => p.memory, numeric: true },
];
const SETTLE = 2; // seconds: lines change places no more often
// Seconds between steps of the curves, for those who do not want things to move.
const CALM = 10;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

class Line {
  constructor(table, pool) {
    this.table = table;
    this.pool = pool;
    this.seen = false;
    this.curvesAt = -Infinity;
    this.detail = null;
    this.name = element("button", { type: "button", class: "name", "aria-expanded": "false" }, pool.name);
    this.kind = element("span", { class: "note" });
    this.state = element("b", { class: "state" }, "");
    this.strip = new Strip();
    this.busy = element("span", { class: "tally" }, "");
    this.queue = element("span", { class: "big" }, "");
    this.limit = element("span", { class: "note" }, "");
    this.queueCurve = new Curve("queue");
    this.rate = element("span", { class: "big" }, "");
    this.rateCurve = new Curve("rate");
    this.failed = element("span", {}, "");
    this.more = element("span", { class: "note more" }, "");
    this.time = element("span", {}, "");
    this.cpu = element("span", {}, "");
    this.memory = element("span", {}, "");
    const contents = {
      pool: [this.name, this.kind], state: [this.state], workers: [element("div", {}, this.busy, this.strip.node)],
      queue: [element("span", { class: "pair" }, this.queue, this.limit), this.queueCurve.node],
      rate: [this.rate, this.rateCurve.node],
      failed: [this.failed, this.more], time: [this.time], cpu: [this.cpu], memory: [this.memory],
    };
    this.row = element("tr", { role: "row" }, ...COLUMNS.map(({ key, title, numeric }) =>
      element(key === "pool" ? "th" : "td", {
        role: key === "pool" ? "rowheader" : "cell", class: key + (numeric ? " number" : ""), "data-name": title,
        ...(key === "pool" ? { scope: "row" } : {}),
      }, ...contents[key])));
    this.node = element("tbody", { role: "rowgroup", class: "pool" }, this.row);
    this.row.line = this;
    this.name.addEventListener("click", () => table.toggle(pool.name));
    this.strip.node.addEventListener("click", () => table.toggle(pool.name));
    this.strip.node.addEventListener("pointerover", (event) => this.explain(event.target));
  }

  explain(cell) {
    if (cell === this.strip.node || this.strip.node.getAttribute("data-form") === "bar") return;
    const index = [...this.strip.node.children].indexOf(cell);
    const worker = this.pool.workers?.[index];
    cell.title = worker === undefined ? WORKER_WORDS[cell.className.replace("worker ", "")] : workerInWords(worker);
  }

  draw() {
    const p = this.pool;
    mark(this.node, "data-severity", String(p.severity));
    say(this.kind, [p.text("kind"), p.text("process manager"), p.text("user")].filter((t) => t !== "").join(" \u00b7 "));
    mark(this.state, "data-state", p.word);
    say(this.state, p.word);
    say(this.busy, `${count(p.busy)}${SPACE}/${SPACE}${count(p.total)}`);
    say(this.queue, count(p.queue));
    const limit = p.number("listen queue len");
    say(this.limit, limit ? "of " + count(limit) : "");
    this.queue.classList.toggle("high", p.queue > 0);
    say(this.rate, decimal(p.rate));
    say(this.failed, count(p.number("failed requests")));
    say(this.more, p.failedLately > 0 ? "+" + count(p.failedLately) + SPACE + "/" + SPACE + "min" : "");
    say(this.time, duration(p.p95));
    this.time.classList.toggle("old", p.p95IsOld);
    say(this.cpu, p.cpu === null ? NONE : decimal(p.cpu * 100) + SPACE + "%");
    say(this.memory, size(p.memory));
    if (this.seen) this.drawCurves();
    if (this.detail !== null) this.detail.draw(p, this.table.wall);
  }

  drawCurves() {
    const p = this.pool;
    this.strip.draw(p.cells(), p.number("max children"));
    if (calm.matches && this.table.second - this.curvesAt < CALM) return;
    this.curvesAt = this.table.second;
    this.queueCurve.draw(p.queueCurve, this.table.second, 4);
    this.rateCurve.draw(p.rateCurve, this.table.second, 1);
  }

  open(wanted) {
    if (wanted === (this.detail !== null)) return;
    mark(this.name, "aria-expanded", String(wanted));
    if (wanted) {
      this.detail = new Detail(this.pool.name);
      const cell = element("td", { colspan: String(COLUMNS.length), role: "cell" }, this.detail.node);
      this.node.append(element("tr", { role: "row", class: "more" }, cell));
      this.detail.draw(this.pool, this.table.wall);
    } else {
      this.detail = null;
      this.row.nextSibling.remove();
    }
  }
}

class Table {
  // onChange(): what is sorted, sought or open has changed by the reader's hand.
  constructor(onChange) {
    this.onChange = onChange;
    this.lines = new Map(); // by the pool's name
    this.opened = new Set();
    this.words = [];
    this.sort = { key: "", down: false }; // "": the order of the configuration
    this.sortedAt = -Infinity;
    this.second = 0;
    this.wall = null;
    this.heads = new Map();
    this.node = element("table", { class: "pools", role: "table", "aria-label": "Pools" },
      element("colgroup", {}, ...COLUMNS.map(({ key }) => element("col", { class: key }))), this.head());
    this.watcher = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        target.line.seen = isIntersecting;
        if (isIntersecting) target.line.drawCurves();
      }
    }, { rootMargin: "200px" });
  }

  head() {
    const row = element("tr", { role: "row" });
    for (const { key, title, numeric } of COLUMNS) {
      const button = element("button", { type: "button" }, title);
      const head = element("th", { scope: "col", role: "columnheader", class: key + (numeric ? " number" : "") }, button);
      button.addEventListener("click", () => this.press(key));
      this.heads.set(key, head);
      row.append(head);
    }
    return element("thead", { role: "rowgroup" }, row);
  }

  // Numbers from the largest, words from A; then the other way; then as configured.
  press(key) {
    const first = COLUMNS.find((column) => column.key === key).words !== true;
    if (this.sort.key !== key) this.setSort(key, first);
    else if (this.sort.down === first) this.setSort(key, !first);
    else this.setSort("", false);
    this.onChange();
  }

  setSort(key, down) {
    this.sort = { key: this.heads.has(key) ? key : "", down };
    for (const [each, head] of this.heads) {
      if (each !== this.sort.key) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", down ? "descending" : "ascending");
    }
    this.arrange();
  }

  setWords(text) {
    this.words = text.toLowerCase().split(/\s+/).filter((word) => word !== "");
    this.sift();
  }

  toggle(name) {
    if (!this.opened.delete(name)) this.opened.add(name);
    this.lines.get(name)?.open(this.opened.has(name));
    this.onChange();
  }

  setOpened(names) {
    this.opened = new Set(names);
    for (const [name, line] of this.lines) line.open(this.opened.has(name));
  }

  // Pools that came, went and changed.
  draw(pools, second, wall) {
    this.second = second;
    this.wall = wall;
    for (const [name, line] of this.lines) {
      if (pools.get(name) !== line.pool) {
        this.watcher.unobserve(line.row);
        line.node.remove();
        this.lines.delete(name);
      }
    }
    const fresh = document.createDocumentFragment();
    for (const [name, pool] of pools) {
      let line = this.lines.get(name);
      if (line === undefined) {
        line = new Line(this, pool);
        this.lines.set(name, line);
        fresh.append(line.node);
        this.watcher.observe(line.row);
        line.open(this.opened.has(name));
      }
      line.draw();
    }
    const came = fresh.childElementCount > 0;
    this.node.append(fresh);
    this.sift();
    if (came || second - this.sortedAt >= SETTLE) this.arrange();
  }

  // Hide what is not sought; how many are left.
  sift() {
    this.shown = 0;
    for (const line of this.lines.values()) {
      const wanted = line.pool.matches(this.words);
      show(line.node, wanted);
      if (wanted) this.shown += 1;
    }
  }

  arrange() {
    this.sortedAt = this.second;
    const column = COLUMNS.find(({ key }) => key === this.sort.key);
    const lines = [...this.lines.values()].sort((a, b) => {
      const order = a.pool.order - b.pool.order;
      if (column === undefined) return order;
      const [x, y] = [column.value(a.pool), column.value(b.pool)];
      let by = 0;
      if (column.words) by = x.localeCompare(y, "en", { numeric: true });
      else if (isNumber(x) || isNumber(y)) {
        if (!isNumber(x) || !isNumber(y)) return isNumber(x) ? -1 : 1; // the unknown last
        by = x - y;
      }
      return (this.sort.down ? -by : by) || order;
    });
    const focused = document.activeElement;
    let next = this.node.tHead.nextSibling;
    for (const { node } of lines) {
      if (node === next) next = next.nextSibling;
      else this.node.insertBefore(node, next);
    }
    // An element that is moved loses the focus.
    if (focused !== document.activeElement && this.node.contains(focused)) focused.focus({ preventScroll: true });
  }
}
