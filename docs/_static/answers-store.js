// @ts-check
/**
 * The reader's answers in the browser's storage, and in files.
 *
 * One key of localStorage holds the answers of all pages of an edition, or, in Firefox on pages
 * opened from disk, of one page. What is in the storage or in a file may have been written by anybody:
 * it is looked at before it is used, and verdicts from files are not believed.
 */
(() => {
  "use strict";

  /** @typedef {object} Answer
   *  @property {string} answer What was typed, unchanged.
   *  @property {"" | "right" | "wrong"} verdict On this answer; empty if it was not checked.
   *  @property {string} solved_with The answer that was right; empty if there was none yet.
   *  @property {boolean} marked Whether the reader says to have solved it in Python.
   *  @property {string} changed When, as ISO 8601 in UTC. */

  const VERSION = 1;
  const FORMAT = "cnnbook answers";
  const MAX_MEGABYTES = 5;
  const NUMBER = /^[1-9]\d?\.[1-9]$/;
  const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

  const { answersData: shared, grade } = window.cnnbook;
  const KEY = shared.key;
  // What could not be written to the storage, because it is full.
  /** @type {string | null} */
  let unsaved = null;
  /** @type {{text: string | null, answers: Map<string, Answer>}} */
  let last = { text: null, answers: new Map() };

  /** @param {unknown} value @returns {value is Answer} */
  function isAnswer(value) {
    return typeof value === "object" && value !== null && typeof value.answer === "string" &&
      ["", "right", "wrong"].includes(value.verdict) && typeof value.solved_with === "string" &&
      typeof value.marked === "boolean" && typeof value.changed === "string" && DATE.test(value.changed);
  }

  /** @param {Answer} value Copied without whatever else it holds. @returns {Answer} */
  function plain({ answer, verdict, solved_with, marked, changed }) {
    return { answer, verdict, solved_with, marked, changed };
  }

  /** @param {string | null} text @returns {Map<string, Answer> | null} null if it is not ours. */
  function parse(text) {
    let kept;
    try {
      kept = JSON.parse(text ?? "null");
    } catch {
      return null;
    }
    if (kept?.version !== VERSION || typeof kept.answers !== "object" || kept.answers === null) return null;
    return new Map(Object.entries(kept.answers)
      .filter(([number, answer]) => NUMBER.test(number) && isAnswer(answer))
      .map(([number, answer]) => [number, plain(answer)]));
  }

  /** @returns {Map<string, Answer>} */
  function load() {
    const text = unsaved ?? localStorage.getItem(KEY);
    // A page of all exercises asks for each of them.
    if (text !== last.text) last = { text, answers: parse(text) ?? new Map() };
    return new Map(last.answers);
  }

  /** @param {Map<string, Answer>} answers */
  function save(answers) {
    const text = JSON.stringify({ version: VERSION, answers: Object.fromEntries(answers) });
    try {
      localStorage.setItem(KEY, text);
      unsaved = null;
    } catch {
      unsaved = text;
    }
    changed();
  }

  function changed() {
    document.dispatchEvent(new Event("cnnbook-answers"));
  }

  /** @returns {Answer} */
  function none() {
    return { answer: "", verdict: "", solved_with: "", marked: false, changed: new Date(0).toISOString() };
  }

  /** @param {Answer | undefined} answer */
  function isSolved(answer) {
    return Boolean(answer && (answer.solved_with || answer.marked));
  }

  /** @param {string[]} pages @returns {string[]} */
  function numbersOf(pages) {
    return pages.flatMap((page) =>
      Array.from({ length: shared.pages[page] ?? 0 }, (_, place) => `${page}.${place + 1}`));
  }

  const store = {
    /** Grade what was typed. @param {string} number @param {string} text */
    grade: (number, text) => grade(shared.exercises[number], text, shared.messages),

    /** Whether answers are gone when the page is closed. */
    get isLost() { return Boolean(window.cnnbook.storageRefused || unsaved); },

    maxBytes: MAX_MEGABYTES * 1e6,

    /** Whether this browser, which is Firefox, keeps the answers of each page for itself. */
    isPerPage: location.protocol === "file:" && "mozInnerScreenX" in window,

    load,

    /** @param {string} number */
    get(number) { return load().get(number) ?? none(); },

    /** @param {string} number @param {Partial<Answer>} change */
    update(number, change) {
      const answers = load();
      const before = answers.get(number) ?? none();
      answers.set(number, { ...before, ...change, changed: new Date().toISOString() });
      save(answers);
    },

    /** @param {string} number */
    isSolved(number) { return isSolved(load().get(number)); },

    /** Count the exercises of a page, or of all pages.
     *  @param {string} [page] @returns {{solved: number, total: number}} */
    count(page) {
      const answers = load();
      const numbers = numbersOf(page ? [page] : Object.keys(shared.pages));
      return { solved: numbers.filter((one) => isSolved(answers.get(one))).length, total: numbers.length };
    },

    clear() {
      unsaved = null;
      localStorage.removeItem(KEY);
      changed();
    },

    /** @param {string} name @returns {{text: string, count: number}} */
    toFile(name) {
      const { solved, total } = store.count();
      const answers = [...load()]
        .filter(([, answer]) => answer.answer || isSolved(answer))
        .sort(([one], [other]) => Number(one) - Number(other))
        .map(([number, answer]) => ({ number, solved: isSolved(answer), ...answer }));
      const file = {
        format: FORMAT, version: VERSION, edition: shared.edition, release: shared.release,
        date: new Date().toISOString(), name, solved, total, answers,
      };
      return { text: `${JSON.stringify(file, null, 1)}\n`, count: answers.length };
    },

    /** Read a file that `toFile` has written.
     *  @param {string} text
     *  @param {number} size In bytes.
     *  @returns {{answers: Map<string, Answer>} | {problem: string, values?: Record<string, unknown>}} */
    fromFile(text, size) {
      if (size > store.maxBytes) return { problem: "import_too_large", values: { limit: MAX_MEGABYTES } };
      let file;
      try {
        file = JSON.parse(text);
      } catch {
        return { problem: "import_foreign" };
      }
      if (file?.format !== FORMAT || !Array.isArray(file.answers) || !Number.isInteger(file.version)) {
        return { problem: "import_foreign" };
      }
      if (file.version !== VERSION) {
        return { problem: "import_version", values: { version: file.version, known: VERSION } };
      }
      const answers = new Map();
      for (const [index, answer] of file.answers.entries()) {
        if (!isAnswer(answer) || !NUMBER.test(answer.number) || answers.has(answer.number)) {
          return { problem: "import_damaged", values: { position: index + 1 } };
        }
        answers.set(answer.number, plain(answer));
      }
      return { answers };
    },

    /** Add a file's answers to those that are here. What is solved stays solved, and of two answers
     *  the newer one is kept. Every answer is graded again.
     *  @param {Map<string, Answer>} given @returns {number} How many answers were taken over. */
    merge(given) {
      const answers = load();
      const known = new Set(numbersOf(Object.keys(shared.pages)));
      const now = new Date().toISOString();
      let taken = 0;
      for (const [number, theirs] of given) {
        if (!known.has(number)) continue;
        const ours = answers.get(number) ?? none();
        const merged = { ...ours };
        if (!(number in shared.exercises)) {
          merged.marked = ours.marked || theirs.marked;
        } else {
          const right = (/** @type {string} */ text) =>
            (text && store.grade(number, text).right ? text : "");
          if (theirs.answer && (!ours.answer || theirs.changed > ours.changed)) {
            merged.answer = theirs.answer;
            merged.verdict = theirs.verdict && (right(theirs.answer) ? "right" : "wrong");
          }
          const checked = theirs.verdict ? right(theirs.answer) : "";
          merged.solved_with = ours.solved_with || right(theirs.solved_with) || checked;
        }
        if (JSON.stringify(merged) === JSON.stringify(ours)) continue;
        // A clock that is ahead must not make an answer the newest for ever.
        merged.changed = [ours.changed, theirs.changed < now ? theirs.changed : now].sort()[1];
        answers.set(number, merged);
        taken += 1;
      }
      if (taken) save(answers);
      return taken;
    },
  };

  // Another tab has written. What is not ours does not empty the fields.
  window.addEventListener("storage", (event) => {
    if (event.key === KEY ? event.newValue === null || parse(event.newValue) : event.key === null) changed();
  });
  window.addEventListener("pageshow", (event) => { if (event.persisted) changed(); });

  window.cnnbook = window.cnnbook || {};
  window.cnnbook.answers = store;
})();
