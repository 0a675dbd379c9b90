// @ts-check
/**
 * Exercises in the page: <answer-field number label> for numbers, <answer-mark number> for what is
 * solved in Python, <answer-progress page all> and <answer-book> for what is solved and for files.
 */
(() => {
  "use strict";

  const { answers: store, answersData: { texts, messages }, make, fill } = window.cnnbook;

  /** A sentence of the page, with its placeholders filled in.
   *  @param {string} name @param {Record<string, unknown>} [values] */
  const say = (name, values = {}) => fill(texts[name], values);

  /** @param {string} label @param {() => void} act */
  function button(label, act) {
    const made = make("button", { type: "button", class: "answer-button" }, [label]);
    made.addEventListener("click", act);
    return made;
  }

  /** @param {string} text Verdicts have code in backticks. */
  function withCode(text) {
    return text.split(/``(.+?)``|`(.+?)`/).map((part, place) =>
      (place % 3 ? part && make("code", {}, [part]) : part)).filter(Boolean);
  }

  /** Show on an exercise's box whether it is solved. @param {Element} inside @param {string} number */
  function markBox(inside, number) {
    const title = inside.closest(".exercise")?.querySelector(".exercise-title");
    const solved = store.isSolved(number);
    title?.parentElement?.classList.toggle("solved", solved);
    const mark = title?.querySelector(".exercise-solved");
    if (solved && !mark) title?.append(" ", make("span", { class: "exercise-solved" }, [say("solved")]));
    if (!solved) mark?.remove();
  }

  /** Whether there was anything to grade. @param {{message: string}} result */
  function isAttempt(result) {
    return result.message !== messages.no_text;
  }

  /** An element that is built once, and shown again whenever an answer has changed. */
  class Shown extends HTMLElement {
    connectedCallback() {
      if (!this.listener) this.build();
      this.listener = () => this.show();
      document.addEventListener("cnnbook-answers", this.listener);
      this.show();
    }

    disconnectedCallback() {
      document.removeEventListener("cnnbook-answers", this.listener);
    }

    build() {}
    show() {}
  }

  class AnswerField extends Shown {
    build() {
      this.number = this.getAttribute("number") ?? "";
      const id = `answer-${this.number.replace(".", "-")}`;
      this.input = make("input", {
        id, type: "text", inputmode: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false",
        "aria-describedby": `${id}-verdict`,
      });
      // It holds how the answer was read, and what is said of it.
      this.verdict = make("div", { id: `${id}-verdict`, class: "answer-verdict", role: "status" });
      const form = make("form", { novalidate: "" }, [
        make("label", { for: id }, [this.getAttribute("label") ?? ""]),
        make("div", { class: "answer-row" }, [
          this.input, make("button", { type: "submit", class: "answer-button" }, [say("check")])]),
        this.verdict,
      ]);
      this.input.addEventListener("input", () => this.keep());
      this.input.addEventListener("paste", (event) => this.paste(event));
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        this.check();
      });
      this.append(form);
    }

    /** Paste lines, which a field of one line would join: "1 2" and "3 4" would become "1 23 4".
     *  @param {ClipboardEvent} event */
    paste(event) {
      const lines = (event.clipboardData?.getData("text") ?? "").trim().split(/\s*\n\s*/);
      if (lines.length < 2) return;
      event.preventDefault();
      // Within brackets, as Python prints them, a new line separates nothing.
      const text = lines.join(/[[(]/.test(lines[0]) ? " " : "; ");
      const { selectionStart: start, selectionEnd: end } = this.input;
      this.input.setRangeText(text, start ?? 0, end ?? 0, "end");
      this.keep();
    }

    /** Empty the field for a presentation. At its end the reader's own answer comes back, and what
     *  was typed meanwhile is not kept. @param {boolean} begins */
    present(begins) {
      this.isLent = begins && store.get(this.number).answer !== "";
      if (this.isLent) {
        this.input.value = "";
        this.unmark();
        this.verdict.replaceChildren();
      }
      if (!begins) {
        this.shown = undefined;
        this.show();
      }
    }

    /** Keep what was typed, checked or not. */
    keep() {
      this.unmark();
      if (!this.isLent) store.update(this.number, { answer: this.input.value, verdict: "" });
    }

    check() {
      const answer = this.input.value;
      const result = this.say();
      if (this.isLent) return;
      store.update(this.number, result.right
        ? { answer, verdict: "right", solved_with: answer }
        : { answer, verdict: isAttempt(result) ? "wrong" : "" });
    }

    /** Show the verdict on what is in the field. */
    say() {
      const result = store.grade(this.number, this.input.value);
      this.verdict.replaceChildren(
        ...(result.reading ? [make("p", { class: "answer-reading" }, [say("read_as", { reading: result.reading })])] : []),
        make("p", { class: "answer-message" }, withCode(result.message)));
      this.dataset.verdict = result.right ? "right" : "wrong";
      this.input.setAttribute("aria-invalid", String(!result.right && isAttempt(result)));
      return result;
    }

    /** The verdict on what was there before stays to be read; the field is no longer marked. */
    unmark() {
      delete this.dataset.verdict;
      this.input.removeAttribute("aria-invalid");
    }

    show() {
      markBox(this, this.number);
      if (this.isLent) return;
      const { answer, verdict } = store.get(this.number);
      // What is being typed is newer than what is kept.
      const typing = this.shown !== undefined && document.activeElement === this.input;
      if (answer !== this.input.value && !typing) {
        this.input.value = answer;
        this.unmark();
        this.verdict.replaceChildren();
      }
      // Graded again, so that the sentence is this edition's.
      if (verdict && answer === this.input.value && !this.dataset.verdict) this.say();
      this.shown = true;
    }
  }

  class AnswerMark extends Shown {
    build() {
      this.number = this.getAttribute("number") ?? "";
      this.box = make("input", { type: "checkbox" });
      this.box.addEventListener("change", () => store.update(this.number, { marked: this.box.checked }));
      this.append(make("label", {}, [this.box, " ", say("marked")]));
    }

    show() {
      markBox(this, this.number);
      this.box.checked = store.get(this.number).marked;
    }
  }

  class AnswerProgress extends Shown {
    build() {
      this.line = make("span");
      const line = make("p", {}, [this.line]);
      this.append(line);
      const all = this.getAttribute("all");
      if (!all) return;
      if (!store.isPerPage) {
        line.append(" ", make("a", { href: all }, [say("files_link")]));
        return;
      }
      line.append(" ", say("per_page_short"));
      this.append(make("details", {}, [make("summary", {}, [say("files_title")]), make("answer-book")]));
    }

    show() {
      this.line.textContent = say("page_progress", store.count(this.getAttribute("page") ?? ""));
    }
  }

  class AnswerBook extends Shown {
    build() {
      const id = document.querySelector("#answer-name") ? "answer-name-2" : "answer-name";
      this.total = make("p", { class: "answer-total" });
      this.kept = make("p");
      this.status = make("p", { role: "status" });
      this.nameField = make("input", { id, type: "text", autocomplete: "name" });
      this.file = make("input", { id: `${id}-file`, type: "file", accept: ".json,application/json" });
      this.file.addEventListener("change", () => this.load());
      this.reset = button(say("reset"), () => this.ask(true));
      this.no = button(say("reset_no"), () => this.ask(false));
      const yes = button(say("reset_yes"), () => this.empty());
      this.question = make("div", { role: "group", "aria-labelledby": `${id}-question`, class: "answer-question" }, [
        make("p", { id: `${id}-question` }, [say("reset_question")]), this.no, " ", yes]);
      this.question.addEventListener("keydown", (event) => {
        if (event.key !== "Escape") return;
        // A presentation would end with it.
        event.stopPropagation();
        this.ask(false);
      });
      this.question.hidden = true;
      this.append(
        this.total, this.kept,
        make("div", { class: "answer-row" }, [
          make("span", { class: "answer-control" }, [make("label", { for: id }, [say("name")]), this.nameField]),
          button(say("export"), () => this.save())]),
        make("div", { class: "answer-row" }, [
          make("span", { class: "answer-control" }, [make("label", { for: `${id}-file` }, [say("import")]), this.file])]),
        this.reset,
        this.question, this.status);
    }

    show() {
      // On one page of many, only that page's exercises count.
      const page = this.closest("answer-progress")?.getAttribute("page") ?? undefined;
      this.count = store.count(page);
      this.total.textContent = say("book_progress", this.count);
      const where = store.isLost ? "not_kept" : store.isPerPage ? "per_page" : "kept";
      this.kept.textContent = say(where);
    }

    save() {
      const name = this.nameField.value.trim();
      const { text, count } = store.toFile(name);
      const words = ["cnnbook-answers", name.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 40)];
      const file = `${words.filter(Boolean).join("-")}.json`;
      const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
      make("a", { href: address, download: file }).click();
      // Some browsers read the address after the click has been handled.
      setTimeout(() => URL.revokeObjectURL(address), 60000);
      this.status.textContent = say("exported", { file, count });
    }

    async load() {
      const file = this.file.files?.[0];
      if (!file) return;
      let result;
      try {
        // Not read at all if it is too large.
        result = store.fromFile(file.size > store.maxBytes ? "" : await file.text(), file.size);
      } catch {
        result = { problem: "import_failed" };
      }
      // So that the same file can be chosen again.
      this.file.value = "";
      if ("problem" in result) {
        this.status.textContent = say(result.problem, result.values);
        return;
      }
      const taken = store.merge(result.answers);
      this.status.textContent = say("imported", { found: result.answers.size, taken, ...this.count });
    }

    /** @param {boolean} asking */
    ask(asking) {
      this.question.hidden = !asking;
      (asking ? this.no : this.reset).focus();
      if (asking) this.status.textContent = "";
    }

    empty() {
      this.ask(false);
      store.clear();
      this.status.textContent = say("reset_done");
    }
  }

  /** On the cards that lead to pages of the gallery: how many of their exercises are solved. */
  function showOnCards() {
    for (const link of document.querySelectorAll(".bd-article :is(.sphx-glr-thumbcontainer, .sd-card) a[href*='plot_']")) {
      const page = String(Number(/plot_(\d+)/.exec(link.getAttribute("href") ?? "")?.[1]));
      const card = link.closest(".sphx-glr-thumbcontainer, .sd-card");
      const count = store.count(page);
      let line = card?.querySelector(".answer-count");
      if (!line) card?.append(line = make("p", { class: "answer-count" }));
      line.textContent = count.solved ? say("card_progress", count) : "";
    }
  }

  customElements.define("answer-field", AnswerField);
  customElements.define("answer-mark", AnswerMark);
  customElements.define("answer-progress", AnswerProgress);
  customElements.define("answer-book", AnswerBook);
  document.addEventListener("cnnbook-answers", showOnCards);
  showOnCards();
})();
