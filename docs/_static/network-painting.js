// @ts-check
/** Images and feature maps on a canvas: greys, and numbers in the colours of their signs. */
(() => {
  "use strict";

  const { make } = window.cnnbook;

  const GAP = 2;  // Pixels between two grids.

  /** Draw grey numbers from 0 to 1 as large pixels.
   *  @param {HTMLCanvasElement} canvas @param {ArrayLike<number>} grey @param {number} size */
  function paintGrey(canvas, grey, size) {
    const small = make("canvas", { width: String(size), height: String(size) });
    const brush = /** @type {CanvasRenderingContext2D} */ (small.getContext("2d"));
    const picture = brush.createImageData(size, size);
    for (let at = 0; at < grey.length; at += 1) {
      picture.data.fill(Math.round(grey[at] * 255), 4 * at, 4 * at + 3);
      picture.data[4 * at + 3] = 255;
    }
    brush.putImageData(picture, 0, 0);
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
    return context;
  }

  // The ground of a grid, so that one sees where it ends: grey, and its opacity.
  const GROUND = 128, OPACITY = 0.14;

  /** Draw grids side by side, with a gap between them, in the colours of their signs: the colour of
   *  the page is 0, and full colour is `most`.
   *  @param {HTMLCanvasElement} canvas @param {ArrayLike<number>} values @param {number} size
   *  @param {number} most @param {string[]} colours Positive and negative, as "#rrggbb".
   *  @param {number} across How many grids are in a row. */
  function paintSigns(canvas, values, size, most, colours, across) {
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const [positive, negative] = colours.map((colour) =>
      [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)));
    const cell = (canvas.width + GAP) / across, zoom = Math.floor((cell - GAP) / size);
    const picture = context.createImageData(canvas.width, canvas.height);
    // Whole pixels at a time, which is ten times as fast: red is in the lowest byte.
    const pixels = new Uint32Array(picture.data.buffer);
    for (let at = 0; at < values.length; at += 1) {
      const grid = Math.floor(at / size ** 2), inside = at % size ** 2;
      const left = grid % across * cell + inside % size * zoom;
      const top = Math.floor(grid / across) * cell + Math.floor(inside / size) * zoom;
      const share = most ? Math.min(1, Math.abs(values[at]) / most) : 0;
      const colour = values[at] > 0 ? positive : negative;
      // The colour lies over the ground, and both over the page.
      const opacity = share + OPACITY * (1 - share);
      let pixel = Math.round(255 * opacity) << 24;
      for (let part = 0; part < 3; part += 1) {
        const mixed = (colour[part] * share + GROUND * OPACITY * (1 - share)) / opacity;
        pixel |= Math.round(mixed) << 8 * part;
      }
      for (let row = top; row < top + zoom; row += 1) {
        pixels.fill(pixel, row * canvas.width + left, row * canvas.width + left + zoom);
      }
    }
    context.putImageData(picture, 0, 0);
  }

  /** The largest absolute value. @param {ArrayLike<number>} values */
  function largestMagnitude(values) {
    let most = 0;
    for (let at = 0; at < values.length; at += 1) most = Math.max(most, Math.abs(values[at]));
    return most;
  }

  window.cnnbook.painting = { GAP, paintGrey, paintSigns, largestMagnitude };
})();
