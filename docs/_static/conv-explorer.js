// @ts-check
/**
 * An interactive convolution: <conv-explorer image kernel stride padding dilation>.
 * "Convolution" is torch's: the kernel is laid on the window without being flipped.
 */
(() => {
  "use strict";

  const { make, fill } = window.cnnbook;

  /** @typedef {number[][]} Grid */

  /** @type {Record<string, Grid>} */
  const IMAGES = {
    lecture: [0, 4, 8, 12].map((first) => [0, 1, 2, 3].map((step) => first + step)),
    square: Array.from({ length: 8 }, (_, r) =>
      Array.from({ length: 8 }, (_, c) => (r > 1 && r < 6 && c > 1 && c < 6 ? 1 : 0))),
    letter: ["1000001", "1100011", "1010101", "1001001", "1000001", "1000001", "1000001"].map(
      (line) => [...line].map(Number)),
  };
  /** @param {number} size @returns {Grid} */
  const average = (size) => Array.from({ length: size }, () => Array(size).fill(1 / (size * size)));
  /** @type {Record<string, Grid>} */
  const KERNELS = {
    average2: average(2),
    average3: average(3),
    identity: [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    vertical: [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
    horizontal: [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    sharpen: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    laplacian: [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    custom: [[1, 0], [0, -1]],
  };
  /** @type {[string, string][]} */
  const IMAGE_NAMES = [["lecture", "numbers 0 to 15"], ["square", "square"], ["letter", "letter"]];
  /** @type {[string, string][]} */
  const KERNEL_NAMES = [
    ["average2", "average 2 x 2"], ["average3", "average 3 x 3"], ["identity", "identity"],
    ["vertical", "vertical edges"], ["horizontal", "horizontal edges"], ["sharpen", "sharpen"],
    ["laplacian", "Laplacian"], ["custom", "your own"],
  ];

  /** @param {number} size @param {number} kernel @param {number} stride @param {number} padding
   *  @param {number} dilation */
  function outputSize(size, kernel, stride, padding, dilation) {
    return Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
  }

  /** @param {Grid} image @param {number} padding @returns {Grid} */
  function pad(image, padding) {
    const width = image[0].length + 2 * padding;
    const blank = () => Array.from({ length: padding }, () => Array(width).fill(0));
    const side = Array(padding).fill(0);
    return [...blank(), ...image.map((line) => [...side, ...line, ...side]), ...blank()];
  }

  /** The pairs of weight and pixel in one window.
   *  @param {Grid} padded @param {Grid} kernel @param {number} row @param {number} column
   *  @param {number} stride @param {number} dilation @returns {[number, number][]} */
  function pairs(padded, kernel, row, column, stride, dilation) {
    return kernel.flatMap((line, r) => line.map((weight, c) => /** @type {[number, number]} */ (
      [weight, padded[row * stride + r * dilation][column * stride + c * dilation]])));
  }

  /** @param {Grid} image @param {Grid} kernel @param {number} stride @param {number} padding
   *  @param {number} dilation @returns {Grid} */
  function convolve(image, kernel, stride, padding, dilation) {
    const padded = pad(image, padding);
    const rows = outputSize(image.length, kernel.length, stride, padding, dilation);
    const columns = outputSize(image[0].length, kernel[0].length, stride, padding, dilation);
    return Array.from({ length: Math.max(rows, 0) }, (_, row) =>
      Array.from({ length: Math.max(columns, 0) }, (_, column) =>
        pairs(padded, kernel, row, column, stride, dilation).reduce((sum, [w, p]) => sum + w * p, 0)));
  }

  /** A number as one would write it: a fraction for the averages, no -0, at most 3 decimals.
   *  @param {number} value */
  function written(value) {
    for (const below of [4, 9]) if (Math.abs(value - 1 / below) < 1e-12) return `1/${below}`;
    return plain(value);
  }
  /** @param {number} value */
  function plain(value) {
    return String(Math.round(value * 1000) / 1000 + 0);
  }
  /** @param {number} value */
  function bracketed(value) {
    return value < 0 ? `(${written(value)})` : written(value);
  }

  let count = 0;

  class ConvExplorer extends HTMLElement {
    connectedCallback() {
      if (this.dataset.ready) return;
      this.dataset.ready = "true";
      const words = JSON.parse(this.querySelector("script")?.textContent ?? "{}");
      /** @param {string} text @param {Record<string, string | number>} [values] */
      this.say = (text, values = {}) => fill(words[text] ?? text, values);
      this.idPrefix = `conv-explorer-${(count += 1)}`;
      this.position = 0;
      /** @type {ReturnType<typeof setInterval> | undefined} */
      this.timer = undefined;
      /** @type {Grid} */
      this.custom = KERNELS.custom.map((line) => [...line]);
      this.build();
      this.update();
    }

    disconnectedCallback() {
      clearInterval(this.timer);
    }

    /** @param {string} label @param {[string, string][]} options @param {string} start
     *  @returns {[HTMLElement, HTMLSelectElement]} */
    choice(label, options, start) {
      const id = `${this.idPrefix}-${label.toLowerCase()}`;
      const select = make("select", { id }, options.map(([value, name]) =>
        make("option", { value }, [this.say?.(name) ?? name])));
      select.value = options.some(([value]) => value === start) ? start : options[0][0];
      select.addEventListener("change", () => { this.position = 0; this.update(); });
      return [make("span", { class: "control" }, [make("label", { for: id }, [this.say?.(label) ?? label]), select]), select];
    }

    build() {
      const say = this.say ?? ((/** @type {string} */ text) => text);
      /** @param {number} first @param {number} last @returns {[string, string][]} */
      const numbers = (first, last) =>
        Array.from({ length: last - first + 1 }, (_, i) => [String(first + i), String(first + i)]);
      const start = (/** @type {string} */ name, /** @type {string} */ other) => this.getAttribute(name) ?? other;
      const [imageControl, image] = this.choice("Image", IMAGE_NAMES, start("image", "lecture"));
      const [kernelControl, kernel] = this.choice("Kernel", KERNEL_NAMES, start("kernel", "average2"));
      const [strideControl, stride] = this.choice("Stride", numbers(1, 3), start("stride", "1"));
      const [paddingControl, padding] = this.choice("Padding", numbers(0, 2), start("padding", "0"));
      const [dilationControl, dilation] = this.choice("Dilation", numbers(1, 2), start("dilation", "1"));
      this.controls = { image, kernel, stride, padding, dilation };

      /** @param {string} label @param {() => void} act */
      const button = (label, act) => {
        const made = make("button", { type: "button" }, [say(label)]);
        made.addEventListener("click", act);
        return made;
      };
      this.play = button("Play", () => this.toggle());
      const buttons = make("div", { class: "buttons" }, [
        button("Back", () => this.step(-1)), button("Forward", () => this.step(1)), this.play]);

      this.weights = make("div", { class: "weights", role: "group", "aria-label": say("your own") });
      this.input = make("table");
      this.output = make("table");
      this.output.addEventListener("keydown", (event) => this.key(event));
      this.arithmetic = make("output", { "aria-live": "polite" });
      this.derivation = make("p", { class: "derivation" });
      const title = make("p", { class: "title", id: `${this.idPrefix}-title` }, [say("Convolution explorer")]);
      this.setAttribute("role", "group");
      this.setAttribute("aria-labelledby", title.id);
      this.replaceChildren(title,
        make("div", { class: "controls" }, [imageControl, kernelControl, strideControl, paddingControl, dilationControl]),
        this.weights, buttons, make("div", { class: "grids" }, [this.input, this.output]),
        this.arithmetic, this.derivation);
    }

    state() {
      const controls = /** @type {NonNullable<typeof this.controls>} */ (this.controls);
      return {
        image: IMAGES[controls.image.value],
        kernel: controls.kernel.value === "custom" ? /** @type {Grid} */ (this.custom) : KERNELS[controls.kernel.value],
        own: controls.kernel.value === "custom",
        stride: Number(controls.stride.value),
        padding: Number(controls.padding.value),
        dilation: Number(controls.dilation.value),
      };
    }

    /** @param {number} by */
    step(by) {
      const cells = this.output?.querySelectorAll("td").length ?? 0;
      if (cells) { this.position = ((this.position ?? 0) + by + cells) % cells; this.update(); }
    }

    toggle() {
      const say = this.say ?? String;
      if (this.timer) {
        clearInterval(this.timer);
        this.timer = undefined;
      } else {
        this.timer = setInterval(() => this.step(1), 800);
      }
      if (this.play) this.play.textContent = say(this.timer ? "Pause" : "Play");
      // While it plays, a screen reader would never finish.
      this.arithmetic?.setAttribute("aria-live", this.timer ? "off" : "polite");
    }

    /** @param {KeyboardEvent} event */
    key(event) {
      const columns = this.output?.rows[0]?.cells.length ?? 1;
      const cells = this.output?.querySelectorAll("td").length ?? 0;
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      const next = (this.position ?? 0) + by;
      if (next >= 0 && next < cells) {
        this.position = next;
        this.update();
        this.output?.querySelector("button.now")?.focus?.();
      }
    }

    update() {
      const say = this.say ?? String;
      const { image, kernel, own, stride, padding, dilation } = this.state();
      const { weights, input, output, arithmetic, derivation } = this;
      if (!weights || !input || !output || !arithmetic || !derivation) return;
      this.ownWeights(own);
      const padded = pad(image, padding);
      const result = convolve(image, kernel, stride, padding, dilation);
      const rows = result.length, columns = result[0]?.length ?? 0;
      const span = dilation * (kernel.length - 1) + 1;
      if (!rows || !columns) {
        input.replaceChildren();
        output.replaceChildren();
        arithmetic.textContent = say("The kernel spans {span} pixels, the padded image has only {size}: choose a smaller kernel, less dilation or more padding.", { span, size: padded.length });
        derivation.textContent = "";
        return;
      }
      const position = Math.min(this.position ?? 0, rows * columns - 1);
      this.position = position;
      const row = Math.floor(position / columns), column = position % columns;
      /** @param {number} r @param {number} c */
      const seen = (r, c) => {
        const down = r - row * stride, right = c - column * stride;
        return down >= 0 && right >= 0 && down % dilation === 0 && right % dilation === 0 &&
          down / dilation < kernel.length && right / dilation < kernel[0].length;
      };
      /** @param {number} r @param {number} c */
      const outside = (r, c) => r < padding || c < padding ||
        r >= padded.length - padding || c >= padded[0].length - padding;
      input.replaceChildren(
        make("caption", {}, [say("Input, {rows} x {columns}", { rows: image.length, columns: image[0].length })]),
        ...padded.map((line, r) => make("tr", {}, line.map((value, c) =>
          make("td", { class: `${seen(r, c) ? "seen" : ""} ${outside(r, c) ? "padding" : ""}`.trim() },
            [plain(value)])))));
      output.replaceChildren(
        make("caption", {}, [say("Output, {rows} x {columns}", { rows, columns })]),
        ...result.map((line, r) => make("tr", {}, line.map((value, c) => {
          const index = r * columns + c, now = index === position;
          // One tab stop; the arrow keys move from there.
          const cell = make("button", {
            type: "button", class: now ? "now" : "", tabindex: now ? "0" : "-1",
            "aria-pressed": String(now),
          }, [plain(value)]);
          cell.addEventListener("click", () => {
            this.position = index;
            this.update();
            this.output?.querySelector("button.now")?.focus?.();
          });
          return make("td", {}, [cell]);
        }))));
      const terms = pairs(padded, kernel, row, column, stride, dilation)
        .map(([weight, pixel]) => `${bracketed(weight)}*${bracketed(pixel)}`);
      arithmetic.textContent = say("Row {row}, column {column}: {arithmetic}",
        { row, column, arithmetic: `${terms.join(" + ")} = ${plain(result[row][column])}` });
      const [height, width] = [image.length, image[0].length];
      /** @param {number} size @param {number} weightsAlong @param {number} windows */
      const derived = (size, weightsAlong, windows) =>
        `floor((${size} + 2*${padding} - ${dilation}*(${weightsAlong} - 1) - 1)/${stride}) + 1 = ${windows}`;
      derivation.textContent = say("Output size: {rows} rows, {columns} columns", {
        rows: derived(height, kernel.length, rows), columns: derived(width, kernel[0].length, columns) });
    }

    /** @param {boolean} shown */
    ownWeights(shown) {
      const { weights } = this;
      const custom = /** @type {Grid} */ (this.custom);
      if (!weights) return;
      weights.hidden = !shown;
      if (!shown || weights.childElementCount) return;
      custom.forEach((line, r) => weights.append(make("div", {}, line.map((value, c) => {
        const field = make("input", {
          type: "number", step: "any", value: String(value),
          "aria-label": this.say?.("Weight, row {row}, column {column}", { row: r, column: c }) ?? "",
        });
        field.addEventListener("input", () => {
          custom[r][c] = Number.isFinite(field.valueAsNumber) ? field.valueAsNumber : 0;
          this.update();
        });
        return field;
      }))));
    }
  }
  customElements.define("conv-explorer", ConvExplorer);
})();
