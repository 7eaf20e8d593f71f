// SPDX-License-Identifier: Apache-2.0
// What is known of a pool: its latest values, and as much of the past as the curves and the numbers
// "of the last minute" need.  Times are seconds of a clock that never jumps.  Any value may be missing,
// of another type, or smaller than before (the pool began anew): then it is shown as unknown, or its
// history begins anew.

const SPAN = 60; // seconds that a curve shows
const GAP = 20; // seconds without an answer that are drawn as none known

class Series {
  constructor() {
    this.values = new Float32Array(SPAN).fill(NaN);
    this.at = null;
  }

  // `value` is that of `second`; the seconds since the last one were like it.
  put(second, value) {
    if (this.at !== null) {
      const far = second - this.at > GAP;
      for (let s = Math.max(this.at + 1, second - SPAN + 1); s < second; s++) {
        this.values[s % SPAN] = far ? NaN : value;
      }
    }
    this.values[second % SPAN] = value;
    this.at = second;
  }

  peak() {
    let peak = 0;
    for (const value of this.values) if (value > peak) peak = value;
    return peak;
  }

  // The oldest first, up to `second`.
  *until(second) {
    for (let s = second - SPAN + 1; s <= second; s++) {
      yield s < 0 || s > this.at || s <= this.at - SPAN ? NaN : this.values[s % SPAN];
    }
  }
}

// {"0.001": 5, …, "+Inf": 0} as [[seconds, count], …], smallest first.
function bucketsOf(pool, name) {
  return Object.entries(groupOf(pool, name))
    .map(([bound, number]) => [bound === "+Inf" ? Infinity : Number(bound), number])
    .filter(([bound, number]) => !Number.isNaN(bound) && isNumber(number))
    .sort((a, b) => a[0] - b[0]);
}

// The time that a share of the requests did not pass, on a straight line within its bucket; the lower
// bound of the last one, which has no upper.  null: there were none.
function quantile(buckets, share) {
  const total = buckets.reduce((sum, [, number]) => sum + number, 0);
  if (total <= 0) return null;
  let passed = 0;
  let below = 0;
  for (const [bound, number] of buckets) {
    if (number > 0 && passed + number >= total * share) {
      if (bound === Infinity) return below;
      return below + (bound - below) * (total * share - passed) / number;
    }
    passed += number;
    if (bound !== Infinity) below = bound;
  }
  return below;
}

const SEVERITY = new Map([["failed", 5], ["failing", 4], ["unknown", 3], ["starting", 2], ["stopping", 1],
  ["running", 0], ["stopped", 0]]);
const WORKER_KEYS = new Map([["Idle", "idle"], ["Running", "busy"], ["Starting", "new"],
  ["Finishing", "leaving"], ["Shedding", "shed"], ["Opaque", "opaque"]]);

// A counter that may begin anew, as how much it grew in the last seconds.
class Growth {
  constructor(window) {
    this.window = window;
    this.marks = []; // [time, value], oldest first
  }

  put(time, value) {
    if (value === null || (this.marks.length > 0 && value < this.marks.at(-1)[1])) this.marks = [];
    if (value === null) return;
    const n = this.marks.length;
    const close = n > 1 && this.marks[n - 1][0] - this.marks[n - 2][0] < this.window / 12;
    if (close) this.marks.pop();
    this.marks.push([time, value]);
    while (this.marks.length > 2 && this.marks[1][0] < time - this.window) this.marks.shift();
  }

  grown() {
    return this.marks.length < 2 ? null : this.marks.at(-1)[1] - this.marks[0][1];
  }

  // The same, where what is known reaches back further than the window (nobody looked for a while):
  // so much of it as the window is of that time.
  grownInWindow() {
    if (this.marks.length < 2) return null;
    return this.grown() * Math.min(1, this.window / (this.marks.at(-1)[0] - this.marks[0][0]));
  }

  perSecond() {
    const time = this.marks.length < 2 ? 0 : this.marks.at(-1)[0] - this.marks[0][0];
    return time > 0.5 ? this.grown() / time : null;
  }
}

class Pool {
  constructor(name, order) {
    this.name = name;
    this.order = order;
    this.values = {};
    this.workers = null; // null: not asked for
    this.queueCurve = new Series();
    this.rateCurve = new Series();
    this.requests = new Growth(5);
    this.lately = new Growth(1.9);
    this.failures = new Growth(60);
    this.cpuMarks = new Growth(12);
    this.times = []; // [time, requests, buckets] of the last minute
  }

  number(name) {
    return numberOf(this.values, name);
  }

  text(name) {
    return textOf(this.values, name);
  }

  take(values, time) {
    this.values = values;
    const served = this.number("requests");
    this.requests.put(time, served);
    this.lately.put(time, served);
    this.failures.put(time, this.number("failed requests"));
    this.rate = this.requests.perSecond() ?? this.number("requests per second");
    this.queue = this.number("listen queue");
    this.failedLately = this.failures.grownInWindow() ?? 0;
    const second = Math.floor(time);
    this.queueCurve.put(second, this.queue ?? NaN);
    this.rateCurve.put(second, this.lately.perSecond() ?? this.rate ?? NaN);
    this.takeTimes(time, served);
    this.takeCpu(time);
    this.state = this.text("state") || "unknown";
    const room = this.number("listen queue len") ?? 0;
    this.full = (this.number("shedding") ?? 0) > 0 ? "shedding" : room > 0 && this.queue >= room ? "queue full" : "";
    this.severity = SEVERITY.get(this.state) ?? 3;
    if (this.full !== "") this.severity = Math.max(this.severity, 3);
    this.word = this.full !== "" && this.severity === 3 ? this.full : this.state;
    this.memory = this.number("memory proportional") || this.number("memory resident") || null;
    this.busy = this.number("active processes");
    this.total = this.number("total processes");
    if (Array.isArray(values.processes)) this.takeWorkers(values.processes);
  }

  takeWorkers(list) {
    this.workers = list
      .filter((one) => one !== null && typeof one === "object")
      .map((one) => ({
        values: one,
        slot: numberOf(one, "slot") ?? 0,
        key: WORKER_KEYS.get(textOf(one, "state")) ?? "unknown",
      }))
      .sort((a, b) => a.slot - b.slot);
  }

  // Nineteen of twenty requests of the last minute took no longer than this; none then: of all of them.
  takeTimes(time, served) {
    const last = this.times.at(-1);
    if (last !== undefined && (served ?? 0) < last[1]) this.times = [];
    if (last !== undefined && last[1] === served && time - last[0] < 5 && this.p95 !== undefined) return;
    const now = bucketsOf(this.values, "request duration histogram");
    if (last === undefined || time - last[0] >= 5) this.times.push([time, served ?? 0, now]);
    while (this.times.length > 2 && this.times[1][0] < time - 60) this.times.shift();
    const before = new Map(this.times[0] === undefined ? [] : this.times[0][2]);
    const lately = now.map(([bound, number]) => [bound, Math.max(0, number - (before.get(bound) ?? 0))]);
    this.p95 = quantile(lately, 0.95);
    this.p95IsOld = this.p95 === null;
    if (this.p95IsOld) this.p95 = quantile(now, 0.95);
  }

  // It is measured every other second, so what counts is the time between changes.
  takeCpu(time) {
    const used = this.number(this.cpuSource());
    if (this.cpuSource() !== this.cpuSeen) this.cpuMarks.put(time, null);
    this.cpuSeen = this.cpuSource();
    const last = this.cpuMarks.marks.at(-1);
    if (last === undefined || used !== last[1]) this.cpuMarks.put(time, used);
    else if (time - last[0] > 6) this.cpuMarks.put(time, used);
    this.cpu = this.cpuMarks.perSecond();
  }

  // That of all processes, when it has been measured; else that of programs which have ended.
  cpuSource() {
    return this.number("measured") ? "process cpu seconds" : "cpu seconds";
  }

  // A key for each worker, by what is known: each of them, or only how many are in which state.
  cells() {
    if (this.workers !== null) return this.workers.map((worker) => worker.key);
    const idle = this.number("idle processes") ?? 0;
    const opaque = this.number("opaque processes") ?? 0;
    const busy = this.busy ?? 0;
    const total = this.total ?? 0;
    const others = Math.max(0, total - busy - idle - opaque);
    const all = [];
    for (const [key, number] of [["busy", busy], ["idle", idle], ["opaque", opaque], ["new", others]]) {
      for (let i = 0; i < number && all.length < 32768; i++) all.push(key);
    }
    return all;
  }

  // Whether each of the words, in small letters, is somewhere in what the pool and its workers say.
  matches(words) {
    if (words.length === 0) return true;
    const texts = [this.name, this.state, this.full, this.text("kind"),
      this.text("process manager"), this.text("user"), this.text("listen"), this.text("reason")];
    for (const { values } of this.workers ?? []) {
      texts.push(textOf(values, "state"), textOf(values, "request method"), textOf(values, "request uri"),
        textOf(values, "script"), textOf(values, "user"), String(numberOf(values, "pid") ?? ""));
    }
    const all = texts.join("\n").toLowerCase();
    return words.every((word) => all.includes(word));
  }
}
