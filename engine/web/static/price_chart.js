// Price against protection: the path of the price, and where orders of ours would act.

import { clock, price, s, shares } from "./dom.js";

const AXIS = 64; // for the prices at the right
const FOOT = 20; // for the times below
const NARROW = 380; // below that the colours of levels must do

const middle = ([, bid, ask, last]) => (bid && ask ? (bid + ask) / 2 : last ?? bid ?? ask);

function ticks(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= raw);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) found.push(at);
  return found;
}

// Labels that would cover each other are pushed apart, in their order.
function apart(labels, room) {
  labels.sort((one, other) => one.y - other.y);
  for (let n = 1; n < labels.length; n += 1) labels[n].y = Math.max(labels[n].y, labels[n - 1].y + room);
  return labels;
}

export class PriceChart {
  constructor(holder, { small = false } = {}) {
    this.small = small;
    this.holder = holder;
    this.title = s("title", null, "");
    this.body = s("g");
    this.svg = s("svg", { role: "img", class: small ? "price small" : "price" }, this.title, this.body);
    holder.append(this.svg);
  }

  // ``path``: [ms, bid, ask, last]; ``lines``: {kind, price, text}; ``fills``: {at, price, side};
  // ``steps``: {at, stop, target}; ``known``: the points are all there is, so they are marked.
  draw({ path, lines = [], fills = [], steps = [], known = false, since = 0, now = null, until = null, words }) {
    const width = this.holder.clientWidth || 300;
    const height = this.holder.clientHeight || 200;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    if (this.title.textContent !== words) this.title.textContent = words;
    const points = path.map((one) => [one[0], middle(one)]).filter((one) => one[1]);
    if (!points.length) {
      this.body.replaceChildren(s("text", { x: width / 2, y: height / 2, class: "none" }, "no price yet"));
      return;
    }
    const right = width - (this.small ? 2 : AXIS);
    const bottom = height - (this.small ? 2 : FOOT);
    const [x, y] = this.#scales(points, lines, fills, steps, right, bottom, until);
    const parts = [];
    if (!this.small) parts.push(...this.#grid(x, y, right, bottom, lines));
    const begin = Math.max(x(since), 0); // of the trade
    const end = now === null ? right : x(now);
    parts.push(...this.#zones(lines, y, begin, end));
    parts.push(...this.#steps(steps, x, y, points[0][0]));
    for (const line of lines) {
      parts.push(s("line", { class: `level ${line.kind}`, x1: begin, x2: end, y1: y(line.price), y2: y(line.price) }));
    }
    const way = points.map(([at, value], n) => `${n ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    parts.push(s("path", { class: known ? "way known" : "way", d: way }));
    if (known) parts.push(...points.map(([at, value]) => s("circle", { class: "point", cx: x(at), cy: y(value), r: 2.4 })));
    const [lastAt, last] = points.at(-1);
    if (!known) parts.push(s("circle", { class: "head", cx: x(lastAt), cy: y(last), r: this.small ? 2.2 : 3.4 }));
    for (const fill of fills) if (fill.at >= x.from) parts.push(this.#fill(fill, x, y));
    if (now !== null) parts.push(s("line", { class: "now", x1: x(now), x2: x(now), y1: 0, y2: bottom }));
    if (!this.small) parts.push(...this.#labels(lines, last, y, right, known));
    this.body.replaceChildren(...parts.filter(Boolean));
  }

  #scales(points, lines, fills, steps, right, bottom, until) {
    const from = points[0][0];
    const to = Math.max(until ?? points.at(-1)[0], from + 1000);
    const values = [...points.map((one) => one[1]), ...lines.map((one) => one.price), ...fills.filter((one) => one.at >= from).map((one) => one.price)];
    for (const one of steps) values.push(...[one.stop, one.target].filter((value) => value !== null));
    let low = values.reduce((a, b) => Math.min(a, b));
    let high = values.reduce((a, b) => Math.max(a, b));
    const least = Math.max(high * 0.0004, 0.01);
    if (high - low < least) { low -= least / 2; high += least / 2; }
    const pad = (high - low) * 0.08;
    [low, high] = [low - pad, high + pad];
    const lead = this.small ? 4 : 8; // before the axis
    const x = (at) => ((at - from) / (to - from)) * (right - lead);
    x.from = from;
    x.to = to;
    const y = (value) => ((high - value) / (high - low)) * bottom;
    y.low = low;
    y.high = high;
    return [x, y];
  }

  #grid(x, y, right, bottom, lines) {
    const parts = [];
    for (const value of ticks(y.low, y.high, 5)) {
      parts.push(s("line", { class: "grid", x1: 0, x2: right, y1: y(value), y2: y(value) }));
      const covered = lines.some((one) => Math.abs(y(one.price) - y(value)) < 14);
      if (!covered) parts.push(s("text", { class: "tick", x: right + 6, y: y(value) + 4 }, price(value)));
    }
    const count = Math.max(2, Math.floor(right / 150));
    for (let n = 0; n <= count; n += 1) {
      const at = x.from + ((x.to - x.from) * n) / count;
      parts.push(s("text", { class: "tick", x: x(at), y: bottom + 15, "text-anchor": n === 0 ? "start" : n === count ? "end" : "middle" }, clock(at)));
    }
    return parts;
  }

  // What is at risk, and what is aimed at, between the average and the nearest orders.
  #zones(lines, y, begin, end) {
    const average = lines.find((one) => one.kind === "average");
    if (!average) return [];
    return ["stop", "target"].flatMap((kind) => {
      const line = lines.find((one) => one.kind === kind);
      if (!line) return [];
      const [top, low] = [y(average.price), y(line.price)].sort((a, b) => a - b);
      return [s("rect", { class: `zone ${kind}`, x: begin, y: top, width: Math.max(end - begin, 0), height: Math.max(low - top, 0) })];
    });
  }

  #steps(steps, x, y, from) {
    return ["stop", "target"].map((kind) => {
      let way = "";
      steps.forEach((one, n) => {
        if (one[kind] === null) return;
        const begin = x(Math.max(one.at, from));
        const end = n + 1 < steps.length ? x(Math.max(steps[n + 1].at, from)) : x(x.to);
        way += `M${begin.toFixed(1)} ${y(one[kind]).toFixed(1)}H${end.toFixed(1)}`;
      });
      return s("path", { class: `step ${kind}`, d: way || "M0 0" });
    });
  }

  #fill(fill, x, y) {
    const sign = fill.side === "BUY" ? 1 : -1;
    const [cx, cy] = [x(fill.at), y(fill.price)];
    const size = this.small ? 4 : 6;
    return s("path", { class: `fill ${fill.side === "BUY" ? "buy" : "sell"}`, d: `M${cx} ${cy}l${-size} ${sign * size * 1.6}h${2 * size}z` },
      s("title", null, `${fill.side} ${shares(fill.quantity)} at ${price(fill.price)} (${fill.role})`));
  }

  #labels(lines, last, y, right, known) {
    const labels = lines.map((one) => ({ kind: one.kind, y: y(one.price), text: price(one.price), words: one.text }));
    if (!known) labels.push({ kind: "last", y: y(last), text: price(last) });
    return apart(labels, 17).flatMap((one) => [
      s("rect", { class: `chip ${one.kind}`, x: right + 1, y: one.y - 8, width: AXIS - 2, height: 16, rx: 4 }),
      s("text", { class: `chip-text ${one.kind}`, x: right + AXIS / 2, y: one.y + 4 }, one.text),
      one.words && right > NARROW ? s("text", { class: `level-text ${one.kind}`, x: right - 8, y: one.y - 4 }, one.words) : null,
    ]);
  }
}

// The lines of a symbol's position.
export function linesOf(one) {
  const lines = [];
  if (one.quantity) lines.push({ kind: "average", price: one.average, text: `${one.side} ${shares(one.quantity)}` });
  for (const [kind, orders] of [["stop", one.stops], ["target", one.targets], ["add", one.adds]]) {
    for (const order of orders) {
      if (order.price !== null) lines.push({ kind, price: order.price, text: `${order.trailing ? "trailing " : ""}${kind} ${shares(order.quantity)}` });
    }
  }
  return lines;
}
