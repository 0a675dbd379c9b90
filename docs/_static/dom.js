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

  // Korean particles after a consonant, and after a vowel (cnnbook/exercises/_language.py).
  /** @type {Record<string, string>} */
  const PARTICLES = { 은: "는", 이: "가", 을: "를", 과: "와", 으로: "로", 이라: "라" };

  /** The final consonant with which a word's reading ends: "ㄹ", "other" or none.
   *  @param {string} word */
  cnnbook.finalConsonant = (word) => {
    const known = word.replace(/[^\p{Letter}\p{Number}_%]+$/u, "");
    let last = known.slice(-1);
    if (!last) return "";
    if (/[0-9]/.test(last)) {
      const digits = /[\d,.]*$/.exec(known)?.[0] ?? "";
      // A number that ends in zeros is read with 십, 백, 천 or 만; 0 itself is 영.
      last = /^[\d,]*[1-9][\d,]*0$/.test(digits) ? "만" : "영일이삼사오육칠팔구"[Number(last)];
    } else if (!(last >= "가" && last <= "힣")) {
      return last.toLowerCase() === "l" ? "ㄹ" : "mn".includes(last.toLowerCase()) ? "other" : "";
    }
    const final = (last.charCodeAt(0) - "가".charCodeAt(0)) % 28;
    return final === 0 ? "" : final === 8 ? "ㄹ" : "other";
  };

  /** @param {string} word @param {string} particle */
  function withParticle(word, particle) {
    const end = cnnbook.finalConsonant(word);
    if (particle === "으로") return word + (end === "other" ? "으로" : "로");
    return word + (end ? particle : PARTICLES[particle] ?? particle);
  }

  /** Fill in the named places of a text: "{count} images"; in Korean perhaps with a particle that
   *  depends on the word: "{count:은}".
   *  @param {string} text @param {Record<string, string | number>} values */
  cnnbook.fill = (text, values) =>
    text.replace(/\{(\w+)(?::([가-힣]+))?\}/g, (place, name, particle) => {
      if (!(name in values)) return place;
      const value = String(values[name]);
      return particle ? withParticle(value, particle) : value;
    });

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
