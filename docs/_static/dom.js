// @ts-check
/** What the scripts of several elements need. Loaded first on every page. */
(() => {
  "use strict";

  const cnnbook = window.cnnbook = window.cnnbook || {};

  /** Make an element.
   *  @template {keyof HTMLElementTagNameMap} T @param {T} tag
   *  @param {Record<string, string>} [attributes] @param {(Node | string)[]} [children]
   *  @returns {HTMLElementTagNameMap[T]} */
  cnnbook.make = (tag, attributes = {}, children = []) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  /** Fill in the named places of a text: "{count} images".
   *  @param {string} text @param {Record<string, string | number>} values */
  cnnbook.fill = (text, values) =>
    text.replace(/\{(\w+)\}/g, (place, name) => (name in values ? String(values[name]) : place));

  /** Decode base64. @param {string} base64 */
  cnnbook.decodeBytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

  /** Digits and signs of other keyboards. @type {[RegExp, string][]} */
  const SAME = [[/[\u2010-\u2013\u2212\ufe63\uff0d]/g, "-"], [/[\u2044\u2215\uff0f\xf7]/g, "/"], [/\u3002|\uff0e/g, "."]];
  const DECIMAL = "[+-]?(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?";
  const TYPED = new RegExp(`^(${DECIMAL})(?: */ *(${DECIMAL}))?$`);

  /** Read a number that was typed, or a fraction. "0,5" is no number: elsewhere it is two.
   *  @param {string} text @returns {number | null} */
  cnnbook.readNumber = (text) => {
    let plain = text.trim().replace(/[\uff10-\uff19]/g, (digit) =>
      String.fromCharCode(digit.charCodeAt(0) - 0xfee0));
    for (const [other, sign] of SAME) plain = plain.replace(other, sign);
    const parts = TYPED.exec(plain);
    if (!parts) return null;
    return Number(parts[1]) / (parts[2] === undefined ? 1 : Number(parts[2])) + 0;
  };
})();
