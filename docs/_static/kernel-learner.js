// @ts-check
/**
 * <kernel-learner>: page 16's experiment. Two weights are learned by gradient descent, step by step.
 * The page contains the images (docs/_ext/kernel_learner.py); learner-arithmetic.js does the sums.
 */
(() => {
  "use strict";

  const { make, fill, readNumber, learner } = window.cnnbook;
  const texts = JSON.parse(document.currentScript?.dataset.texts ?? "{}");
  /** @param {string} name @param {Record<string, string | number>} [values] */
  const say = (name, values = {}) => fill(texts[name], values);

  // Milliseconds between two pictures of a run.
  const TICK = 40;
  // At most so many points of a curve are drawn.
  const POINTS = 400;
  // The size of the curve's picture, and the room for its numbers.
  const WIDTH = 320, HEIGHT = 190, LEFT = 46, RIGHT = 8, TOP = 20, BOTTOM = 22;

  /** @typedef {[number, number]} Kernel */

  /** A number with three decimals, or in powers of ten where they would say nothing.
   *  @param {number} value */
  function decimals(value) {
    if (!Number.isFinite(value) || Math.abs(value) >= 1000) return value.toExponential(2);
    return value.toFixed(3).replace(/^-(0\.000)$/, "$1");
  }

  /** A number with three digits. @param {number} value */
  function digits(value) {
    return value === 0 || (value >= 1e-4 && value < 1e5) ? String(Number(value.toPrecision(3)))
      : value.toExponential(2);
  }

  /** What a reader types as a number; NaN if it is none. @param {string} text */
  const read = (text) => readNumber(text) ?? NaN;

  /** @param {string} tag @param {Record<string, string | number>} attributes
   *  @param {(Node | string)[]} [children] */
  function svg(tag, attributes, children = []) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
    element.append(...children);
    return element;
  }

  class KernelLearner extends HTMLElement {
    connectedCallback() {
      if (this.dataset.ready) return;
      this.dataset.ready = "true";
      this.data = JSON.parse(this.querySelector("script")?.textContent ?? "{}");
      const { rows, columns } = this.data;
      this.images = { pixels: learner.decode(this.data.pixels), rows, columns };
      /** @type {number[]} The losses of the run before this one. */
      this.before = [];
      this.losses = [];
      this.build();
      this.restart();
    }

    disconnectedCallback() {
      clearInterval(this.timer);
    }

    build() {
      /** @param {string} name @param {() => void} act */
      const button = (name, act) => {
        const made = make("button", { type: "button" }, [say(name)]);
        made.addEventListener("click", act);
        return made;
      };
      /** @param {string} name @param {...HTMLElement} fields */
      const control = (name, ...fields) => {
        fields[0].id = `learner-${name}`;
        return make("div", { class: "control" },
          [make("label", { for: fields[0].id }, [say(name)]), ...fields]);
      };
      /** @param {string} value @param {string} name */
      const option = (value, name) => make("option", { value }, [name]);
      /** @param {string} value */
      const field = (value) => {
        const made = make("input", {
          type: "text", inputmode: "decimal", autocomplete: "off", value,
          "aria-describedby": "learner-complaint" });
        made.addEventListener("keydown", (event) => {
          if (event.key === "Enter" && !event.isComposing && !this.timer) this.run();
        });
        return made;
      };

      this.wanted = make("select", {}, Object.keys(this.data.wanted).map((one) => option(one, say(one))));
      this.wanted.addEventListener("change", () => this.restart());
      this.rate = field("1");
      this.slider = make("input", {
        type: "range", min: "0.1", max: "4", step: "0.1", value: "1", "aria-label": say("slider") });
      this.slider.addEventListener("input", () => {
        this.rate.value = this.slider.value;
        this.changed();
      });
      this.rate.addEventListener("input", () => {
        const rate = read(this.rate.value);
        if (rate > 0) this.slider.value = String(rate);
        this.changed();
      });
      this.steps = field("400");
      this.steps.addEventListener("input", () => this.complain(this.wrong()));
      this.complaint = make("p", { class: "complaint", id: "learner-complaint", role: "alert" });
      this.runner = button("run", () => (this.timer ? this.rest() : this.run()));
      this.image = make("select", {}, this.data.names.map(
        (/** @type {string} */ name, /** @type {number} */ at) =>
          option(String(at), say("image_name", { number: at + 1, name }))));
      this.image.addEventListener("change", () => this.draw());

      // Polite, and silent while a run is under way: it then says one sentence at its end.
      this.status = make("div", { class: "status", role: "status" });
      this.table = make("table");
      this.sums = make("div", { class: "sums" });
      this.curve = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
      /** @type {HTMLCanvasElement[]} */
      this.pictures = ["input", "output_wanted", "output_now"].map((_, at) => make("canvas", {
        role: "img", width: String(this.data.columns - (at ? 1 : 0)), height: String(this.data.rows) }));
      this.error = make("p", { class: "error" });

      this.setAttribute("role", "group");
      this.setAttribute("aria-labelledby", "learner-title");
      this.replaceChildren(
        make("p", { class: "title", id: "learner-title" }, [say("title")]),
        make("div", { class: "controls" }, [
          control("wanted", this.wanted), control("rate", this.rate, this.slider),
          control("steps", this.steps)]),
        this.complaint,
        make("div", { class: "buttons" }, [
          button("step", () => this.one()), this.runner, button("restart", () => this.restart())]),
        this.status,
        make("div", { class: "parts" }, [
          make("div", { class: "numbers" }, [this.table, this.sums]), this.curve]),
        control("image", this.image),
        make("div", { class: "pictures" }, ["input", "output_wanted", "output_now"].map((name, at) =>
          make("figure", {}, [make("figcaption", {}, [say(name)]), this.pictures[at]]))),
        this.error);
    }

    /** The kernel that is to be learned. @returns {Kernel} */
    target() {
      return this.data.wanted[this.wanted.value];
    }

    /** How many steps a run makes. */
    count() {
      return read(this.steps.value.replace(/,(?=\d{3}$)/, ""));
    }

    /** What is wrong with the fields, as a sentence; "" if nothing is. */
    wrong() {
      const rate = read(this.rate.value), steps = this.count();
      const rateWrong = !(rate > 0 && rate <= this.data.largest_rate);
      const stepsWrong = !(Number.isInteger(steps) && steps >= 1 && steps <= this.data.most_steps);
      this.rate.setAttribute("aria-invalid", String(rateWrong));
      this.steps.setAttribute("aria-invalid", String(stepsWrong));
      if (rateWrong && /^\s*\d*[,\uff0c]\d+\s*$/.test(this.rate.value)) return say("comma");
      if (rateWrong) return say("rate_wrong", { most: this.data.largest_rate });
      return stepsWrong ? say("steps_wrong", { most: this.data.most_steps }) : "";
    }

    /** @param {string} text @returns {boolean} Whether there was something to say. */
    complain(text) {
      if (this.complaint.textContent !== text) this.complaint.textContent = text;
      return text !== "";
    }

    /** With another learning rate the experiment starts again. */
    changed() {
      this.complain(this.wrong());
      if (this.rate.getAttribute("aria-invalid") === "true") this.rest();
      else this.restart();
    }

    restart() {
      this.complain(this.wrong());
      if (this.losses.length > 1) this.before = this.losses;
      /** @type {Kernel} */
      this.kernel = [...this.data.start];
      this.losses = [];
      this.measure();
      this.rest();
    }

    /** Compute loss and gradient of the present kernel. */
    measure() {
      const { loss, gradient } = learner.lossAndGradient(this.images, this.kernel, this.target());
      this.losses.push(loss);
      this.gradient = gradient;
    }

    diverged() {
      return this.losses[this.losses.length - 1] > this.data.largest_loss;
    }

    /** Make one step, unless the loss is too large for another. */
    step() {
      if (this.diverged()) return;
      this.kernel = learner.update(this.kernel, this.gradient, read(this.rate.value));
      this.measure();
    }

    /** The button "One step". */
    one() {
      if (!this.complain(this.wrong())) this.step();
      this.rest();
    }

    run() {
      if (this.complain(this.wrong())) return;
      let left = this.count();
      if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
        for (; left > 0; left -= 1) this.step();
        this.rest();
        return;
      }
      this.runner.textContent = say("pause");
      this.status.replaceChildren(make("p", {}, [say("running")]));
      let made = 0;
      this.timer = setInterval(() => {
        // The first steps change most, so they are shown one by one, and later ones in bunches.
        for (let count = Math.min(left, 1 + Math.floor(made / 20)); count > 0; count -= 1) {
          this.step();
          made += 1;
          left -= 1;
        }
        if (left <= 0 || this.diverged()) this.rest();
        else this.draw();
      }, TICK);
    }

    /** Stop, and say where the experiment stands. */
    rest() {
      clearInterval(this.timer);
      this.timer = undefined;
      this.runner.textContent = say("run");
      this.draw();
      const step = this.losses.length - 1, loss = this.losses[step];
      const [left, right] = this.kernel, target = this.target();
      const name = ["at_start", "now_one"][step] ?? "now";
      const lines = [say(name, {
        step, loss: digits(loss), left: decimals(left), right: decimals(right) })];
      // Where nearly nothing is left of the loss, it changes by rounding.
      const grew = loss > this.losses[step - 1] && loss > 1e-20;
      if (this.diverged()) lines.push(say("diverged", { limit: digits(this.data.largest_loss) }));
      else if (grew) lines.push(say("grew"));
      else if (Math.abs(left - target[0]) < 5e-4 && Math.abs(right - target[1]) < 5e-4) {
        lines.push(say("learned"));
      }
      this.status.replaceChildren(...lines.map((line) => make("p", {}, [line])));
      this.status.classList.toggle("warning", grew);
    }

    draw() {
      this.drawNumbers();
      this.drawCurve();
      this.drawPictures();
    }

    drawNumbers() {
      const sides = ["left", "right"];
      const target = this.target();
      /** @param {string} tag @param {string} text @param {Record<string, string>} [attributes] */
      const cell = (tag, text, attributes = {}) =>
        make(/** @type {"td"} */ (tag), attributes, [text]);
      this.table.replaceChildren(
        make("caption", {}, [say("weights", { step: this.losses.length - 1 })]),
        make("tr", {}, [make("td"), ...["target", "weight", "gradient"].map(
          (name) => cell("th", say(name), { scope: "col" }))]),
        ...sides.map((side, at) => make("tr", {}, [
          cell("th", say(side), { scope: "row" }), cell("td", String(target[at])),
          cell("td", decimals(this.kernel[at])), cell("td", decimals(this.gradient[at]))])));
      // Gradients below 0 are in brackets.
      const written = this.gradient.map((/** @type {number} */ one) =>
        one < 0 ? `(${decimals(one)})` : decimals(one));
      const rate = read(this.rate.value);
      const next = learner.update(this.kernel, this.gradient, rate);
      this.sums.replaceChildren(make("p", {}, [say("next")]), ...sides.map((side, at) =>
        make("p", { class: "sum" }, [rate > 0 ? say(`next_${side}`, {
          weight: decimals(this.kernel[at]), rate, gradient: written[at], next: decimals(next[at]),
        }) : ""])));
    }

    drawCurve() {
      const shown = [this.before, this.losses].map((losses) => losses.map(
        // 0 has no logarithm.
        (loss) => Math.log10(Math.max(loss, 1e-32))));
      const all = shown.flat();
      const low = Math.floor(Math.min(...all)), high = Math.max(Math.ceil(Math.max(...all)), low + 1);
      const last = Math.max(10, ...shown.map((losses) => losses.length - 1));
      const x = (/** @type {number} */ step) => LEFT + (WIDTH - LEFT - RIGHT) * step / last;
      const y = (/** @type {number} */ power) =>
        TOP + (HEIGHT - TOP - BOTTOM) * (high - power) / (high - low);
      /** @param {number} across @param {number} down @param {string} text @param {string} anchor */
      const label = (across, down, text, anchor) =>
        svg("text", { x: across, y: down, "text-anchor": anchor }, [text]);
      const parts = [label(4, 12, say("loss"), "start")];
      const every = Math.ceil((high - low) / 5);
      for (let power = low; power <= high; power += every) {
        const written = power >= -3 && power <= 3 ? String(Number(`1e${power}`)) : `1e${power}`;
        parts.push(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(power), y2: y(power) }),
          label(LEFT - 6, y(power) + 4, written, "end"));
      }
      parts.push(label(x(0), HEIGHT - 6, "0", "start"),
        label(x(last), HEIGHT - 6, say("axis", { step: last }), "end"));
      shown.forEach((losses, now) => {
        const thinned = Math.ceil(losses.length / POINTS);
        const points = losses.map((power, step) => `${x(step).toFixed(1)},${y(power).toFixed(1)}`)
          .filter((_, step) => step % thinned === 0 || step === losses.length - 1);
        parts.push(svg("polyline", { class: now ? "now" : "before", points: points.join(" ") }));
      });
      const now = shown[1];
      parts.push(svg("circle", { r: 3.5, cx: x(now.length - 1), cy: y(now[now.length - 1]) }));
      if (this.before.length) {
        parts.push(
          svg("line", { class: "now", x1: 70, x2: 90, y1: 8, y2: 8 }),
          label(95, 12, say("this_run"), "start"),
          svg("line", { class: "before", x1: 170, x2: 190, y1: 8, y2: 8 }),
          label(195, 12, say("run_before"), "start"));
      }
      this.curve.replaceChildren(...parts);
      const step = this.losses.length - 1;
      this.curve.setAttribute("aria-label", say("curve", {
        first: digits(this.losses[0]), last: digits(this.losses[step]), step }));
    }

    drawPictures() {
      const number = Number(this.image.value), { rows, columns } = this.images;
      const wanted = learner.output(this.images, number, this.target());
      const now = learner.output(this.images, number, this.kernel);
      const pixels = this.images.pixels.subarray(number * rows * columns, (number + 1) * rows * columns);
      const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
      const colours = [this.data.negative, this.data.positive].map((/** @type {string} */ colour) =>
        [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
      [pixels, wanted, now].forEach((values, at) => {
        const canvas = this.pictures[at], context = canvas.getContext("2d");
        if (!context) return;
        const picture = context.createImageData(canvas.width, canvas.height);
        values.forEach((/** @type {number} */ value, /** @type {number} */ place) => {
          const grey = Math.round(255 * value);
          // An output has the colour of its sign; the nearer to 0, the more transparent it is.
          picture.data.set(at ? [...colours[value > 0 ? 1 : 0], Math.min(255, 255 * Math.abs(value) / largest)]
            : [grey, grey, grey, 255], 4 * place);
        });
        context.putImageData(picture, 0, 0);
        canvas.setAttribute("aria-label", at ? say("output_alt", {
          low: decimals(Math.min(...values)), high: decimals(Math.max(...values)) })
          : say("input_alt", { number: number + 1, name: this.data.names[number] }));
      });
      const error = wanted.reduce((most, value, place) => Math.max(most, Math.abs(now[place] - value)), 0);
      this.error.textContent = say("error", { error: decimals(error) });
    }
  }
  customElements.define("kernel-learner", KernelLearner);
})();
