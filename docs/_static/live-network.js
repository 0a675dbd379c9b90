// @ts-check
/**
 * The lecture's trained CNN and its random start, in the reader's browser: <live-network>.
 * The numbers come from network-arithmetic.js, the texts from docs/_ext/live_network.py.
 */
(() => {
  "use strict";

  const { make, fill, network, drawing: draw, painting, networkData } = window.cnnbook;
  const { GAP, paintGrey, paintSigns, largestMagnitude } = painting;
  const { SIZE, CHANNELS, WINDOWS, POOLED, PATCH } = network;

  const NETWORKS = /** @type {const} */ (["trained", "untrained"]);
  const STAGES = ["convolved", "activated", "pooled"];
  const TOOLS = ["move", "cover", "draw"];
  const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const PLACES = SIZE - PATCH + 1;
  const FURTHEST = 14;  // Pixels that an image can be moved; half of it is then gone.
  const BRUSH = 1.25;  // Radius, in pixels of the image.
  const UNDO = 30;
  // Canvas pixels for each pixel of the image, and for each feature map with its gap.
  const ZOOM = 18, MAP = 56;

  /** @param {number} value @param {number} low @param {number} high */
  const within = (value, low, high) => Math.min(high, Math.max(low, value));

  /** @param {number} value */
  const written = (value) => value.toFixed(2).replace(/^-(0\.00)$/, "$1");

  let count = 0;
  /** @type {{ nets: object[], images: Float32Array[], box: object } | undefined} */
  let decoded;

  /** Weights and images, read once for all elements of a page. */
  function data() {
    if (!decoded) {
      const images = network.readImages(networkData.images);
      decoded = {
        nets: NETWORKS.map((name) => network.readNetwork(networkData.networks[name])),
        images, box: draw.usualBox(images),
      };
    }
    return decoded;
  }

  class LiveNetwork extends HTMLElement {
    connectedCallback() {
      if (this.dataset.ready) return;
      this.dataset.ready = "true";
      this.texts = JSON.parse(this.querySelector("script")?.textContent ?? "{}");
      if (!networkData) {
        this.replaceChildren(make("p", { class: "missing" }, [this.texts.not_run]));
        this.dataset.ready = "empty";
        return;
      }
      this.idPrefix = `live-network-${(count += 1)}`;
      this.index = 90;
      this.tool = "move";
      this.stage = 1;
      this.fill = 0;
      this.grey = 0.6;
      this.drawn = false;  // Whether the network sees the drawing.
      this.sketch = new Float32Array(draw.FINE ** 2);
      /** @type {Float32Array[]} */
      this.earlier = [];
      this.brush = { row: 14, column: 14, down: false };
      this.place = { row: 12, column: 12 };
      this.reset();
      this.build();
      this.showTool();
      this.show();
      // The colours of the maps are those of the page.
      this.watch = new MutationObserver(() => this.paint());
      this.watch.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    }

    disconnectedCallback() {
      this.watch?.disconnect();
    }

    /** @param {string} name @param {Record<string, string | number>} [values] */
    say(name, values = {}) {
      return fill(this.texts[name], values);
    }

    reset() {
      this.down = this.right = 0;
      this.mirrored = false;
    }

    // --- Parts ---------------------------------------------------------------------------------

    /** @param {string} name @param {() => void} act @param {Record<string, string>} [attributes] */
    button(name, act, attributes = {}) {
      const made = make("button", { type: "button", ...attributes }, [this.say(name)]);
      made.addEventListener("click", act);
      return made;
    }

    /** A choice of which all are in sight.
     *  @param {string} legend @param {string[]} names @param {string} chosen
     *  @param {(name: string) => void} act */
    radios(legend, names, chosen, act) {
      const group = `${this.idPrefix}-${legend}`;
      return make("fieldset", {}, [make("legend", {}, [this.say(legend)]), ...names.map((name) => {
        const radio = make("input", { type: "radio", name: group, value: name });
        radio.checked = name === chosen;
        radio.addEventListener("change", () => act(name));
        return make("label", {}, [radio, this.say(name)]);
      })]);
    }

    /** @param {string} className @param {number} width @param {number} height */
    canvas(className, width, height) {
      return make("canvas", { class: className, role: "img", width: String(width), height: String(height) });
    }

    build() {
      this.setAttribute("role", "group");
      this.setAttribute("aria-label", this.say("title"));
      this.tools = this.radios("tools", TOOLS, this.tool, (name) => this.choose(name));
      this.help = make("p", { class: "help" });
      this.surface = make("canvas", {
        class: "surface", role: "application", tabindex: "0",
        width: String(SIZE * ZOOM), height: String(SIZE * ZOOM),
      });
      this.surface.addEventListener("keydown", (event) => this.key(event));
      this.surface.addEventListener("blur", () => this.liftBrush());
      for (const name of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
        this.surface.addEventListener(name, (event) => this.pointer(/** @type {PointerEvent} */ (event)));
      }
      this.actions = this.buildActions();
      this.position = make("p", { class: "position" });
      this.result = make("p", { class: "result", role: "status" });
      this.stages = this.radios("stage", STAGES, STAGES[this.stage], (name) => {
        this.stage = STAGES.indexOf(name);
        this.paint();
      });
      this.mapFigures = NETWORKS.map(() => this.figure("maps", 8 * MAP - GAP, 2 * MAP - GAP));
      this.voteFigures = NETWORKS.map(() => this.figure("grid", 13 * 12, 13 * 12));
      this.dropFigures = NETWORKS.map(() => this.figure("grid", 24 * 7, 24 * 7));
      this.scale = make("p", { class: "note" });
      this.votesTitle = make("p", { class: "heading" });
      this.dropsTitle = make("p", { class: "heading" });
      this.replaceChildren(
        ...(networkData.drawn ? [make("p", { class: "note" }, [this.say("drawn")])] : []),
        this.tools, this.help,
        make("div", { class: "columns" }, [
          make("div", { class: "input" }, [
            this.surface, this.position, ...Object.values(this.actions), this.buildImages()]),
          make("div", { class: "output" }, [
            this.result, this.buildScores(), this.stages, ...this.mapFigures.map((one) => one.root), this.scale]),
        ]),
        make("div", { class: "columns class" }, [
          make("div", {}, [this.votesTitle, make("div", { class: "pair" }, this.voteFigures.map((one) => one.root))]),
          make("div", {}, [this.dropsTitle, make("div", { class: "pair" }, this.dropFigures.map((one) => one.root))]),
        ]));
    }

    /** @param {string} className @param {number} width @param {number} height */
    figure(className, width, height) {
      const canvas = this.canvas(className, width, height), caption = make("figcaption");
      return { canvas, caption, root: make("figure", {}, [caption, canvas]) };
    }

    buildActions() {
      /** @param {string} name */
      const arrow = (name) => {
        const [down, right] = ARROWS[`Arrow${name[0].toUpperCase()}${name.slice(1)}`];
        return this.button(name, () => this.move(down, right));
      };
      this.mirrorButton = this.button("mirror", () => {
        this.mirrored = !this.mirrored;
        this.update();
      }, { "aria-pressed": "false" });
      const patch = this.radios("patch", ["black", "grey"], "black", (name) => {
        this.fill = name === "black" ? 0 : 0.5;
        this.update();
      });
      const id = `${this.idPrefix}-brush`;
      this.brushLabel = make("label", { for: id });
      this.brushField = make("input", { id, type: "range", min: "0", max: "1", step: "0.1", value: String(this.grey) });
      this.brushField.addEventListener("input", () => {
        this.grey = Number(this.brushField.value);
        this.nameBrush();
      });
      this.nameBrush();
      this.preview = this.canvas("preview", SIZE * 2, SIZE * 2);
      this.preview.setAttribute("aria-label", this.say("prepared"));
      this.undoButton = this.button("undo", () => this.undo());
      this.clearButton = this.button("clear", () => this.clear());
      return {
        move: make("div", { class: "actions" }, [
          ...["left", "right", "up", "down"].map(arrow), this.mirrorButton,
          this.button("reset", () => { this.reset(); this.update(); })]),
        cover: make("div", { class: "actions" }, [patch]),
        draw: make("div", { class: "actions" }, [
          make("div", { class: "brush" }, [this.brushLabel, this.brushField]), this.undoButton, this.clearButton,
          make("div", { class: "seen", "aria-hidden": "true" }, [this.preview, make("span", {}, [this.say("prepared")])])]),
      };
    }

    nameBrush() {
      const percent = Math.round(this.grey * 100);
      this.brushLabel.textContent = this.say(percent ? "brush" : "eraser", { percent });
    }

    buildImages() {
      const { images } = data();
      const sheet = make("canvas", { width: String(10 * SIZE), height: String(Math.ceil(images.length / 10) * SIZE) });
      const context = /** @type {CanvasRenderingContext2D} */ (sheet.getContext("2d"));
      const one = make("canvas", { width: String(SIZE), height: String(SIZE) });
      images.forEach((image, at) => {
        paintGrey(one, image, SIZE);
        context.drawImage(one, at % 10 * SIZE, Math.floor(at / 10) * SIZE);
      });
      const address = `url(${sheet.toDataURL()})`, rows = Math.ceil(images.length / 10);
      this.buttons = images.map((_, at) => {
        const kind = networkData.classes[networkData.labels[at]];
        const made = make("button", { type: "button", "aria-label": this.say("image", { kind, number: at % 10 + 1 }), title: kind });
        made.style.backgroundImage = address;
        made.style.backgroundPosition = `${at % 10 / 9 * 100}% ${Math.floor(at / 10) / (rows - 1) * 100}%`;
        made.addEventListener("click", () => this.pick(at));
        return made;
      });
      const grid = make("div", { class: "images" }, this.buttons);
      grid.addEventListener("keydown", (event) => {
        const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -10, ArrowDown: 10 }[event.key];
        if (by === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        const next = this.index + by;
        if (next >= 0 && next < images.length) {
          this.pick(next);
          this.buttons[next].focus();
        }
      });
      return make("fieldset", { class: "picker" }, [make("legend", {}, [this.say("images")]), grid]);
    }

    buildScores() {
      const name = `${this.idPrefix}-class`;
      this.rows = networkData.classes.map((kind, at) => {
        const radio = make("input", { type: "radio", name, value: String(at) });
        radio.addEventListener("change", () => { this.kind = at; this.update(); });
        const cells = NETWORKS.map(() => {
          const [bar, score, percent] = ["bar", "number", "number"].map((name) => make("span", { class: name }));
          const track = make("span", { class: "track" }, [bar]);
          return { bar, score, percent, root: make("td", {}, [make("div", {}, [track, score, " ", percent])]) };
        });
        const head = make("th", { scope: "row" }, [make("label", {}, [radio, make("span", {}, [kind])])]);
        return { radio, cells, root: make("tr", {}, [head, ...cells.map((cell) => cell.root)]) };
      });
      return make("table", { class: "scores" }, [
        make("caption", { class: "visually-hidden" }, [this.say("scores")]),
        make("thead", {}, [make("tr", {}, ["class", "trained_head", "untrained_head"].map((word) =>
          make("th", { scope: "col" }, [this.say(word)])))]),
        make("tbody", {}, this.rows.map((row) => row.root))]);
    }

    // --- What the reader does ------------------------------------------------------------------

    /** @param {string} tool */
    choose(tool) {
      this.liftBrush();
      this.tool = tool;
      if (tool === "draw" && !this.drawn) {
        this.drawn = true;
        this.reset();
        this.kind = undefined;
      } else if (tool !== "draw" && this.drawn && !draw.prepared(this.sketch, data().box)) {
        // There is no drawing to be moved or covered.
        this.drawn = false;
        this.kind = undefined;
      }
      if (tool === "draw") this.reset();
      this.showTool();
      this.update();
    }

    showTool() {
      for (const radio of this.tools.querySelectorAll("input")) radio.checked = radio.value === this.tool;
      for (const [name, part] of Object.entries(this.actions)) part.hidden = name !== this.tool;
      const { correct, labels, shift } = networkData;
      const counts = Object.fromEntries(Object.entries(correct).map(([name, [trained]]) => [name, trained]));
      this.help.replaceChildren(this.say(`${this.tool}_help`, { ...counts, count: labels.length, shift, patch: PATCH }));
      if (this.tool === "draw") this.help.append(make("span", { class: "warning" }, [this.say("draw_warning")]));
      this.surface.setAttribute("aria-label", this.say(`canvas_${this.tool}`));
    }

    /** @param {number} index */
    pick(index) {
      this.liftBrush();
      this.index = index;
      this.drawn = false;
      this.kind = undefined;
      this.reset();
      if (this.tool === "draw") this.tool = "move";
      this.showTool();
      this.update();
    }

    /** Move what the tool moves. @param {number} down @param {number} right */
    move(down, right) {
      if (this.tool === "move") {
        this.down = within(this.down + down, -FURTHEST, FURTHEST);
        this.right = within(this.right + right, -FURTHEST, FURTHEST);
      } else if (this.tool === "cover") {
        this.place.row = within(this.place.row + down, 0, PLACES - 1);
        this.place.column = within(this.place.column + right, 0, PLACES - 1);
      } else {
        const { row, column, down: drawing } = this.brush;
        this.brush.row = within(row + down, 0, SIZE - 1);
        this.brush.column = within(column + right, 0, SIZE - 1);
        if (drawing) this.stroke([column + 0.5, row + 0.5], [this.brush.column + 0.5, this.brush.row + 0.5]);
      }
      this.update();
    }

    /** @param {KeyboardEvent} event */
    key(event) {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      const by = ARROWS[event.key];
      if (by) {
        event.preventDefault();
        this.move(by[0], by[1]);
      } else if (event.key === " " && this.tool === "draw") {
        event.preventDefault();
        if (this.brush.down) {
          this.liftBrush();
        } else {
          this.lowerBrush();
          const at = /** @type {[number, number]} */ ([this.brush.column + 0.5, this.brush.row + 0.5]);
          this.stroke(at, at);
        }
        this.update();
      }
    }

    /** @param {PointerEvent} event */
    pointer(event) {
      const edge = this.surface.getBoundingClientRect();
      const x = (event.clientX - edge.left) / edge.width * SIZE, y = (event.clientY - edge.top) / edge.height * SIZE;
      if (event.type === "pointerdown" && event.button === 0 && !this.drag) {
        this.surface.setPointerCapture(event.pointerId);
        this.drag = { id: event.pointerId, x, y, down: this.down, right: this.right };
        // While something is dragged, a screen reader would never finish.
        this.result.setAttribute("aria-live", "off");
        if (this.tool === "draw") {
          this.liftBrush();
          this.lowerBrush();
          this.stroke([x, y], [x, y]);
        }
      } else if (!this.drag || event.pointerId !== this.drag.id) {
        return;
      } else if (event.type === "pointermove") {
        if (this.tool === "draw") {
          this.stroke([this.drag.x, this.drag.y], [x, y]);
          Object.assign(this.drag, { x, y });
        } else if (this.tool === "move") {
          this.down = within(this.drag.down + Math.round(y - this.drag.y), -FURTHEST, FURTHEST);
          this.right = within(this.drag.right + Math.round(x - this.drag.x), -FURTHEST, FURTHEST);
        }
      } else {
        this.drag = undefined;
        this.result.setAttribute("aria-live", "polite");
        this.liftBrush();
      }
      if (this.tool === "cover" && this.drag) {
        this.place = {
          row: within(Math.round(y - PATCH / 2), 0, PLACES - 1),
          column: within(Math.round(x - PATCH / 2), 0, PLACES - 1),
        };
      }
      this.update();
    }

    // --- Drawing -------------------------------------------------------------------------------

    lowerBrush() {
      this.earlier.push(Float32Array.from(this.sketch));
      if (this.earlier.length > UNDO) this.earlier.shift();
      this.brush.down = true;
      this.outside = draw.outside(this.sketch);
    }

    /** @param {[number, number]} from Column and row, in pixels of the image. @param {[number, number]} to */
    stroke(from, to) {
      const fine = draw.FINE / SIZE;
      const [first, last] = [from, to].map(([x, y]) => /** @type {[number, number]} */ ([x * fine, y * fine]));
      draw.line(this.sketch, first, last, BRUSH * fine, this.grey);
    }

    liftBrush() {
      if (!this.brush.down) return;
      this.brush.down = false;
      if (this.grey > 0) draw.fillEnclosed(this.sketch, this.outside, this.grey);
      this.update();
    }

    undo() {
      this.liftBrush();
      this.sketch = this.earlier.pop() ?? this.sketch;
      this.update();
    }

    clear() {
      this.liftBrush();
      if (this.sketch.some((grey) => grey > 0)) this.earlier.push(this.sketch);
      this.sketch = new Float32Array(draw.FINE ** 2);
      this.update();
    }

    // --- What the reader sees ------------------------------------------------------------------

    /** The image or the drawing, mirrored and moved; null if nothing is drawn.
     *  @returns {Float32Array | null} */
    moved() {
      const { images, box } = data();
      const image = this.drawn ? draw.prepared(this.sketch, box) : images[this.index];
      return image && network.shifted(this.mirrored ? network.mirrored(image) : image, this.down, this.right);
    }

    /** The drops are those of the image without the patch; while the patch moves they stay.
     *  @param {number} kind */
    updateDrops(kind) {
      const image = /** @type {Float32Array} */ (this.uncovered), known = this.known;
      if (known && known.kind === kind && known.fill === this.fill
        && image.every((grey, at) => grey === known.image[at])) return;
      this.known = { kind, fill: this.fill, image };
      this.drops = data().nets.map((net) => network.occlusion(net, image, kind, this.fill));
    }

    /** Something has changed: show it with the next frame, once for all that happens until then. */
    update() {
      this.frame ??= requestAnimationFrame(() => this.show());
    }

    /** Compute everything again, and show it. */
    show() {
      if (this.frame !== undefined) cancelAnimationFrame(this.frame);
      this.frame = undefined;
      const { nets } = data();
      this.uncovered = this.moved();
      // What both networks see.
      this.input = this.uncovered && this.tool === "cover"
        ? network.patched(this.uncovered, { ...this.place, fill: this.fill }) : this.uncovered;
      this.outputs = this.input && nets.map((net) => {
        const output = network.forward(net, this.input);
        return { ...output, probabilities: network.softmax(output.scores), best: network.indexOfLargest(output.scores) };
      });
      if (this.outputs) {
        const kind = this.shownKind = this.kind ?? this.outputs[0].best;
        this.votes = nets.map((net, at) => network.votes(net, this.outputs[at].pooled, kind));
        this.updateDrops(kind);
      }
      this.paint();
      this.write();
    }

    colours() {
      const style = getComputedStyle(this);
      return ["--network-positive", "--network-negative"].map((name) => style.getPropertyValue(name).trim());
    }

    paint() {
      this.paintSurface();
      const colours = this.colours();
      const all = this.outputs?.map((output) => output[STAGES[this.stage]]) ?? [[], []];
      const width = STAGES[this.stage] === "pooled" ? POOLED : WINDOWS;
      const largest = Math.max(...all.map(largestMagnitude));
      this.scale.textContent = this.outputs ? this.say("maps_scale", { largest: written(largest) }) : "";
      NETWORKS.forEach((name, at) => {
        const maps = this.mapFigures[at], votes = this.voteFigures[at], drops = this.dropFigures[at];
        const here = this.outputs ? all[at] : [];
        paintSigns(maps.canvas, here, width, largest, colours, 8);
        maps.caption.textContent = this.say("maps", { network: this.say(name), size: width });
        const active = Array.from({ length: CHANNELS }, (_, channel) =>
          Array.from(here.slice(channel * width ** 2, (channel + 1) * width ** 2)).some((value) => value > 0));
        maps.canvas.setAttribute("aria-label", this.say("maps_label", {
          network: this.say(name), stage: this.say(STAGES[this.stage]),
          active: active.filter(Boolean).length, largest: written(largestMagnitude(here)),
        }));
        this.paintClass(votes, this.outputs ? this.votes[at] : [], POOLED, colours, at);
        this.paintClass(drops, this.outputs ? this.drops[at] : [], PLACES, colours, at);
      });
    }

    /** @param {{ canvas: HTMLCanvasElement, caption: HTMLElement }} figure
     *  @param {ArrayLike<number>} values @param {number} width @param {string[]} colours @param {number} at */
    paintClass({ canvas, caption }, values, width, colours, at) {
      paintSigns(canvas, values, width, largestMagnitude(values), colours, 1);
      const sizes = { network: this.say(NETWORKS[at]), largest: written(largestMagnitude(values)) };
      if (!this.outputs) {
        caption.textContent = sizes.network;
      } else if (width === POOLED) {
        const bias = data().nets[at].scoreBiases[this.shownKind];
        const points = Array.from(values).reduce((sum, value) => sum + value, 0);
        caption.textContent = this.say("votes_sum", {
          ...sizes, points: written(points), bias: written(bias),
          score: written(this.outputs[at].scores[this.shownKind]),
        });
      } else {
        const where = network.indexOfLargest(values), top = Math.floor(where / PLACES), left = where % PLACES;
        caption.textContent = this.say("drops_largest", {
          ...sizes, largest: written(values[where]), top, left, bottom: top + PATCH - 1, right: left + PATCH - 1,
        });
      }
      canvas.setAttribute("aria-label", caption.textContent ?? "");
    }

    paintSurface() {
      const drawing = this.tool === "draw", blank = new Float32Array(SIZE ** 2);
      const context = drawing ? paintGrey(this.surface, this.sketch, draw.FINE)
        : paintGrey(this.surface, this.input ?? blank, SIZE);
      paintGrey(this.preview, this.input ?? blank, SIZE);
      context.lineWidth = 4;
      context.strokeStyle = "#e69f00";
      if (this.tool === "cover") {
        const { row, column } = this.place;
        context.strokeRect(column * ZOOM - 2, row * ZOOM - 2, PATCH * ZOOM + 4, PATCH * ZOOM + 4);
      } else if (drawing && !this.drag) {
        context.beginPath();
        context.arc((this.brush.column + 0.5) * ZOOM, (this.brush.row + 0.5) * ZOOM, BRUSH * ZOOM, 0, 2 * Math.PI);
        context.stroke();
      }
    }

    /** Everything that is text. */
    write() {
      this.markImage();
      this.mirrorButton.setAttribute("aria-pressed", String(this.mirrored));
      this.undoButton.disabled = !this.earlier.length;
      const { row, column } = this.tool === "draw" ? this.brush : this.place;
      const isMoved = this.down !== 0 || this.right !== 0;
      this.position.textContent = this.tool === "move"
        ? this.say(isMoved ? "position" : "position_unmoved", { down: this.down, right: this.right })
        : this.tool === "draw" ? this.say(this.brush.down ? "brush_down" : "brush_up", { row, column })
        : this.say("patch_position", { top: row, bottom: row + PATCH - 1, left: column, right: column + PATCH - 1 });
      const { outputs } = this;
      this.result.textContent = outputs ? this.sentence(outputs) : this.say("empty");
      const scores = outputs?.flatMap((output) => output.scores) ?? [0];
      const low = Math.min(0, ...scores), high = Math.max(0, ...scores), span = high - low || 1;
      this.rows.forEach(({ radio, cells, root }, kind) => {
        radio.checked = outputs !== null && kind === this.shownKind;
        radio.disabled = !outputs;
        root.classList.toggle("chosen", radio.checked);
        cells.forEach(({ bar, score: number, percent, root: cell }, at) => {
          const output = outputs?.[at], score = output?.scores[kind] ?? 0;
          cell.classList.toggle("best", output?.best === kind);
          bar.classList.toggle("negative", score < 0);
          bar.style.left = `${(Math.min(score, 0) - low) / span * 100}%`;
          bar.style.width = `${Math.abs(score) / span * 100}%`;
          number.textContent = output ? written(score) : "";
          percent.textContent = output
            ? this.say("percent", { percent: (output.probabilities[kind] * 100).toFixed(1) }) : "";
        });
      });
      const kind = networkData.classes[this.shownKind];
      this.votesTitle.textContent = outputs ? this.say("votes", { kind }) : this.say("choose");
      this.dropsTitle.textContent = outputs ? this.say(this.fill ? "drops_grey" : "drops_black", { kind }) : "";
    }

    /** Mark the image that is shown, if it is another than before. */
    markImage() {
      const marked = `${this.index} ${this.drawn}`;
      if (this.marked === marked) return;
      this.marked = marked;
      const chosen = this.buttons[this.index], grid = /** @type {HTMLElement} */ (chosen.parentElement);
      // On a narrow screen the images are scrolled.
      const above = chosen.offsetTop - grid.offsetTop, below = above + chosen.offsetHeight - grid.clientHeight;
      grid.scrollTop = within(grid.scrollTop, below, above);
      this.buttons.forEach((button, at) => {
        button.tabIndex = at === this.index ? 0 : -1;
        button.setAttribute("aria-pressed", String(at === this.index && !this.drawn));
      });
    }

    /** @param {{ best: number, probabilities: number[] }[]} outputs */
    sentence([trained, untrained]) {
      const percent = (/** @type {{ best: number, probabilities: number[] }} */ { best, probabilities }) =>
        (probabilities[best] * 100).toFixed(1);
      const { classes, labels } = networkData;
      return this.say(this.drawn ? "result_drawing" : "result", {
        actual: classes[labels[this.index]], trained: classes[trained.best], untrained: classes[untrained.best],
        trained_percent: percent(trained), untrained_percent: percent(untrained),
      });
    }
  }
  customElements.define("live-network", LiveNetwork);
})();
