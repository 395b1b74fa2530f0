// Past trades from the journal, step by step.

import { clock, h, money, price, setText, shares, table, tone, words } from "./dom.js";
import { PriceChart } from "./price_chart.js";
import { StateChart } from "./statechart.js";
import { get, WrongKey } from "./stream.js";

const AGAIN_MS = 300;
const spelled = (name) => name.replaceAll(/(?<=[a-z])[A-Z]/g, (one) => ` ${one.toLowerCase()}`);

export class History {
  constructor(holder) {
    this.holder = holder;
    this.drawings = [];
    this.trades = [];
    this.trade = null;
    this.page = 0;
    this.turn = 0; // so that an answer to an older question is not shown
    this.list = h("div", { class: "trades scroll", tabindex: "0", role: "region", "aria-label": "Trades" });
    this.words = h("p", { class: "words", role: "status" });
    this.story = h("div", { class: "story" });
    holder.append(
      h("section", { class: "panel" }, h("div", { class: "panel-head" }, h("h2", null, "Trades of the journal"),
        h("button", { type: "button", onclick: () => this.read() }, "Read again")), this.words, this.list),
      this.story);
    document.addEventListener("keydown", (event) => this.#key(event));
    addEventListener("resize", () => { if (this.trade && !holder.hidden) this.go(this.page); });
  }

  open(number) {
    if (number && this.trade?.number !== Number(number)) this.show(Number(number));
    this.read();
  }

  async read() {
    this.turn += 1;
    const turn = this.turn;
    for (;;) {
      let told;
      try {
        told = await get("/api/history");
      } catch (problem) {
        if (!(problem instanceof WrongKey)) setText(this.words, problem.message);
        return;
      }
      if (turn !== this.turn) return;
      this.trades = told.trades;
      if (!this.trade) this.#overview(told);
      this.#list(told);
      if (told.problem || told.read >= told.of) return;
      await new Promise((done) => setTimeout(done, AGAIN_MS));
    }
  }

  // Before a trade is chosen: which steps contexts have taken, and how often.
  #overview({ steps }) {
    const drawing = this.drawings.find((one) => one.name === "context");
    if (!drawing || !steps.length) return;
    const chart = new StateChart(drawing);
    this.story.replaceChildren(h("div", { class: "panel full" },
      h("div", { class: "panel-head" }, h("h2", null, "Steps that contexts have taken"), h("p", { class: "words" }, "of all trades of the journal; choose one to walk through it")),
      h("div", { class: "statechart" }, chart.svg)));
    chart.count(steps);
  }

  #list(told) {
    const whole = told.from > 1 ? ` from record ${told.from}` : "";
    setText(this.words, told.problem ? `Read to record ${told.read}, then: ${told.problem}`
      : told.read < told.of ? `reading: ${told.read} of ${told.of} records`
        : `${told.trades.length} ${told.trades.length === 1 ? "trade" : "trades"} in ${told.of} records${whole}`);
    const rows = this.trades.map((one) => h("tr", { "aria-current": this.trade?.number === one.number ? "true" : null },
      h("th", { scope: "row" }, h("a", { href: `#history/${one.number}` }, `${one.symbol} ${one.side}`)),
      h("td", null, one.opened_clock.slice(0, 8)),
      h("td", null, one.closed ? one.closed_clock.slice(0, 8) : words(one.state)),
      h("td", null, one.reason ? words(one.reason) : one.entered ? "" : "never filled"),
      h("td", { class: `right ${one.realised === null ? "" : tone(one.realised)}` }, one.realised === null ? "–" : money(one.realised))));
    this.list.replaceChildren(this.trades.length
      ? table(["trade", "from", "to", "ended by", { name: "made", right: true }], rows, "Trades")
      : h("p", { class: "none" }, "none yet"));
  }

  async show(number) {
    let told;
    try {
      told = await get(`/api/history/${number}`);
    } catch (problem) {
      this.story.replaceChildren(h("p", { class: "problem" }, problem.message));
      return;
    }
    this.trade = told.trade;
    this.page = 0;
    this.#build();
    this.go(0);
    this.#list({ ...told, trades: this.trades });
  }

  #build() {
    const { trade } = this;
    const drawing = this.drawings.find((one) => one.name === "context");
    this.chart = drawing ? new StateChart(drawing) : null;
    this.slider = h("input", { type: "range", min: 0, max: trade.story.length - 1, value: 0, "aria-label": "Step", oninput: () => this.go(Number(this.slider.value)) });
    const button = (id, name, label, to) => h("button", { type: "button", id, "aria-label": label, title: label, onclick: () => this.go(to()) }, name);
    const last = trade.story.length - 1;
    this.at = h("output", { class: "at" });
    this.lines = h("ul", { class: "lines", "aria-live": "polite" });
    this.orders = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Orders at this step" });
    this.held = h("p", { class: "words" });
    const chartHolder = h("div", { class: "chart" });
    this.story.replaceChildren(
      h("div", { class: "panel full" },
        h("div", { class: "panel-head" }, h("h2", null, `${trade.symbol} ${trade.side}, ${trade.opened_clock.slice(0, 8)}`),
          h("p", { class: "words" }, [trade.rule && `by ${trade.rule}`, trade.reason && `ended by ${words(trade.reason)}`, trade.realised !== null && money(trade.realised)].filter(Boolean).join(" · "))),
        h("div", { class: "stepper", role: "group", "aria-label": "Steps" },
          button("step-first", "«", "First step", () => 0), button("step-back", "‹", "One step back", () => this.page - 1),
          this.slider,
          button("step-on", "›", "One step on", () => this.page + 1), button("step-last", "»", "Last step", () => last),
          this.at),
        h("p", { class: "words hint" }, "The arrow keys step as well. Prices are those the journal knows: of fills, of the market at decisions, and of orders. Between them nothing is recorded.")),
      h("div", { class: "panel wide" }, h("h2", null, "What the journal knows of the price"), chartHolder, this.held),
      h("div", { class: "panel" }, h("h2", null, "Chart of states"), this.chart ? h("div", { class: "statechart" }, this.chart.svg) : null),
      h("div", { class: "panel" }, h("h2", null, "Orders"), this.orders),
      h("div", { class: "panel" }, h("h2", null, "What happened"), this.lines),
      trade.left_out ? h("p", { class: "problem" }, `${trade.left_out} later steps are left out`) : "");
    this.price = new PriceChart(chartHolder);
  }

  go(page) {
    const { story } = this.trade;
    this.page = Math.max(0, Math.min(page, story.length - 1));
    const one = story[this.page];
    this.slider.value = this.page;
    this.slider.setAttribute("aria-valuetext", `${one.clock} ${words(one.state)}`);
    setText(this.at, `${this.page + 1} of ${story.length} · ${one.clock}`);
    this.chart?.show(one.state, this.#move());
    setText(this.held, one.held ? `${shares(Math.abs(one.held))} ${one.held > 0 ? "long" : "short"} at ${price(one.average)}` : "nothing held");
    const lines = one.lines.length ? one.lines : one.causes.map(spelled);
    this.lines.replaceChildren(...lines.map((text) => h("li", null, text)));
    this.#orders(one.orders);
    this.#prices(story);
  }

  // The last step of the chart at or before this page.
  #move() {
    for (let n = this.page; n >= 0; n -= 1) {
      const move = this.trade.story[n].moves.at(-1);
      if (move) return move;
    }
    return null;
  }

  #orders(orders) {
    const rows = orders.map((one) => h("tr", null,
      h("th", { scope: "row" }, one.role), h("td", null, `${one.side} ${shares(one.quantity)}`), h("td", null, one.order_type),
      h("td", { class: "right" }, price(one.price)), h("td", { class: "right" }, one.filled ? `${shares(one.filled)} @ ${price(one.average_price)}` : "–"),
      h("td", null, words(one.status))));
    this.orders.replaceChildren(rows.length
      ? table(["order", "what", "type", { name: "price", right: true }, { name: "filled", right: true }, "state"], rows, "Orders at this step")
      : h("p", { class: "none" }, "none yet"));
  }

  #prices(story) {
    const path = [[this.trade.opened, null, null, this.trade.decision]];
    const fills = [];
    const steps = [];
    const all = [...path];
    story.forEach((one, n) => {
      for (const known of one.prices) {
        const point = known.kind === "fill" ? [one.at, null, null, known.price] : [one.at, known.bid, known.ask, known.last];
        all.push(point);
        if (n <= this.page) path.push(point);
        if (known.kind === "fill" && n <= this.page) fills.push({ at: one.at, ...known });
      }
      if (n <= this.page) steps.push({ at: one.at, stop: one.stops[0]?.price ?? null, target: one.targets[0]?.price ?? null });
    });
    const one = story[this.page];
    if (steps.length) steps.push({ at: one.at, stop: null, target: null }); // not beyond this page
    const lines = [];
    if (one.held) lines.push({ kind: "average", price: one.average, text: "average" });
    for (const kind of ["stop", "target", "add"]) {
      for (const level of one[`${kind}s`]) if (level.price !== null) lines.push({ kind, price: level.price, text: `${kind} ${shares(level.quantity)}` });
    }
    this.price.draw({
      path, lines, fills, steps, known: true, since: this.trade.opened, now: one.at, until: story.at(-1).at,
      words: `${this.trade.symbol} at ${clock(one.at)}: ${words(one.state)}`,
    });
  }

  #key(event) {
    if (this.holder.hidden || !this.trade || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target instanceof HTMLInputElement) return; // the slider knows them itself
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) { event.preventDefault(); this.go(this.page + step); }
  }
}
