// Guess first: <guess-box> asks, and each <guess-cover> that belongs to it covers a result until
// the reader has guessed or asked for the answer. The texts come with the page (docs/_ext/guess.py).
// This script is not deferred: the elements are set up while the page is read, so no covered result
// is ever painted.
"use strict";

(() => {
  const { make } = window.cnnbook;
  const STORE = `cnnbook.${document.documentElement.lang || "en"}.guesses`;

  // Storage may be refused, or hold what another version has written.
  function load() {
    try {
      const kept = JSON.parse(localStorage.getItem(STORE) ?? "{}");
      return kept && typeof kept === "object" && !Array.isArray(kept) ? kept : {};
    } catch {
      return {};
    }
  }

  /** Keep a guess; null forgets it.
   *  @param {string} key @param {string | null} guess */
  function keep(key, guess) {
    const all = load();
    if (guess === null) delete all[key];
    else all[key] = guess;
    try {
      localStorage.setItem(STORE, JSON.stringify(all));
    } catch {
      // The page works without it.
    }
  }

  class GuessBox extends HTMLElement {
    connectedCallback() {
      if (this.childElementCount) return;
      const { key, label, choices, texts } = JSON.parse(this.dataset.guess ?? "{}");
      Object.assign(this, { key, texts });
      this.field = choices.length ? this.radios(label, choices) : this.text(label);
      /** @param {string} words @param {() => void} act */
      const button = (words, act) => {
        const made = make("button", { type: "button" }, [words]);
        made.addEventListener("click", act);
        return made;
      };
      this.asking = make("span", { class: "guess-buttons" }, [
        make("button", { type: "submit" }, [texts.commit]),
        button(texts.show, () => { this.open(""); this.again.focus(); })]);
      this.again = button(texts.cover, () => { this.close(); this.field.focus(); });
      this.status = make("p", { role: "status" });
      const form = make("form", {}, [this.field.box, this.asking, this.again, this.status]);
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        const guess = this.field.value();
        if (!guess) {
          this.status.textContent = texts.missing;
          this.field.focus();
          return;
        }
        this.open(guess);
        this.again.focus();
      });
      this.append(form);
      const kept = load()[key];
      this.guess = typeof kept === "string" ? kept : null;
      this.show();
    }

    /** @param {string} label */
    text(label) {
      const id = `${this.id}-field`;
      const input = /** @type {HTMLInputElement} */ (make("input", {
        type: "text", id, autocomplete: "off", maxlength: "200", ...this.described() }));
      return {
        box: make("span", { class: "guess-field" }, [make("label", { for: id }, [label]), input]),
        value: () => input.value.trim(),
        set: (/** @type {string} */ guess) => { input.value = guess; },
        focus: () => input.focus(),
      };
    }

    /** @param {string} label @param {string[]} choices */
    radios(label, choices) {
      const inputs = choices.map((value) => /** @type {HTMLInputElement} */ (
        make("input", { type: "radio", name: `${this.id}-choice`, value })));
      return {
        box: make("fieldset", this.described(), [make("legend", {}, [label]),
          ...inputs.map((input) => make("label", {}, [input, ` ${input.value}`]))]),
        value: () => inputs.find((input) => input.checked)?.value ?? "",
        set: (/** @type {string} */ guess) => inputs.forEach((input) => { input.checked = input.value === guess; }),
        focus: () => (inputs.find((input) => input.checked) ?? inputs[0]).focus(),
      };
    }

    /** The paragraph with the question describes the field. @returns {Record<string, string>} */
    described() {
      const { question } = this.dataset;
      return question ? { "aria-describedby": question } : {};
    }

    covers() {
      return [...document.querySelectorAll("guess-cover")].filter((cover) => cover.getAttribute("for") === this.id);
    }

    /** Uncover; an empty guess means that the reader asked for the answer. @param {string} guess */
    open(guess) {
      this.guess = guess;
      keep(this.key, guess);
      this.show();
      this.status.textContent = this.texts.shown;
    }

    close() {
      this.guess = null;
      keep(this.key, null);
      this.show();
      this.status.textContent = this.texts.hidden;
    }

    /** Cover for a presentation. At its end the reader's own guess comes back.
     *  @param {boolean} begins */
    present(begins) {
      const typed = this.field.value();
      if (begins) {
        this.own = this.guess;
        this.guess = null;
      } else if (this.own !== null) {
        this.guess = this.own;
        keep(this.key, this.own);
      }
      this.show();
      if (this.guess === null) this.field.set(begins && this.own !== null ? "" : typed);
    }

    show() {
      const asks = this.guess === null;
      this.asking.hidden = !asks;
      this.again.hidden = asks;
      this.field.set(this.guess ?? "");
      this.querySelectorAll("input").forEach((input) => { input.disabled = !asks; });
      this.status.textContent = "";
      this.covers().forEach((cover) => cover.update());
    }
  }

  class GuessCover extends HTMLElement {
    connectedCallback() {
      this.update();
      // What was guessed stands beside the result, which is read after this.
      if (!this.firstElementChild) addEventListener("DOMContentLoaded", () => this.update(), { once: true });
    }

    get box() {
      return document.getElementById(this.getAttribute("for") ?? "");
    }

    update() {
      const { box } = this;
      if (!(box instanceof GuessBox)) return;
      this.toggleAttribute("covered", box.guess === null);
      this.querySelector(".guess-said")?.remove();
      if (box.guess && box.covers()[0] === this) {
        this.firstElementChild?.prepend(
          make("p", { class: "guess-said" }, [box.texts.said.replace("{guess}", () => box.guess)]));
      }
    }
  }

  /** A link to something that is covered uncovers it. */
  function follow() {
    let target = null;
    try {
      target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch {
      return;
    }
    const cover = target?.closest("guess-cover[covered]");
    if (!cover) return;
    cover.box.open("");
    target.scrollIntoView();
  }

  customElements.define("guess-box", GuessBox);
  customElements.define("guess-cover", GuessCover);
  addEventListener("DOMContentLoaded", follow);
  addEventListener("hashchange", follow);
  // A second click on the same link changes no hash.
  addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("a[href*='#']")) setTimeout(follow);
  });
})();
