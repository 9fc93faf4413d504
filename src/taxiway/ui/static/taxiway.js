// The theme of the Airflow around this page; on its own it follows the system, as the style sheet says.
(() => {
  const here = document.documentElement;
  let around = null;
  try {
    around = window.parent !== window ? window.parent.document.documentElement : null;
  } catch {
    around = null; // framed by another site: that is refused anyway
  }
  if (!around) return;
  const follow = () => {
    const dark = around.classList.contains("dark") || around.dataset.theme === "dark";
    here.dataset.theme = dark ? "dark" : "light";
  };
  follow();
  new MutationObserver(follow).observe(around, { attributes: true, attributeFilter: ["class", "data-theme"] });
})();
