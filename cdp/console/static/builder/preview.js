// The live count below the builder: asks for it whenever the condition has changed, and for how
// it went in the last weeks when nothing more changes.
// A count that takes a while is estimated first, and replaced when it is there.
const WAIT_MS = 250, STILL_MS = 600, SOON_MS = 400;

export function previews(place, csrf) {
  const form = place.closest("form");
  // The condition as text; null while it is not complete.
  let turn = 0, timer, text = "", stop = new AbortController();
  // By this name the server knows whose older question nobody waits for any more.
  const asker = Math.random().toString(36).slice(2);

  const say = (words, kind = "muted") => {
    const said = document.createElement("p");
    said.className = kind;
    said.textContent = words;
    hold(false);
    place.replaceChildren(said);
  };
  // What is below stays where it is until all has been said.
  const hold = (on) => {
    place.classList.toggle("held", on);
    place.style.minHeight = on ? `${place.offsetHeight}px` : "";
  };
  const show = (piece) => { hold(true); place.innerHTML = piece; };
  // With the text of the answer, so that whoever catches what fails catches all of it.
  const post = async (address, body) => {
    const answer = await fetch(address, { method: "POST", body, signal: stop.signal, headers: { "X-CSRF-Token": csrf(), "HX-Request": "true" } });
    return { ok: answer.ok, status: answer.status, text: await answer.text() };
  };
  const grow = async (mine, body) => {
    const chart = place.querySelector("[data-growth]");
    await new Promise((done) => { setTimeout(done, STILL_MS); });
    if (mine !== turn) return;
    if (!chart) { hold(false); return; }
    if (chart.dataset.today) body.append("today", chart.dataset.today);
    const answer = await post(chart.dataset.growth, body).catch(() => null);
    if (mine !== turn) return;
    if (answer?.status === 204) return;
    if (answer?.ok) chart.innerHTML = answer.text;
    else chart.textContent = "How it grew can't be shown just now.";
    hold(false);
  };
  const ask = async () => {
    if (text === null) return;
    const mine = ++turn;
    stop.abort();
    stop = new AbortController();
    if (!text) { say("Add a condition to see how many people it is."); return; }
    place.setAttribute("aria-busy", "true");
    if (!place.querySelector(".value")) say("Counting…");
    place.classList.add("counting");
    const body = new URLSearchParams({ text, of: form.elements.of?.value ?? "people", key: place.dataset.key, asker });
    let there = false, first = null;
    const soon = setTimeout(async () => {
      const answer = await post(place.dataset.preview, new URLSearchParams([...body, ["soon", "1"]])).catch(() => null);
      const piece = answer?.ok ? answer.text : "";
      if (mine !== turn || there || !piece) return;
      show(piece);
      first = place.querySelector("[data-some] .names");
      place.classList.remove("counting");
    }, SOON_MS);
    try {
      const answer = await post(place.dataset.preview, body).finally(() => { there = true; clearTimeout(soon); });
      if (mine !== turn || answer.status === 204) return;
      if (answer.ok) {
        show(answer.text);
        // Those who are shown stay: they are some of all as well as others would be.
        const now = place.querySelector("[data-some] .names");
        if (first && now && first.children.length >= now.children.length) now.replaceWith(first);
        grow(mine, body);
      } else say("It can't be counted as it stands.");
    } catch {
      if (mine === turn) say("The server can't be reached.", "wrong");
    } finally {
      if (mine === turn) { place.classList.remove("counting"); place.removeAttribute("aria-busy"); }
    }
  };
  const later = () => { clearTimeout(timer); timer = setTimeout(ask, WAIT_MS); };

  form.addEventListener("condition", ({ detail }) => {
    if (!detail.ok) { text = null; turn += 1; stop.abort(); clearTimeout(timer); say("The count appears when the condition is complete."); return; }
    if (detail.text === text && text) return;
    text = detail.text;
    later();
  });
  form.elements.of?.addEventListener("change", later);
}
