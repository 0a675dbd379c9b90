// @ts-check
/**
 * Grades numbers that were typed, as `check` of cnnbook.exercises does: the same grammar
 * (`_typed.py`), the same differences in the same order (`_difference.py`) and the same texts
 * (`_messages.py`). A test compares the two on thousands of answers.
 */
(() => {
  "use strict";

  /** A number, or a list of such.
   *  @typedef {number | Nested[]} Nested */
  /** @typedef {{shape: number[], numbers: number[]}} Tensor */
  /** @typedef {{name: string, advice: string, answers: Nested[]}} Mistake */
  /** @typedef {{asked: string, right: Nested[], tolerance: number, mistakes: Mistake[],
   *             mistakeTolerance: number, remark: string}} Exercise */
  /** @typedef {(key: string, values?: Record<string, unknown>) => string} Say */

  /** Why a text cannot be read, as a sentence for the reader. */
  class Unreadable extends Error {}
  /** A text that does not follow the grammar. */
  class NotANumber extends Error {}

  // ---- Reading

  const LONGEST = 1000;
  const DEEPEST = 8;

  /** Typed on other keyboards: full-width characters, other signs for minus, times and so on.
   *  @type {[RegExp, string][]} */
  const SAME = [
    [/[\u2010-\u2013\u2212\ufe63]/g, "-"],
    [/[X*\xd7\u1110\u2217\u2715\u2716\u2a2f\u314c\uff58]/g, "x"],
    [/[\xf7\u2044\u2215]/g, "/"],
    [/[\u3001\uff64]/g, ","],
    [/\u3002/g, "."],
    [/[\t\v\f\xa0\u2000-\u200a\u202f\u205f\u3000]/g, " "],
    [/[\r\x85\u2028\u2029]/g, "\n"],
  ];
  const ENDS = /^[ \n;\u200b-\u200f\ufeff]+|[ \n;\u200b-\u200f\ufeff]+$/g;
  const QUOTED = /^(['"])([^'"]*)\1$/;
  const OPTION =
    /, *(?:dtype|device|requires_grad|grad_fn|size) *= *(?:[A-Za-z0-9_.:<>']+|\([0-9, ]*\))/g;
  const MAKER =
    /\b(?:(?:torch\.)?(?:tensor|Size)|(?:(?:np|numpy)\.)?array|np\.(?:float|int)[0-9]+)\(/g;
  const UNSHOWN =
    /[\x00-\x20\x7f-\xa0\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ud800-\udfff\ufeff]+/gu;

  const GROUPED = /^[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?$/;
  const SPACED = /^[+-]?[1-9][0-9]{0,2}(?: [0-9]{3})+$/;
  const CALCULATION = /^[-+x/^().,0-9 ]*[0-9)] *[-+x/^(][-+x/^( ]*[.0-9][-+x/^().,0-9 ]*$/;
  const PRODUCT = /^\(? *[0-9]+(?: *x *[0-9]+)+ *\)?$/;
  const DECIMAL_COMMA = /^[+-]?[0-9]+,[0-9]+(?:[eE][+-]?[0-9]+)?$/;
  const MIXED = /^([0-9]{1,6}) +([0-9]{1,6}) *\/ *([0-9]{1,6})$/;

  const DECIMAL = "(?:[0-9]+(?:_[0-9]+)*(?:\\.[0-9]*)?|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?";
  const WORD = "[nN][aA][nN]|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|True|False";
  const TOKEN = new RegExp(
    `( *)(?:([+-]?)( *)(?:(${WORD})|(${DECIMAL})(?: */ *([+-]?${DECIMAL}))?(?: *%)?)|([\\][(),;x]))`,
    "y",
  );

  /** Read a text as a number or as numbers in lists.
   *  @param {string} text @param {Say} say @returns {Nested} */
  function readText(text, say) {
    const isLong = [...text].length > LONGEST;
    const plain = isLong ? "" : normalized(text);
    try {
      if (isLong) throw new NotANumber("too long");
      if (!plain) throw new NotANumber("nothing");
      if (!/[\][()]/.test(plain)) {
        const whole = plain.replace(/ *%$/, "");
        if (GROUPED.test(whole)) return Number(whole.replace(/,/g, ""));
        if (SPACED.test(whole)) {
          const [one, several] = ["", ", "].map((sign) => whole.replace(/ /g, sign));
          throw new Unreadable(say("one_or_several", { text: whole, one, several }));
        }
        refuseDoubtful(plain, say);
      }
      const [value] = readLevel(tokensOf(plain), 0, "", 0);
      // True and False count as 1 and 0 in a list, as in a mask, and are no answer by themselves.
      if (!Array.isArray(value) && /True|False/.test(plain)) throw new NotANumber("a truth value");
      return value;
    } catch (error) {
      if (!(error instanceof NotANumber)) throw error;
      const key = CALCULATION.test(plain) ? "calculation" : "not_a_number";
      throw new Unreadable(say(key, { text: shown(text) }));
    }
  }

  /** @param {string} text */
  const isBlank = (text) => [...text].length <= LONGEST && !normalized(text);

  /** Say that a product is a calculation, for an exercise that asks for one number.
   *  @param {string} text what was typed, which can be read @param {Say} say
   *  @returns {string} a sentence, or nothing for what is not a product */
  const describeProduct = (text, say) =>
    PRODUCT.test(normalized(text)) ? say("calculation", { text: shown(text) }) : "";

  /** Shorten a text for a message, without what a terminal cannot show. @param {string} text */
  function shown(text) {
    const letters = [...text.replace(UNSHOWN, " ")];
    return letters.length <= 40 ? letters.join("") : `${letters.slice(0, 37).join("")}...`;
  }

  /** @param {string} text */
  function normalized(text) {
    let plain = text.replace(/[\uff01-\uff5e]/g, (letter) =>
      String.fromCharCode(letter.charCodeAt(0) - 0xfee0));
    for (const [pattern, same] of SAME) plain = plain.replace(pattern, same);
    plain = plain.replace(ENDS, "").replace(QUOTED, "$2").replace(OPTION, "").replace(MAKER, "(");
    // A new line within brackets is a blank; elsewhere it ends a row.
    let depth = 0;
    const letters = [...plain].map((letter) => {
      depth += Number("([".includes(letter)) - Number(")]".includes(letter));
      return letter !== "\n" ? letter : depth ? " " : ";";
    });
    return letters.join("").replace(/ *;[ ;]*/g, ";").replace(ENDS, "");
  }

  /** Ask back where a comma or a blank can be read in two ways.
   *  @param {string} plain @param {Say} say */
  function refuseDoubtful(plain, say) {
    const mixed = MIXED.exec(plain);
    if (mixed) {
      const [whole, numerator, denominator] = mixed.slice(1).map(Number);
      const one = `${whole * denominator + numerator}/${denominator}`;
      const second = `${numerator}/${denominator}`;
      throw new Unreadable(say("one_or_two", { text: plain, one, first: whole, second }));
    }
    for (const chunk of plain.split(/[ ;x]+/)) {
      const text = chunk.replace(/^[%,]+|[%,]+$/g, "");
      const [several, parts] = [text.split(","), text.split("/")];
      if (parts.length > 2) continue;
      if (parts.some((part) => GROUPED.test(part))) {
        const values = { text, one: several.join(""), several: several.join(", ") };
        throw new Unreadable(say("one_or_several", values));
      }
      if (several.length === 2 && parts.some((part) => DECIMAL_COMMA.test(part))) {
        const [first, second] = several;
        throw new Unreadable(say("one_or_two", { text, one: several.join("."), first, second }));
      }
    }
  }

  /** A bracket or separator, whose value is null, or a number; whether a blank is before it, and
   *  whether one is between its sign and its digits.
   *  @typedef {{text: string, value: number | null, apart: boolean, loose: boolean}} Token */

  /** @param {string} plain @returns {Token[]} */
  function tokensOf(plain) {
    const tokens = [];
    for (TOKEN.lastIndex = 0; TOKEN.lastIndex < plain.length; ) {
      const found = TOKEN.exec(plain);
      if (!found) throw new NotANumber("neither a number nor a bracket");
      const [all, blank, sign, gap, word, decimal, divisor, mark] = found;
      let value = null;
      if (!mark) {
        const below = divisor ? toNumber(divisor) : 1;
        if (below === 0) throw new NotANumber("a division by zero");
        value = ((sign === "-" ? -1 : 1) * toNumber(word || decimal)) / below;
      }
      const text = mark || all.replace(/^ +/, "");
      tokens.push({ text, value, apart: Boolean(blank), loose: Boolean(gap) });
    }
    return tokens;
  }

  /** @param {string} text */
  function toNumber(text) {
    if (text === "True" || text === "False") return Number(text === "True");
    if (/^nan$/i.test(text)) return NaN;
    return /^inf/i.test(text) ? Infinity : Number(text.replace(/_/g, ""));
  }

  /** Read the whole text, or what is between brackets; return it and where it ends.
   *  @param {Token[]} tokens @param {number} at @param {string} closing @param {number} depth
   *  @returns {[Nested, number]} */
  function readLevel(tokens, at, closing, depth) {
    /** @type {Nested[][]} */
    const rows = [[]];
    const separators = new Set();
    let plainDigits = true;
    let before = ""; // "item", a separator, or nothing at the start of a row
    while (at < tokens.length && tokens[at].text !== closing) {
      const token = tokens[at];
      const row = rows[rows.length - 1];
      at += 1;
      if (token.text === ";") {
        if (before !== "item" && before !== ",") throw new NotANumber("an empty row");
        rows.push([]);
        before = "";
      } else if (token.text === "," || token.text === "x") {
        if (before !== "item") throw new NotANumber("nothing before a separator");
        separators.add(token.text);
        before = token.text;
      } else {
        /** @type {Nested} */
        let item;
        if (token.value === null) {
          if (")]".includes(token.text) || depth === DEEPEST) throw new NotANumber("brackets");
          [item, at] = readLevel(tokens, at, token.text === "(" ? ")" : "]", depth + 1);
          if (at === tokens.length) throw new NotANumber("a bracket that is not closed");
          at += 1;
        } else {
          item = token.value;
        }
        if (before === "item") {
          const alike = Array.isArray(row[row.length - 1]) === Array.isArray(item);
          if (!token.apart || token.loose || !alike) throw new NotANumber("nothing separates two");
          separators.add(" ");
        }
        plainDigits = plainDigits && /^[0-9]+$/.test(token.text);
        row.push(item);
        before = "item";
      }
    }
    if (separators.size > 1 || before === "x" || (separators.has("x") && !plainDigits)) {
      throw new NotANumber("more than one kind of separator");
    }
    if (rows.length === 1) {
      const single = closing !== "]" && rows[0].length === 1 && !separators.size;
      return [single ? rows[0][0] : rows[0], at];
    }
    if (!rows[rows.length - 1].length) throw new NotANumber("an empty row");
    return [rows.every((row) => row.length === 1) ? rows.map((row) => row[0]) : rows, at];
  }

  // ---- Tensors

  /** @param {Nested} value @param {Say} say @returns {Tensor} */
  function toTensor(value, say) {
    if (!Array.isArray(value)) return { shape: [], numbers: [value] };
    const parts = value.map((part) => toTensor(part, say));
    if (new Set(parts.map((part) => String(part.shape))).size > 1) {
      throw new Unreadable(say("ragged"));
    }
    const shape = [value.length, ...(parts.length ? parts[0].shape : [])];
    return { shape, numbers: parts.flatMap((part) => part.numbers) };
  }

  /** Drop axes of length 1 around a single number, and before any numbers.
   *  @param {Tensor} got @param {Tensor} want @returns {[Tensor, Tensor]} */
  function aligned(got, want) {
    if (!want.shape.length && got.numbers.length === 1) return [{ ...got, shape: [] }, want];
    return [withoutLeadingOnes(got), withoutLeadingOnes(want)];
  }

  /** @param {Tensor} tensor @returns {Tensor} */
  function withoutLeadingOnes({ shape, numbers }) {
    let first = 0;
    while (shape[first] === 1) first += 1;
    return { shape: shape.slice(first), numbers };
  }

  /** @param {number[]} a @param {number[]} b */
  const sameList = (a, b) => a.length === b.length && a.every((one, k) => one === b[k]);

  /** @param {number[]} a @param {number[]} b @param {number} tolerance */
  const near = (a, b, tolerance) =>
    a.length === b.length && a.every((one, k) => Math.abs(one - b[k]) <= tolerance);

  /** @param {Tensor} got @param {Tensor} want @param {number} tolerance */
  function equal(got, want, tolerance) {
    [got, want] = aligned(got, want);
    return sameList(got.shape, want.shape) && near(got.numbers, want.numbers, tolerance);
  }

  // ---- Words

  /** Write a number as Python does: whole ones in full, others with six digits, but with all of
   *  them from 100,000 on, where six would make them look whole.
   *  @param {number} number */
  function showNumber(number, digits = 6, separator = ",") {
    if (Number.isNaN(number)) return "nan";
    if (!Number.isFinite(number)) return number > 0 ? "inf" : "-inf";
    const size = Math.abs(number);
    if (Number.isInteger(number) && size < 1e15) {
      return String(number).replace(/\B(?=(?:[0-9]{3})+$)/g, separator);
    }
    const text = number.toPrecision(size >= 1e5 && size < 1e15 ? 15 : digits);
    return text.includes(".") ? text.replace(/\.?0*(?=e|$)/, "") : text;
  }

  /** Write a shape as Python writes a tuple. @param {number[]} shape */
  const showShape = (shape) => `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;

  /** @param {Tensor} tensor @param {Nested} value @param {Say} say */
  function describeReading({ shape, numbers }, value, say) {
    if (!numbers.length) return say("read_none");
    /** @param {Nested} one @returns {string} */
    const showAll = (one) =>
      Array.isArray(one) ? `[${one.map(showAll).join(", ")}]` : showNumber(one, 10, "");
    if (numbers.length === 1) return say("read_one", { number: showAll(numbers[0]) });
    const all = showAll(value);
    if (shape.length === 1) {
      return say("read_row", { count: numbers.length, numbers: all.slice(1, -1) });
    }
    return say("read_grid", { size: shape.join(" x "), numbers: all });
  }

  // ---- Differences

  // A difference of the same size everywhere must be larger than this.
  const ROUNDING = 1e-3;

  /** @param {number} a @param {number} b @param {number} relative @param {number} absolute */
  const isClose = (a, b, relative, absolute) =>
    Math.abs(a - b) <= Math.max(relative * Math.max(Math.abs(a), Math.abs(b)), absolute);

  /** Describe how an answer differs from the right one, without saying what is right.
   *  @param {Tensor} got @param {Tensor} want @param {Exercise} exercise @param {Say} say */
  function describeDifference(got, want, exercise, say) {
    if (want.shape.length === 1 && sameList(got.shape, want.numbers)) return say("result_of_shape");
    [got, want] = aligned(got, want);
    const { shape: have, numbers } = got;
    const name = say("the_answer");
    if (numbers.some(Number.isNaN)) return say("nan", { name });
    if (numbers.some((one) => !Number.isFinite(one))) return say("infinity", { name });
    if (!sameList(have, want.shape)) return describeShape(got, want, exercise, name, say);
    if (!have.length) return describeNumber(numbers[0], want.numbers[0], say);
    return (
      describeOrder(numbers, want, name, say) ||
      describeCount(got, want, exercise.tolerance, say)
    );
  }

  /** @param {Tensor} got @param {Tensor} want @param {Exercise} exercise @param {string} name
   *  @param {Say} say */
  function describeShape(got, want, { asked }, name, say) {
    const [have, need] = [got.shape, want.shape];
    const shape = showShape(have);
    if (!got.numbers.length) return say("empty", { name, shape });
    if (!need.length) return say("several", { name, count: got.numbers.length, asked });
    if (!have.length) return say("single", { name, asked });
    if (near(got.numbers, want.numbers, ROUNDING)) {
      if (need.length === 1) return say("right_numbers_in_one_row", { name, shape });
      if (have.length === need.length) return say("right_numbers_order", { name, shape });
      if (have.length < need.length) return say("right_numbers_axis_missing", { name, shape });
      return say("right_numbers_axis_too_many", { name, shape });
    }
    if (have.length !== need.length) return say("axes", { name, shape, asked });
    if (have.length === 1) {
      const count = have[0];
      return count > need[0] ? say("too_many", { name, count }) : say("too_few", { name, count });
    }
    // Right answers have at most two axes.
    const [rows, columns] = need;
    if (have[0] === columns && have[1] === rows) return say("shape_swapped", { name, shape });
    if (Math.max(Math.abs(have[0] - rows), Math.abs(have[1] - columns)) === 1) {
      return say("shape_off_by_one", { name, shape });
    }
    return say("shape", { name, shape });
  }

  /** @param {number} got @param {number} want @param {Say} say */
  function describeNumber(got, want, say) {
    const number = showNumber(got);
    // The nearest whole number, whichever it is of two.
    const off = Math.abs(got - Math.round(got));
    if (Number.isInteger(want) && off > ROUNDING) return say("not_whole", { number });
    if (want && isClose(got, -want, 1e-4, ROUNDING)) return say("sign", { number });
    if (isRounded(got, want)) return say("rounded", { number });
    return got > want ? say("too_large", { number }) : say("too_small", { number });
  }

  /** Whether a number is another one, rounded or cut off after one to three decimals.
   *  @param {number} got @param {number} want */
  function isRounded(got, want) {
    return [10, 100, 1000].some((scale) => [0.5, 0].some((half) => {
      const size = Math.floor(Math.abs(want) * scale + half);
      return isClose(got, (want < 0 ? -size : size) / scale, 1e-9, 1e-6);
    }));
  }

  /** Recognise the right numbers at other places, and a wrong sign.
   *  @param {number[]} numbers @param {Tensor} want @param {string} name @param {Say} say */
  function describeOrder(numbers, want, name, say) {
    const { shape, numbers: right } = want;
    /** @param {number[]} list */
    const sorted = (list) => [...list].sort((a, b) => a - b);
    if (shape.length === 1) {
      if (near(sorted(numbers), sorted(right), ROUNDING)) return say("order", { name });
    } else {
      const [rows, columns] = shape;
      /** Whether the answer is right once its numbers are taken from elsewhere.
       *  @param {(row: number, column: number) => [number, number]} from */
      const movedFrom = (from) =>
        near(right.map((_, k) => {
          const [row, column] = from(Math.floor(k / columns), k % columns);
          return numbers[row * columns + column];
        }), right, ROUNDING);
      if (rows === columns && movedFrom((r, c) => [c, r])) return say("swapped", { name });
      if (movedFrom((r, c) => [rows - 1 - r, c])) return say("rows_reversed", { name });
      if (movedFrom((r, c) => [r, columns - 1 - c])) return say("columns_reversed", { name });
      if (movedFrom((r, c) => [rows - 1 - r, columns - 1 - c])) {
        return say("both_reversed", { name });
      }
    }
    return near(numbers.map((one) => -one), right, ROUNDING) ? say("every_sign", { name }) : "";
  }

  /** @param {Tensor} got @param {Tensor} want @param {number} tolerance @param {Say} say */
  function describeCount({ shape, numbers }, want, tolerance, say) {
    const wrong = numbers.map((one, k) => Math.abs(one - want.numbers[k]) > tolerance);
    const count = wrong.filter(Boolean).length;
    const total = numbers.length;
    const first = wrong.indexOf(true);
    const columns = shape[shape.length - 1];
    const index =
      shape.length === 1 ? first : `[${Math.floor(first / columns)}, ${first % columns}]`;
    if (count === 1) return say("one_wrong", { total, index });
    return say("several_wrong", { count, total, index });
  }

  // ---- Verdicts

  /** Say whether a typed answer is right, or what is wrong with it, and how it was read.
   *  @param {Exercise} exercise made by `exercise_data` of cnnbook/exercises/_export.py
   *  @param {string} text what was typed
   *  @param {Record<string, string>} messages made by `exercise_messages`
   *  @returns {{right: boolean, message: string, mistake: string, reading: string}} */
  function grade(exercise, text, messages) {
    /** @type {Say} */
    const say = (key, values = {}) => window.cnnbook.fill(messages[key], values);
    if (isBlank(text)) return { right: false, message: say("no_text"), mistake: "", reading: "" };
    let given;
    let reading;
    try {
      const value = readText(text, say);
      given = toTensor(value, say);
      reading = describeReading(given, value, say);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      const message = say("wrong", { reason: error.message });
      return { right: false, message, mistake: "", reading: "" };
    }
    const answer = given;
    /** @param {Nested} other @param {number} tolerance */
    const is = (other, tolerance) => equal(answer, toTensor(other, say), tolerance);
    if (exercise.right.some((one) => is(one, exercise.tolerance))) {
      const { remark } = exercise;
      const message = remark ? say("right_remark", { remark }) : say("right");
      return { right: true, message, mistake: "", reading };
    }
    for (const { name, advice, answers } of exercise.mistakes) {
      if (answers.some((one) => is(one, exercise.mistakeTolerance))) {
        const message = say("mistake", { mistake: name, advice });
        return { right: false, message, mistake: name, reading };
      }
    }
    const want = toTensor(exercise.right[0], say);
    const product = want.shape.length ? "" : describeProduct(text, say);
    if (product) {
      return { right: false, message: say("wrong", { reason: product }), mistake: "", reading: "" };
    }
    const reason = describeDifference(answer, want, exercise, say);
    return { right: false, message: say("wrong", { reason }), mistake: "", reading };
  }

  const shared = /** @type {any} */ (window);
  shared.cnnbook = Object.assign(shared.cnnbook || {}, { grade });
})();
