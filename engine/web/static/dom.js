// Elements and numbers. Data reach the page as text nodes and attributes only, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

export const h = (tag, attributes, ...children) =>
  fill(document.createElement(tag), attributes, children);

export const s = (tag, attributes, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

export const byId = (id) => document.getElementById(id);

export function setText(node, text) {
  const words = String(text);
  if (node.textContent !== words) node.textContent = words;
}

export function setClass(node, name) {
  if (node.getAttribute("class") !== name) node.setAttribute("class", name);
}

const two = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const four = new Intl.NumberFormat("en-US", { minimumFractionDigits: 4, maximumFractionDigits: 4 });
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const some = new Intl.NumberFormat("en-US", { maximumFractionDigits: 4 });
const exchange = new Intl.DateTimeFormat("en-GB", {
  timeZone: "America/New_York", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

export const price = (value) =>
  value === null || value === undefined ? "–" : Math.abs(value) < 1 ? four.format(value) : two.format(value);
export const cents = (value) => two.format(value);
export const shares = (value) => some.format(value);
export const round = (value) => whole.format(value);
export const amount = (value) => (Math.abs(value) >= 1000 ? whole : some).format(value);
export const money = (value) => (value > 0 ? "+" : value < 0 ? "−" : "") + two.format(Math.abs(value));
export const tone = (value) => (value > 0.004 ? "up" : value < -0.004 ? "down" : "");
export const clock = (ms) => exchange.format(ms);
export const words = (name) => String(name).replaceAll("_", " ");

export function table(headings, rows, label) {
  return h("table", { "aria-label": label },
    h("thead", null, h("tr", null, headings.map((one) =>
      h("th", { scope: "col", class: one.right ? "right" : null }, one.name ?? one)))),
    h("tbody", null, rows));
}
