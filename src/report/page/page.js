// SPDX-License-Identifier: Apache-2.0
// Asks again and again, hands what comes to the table, and says when nothing comes.

const EVERY = 1000; // milliseconds
const EVERY_HIDDEN = 15000;
const EVERY_MOST = 10000;
const PATIENCE = 10000; // for one answer
const SILENT = 4; // seconds that an answer is waited for until that is said …
const FAILURES = 2; // … as are so many wrong ones in a row
const FEW = 400; // workers: so many are asked for with every answer

const here = new URLSearchParams(location.search);
const only = here.get("pool"); // the page of one pool
const WORDS = ["json", "html", "openmetrics", "prometheus", "text", "xml", "full", "pool"];
// What else the address asks for is somebody else's, who may want it in every question.
const others = new URLSearchParams([...here].filter(([name]) => !WORDS.includes(name))).toString();
// Not the document's own address, which is none for fetch() when it holds a password.
const place = location.origin + location.pathname;
const pools = new Map();
let full = false; // the workers, too
let version = "";
let wall = null; // the server's wall clock; null: it did not say
let answered = null; // when the last answer came, seconds
let trouble = ""; // why there is none now
let failures = 0;
let paused = false;
let timer = 0;
let asked = null; // since when an answer is waited for, seconds; null: nobody waits
let silent = false;

const now = () => performance.now() / 1000;

// ---------------------------------------------------------------- the parts of the page

function figure(title, curve) {
  const value = element("span", { class: "value" }, NONE);
  const note = element("span", { class: "note" }, "");
  const node = element("div", { class: "figure" }, element("h2", {}, title), value, note);
  if (curve !== null) node.append(curve.node);
  return { node, value, note, curve, series: new Series() };
}

const version_ = element("span", { class: "note" }, "");
const pulse = element("span", { class: "pulse" }, "asking …");
const pause = element("button", { type: "button", class: "plain", "aria-pressed": "false" }, "Pause");
const figures = {
  rate: figure("Requests/s", new Curve("rate")),
  queue: figure("Queue", new Curve("queue")),
  workers: figure("Workers busy", null),
  trouble: figure("Pools in trouble", null),
  failed: figure("Failed / min", null),
  cpu: figure("CPU", null),
  memory: figure("Memory", null),
};
const said = element("div", { class: "unseen", "aria-live": "polite", id: "said" }, "");
const box = element("input", {
  type: "search", id: "filter", placeholder: "pool, state, user, URI …", autocomplete: "off", spellcheck: "false",
});
const counted = element("span", { class: "note", id: "counted" }, "");
const choice = element("select", { id: "sort" }, element("option", { value: "" }, "as configured"),
  ...COLUMNS.flatMap(({ key, title, words }) => words ? [element("option", { value: key }, title + " A\u2013Z")]
    : [element("option", { value: "-" + key }, title + ", most"), element("option", { value: key }, title + ", least")]));
const table = new Table(remember);
const alarms = new Alarms(reveal);
const none = element("p", { class: "empty", hidden: "" }, "");

// A query: what is asked for, of which pool, and what came with the page's own address.
function query(words, name) {
  return "?" + [words, ...name === null ? [] : ["pool=" + encodeURIComponent(name)], ...others === "" ? [] : [others]].join("&");
}

function link(words, text, name = only) {
  return element("a", { href: query(words, name) }, text);
}

function legend() {
  return element("p", { class: "legend" }, "Workers: ", ...["busy", "idle", "new", "leaving", "shed", "opaque", "free"]
    .map((key) => element("span", {}, element("i", { class: "worker " + key }), WORKER_WORDS[key])));
}

function build() {
  const all = only === null ? [] : [link("html", "all pools", null)];
  const app = element("div", { id: "app" },
    element("header", { class: "top" },
      element("h1", {}, "ganger"), version_, ...all, element("span", { class: "gap" }), pulse, pause),
    element("main", {},
      element("section", { class: "figures", "aria-label": "All pools together" },
        ...Object.values(figures).map(({ node }) => node)),
      alarms.node, said,
      element("div", { class: "tools", role: "search" },
        element("label", { for: "filter" }, "Filter"), box, counted, element("span", { class: "gap" }),
        element("label", { for: "sort", class: "narrow" }, "Sort"), choice),
      table.node, none),
    element("footer", {}, legend(), element("p", {}, "The same as ", link("text&full", "text"), ", ",
      link("json&full", "JSON"), ", ", link("openmetrics", "OpenMetrics"), ".")));
  choice.classList.add("narrow");
  document.body.prepend(app);
  document.documentElement.classList.add("live");
}

// ---------------------------------------------------------------- what the reader has chosen

// In the address behind '#', so that the page comes back as it was.
function remember() {
  const words = new URLSearchParams();
  if (box.value !== "") words.set("filter", box.value);
  if (table.sort.key !== "") words.set("sort", (table.sort.down ? "-" : "") + table.sort.key);
  if (table.opened.size > 0) words.set("open", [...table.opened].join(","));
  const text = words.toString();
  try {
    history.replaceState(null, "", text === "" ? location.pathname + location.search : "#" + text);
  } catch {
    // Some browsers allow so many in a minute: the page works without.
  }
  choice.value = (table.sort.down ? "-" : "") + table.sort.key;
  tell();
  soon();
}

function recall() {
  const words = new URLSearchParams(location.hash.slice(1));
  const sort = words.get("sort") ?? "";
  box.value = words.get("filter") ?? "";
  table.setWords(box.value);
  table.setSort(sort.replace(/^-/, ""), sort.startsWith("-"));
  table.setOpened((words.get("open") ?? "").split(",").filter((name) => name !== ""));
  choice.value = sort;
}

// ---------------------------------------------------------------- asking

class Away extends Error {}

async function ask(words, name) {
  let answer;
  let text;
  try {
    answer = await fetch(place + query(words, name), {
      cache: "no-store", headers: { Accept: "application/json" }, signal: AbortSignal.timeout(PATIENCE),
    });
    text = await answer.text();
  } catch {
    throw new Away("no answer");
  }
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Away("status " + answer.status);
  let document_;
  try {
    document_ = JSON.parse(text);
  } catch {
    throw new Away("unreadable answer");
  }
  if (document_ === null || typeof document_ !== "object") throw new Away("unreadable answer");
  return document_;
}

function wantsWorkers() {
  return only !== null || box.value !== "" || (pools.size > 0 && totals("total") <= FEW);
}

async function askAll() {
  full = wantsWorkers();
  const all = await ask(full ? "json&full" : "json", only);
  if (all === null && only === null) throw new Away("status 404");
  const details = [];
  if (!full) {
    for (const name of table.opened) {
      if (pools.has(name)) details.push(await ask("json&full", name));
    }
  }
  return [all, details];
}

function listOf(all) {
  if (all === null) return [];
  if (Array.isArray(all.pools)) return all.pools;
  if (typeof all.pool === "string") return [all];
  throw new Away("unreadable answer");
}

// The page of one pool does not tell what time it is, but since when the pool is.
function wallOf(pool) {
  const [start, since] = ["start time", "start since"].map((name) => pool?.number(name) ?? null);
  return start === null || since === null ? null : start + since;
}

function take(all, details) {
  const time = now();
  const present = new Set();
  let order = 0;
  for (const values of listOf(all)) {
    if (values === null || typeof values !== "object") continue;
    const name = textOf(values, "pool");
    let pool = pools.get(name);
    if (pool === undefined) {
      pool = new Pool(name, order);
      pools.set(name, pool);
    }
    pool.order = order++;
    pool.take(values, time);
    if (!full) pool.workers = null;
    present.add(name);
  }
  for (const name of pools.keys()) if (!present.has(name)) pools.delete(name);
  for (const one of details) {
    const pool = one === null ? undefined : pools.get(textOf(one, "pool"));
    if (pool !== undefined && Array.isArray(one.processes)) pool.takeWorkers(one.processes);
  }
  const about = groupOf(all ?? {}, "ganger");
  version = textOf(about, "version") || version;
  wall = numberOf(about, "now") ?? wallOf(pools.values().next().value);
}

async function round() {
  if (asked !== null) return;
  clearTimeout(timer);
  asked = now();
  const began = performance.now();
  try {
    const [all, details] = await askAll();
    take(all, details);
    answered = now();
    trouble = "";
    failures = 0;
    draw();
  } catch (error) {
    failures += 1;
    trouble = error instanceof Away ? error.message : "this page failed: " + error.message;
    if (!(error instanceof Away)) console.error(error);
  }
  asked = null;
  tick();
  // Pages and answers that are large take their time: at least three quarters of it are the reader's.
  const took = performance.now() - began;
  const wanting = answered !== null && failures === 0 && wantsWorkers() && !full;
  const every = document.hidden ? EVERY_HIDDEN : wanting ? 0 : Math.min(Math.max(EVERY, took * 4), EVERY_MOST);
  if (!paused) timer = setTimeout(round, Math.max(every - took, 100));
}

function soon() {
  if (!paused) round();
}

// ---------------------------------------------------------------- drawing

function totals(name) {
  let sum = 0;
  for (const pool of pools.values()) sum += pool[name] ?? 0;
  return sum;
}

function draw() {
  const second = Math.floor(now());
  drawFigures(second);
  const news = alarms.draw(pools);
  if (news !== "") say(said, news);
  table.draw(pools, second, wall);
  show(table.node, pools.size > 0);
  tell();
  document.getElementById("plain")?.remove();
}

let curvesAt = -Infinity;

function drawFigures(second) {
  const f = figures;
  const list = [...pools.values()];
  const troubled = list.filter((pool) => pool.severity >= 3).length;
  const up = Math.max(0, ...list.map((pool) => pool.number("start since") ?? 0));
  const limit = list.reduce((sum, pool) => sum + (pool.number("max children") ?? 0), 0);
  // Peaks of several pools were not at one time: they make no sum.
  const peak = Math.max(0, ...list.map((pool) => pool.number("max listen queue") ?? 0));
  say(version_, [version, up > 0 ? "up " + span(up) : ""].filter((text) => text !== "").join(" \u00b7 "));
  say(f.rate.value, decimal(totals("rate")));
  say(f.queue.value, count(totals("queue")));
  say(f.queue.note, (list.length > 1 ? "peak of one pool " : "peak ") + count(peak));
  say(f.workers.value, count(totals("busy")));
  say(f.workers.note, `of ${count(totals("total"))}, at most ${count(limit)}`);
  say(f.trouble.value, count(troubled));
  say(f.trouble.note, "of " + count(list.length));
  mark(f.trouble.node, "data-bad", String(troubled > 0));
  say(f.failed.value, count(totals("failedLately")));
  mark(f.failed.node, "data-bad", String(totals("failedLately") > 0));
  say(f.cpu.value, list.some((pool) => pool.cpu !== null) ? decimal(totals("cpu") * 100) + SPACE + "%" : NONE);
  say(f.memory.value, size(totals("memory") || NaN));
  f.rate.series.put(second, list.reduce((sum, pool) => sum + (pool.lately.perSecond() ?? pool.rate ?? 0), 0));
  f.queue.series.put(second, totals("queue"));
  if (calm.matches && second - curvesAt < CALM) return;
  curvesAt = second;
  f.rate.curve.draw(f.rate.series, second, 1);
  f.queue.curve.draw(f.queue.series, second, 4);
}

function reveal(name) {
  if (!table.opened.has(name)) table.toggle(name);
  const line = table.lines.get(name);
  if (line === undefined) return;
  if (line.node.hidden) {
    box.value = "";
    table.setWords("");
    remember();
  }
  line.name.focus();
  line.node.scrollIntoView({ block: "nearest" });
}

// How many are shown, and what to say when it is none.
function tell() {
  const all = pools.size;
  say(counted, table.shown === all ? plural(all, "pool", "pools") : `${count(table.shown)} of ${plural(all, "pool", "pools")}`);
  show(none, answered !== null && table.shown === 0);
  say(none, all === 0 ? only === null ? "No pools." : `There is no pool ${only}.` : "No pool matches the filter.");
}

// Once a second, whether anything has come or not.  How old the numbers are says nothing by itself:
// large pages are asked for less often, and a browser lets hidden ones sleep.
function tick() {
  const since = answered === null ? null : now() - answered;
  const late = asked !== null && now() - asked > SILENT || failures > 0 && (since ?? Infinity) > SILENT;
  const away = !paused && (failures >= FAILURES || late);
  if (away !== silent) {
    silent = away;
    document.documentElement.classList.toggle("away", away);
    say(said, away ? "No answer from ganger; the numbers are old." : "ganger answers again.");
  }
  if (away) {
    const why = trouble === "" || trouble === "no answer" ? "" : ` (${trouble})`;
    say(pulse, since === null ? "no answer yet" + why : `no answer since ${span(since)}${why}`);
  } else if (paused) {
    say(pulse, since === null ? "paused" : `paused, ${span(since)} old`);
  } else {
    say(pulse, answered === null ? "asking …" : "live");
  }
  mark(pulse, "data-is", away ? "away" : paused ? "paused" : "live");
  const title = (away ? "no answer \u2013 " : alarms.count > 0 ? `(${alarms.count}) ` : "") + "ganger" + (only === null ? "" : " " + only);
  if (document.title !== title) document.title = title;
}

// ---------------------------------------------------------------- begin

function start() {
  build();
  recall();
  box.addEventListener("input", () => {
    table.setWords(box.value);
    remember();
  });
  choice.addEventListener("change", () => {
    table.setSort(choice.value.replace(/^-/, ""), choice.value.startsWith("-"));
    remember();
  });
  pause.addEventListener("click", () => {
    paused = !paused;
    mark(pause, "aria-pressed", String(paused));
    clearTimeout(timer);
    soon();
    tick();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== box && !event.ctrlKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      box.focus();
    } else if (event.key === "Escape" && document.activeElement === box) {
      box.value = "";
      table.setWords("");
      remember();
    }
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) soon();
  });
  addEventListener("hashchange", recall);
  addEventListener("beforeprint", () => {
    for (const line of table.lines.values()) line.drawCurves();
  });
  setInterval(tick, EVERY);
  round();
}

start();
