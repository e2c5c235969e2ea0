// Light or dark: as the reader's system has it, or as chosen here.
const THEME_KEY = "fdl-harness-theme";

function remembered() { try { return localStorage.getItem(THEME_KEY); } catch { return null; } }

function setUpTheme(changed) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const button = document.querySelector("#theme");
  let chosen = remembered();
  const apply = () => {
    const dark = chosen ? chosen === "dark" : system.matches;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    button.textContent = dark ? "Light" : "Dark";
    changed();
  };
  button.addEventListener("click", () => {
    chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem(THEME_KEY, chosen); } catch { /* It is remembered until the page is closed. */ }
    apply();
  });
  system.addEventListener("change", apply);
  apply();
}
