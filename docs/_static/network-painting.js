// @ts-check
/** Images and feature maps on a canvas: greys, and numbers in the colours of their signs. */
(() => {
  "use strict";

  const { make } = window.cnnbook;

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

  /** Draw grids side by side in the colours of their signs; 0 is nearly the colour of the page.
   *  @param {HTMLCanvasElement} canvas @param {ArrayLike<number>} values @param {number} size
   *  @param {number} most @param {string[]} colours @param {number} across */
  function paintSigns(canvas, values, size, most, colours, across) {
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const cell = (canvas.width + 2) / across - 2, pixel = Math.floor(cell / size);
    context.clearRect(0, 0, canvas.width, canvas.height);
    for (let at = 0; at < values.length; at += 1) {
      const grid = Math.floor(at / size ** 2), inside = at % size ** 2;
      const left = grid % across * (cell + 2), top = Math.floor(grid / across) * (cell + 2);
      if (inside === 0) {
        context.globalAlpha = 0.14;
        context.fillStyle = "#808080";
        context.fillRect(left, top, pixel * size, pixel * size);
      }
      if (values[at] === 0 || most === 0) continue;
      context.globalAlpha = Math.min(1, Math.abs(values[at]) / most);
      context.fillStyle = colours[values[at] > 0 ? 0 : 1];
      context.fillRect(left + inside % size * pixel, top + Math.floor(inside / size) * pixel, pixel, pixel);
    }
  }

  /** The largest absolute value. @param {ArrayLike<number>} values */
  const largest = (values) => Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);

  window.cnnbook.painting = { paintGrey, paintSigns, largest };
})();
