// The theme changes at once; the form keeps it in a cookie for the server's next page.
export const themeForm = {
  start() {
    const form = document.querySelector("[data-theme-form]");
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
      await fetch(form.action, { method: "POST", body, redirect: "manual" });
    });
  },
};
