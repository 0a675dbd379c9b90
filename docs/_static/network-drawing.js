// @ts-check
/**
 * A drawing of 112 x 112 grey numbers, and the image of 28 x 28 that is made of it as the data were
 * made: cut out, enlarged and centred. Only numbers go in and come out: nothing is shown here.
 */
(() => {
  "use strict";

  const cnnbook = window.cnnbook = window.cnnbook || {};

  const SIZE = 28, FINE = 112;
  // Samples of the drawing along each side of a pixel.
  const SAMPLES = 4;

  /** @typedef {{ longest: number, row: number, column: number }} Box */

  /** Colour a disc. @param {Float32Array} drawing @param {number} x @param {number} y
   *  @param {number} radius @param {number} grey */
  function dab(drawing, x, y, radius, grey) {
    const first = (/** @type {number} */ at) => Math.max(0, Math.floor(at - radius));
    const last = (/** @type {number} */ at) => Math.min(FINE - 1, Math.ceil(at + radius));
    for (let row = first(y); row <= last(y); row += 1) {
      for (let column = first(x); column <= last(x); column += 1) {
        if (Math.hypot(column + 0.5 - x, row + 0.5 - y) <= radius) drawing[row * FINE + column] = grey;
      }
    }
  }

  /** Colour a line. @param {Float32Array} drawing @param {[number, number]} from
   *  @param {[number, number]} to @param {number} radius @param {number} grey */
  function line(drawing, [x, y], [toX, toY], radius, grey) {
    const steps = Math.max(1, Math.ceil(Math.hypot(toX - x, toY - y)));
    for (let step = 0; step <= steps; step += 1) {
      dab(drawing, x + (toX - x) * step / steps, y + (toY - y) * step / steps, radius, grey);
    }
  }

  /** Find what is empty and joined to the edge. @param {Float32Array} drawing */
  function outside(drawing) {
    const found = new Uint8Array(FINE ** 2);
    /** @type {number[]} */
    const waiting = [];
    const visit = (/** @type {number} */ at) => {
      if (drawing[at] === 0 && !found[at]) { found[at] = 1; waiting.push(at); }
    };
    for (let at = 0; at < FINE; at += 1) {
      for (const edge of [at, (FINE - 1) * FINE + at, at * FINE, at * FINE + FINE - 1]) visit(edge);
    }
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      if (at % FINE > 0) visit(at - 1);
      if (at % FINE < FINE - 1) visit(at + 1);
      if (at >= FINE) visit(at - FINE);
      if (at < FINE * (FINE - 1)) visit(at + FINE);
    }
    return found;
  }

  /** Fill what was outside before a line was drawn, and no longer is. What was erased inside was
   *  not outside, and stays empty.
   *  @param {Float32Array} drawing @param {Uint8Array} before @param {number} grey */
  function fillEnclosed(drawing, before, grey) {
    const after = outside(drawing);
    for (let at = 0; at < drawing.length; at += 1) {
      if (before[at] && !after[at] && drawing[at] === 0) drawing[at] = grey;
    }
  }

  /** The first and the last of the rows and columns that are not black, or null.
   *  @param {ArrayLike<number>} pixels @param {number} size */
  function extent(pixels, size) {
    let top = size, bottom = -1, left = size, right = -1;
    for (let at = 0; at < pixels.length; at += 1) {
      if (pixels[at] === 0) continue;
      const row = Math.floor(at / size), column = at % size;
      top = Math.min(top, row);
      bottom = Math.max(bottom, row);
      left = Math.min(left, column);
      right = Math.max(right, column);
    }
    if (bottom < 0) return null;
    return {
      longest: Math.max(bottom - top, right - left) + 1,
      row: (top + bottom + 1) / 2, column: (left + right + 1) / 2,
    };
  }

  /** The usual size and place of what the images show. @param {Float32Array[]} images @returns {Box} */
  function usualBox(images) {
    const boxes = images.map((image) => extent(image, SIZE)).flatMap((box) => box ?? []);
    const median = (/** @type {"longest" | "row" | "column"} */ name) =>
      boxes.map((box) => box[name]).sort((one, other) => one - other)[boxes.length >> 1];
    return { longest: median("longest"), row: median("row"), column: median("column") };
  }

  /** Make an image of a drawing: as large as the data, and where the data are; null if it is empty.
   *  @param {Float32Array} drawing @param {Box} box */
  function prepared(drawing, box) {
    const drawn = extent(drawing, FINE);
    if (!drawn) return null;
    const step = drawn.longest / box.longest, image = new Float32Array(SIZE ** 2);
    /** @param {number} at @param {number} place @param {number} centre */
    const source = (at, place, centre) => Math.floor(centre + (at - place) * step);
    for (let at = 0; at < image.length; at += 1) {
      let sum = 0;
      for (let sample = 0; sample < SAMPLES ** 2; sample += 1) {
        const row = Math.floor(at / SIZE) + (Math.floor(sample / SAMPLES) + 0.5) / SAMPLES;
        const column = at % SIZE + (sample % SAMPLES + 0.5) / SAMPLES;
        const y = source(row, box.row, drawn.row), x = source(column, box.column, drawn.column);
        if (x >= 0 && x < FINE && y >= 0 && y < FINE) sum += drawing[y * FINE + x];
      }
      image[at] = sum / SAMPLES ** 2;
    }
    return image;
  }

  cnnbook.drawing = { FINE, dab, line, outside, fillEnclosed, usualBox, prepared };
})();
