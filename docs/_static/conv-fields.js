// @ts-check
/** The buttons and fields of the convolution explorer, and copying. */
(() => {
  "use strict";

  const { make, fill, conv, explorerData: data } = window.cnnbook;

  /** @param {string} text @returns {Promise<boolean>} Whether it was copied. */
  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Refused, or an old browser: then the old way.
    }
    const field = make("textarea", { class: "conv-copied" }, [text]);
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    focused?.focus();
    return done;
  }

  /** @param {string} name @param {string} label @param {() => void} act */
  function button(name, label, act) {
    const made = make("button", { type: "button", class: name }, [label]);
    made.addEventListener("click", act);
    return made;
  }

  /** A field with its label. @param {string} id @param {string} name @param {string} label
   *  @param {HTMLElement} field */
  function labelled(id, name, label, field) {
    field.id = `${id}-${name}`;
    return make("span", { class: `control ${name}` }, [make("label", { for: field.id }, [label]), field]);
  }

  /** @param {[string, string][]} options Value and text. @param {(value: string) => void} change */
  function select(options, change) {
    const made = make("select", {}, options.map(([value, text]) => make("option", { value }, [text])));
    made.addEventListener("change", () => change(made.value));
    return made;
  }

  /** @param {(on: boolean) => void} change */
  function checkbox(change) {
    const made = make("input", { type: "checkbox" });
    made.addEventListener("change", () => change(made.checked));
    return made;
  }

  /** A field for a number. What is no number is said, and changes nothing.
   *  @param {Record<string, string>} attributes @param {(value: number) => void} change
   *  @param {(problem: string) => void} complain */
  function number(attributes, change, complain) {
    const field = make("input", {
      type: "text", autocomplete: "off", spellcheck: "false", maxlength: "24", ...attributes,
    });
    field.addEventListener("input", () => {
      const value = conv.readNumber(field.value, data.largest);
      field.setAttribute("aria-invalid", String(value === null));
      complain(value === null ? fill(data.texts.bad_number, { text: field.value, largest: data.largest }) : "");
      if (value !== null) change(value);
    });
    return field;
  }

  window.cnnbook.convFields = { copy, button, labelled, select, checkbox, number };
})();
