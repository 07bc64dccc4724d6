// The theme changes at once; the form keeps it in a cookie for the server's next page.
import { toasts } from "./toast.js";

export const themeForm = {
  start() {
    const form = document.querySelector("[data-theme-form]");
    let stop = null;
    form?.addEventListener("submit", async (event) => {
      event.preventDefault();
      const theme = event.submitter.value;
      const root = document.documentElement;
      if (theme === "auto") root.removeAttribute("data-theme");
      else root.dataset.theme = theme;
      for (const button of form.querySelectorAll("button")) {
        button.setAttribute("aria-pressed", String(button === event.submitter));
      }
      const body = new FormData(form);
      body.set("theme", theme);
      // An earlier choice that is still on its way must not come after this one.
      stop?.abort();
      const { signal } = stop = new AbortController();
      await fetch(form.action, { method: "POST", body, redirect: "manual", signal })
        .catch(() => { if (!signal.aborted) toasts.show("The server can't be reached: the next page will not have this theme.", "bad"); });
    });
  },
};
