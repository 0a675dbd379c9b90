// @ts-check
/**
 * Replaces storage that the browser refuses by memory. Otherwise the theme's scripts fail, and with
 * them search and the menu of narrow screens.
 */
(() => {
  "use strict";

  class MemoryStorage {
    constructor() { /** @type {Map<string, string>} */ this.items = new Map(); }
    get length() { return this.items.size; }
    /** @param {number} index */
    key(index) { return [...this.items.keys()][index] ?? null; }
    /** @param {string} name */
    getItem(name) { return this.items.get(String(name)) ?? null; }
    /** @param {string} name @param {string} value */
    setItem(name, value) { this.items.set(String(name), String(value)); }
    /** @param {string} name */
    removeItem(name) { this.items.delete(String(name)); }
    clear() { this.items.clear(); }
  }

  const cnnbook = window.cnnbook = window.cnnbook || {};
  for (const name of ["localStorage", "sessionStorage"]) {
    try {
      // Refused storage throws here, or is null.
      window[name].getItem("");
    } catch {
      Object.defineProperty(window, name, { configurable: true, value: new MemoryStorage() });
      cnnbook.storageRefused = true;
    }
  }
})();
