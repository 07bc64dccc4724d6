// The live list: asks once a second for what is newer. While one reads further down, has
// something open, has paused or is about to click into the list, new rows wait behind "12 new".
const PERIOD_MS = 1000;
const MOST_ROWS = 300;

export const live = {
  start() {
    const list = document.querySelector("[data-live]");
    if (!list) return;
    const bar = document.querySelector("[data-waiting]");
    const state = document.querySelector("[data-live-state]");
    const button = document.querySelector("[data-pause]");
    let after = list.dataset.after, paused = false, lost = 0, asking = false;
    const waiting = [];

    const busy = () => paused || scrollY > 80 || document.getElementById("drawer")?.childElementCount
      || list.contains(document.activeElement) || list.matches(":hover");

    const say = () => {
      state.className = "pulse" + (lost > 2 ? " lost" : paused ? " paused" : "");
      state.textContent = lost > 2 ? "Not connected, trying again" : paused ? "Paused" : "Streaming";
      bar.hidden = !waiting.length;
      bar.querySelector("button").textContent = waiting.length >= MOST_ROWS ? `${MOST_ROWS}+ new` : `${waiting.length} new`;
    };
    const show = () => {
      document.getElementById("live-empty")?.remove();
      document.querySelector("[data-live-table]").hidden = false;
      for (const row of waiting.splice(0)) {
        row.classList.add("fresh");
        list.prepend(row);
      }
      while (list.childElementCount > MOST_ROWS) list.lastElementChild.remove();
      say();
    };
    const ask = async () => {
      if (asking || document.hidden) return;
      asking = true;
      try {
        const url = new URL(list.dataset.live, location);
        url.searchParams.set("after", after);
        const answer = await fetch(url, { headers: { "HX-Request": "true" } });
        if (answer.status === 401) { location.reload(); return; }
        if (!answer.ok) throw new Error(String(answer.status));
        lost = 0;
        after = answer.headers.get("X-After") ?? after;
        if (answer.status === 200) {
          const body = document.createElement("tbody");
          body.innerHTML = await answer.text();
          waiting.push(...[...body.children].reverse());
          waiting.splice(0, Math.max(0, waiting.length - MOST_ROWS));
        }
      } catch {
        lost += 1;
      } finally {
        asking = false;
      }
      if (waiting.length && !busy()) show();
      else say();
    };

    bar.querySelector("button").addEventListener("click", () => { scrollTo({ top: 0 }); show(); });
    button.addEventListener("click", () => {
      paused = !paused;
      button.textContent = paused ? "Go on" : "Pause";
      button.setAttribute("aria-pressed", String(paused));
      if (!paused) show();
      say();
    });
    say();
    setInterval(ask, PERIOD_MS);
  },
};
