// The canvas: nodes as buttons, edges as SVG, laid out by dagre from top to bottom. One of the
// items can be reached with Tab; arrows go on from there along the edges.
import * as dagre from "../vendor/dagre.esm.js";
import { h } from "../builder/dom.js";
import { END, START, graphOf } from "./graph.js";
import { NAMES } from "./words.js";

const SIZE = { step: [232, 64], [START]: [264, 64], [END]: [132, 32], join: [10, 10] };
const NS = "http://www.w3.org/2000/svg";

export class Canvas {
  constructor(place, { model, words, editable, onopen, onadd }) {
    Object.assign(this, { place, model, words, editable, onopen, onadd });
    this.at = START;
    this.faults = new Map();
    this.figures = null;
    place.addEventListener("keydown", (event) => this.arrow(event));
    place.addEventListener("focusin", (event) => {
      const item = event.target.closest("[data-item]");
      if (item) this.move(item.dataset.item, false);
    });
  }

  draw(open = null) {
    const graph = graphOf(this.model, this.words);
    this.graph = graph;
    const laid = layout(graph, this.figures);
    const had = this.place.contains(document.activeElement);
    const plane = h("div", { class: "plane" });
    plane.style.width = `${laid.width}px`;
    plane.style.height = `${laid.height}px`;
    // Beside another one it is drawn as small as one can still read it.
    const fit = this.place.closest(".compare") ? (this.place.clientWidth - 2) / laid.width : 1;
    if (fit > 0 && fit < 1) plane.style.zoom = Math.max(0.65, fit);
    plane.append(lines(graph, laid, this.figures));
    for (const edge of graph.edges) {
      if (edge.back) continue;
      const chip = this.chip(edge);
      if (chip) plane.append(put(chip, laid.edges.get(edge.id)));
    }
    for (const node of graph.nodes) plane.append(put(this.node(node, open), laid.nodes.get(node.id)));
    const { scrollLeft, scrollTop } = this.place;
    this.place.replaceChildren(plane);
    this.place.scrollTo(scrollLeft, scrollTop);
    if (!this.item(this.at)) this.at = START;
    this.move(this.at, had);
  }

  node(node, open) {
    if (node.kind === "join") return h("span", { class: "join" });
    if (node.kind === END) return h("span", { class: "node end" }, "End");
    const start = node.kind === START;
    const fault = this.faults.get(start ? START : node.step.uid);
    const [name, said] = start ? ["Trigger", this.words.trigger(this.model.rest)] : [NAMES[node.kind] ?? node.kind ?? "Not a step", this.words.step(node.step)];
    const figure = this.figures?.node(node, this.words);
    const mark = this.marks?.[start ? START : node.place];
    return h("button", {
      type: "button", class: `node ${start ? "start" : node.kind}${fault ? " bad" : ""}${open === node.id ? " open" : ""}${mark ? ` ${mark}` : ""}`, "data-item": node.id, tabindex: "-1",
      onclick: () => this.onopen(node.id), "aria-current": open === node.id ? "step" : null,
    }, h("span", { class: "name" }, name), h("span", { class: "said" }, said || (this.editable ? "Not filled in yet" : "")),
    !start && node.step.note ? h("span", { class: "note-mark", title: node.step.note }, "Note", h("span", { class: "sr" }, `: ${node.step.note}`)) : null,
    figure ? h("span", { class: `inside${figure.held ? " held" : ""}` }, figure.text) : null,
    mark ? h("span", { class: "mark" }, mark) : null,
    fault ? h("span", { class: "sr" }, `. ${fault[0]}`) : null);
  }

  chip(edge) {
    const n = this.figures?.edge(edge, this.words, this.graph);
    const said = n === null || n === undefined ? null : h("span", { class: "n" }, n.toLocaleString("en"));
    const label = edge.label ? h("span", { class: "label" }, edge.label) : null;
    if (!this.editable) return label || said ? h("span", { class: "edge", "data-edge": edge.id }, label, said) : null;
    if (!edge.add) return label ? h("span", { class: "edge" }, label, said) : null;
    const button = h("button", {
      type: "button", class: "edge", "data-item": edge.id, tabindex: "-1", "aria-haspopup": "dialog",
      "aria-label": `Add a step${edge.label ? `: ${edge.label}` : ""} ${this.between(edge)}`, onclick: () => this.onadd(edge.add, edge.id),
    }, label, said, h("span", { class: "plus", "aria-hidden": "true" }, "+"));
    return button;
  }

  between({ from, to }) {
    const name = (id) => {
      const node = this.graph.nodes.find((one) => one.id === id);
      if (!node || node.kind === END || node.kind === "join") return null;
      return node.kind === START ? "the trigger" : `${NAMES[node.kind] ?? node.kind} ${this.words.step(node.step)}`.trim();
    };
    const [a, b] = [name(from), name(to)];
    return [a && `after ${a}`, b && `before ${b}`].filter(Boolean).join(", ");
  }

  item(id) { return this.place.querySelector(`[data-item="${CSS.escape(id)}"]`); }

  // Makes an item the one that Tab reaches.
  move(id, focus = true) {
    const item = this.item(id);
    if (!item) return;
    for (const one of this.place.querySelectorAll("[data-item][tabindex='0']")) one.tabIndex = -1;
    item.tabIndex = 0;
    this.at = id;
    if (focus) { item.focus({ preventScroll: true }); item.scrollIntoView({ block: "nearest", inline: "nearest" }); }
  }

  arrow(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, ArrowLeft: "left", ArrowRight: "right" };
    if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const way = steps[event.key];
    const to = way === 1 ? this.along(this.at, "from", "to") : way === -1 ? this.along(this.at, "to", "from") : this.beside(way);
    if (to) this.move(to);
  }

  // The next item down or up; what nothing can be done with is passed over.
  along(id, mine, other) {
    const queue = [id], seen = new Set(queue);
    while (queue.length) {
      const at = queue.shift();
      const edge = this.graph.edges.find((one) => one.id === at);
      const next = edge ? [edge[other]] : this.graph.edges.filter((one) => one[mine] === at && !one.back).map((one) => one.id);
      for (const one of next) {
        if (seen.has(one)) continue;
        seen.add(one);
        if (this.item(one)) return one;
        queue.push(one);
      }
    }
    return null;
  }

  beside(way) {
    const box = (item) => { const { left, top, width, height } = item.getBoundingClientRect(); return [left + width / 2, top + height / 2]; };
    const [x, y] = box(this.item(this.at));
    let best = null, least = Infinity;
    for (const item of this.place.querySelectorAll("[data-item]")) {
      const [a, b] = box(item);
      const ahead = way === "left" ? x - a : a - x;
      const far = ahead + 4 * Math.abs(b - y);
      if (ahead > 8 && Math.abs(b - y) < 60 && far < least) { best = item; least = far; }
    }
    return best?.dataset.item;
  }
}

function put(element, { x, y, width, height } = {}) {
  if (x === undefined) return element;
  element.style.left = `${Math.round(x)}px`;
  element.style.top = `${Math.round(y)}px`;
  if (!element.classList.contains("edge")) { element.style.width = `${width}px`; element.style.height = `${height}px`; }
  return element;
}

function layout({ nodes, edges }, figures) {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: "TB", nodesep: 36, ranksep: 28, edgesep: 24, marginx: 24, marginy: 16 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id, kind } of nodes) {
    const [width, height] = SIZE[kind] ?? SIZE.step;
    graph.setNode(id, { width, height });
  }
  for (const { id, from, to, label, back } of edges) {
    if (back) continue;
    graph.setEdge(from, to, { width: Math.min(200, 44 + (label?.length ?? 0) * 6.5 + (figures ? 40 : 0)), height: 28, labelpos: "c" }, id);
  }
  // Ways stand in the order in which they are tried.
  dagre.layout(graph, { disableOptimalOrderHeuristic: true });
  const { width, height } = graph.graph();
  return {
    width, height,
    nodes: new Map(nodes.map(({ id }) => [id, graph.node(id)])),
    edges: new Map(graph.edges().map((edge) => [edge.name, graph.edge(edge)])),
  };
}

function lines({ edges }, laid, figures) {
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("width", laid.width);
  svg.setAttribute("height", laid.height);
  svg.setAttribute("aria-hidden", "true");
  for (const edge of edges) {
    const path = document.createElementNS(NS, "path");
    const found = laid.edges.get(edge.id);
    path.setAttribute("d", edge.back ? backwards(laid.nodes.get(edge.from), laid.nodes.get(edge.to)) : smooth(found.points));
    path.setAttribute("class", `${edge.back ? "back" : ""} ${figures?.mark?.(edge) ?? ""}`.trim());
    svg.append(path);
  }
  return svg;
}

// A line through points with round corners.
function smooth(points) {
  const [first, ...rest] = points;
  let d = `M${first.x} ${first.y}`;
  rest.forEach((point, at) => {
    const next = rest[at + 1];
    d += next ? ` Q${point.x} ${point.y} ${(point.x + next.x) / 2} ${(point.y + next.y) / 2}` : ` L${point.x} ${point.y}`;
  });
  return d;
}

function backwards(from, to) {
  const [x1, x2] = [from.x - from.width / 2, to.x - to.width / 2];
  const out = Math.max(4, Math.min(x1, x2) - 28);
  return `M${x1} ${from.y} C${out} ${from.y} ${out} ${to.y} ${x2} ${to.y}`;
}
