// The live count below the builder: asks for it whenever the condition has changed, and for how
// it went in the last weeks when nothing more changes.
const WAIT_MS = 250, STILL_MS = 600;

export function previews(place, csrf) {
  const form = place.closest("form");
  // The condition as text; null while it is not complete.
  let turn = 0, timer, text = "";

  const say = (words, kind = "muted") => {
    const said = document.createElement("p");
    said.className = kind;
    said.textContent = words;
    place.replaceChildren(said);
  };
  const post = (address, body) => fetch(address, { method: "POST", body, headers: { "X-CSRF-Token": csrf(), "HX-Request": "true" } });
  const grow = async (mine, body) => {
    const chart = place.querySelector("[data-growth]");
    await new Promise((done) => { setTimeout(done, STILL_MS); });
    if (mine !== turn || !chart) return;
    const answer = await post(chart.dataset.growth, body).catch(() => null);
    if (mine !== turn) return;
    if (answer?.ok) chart.innerHTML = await answer.text();
    else chart.textContent = "How it grew can't be shown just now.";
  };
  const ask = async () => {
    if (text === null) return;
    const mine = ++turn;
    if (!text) { say("Add a condition to see how many people it is."); return; }
    place.setAttribute("aria-busy", "true");
    if (!place.querySelector(".value")) say("Counting…");
    place.classList.add("counting");
    const body = new URLSearchParams({ text, of: form.elements.of?.value ?? "people", key: place.dataset.key });
    try {
      const answer = await post(place.dataset.preview, body);
      if (mine !== turn) return;
      if (answer.ok) { place.innerHTML = await answer.text(); grow(mine, body); }
      else say("It can't be counted as it stands.");
    } catch {
      if (mine === turn) say("The server can't be reached.", "wrong");
    } finally {
      if (mine === turn) { place.classList.remove("counting"); place.removeAttribute("aria-busy"); }
    }
  };
  const later = () => { clearTimeout(timer); timer = setTimeout(ask, WAIT_MS); };

  form.addEventListener("condition", ({ detail }) => {
    if (!detail.ok) { text = null; turn += 1; clearTimeout(timer); say("The count appears when the condition is complete."); return; }
    if (detail.text === text && text) return;
    text = detail.text;
    later();
  });
  form.elements.of?.addEventListener("change", later);
}
