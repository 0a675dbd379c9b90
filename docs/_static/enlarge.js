// A click on a figure, or Enter, shows it in twice the size in a dialog. Escape, the button and a
// click close it. Without this script the figure is a link to the large picture. The texts come
// with the script's element (docs/_ext/enlarge.py).
"use strict";

(() => {
  const texts = JSON.parse(document.currentScript?.dataset.texts ?? "{}");

  /** The picture of the theme in use: of the two in a link, one is hidden.
   *  @param {HTMLElement} link */
  function shown(link) {
    return [...link.querySelectorAll("img")].find((one) => getComputedStyle(one).display !== "none");
  }

  /** @param {HTMLElement} link @param {HTMLImageElement} small */
  function enlarge(link, small) {
    const large = document.createElement("img");
    // The last entry of a srcset is the largest: "a.png, b.png 2.00x".
    large.src = small.srcset.split(",").pop().trim().split(" ")[0];
    large.alt = small.alt;
    // Its size is known before it is loaded.
    large.width = 2 * Number(small.getAttribute("width"));
    large.height = 2 * Number(small.getAttribute("height"));
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = texts.close;
    const box = document.createElement("div");
    box.tabIndex = 0; // What is larger than the window is scrolled with the arrow keys.
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", texts.name);
    box.append(large);
    const dialog = document.createElement("dialog");
    dialog.className = "enlarged";
    dialog.setAttribute("aria-label", texts.name);
    dialog.append(close, box);
    dialog.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      dialog.remove();
      link.focus();
    });
    document.body.append(dialog);
    dialog.showModal();
  }

  for (const link of document.querySelectorAll("a.enlarge")) {
    link.setAttribute("aria-haspopup", "dialog");
    link.title = texts.hint;
    link.addEventListener("click", (event) => {
      // With these keys a browser opens a link elsewhere.
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      const small = shown(link);
      if (!small || typeof HTMLDialogElement === "undefined") return;
      event.preventDefault();
      enlarge(link, small);
    });
  }
})();
