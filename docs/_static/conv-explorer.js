// @ts-check
/**
 * An interactive convolution: <conv-explorer state="image=lecture&kernel=average2">.
 * The arithmetic is in conv-arithmetic.js, what is marked and said in conv-marks.js, the grids in
 * conv-grids.js, the fields in conv-fields.js. Texts, images, kernels and tasks are in
 * conv-explorer-data.js, which docs/_ext/explorer.py writes.
 */
(() => {
  "use strict";

  const { make, fill, conv, convGrids, convMarks, convFields, explorerData: data } = window.cnnbook;
  const { fourDigits, sizeOf } = conv;
  const { button, labelled, select } = convFields;
  /** @type {Record<string, string>} */
  const texts = data.texts;

  /** @typedef {number[][]} Grid */
  /** @typedef {[number, number]} Place */
  /** @typedef {{kind: string, place: Place}} Choice */

  // Milliseconds from one window to the next: to read one, or to watch many.
  const READ = 800, WATCH = 50, WATCH_CALMLY = 300;
  // A movement has ended when nothing has happened for so long. WebKit refuses more than 100 changes
  // of the address in 10 seconds.
  const REST = 500;
  // What a link holds; the rest of the address belongs to others.
  const PARAMETERS = [...data.controls, "at", "hide", "task"];
  // The grids, and what a place in each of them is.
  const KINDS = /** @type {Record<string, string>} */ ({ image: "input", output: "output", relu: "output", pool: "pool" });

  /** @param {string} value @param {string} [text] @returns {[string, string]} */
  const option = (value, text = value) => [value, text];
  /** @param {[number, number]} limits */
  const range = ([least, most]) => Array.from({ length: most - least + 1 }, (_, index) => option(String(least + index)));
  /** @param {Record<string, {label: string}>} table */
  const named = (table) => [...Object.entries(table).map(([name, { label }]) => option(name, label)), option("", texts.own)];

  let count = 0;

  class ConvExplorer extends HTMLElement {
    connectedCallback() {
      if (this.dataset.ready) return;
      this.idPrefix = `conv-explorer-${(count += 1)}`;
      this.linked = this.hasAttribute("linked");
      const given = new URLSearchParams(location.search);
      const isGiven = this.linked && PARAMETERS.some((name) => given.has(name));
      /** Where "Start again" leads: a task begins once more. */
      this.start = isGiven ? location.search : this.getAttribute("state") ?? "";
      const { state, problems } = conv.readQuery(this.start, data);
      this.state = state;
      this.address = conv.writeQuery(state, data);
      /** What was clicked. @type {Choice} */
      this.chosen = { kind: "output", place: state.at };
      /** Where the pointer is. @type {Choice | null} */
      this.looked = null;
      /** @type {ReturnType<typeof setInterval> | undefined} */
      this.timer = undefined;
      this.build();
      this.complain(problems.length ? fill(texts.bad_link, { problems: problems.join(", ") }) : "");
      this.refresh();
      this.dataset.ready = "true";
      new MutationObserver(() => this.grids.forEach((grid) => grid.colours?.()))
        .observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    }

    disconnectedCallback() {
      clearInterval(this.timer);
      clearTimeout(this.rest);
    }

    // ---- Building

    build() {
      this.setAttribute("role", "group");
      this.setAttribute("aria-label", texts.title);
      this.problem = make("p", { class: "problem", role: "alert" });
      this.task = make("p", { class: "task", role: "status" });
      this.said = make("span", { class: "said", role: "status" });
      this.told = make("p", { class: "told" });
      this.sum = make("p", { class: "sum" });
      this.behind = make("p", { class: "behind" });
      this.explained = make("div", { class: "explained" }, [this.told, this.sum, this.behind]);
      this.derivation = make("p", { class: "derivation" });
      this.matrix = make("div", { class: "column" });
      this.code = make("code");
      this.open = make("a", { class: "open" }, [texts.open]);
      this.player = button("play", texts.play, () => this.play());
      this.weights = make("div", { class: "weights", role: "group", "aria-label": texts.kernel });
      this.weights.addEventListener("focusout", () => this.choose({ kind: "output", place: this.state.at }));
      this.weights.addEventListener("pointerleave", () => this.look(null));
      /** @type {Map<string, any>} */
      this.grids = new Map();
      /** @type {Record<string, HTMLElement>} */
      this.panels = {};
      const [image, ...outputs] = Object.keys(KINDS).map((name) => this.panel(name, [make("div", { class: "holder" })]));
      image.append(this.paintControls());
      this.replaceChildren(
        make("div", { class: "top" }, [make("p", { class: "title" }, [texts.title]), ...(this.linked ? [] : [this.open])]),
        this.task, this.controls(), this.problem,
        make("div", { class: "stage" }, [image, this.panel("kernel", [this.weights]), ...outputs]),
        make("div", { class: "buttons" }, [
          button("back", texts.back, () => this.step(-1)), button("forward", texts.forward, () => this.step(1)),
          this.player, button("reset", texts.reset, () => this.reset()),
          button("link", texts.copy_link, () => this.copyLink()), this.said,
        ]),
        this.explained, this.derivation,
        this.fold("matrix", texts.matrix_title, [this.matrix]),
        this.fold("code", texts.code_title, [
          make("pre", { tabindex: "0", role: "region", "aria-label": texts.code_title }, [this.code]),
          button("copy-code", texts.copy_code, () => this.copyCode()),
        ]));
    }

    /** @param {string} name @param {Node[]} content */
    panel(name, content) {
      const caption = make("p", { class: "caption", id: `${this.idPrefix}-${name}-caption` });
      this.panels[name] = make("div", { class: `panel ${name}` }, [caption, ...content]);
      return this.panels[name];
    }

    /** @param {string} name @param {string} label @param {Node[]} content */
    fold(name, label, content) {
      const fold = make("details", { class: `fold ${name}` }, [make("summary", {}, [label]), ...content]);
      fold.open = (this.getAttribute("open") ?? "").split(",").includes(name);
      fold.addEventListener("toggle", () => this.show());
      return fold;
    }

    controls() {
      const { limits } = data;
      /** @param {string} name @param {unknown} value */
      const set = (name, value) => { Object.assign(this.state, { [name]: value }); this.changed(); };
      /** @param {"stride" | "padding" | "dilation"} name */
      const size = (name) => select(range(limits[name]), (/** @type {string} */ value) => set(name, Number(value)));
      /** By name; the part before a hyphen is what is hidden with it.
       *  @type {Record<string, HTMLInputElement | HTMLSelectElement>} */
      this.fields = {
        image: select(named(data.images), (/** @type {string} */ name) => {
          if (name) this.state.pixels = data.images[name].pixels;
          set("image", name);
        }),
        kernel: select(named(data.kernels), (/** @type {string} */ name) => {
          if (name) this.state.weights = data.kernels[name].weights;
          set("kernel", name);
        }),
        "kernel-rows": select(range(limits.kernel), (/** @type {string} */ rows) =>
          this.resize(Number(rows), this.state.weights[0].length)),
        "kernel-columns": select(range(limits.kernel), (/** @type {string} */ columns) =>
          this.resize(this.state.weights.length, Number(columns))),
        bias: this.number({}, (value) => set("bias", value)),
        stride: size("stride"), padding: size("padding"), dilation: size("dilation"),
        relu: convFields.checkbox((/** @type {boolean} */ on) => set("relu", on)),
        pool: select([option("0", texts.pool_none), ...["2", "3"].map((value) => option(value, fill(texts.pool_size, { size: value })))],
          (/** @type {string} */ value) => set("pool", Number(value))),
      };
      return make("div", { class: "controls" }, Object.entries(this.fields).map(([name, field]) =>
        labelled(this.idPrefix, name, texts[name.replace("-", "_")], field)));
    }

    /** @param {Record<string, string>} attributes @param {(value: number) => void} change */
    number(attributes, change) {
      return convFields.number(attributes, change, (/** @type {string} */ problem) => this.complain(problem));
    }

    paintControls() {
      this.painter = button("paint", texts.paint, () => {
        const on = this.painter?.getAttribute("aria-pressed") !== "true";
        this.painter?.setAttribute("aria-pressed", String(on));
        this.grids.get("image")?.setPainting(on);
        if (this.brushBox) this.brushBox.hidden = !on;
      });
      this.painter.setAttribute("aria-pressed", "false");
      this.brush = this.number({ value: "1" }, () => {});
      this.brushBox = labelled(this.idPrefix, "brush", texts.brush, this.brush);
      this.brushBox.hidden = true;
      return make("div", { class: "paint-controls" }, [this.painter, this.brushBox]);
    }

    // ---- What the reader does

    /** Cells at the upper left stay, new ones are 0. @param {number} rows @param {number} columns */
    resize(rows, columns) {
      const { weights } = this.state;
      this.state.weights = Array.from({ length: rows }, (_, r) =>
        Array.from({ length: columns }, (_, c) => weights[r]?.[c] ?? 0));
      this.state.kernel = "";
      this.changed();
    }

    /** @param {string} name The panel. @param {string} what @param {Place | null} place @param {string} by */
    act(name, what, place, by) {
      const kind = KINDS[name];
      if (what === "look") this.look(place && { kind, place });
      else if (what === "paint" && place) this.paint(place, by);
      else if (what === "choose" && place) {
        this.stop();
        this.choose({ kind, place });
      }
    }

    /** @param {Choice | null} looked */
    look(looked) {
      if (this.timer || String(looked?.place) + looked?.kind === String(this.looked?.place) + this.looked?.kind) return;
      this.looked = looked;
      this.show();
    }

    /** @param {Choice} choice */
    choose(choice) {
      this.looked = null;
      this.chosen = choice;
      if (choice.kind === "output") this.state.at = choice.place;
      this.show();
      this.moved();
    }

    /** A pixel that has the value already becomes 0; what is dragged over becomes what the first did.
     *  @param {Place} place @param {string} by */
    paint([row, column], by) {
      const value = conv.readNumber(this.brush?.value ?? "", data.largest);
      if (value === null) return;
      const before = this.state.pixels[row][column];
      if (by !== "drag") this.painted = before === value ? 0 : value;
      const after = this.painted ?? value;
      if (before === after) return;
      this.state.pixels = this.state.pixels.map((/** @type {number[]} */ line, /** @type {number} */ r) =>
        (r === row ? line.map((pixel, c) => (c === column ? after : pixel)) : line));
      this.state.image = "";
      const grid = this.grids.get("image");
      grid.current = [row, column];
      this.changed();
    }

    /** @param {number} by */
    step(by) {
      const [rows, columns] = sizeOf(this.result.output);
      if (!rows) return;
      const [row, column] = this.state.at;
      const next = (row * columns + column + by + rows * columns) % (rows * columns);
      this.choose({ kind: "output", place: [Math.floor(next / columns), next % columns] });
    }

    play() {
      if (this.timer) {
        this.stop();
        return;
      }
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      this.timer = setInterval(() => this.step(1), this.tables ? READ : calm ? WATCH_CALMLY : WATCH);
      if (this.player) this.player.textContent = texts.pause;
      this.choose({ kind: "output", place: this.state.at });
    }

    stop() {
      if (!this.timer) return;
      clearInterval(this.timer);
      this.timer = undefined;
      if (this.player) this.player.textContent = texts.play;
      this.show();
      this.moved();
    }

    reset() {
      this.stop();
      this.state = conv.readQuery(this.start, data).state;
      this.querySelectorAll("[aria-invalid]").forEach((field) => field.removeAttribute("aria-invalid"));
      this.complain("");
      this.changed();
    }

    // ---- The address

    /** The link to a state, on the page that has the explorer to itself. @param {any} state */
    link(state = this.state) {
      const root = document.documentElement.dataset.content_root ?? "./";
      return new URL(`${root}play.html?${conv.writeQuery(state, data)}#explorer`, location.href).href;
    }

    /** The same state with everything in sight. */
    showOpen() {
      this.open?.setAttribute("href", this.link({ ...this.state, hide: [], task: "" }));
    }

    /** When a movement has ended, the address holds the state. */
    moved() {
      clearTimeout(this.rest);
      this.rest = setTimeout(() => {
        if (this.timer) return;
        this.showOpen();
        const query = conv.writeQuery(this.state, data);
        if (!this.linked || query === this.address) return;
        this.address = query;
        const others = new URLSearchParams(location.search);
        PARAMETERS.forEach((name) => others.delete(name));
        try {
          history.replaceState(null, "", `?${[query, String(others)].filter(Boolean).join("&")}${location.hash}`);
        } catch {
          // The button still copies the link.
        }
      }, REST);
    }

    async copyLink() {
      const link = this.link();
      this.say((await convFields.copy(link)) ? texts.link_copied : fill(texts.link_not_copied, { link }));
    }

    async copyCode() {
      this.say((await convFields.copy(this.code?.textContent ?? "")) ? texts.code_copied : texts.code_not_copied);
    }

    /** @param {string} text */
    say(text) {
      if (this.said) this.said.textContent = text;
    }

    /** @param {string} text */
    complain(text) {
      if (this.problem && this.problem.textContent !== text) this.problem.textContent = text;
    }

    // ---- Showing

    changed() {
      this.say("");
      this.looked = null;
      if (this.chosen.kind !== "weight") this.chosen = { kind: "output", place: this.state.at };
      this.refresh();
      this.moved();
    }

    /** Compute and show everything. */
    refresh() {
      const { state } = this;
      this.result = conv.compute(state);
      const [rows, columns] = sizeOf(this.result.output);
      if (state.at[0] >= rows || state.at[1] >= columns) state.at = [0, 0];
      if (this.chosen.kind === "output") this.chosen.place = state.at;
      this.tables = Math.max(...sizeOf(state.pixels)) <= data.largestTable;
      this.dataset.grids = this.tables ? "tables" : "canvases";
      this.showFields();
      this.showWeights();
      this.showGrids();
      this.showTask();
      this.showSizes();
      if (this.code) this.code.textContent = conv.torchCode(state, data);
      this.showOpen();
      // Room for the longest sum, so that what is below does not move with the window.
      const longest = (/** @type {Grid} */ grid) =>
        Math.max(...grid.flat().map((value) => fourDigits(value).length + (value < 0 ? 2 : 0)));
      const letters = state.weights.flat().length * (longest(state.pixels) + longest(state.weights) + 4) + 14;
      this.explained?.style.setProperty("--letters", String(letters));
      this.show();
    }

    showFields() {
      const { state } = this;
      const hides = (/** @type {string} */ name) => state.hide.includes(name);
      const [rows, columns] = sizeOf(state.weights);
      /** @type {Record<string, any>} */
      const values = { ...state, "kernel-rows": rows, "kernel-columns": columns, bias: fourDigits(state.bias) };
      for (const [name, field] of Object.entries(this.fields ?? {})) {
        const typing = field === document.activeElement || field.getAttribute("aria-invalid") === "true";
        if (field instanceof HTMLInputElement && field.type === "checkbox") field.checked = values[name];
        else if (field instanceof HTMLSelectElement || !typing) field.value = String(values[name]);
        /** @type {HTMLElement} */ (field.parentElement).hidden = hides(name.split("-")[0]);
      }
      /** @type {Record<string, string>} */
      const parts = { arithmetic: ".sum", derivation: ".derivation", matrix: ".fold.matrix", code: ".fold.code", image: ".paint-controls" };
      for (const [name, selector] of Object.entries(parts)) {
        /** @type {HTMLElement} */ (this.querySelector(selector)).hidden = hides(name);
      }
    }

    showWeights() {
      const { weights: box, state } = this;
      if (!box) return;
      const [rows, columns] = sizeOf(state.weights);
      // A hidden choice of the kernel leaves its numbers to be read.
      const fixed = state.hide.includes("kernel"), shape = `${rows},${columns},${fixed}`;
      if (box.dataset.shape !== shape) {
        box.dataset.shape = shape;
        box.replaceChildren(...state.weights.map((/** @type {number[]} */ line, /** @type {number} */ r) =>
          make("div", {}, line.map((_, c) => this.weight(r, c, fixed)))));
      }
      [...box.querySelectorAll("input")].forEach((field, index) => {
        if (field === document.activeElement && !state.kernel) return;
        field.value = conv.weightText(state.weights[Math.floor(index / columns)][index % columns]);
        field.setAttribute("aria-invalid", "false");
      });
    }

    /** @param {number} row @param {number} column @param {boolean} fixed */
    weight(row, column, fixed) {
      const field = this.number({ "aria-label": fill(texts.weight, { row, column }) }, (value) => {
        this.state.weights = this.state.weights.map((/** @type {number[]} */ line, /** @type {number} */ r) =>
          line.map((old, c) => (r === row && c === column ? value : old)));
        this.state.kernel = "";
        this.changed();
      });
      field.readOnly = fixed;
      /** @type {Choice} */
      const choice = { kind: "weight", place: [row, column] };
      field.addEventListener("focus", () => { this.stop(); this.choose(choice); });
      field.addEventListener("pointerenter", (/** @type {PointerEvent} */ event) => {
        if (event.pointerType === "mouse") this.look(choice);
      });
      return field;
    }

    showGrids() {
      const { state, result } = this;
      const shown = {
        image: state.pixels, output: result.output,
        relu: state.relu ? result.relu : [], pool: state.pool ? result.pool : [],
      };
      for (const [name, values] of Object.entries(shown)) {
        const [rows, columns] = sizeOf(values), padding = name === "image" ? state.padding : 0;
        this.panels[name].hidden = !rows;
        if (!rows) continue;
        const caption = fill(texts[padding ? "caption_padded" : `caption_${name}`], { rows, columns, padding });
        /** @type {HTMLElement} */ (this.panels[name].firstElementChild).textContent = caption;
        const grid = this.grid(name);
        const [row, column] = grid.current;
        grid.show(values, { name: caption, cell: texts.cell, signed: name !== "image", padding });
        if (row >= rows || column >= columns) grid.current = [0, 0];
      }
      const [rows, columns] = sizeOf(state.weights);
      /** @type {HTMLElement} */ (this.panels.kernel.firstElementChild).textContent =
        fill(texts.caption_kernel, { rows, columns });
    }

    /** The grid of a panel: a table or a canvas. @param {string} name */
    grid(name) {
      const kind = this.tables ? convGrids.TableGrid : convGrids.CanvasGrid;
      let grid = this.grids.get(name);
      if (!(grid instanceof kind)) {
        grid = new kind((/** @type {string} */ what, /** @type {Place | null} */ place, /** @type {string} */ by) =>
          this.act(name, what, place, by));
        if (this.tables) grid.host.setAttribute("aria-labelledby", `${this.idPrefix}-${name}-caption`);
        this.grids.set(name, grid);
        this.panels[name].querySelector(".holder")?.replaceChildren(grid.host);
        if (name === "image") grid.setPainting(this.painter?.getAttribute("aria-pressed") === "true");
      }
      return grid;
    }

    showTask() {
      const { task: box, state } = this;
      if (!box) return;
      box.hidden = !state.task;
      const solved = conv.solved(state, this.result);
      box.classList.toggle("solved", solved);
      const text = state.task ? fill(solved ? texts.task_solved : texts.task_open, { sentence: data.tasks[state.task] }) : "";
      if (box.textContent !== text) box.textContent = text;
    }

    /** The derivation of the sizes, or why there is no output. */
    showSizes() {
      const { pixels, weights, dilation, padding, pool } = this.state;
      const [image, kernel, output] = [pixels, weights, this.result.output].map(sizeOf);
      const lines = ["rows", "columns"].map((name, axis) => fill(texts[name], {
        derivation: conv.deriveSize(image[axis], kernel[axis], this.state) }));
      if (output[0] && pool) {
        lines.push(...["pool_rows", "pool_columns"].map((name, axis) => fill(texts[name], {
          derivation: conv.deriveSize(output[axis], pool, { stride: pool }) })));
      }
      this.unfit = "";
      if (!output[0]) {
        lines.length = 0;
        const axis = conv.outputSize(image[0], kernel[0], this.state) ? 1 : 0;
        this.unfit = fill(texts[axis ? "too_wide" : "too_high"],
          { span: dilation * (kernel[axis] - 1) + 1, size: image[axis] + 2 * padding });
      } else if (pool && !this.result.pool.length) {
        this.unfit = fill(texts.pool_too_large, { pool, rows: output[0], columns: output[1] });
      }
      this.derivation?.replaceChildren(...lines.map((line) => make("span", {}, [line])));
    }

    /** Show what is looked at: a window, or what belongs to a pixel or a weight. */
    show() {
      const { state, result, explained, told, sum, behind } = this;
      if (!explained || !told || !sum || !behind) return;
      // A screen reader would never finish while the window moves by itself or with the pointer.
      explained.setAttribute("aria-live", this.timer || this.looked ? "off" : "polite");
      const now = this.looked ?? this.chosen, there = result.output.length > 0;
      const described = there ? convMarks[now.kind](state, result, now.place, texts)
        : { marks: {}, told: this.unfit, sum: "", behind: "" };
      told.textContent = described.told;
      sum.textContent = described.sum;
      behind.textContent = described.behind || (there ? this.unfit ?? "" : "");
      for (const [name, grid] of this.grids) {
        if (this.panels[name].hidden) continue;
        grid.mark(described.marks[name] ?? []);
        const isChosen = this.chosen.kind === KINDS[name];
        const place = KINDS[name] === "output" ? state.at : isChosen ? this.chosen.place : grid.current;
        grid.setCurrent(place, isChosen);
      }
      const columns = state.weights[0].length;
      [...this.weights?.querySelectorAll("input") ?? []].forEach((field, index) => field.classList.toggle("now",
        now.kind === "weight" && index === now.place[0] * columns + now.place[1]));
      if (now.kind === "output" && there) this.showMatrix(now.place);
    }

    /** The column of the matrix that belongs to an output. @param {Place} place */
    showMatrix([row, column]) {
      const fold = /** @type {HTMLDetailsElement | null} */ (this.querySelector(".fold.matrix"));
      if (!fold?.open || fold.hidden) return;
      const { state, result } = this, columns = state.pixels[0].length;
      /** @type {number[]} */
      const entries = conv.matrixColumn(state, row, column);
      const held = entries.flatMap((value, entry) => (value ? [`${entry}: ${fourDigits(value)}`] : []));
      const [height, width] = sizeOf(result.output);
      const told = fill(texts.matrix_told, {
        index: row * width + column, entries: entries.length, outputs: height * width, held: held.length });
      const numbers = this.tables
        ? make("ol", { start: "0" }, state.pixels.map((/** @type {Grid} */ _, /** @type {number} */ r) => make("li", {},
          entries.slice(r * columns, (r + 1) * columns).map((value) => make(value ? "b" : "span", {}, [conv.twoDecimals(value)])))))
        : make("p", { class: "entries" }, [fill(texts.matrix_entries, { entries: held.join(", ") })]);
      this.matrix?.replaceChildren(make("p", {}, [told]), numbers);
    }
  }
  customElements.define("conv-explorer", ConvExplorer);
})();
