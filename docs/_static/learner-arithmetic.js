// @ts-check
/**
 * Gradient descent on the two weights of a kernel of one row: what page 16 computes with torch.
 * Here each sum is a loop, in double precision.
 */
(() => {
  "use strict";

  const cnnbook = window.cnnbook = window.cnnbook || {};

  /** Grey images behind each other in one array.
   *  @typedef {{pixels: Float32Array, rows: number, columns: number}} Images */
  /** @typedef {[number, number]} Kernel */

  /** Read float32 numbers, little-endian, from base64. @param {string} text */
  function decode(text) {
    const view = new DataView(cnnbook.decodeBytes(text).buffer);
    return Float32Array.from({ length: view.byteLength / 4 }, (_, at) => view.getFloat32(4 * at, true));
  }

  /** The mean of the squared errors, and its gradient with respect to the two weights.
   *  @param {Images} images @param {Kernel} kernel @param {Kernel} wanted
   *  @returns {{loss: number, gradient: Kernel}} */
  function lossAndGradient({ pixels, columns }, kernel, wanted) {
    let squares = 0, forLeft = 0, forRight = 0, windows = 0;
    // The rows of all images are behind each other, so no window reaches over the end of a row.
    for (let row = 0; row < pixels.length; row += columns) {
      for (let at = row; at < row + columns - 1; at += 1) {
        const left = pixels[at], right = pixels[at + 1];
        const error = kernel[0] * left + kernel[1] * right - (wanted[0] * left + wanted[1] * right);
        squares += error * error;
        // The derivative of the squared error: twice the error, times the pixel that the weight meets.
        forLeft += 2 * error * left;
        forRight += 2 * error * right;
        windows += 1;
      }
    }
    return { loss: squares / windows, gradient: [forLeft / windows, forRight / windows] };
  }

  /** @param {Kernel} kernel @param {Kernel} gradient @param {number} rate @returns {Kernel} */
  function update(kernel, gradient, rate) {
    return [kernel[0] - rate * gradient[0], kernel[1] - rate * gradient[1]];
  }

  /** The output of one image, row by row. @param {Images} images @param {number} number
   *  @param {Kernel} kernel */
  function output({ pixels, rows, columns }, number, kernel) {
    const result = new Float64Array(rows * (columns - 1));
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns - 1; column += 1) {
        const at = (number * rows + row) * columns + column;
        result[row * (columns - 1) + column] = kernel[0] * pixels[at] + kernel[1] * pixels[at + 1];
      }
    }
    return result;
  }

  cnnbook.learner = { decode, lossAndGradient, update, output };
})();
