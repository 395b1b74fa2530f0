// The tables beside the charts.

import { amount, byId, cents, h, money, price, round, shares, setText, table, tone, words } from "./dom.js";

const SIGNALS_MAX = 60;
const LINES_MAX = 250;

const bar = (share) => h("meter", { min: 0, max: 1, low: 0.6, high: 0.8, optimum: 0, value: Math.min(share ?? 0, 1) });

export function drawLimits(limits) {
  const rows = limits.map((one) => h("tr", { class: one.share > 0.8 ? "near" : null },
    h("th", { scope: "row" }, words(one.name)),
    h("td", { class: "right" }, amount(one.used)),
    h("td", { class: "right" }, one.max === null ? "not told" : amount(one.max)),
    h("td", { class: "meter" }, bar(one.share))));
  byId("limits").replaceChildren(table(["limit", { name: "used", right: true }, { name: "of", right: true }, ""], rows, "Limits"));
}

export function drawRules(rules) {
  if (!rules.length) { byId("rules").replaceChildren(h("p", { class: "none" }, "no rules")); return; }
  const rows = rules.map((one) => h("tr", { class: one.enabled ? null : "off" },
    h("th", { scope: "row" }, one.id, h("small", null, one.when)),
    h("td", null, one.symbols.length ? one.symbols.join(" ") : "all"),
    h("td", { class: one.cooldown ? "right resting" : "right" }, !one.enabled ? "off" : one.armed ? "armed" : one.cooldown ? `${one.cooldown} s` : "ready"),
    h("td", { class: "right" }, one.executions, one.executions_max ? ` of ${one.executions_max}` : "")));
  byId("rules").replaceChildren(table(["rule", "for", { name: "rests", right: true }, { name: "today", right: true }], rows, "Rules"));
}

const pair = (name, value, kind) => h("div", { class: kind ?? null }, h("dt", null, name), h("dd", null, value));
const micro = (one) => (one === null ? "–" : `${round(one.p50)} / ${round(one.p90)} / ${round(one.p99)} µs`);

function ways(told) {
  return Object.entries(told).map(([name, way]) =>
    pair(`signals by ${name}`, way.taken === undefined ? "–" : `${way.taken} taken, ${Object.values(way.refused).reduce((a, b) => a + b, 0)} refused`));
}

export function drawHealth(store, link) {
  const { health, latency, engine } = store.sections;
  if (!health) return;
  const symbols = store.symbols.map((name) => store.symbol(name)).filter(Boolean);
  const stale = symbols.filter((one) => one.quote_age === null || one.quote_age > 60);
  const delayed = symbols.filter((one) => !one.live);
  const halted = symbols.filter((one) => one.halted);
  const refused = symbols.filter((one) => one.data_refused);
  const names = (some) => some.map((one) => one.symbol).join(" ");
  const pairs = [
    pair("session", words(engine?.session ?? "–"), engine?.session === "live" ? "fine" : "bad"),
    pair("account", engine?.account || "not known yet"),
    pair("the engine answers", health.answered ? `in ${health.answer_ms} ms` : `not for ${health.waited_s} s`, health.answered ? null : "bad"),
    pair("ticks", `${round(health.ticks_per_s)} a second`),
    pair("quotes", stale.length ? `none or old: ${names(stale)}` : "fresh", stale.length ? "warn" : "fine"),
    delayed.length ? pair("data", `delayed or broken: ${names(delayed)}`, "bad") : null,
    ...refused.map((one) => pair(`data of ${one.symbol}`, one.data_refused, "bad")),
    engine?.unreadable ? pair("unreadable messages of TWS", engine.unreadable, "bad") : null,
    halted.length ? pair("halted at the exchange", names(halted), "warn") : null,
    pair("events lost", health.dropped, health.dropped ? "bad" : null),
    ...ways(health.ways),
    pair("this page", link === "live" ? "live" : "lost, trying again", link === "live" ? "fine" : "bad"),
  ];
  if (latency) {
    pairs.push(pair("p50 / p90 / p99", ""),
      pair("tick to order", micro(latency.order)), pair("decision", micro(latency.step)), pair("journal", micro(latency.journal)), pair("armed", micro(latency.armed)),
      pair("orders measured", latency.order ? latency.order.count : 0));
  }
  byId("health").replaceChildren(h("dl", { class: "pairs" }, pairs));
}

export function drawSignals(entries) {
  const found = entries.filter(({ event }) => event.type === "PredictionSignalEvent" || event.type === "RefusalEvent").slice(-SIGNALS_MAX).reverse();
  if (!found.length) { byId("signals").replaceChildren(h("p", { class: "none" }, "none yet")); return; }
  const rows = found.map(({ clock, event }) => event.type === "RefusalEvent"
    ? h("tr", { class: "refused" }, h("td", null, clock.slice(0, 8)), h("td", null, event.symbol || "–"),
      h("td", null, "refused"), h("td", null, words(event.reason), h("small", null, [event.rule, event.detail].filter(Boolean).join(": "))))
    : h("tr", null, h("td", null, clock.slice(0, 8)), h("td", null, event.symbol),
      h("td", null, event.signal), h("td", null, `${Math.round(event.confidence * 100)} %`, h("small", null, `from ${event.source}`))));
  byId("signals").replaceChildren(table(["time", "symbol", "signal", "confidence or reason"], rows, "Signals and refusals"));
}

const loudness = (event) => (event.level === "critical" || event.level === "error" ? "critical" : event.level === "warning" ? "warning"
  : event.type === "TradeEvent" ? "trade" : event.type === "RefusalEvent" ? "quiet" : null);

export function drawLog(entries, missed) {
  const log = byId("log");
  const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  const lines = entries.filter((one) => one.line).slice(-LINES_MAX);
  const nodes = lines.map((one) => h("p", { class: loudness(one.event) }, one.line));
  if (missed) nodes.unshift(h("p", { class: "quiet" }, `${missed} lines came while this page was behind`));
  log.replaceChildren(...nodes);
  if (atEnd) log.scrollTop = log.scrollHeight;
}

const figure = (name, value, kind) => h("div", { class: kind || null }, h("dt", null, name), h("dd", null, value));

export function drawFigures(engine) {
  const { day } = engine;
  const total = day.realised + day.unrealised;
  byId("figures").replaceChildren(
    figure("exchange", engine.clock),
    figure("day", money(total), tone(total)),
    figure("realised", money(day.realised), tone(day.realised)),
    figure("open", money(day.unrealised), tone(day.unrealised)),
    figure("drawdown", money(-day.drawdown), day.drawdown > 0.004 ? "down" : ""),
    figure("trades", day.trades ? `${day.trades}, ${day.wins} won` : "0"),
  );
}

// -- one position ----------------------------------------------------------------------------------

export function makeCard(name, onPick) {
  const parts = {
    state: h("span", { class: "pill" }), held: h("span", { class: "held" }), gain: h("span", { class: "gain" }),
    chart: h("div", { class: "mini" }), levels: h("span", { class: "levels" }), last: h("span", { class: "last" }),
  };
  const card = h("button", { type: "button", class: "card", "data-symbol": name, "aria-pressed": "false", onclick: () => onPick(name) },
    h("span", { class: "row" }, h("b", null, name), parts.state, parts.last),
    h("span", { class: "row" }, parts.held, parts.gain), parts.chart, parts.levels);
  return { card, ...parts };
}

export function fillCard(card, one) {
  setText(card.state, one.frozen ? "frozen" : words(one.state));
  card.state.className = `pill ${one.frozen ? "frozen" : one.state}`;
  setText(card.last, price(one.last ?? one.bid));
  setText(card.held, one.quantity ? `${one.side} ${shares(one.quantity)} @ ${price(one.average)}` : "nothing held");
  const gain = one.quantity ? one.unrealised : one.day.realised;
  setText(card.gain, one.quantity || one.day.trades ? money(gain) : "");
  card.gain.className = `gain ${tone(gain)}`;
  const level = (name, orders) => (orders.length ? `${name} ${price(orders[0].price)}` : null);
  const levels = [level("stop", one.stops), level("target", one.targets)].filter(Boolean);
  setText(card.levels, one.frozen || levels.join(" · ") || (one.quantity ? "no protection confirmed" : ""));
  card.levels.className = one.frozen || (one.quantity && !one.stops.length) ? "levels bad" : "levels";
}

export function detailWords(one) {
  if (!one.quantity) return `${words(one.state)} · bid ${price(one.bid)} ask ${price(one.ask)}`;
  const parts = [`${one.side} ${shares(one.quantity)} at ${price(one.average)}`, `open ${money(one.unrealised)}`];
  if (one.rule) parts.push(`by ${one.rule}`);
  parts.push(`went ${cents(one.favourable)} for and ${cents(one.adverse)} against`);
  return parts.join(" · ");
}
