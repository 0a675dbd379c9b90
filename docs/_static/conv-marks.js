// @ts-check
/**
 * What the convolution explorer marks and says of what is looked at: an output, a pixel of the
 * image, a weight, or an output of MaxPool. Pure functions, as in conv-arithmetic.js.
 */
(() => {
  "use strict";

  const { fill, conv } = window.cnnbook;
  const { fourDigits } = conv;

  /** @typedef {[number, number]} Place */
  /** @typedef {{row: number, column: number, kind: string, label?: string}} Mark */
  /** Marks of each panel, a sentence, the arithmetic, and what the stages behind do with the sum.
   *  @typedef {{marks: Record<string, Mark[]>, told: string, sum: string, behind: string}} Described */

  /** @param {any} state @param {any} result @param {Place} place @param {Record<string, string>} texts
   *  @returns {Described} */
  function output(state, result, [row, column], texts) {
    const total = result.output[row][column];
    const now = [{ row, column, kind: "now" }];
    const seen = conv.windowCells(state, row, column)
      .map((/** @type {Mark} */ cell) => ({ row: cell.row, column: cell.column, kind: "seen" }));
    const at = Math.floor(row / state.pool), across = Math.floor(column / state.pool);
    const pooled = state.pool && result.pool[at]?.[across] !== undefined;
    return {
      marks: { image: seen, output: now, relu: now, pool: pooled ? [{ row: at, column: across, kind: "now" }] : [] },
      told: fill(texts.told_output, { row, column }),
      sum: conv.windowSum(state, row, column, total),
      behind: state.relu ? fill(total > 0 ? texts.relu_keeps : texts.relu_cuts, { value: fourDigits(total) }) : "",
    };
  }

  /** @param {any} state @param {any} result @param {Place} place @param {Record<string, string>} texts
   *  @returns {Described} */
  function input(state, result, [row, column], texts) {
    const outputs = conv.reached(state, row, column);
    const number = outputs.length === 0 ? "_none" : outputs.length === 1 ? "_one" : "";
    return {
      marks: {
        image: [{ row, column, kind: "now" }],
        output: outputs.map((/** @type {Mark} */ one) => ({ row: one.row, column: one.column, kind: "reached" })),
      },
      told: fill(texts[`told_input${number}`], { row, column, count: outputs.length }),
      sum: "", behind: "",
    };
  }

  /** @param {any} state @param {any} result @param {Place} place @param {Record<string, string>} texts
   *  @returns {Described} */
  function weight(state, result, [row, column], texts) {
    const value = state.weights[row]?.[column];
    /** @type {{pixel: Place, output: Place}[]} */
    const pairs = value === undefined ? [] : conv.joined(state, row, column);
    /** @param {Place} place @param {number} index */
    const mark = (place, index) => ({ row: place[0], column: place[1], kind: "joined", label: String(index + 1) });
    return {
      marks: {
        image: pairs.map(({ pixel }, index) => mark(pixel, index)),
        output: pairs.map((pair, index) => mark(pair.output, index)),
      },
      told: fill(texts[pairs.length === 1 ? "told_weight_one" : "told_weight"],
        { row, column, count: pairs.length, weight: fourDigits(value ?? 0) }),
      sum: "", behind: "",
    };
  }

  /** @param {any} state @param {any} result @param {Place} place @param {Record<string, string>} texts
   *  @returns {Described} */
  function pool(state, result, [row, column], texts) {
    const cells = /** @type {Place[]} */ (conv.poolCells(state.pool, row, column));
    /** @type {Map<string, Mark>} */
    const seen = new Map();
    for (const [r, c] of cells) {
      for (const cell of conv.windowCells(state, r, c)) {
        seen.set(`${cell.row},${cell.column}`, { row: cell.row, column: cell.column, kind: "seen" });
      }
    }
    const values = cells.map(([r, c]) => fourDigits(result.relu[r][c])).join(", ");
    return {
      marks: {
        image: [...seen.values()],
        [state.relu ? "relu" : "output"]: cells.map(([r, c]) => ({ row: r, column: c, kind: "seen" })),
        pool: [{ row, column, kind: "now" }],
      },
      told: fill(texts.told_pool, { row, column, values, value: fourDigits(result.pool[row][column]) }),
      sum: "", behind: "",
    };
  }

  window.cnnbook.convMarks = { output, input, weight, pool };
})();
