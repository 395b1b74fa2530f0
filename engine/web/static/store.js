// What this page knows: the newest sections, the latest events, a price path for each symbol.

const ENTRIES_MAX = 3000;
const POINTS_MAX = 1200;
const ORDERS_MAX = 200;

const SAID_OF_ORDERS = new Set([
  "NewOrderEvent", "OrderStatusEvent", "FillEvent", "CancelEvent", "RejectEvent",
]);

export class Store {
  constructor() {
    this.begin({});
  }

  begin(paths) {
    this.sections = {};
    this.entries = [];
    this.orders = new Map(); // by id, in order of their first event
    this.began = new Map(); // by symbol: when the present trade began
    this.moves = new Map(); // the last step of each context, by symbol
    this.session = null; // the last step of the session
    this.fills = new Map(); // by symbol
    this.levels = new Map(); // by symbol: where stop and target stood at a time
    this.paths = new Map(Object.entries(paths));
    this.missed = 0;
  }

  get engine() { return this.sections.engine; }
  get symbols() { return this.engine?.symbols ?? []; }
  symbol(name) { return this.sections[`symbol:${name}`]; }

  // Takes a message; the names of what has changed.
  take(message) {
    const changed = new Set(Object.keys(message.sections));
    Object.assign(this.sections, message.sections);
    this.missed += message.missed;
    for (const entry of message.entries) this.#add(entry);
    if (message.entries.length) changed.add("entries");
    this.entries.splice(0, Math.max(0, this.entries.length - ENTRIES_MAX));
    const now = this.engine?.now;
    if (changed.has("engine")) for (const name of this.symbols) this.#extend(name, now);
    return changed;
  }

  #add(entry) {
    this.entries.push(entry);
    const event = entry.event;
    if (SAID_OF_ORDERS.has(event.type)) this.#order(entry, event);
    else if (event.type === "ContextChangedEvent") {
      this.moves.set(event.symbol, { at: entry.at, clock: entry.clock, ...event });
      if (event.old === "flat") this.began.set(event.symbol, entry.at);
    }
    else if (event.type === "SessionChangedEvent") this.session = { at: entry.at, clock: entry.clock, ...event };
  }

  #order(entry, event) {
    let known = this.orders.get(event.order_id);
    if (!known) {
      known = { id: event.order_id, symbol: event.symbol, role: event.role, side: event.side, steps: [], fills: [] };
      this.orders.set(event.order_id, known);
      if (this.orders.size > ORDERS_MAX) this.orders.delete(this.orders.keys().next().value);
    }
    known.price = event.price;
    known.quantity = event.quantity;
    known.filled = event.filled;
    known.status = event.status;
    known.steps.push({ at: entry.at, status: event.status });
    if (event.type === "FillEvent") {
      const fill = { at: entry.at, price: Number(event.fill_price), quantity: Number(event.fill_quantity), side: event.side, role: event.role };
      known.fills.push(fill);
      const fills = this.fills.get(event.symbol) ?? [];
      fills.push(fill);
      this.fills.set(event.symbol, fills.slice(-200));
    }
  }

  #extend(name, now) {
    const one = this.symbol(name);
    if (!one) return;
    if (one.bid !== null || one.ask !== null || one.last !== null) {
      const path = this.paths.get(name) ?? [];
      if (!path.length || path.at(-1)[0] < now) path.push([now, one.bid, one.ask, one.last]);
      path.splice(0, Math.max(0, path.length - POINTS_MAX));
      this.paths.set(name, path);
    }
    const levels = this.levels.get(name) ?? [];
    const stop = one.stops[0]?.price ?? null;
    const target = one.targets[0]?.price ?? null;
    const last = levels.at(-1);
    if (!last || last.stop !== stop || last.target !== target) levels.push({ at: now, stop, target });
    this.levels.set(name, levels.slice(-POINTS_MAX));
  }
}
