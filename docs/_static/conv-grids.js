// @ts-check
/**
 * How the convolution explorer shows a grid of numbers: as a table that a screen reader can walk
 * through, or, where there are many, on a canvas. Both have the same methods.
 *
 * A place counts rows and columns from 0, without the padding, so the padding has places below 0.
 * Marks: "seen" is in the window, "now" is the output that is looked at, "reached" and "joined"
 * belong to a pixel or a weight that is looked at.
 */
(() => {
  "use strict";

  const { make, fill } = window.cnnbook;
  const { twoDecimals, sizeOf } = window.cnnbook.conv;

  /** @typedef {number[][]} Grid */
  /** @typedef {[number, number]} Place */
  /** @typedef {{row: number, column: number, kind: string, label?: string}} Mark */
  /** What a grid is called, how a cell is called, whether its numbers have signs.
   *  @typedef {{name: string, cell: string, signed: boolean, padding: number}} Options */

  /** The place after an arrow key, or null for another key.
   *  @param {KeyboardEvent} event @param {Place} place @param {Place} size @returns {Place | null} */
  function moved(event, [row, column], [rows, columns]) {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (!step || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return null;
    const inside = (/** @type {number} */ value, /** @type {number} */ size) => Math.max(0, Math.min(size - 1, value));
    return [inside(row + step[0], rows), inside(column + step[1], columns)];
  }

  /** What both have: events become places. Listeners: "look" (the pointer is over a place, or null
   *  when it left), "choose" (click, Enter, arrow key), "paint" (pressed or dragged in paint mode). */
  class Surface {
    /** @param {HTMLElement} host @param {(what: string, place: Place | null, by: string) => void} tell */
    constructor(host, tell) {
      this.host = host;
      this.tell = tell;
      this.painting = false;
      /** @type {Place} */
      this.current = [0, 0];
      /** @type {Grid} */
      this.values = [];
      let pressed = false;
      host.addEventListener("pointerdown", (event) => {
        if (event.button) return;
        pressed = true;
        const place = this.placeAt(event);
        if (!place) return;
        // A finger that paints or draws the window along would else stay with its first cell.
        if (/** @type {Element} */ (event.target).hasPointerCapture?.(event.pointerId)) {
          /** @type {Element} */ (event.target).releasePointerCapture(event.pointerId);
        }
        if (this.painting) this.tell("paint", place, "start");
        else if (event.pointerType !== "mouse") this.tell("look", place, "touch");
      });
      host.addEventListener("pointermove", (event) => {
        const place = this.placeAt(event);
        if (this.painting) {
          if (pressed && event.buttons && place) this.tell("paint", place, "drag");
        } else if (event.pointerType === "mouse" || pressed) {
          this.tell("look", place, event.pointerType);
        }
      });
      host.addEventListener("pointerup", (event) => {
        const touched = pressed && event.pointerType !== "mouse";
        pressed = false;
        const place = this.placeAt(event);
        // The window stays where the finger has left it.
        if (touched && !this.painting && place) this.tell("choose", place, "pointer");
        this.tell("end", null, "pointer");
      });
      host.addEventListener("pointercancel", () => { pressed = false; this.tell("look", null, "pointer"); });
      host.addEventListener("pointerleave", (event) => {
        if (event.pointerType !== "mouse") pressed = false;
        this.tell("look", null, "pointer");
      });
      host.addEventListener("click", (event) => {
        const place = this.placeAt(event);
        if (!place) return;
        // A pointer has painted already; what comes from the keyboard has no count of clicks.
        if (!this.painting) this.tell("choose", place, "pointer");
        else if (event.detail === 0) this.tell("paint", place, "key");
      });
      host.addEventListener("keydown", (event) => {
        const next = this.values.length ? moved(event, this.current, /** @type {Place} */ (sizeOf(this.values))) : null;
        if (!next) return;
        event.preventDefault();
        this.tell("choose", next, "key");
        this.focus();
      });
    }

    /** @param {boolean} painting */
    setPainting(painting) {
      this.painting = painting;
      this.host.classList.toggle("painting", painting);
    }

    /** @param {MouseEvent} event @returns {Place | null} */
    placeAt(event) { void event; return null; }
    focus() {}
  }

  class TableGrid extends Surface {
    /** @param {(what: string, place: Place | null, by: string) => void} tell */
    constructor(tell) {
      const table = make("table");
      super(table, tell);
      this.table = table;
      /** @type {Map<string, HTMLTableCellElement>} */
      this.cells = new Map();
      /** What each cell shows. @type {Map<HTMLTableCellElement, string>} */
      this.looks = new Map();
      /** @type {HTMLTableCellElement[]} */
      this.marked = [];
      this.shape = "";
    }

    /** @param {Grid} values @param {Options} options */
    show(values, options) {
      this.options = options;
      this.values = values;
      const { padding } = options;
      const [rows, columns] = sizeOf(values);
      const shape = `${rows},${columns},${padding}`;
      if (shape !== this.shape) this.build(rows, columns, padding);
      this.shape = shape;
      const largest = Math.max(...values.flat().map(Math.abs), 1e-9);
      values.forEach((line, row) => line.forEach((value, column) => {
        const cell = /** @type {HTMLTableCellElement} */ (this.cells.get(`${row},${column}`));
        const text = twoDecimals(value), share = Math.round((options.signed ? 40 : 16) * Math.abs(value) / largest);
        const tint = !options.signed ? "bright" : value > 0 ? "positive" : value < 0 ? "negative" : "";
        // Most numbers stay when one is changed, and a browser is slow with hundreds of cells.
        const looks = `${text} ${share} ${tint}`;
        if (this.looks.get(cell) === looks) return;
        this.looks.set(cell, looks);
        const button = /** @type {HTMLButtonElement} */ (cell.firstElementChild);
        button.textContent = text;
        button.setAttribute("aria-label", fill(options.cell, { row, column, value: text }));
        cell.style.setProperty("--share", `${share}%`);
        cell.classList.remove("bright", "positive", "negative");
        if (tint) cell.classList.add(tint);
      }));
    }

    /** @param {number} rows @param {number} columns @param {number} padding */
    build(rows, columns, padding) {
      this.cells.clear();
      this.looks.clear();
      this.marked = [];
      /** @param {number} index @param {number} size @param {string} scope */
      const header = (index, size, scope) => (index < 0 || index >= size ? make("td", { class: "edge" }) :
        make("th", { scope, class: "edge" }, [String(index)]));
      const head = make("tr", {}, [make("td", { class: "edge" })]);
      for (let column = -padding; column < columns + padding; column += 1) head.append(header(column, columns, "col"));
      const lines = [head];
      for (let row = -padding; row < rows + padding; row += 1) {
        const line = make("tr", {}, [header(row, rows, "row")]);
        for (let column = -padding; column < columns + padding; column += 1) {
          const inside = row >= 0 && column >= 0 && row < rows && column < columns;
          const cell = make("td", { "data-row": String(row), "data-column": String(column) },
            inside ? [make("button", { type: "button", tabindex: "-1" })] : ["0"]);
          if (!inside) cell.className = "padding";
          this.cells.set(`${row},${column}`, cell);
          line.append(cell);
        }
        lines.push(line);
      }
      this.table.replaceChildren(...lines);
      this.table.classList.toggle("broad", columns + 2 * padding > 8);
    }

    /** @param {Mark[]} marks */
    mark(marks) {
      for (const cell of this.marked) {
        cell.classList.remove("seen", "now", "reached", "joined");
        delete cell.dataset.pair;
      }
      this.marked = [];
      for (const { row, column, kind, label } of marks) {
        const cell = this.cells.get(`${row},${column}`);
        if (!cell) continue;
        cell.classList.add(kind);
        if (label) cell.dataset.pair = label;
        this.marked.push(cell);
      }
    }

    /** Make a place the one that Tab leads to, and say whether it is chosen.
     *  @param {Place} place @param {boolean} chosen */
    setCurrent(place, chosen) {
      for (const [where, isNow] of /** @type {[Place, boolean][]} */ ([[this.current, false], [place, true]])) {
        const button = this.button(where);
        button?.setAttribute("tabindex", isNow ? "0" : "-1");
        button?.setAttribute("aria-pressed", String(isNow && chosen));
      }
      this.current = place;
    }

    /** @param {Place} place @returns {HTMLButtonElement | null | undefined} */
    button([row, column]) {
      return this.cells.get(`${row},${column}`)?.querySelector("button");
    }

    focus() { this.button(this.current)?.focus(); }

    /** @param {MouseEvent} event @returns {Place | null} */
    placeAt(event) {
      // A finger keeps its first cell as the target, so ask what lies below it now.
      const under = event.type === "click" ? event.target : document.elementFromPoint(event.clientX, event.clientY);
      const cell = /** @type {Element | null} */ (under)?.closest?.("td");
      if (!cell || !this.table.contains(cell) || !cell.querySelector("button")) return null;
      return [Number(cell.dataset.row), Number(cell.dataset.column)];
    }
  }

  /** Pixels for one cell: enough for a screen with two pixels for one. */
  const CELL = 18;

  class CanvasGrid extends Surface {
    /** @param {(what: string, place: Place | null, by: string) => void} tell */
    constructor(tell) {
      const canvas = make("canvas", { tabindex: "0", role: "application" });
      super(canvas, tell);
      this.canvas = canvas;
      this.base = document.createElement("canvas");
      /** @type {Mark[]} */
      this.marks = [];
      canvas.addEventListener("keydown", (event) => {
        if (!["Enter", " "].includes(event.key) || !this.values.length) return;
        event.preventDefault();
        this.tell(this.painting ? "paint" : "choose", this.current, "key");
      });
    }

    /** @param {Grid} values @param {Options} options */
    show(values, options) {
      this.options = options;
      this.values = values;
      const [rows, columns] = sizeOf(values);
      const { padding } = options;
      this.canvas.setAttribute("aria-label", options.name);
      for (const canvas of [this.canvas, this.base]) {
        canvas.width = (columns + 2 * padding) * CELL;
        canvas.height = (rows + 2 * padding) * CELL;
      }
      this.canvas.style.setProperty("--columns", String(columns + 2 * padding));
      this.colours();
    }

    /** Draw the numbers again, in the colours that the page has now. */
    colours() {
      const pen = this.base.getContext("2d");
      if (!pen || !this.options) return;
      const style = getComputedStyle(this.canvas);
      /** @param {string} name */
      const colour = (name) => style.getPropertyValue(name).trim();
      this.ink = { mark: colour("--conv-window"), around: colour("--conv-around") };
      const { signed, padding } = this.options;
      pen.clearRect(0, 0, this.base.width, this.base.height);
      const sizes = this.values.flat().map(Math.abs);
      const largest = Math.max(...sizes, signed ? 1e-9 : 1);
      const positive = colour("--conv-positive"), negative = colour("--conv-negative");
      if (padding) {
        pen.fillStyle = colour("--conv-padding");
        pen.fillRect(0, 0, this.base.width, this.base.height);
      }
      this.values.forEach((line, row) => line.forEach((value, column) => {
        const share = Math.abs(value) / largest;
        const x = (column + padding) * CELL, y = (row + padding) * CELL;
        if (signed) {
          pen.clearRect(x, y, CELL, CELL);
          pen.globalAlpha = share;
          pen.fillStyle = value < 0 ? negative : positive;
        } else {
          // Grey levels as in all figures: 0 is black, whatever the page's colours are.
          const grey = Math.round(255 * (value < 0 ? 0 : share));
          pen.fillStyle = `rgb(${grey} ${grey} ${grey})`;
        }
        pen.fillRect(x, y, CELL, CELL);
        pen.globalAlpha = 1;
      }));
      this.paint();
    }

    /** @param {Mark[]} marks */
    mark(marks) {
      this.marks = marks;
      this.paint();
    }

    paint() {
      const pen = this.canvas.getContext("2d");
      if (!pen || !this.options || !this.ink) return;
      const { padding } = this.options;
      pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
      pen.drawImage(this.base, 0, 0);
      if (!this.marks.length) return;
      // All cells are tinted, and one frame lies around them.
      const rows = this.marks.map(({ row }) => row + padding), columns = this.marks.map(({ column }) => column + padding);
      const top = Math.min(...rows), left = Math.min(...columns);
      const height = Math.max(...rows) - top + 1, width = Math.max(...columns) - left + 1;
      pen.fillStyle = this.ink.mark;
      pen.globalAlpha = this.marks.length === width * height && this.marks.length < 30 ? 0.15 : 0.45;
      this.marks.forEach((_, index) => pen.fillRect(columns[index] * CELL, rows[index] * CELL, CELL, CELL));
      pen.globalAlpha = 1;
      for (const [colour, thick] of /** @type {[string, number][]} */ ([[this.ink.around, 7], [this.ink.mark, 4]])) {
        pen.strokeStyle = colour;
        pen.lineWidth = thick;
        pen.strokeRect(left * CELL, top * CELL, width * CELL, height * CELL);
      }
    }

    /** @param {Place} place */
    setCurrent(place) { this.current = place; }
    focus() { this.canvas.focus(); }

    /** @param {MouseEvent} event @returns {Place | null} */
    placeAt(event) {
      const box = this.canvas.getBoundingClientRect(), padding = this.options?.padding ?? 0;
      const [rows, columns] = sizeOf(this.values);
      if (!box.width) return null;
      const row = Math.floor(((event.clientY - box.top) / box.height) * (rows + 2 * padding)) - padding;
      const column = Math.floor(((event.clientX - box.left) / box.width) * (columns + 2 * padding)) - padding;
      return row >= 0 && column >= 0 && row < rows && column < columns ? [row, column] : null;
    }
  }

  window.cnnbook.convGrids = { TableGrid, CanvasGrid };
})();
