/** Elements, cells of numbers, and moving between them by keyboard. */

/**
 * @param {string} tag with classes: `div.tcl-row.tcl-wide`
 * @param {Record<string, any> | null} given attributes; `on...` are listeners
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {any}
 */
export function h(tag, given, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(given ?? {})) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== false && value !== null && value !== undefined)
      made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(.../** @type {(Node | string)[]} */ (children.filter((child) => child || child === "")));
  return made;
}

/** A whole number with thin groups: 524,288. @param {number} number */
export const whole = (number) => number.toLocaleString("en");

/** A number as a reader sees it: two decimals, a true minus. @param {number} value @param {number} [digits] */
export function plain(value, digits = 2) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text = size >= 1000 ? size.toExponential(1).replace("e+", "e") : size.toFixed(digits);
  return value < 0 && Number(text) ? `−${text}` : text;
}

/** A number that may be small: digits that count. @param {number} value */
export function exact(value) {
  const size = Math.abs(value);
  return size && size < 0.001 ? `${Number(value.toPrecision(3))}`.replaceAll("-", "−") : plain(value, 4);
}

/** Indices set low where no markup is possible: `y_2` becomes y₂. @param {string} text */
export const lowered = (text) =>
  text.replace(
    /\b([a-z])_(\d+)\b/g,
    (_, letter, index) => letter + [...index].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)]).join(""),
  );

/** x_3 with its index set low. @param {string} name @returns {Node} */
export function named(name) {
  const [, letter, index] = /^([a-z])_(\d+)$/.exec(name) ?? [];
  return letter ? h("span.tcl-var", null, h("i", null, letter), h("sub", null, index)) : h("span", null, name);
}

/**
 * A group of buttons of which one can be reached with Tab and the others with the arrows.
 * @param {string} label @param {HTMLElement[]} buttons @param {string} [className]
 */
export function group(label, buttons, className = "tcl-cells") {
  buttons.forEach((button, i) => (button.tabIndex = i ? -1 : 0));
  const made = h(`div.${className}`, { role: "group", "aria-label": label }, ...buttons);
  made.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const all = /** @type {HTMLElement[]} */ ([...made.querySelectorAll("button")]);
    const next = all[all.indexOf(/** @type {HTMLElement} */ (document.activeElement)) + (step ?? 0)];
    if (!step || !next) return;
    event.preventDefault();
    for (const button of all) button.tabIndex = button === next ? 0 : -1;
    next.focus();
  });
  return made;
}

/**
 * A number in the page; `show` writes it anew.
 * @param {string} key what it is, see `explain` @param {(key: string) => void} chosen
 */
export function cell(key, chosen) {
  const made = h("button.tcl-cell", { type: "button", "data-key": key, onclick: () => chosen(key) });
  /** @param {number} value @param {string} label */
  const show = (value, label) => {
    const text = plain(value);
    if (made.textContent !== text) made.textContent = text;
    made.setAttribute("aria-label", `${label}: ${text}`);
    made.style.setProperty("--part", String(Math.min(1, Math.abs(value) / (Math.abs(value) + 1.2)).toFixed(3)));
    made.classList.toggle("tcl-minus", value < 0);
  };
  return Object.assign(made, { show });
}
