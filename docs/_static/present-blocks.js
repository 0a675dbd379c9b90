// @ts-check
/** What present.js asks of a page: what each item is, where blocks may begin, where items end. */
(() => {
  "use strict";

  /** @typedef {{item: HTMLElement, kind: string, height: number, slice?: object}} Part */

  // Arrow keys belong to these while the focus is inside.
  const WIDGETS = ["conv-explorer", "live-network", "kernel-learner", "confusion-browser", "shuffle-browser", "moving-window"];

  /** @param {Element} item */
  function kindOf(item) {
    if (item.matches("h1, h2, h3, h4, h5, h6, dt, summary, .rubric, .exercise-title")) return "heading";
    if (item.matches(".output_subarea") && WIDGETS.some((name) => item.querySelector(name))) return "widget";
    if (item.matches(".sphx-glr-script-out, .output_subarea")) return "output";
    if (item.matches("[class*='highlight'], pre")) return "code";
    if (item.matches("a.enlarge, img, figure")) return "figure";
    if (item.matches("details")) return "fold";
    if (item.matches(".exercise")) return "exercise";
    if (item.matches("guess-box, answer-field, answer-mark, answer-progress")) return "field";
    if (item.localName.includes("-")) return "widget";
    return "text";
  }

  const isResult = (/** @type {Part} */ part) => ["output", "figure", "fold", "widget"].includes(part.kind);

  /** What it costs to begin a new block between two parts.
   *  @param {Part} before @param {Part} after @param {boolean} introduces Whether a cell follows `after`. */
  function costOfBreak(before, after, introduces) {
    if (mustBreak(before, after)) return 0;
    if (before.kind === "heading") return 100;
    if (after.kind === "fold") return 8;
    if (!isResult(before)) return after.kind === "text" ? 2 : 4;
    if (after.kind === "code") return 0;
    if (after.kind !== "text") return 3;
    // The text below a result either leads on, or explains it.
    const cover = after.item.closest("guess-cover");
    return cover && cover === before.item.closest("guess-cover") ? 3 : introduces ? 0 : 1.5;
  }

  /** What a block costs: few are better, but each cell has its own, and none is almost empty.
   *  @param {Part[]} block @param {number} filled The share of the screen. */
  function costOfBlock(block, filled) {
    const cells = block.filter((part, at) => part.kind === "code" && block.slice(0, at).some(isResult));
    return 1 + 1.2 * cells.length + (1 - Math.min(1, filled)) ** 2;
  }

  /** @param {Part} before @param {Part} after */
  function mustBreak(before, after) {
    if (before.item === after.item) return true;
    return (after.kind === "heading" && before.kind !== "heading" && !after.item.matches("dt, summary"))
      || (after.kind === "exercise" && before.kind === "exercise");
  }

  /** Where the lines, rows or points of an element end, in its own pixels.
   *  @param {HTMLElement} scroller */
  function boundaries(scroller) {
    const style = getComputedStyle(scroller);
    if (scroller.matches("pre")) {
      const line = parseFloat(style.lineHeight), start = parseFloat(style.paddingTop);
      const lines = (scroller.textContent ?? "").replace(/\n$/, "").split("\n");
      const count = Math.round((scroller.scrollHeight - start - parseFloat(style.paddingBottom)) / line);
      const ends = Array.from({ length: count }, (_, at) => ({
        // A good place is before a blank line; wrapped lines are not counted.
        at: start + (at + 1) * line, good: count === lines.length && lines[at + 1]?.trim() === "" }));
      ends[ends.length - 1].at = scroller.scrollHeight;
      return { ends, start, head: 0 };
    }
    const rows = [...scroller.querySelectorAll(scroller.matches("table") ? "tbody tr" : ":scope > li")];
    const head = scroller.querySelector("thead")?.getBoundingClientRect().height ?? 0;
    const zoom = scroller.getBoundingClientRect().height / scroller.offsetHeight || 1;
    const top = scroller.getBoundingClientRect().top;
    const ends = rows.map((row) => ({ at: (row.getBoundingClientRect().bottom - top) / zoom, good: true }));
    ends[ends.length - 1].at = scroller.scrollHeight;
    return { ends, start: head / zoom, head: head / zoom };
  }

  /** The guess that covers all of a block. @param {Part[]} block */
  function covering(block) {
    const [box, ...others] = new Set(block.map(({ item }) => item.closest("guess-cover[covered]")?.box));
    return others.length ? undefined : box;
  }

  /** The last entry of a srcset is the largest: "a.png, b.png 2.00x". @param {HTMLImageElement} picture */
  function largest(picture) {
    return (picture.getAttribute("srcset") ?? "").split(",").pop().trim().split(" ")[0];
  }

  /** @param {HTMLElement} one @param {string[]} names */
  function unset(one, names) {
    for (const name of names) one.style.removeProperty(`--present-${name}`);
    if (one.getAttribute("style") === "") one.removeAttribute("style");
  }

  /** The words of a heading, without the sign of its link. @param {Element | null | undefined} heading */
  function words(heading) {
    const copy = /** @type {Element | undefined} */ (heading?.cloneNode(true));
    copy?.querySelectorAll(".headerlink").forEach((link) => link.remove());
    return copy?.textContent?.trim() ?? "";
  }

  /** Whether what has the focus uses a key itself. @param {HTMLElement} target @param {string} key */
  function needs(target, key) {
    if (key === "Escape" || key === "PageDown" || key === "PageUp") return target.matches("select, textarea");
    if (target.matches("input:not([type='button'], [type='submit'], [type='checkbox'], [type='file']), select, textarea, [contenteditable]")) return true;
    if (key === " ") return target.matches("button, a, summary, input, label, [role='button'], [tabindex='0']:not(pre)");
    // Arrows and Home and End belong to a widget that has the focus inside.
    const widget = target.parentElement?.closest([...WIDGETS, "guess-box"].join());
    return Boolean(widget) || target.matches("[role='slider'], [role='grid'], [role='application'], canvas");
  }

  window.cnnbook.presentBlocks = {
    kindOf, costOfBreak, costOfBlock, mustBreak, boundaries, covering, largest, needs, unset, words,
  };
})();
