// @ts-check
/**
 * A window moves over an image, row by row, and fills the output: <moving-window>.
 * The page itself contains the finished picture; see docs/_ext/home.py.
 */
(() => {
  "use strict";

  // Milliseconds for one position: all 676 take about 20 seconds.
  const STEP = 30;

  class MovingWindow extends HTMLElement {
    connectedCallback() {
      if (this.dataset.ready) return;
      this.dataset.ready = "true";
      this.data = JSON.parse(this.querySelector("script")?.textContent ?? "{}");
      const [input, output] = this.querySelectorAll(".cells");
      /** @type {HTMLElement} */
      this.sum = this.querySelector(".sum") ?? this;
      this.size = this.data.kernel.length;
      this.columns = this.data.image[0].length - this.size + 1;
      const rows = this.data.image.length - this.size + 1;
      this.window = this.box(input, this.size, this.columns + this.size - 1);
      this.place = this.box(output, 1, this.columns);
      // What is still to be computed: the rest of the current row, and all rows below it.
      this.covers = [document.createElement("span"), document.createElement("span")];
      for (const cover of this.covers) cover.className = "cover";
      output.append(...this.covers);

      this.button = document.createElement("button");
      this.button.type = "button";
      this.button.addEventListener("click", () => (this.timer ? this.pause() : this.play()));
      this.range = document.createElement("input");
      this.range.type = "range";
      this.range.max = String(rows * this.columns - 1);
      this.range.setAttribute("aria-label", this.data.position);
      this.range.addEventListener("input", () => this.look(Number(this.range?.value)));
      const controls = document.createElement("div");
      controls.className = "controls";
      controls.append(this.button, this.range);
      this.append(controls);

      for (const panel of [input, output]) {
        const point = (/** @type {PointerEvent} */ event) => {
          const place = panel.getBoundingClientRect();
          const offset = panel === input ? (this.size ?? 1) >> 1 : 0;
          const cells = panel === input ? this.data.image.length : rows;
          const at = (/** @type {number} */ part) =>
            Math.max(0, Math.min(rows - 1, Math.floor(part * cells) - offset));
          this.look(at((event.clientY - place.top) / place.height) * (this.columns ?? 1)
            + at((event.clientX - place.left) / place.width));
        };
        panel.addEventListener("pointermove", /** @type {EventListener} */ (point));
        panel.addEventListener("pointerdown", /** @type {EventListener} */ (point));
      }
      this.look(this.data.start[0] * this.columns + this.data.start[1]);
      if (!matchMedia("(prefers-reduced-motion: reduce)").matches) this.play();
    }

    disconnectedCallback() {
      this.pause();
    }

    /** @param {Element} panel @param {number} cells @param {number} across */
    box(panel, cells, across) {
      const box = document.createElement("span");
      box.className = "window";
      box.style.width = box.style.height = `${(100 * cells) / across}%`;
      panel.append(box);
      return box;
    }

    play() {
      let position = 0;
      clearInterval(this.timer);
      this.timer = setInterval(() => {
        this.show(position, true);
        position += 1;
        // Once: what moves without an end distracts from the text below.
        if (position > Number(this.range?.max)) this.pause();
      }, STEP);
      this.name(this.data.pause);
    }

    pause() {
      clearInterval(this.timer);
      this.timer = undefined;
      this.name(this.data.play);
    }

    /** @param {string} name */
    name(name) {
      if (this.button) this.button.textContent = name;
    }

    /** Show one position with the whole output. @param {number} position */
    look(position) {
      this.pause();
      this.show(position, false);
    }

    /** @param {number} position @param {boolean} fills Whether the output is shown up to there only. */
    show(position, fills) {
      const { data, columns = 1, size = 1, window: box, place, covers, range, sum } = this;
      if (!box || !place || !covers || !range || !sum) return;
      const row = Math.floor(position / columns), column = position % columns;
      const across = columns + size - 1;
      box.style.top = `${(100 * row) / across}%`;
      box.style.left = `${(100 * column) / across}%`;
      place.style.top = `${(100 * row) / columns}%`;
      place.style.left = `${(100 * column) / columns}%`;
      const [rest, below] = covers;
      rest.hidden = below.hidden = !fills;
      rest.style.top = place.style.top;
      rest.style.left = `${(100 * (column + 1)) / columns}%`;
      rest.style.height = `${100 / columns}%`;
      below.style.top = `${(100 * (row + 1)) / columns}%`;
      range.value = String(position);
      const written = (/** @type {number} */ value) => (value < 0 ? `(${value})` : String(value));
      let total = 0;
      const terms = data.kernel.flatMap((/** @type {number[]} */ line, /** @type {number} */ r) =>
        line.map((weight, c) => {
          const pixel = data.image[row + r][column + c];
          total += weight * pixel;
          return `${written(weight)}*${written(pixel)}`;
        }));
      // One decimal is exact, since all pixels have one; "+ 0" takes the sign from a -0.
      const result = Math.round(total * 10) / 10 + 0;
      sum.textContent = window.cnnbook.fill(data.sum,
        { row, column, sum: `${terms.join(" + ")} = ${result}` });
      range.setAttribute("aria-valuetext", sum.textContent ?? "");
    }
  }
  customElements.define("moving-window", MovingWindow);
})();
