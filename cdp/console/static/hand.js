// What is pressed stays until it is let go: a click on what has gone is none.
const TAP_MS = 350; // a finger's click comes a moment after it is lifted

// `holds(part)`: whether something in it is pressed. `after(work)` does it now or, while the hand
// is on the place, once it is off; of several the last.
export function hand(place) {
  let pressed = null, late = null, timer = 0, stop = null;
  const free = () => {
    stop.abort();
    const work = late;
    pressed = late = null;
    work?.();
  };
  const soon = (ms) => { clearTimeout(timer); timer = setTimeout(free, ms); };
  place.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    clearTimeout(timer);
    stop?.abort();
    stop = new AbortController();
    pressed = event.target;
    const often = { capture: true, signal: stop.signal };
    addEventListener("pointerup", ({ pointerType }) => soon(pointerType === "mouse" ? 0 : TAP_MS), often);
    for (const end of ["click", "pointercancel"]) addEventListener(end, () => soon(0), often);
  }, true);
  return {
    holds: (part = place) => pressed !== null && part.contains(pressed),
    after(work) { if (pressed) late = work; else work(); },
  };
}
