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
})();
