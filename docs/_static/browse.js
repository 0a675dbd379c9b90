// <confusion-browser>: a confusion matrix of buttons; each shows the images that it counts.
// <shuffle-browser>: images whose pixels are shuffled and put back with a button.
// The library has written both into the page (cnnbook/figures/browse.py), with what is to be seen
// without this script. The texts come with the script's element (docs/_ext/browse.py).
"use strict";

(() => {
  const { make, fill } = window.cnnbook;
  const texts = JSON.parse(document.currentScript?.dataset.texts ?? "{}");

  /** @param {string} name @param {Record<string, string | number>} [values] */
  const say = (name, values = {}) => fill(texts[name], values);

  let count = 0;

  class ConfusionBrowser extends HTMLElement {
    connectedCallback() {
      if (this.table) return;
      this.told = JSON.parse(this.dataset.told ?? "{}");
      const id = `confusion-browser-${(count += 1)}`;
      this.network = 0;
      this.field = [0, 0];
      this.table = make("table", { tabindex: "0" });
      this.table.addEventListener("keydown", (event) => this.key(event));
      const radios = this.told.networks.map((name, at) => {
        const radio = /** @type {HTMLInputElement} */ (make("input", { type: "radio", name: id }));
        radio.checked = at === 0;
        radio.addEventListener("change", () => { this.network = at; this.draw(); this.look(); });
        return make("label", {}, [radio, ` ${name}`]);
      });
      this.status = make("p", { role: "status" }, [texts.choose]);
      this.images = make("div", { class: "images", "aria-hidden": "true" });
      this.replaceChildren(
        make("fieldset", {}, [make("legend", {}, [texts.network]), ...radios]),
        this.table, this.status, this.images);
      this.draw();
    }

    /** What a sentence about a field needs. @param {number} row @param {number} column */
    values(row, column) {
      const { classes, networks, counts } = this.told;
      return {
        network: networks[this.network], actual: classes[row], predicted: classes[column],
        count: counts[this.network][row][column],
      };
    }

    draw() {
      const { classes, counts } = this.told;
      const fields = counts[this.network];
      const most = Math.max(1, ...fields.flatMap((line, row) => line.filter((_, column) => row !== column)));
      const head = make("tr", {}, [make("td"), ...classes.map((name) =>
        make("th", { scope: "col" }, [make("span", {}, [name])]))]);
      this.table.replaceChildren(
        make("caption", {}, [say("caption", this.values(0, 0))]),
        make("thead", {}, [head]),
        make("tbody", {}, fields.map((line, row) => make("tr", {}, [
          make("th", { scope: "row" }, [classes[row]]),
          ...line.map((number, column) => this.cell(row, column, number, row === column ? 0 : number / most)),
        ]))));
    }

    /** @param {number} row @param {number} column @param {number} number @param {number} share */
    cell(row, column, number, share) {
      const [nowRow, nowColumn] = this.field, now = row === nowRow && column === nowColumn;
      // One tab stop; the arrow keys move from there.
      const button = make("button", {
        type: "button", tabindex: now ? "0" : "-1", "aria-pressed": String(now && this.looked === true),
        "aria-label": say("field", this.values(row, column)),
      }, [number ? String(number) : ""]);
      button.style.setProperty("--share", `${Math.round(45 * share)}%`);
      button.addEventListener("click", () => this.choose(row, column));
      return make("td", row === column ? { class: "right" } : {}, [button]);
    }

    /** @param {number} row @param {number} column */
    choose(row, column) {
      this.field = [row, column];
      this.looked = true;
      this.draw();
      this.look();
      this.table.querySelector("button[tabindex='0']")?.focus();
    }

    look() {
      if (!this.looked) return;
      const { images, columns, sprite } = this.told;
      const [row, column] = this.field, values = this.values(row, column);
      const right = row === column;
      const there = images.flatMap((image, at) =>
        image[0] === row && image[1 + this.network] === column ? [at] : []);
      const shown = there.slice(0, this.told.most);
      const name = values.count > 1 ? (right ? "right" : "wrong")
        : values.count === 1 ? (right ? "one_right" : "one_wrong") : "none";
      const more = shown.length < values.count ? ` ${say("first", { shown: shown.length })}` : "";
      this.status.textContent = say(name, values) + more;
      // The sentence says what they are; forty pictures with the same name would say no more.
      this.images.replaceChildren(...shown.map((at) => {
        const picture = make("span");
        picture.style.backgroundImage = `url("${sprite}")`;
        picture.style.backgroundSize = `${columns * 100}% auto`;
        picture.style.backgroundPosition =
          `${-(at % columns) * 3.5}rem ${-Math.floor(at / columns) * 3.5}rem`;
        return picture;
      }));
    }

    /** @param {KeyboardEvent} event */
    key(event) {
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!step || !(event.target instanceof HTMLButtonElement)) return;
      event.preventDefault();
      const last = this.told.classes.length - 1;
      const [row, column] = this.field.map((at, axis) => Math.min(last, Math.max(0, at + step[axis])));
      this.choose(row, column);
    }
  }

  class ShuffleBrowser extends HTMLElement {
    connectedCallback() {
      if (this.button) return;
      // The library writes a line of words and a line of pictures, in order and then shuffled.
      const [, inOrder, , shuffled] = this.children;
      if (!shuffled) return;
      inOrder.className = shuffled.className = "images";
      this.button = make("button", { type: "button" });
      this.status = make("p", { role: "status", class: "visually-hidden" });
      this.replaceChildren(inOrder, shuffled, this.button, this.status);
      /** @param {boolean} mixed */
      const show = (mixed) => {
        inOrder.hidden = mixed;
        shuffled.hidden = !mixed;
        this.button.textContent = texts[mixed ? "back" : "shuffle"];
      };
      this.button.addEventListener("click", () => {
        show(shuffled.hidden);
        this.status.textContent = texts[inOrder.hidden ? "shuffled" : "in_order"];
      });
      show(false);
    }
  }

  customElements.define("confusion-browser", ConfusionBrowser);
  customElements.define("shuffle-browser", ShuffleBrowser);
})();
