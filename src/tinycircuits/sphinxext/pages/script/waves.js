/**
 * One sum on the waves of a model: each wave over all answers, what the first few add up to, and what the model says.
 *
 * @typedef {import("./interference.js").Waves} Waves
 */
import { h, plain, whole } from "./dom.js";
import { keptLogits, ownLogits, perfectSum, perfectWave, ranked, rightOfAll, tops, wavesOf } from "./interference.js";
import { modelOf } from "./model.js";

/** What a place shows that holds the waves of a sum. */
export const WAVES = "waves";

/**
 * @param {any} data a model with its `waves` @param {string} text a state to begin with: `a=5&b=8&n=3`
 * @returns {HTMLElement}
 */
export function waves(data, text) {
  const model = modelOf(data);
  const told = wavesOf(data);
  const { p, frequencies } = told;
  const all = frequencies.length;
  const given = new URLSearchParams(text);
  const field = (/** @type {string} */ name, /** @type {number} */ start) =>
    h("input.tcl-number", {
      type: "number",
      min: 0,
      max: p - 1,
      step: 1,
      value: given.get(name) ?? start,
      "aria-label": name,
      oninput: () => show(),
    });
  const [a, b] = [field("a", 5), field("b", 8)];
  const many = h("input", {
    type: "range",
    min: 1,
    max: all,
    step: 1,
    value: Math.min(all, Number(given.get("n") ?? 3)),
    "aria-label": "how many waves, the strongest first",
    oninput: () => show(),
  });
  const [count, answer, verdict] = [h("span", null), h("b", null), h("small", null)];
  const refused = h("p.tcl-refused", { role: "alert" });
  const said = h("p.tcl-waved", { role: "status" });
  const right = Array.from({ length: all + 1 }, (_, n) => rightOfAll(told, n));
  const most = Math.max(...told.heights.map(Math.abs));
  const each = frequencies.map((k) => strip(p, `k = ${k}`));
  const [added, own] = [strip(p, "added up", true), strip(p, "the model", true)];

  /** The number in a field, or null where there is none that the model knows. @param {HTMLInputElement} box */
  const typed = (box) => (/^\d+$/.test(box.value) && Number(box.value) < p ? Number(box.value) : null);

  function show() {
    const [x, y] = [a, b].map(typed);
    for (const [box, value] of /** @type {const} */ ([
      [a, x],
      [b, y],
    ]))
      box.setAttribute("aria-invalid", String(value === null));
    const bad = [x === null && "a", y === null && "b"].filter(Boolean);
    refused.textContent = bad.length
      ? `${bad.join(" and ")} must be a whole number from 0 to ${p - 1}, in decimal digits. Below is the last sum.`
      : "";
    if (x === null || y === null) return;
    const n = Number(many.value);
    const sum = (x + y) % p;
    each.forEach(({ draw, element }, which) => {
      const values = perfectWave(told, which, sum);
      const high = tops(values);
      draw(
        [values],
        most,
        sum,
        high,
        `height ${plain(told.heights[which])}, ${high.length} ${high.length === 1 ? "top" : "tops"}`,
      );
      element.classList.toggle("tcl-off", which >= n);
    });
    const [ideal, kept, logits] = [perfectSum(told, n, sum), keptLogits(told, n, sum), ownLogits(model, x, y)];
    const largest = Math.max(...[...ideal, ...kept, ...logits].map(Math.abs));
    const [first, second, third] = [ideal, kept, logits].map(ranked);
    added.draw([ideal, kept], largest, sum, [first.best, ...first.next], wins(first, sum));
    own.draw([logits], largest, sum, [third.best, ...third.next], wins(third, sum));
    answer.textContent = String(third.best);
    verdict.textContent = third.best === sum ? "✓ says the model" : `✗ says the model; it should be ${sum}`;
    count.textContent = `${n} of ${all}: k = ${frequencies.slice(0, n).join(", ")}`;
    many.setAttribute("aria-valuetext", `${n} of ${all}`);
    const these = n === 1 ? "the strongest wave" : `the ${n} strongest waves`;
    said.replaceChildren(
      `${x} + ${y} = ${sum} modulo ${p}. By ${these} alone: `,
      ...sentence(first, sum),
      ". The model: ",
      ...sentence(third, sum),
      `. The model's own logits, of which only their mean and ${these} are kept: `,
      ...sentence(second, sum),
      `. Cut down so far, they answer ${whole(right[n])} of all ${whole(p * p)} pairs right.`,
    );
  }

  show();
  const axis = [0, 0.25, 0.5, 0.75, 1].map((part) => Math.round(part * (p - 1)));
  return h(
    "div.tcl-waves",
    { tabindex: -1 },
    h("div.tcl-line.tcl-sum", null, a, h("span", null, "+"), b, h("span", null, "="), answer, verdict),
    refused,
    h("label.tcl-line", null, h("span", null, "How many waves"), many, count),
    h("div.tcl-strips", null, ...each.map(({ element }) => element)),
    said,
    h(
      "div.tcl-strips",
      null,
      added.element,
      own.element,
      h(
        "div.tcl-strip-row",
        null,
        h("span", null, "answer c"),
        h("div.tcl-axis", { "aria-hidden": "true" }, ...axis.map((c) => h("span", null, String(c)))),
      ),
    ),
    h(
      "p.tcl-quiet",
      null,
      "Upright line: the right answer. Large dot: the largest value; small dots: other tops of a wave, or the runner-up. ",
      "Dotted: the model's own logits, of which only their mean and these waves of a + b are kept. ",
      "The waves share one scale, the two drawings below them another.",
    ),
  );
}

/** What wins and by how much, in words. @param {ReturnType<typeof ranked>} found @param {number} sum */
const wins = ({ best, next, by }, sum) =>
  `${best} wins by ${small(by)} over ${next.join(" and ")}, ${best === sum ? "right" : "wrong"}`;

/** @param {ReturnType<typeof ranked>} found @param {number} sum */
const sentence = (found, sum) => [
  h(found.best === sum ? "b.tcl-right" : "b.tcl-wrong", null, String(found.best)),
  wins(found, sum).slice(String(found.best).length),
];

/** Two decimals, or two digits that count. @param {number} by */
const small = (by) => (by && by < 0.01 ? String(Number(by.toPrecision(2))) : plain(by));

const SVG = document.createRange().createContextualFragment("<svg></svg>").firstElementChild?.namespaceURI ?? null;

/** @param {string} tag @param {Record<string, string | number>} given */
function drawing(tag, given) {
  const made = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(given)) made.setAttribute(key, String(value));
  return made;
}

/**
 * Curves over all answers; `draw` draws them anew: the first with a line, another one dotted.
 * @param {number} p @param {string} name @param {boolean} [high]
 */
function strip(p, name, high = false) {
  const svg = drawing("svg", { viewBox: `-1 0 ${p + 1} 100`, preserveAspectRatio: "none", role: "img" });
  const words = h("small", null);
  const element = h(`div.tcl-strip-row${high ? ".tcl-high" : ""}`, null, h("span", null, name, words), svg);
  /** @param {Float64Array[]} curves @param {number} most @param {number} sum @param {number[]} marked the largest is drawn large @param {string} told */
  const draw = (curves, most, sum, marked, told) => {
    const y = (/** @type {number} */ value) => (50 - (46 * value) / most).toFixed(2);
    const best = marked.reduce((one, other) => (curves[0][other] > curves[0][one] ? other : one));
    const still = { "vector-effect": "non-scaling-stroke" };
    svg.setAttribute("aria-label", `${name}: ${told}`);
    svg.setAttribute("data-most", String(most));
    svg.replaceChildren(
      drawing("path", { class: "tcl-zero", d: `M0 50H${p - 1}`, ...still }),
      drawing("path", { class: "tcl-aim", d: `M${sum} 0V100`, ...still }),
      ...curves.map((values, i) =>
        drawing("path", {
          class: i ? "tcl-kept" : "tcl-wave",
          d: `M${[...values].map((value, c) => `${c} ${y(value)}`).join("L")}`,
          ...still,
        }),
      ),
      ...marked.map((c) =>
        drawing("path", { class: c === best ? "tcl-top" : "tcl-dot", d: `M${c} ${y(curves[0][c])}h0`, ...still }),
      ),
    );
    words.textContent = high ? "" : told;
  };
  return { element, draw };
}
