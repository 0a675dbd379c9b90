// @ts-check
/**
 * The lecture's CNN in plain numbers: Conv2d(1, 16, 2), ReLU, MaxPool2d(2), Flatten, Linear(2704, 10).
 * Images are arrays of 784 numbers, row by row. Only numbers go in and come out: nothing is drawn here.
 */
(() => {
  "use strict";

  const cnnbook = window.cnnbook = window.cnnbook || {};

  const SIZE = 28, CHANNELS = 16, WINDOWS = 27, POOLED = 13, PATCH = 5;

  /** @typedef {{ kernels: Float32Array, biases: Float32Array, weights: Float32Array,
   *              scoreBiases: Float32Array }} Net */
  /** @typedef {ArrayLike<number>} Image */

  /** Read a network's parameters, in torch's order. @param {string} base64 @returns {Net} */
  function readNetwork(base64) {
    const all = new Float32Array(cnnbook.decodeBytes(base64).buffer);
    const numbers = CHANNELS * POOLED * POOLED, first = CHANNELS * 5;
    const classes = (all.length - first) / (numbers + 1);
    return {
      kernels: all.subarray(0, CHANNELS * 4),
      biases: all.subarray(CHANNELS * 4, first),
      weights: all.subarray(first, first + classes * numbers),
      scoreBiases: all.subarray(first + classes * numbers),
    };
  }

  /** Read images of bytes. @param {string} base64 @returns {Float32Array[]} */
  function readImages(base64) {
    const all = Float32Array.from(cnnbook.decodeBytes(base64), (byte) => byte / 255);
    return Array.from({ length: all.length / SIZE ** 2 }, (_, at) =>
      all.subarray(at * SIZE ** 2, (at + 1) * SIZE ** 2));
  }

  /** The 16 feature maps of 27 x 27 before ReLU. @param {Net} net @param {Image} image */
  function convolve({ kernels, biases }, image) {
    const maps = new Float64Array(CHANNELS * WINDOWS ** 2);
    let at = 0;
    for (let channel = 0; channel < CHANNELS; channel += 1) {
      const [a, b, c, d] = kernels.subarray(4 * channel, 4 * channel + 4);
      for (let row = 0; row < WINDOWS; row += 1) {
        for (let column = 0; column < WINDOWS; column += 1) {
          const pixel = row * SIZE + column;
          maps[at] = biases[channel] + a * image[pixel] + b * image[pixel + 1]
            + c * image[pixel + SIZE] + d * image[pixel + SIZE + 1];
          at += 1;
        }
      }
    }
    return maps;
  }

  /** @param {Float64Array} maps */
  const relu = (maps) => maps.map((value) => Math.max(value, 0));

  /** The largest of each 2 x 2; the last row and column of 27 are left over.
   *  @param {Float64Array} maps */
  function pool(maps) {
    const pooled = new Float64Array(CHANNELS * POOLED ** 2);
    let at = 0;
    for (let channel = 0; channel < CHANNELS; channel += 1) {
      for (let row = 0; row < POOLED; row += 1) {
        for (let column = 0; column < POOLED; column += 1) {
          const first = channel * WINDOWS ** 2 + 2 * row * WINDOWS + 2 * column;
          pooled[at] = Math.max(maps[first], maps[first + 1], maps[first + WINDOWS], maps[first + WINDOWS + 1]);
          at += 1;
        }
      }
    }
    return pooled;
  }

  /** @param {Net} net @param {Float64Array} pooled @returns {number[]} */
  function linear({ weights, scoreBiases }, pooled) {
    return Array.from(scoreBiases, (bias, kind) => {
      let score = bias;
      for (let at = 0; at < pooled.length; at += 1) score += weights[kind * pooled.length + at] * pooled[at];
      return score;
    });
  }

  /** Everything that the network computes of an image. @param {Net} net @param {Image} image */
  function forward(net, image) {
    const convolved = convolve(net, image), activated = relu(convolved), pooled = pool(activated);
    return { convolved, activated, pooled, scores: linear(net, pooled) };
  }

  /** @param {number[]} scores */
  function softmax(scores) {
    // The largest is subtracted, so that no exponential overflows.
    const most = Math.max(...scores), powers = scores.map((score) => Math.exp(score - most));
    const sum = powers.reduce((one, other) => one + other, 0);
    return powers.map((power) => power / sum);
  }

  /** The index of the first of the largest, as torch.argmax on a CPU. @param {ArrayLike<number>} values */
  function indexOfLargest(values) {
    let best = 0;
    for (let at = 1; at < values.length; at += 1) if (values[at] > values[best]) best = at;
    return best;
  }

  /** What each of 13 x 13 positions adds to a score: weights times feature maps, over the channels.
   *  @param {Net} net @param {Float64Array} pooled @param {number} kind */
  function votes({ weights }, pooled, kind) {
    const points = new Float64Array(POOLED ** 2);
    const first = kind * pooled.length;
    for (let at = 0; at < pooled.length; at += 1) points[at % POOLED ** 2] += weights[first + at] * pooled[at];
    return points;
  }

  /** The vote of one position, computed from its 3 x 3 pixels. @param {Net} net @param {Image} image
   *  @param {number} kind @param {number} row @param {number} column */
  function voteAt({ kernels, biases, weights }, image, kind, row, column) {
    const first = 2 * row * SIZE + 2 * column, second = first + SIZE, third = second + SIZE;
    const a = image[first], b = image[first + 1], c = image[first + 2];
    const d = image[second], e = image[second + 1], f = image[second + 2];
    const g = image[third], h = image[third + 1], i = image[third + 2];
    let vote = 0;
    for (let channel = 0; channel < CHANNELS; channel += 1) {
      const w = kernels[4 * channel], x = kernels[4 * channel + 1];
      const y = kernels[4 * channel + 2], z = kernels[4 * channel + 3];
      const most = biases[channel] + Math.max(
        w * a + x * b + y * d + z * e, w * b + x * c + y * e + z * f,
        w * d + x * e + y * g + z * h, w * e + x * f + y * h + z * i);
      if (most > 0) vote += most * weights[(kind * CHANNELS + channel) * POOLED ** 2 + row * POOLED + column];
    }
    return vote;
  }

  /** By how much a score drops when a patch covers the image, for each of 24 x 24 places.
   *  A patch changes only the votes around it, so only these are computed again.
   *  @param {Net} net @param {Image} image @param {number} kind @param {number} fill */
  function occlusion(net, image, kind, fill) {
    const places = SIZE - PATCH + 1, drops = new Float64Array(places ** 2);
    const before = votes(net, forward(net, image).pooled, kind);
    for (let row = 0; row < places; row += 1) {
      for (let column = 0; column < places; column += 1) {
        const covered = patched(image, { row, column, fill });
        const [top, left] = [row, column].map((at) => Math.max(0, (at - 1) >> 1));
        const [bottom, right] = [row, column].map((at) => Math.min(POOLED - 1, (at + PATCH - 1) >> 1));
        let drop = 0;
        for (let r = top; r <= bottom; r += 1) {
          for (let c = left; c <= right; c += 1) drop += before[r * POOLED + c] - voteAt(net, covered, kind, r, c);
        }
        drops[row * places + column] = drop;
      }
    }
    return drops;
  }

  /** What leaves the image is lost, and black comes in.
   *  @param {Image} image @param {number} down @param {number} right */
  function shifted(image, down, right) {
    const moved = new Float32Array(SIZE ** 2);
    for (let row = Math.max(0, down); row < Math.min(SIZE, SIZE + down); row += 1) {
      for (let column = Math.max(0, right); column < Math.min(SIZE, SIZE + right); column += 1) {
        moved[row * SIZE + column] = image[(row - down) * SIZE + column - right];
      }
    }
    return moved;
  }

  /** @param {Image} image */
  function mirrored(image) {
    return Float32Array.from(image, (_, at) => image[at - at % SIZE + SIZE - 1 - at % SIZE]);
  }

  /** Cover 5 x 5 pixels with one grey.
   *  @param {Image} image @param {{ row: number, column: number, fill: number }} patch */
  function patched(image, { row, column, fill }) {
    const covered = new Float32Array(image);
    for (let r = row; r < row + PATCH; r += 1) covered.fill(fill, r * SIZE + column, r * SIZE + column + PATCH);
    return covered;
  }

  cnnbook.network = {
    SIZE, CHANNELS, WINDOWS, POOLED, PATCH, readNetwork, readImages, forward, softmax, indexOfLargest,
    votes, occlusion, shifted, mirrored, patched,
  };
})();
