// A lifecycle as the engine itself draws it from its table, with the active state lit.

import { s, setClass, words } from "./dom.js";

const PLACES = [0.42, 0.3, 0.55, 0.2, 0.68, 0.8]; // of a count, along its arrow
const APART = 22; // from another count

let made = 0;

function marker(id, name) {
  return s("marker", { id, class: name, viewBox: "0 0 8 8", refX: 7, refY: 4, markerUnits: "userSpaceOnUse", markerWidth: 9, markerHeight: 9, orient: "auto-start-reverse" },
    s("path", { d: "M0 .6 7.6 4 0 7.4z" }));
}

export class StateChart {
  constructor(drawing) {
    made += 1;
    const plain = `arrow-${made}`;
    const lit = `arrow-lit-${made}`;
    const next = `arrow-next-${made}`;
    this.drawing = drawing;
    this.nodes = new Map();
    this.edges = [];
    this.ends = { plain: `url(#${plain})`, lit: `url(#${lit})`, next: `url(#${next})` };
    const { node_width: width, node_height: height } = drawing;
    for (const edge of drawing.edges) {
      const path = s("path", { d: edge.path, class: "edge", "marker-end": this.ends.plain },
        s("title", null, `${words(edge.source)} → ${words(edge.target)}: ${edge.events.map(words).join(", ")}`));
      this.edges.push({ ...edge, path });
    }
    for (const node of drawing.nodes) {
      const group = s("g", { class: "node", transform: `translate(${node.x} ${node.y})` },
        node.initial ? s("circle", { class: "begin", cx: -width / 2 - 9, cy: 0, r: 4 }) : null,
        s("rect", { x: -width / 2, y: -height / 2, width, height, rx: 9 }),
        node.final ? s("rect", { class: "inner", x: -width / 2 + 3, y: -height / 2 + 3, width: width - 6, height: height - 6, rx: 7 }) : null,
        s("text", { y: 4.5 }, words(node.name)));
      this.nodes.set(node.name, group);
    }
    this.title = s("title", null, "");
    this.svg = s("svg", { viewBox: `0 0 ${drawing.width} ${drawing.height}`, role: "img", "data-chart": drawing.name },
      this.title,
      s("defs", null, marker(plain, "arrow"), marker(lit, "arrow lit"), marker(next, "arrow next")),
      s("g", null, this.edges.map((one) => one.path)),
      s("g", null, [...this.nodes.values()]));
    this.svg.style.maxWidth = `${drawing.width * 1.25}px`;
  }

  // How often each arrow was taken; those that never were stay pale.
  count(steps) {
    const counts = new Map(steps.map(([from, to, count]) => [`${from} ${to}`, count]));
    const most = Math.max(1, ...counts.values());
    this.counts?.remove();
    this.counts = s("g", { class: "counts" });
    this.svg.append(this.counts);
    const taken = [];
    for (const edge of this.edges) {
      const count = counts.get(`${edge.source} ${edge.target}`) ?? 0;
      setClass(edge.path, count ? "edge taken" : "edge");
      edge.path.setAttribute("marker-end", count ? this.ends.next : this.ends.plain);
      if (!count) continue;
      edge.path.style.strokeWidth = String(1.2 + 2.4 * (count / most));
      const length = edge.path.getTotalLength();
      const apart = ({ x, y }) => taken.every((one) => Math.hypot(one.x - x, one.y - y) > APART);
      const places = PLACES.map((share) => edge.path.getPointAtLength(length * share));
      const at = places.find(apart) ?? places[0];
      taken.push(at);
      this.counts.append(s("text", { x: at.x, y: at.y + 4 }, count));
    }
  }

  // ``move`` is [from, to, event] of the step that led to ``state``, if it is known.
  show(state, move) {
    const [from, to] = move ?? [];
    for (const [name, group] of this.nodes) setClass(group, name === state ? "node active" : "node");
    let lit = null;
    for (const edge of this.edges) {
      const taken = edge.source === from && edge.target === to && to === state;
      const open = edge.source === state;
      setClass(edge.path, taken ? "edge lit" : open ? "edge next" : "edge");
      edge.path.setAttribute("marker-end", taken ? this.ends.lit : open ? this.ends.next : this.ends.plain);
      if (taken) lit = edge.path;
    }
    if (lit && lit.parentNode.lastChild !== lit) lit.parentNode.append(lit); // above the others
    const text = `${this.drawing.name}: ${words(state)}`;
    if (this.title.textContent !== text) this.title.textContent = text;
    this.svg.dataset.state = state;
  }
}

