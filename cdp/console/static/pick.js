// Choosing an image: a button with data-pick opens the dialog, and what is chosen there goes into
// the field of that name, or into the text where the cursor was last.
let target = null;

const said = (text) => text.replace(/[[\]"<>&\n]/g, " ").trim();

function markup(field, { put, name, width }) {
  if (field.matches("input")) return put;
  const format = field.form.elements[field.name.replace(/body$/, "format")]?.value;
  const start = field.value.trimStart().toLowerCase();
  if (format === "mjml" || (!format && /^<(mjml|mj-)/.test(start))) return `<mj-image src="${put}" alt="${said(name)}" />`;
  if (format === "html" || (!format && /^<(!doctype|html|table|div|body)/.test(start))) {
    return `<img src="${put}" alt="${said(name)}" width="${Math.min(width, 600)}">`;
  }
  return `![${said(name)}](${put})`;
}

export const pick = {
  start(lastText) {
    document.addEventListener("click", (event) => {
      const opener = event.target.closest("[data-pick]");
      if (opener) {
        const usual = document.getElementById(opener.dataset.pick);
        const last = lastText();
        // Of several languages the text that one was in is meant.
        target = usual.matches("textarea") && last?.matches("textarea") && last.isConnected ? last : usual;
        // Nothing of an older list can be used until it is replaced: a file chosen there would be lost.
        document.getElementById("images-found").replaceChildren();
        window.htmx?.trigger("#images-found", "opened");
        return;
      }
      const chosen = event.target.closest("[data-put]");
      if (!chosen || !target) return;
      const text = markup(target, chosen.dataset);
      if (target.matches("input")) target.value = text;
      else target.setRangeText(text, target.selectionStart, target.selectionEnd, "end");
      chosen.closest("dialog").close();
      target.focus();
      target.dispatchEvent(new Event("input", { bubbles: true }));
    });
  },
};
