// How many people are where, and how many went along each edge: asked again every few seconds.
import { START } from "./graph.js";

const EVERY_MS = 5000;
const number = (n) => n.toLocaleString("en");

export function figures(editor) {
  const { addresses } = editor.given;
  if (editor.given.painted) { editor.figures = view(editor.given.painted); editor.draw(); }
  if (!addresses.counts) return;
  let timer = 0;

  async function ask() {
    clearTimeout(timer);
    if (!document.hidden) {
      const answer = await fetch(addresses.counts, { headers: { "HX-Request": "true" } }).catch(() => null);
      if (answer?.ok) {
        const found = await answer.json();
        if (JSON.stringify(found) !== editor.counted) {
          editor.counted = JSON.stringify(found);
          editor.figures = view(found);
          editor.draw();
          for (const place of document.querySelectorAll("[data-figure]")) place.textContent = number(found[place.dataset.figure] ?? 0);
        }
      }
    }
    timer = setTimeout(ask, EVERY_MS);
  }
  ask();
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
}

function view(found) {
  const went = (id, exits) => (exits ?? []).reduce((sum, exit) => sum + (found.left[id]?.[exit] ?? 0), 0);
  return {
    way: ({ step, place }, exits, words) => number(went(step.id || words.ids[place], exits)),
    node({ kind, step, place }, words) {
      if (kind === START || !step) return null;
      const id = step.id || words.ids[place];
      const [inside, held] = found.standing[id] ?? [0, 0];
      if (!inside) return null;
      return { text: held ? `${number(inside)} here, ${number(held)} held` : `${number(inside)} here`, held: held > 0 };
    },
    edge({ from, exits }, words, graph) {
      if (from === START) return found.entered;
      const node = graph.nodes.find(({ id }) => id === from);
      if (node?.kind === "join") return graph.edges.filter(({ to }) => to === from).reduce((sum, edge) => sum + (this.edge(edge, words, graph) ?? 0), 0);
      if (!node?.step) return null;
      return went(node.step.id || words.ids[node.place], exits);
    },
  };
}
