// @ts-check
/**
 * The other language of a page: the links of the header keep the place on the page, and a reader
 * whose browser prefers that language is offered it once. Nobody is sent there.
 */
(() => {
  "use strict";

  const { make } = window.cnnbook;
  const { offers, copy, found } = JSON.parse(document.currentScript?.dataset.texts ?? "{}");
  const KEY = "cnnbook.language-offer";
  const here = document.documentElement.lang || "en";
  /** @type {NodeListOf<HTMLAnchorElement>} */
  const links = document.querySelectorAll(".language-switcher a");

  for (const link of links) {
    const page = link.href;
    const follow = () => { link.href = page + location.search + location.hash; };
    // Before the link is opened, copied or opened elsewhere.
    for (const event of ["pointerdown", "focus", "click"]) link.addEventListener(event, follow);
  }

  /** @param {string} code */
  const preferred = (code) => {
    const wanted = navigator.languages.map((one) => one.split("-")[0]);
    const rank = (/** @type {string} */ one) => (wanted.includes(one) ? wanted.indexOf(one) : 99);
    return rank(code) < rank(here);
  };

  // sphinx-copybutton makes its buttons when the page is read, which is after this script.
  try {
    // @ts-ignore: what copybutton.js declares
    iconCopy = iconCopy.replace(messages[locale].copy_to_clipboard, copy.copy_to_clipboard);
    // @ts-ignore
    Object.assign(messages[locale], copy);
  } catch {
    // This page has no such buttons.
  }

  // @ts-ignore: what Sphinx's doctools.js declares
  if (here !== "en" && typeof Documentation !== "undefined") {
    // @ts-ignore
    const { TRANSLATIONS } = Documentation;
    TRANSLATIONS["Search finished, found one page matching the search query."] = [found];
  }

  // The header's links are there twice, the second time in the menu of narrow screens.
  const other = [...links].find((link) => preferred(link.hreflang));
  const texts = other && offers?.[other.hreflang];
  if (!texts || localStorage.getItem(KEY)) return;
  const link = make("a", { href: other.href, hreflang: other.hreflang }, [texts.link]);
  const close = make("button", { type: "button", "aria-label": texts.close }, ["\u00d7"]);
  const box = make("aside", { class: "language-offer", lang: other.hreflang }, [link, close]);
  box.setAttribute("aria-label", texts.label);
  const decline = () => { localStorage.setItem(KEY, "declined"); box.remove(); };
  close.addEventListener("click", decline);
  link.addEventListener("click", () => {
    link.href = other.href + location.search + location.hash;
    localStorage.setItem(KEY, "taken");
  });
  document.body.append(box);
})();
