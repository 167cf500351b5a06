// Sets the theme before the first paint and answers the theme switch. A classic script: it must not be deferred.
// Key, values and attribute are those of Django's admin, so that one switch serves both.
(() => {
  const order = ["auto", "light", "dark"];
  const words = { auto: "Theme: system", light: "Theme: light", dark: "Theme: dark" };
  const root = document.documentElement;

  const stored = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  };

  const show = (theme) => {
    root.dataset.theme = theme;
    for (const label of document.querySelectorAll("[data-theme-label]")) label.textContent = words[theme];
    document.dispatchEvent(new CustomEvent("theme", { detail: theme }));
  };

  const next = () => {
    const theme = order[(order.indexOf(root.dataset.theme) + 1) % order.length];
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // Without storage the choice holds for this page.
    }
    show(theme);
  };

  show(order.includes(stored()) ? stored() : "auto");
  document.addEventListener("DOMContentLoaded", () => show(root.dataset.theme));
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-theme-switch]")) next();
  });
})();
