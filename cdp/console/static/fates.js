// What a launch would do with people inside, all steps together, said as one chooses.
const people = (n) => `${n.toLocaleString("en")} ${n === 1 ? "person" : "people"}`;

function say(selects, place) {
  const sums = new Map();
  for (const select of selects) {
    const fate = select.selectedOptions[0].textContent;
    sums.set(fate, (sums.get(fate) ?? 0) + Number(select.dataset.people));
  }
  place.textContent = [...sums].map(([fate, n]) => `${people(n)}: ${fate}.`).join(" ");
}

export const fates = {
  start() {
    const place = document.querySelector("[data-fates]");
    if (!place) return;
    const selects = place.closest("section").querySelectorAll("select[data-people]");
    const told = () => say(selects, place);
    for (const select of selects) select.addEventListener("change", told);
    told();
  },
};
