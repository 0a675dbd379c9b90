// The switch "Show all code": opens or closes all that docs/_ext/checks.py has folded on a page, and
// keeps the choice for the next page. The theme puts the header's buttons into the menu of narrow
// screens as well, so there are two of them.
"use strict";

(() => {
  const KEY = `cnnbook.${document.documentElement.lang || "en"}.code`;
  const switches = [...document.querySelectorAll("button.code-switch")];

  // Storage may be refused; the switch then works for this page.
  function remembered() {
    try {
      return localStorage.getItem(KEY) === "shown";
    } catch {
      return false;
    }
  }

  /** @param {boolean} shown */
  function show(shown) {
    document.querySelectorAll("details.checked").forEach((fold) => { fold.open = shown; });
    switches.forEach((one) => one.setAttribute("aria-pressed", String(shown)));
  }

  for (const one of switches) {
    one.hidden = false;
    one.addEventListener("click", () => {
      const shown = one.getAttribute("aria-pressed") !== "true";
      show(shown);
      try {
        localStorage.setItem(KEY, shown ? "shown" : "folded");
      } catch {
        // See above.
      }
    });
  }
  if (remembered()) show(true);
})();
