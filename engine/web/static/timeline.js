// Orders against time: a bar for the life of each, in pieces for what it was, with its fills.

import { clock, h, price, s, shares, words } from "./dom.js";

const SHOWN_MAX = 12;
const ROW = 24;
const OVER = new Set(["filled", "cancelled", "rejected", "absent", "closed", "dead"]);

const isOver = (status) => OVER.has(status);
const label = (one) => `${one.role} ${one.side} ${shares(one.quantity)}${one.price === null ? "" : ` at ${price(Number(one.price))}`}`;

function piece(status) {
  if (isOver(status)) return "over";
  if (status === "part_filled") return "part";
  if (status === "working" || status === "held") return "working";
  if (status === "unknown" || status === "inactive") return "doubt";
  return "asked";
}

export function drawTimeline(holder, orders, now) {
  const living = orders.filter((one) => !isOver(one.status));
  const ended = orders.filter((one) => isOver(one.status));
  const shown = [...ended.slice(-Math.max(0, SHOWN_MAX - living.length)), ...living].sort((a, b) => a.id - b.id);
  if (!shown.length) {
    holder.replaceChildren(h("p", { class: "none" }, "no orders in this run yet"));
    return;
  }
  const width = Math.max(holder.clientWidth, 200) || 600;
  const names = Math.min(220, width * 0.42);
  const from = Math.min(...shown.map((one) => one.steps[0].at));
  const to = Math.max(now, from + 1000);
  const x = (at) => names + ((at - from) / (to - from)) * (width - names - 10);
  const rows = shown.map((one, n) => row(one, n * ROW, x, now, names));
  const height = shown.length * ROW + 18;
  holder.replaceChildren(s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img" },
    s("title", null, `${shown.length} orders against time`), rows,
    s("text", { class: "tick", x: names, y: height - 4 }, clock(from)),
    s("text", { class: "tick", x: width - 10, y: height - 4, "text-anchor": "end" }, clock(to))));
}

function row(one, y, x, now, names) {
  const ended = one.steps.findIndex((step) => isOver(step.status));
  const steps = ended < 0 ? one.steps : one.steps.slice(0, ended + 1); // what follows is book-keeping
  const pieces = steps.map((step, n) => {
    const end = n + 1 < steps.length ? steps[n + 1].at : isOver(step.status) ? step.at : now;
    return s("rect", { class: `life ${piece(step.status)}`, x: x(step.at), y: y + 7, width: Math.max(x(end) - x(step.at), 2), height: 10, rx: 2 },
      s("title", null, `${clock(step.at)} ${words(step.status)}`));
  });
  const fills = one.fills.map((fill) => s("circle", { class: "filled", cx: x(fill.at), cy: y + 12, r: 4 },
    s("title", null, `${clock(fill.at)} filled ${shares(fill.quantity)} at ${price(fill.price)}`)));
  return s("g", { class: `order ${one.role}` },
    s("text", { class: "order-name", x: 0, y: y + 16 }, fit(label(one), names)),
    pieces, fills,
    s("title", null, `order ${one.id}: ${label(one)}, ${words(one.status)}`));
}

const fit = (text, width) => (text.length * 6.6 > width ? `${text.slice(0, Math.floor(width / 6.6) - 1)}…` : text);
