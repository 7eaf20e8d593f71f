// SPDX-License-Identifier: Apache-2.0
// Numbers as people read them, and elements made of text.  What a pool says reaches the page only as
// text of a text node or value of an attribute, never as markup.

const NONE = "\u2013";
const SPACE = "\u202f"; // narrow, and no line ends at it

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

// What a member of a stranger's object holds: a number or null, a string or "", an object or {}.
function numberOf(object, name) {
  const value = Object.hasOwn(object, name) ? object[name] : null;
  return isNumber(value) ? value : null;
}

function textOf(object, name) {
  const value = Object.hasOwn(object, name) ? object[name] : "";
  return typeof value === "string" ? value : "";
}

function groupOf(object, name) {
  const value = Object.hasOwn(object, name) ? object[name] : null;
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
}

function count(value) {
  if (!isNumber(value)) return NONE;
  const digits = String(Math.round(value));
  return digits.length < 5 ? digits : digits.replace(/\B(?=(\d{3})+$)/g, SPACE);
}

function decimal(value) {
  if (!isNumber(value)) return NONE;
  if (value === 0) return "0";
  if (value < 0.1) return "<" + SPACE + "0.1";
  return value < 9.95 ? value.toFixed(1) : count(value);
}

function scaled(value, step, units) {
  if (!isNumber(value)) return NONE;
  let unit = 0;
  while (value >= step * 0.9995 && unit + 1 < units.length) {
    value /= step;
    unit += 1;
  }
  return (unit > 0 && value < 99.95 ? value.toFixed(1) : String(Math.round(value))) + SPACE + units[unit];
}

function size(bytes) {
  return scaled(bytes, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
}

// How long something takes, to two or three digits.
function duration(seconds) {
  if (!isNumber(seconds)) return NONE;
  if (seconds < 0.00095) return Math.round(seconds * 1e6) + SPACE + "µs";
  if (seconds < 0.00995) return (seconds * 1e3).toFixed(1) + SPACE + "ms";
  if (seconds < 0.9995) return Math.round(seconds * 1e3) + SPACE + "ms";
  if (seconds < 9.95) return seconds.toFixed(1) + SPACE + "s";
  return seconds < 120 ? Math.round(seconds) + SPACE + "s" : span(seconds);
}

// A time that somebody has chosen, to the digit.
function exact(seconds) {
  if (!isNumber(seconds)) return NONE;
  const [value, unit] = seconds < 0.001 ? [seconds * 1e6, "µs"] : seconds < 1 ? [seconds * 1e3, "ms"] : [seconds, "s"];
  return Number(value.toPrecision(6)) + SPACE + unit;
}

// How long something has been so.
function span(seconds) {
  if (!isNumber(seconds)) return NONE;
  const s = Math.max(0, Math.floor(seconds));
  if (s < 120) return s + SPACE + "s";
  if (s < 7200) return Math.floor(s / 60) + SPACE + "min";
  if (s < 172800) return Math.floor(s / 3600) + SPACE + "h " + Math.floor((s % 3600) / 60) + SPACE + "min";
  return Math.floor(s / 86400) + SPACE + "d " + Math.floor((s % 86400) / 3600) + SPACE + "h";
}

function plural(number, one, many) {
  return count(number) + " " + (number === 1 ? one : many);
}

// element("td", {class: "x", "aria-label": "y"}, "text", otherElement)
function element(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

function drawing(name, attributes, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// Change the text of an element that holds nothing else, when it is another.
function say(node, text) {
  const held = node.firstChild;
  if (held === null) {
    if (text !== "") node.append(text);
  } else if (held.data !== text) {
    held.data = text;
  }
}

function mark(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

// Children of `parent` for the items of a list, each known by its key: made and dropped where the list
// grows or shrinks, and put into its order.  make(item) gives an element, update(element, item) fills it.
class Keyed {
  constructor(parent, make, update) {
    this.parent = parent;
    this.make = make;
    this.update = update;
    this.held = new Map();
  }

  set(items) { // [[key, item], …]
    const wanted = new Set(items.map(([key]) => key));
    for (const [key, node] of this.held) {
      if (!wanted.has(key)) {
        node.remove();
        this.held.delete(key);
      }
    }
    let next = this.parent.firstChild;
    for (const [key, item] of items) {
      let node = this.held.get(key);
      if (node === undefined) {
        node = this.make(item);
        this.held.set(key, node);
      }
      if (node === next) next = node.nextSibling;
      else this.parent.insertBefore(node, next);
      this.update(node, item);
    }
  }
}
