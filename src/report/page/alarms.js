// SPDX-License-Identifier: Apache-2.0
// The pools in trouble, above the table of all of them.

const ALARMS = 5; // are shown; of the others only how many

const WHY = new Map([
  ["shedding", "full: answers 503"],
  ["queue full", "connections are refused until a worker has time: see pm.max_children and listen.backlog"],
]);

function wrongWith(pool) {
  return pool.severity < 3 ? "" : pool.word;
}

class Alarms {
  // reveal(name): somebody wants to see that pool.
  constructor(reveal) {
    this.wrong = null; // name → what was wrong with it, at the last answer
    this.node = element("ul", { class: "alarms" });
    this.lines = new Keyed(this.node, () => {
      const button = element("button", { type: "button", class: "name" }, "");
      button.addEventListener("click", () => reveal(button.textContent));
      return element("li", {}, element("b", { class: "state" }, ""), button, element("span", {}, ""));
    }, (node, { name, what, why }) => {
      mark(node.children[0], "data-state", what);
      say(node.children[0], what);
      say(node.children[1], name);
      say(node.children[2], why);
      show(node.children[0], name !== "");
      show(node.children[1], name !== "");
    });
  }

  get count() {
    return this.wrong === null ? 0 : this.wrong.size;
  }

  // What is new, in words; "": nothing.
  draw(pools) {
    const bad = [...pools.values()].filter((pool) => wrongWith(pool) !== "")
      .sort((a, b) => b.severity - a.severity || a.order - b.order);
    const items = bad.slice(0, ALARMS).map((pool) => [pool.name,
      { name: pool.name, what: wrongWith(pool), why: pool.text("reason") || WHY.get(pool.word) || "" }]);
    if (bad.length > ALARMS) {
      items.push(["\n", { name: "", what: "", why: `and ${plural(bad.length - ALARMS, "pool", "pools")} more` }]);
    }
    show(this.node, items.length > 0);
    this.lines.set(items);
    const wrong = new Map(bad.map((pool) => [pool.name, wrongWith(pool)]));
    const news = this.wrong === null ? [] : this.news(bad, wrong, pools);
    this.wrong = wrong;
    if (news.length > 3) news.splice(3, news.length, `and ${news.length - 3} more`);
    return news.join(" ");
  }

  news(bad, wrong, pools) {
    const news = bad.filter((pool) => this.wrong.get(pool.name) !== wrong.get(pool.name))
      .map((pool) => `pool ${pool.name} is ${wrong.get(pool.name)}. ${pool.text("reason")}`);
    for (const name of this.wrong.keys()) {
      if (!wrong.has(name)) news.push(`pool ${name} ` + (pools.has(name) ? "is well again." : "is gone."));
    }
    return news;
  }
}
