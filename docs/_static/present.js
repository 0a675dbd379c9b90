// @ts-check
/**
 * Present mode: the page block by block, each no taller than the screen (docs/_ext/present.py).
 *
 * What is projected stays where it is in the page. The script marks it with attributes and custom
 * properties that present.css uses, on screens only, and takes them back at the end:
 *
 * - An item (data-present) is what belongs on one screen: a paragraph, code, an output, a figure.
 * - A part is an item, or a slice of one that is taller than the screen.
 * - A block is a list of parts that are shown together.
 */
(() => {
  "use strict";

  const { make, fill, presentBlocks } = window.cnnbook;
  const {
    kindOf, costOfBreak, costOfBlock, mustBreak, boundaries, covering, largest, needs, unset, words,
  } = presentBlocks;
  const texts = JSON.parse(document.currentScript?.dataset.texts ?? "{}");
  const root = document.documentElement;

  /** @typedef {{item: HTMLElement, kind: string, height: number, slice?: Slice}} Part */
  /** @typedef {{scroller: HTMLElement, top: number, height: number}} Slice */

  // These only hold items. Anything else that is too tall is divided into what it holds.
  const CONTAINERS = "section, guess-cover, guess-cover > div, .sphx-glr-thumbnails, .toctree-wrapper";
  // The last ones are for the teacher, and the footer of a page of the gallery.
  const LEFT_OUT = "script, style, template, br, .headerlink, .copybtn, [hidden], .board, .made-with-title, .made-with, .sphx-glr-footer";
  // These hide what the reader has guessed or answered, until the presentation ends.
  const PERSONAL = "guess-box, answer-field";
  // The gap between two items, as a share of the root's font size; the same as in present.css.
  const GAP = 0.5;

  // How small an item may become so that it fits, by its kind: as a share of its size.
  const SMALLEST = { code: 0.82, output: 0.82, fold: 0.82, exercise: 0.82, widget: 0.6 };
  const SMALLEST_OTHERWISE = 0.65;

  class Presentation {
    /** @param {HTMLElement} article */
    constructor(article) {
      this.article = article;
      this.number = 0;
      /** @type {Part[][]} */
      this.blocks = [];
      /** What of the page is shown. @type {HTMLElement[]} */
      this.items = [];
      /** @type {Map<HTMLImageElement, string>} */
      this.pictures = new Map();
      this.begin = 0;
      this.onKey = (/** @type {KeyboardEvent} */ event) => this.key(event);
      this.onResize = () => this.resize();
      this.onHash = () => this.follow();
      this.covers = new MutationObserver(() => this.refresh());
    }

    /** @param {number | Element | null} [at] The number of a block, or what it should show.
     *  @param {number} [scrolled] Where the page was, to return to if nothing moves. */
    start(at = 0, scrolled = undefined) {
      this.scrolled = scrolled;
      this.hash = location.hash;
      root.classList.add("presenting");
      document.querySelectorAll(PERSONAL).forEach((one) => one.present?.(true));
      this.makeBars();
      this.layOut();
      this.show(typeof at === "number" ? at : this.find(at));
      this.begin = this.number;
      this.covers.observe(this.article, { subtree: true, attributeFilter: ["covered"] });
      addEventListener("keydown", this.onKey);
      addEventListener("resize", this.onResize);
      addEventListener("hashchange", this.onHash);
    }

    leave() {
      const [first] = this.block;
      this.covers.disconnect();
      removeEventListener("keydown", this.onKey);
      removeEventListener("resize", this.onResize);
      removeEventListener("hashchange", this.onHash);
      clearTimeout(this.writing);
      this.top?.remove();
      this.bar?.remove();
      this.clean();
      document.querySelectorAll(PERSONAL).forEach((one) => one.present?.(false));
      this.pictures.forEach((srcset, picture) => { picture.srcset = srcset; });
      this.pictures.clear();
      root.classList.remove("presenting");
      this.blocks = [];
      if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
      writeAddress(null, this.hash);
      if (this.number === this.begin && this.scrolled !== undefined) window.scrollTo({ top: this.scrolled, behavior: "instant" });
      else first?.item.scrollIntoView({ behavior: "instant", block: "start" });
    }

    /** Take back all that is marked. */
    clean() {
      this.unfocus();
      for (const one of [this.article, ...this.marked("[data-present], [data-present-box], [data-present-slice]")]) {
        unset(one, ["zoom", "width", "height", "wrap"]);
        for (const name of ["data-present", "data-present-box", "data-present-slice"]) one.removeAttribute(name);
      }
    }

    // ---- Blocks

    /** Make the blocks for the size of the window. */
    layOut() {
      this.clean();
      root.classList.add("present-measuring");
      const style = getComputedStyle(this.article);
      this.rem = parseFloat(getComputedStyle(root).fontSize);
      this.gap = GAP * this.rem;
      this.height = this.article.clientHeight - parseFloat(style.paddingTop) - this.gap;
      this.width = this.article.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
      this.headings = new WeakMap();
      let items = this.collect(this.article);
      this.fit(items);
      // What is too tall and cannot be made smaller or sliced is divided into what it holds.
      for (let depth = 0; depth < 6; depth += 1) {
        const tall = items.filter((item) => this.tooTall(item) && !this.slicer(item) && this.divides(item));
        if (!tall.length) break;
        for (const item of tall) this.unmark(item);
        const inner = new Map(tall.map((item) => [item, this.collect(item)]));
        this.fit([...inner.values()].flat());
        items = items.flatMap((item) => inner.get(item) ?? [item]);
      }
      const parts = items.flatMap((item) => this.parts(item));
      this.blocks = this.compose(parts);
      this.blocks.forEach((block) => this.growFigures(block));
      root.classList.remove("present-measuring");
    }

    /** Mark what an element holds: items, and the containers around them.
     *  @param {HTMLElement} box @returns {HTMLElement[]} The items that show something. */
    collect(box) {
      /** @type {HTMLElement[]} */
      const marked = [];
      (function mark(/** @type {HTMLElement} */ one) {
        one.dataset.presentBox = "";
        for (const child of /** @type {Iterable<HTMLElement>} */ (one.children)) {
          if (child.matches(LEFT_OUT)) child.dataset.present = "out";
          else if (child.matches(CONTAINERS)) mark(child);
          else marked.push(child);
        }
      })(box);
      marked.forEach((item) => { item.dataset.present = ""; });
      const empty = new Set(marked.filter((item) => {
        const { width, height } = item.getBoundingClientRect();
        return !width || !height;
      }));
      empty.forEach((item) => { item.dataset.present = "out"; });
      return marked.filter((item) => !empty.has(item));
    }

    /** @param {HTMLElement} item */
    unmark(item) {
      delete item.dataset.present;
      unset(item, ["zoom"]);
    }

    /** Whether an item can be divided into what it holds: it holds elements, and no text beside them.
     *  @param {HTMLElement} item */
    divides(item) {
      if (kindOf(item) === "widget" || item.matches("p, pre, tr, ul, ol, table, img, guess-box, .math")) return false;
      const words = [...item.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.nodeValue?.trim());
      return !words && item.children.length > 0;
    }

    /** @param {HTMLElement} item */
    tooTall(item) {
      return kindOf(item) !== "figure" && item.getBoundingClientRect().height > this.room(item) + 0.5;
    }

    /** The height there is for an item: headings before it stay with it. @param {HTMLElement} item */
    room(item) {
      return this.height - (this.headings.get(item) ?? 0);
    }

    /** Make items as small as they must be to fit into the screen, and not smaller than can be read.
     *  @param {HTMLElement[]} items */
    fit(items) {
      // All sizes are read before any is set, so that the page is laid out twice and not once an item.
      let headings = 0;
      for (const item of items) {
        this.headings.set(item, headings);
        headings = kindOf(item) === "heading" ? headings + item.getBoundingClientRect().height + this.gap : 0;
      }
      const figures = items.filter((item) => kindOf(item) === "figure");
      const others = items.filter((item) => kindOf(item) !== "figure");
      const scales = others.map((item) => {
        const wide = [item, ...item.querySelectorAll("pre, table, math, .math, .pst-scrollable-table-container")];
        const ratio = Math.max(...wide.map((one) => (one.clientWidth ? one.scrollWidth / one.clientWidth : 1)));
        const tall = item.getBoundingClientRect().height / this.room(item);
        // A description of a function may hold code.
        const smallest = SMALLEST[item.querySelector("pre") && kindOf(item) === "text" ? "code" : kindOf(item)] ?? SMALLEST_OTHERWISE;
        let scale = Math.max(smallest, Math.min(1, 1 / ratio));
        // Smaller for its height only where that is enough and nothing can be divided; a widget always.
        const enough = 0.98 / tall >= (item.matches("ul, ol") ? 0.85 : smallest) && (kindOf(item) !== "text" || !this.divides(item));
        if (tall > 1 && kindOf(item) === "widget") scale = smallest;
        else if (tall > 1 && enough) scale = Math.min(scale, 0.98 / tall);
        return { item, scale, wraps: 1 / ratio < smallest };
      });
      for (const { item, scale, wraps } of scales) {
        if (scale < 1) item.style.setProperty("--present-zoom", scale.toFixed(3));
        if (wraps) item.style.setProperty("--present-wrap", "pre-wrap");
      }
      // The height of a widget, whose parts find other places, is not in proportion.
      for (const item of items.filter((one) => kindOf(one) === "widget" && zoomOf(one) < 1)) {
        let [low, high] = [SMALLEST.widget, 1];
        for (let tries = 0; tries < 5; tries += 1) {
          const zoom = (low + high) / 2;
          item.style.setProperty("--present-zoom", zoom.toFixed(3));
          if (this.tooTall(item) || item.scrollWidth > item.clientWidth) high = zoom;
          else low = zoom;
        }
        item.style.setProperty("--present-zoom", low.toFixed(3));
      }
      for (const item of figures) {
        const size = this.pictureSize(item);
        if (!size) continue;
        // The smallest it may be beside other parts: its letters, of 13 pixels on the page, have 18 on
        // a screen of 720 lines, or fewer if the figure is that tall.
        const unit = this.rem / 28, most = this.height / size.height;
        const scale = Math.min(this.width / size.width, most < 0.7 * unit
          // Too tall to be read when it fits: it is scrolled.
          ? unit : Math.min(1.35 * unit, Math.max(0.75 * most, Math.min(0.9 * most, unit))));
        item.style.setProperty("--present-width", `${Math.floor(size.width * scale)}px`);
      }
    }

    /** @param {HTMLElement} item */
    pictureSize(item) {
      const picture = item.matches("img") ? item : item.querySelector("img");
      const width = Number(picture?.getAttribute("width")), height = Number(picture?.getAttribute("height"));
      return width && height ? { width, height } : null;
    }

    /** What of an item can be shown slice by slice.
     *  @param {HTMLElement} item @returns {HTMLElement | null} */
    slicer(item) {
      if (item.matches("pre, ul, ol, table")) return item;
      if (!["code", "output"].includes(kindOf(item)) && !item.matches(".pst-scrollable-table-container")) return null;
      const inner = item.querySelectorAll("pre, table");
      return inner.length === 1 ? /** @type {HTMLElement} */ (inner[0]) : null;
    }

    /** Divide an item that is too tall at its lines, rows or points.
     *  @param {HTMLElement} item @returns {Part[]} */
    parts(item) {
      const kind = kindOf(item), { height } = item.getBoundingClientRect();
      const scroller = this.tooTall(item) ? this.slicer(item) : null;
      // Below its field, a guess says what has happened.
      if (!scroller) return [{ item, kind, height: height + (item.matches("guess-box") ? 1.6 * this.rem : 0) }];
      const zoom = zoomOf(item);
      // In the item's own pixels: what is around the lines stays.
      const around = Math.max(0, height / zoom - scroller.offsetHeight);
      const { ends, start, head } = boundaries(scroller);
      const room = this.room(item) / zoom - around - start - 2;
      /** @type {Part[]} */
      const parts = [];
      let top = start;
      while (top < ends[ends.length - 1].at - 0.5) {
        const fitting = ends.filter((end) => end.at > top + 0.5 && end.at <= top + room);
        const good = fitting.filter((end) => end.good && end.at > top + room / 3);
        // At least one row, even if it is taller than the screen.
        const end = fitting.includes(ends[ends.length - 1]) ? ends[ends.length - 1]
          : good.pop() ?? fitting.pop() ?? ends.find((one) => one.at > top + 0.5);
        const slice = { scroller, top: top - (top === start ? start : head), height: end.at - top + (top === start ? start : head) };
        parts.push({ item, kind, slice, height: (slice.height + around) * zoom });
        top = end.at;
      }
      return parts;
    }

    /** Put parts together to blocks that fit into the screen, at the least cost of all breaks.
     *  @param {Part[]} parts @returns {Part[][]} */
    compose(parts) {
      /** The least cost of the parts up to each place, and where the last block of these begins. */
      const best = [{ cost: 0, from: 0 }];
      for (let end = 1; end <= parts.length; end += 1) {
        best[end] = { cost: Infinity, from: end - 1 };
        let height = -this.gap;
        for (let from = end - 1; from >= 0; from -= 1) {
          height += parts[from].height + this.gap;
          if (height > this.height + 0.5 && from < end - 1) break;
          const code = parts.slice(from + 1, from + 6).find((part) => part.kind !== "text");
          const introduces = code !== undefined && code.kind !== "heading" && code.kind !== "fold";
          const before = parts[from - 1];
          const cost = best[from].cost + costOfBlock(parts.slice(from, end), height / this.height) + (before ? costOfBreak(before, parts[from], introduces) : 0);
          if (cost < best[end].cost) best[end] = { cost, from };
          if (before && mustBreak(before, parts[from])) break;
        }
      }
      const blocks = [];
      for (let end = parts.length; end > 0; end = best[end].from) blocks.unshift(parts.slice(best[end].from, end));
      return blocks;
    }

    /** Give the figures of a block the room that is left. @param {Part[]} block */
    growFigures(block) {
      const figures = block.filter((part) => part.kind === "figure" && this.pictureSize(part.item));
      let left = this.height - this.tall(block);
      figures.forEach((part, at) => {
        const size = this.pictureSize(part.item);
        const most = Math.min(this.width, (part.height + left / (figures.length - at)) * size.width / size.height);
        const width = Math.max(parseFloat(part.item.style.getPropertyValue("--present-width")), Math.floor(most) - 2);
        const height = width * size.height / size.width;
        left -= height - part.height;
        part.height = height;
        part.item.style.setProperty("--present-width", `${Math.min(width, this.width)}px`);
      });
    }

    // ---- Moving

    /** @param {number} number */
    show(number) {
      this.number = Math.max(0, Math.min(number, this.blocks.length - 1));
      this.mark();
      this.article.scrollTop = 0;
      for (const { item } of this.blocks[this.number + 1] ?? []) this.preload(item);
      this.say();
      this.focus();
      this.remember();
    }

    /** Mark what is shown now. */
    mark() {
      for (const one of this.marked("[data-present-slice]")) {
        delete one.dataset.presentSlice;
        unset(one, ["height"]);
      }
      this.marked("[data-present='on']").forEach((one) => { one.dataset.present = ""; });
      this.marked("[data-present-box='on']").forEach((one) => { one.dataset.presentBox = ""; });
      this.items = [...this.questions(), ...this.block.map((part) => part.item)];
      for (const item of this.items) {
        item.dataset.present = "on";
        for (let box = item.parentElement; box && box !== this.article; box = box.parentElement) {
          if ("presentBox" in box.dataset) box.dataset.presentBox = "on";
        }
        this.sharpen(item);
      }
      for (const { slice } of this.block) {
        if (!slice) continue;
        slice.scroller.dataset.presentSlice = "";
        slice.scroller.style.setProperty("--present-height", `${slice.height}px`);
        slice.scroller.scrollTop = slice.top;
      }
    }

    get block() {
      return this.blocks[this.number] ?? [];
    }

    /** Where a result is still covered, the guess is asked for again, if there is room.
     *  @returns {HTMLElement[]} */
    questions() {
      const shown = this.block.map((part) => part.item);
      const covers = new Set(shown.flatMap((item) => item.closest("guess-cover[covered]") ?? []));
      const [box] = [...covers].map((cover) => cover.box);
      if (!box || shown.includes(box)) return [];
      const asked = [document.getElementById(box.dataset.question ?? ""), box];
      const parts = asked.flatMap((one) => this.blocks.flat().find((part) => part.item === one) ?? []);
      const open = this.block.filter((part) => !part.item.closest("guess-cover[covered]"));
      // A line that stands for what is covered is lower than five gaps.
      const room = this.height - 5 * this.gap * covers.size - this.tall(open);
      const fitting = [parts, parts.slice(-1)].find((some) => this.tall(some) + this.gap <= room) ?? [];
      return fitting.map((part) => part.item);
    }

    /** How tall parts are below each other. @param {Part[]} parts */
    tall(parts) {
      return parts.reduce((sum, part) => sum + part.height + this.gap, -this.gap);
    }

    /** Show again what a guess has covered or uncovered. */
    refresh() {
      this.mark();
      if (!document.activeElement?.checkVisibility() || document.activeElement === document.body) this.focus();
    }

    /** @param {string} selector @returns {HTMLElement[]} */
    marked(selector) {
      return [...this.article.querySelectorAll(selector)];
    }

    /** Show the large pictures. @param {HTMLElement} item */
    sharpen(item) {
      for (const picture of item.querySelectorAll("img[srcset]")) {
        if (this.pictures.has(picture)) continue;
        this.pictures.set(picture, picture.srcset);
        picture.srcset = largest(picture);
      }
    }

    /** Pictures of the next block are there when it is shown. @param {HTMLElement} item */
    preload(item) {
      for (const picture of item.querySelectorAll("img[srcset]")) {
        if (!this.pictures.has(picture) && getComputedStyle(picture).display !== "none") new Image().src = largest(picture);
      }
    }

    /** @param {1 | -1} direction */
    step(direction) {
      // What has grown taller than the screen, as a solution does when it is unfolded, is scrolled first.
      const { scrollTop, scrollHeight, clientHeight } = this.article;
      const rest = direction > 0 ? scrollHeight - clientHeight - scrollTop : scrollTop;
      if (rest > 1) {
        this.article.scrollBy({ top: direction * 0.85 * clientHeight, behavior: "instant" });
        return;
      }
      let next = this.number + direction;
      // One screen for one covered guess is enough.
      while (covering(this.block) && this.blocks[next + direction] && covering(this.blocks[next]) === covering(this.block)) next += direction;
      if (this.blocks[next]) this.show(next);
    }

    /** The number of the block that shows an element, or of the last one before it.
     *  @param {Element | null} element */
    find(element) {
      if (!element) return 0;
      let found = 0;
      for (const [number, block] of this.blocks.entries()) {
        for (const { item } of block) {
          if (item.contains(element)) return number;
          if (element.contains(item)) return number;
          if (item.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING) found = number;
        }
      }
      return found;
    }

    follow() {
      const target = anchor();
      if (target && this.article.contains(target)) this.show(this.find(target));
    }

    resize() {
      cancelAnimationFrame(this.resizing);
      this.resizing = requestAnimationFrame(() => {
        const [first] = this.block;
        this.layOut();
        this.show(this.find(first?.item ?? null));
      });
    }

    /** @param {KeyboardEvent} event */
    key(event) {
      // Sphinx takes every Escape, to end the marks of a search; a widget stops its own.
      const taken = event.defaultPrevented && event.key !== "Escape";
      if (taken || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
      if (document.querySelector("dialog[open]")) return;
      const target = /** @type {HTMLElement} */ (event.target);
      const act = {
        PageDown: () => this.step(1), PageUp: () => this.step(-1),
        ArrowRight: () => this.step(1), ArrowDown: () => this.step(1),
        ArrowLeft: () => this.step(-1), ArrowUp: () => this.step(-1),
        " ": () => this.step(event.shiftKey ? -1 : 1),
        Home: () => this.show(0), End: () => this.show(this.blocks.length - 1),
        Escape: () => this.leave(),
      }[event.key];
      if (!act || (event.shiftKey && event.key !== " ") || needs(target, event.key)) return;
      event.preventDefault();
      act();
    }

    // ---- What is around the block

    makeBars() {
      const button = (/** @type {string} */ name, /** @type {() => void} */ act) => {
        const made = make("button", { type: "button", class: `present-${name}` }, [texts[name]]);
        made.addEventListener("click", act);
        return made;
      };
      this.place = make("p", { class: "present-place" });
      this.top = make("div", { class: "present-top" }, [this.place]);
      this.position = make("p", { class: "present-position", role: "status" });
      this.previous = button("previous", () => this.step(-1));
      this.next = button("next", () => this.step(1));
      const onward = document.querySelector(".prev-next-area a.right-next");
      this.onward = onward instanceof HTMLAnchorElement ? make("a", { class: "present-onward", href: withPresent(onward.href) }, [
        fill(texts.next_page, { title: onward.querySelector(".prev-next-title")?.textContent?.trim() ?? "" })]) : null;
      const full = button("full_screen", () => {
        if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
        else root.requestFullscreen().catch(() => {});
      });
      full.hidden = !document.fullscreenEnabled;
      this.bar = make("nav", { class: "present-bar", "aria-label": texts.name }, [
        button("leave", () => this.leave()), full, this.onward ?? "", this.position, this.previous, this.next]);
      document.body.append(this.top, this.bar);
    }

    say() {
      this.position.textContent = fill(texts.position, { number: this.number + 1, count: this.blocks.length });
      this.previous.disabled = this.number === 0;
      this.next.disabled = this.number === this.blocks.length - 1;
      if (this.onward) this.onward.hidden = !this.next.disabled;
      const title = this.article.querySelector("h1");
      const heading = this.block[0]?.item.closest("section")?.querySelector(":scope > :is(h1, h2, h3, h4, h5, h6)");
      const shown = (/** @type {Element | null | undefined} */ one) => this.block.some(({ item }) => item === one);
      const page = words(title), section = words(heading);
      this.place.textContent = shown(title) ? "" : !heading || heading === title || shown(heading) ? page
        : fill(texts.section, { page, section });
    }

    /** Move the focus to the block, so that a screen reader reads it. */
    focus() {
      const first = this.items[0];
      const item = first?.checkVisibility() ? first : first?.closest("guess-cover");
      if (!(item instanceof HTMLElement)) return;
      this.unfocus();
      if (!item.hasAttribute("tabindex")) {
        item.tabIndex = -1;
        this.focused = item;
      }
      item.focus({ preventScroll: true });
    }

    unfocus() {
      this.focused?.removeAttribute("tabindex");
      this.focused = undefined;
    }

    /** Keep the block in the address, for a reload: when the movement has ended, since WebKit refuses
     *  more than 100 changes in 10 seconds. */
    remember() {
      clearTimeout(this.writing);
      const number = this.number;
      this.writing = setTimeout(() => writeAddress(number ? String(number + 1) : "", ""), 300);
    }
  }

  const zoomOf = (/** @type {HTMLElement} */ item) => Number(item.style.getPropertyValue("--present-zoom")) || 1;

  function anchor() {
    try {
      return document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch {
      return null;
    }
  }

  /** "?present" and not "?present=". @param {URL} url */
  const plain = (url) => url.href.replace(/([?&]present)=(?=[&#]|$)/, "$1");

  /** @param {string} address */
  function withPresent(address) {
    const url = new URL(address);
    url.searchParams.set("present", "");
    return plain(url);
  }

  /** @param {string | null} number null: not presenting. @param {string} hash */
  function writeAddress(number, hash) {
    const url = new URL(location.href);
    if (number === null) url.searchParams.delete("present");
    else url.searchParams.set("present", number);
    url.hash = hash;
    try {
      history.replaceState(history.state, "", plain(url));
    } catch {
      // A reload then begins elsewhere.
    }
  }

  /** What the window shows first of the page. @param {HTMLElement} article */
  function firstInView(article) {
    if (window.scrollY < 10) return null;
    const header = document.querySelector(".bd-header")?.getBoundingClientRect().bottom ?? 0;
    return [...article.querySelectorAll(":is(h1, h2, h3, p, pre, li, tr, img, details, dt)")]
      .find((one) => one.checkVisibility() && one.getBoundingClientRect().bottom > header + 32) ?? null;
  }

  const wanted = new URLSearchParams(location.search).get("present");
  if (wanted !== null) root.classList.add("presenting");

  addEventListener("DOMContentLoaded", () => {
    const article = /** @type {HTMLElement | null} */ (document.querySelector("article.bd-article"));
    if (!article) {
      root.classList.remove("presenting");
      return;
    }
    const presentation = window.cnnbook.presentation = new Presentation(article);
    for (const button of document.querySelectorAll("button.present-button")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        button.closest("dialog")?.close();
        presentation.start(firstInView(article), window.scrollY);
      });
    }
    if (wanted === null) return;
    presentation.start(Number(wanted) ? Number(wanted) - 1 : anchor());
    // The browser follows an anchor when all is loaded, and takes the focus away.
    addEventListener("load", () => setTimeout(() => {
      if (document.activeElement === document.body && presentation.blocks.length) presentation.focus();
    }));
  });
})();
