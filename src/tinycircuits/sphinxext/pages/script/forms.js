/** The fields in which a reader answers, and the text that an answer is. */
import { h } from "./dom.js";

/**
 * @typedef {{ element: HTMLElement, read: () => string, write: (text: string) => void }} Field `read` gives "" for no answer
 */

let fields = 0;

/** One of several. @param {string} label @param {string[]} options @returns {Field} */
export function choice(label, options) {
  const name = `tcx-${++fields}`;
  const radios = options.map((value) => h("input", { type: "radio", name, value }));
  const element = h(
    "fieldset.tcx-options",
    null,
    h("legend.tcx-hidden", null, label),
    ...radios.map((radio) => h("label", null, radio, worded(radio.value))),
  );
  return {
    element,
    read: () => radios.find((radio) => radio.checked)?.value ?? "",
    write: (text) => radios.forEach((radio) => (radio.checked = radio.value === text)),
  };
}

/** Some of several. @param {string} label @param {string[]} options @returns {Field} */
export function some(label, options) {
  const boxes = options.map((value) => h("input", { type: "checkbox", value }));
  const element = h(
    "fieldset.tcx-options",
    null,
    h("legend.tcx-hidden", null, label),
    ...boxes.map((box) => h("label", null, box, worded(box.value))),
  );
  const read = () => boxes.filter((box) => box.checked).map((box) => box.value);
  return {
    element,
    read: () => read().join(","),
    write: (text) => boxes.forEach((box) => (box.checked = text.split(",").includes(box.value))),
  };
}

/** A line, or with `rows` more of them. @param {string} label @param {Record<string, any>} given @returns {Field} */
export function line(label, { rows = 0, ...given } = {}) {
  const input = h(rows ? "textarea.tcx-typed" : "input.tcx-typed", {
    ...given,
    "aria-label": label,
    autocomplete: "off",
    spellcheck: "false",
    ...(rows ? { rows } : { type: "text" }),
  });
  return { element: input, read: () => input.value.trim(), write: (text) => (input.value = text) };
}

/** `y_3` with its index set low. @param {string} text @returns {Node} */
function worded(text) {
  const [, letter, index] = /^([a-z])_(\d+)$/.exec(text) ?? [];
  return letter ? h("span", null, h("i", null, letter), h("sub", null, index)) : h("span", null, text);
}
