// The page: what is shown of what is known, and when it is drawn again.

import { setUpControl, showControl } from "./control.js";
import { byId, h, setText, words } from "./dom.js";
import { History } from "./history.js";
import { detailWords, drawFigures, drawHealth, drawLimits, drawLog, drawRules, drawSignals, fillCard, makeCard } from "./panels.js";
import { linesOf, PriceChart } from "./price_chart.js";
import { StateChart } from "./statechart.js";
import { Store } from "./store.js";
import { follow, get, keepKey, takeKey } from "./stream.js";
import { drawTimeline } from "./timeline.js";

const MINI_POINTS = 160;
const THEMES = { auto: "◐", light: "☀", dark: "☾" };

const store = new Store();
const cards = new Map();
const charts = new Map();
const history = new History(byId("view-history"));
let chosen = "";
let kind = "context";
let link = "lost";
let allowed = true;
let bigChart = null;
let waiting = null; // names of sections to draw in the next frame

// -- drawing ---------------------------------------------------------------------------------------

function pathOf(name, count) {
  const path = store.paths.get(name) ?? [];
  return count ? path.slice(-count) : path;
}

function chartWords(one) {
  const lines = linesOf(one).map((line) => line.text).join(", ");
  return `${one.symbol}: price${lines ? ` against ${lines}` : ", nothing held"}`;
}

function drawCards(changed) {
  const names = store.symbols;
  if (names.join() !== [...cards.keys()].join()) {
    cards.clear();
    for (const name of names) {
      const card = makeCard(name, pick);
      card.price = new PriceChart(card.chart, { small: true });
      cards.set(name, card);
    }
    byId("cards").replaceChildren(...[...cards.values()].map((one) => one.card));
    if (!names.includes(chosen)) pick(names.find((name) => store.symbol(name)?.quantity) ?? names[0]);
  }
  for (const [name, card] of cards) {
    const one = store.symbol(name);
    if (!one || !(changed.has(`symbol:${name}`) || changed.has("all"))) continue;
    fillCard(card, one);
    card.price.draw({ path: pathOf(name, MINI_POINTS), lines: linesOf(one), fills: store.fills.get(name) ?? [], since: store.began.get(name), words: chartWords(one) });
  }
}

function drawDetail() {
  const one = store.symbol(chosen);
  if (!one) return;
  bigChart ??= new PriceChart(byId("price-chart"));
  setText(byId("h-detail"), chosen);
  setText(byId("detail-words"), detailWords(one));
  bigChart.draw({
    path: pathOf(chosen), lines: linesOf(one), fills: store.fills.get(chosen) ?? [],
    steps: store.levels.get(chosen) ?? [], since: store.began.get(chosen), words: chartWords(one),
  });
  drawState(one);
}

function stateOf(one) {
  if (kind === "session") return [store.engine.session, store.session];
  if (kind === "bracket") return [one.brackets.at(-1) ?? "draft", null];
  return [one.state, store.moves.get(chosen) ?? null];
}

function drawState(one) {
  const chart = charts.get(kind);
  if (!chart) return;
  const holder = byId("statechart");
  if (holder.firstChild !== chart.svg) holder.replaceChildren(chart.svg);
  const [state, move] = stateOf(one);
  chart.show(state, move ? [move.old, move.new] : null);
  setText(byId("move"), move ? `${move.clock.slice(0, 8)} ${words(move.old)} → ${words(move.new)}: ${words(move.cause)}` : "");
}

function drawOrders() {
  const orders = [...store.orders.values()].filter((one) => one.symbol === chosen);
  const living = (store.sections.orders ?? []).filter((one) => one.symbol === chosen);
  setText(byId("orders-words"), `${living.length} at the broker for ${chosen}`);
  drawTimeline(byId("timeline"), orders, store.engine.now);
}

function drawHead() {
  const { engine } = store;
  const pill = byId("session");
  setText(pill, link === "live" ? words(engine.session) : "no contact");
  pill.className = `pill ${link === "live" && engine.session === "live" ? "live" : "frozen"}`;
  drawFigures(engine);
  showControl(engine, allowed);
  const banner = byId("banner");
  const answers = store.sections.health?.answered !== false;
  const text = link !== "live" ? "No contact with the engine: what is shown is old."
    : !answers ? "The engine does not answer now: it is connecting, or held up."
      : engine.halt_level ? `Halted at level ${engine.halt_level}, ${engine.halt}` : "";
  banner.hidden = !text;
  setText(banner, text);
  document.title = engine.halt_level ? "Halted · Engine" : "Engine";
}

function draw() {
  const changed = waiting;
  waiting = null;
  if (!store.engine) return;
  drawHead();
  if (byId("view-live").hidden) return;
  drawCards(changed);
  drawDetail();
  if (changed.has("orders") || changed.has("entries") || changed.has("all") || store.sections.orders?.length) drawOrders();
  if (changed.has("limits") || changed.has("all")) drawLimits(store.sections.limits);
  if (changed.has("rules") || changed.has("all")) drawRules(store.sections.rules);
  if (changed.has("entries") || changed.has("all")) {
    drawSignals(store.entries);
    drawLog(store.entries, store.missed);
  }
  drawHealth(store, link);
}

function soon(names) {
  if (!waiting) {
    waiting = new Set();
    requestAnimationFrame(draw);
  }
  for (const name of names) waiting.add(name);
}

// -- choosing --------------------------------------------------------------------------------------

function pick(name) {
  chosen = name;
  for (const [other, { card }] of cards) card.setAttribute("aria-pressed", String(other === name));
  soon(["all"]);
}

function offerCharts() {
  const shown = ["context", "bracket", "session"].filter((name) => charts.has(name));
  byId("chart-choice").replaceChildren(...shown.map((name) => h("button", {
    type: "button", "aria-pressed": String(name === kind),
    onclick: () => { kind = name; offerCharts(); soon(["all"]); },
  }, name)));
}

function route() {
  const past = location.hash.startsWith("#history");
  byId("view-live").hidden = past;
  byId("view-history").hidden = !past;
  byId("to-live").toggleAttribute("aria-current", !past);
  byId("to-history").toggleAttribute("aria-current", past);
  if (past) history.open(location.hash.slice("#history/".length));
  soon(["all"]);
}

function setUpTheme() {
  const kept = localStorage.getItem("engine-theme");
  let theme = kept in THEMES ? kept : "auto";
  const apply = () => {
    if (theme === "auto") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.dataset.theme = theme;
    setText(byId("theme"), THEMES[theme]);
    byId("theme").title = `Colours: ${theme}`;
  };
  byId("theme").addEventListener("click", () => {
    const names = Object.keys(THEMES);
    theme = names[(names.indexOf(theme) + 1) % names.length];
    localStorage.setItem("engine-theme", theme);
    apply();
  });
  apply();
}

// -- life ------------------------------------------------------------------------------------------

async function begin() {
  if (!charts.size) {
    const told = await get("/api/charts");
    allowed = told.control;
    for (const drawing of told.charts) charts.set(drawing.name, new StateChart(drawing));
    history.drawings = told.charts;
    offerCharts();
    if (!byId("view-history").hidden) route();
  }
  store.begin(await get("/api/paths"));
}

function onState(state) {
  link = state;
  if (state === "key") {
    setText(byId("key-problem"), takeKey() ? "This key is not the engine's, maybe of an earlier run." : "");
    byId("ask-key").showModal();
    return;
  }
  soon(["all"]);
}

function start() {
  follow((message) => soon(store.take(message)), onState, begin);
}

byId("key-form").addEventListener("submit", () => {
  const given = byId("key").value.trim();
  keepKey(given.slice(given.indexOf("#key=") < 0 ? 0 : given.indexOf("#key=") + 5));
  start();
});
byId("ask-key").addEventListener("cancel", (event) => event.preventDefault());
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#key=")) location.reload();
  else route();
});
addEventListener("resize", () => soon(["all"]));
setUpTheme();
setUpControl();
takeKey();
route();
start();
