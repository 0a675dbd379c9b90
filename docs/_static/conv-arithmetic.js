// @ts-check
/**
 * The arithmetic of the convolution explorer: pure functions, which know nothing of the page.
 * "Convolution" is torch's: the kernel is laid on the window without being flipped. Rows and columns
 * count from 0, without the padding. A test compares all of it with the library.
 */
(() => {
  "use strict";

  /** @typedef {number[][]} Grid */
  /** @typedef {[number, number]} Place */
  /** What a link holds. The name of an image or a kernel is "" when it is the reader's own.
   *  @typedef {{image: string, pixels: Grid, kernel: string, weights: Grid, bias: number,
   *    stride: number, padding: number, dilation: number, relu: boolean, pool: number,
   *    at: Place, hide: string[], task: string}} State */
  /** @typedef {{images: Record<string, {label: string, code: string, pixels: Grid}>,
   *    kernels: Record<string, {label: string, weights: Grid}>, tasks: Record<string, string>,
   *    controls: string[], limits: Record<string, [number, number]>, largest: number,
   *    largestTable: number}} Data */
  /** @typedef {{output: Grid, relu: Grid, pool: Grid}} Result */

  // ---- Numbers, as text

  /** Read a number that was typed, or a fraction.
   *  @param {string} text @param {number} largest @returns {number | null} */
  function readNumber(text, largest) {
    const value = window.cnnbook.readNumber(text);
    return value !== null && Math.abs(value) <= largest ? value : null;
  }

  /** Read rows as in a link: "0,1;2,3".
   *  @param {string} text @param {[number, number]} limits @param {number} largest
   *  @returns {Grid | null} */
  function readGrid(text, [least, most], largest) {
    const rows = text.split(";").map((line) => line.split(",").map((one) => readNumber(one, largest)));
    const fits = (/** @type {number} */ size) => size >= least && size <= most;
    const good = fits(rows.length) && fits(rows[0].length) &&
      rows.every((line) => line.length === rows[0].length && !line.includes(null));
    return good ? /** @type {Grid} */ (rows) : null;
  }

  /** @param {Grid} grid */
  const writeGrid = (grid) => grid.map((line) => line.map((value) => String(value + 0)).join(",")).join(";");

  /** Write a number with four digits, as Python's ".4g" does.
   *  @param {number} value */
  function fourDigits(value) {
    if (value === 0) return "0";
    let [digits, power] = Math.abs(value).toExponential(3).split("e");
    // Exactly in the middle, Python takes the even digit and JavaScript the larger one.
    const [exact] = Math.abs(value).toExponential(40).split("e");
    if (/^50*$/.test(exact.slice(5)) && Number(exact[4]) % 2 === 0) digits = exact.slice(0, 5);
    const exponent = Number(power);
    const sign = value < 0 ? "-" : "";
    if (exponent < -4 || exponent >= 4) {
      const size = String(Math.abs(exponent)).padStart(2, "0");
      return `${sign}${digits.replace(/\.?0+$/, "")}e${exponent < 0 ? "-" : "+"}${size}`;
    }
    // Digits and power are exact, so this only moves the point.
    return sign + String(Number(`${digits}e${exponent}`));
  }

  /** A weight in a field: the average's are fractions. @param {number} value */
  function weightText(value) {
    const below = Math.round(1 / value);
    const isPart = below > 2 && below <= 25 && Math.fround(1 / below) === Math.fround(value);
    return isPart && fourDigits(value).length > 5 ? `1/${below}` : fourDigits(value);
  }

  /** In a cell there is room for two decimals. @param {number} value */
  const twoDecimals = (value) => String(Math.round(value * 100) / 100 + 0);

  /** A sign in the middle of a sum needs brackets. @param {number} value */
  function bracketed(value) {
    const text = fourDigits(value);
    return text.startsWith("-") ? `(${text})` : text;
  }

  // ---- Sizes

  /** @param {number} size @param {number} kernel
   *  @param {{stride?: number, padding?: number, dilation?: number}} [options] */
  function outputSize(size, kernel, { stride = 1, padding = 0, dilation = 1 } = {}) {
    const left = size + 2 * padding - dilation * (kernel - 1) - 1;
    return left < 0 ? 0 : Math.floor(left / stride) + 1;
  }

  /** The derivation of an output size, as the library writes it.
   *  @param {number} size @param {number} kernel
   *  @param {{stride?: number, padding?: number, dilation?: number}} [options] */
  function deriveSize(size, kernel, options = {}) {
    const { stride = 1, padding = 0, dilation = 1 } = options;
    return `floor((${size} + 2*${padding} - ${dilation}*(${kernel} - 1) - 1)/${stride}) + 1 = ` +
      String(outputSize(size, kernel, options));
  }

  /** Rows and columns. @param {Grid} grid @returns {Place} */
  const sizeOf = (grid) => [grid.length, grid.length ? grid[0].length : 0];

  /** @param {number} rows @param {number} columns @param {(row: number, column: number) => number} value
   *  @returns {Grid} */
  const makeGrid = (rows, columns, value) =>
    Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (_, column) => value(row, column)));

  /** Rows and columns of the output; 0 and 0 where the kernel does not fit. @param {State} state
   *  @returns {Place} */
  function outputShape(state) {
    const rows = outputSize(state.pixels.length, state.weights.length, state);
    const columns = outputSize(state.pixels[0].length, state.weights[0].length, state);
    return rows && columns ? [rows, columns] : [0, 0];
  }

  // ---- The layers

  /** The cells of one window, weight by weight: places in the image, which may lie in the padding.
   *  @param {State} state @param {number} row @param {number} column */
  function windowCells(state, row, column) {
    const { pixels, weights, stride, padding, dilation } = state;
    return weights.flatMap((line, r) => line.map((weight, c) => {
      const at = row * stride - padding + r * dilation;
      const across = column * stride - padding + c * dilation;
      return { row: at, column: across, weight, pixel: pixels[at]?.[across] ?? 0 };
    }));
  }

  /** @param {State} state @returns {Grid} */
  function convolve(state) {
    const { pixels, weights, bias, stride, padding, dilation } = state;
    const [rows, columns] = outputShape(state);
    return makeGrid(rows, columns, (row, column) => {
      let sum = 0;
      for (let r = 0; r < weights.length; r += 1) {
        const line = pixels[row * stride - padding + r * dilation];
        for (let c = 0; line && c < weights[r].length; c += 1) {
          sum += weights[r][c] * (line[column * stride - padding + c * dilation] ?? 0);
        }
      }
      return sum + bias;
    });
  }

  /** @param {Grid} grid @returns {Grid} */
  const relu = (grid) => grid.map((line) => line.map((value) => Math.max(value, 0)));

  /** The places that one number of a pooled output is the largest of.
   *  @param {number} size @param {number} row @param {number} column @returns {Place[]} */
  const poolCells = (size, row, column) => Array.from({ length: size * size }, (_, index) =>
    /** @type {Place} */ ([row * size + Math.floor(index / size), column * size + (index % size)]));

  /** @param {Grid} grid @param {number} size @returns {Grid} */
  function maxPool(grid, size) {
    const [rows, columns] = sizeOf(grid).map((length) => Math.floor(length / size));
    if (!rows || !columns) return [];
    return makeGrid(rows, columns, (row, column) =>
      Math.max(...poolCells(size, row, column).map(([r, c]) => grid[r][c])));
  }

  /** Every stage; one that is switched off passes on what it gets. @param {State} state
   *  @returns {Result} */
  function compute(state) {
    const output = convolve(state);
    const rectified = state.relu ? relu(output) : output;
    return { output, relu: rectified, pool: state.pool ? maxPool(rectified, state.pool) : rectified };
  }

  // ---- Who belongs to whom

  /** The outputs that a pixel reaches, and with which weight.
   *  @param {State} state @param {number} row @param {number} column */
  function reached(state, row, column) {
    const { weights, stride, padding, dilation } = state;
    const [rows, columns] = outputShape(state);
    return weights.flatMap((line, r) => line.flatMap((weight, c) => {
      const down = row + padding - r * dilation, right = column + padding - c * dilation;
      const at = down / stride, across = right / stride;
      const exists = down % stride === 0 && right % stride === 0 &&
        at >= 0 && across >= 0 && at < rows && across < columns;
      return exists ? [{ row: at, column: across, weight }] : [];
    })).sort((one, other) => one.row - other.row || one.column - other.column);
  }

  /** The pairs of pixel and output that a weight joins; the pixel may lie in the padding.
   *  @param {State} state @param {number} row @param {number} column
   *  @returns {{pixel: Place, output: Place}[]} */
  function joined(state, row, column) {
    const { stride, padding, dilation } = state;
    const [rows, columns] = outputShape(state);
    return Array.from({ length: rows * columns }, (_, index) => {
      const at = Math.floor(index / columns), across = index % columns;
      return {
        pixel: [at * stride - padding + row * dilation, across * stride - padding + column * dilation],
        output: [at, across],
      };
    });
  }

  /** The column of the matrix "What" in conv(img) = img @ What that belongs to an output.
   *  @param {State} state @param {number} row @param {number} column @returns {number[]} */
  function matrixColumn(state, row, column) {
    const [rows, columns] = sizeOf(state.pixels);
    const entries = Array(rows * columns).fill(0);
    for (const cell of windowCells(state, row, column)) {
      const inside = cell.row >= 0 && cell.column >= 0 && cell.row < rows && cell.column < columns;
      if (inside) entries[cell.row * columns + cell.column] = cell.weight;
    }
    return entries;
  }

  /** The arithmetic of one window, as the library writes it: weights before pixels.
   *  @param {State} state @param {number} row @param {number} column @param {number} total */
  function windowSum(state, row, column, total) {
    const terms = windowCells(state, row, column).map(({ weight, pixel }) =>
      `${bracketed(weight)}*${bracketed(pixel)}`);
    if (state.bias) terms.push(bracketed(state.bias));
    return `${terms.join(" + ")} = ${fourDigits(total)}`;
  }

  // ---- The same in torch

  /** The shortest number that is the same float32. @param {number} value */
  function float32(value) {
    const digits = Array.from({ length: 9 }, (_, index) => Number(value.toPrecision(index + 1)));
    const short = digits.find((one) => Math.fround(one) === Math.fround(value)) ?? value;
    return Number.isInteger(short) ? `${short + 0}.0` : String(short);
  }

  /** @param {Grid} grid */
  const tensor = (grid) =>
    `torch.tensor([${grid.map((line) => `[${line.map(float32).join(", ")}]`).join(",\n    ")}])[None, None]`;

  /** The code that computes what is shown. @param {State} state @param {Data} data */
  function torchCode(state, data) {
    const { stride, padding, dilation } = state;
    const given = Object.entries({ stride, padding, dilation })
      .filter(([name, value]) => value !== (name === "padding" ? 0 : 1))
      .map(([name, value]) => `, ${name}=${value}`).join("");
    const [rows, columns] = sizeOf(state.weights);
    const layers = [
      `torch.nn.Conv2d(1, 1, (${rows}, ${columns})${given}${state.bias ? "" : ", bias=False"})`,
      ...(state.relu ? ["torch.nn.ReLU()"] : []),
      ...(state.pool ? [`torch.nn.MaxPool2d(${state.pool})`] : []),
    ];
    const net = layers.length > 1 ? ["torch.nn.Sequential(", ...layers.map((layer) => `    ${layer},`), ")"] : layers;
    return [
      "import torch",
      "import torch.nn.functional as F",
      "",
      data.images[state.image]?.code || `image = ${tensor(state.pixels)}`,
      `kernel = ${tensor(state.weights)}`,
      ...(state.bias ? [`bias = torch.tensor([${float32(state.bias)}])`] : []),
      `output = F.conv2d(image, kernel${state.bias ? ", bias" : ""}${given})`,
      ...(state.relu ? ["output = F.relu(output)"] : []),
      ...(state.pool ? [`output = F.max_pool2d(output, ${state.pool})`] : []),
      "print(output[0, 0])",
      "",
      "# The same as layers, whose weights are learned:",
      `net = ${net.join("\n")}`,
    ].join("\n");
  }

  // ---- Links

  /** @param {Data} data @returns {State} */
  const firstState = (data) => ({
    image: "lecture", pixels: data.images.lecture.pixels,
    kernel: "average2", weights: data.kernels.average2.weights,
    bias: 0, stride: 1, padding: 0, dilation: 1, relu: false, pool: 0, at: [0, 0], hide: [], task: "",
  });

  /** Read a query. What cannot be read is left out, and its "name=value" returned.
   *  @param {string} query @param {Data} data @returns {{state: State, problems: string[]}} */
  function readQuery(query, data) {
    const state = firstState(data);
    /** @type {string[]} */
    const problems = [];
    const given = new URLSearchParams(query);
    /** @param {string} name @param {(text: string) => boolean} read Whether it could be read. */
    const take = (name, read) => {
      const text = given.get(name);
      if (text !== null && !read(text)) problems.push(`${name}=${text}`);
    };
    /** @param {Record<string, unknown>} table @param {string} name */
    const has = (table, name) => Object.prototype.hasOwnProperty.call(table, name);
    take("image", (text) => {
      const grid = has(data.images, text) ? data.images[text].pixels : readGrid(text, data.limits.image, data.largest);
      if (grid) [state.image, state.pixels] = [has(data.images, text) ? text : "", grid];
      return Boolean(grid);
    });
    take("kernel", (text) => {
      const grid = has(data.kernels, text) ? data.kernels[text].weights : readGrid(text, data.limits.kernel, data.largest);
      if (grid) [state.kernel, state.weights] = [has(data.kernels, text) ? text : "", grid];
      return Boolean(grid);
    });
    take("bias", (text) => {
      const value = readNumber(text, data.largest);
      state.bias = value ?? 0;
      return value !== null;
    });
    for (const name of /** @type {const} */ (["stride", "padding", "dilation", "relu", "pool"])) {
      take(name, (text) => {
        const [least, most] = data.limits[name], value = Number(text);
        const good = /^[0-9]{1,2}$/.test(text) && value >= least && value <= most && !(name === "pool" && value === 1);
        if (good && name === "relu") state.relu = value === 1;
        else if (good && name !== "relu") state[name] = value;
        return good;
      });
    }
    take("at", (text) => {
      const [rows, columns] = outputShape(state);
      const place = /^([0-9]{1,2}),([0-9]{1,2})$/.exec(text)?.slice(1).map(Number);
      if (!place || place[0] >= rows || place[1] >= columns) return false;
      state.at = [place[0], place[1]];
      return true;
    });
    take("hide", (text) => {
      const names = text.split(",").filter(Boolean);
      state.hide = data.controls.filter((name) => names.includes(name));
      return names.every((name) => data.controls.includes(name));
    });
    take("task", (text) => {
      if (has(data.tasks, text)) state.task = text;
      return state.task === text;
    });
    return { state, problems };
  }

  /** Write the query of a state; what is as at the start is left out.
   *  @param {State} state @param {Data} data */
  function writeQuery(state, data) {
    const first = firstState(data);
    const image = state.image || writeGrid(state.pixels), kernel = state.kernel || writeGrid(state.weights);
    const [row, column] = state.at;
    return [
      state.task && `task=${state.task}`,
      `image=${image}`,
      `kernel=${kernel}`,
      state.bias && `bias=${state.bias}`,
      state.stride !== first.stride && `stride=${state.stride}`,
      state.padding && `padding=${state.padding}`,
      state.dilation !== first.dilation && `dilation=${state.dilation}`,
      state.relu && "relu=1",
      state.pool && `pool=${state.pool}`,
      (row || column) && `at=${row},${column}`,
      state.hide.length && `hide=${state.hide.join(",")}`,
    ].filter(Boolean).join("&");
  }

  // ---- Tasks

  const NEARLY = 1e-5;
  /** @param {number} one @param {number} other */
  const same = (one, other) => Math.abs(one - other) < NEARLY;
  /** @param {Grid} grid @param {(value: number, row: number, column: number) => boolean} test */
  const every = (grid, test) => grid.length > 0 && grid.every((line, r) => line.every((value, c) => test(value, r, c)));
  /** @param {Grid} one @param {Grid} other */
  const sameSize = (one, other) => String(sizeOf(one)) === String(sizeOf(other));
  /** The pixels of a window, row by row. @param {State} state @param {number} row @param {number} column */
  function windowRows(state, row, column) {
    const cells = windowCells(state, row, column), width = state.weights[0].length;
    return state.weights.map((_, r) => cells.slice(r * width, (r + 1) * width).map((cell) => cell.pixel));
  }
  /** @param {number[]} line */
  const constant = (line) => line.every((value) => value === line[0]);

  /** When a task is solved, by its name. @type {Record<string, (state: State, result: Result) => boolean>} */
  const SOLVED = {
    "all-ones": (state, { output }) => state.bias === 0 && every(output, (value) => same(value, 1)),
    halve: ({ pixels }, { output }) => {
      const [[rows, columns], [height, width]] = [sizeOf(output), sizeOf(pixels)];
      return 2 * rows === height && 2 * columns === width;
    },
    "same-size": ({ pixels, weights }, { output }) =>
      weights.length >= 3 && weights[0].length >= 3 && sameSize(output, pixels),
    "receptive-field": ({ weights, dilation }) =>
      weights.length === 3 && weights[0].length === 3 && dilation === 2,
    undo: ({ pixels, weights }, { output }) => String(sizeOf(weights)) === "3,3" &&
      sameSize(output, pixels) && every(output, (value, r, c) => same(value, pixels[r][c])),
    shift: ({ pixels }, { output }) => sameSize(output, pixels) &&
      every(output, (value, r, c) => same(value, c ? pixels[r][c - 1] : 0)),
    invert: ({ pixels }, { output }) => sameSize(output, pixels) &&
      every(output, (value, r, c) => same(value, 1 - pixels[r][c])),
    "vertical-edge": (state, { output }) => state.bias === 0 && state.weights[0].length > 1 &&
      every(output, (value, r, c) => {
        const rows = windowRows(state, r, c);
        if (rows.every(constant)) return same(value, 0);
        const alike = rows.every((line) => String(line) === String(rows[0]));
        return !alike || !same(value, 0);
      }),
    "left-edge": (state, { output, relu: kept }) => state.relu && kept.some((line) => line.some((value) => value > NEARLY)) &&
      every(output, (value, r, c) => value <= NEARLY ||
        windowRows(state, r, c).some((line) => line.some((pixel, at) => at > 0 && pixel > line[at - 1]))),
    draw: ({ pixels }, { output }) => every(pixels, (value) => value === 0 || value === 1) &&
      every(output, (value) => value >= 0) && Math.max(...output.flat()) === 2,
  };

  /** @param {State} state @param {Result} result */
  const solved = (state, result) => Boolean(SOLVED[state.task]?.(state, result));

  const cnnbook = window.cnnbook = window.cnnbook || {};
  cnnbook.conv = {
    readNumber, readGrid, writeGrid, fourDigits, twoDecimals, weightText, outputSize, deriveSize, sizeOf, outputShape,
    windowCells, compute, relu, maxPool, poolCells, reached, joined, matrixColumn, windowSum, torchCode,
    readQuery, writeQuery, solved, taskNames: Object.keys(SOLVED),
  };
})();
