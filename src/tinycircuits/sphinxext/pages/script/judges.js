/**
 * What an answer to an exercise must do, for the answers that a page can judge: the same properties that the package
 * checks, see `exercises/checks`.
 *
 * @typedef {{ passed: boolean, said: string, score?: number, answer?: string }} Verdict `answer` is what stands in a
 *   file for the package, where it is not what was typed
 * @typedef {{ form: "choice" | "number" | "text" | "names", options: string[], salt: string, short: string, told: Record<string, string> }} Key
 * @typedef {{ name: string, shape: number[], before: number[], after: number[] }} Changed a parameter of the live model
 * @typedef {{ holds: number, wrong: number[], inputs: number, changed: Changed[], weights: number, zeros: number, first: string }} State
 *   what a state of the live model does: `zeros` of all weights but the unembedding's bias
 */
import { hashed, uncovered } from "./sha.js";

/** @param {string} said @returns {Verdict} */
const no = (said) => ({ passed: false, said });

/** A claim, whose answer is looked up. @param {Key} key @param {string} answer @returns {Verdict} */
export function claim(key, answer) {
  const covered = key.told[hashed(key.salt, answer)];
  if (!covered) return no(key.short || "this is none of the possible answers");
  const words = uncovered(key.salt, answer, covered);
  return { passed: words[0] === "+", said: words.slice(1) };
}

/** Names in the order in which they are hashed. @param {string[]} chosen */
export const inOrder = (chosen) => [...new Set(chosen)].sort((a, b) => (a < b ? -1 : 1)).join(",");

const [HOURS, MOST_WAVES, LEAST_MARGIN, MOST_NEURONS, SPARED, BREAKS, LEAST_ZEROS] = [113, 5, 2.4, 8, 3, 0.02, 20];
const NEAR = 1e-9;

/** Five frequencies whose waves tell all sums apart. @param {any} given @returns {Verdict} */
export function hands(given) {
  if (!Array.isArray(given)) return no("frequencies must be a list of whole numbers, such as [1, 2]");
  if (given.length < 1 || given.length > MOST_WAVES)
    return no(`frequencies must be 1 .. ${MOST_WAVES} numbers, got ${given.length}`);
  const bad = given.find((k) => !Number.isInteger(k) || k < 1 || k > (HOURS - 1) / 2);
  if (bad !== undefined)
    return no(`a frequency must be a whole number in 1 .. ${(HOURS - 1) / 2}, got ${JSON.stringify(bad)}`);
  if (new Set(given).size < given.length)
    return no("the same frequency twice is one wave, louder: choose different ones");
  let [margin, at] = [Number.POSITIVE_INFINITY, 0];
  for (let c = 1; c < HOURS; c++) {
    const lead = given.reduce((sum, k) => sum + 1 - Math.cos((2 * Math.PI * k * c) / HOURS), 0);
    if (lead < margin) [margin, at] = [lead, c];
  }
  if (margin < LEAST_MARGIN)
    return no(
      `0 + 0: the right answer wins by ${margin.toFixed(4)} only, before ${at}; every sum must win by ${LEAST_MARGIN}`,
    );
  return { passed: true, said: `right; least margin: ${Number(margin.toPrecision(6))}`, score: margin };
}

/**
 * Arrays by name, as JSON has them; a text says what is wrong.
 * @param {any} given @param {Record<string, (number | null)[]>} shapes `null` is any length @param {string} what
 * @returns {Record<string, any> | string}
 */
function arrays(given, shapes, what) {
  const names = Object.keys(shapes);
  if (given === null || typeof given !== "object" || Array.isArray(given))
    return `${what} must be a dictionary with ${names.join(", ")}`;
  const missing = names.find((name) => !(name in given));
  if (missing) return `${what} has no ${missing}`;
  const unknown = Object.keys(given).find((name) => !(name in shapes));
  if (unknown) return `${what}: there is no ${unknown}; there are ${names.join(", ")}`;
  for (const name of names) {
    const said = shaped(given[name], shapes[name]);
    if (said) return `${what}[${JSON.stringify(name)}] ${said}`;
  }
  return given;
}

/** @param {any} value @param {(number | null)[]} shape @returns {string} what is wrong, or nothing */
function shaped(value, shape) {
  const wanted = `must have the shape ${shape.map((size) => size ?? "any").join(" x ")}`;
  if (!shape.length) return typeof value === "number" && Number.isFinite(value) ? "" : "must be finite numbers";
  if (!Array.isArray(value) || !value.length || (shape[0] !== null && value.length !== shape[0])) return wanted;
  if (Array.isArray(value[0]) && value.some((row) => row.length !== value[0].length)) return wanted;
  return value.map((row) => shaped(row, shape.slice(1))).find((said) => said) ?? "";
}

/** Row times matrix. @param {number[]} row @param {number[][]} matrix */
const times = (row, matrix) => matrix[0].map((_, j) => row.reduce((sum, x, i) => sum + x * matrix[i][j], 0));

/** @param {number[]} a @param {number[]} b */
const plus = (a, b) => a.map((x, i) => x + b[i]);

/** Whether this one is the largest, no other near it. @param {number[]} scores @param {number} right */
const wins = (scores, right) => scores.every((x, i) => i === right || scores[right] > x + NEAR);

/** Neurons that add two digits modulo four. @param {any} given @returns {Verdict} */
export function twoDigits(given) {
  const mlp = arrays(given, { W_in: [2, null], b_in: [null], W_out: [null, 4], b_out: [4] }, "mlp");
  if (typeof mlp === "string") return no(mlp);
  const n = mlp.W_in[0].length;
  if (mlp.b_in.length !== n || mlp.W_out.length !== n)
    return no(`W_in has ${n} neurons; b_in and the rows of W_out must be as many`);
  if (n > MOST_NEURONS) return no(`${MOST_NEURONS} neurons at most, got ${n}`);
  for (let a = 0; a < 4; a++) {
    for (let b = 0; b < 4; b++) {
      const post = plus(times([a, b], mlp.W_in), mlp.b_in).map((x) => Math.max(0, x));
      const scores = plus(times(post, mlp.W_out), mlp.b_out);
      if (!wins(scores, (a + b) % 4)) {
        const shown = scores.map((x) => Number(x.toFixed(3))).join(", ");
        return no(`${a} and ${b}: the scores are ${shown}, and ${(a + b) % 4} must have the largest`);
      }
    }
  }
  return { passed: true, said: "right" };
}

const [DIGITS, VOCAB, WIDEST] = [3, 5, 40];

/** A layer of attention that reverses and raises three digits. @param {any} given @returns {Verdict} */
export function byHand(given) {
  const wide = given?.W_E?.[0]?.length ?? null;
  const head = given?.W_Q?.[0]?.length ?? null;
  if (wide > WIDEST) return no(`W_E: the stream may be ${WIDEST} wide at most, got ${wide}`);
  const shapes = { W_E: [VOCAB, wide], W_pos: [2 * DIGITS, wide], W_O: [head, wide], W_U: [wide, VOCAB] };
  const weights = arrays(given, { ...shapes, W_Q: [wide, head], W_K: [wide, head], W_V: [wide, head] }, "weights");
  if (typeof weights === "string") return no(weights);
  let [wrong, first] = [0, ""];
  for (let s = 0; s < 4 ** DIGITS; s++) {
    const digits = [Math.floor(s / 16), Math.floor(s / 4) % 4, s % 4];
    const answers = [...digits].reverse().map((digit) => (digit + 1) % 4);
    const logits = attentionOnly(weights, [4, ...digits, ...answers.slice(0, -1)]);
    answers.forEach((answer, i) => {
      if (wins(logits[DIGITS + i], answer)) return;
      wrong++;
      first ||= `y_${i} of the input ${digits.join(" ")}`;
    });
  }
  if (wrong) return no(`${wrong} of ${DIGITS * 4 ** DIGITS} answers are wrong; the first is ${first}`);
  return { passed: true, said: "right" };
}

/** @param {Record<string, any>} weights @param {number[]} tokens @returns {number[][]} logits by position */
function attentionOnly(weights, tokens) {
  const stream = tokens.map((token, p) => plus(weights.W_E[token], weights.W_pos[p]));
  const [q, k, v] = ["W_Q", "W_K", "W_V"].map((name) => stream.map((row) => times(row, weights[name])));
  return stream.map((row, p) => {
    const scores = k
      .slice(0, p + 1)
      .map((key) => key.reduce((sum, x, i) => sum + x * q[p][i], 0) / Math.sqrt(key.length));
    const most = Math.max(...scores);
    const parts = scores.map((score) => Math.exp(score - most));
    const all = parts.reduce((sum, x) => sum + x, 0);
    const z = v[0].map((_, j) => parts.reduce((sum, x, at) => sum + (x / all) * v[at][j], 0));
    return times(plus(row, times(z, weights.W_O)), weights.W_U);
  });
}

/** What holds for every answer that is a state of the live model. @param {State} state */
function onlyWeights(state) {
  if (state.holds) return "the answer is weights: undo what you hold at zero, at its mean or at a second input's value";
  if (state.changed.some(({ name }) => name === "b_U")) return "the bias of the unembedding does not count: leave it";
  return "";
}

/** @param {State} state */
const missed = ({ wrong, inputs, first }) => {
  const all = wrong.reduce((sum, n) => sum + n, 0);
  const of = `${all.toLocaleString("en")} of ${(inputs * wrong.length).toLocaleString("en")} answers are wrong`;
  return { all, said: first ? `${of}; the first is ${first}` : of };
};

/** Three biases that can be zero at once. @param {State} state @returns {Verdict} */
export function spareBiases(state) {
  const bad = onlyWeights(state);
  if (bad) return no(bad);
  const other = state.changed.find(({ name, after }) => !/\.b(_\w+)?$/.test(name) || after.some((x) => x));
  if (other) return no(`${other.name} is changed, and is not a bias at zero`);
  const names = state.changed.map(({ name }) => name);
  if (names.length !== SPARED) return no(`${SPARED} different biases must be zero, and ${names.length} are`);
  const { all, said } = missed(state);
  if (all) return no(`with these ${SPARED} biases at zero ${said}`);
  return { passed: true, said: "right", answer: `answer = ${JSON.stringify(names)}` };
}

/** The smallest change that breaks the model. @param {State} state @returns {Verdict} */
export function smallestBreak(state) {
  const bad = onlyWeights(state);
  if (bad) return no(bad);
  const square = state.changed.flatMap(({ before, after }) => after.map((x, i) => (x - before[i]) ** 2));
  const length = Math.sqrt(square.reduce((sum, x) => sum + x, 0));
  const shown = Number(length.toPrecision(4));
  if (!length) return no("change must change something: the model is as it was trained");
  const { all } = missed(state);
  if (!all) return no(`after this change of length ${shown} all answers are still right`);
  if (length >= BREAKS)
    return no(`this change breaks the model, and its length is ${shown}; it must be less than ${BREAKS}`);
  const steps = state.changed.map(({ name, shape, before, after }) => {
    const step = after.map((x, i) => x - before[i]);
    return `    ${JSON.stringify(name)}: ${nested(step, shape)},`;
  });
  return {
    passed: true,
    said: `right; length of the change: ${Number(length.toPrecision(6))}`,
    score: length,
    answer: ["change = {", ...steps, "}"].join("\n"),
  };
}

/** Many weights at zero. @param {State} state @returns {Verdict} */
export function sparsest(state) {
  const bad = onlyWeights(state);
  if (bad) return no(bad);
  const { all, said } = missed(state);
  if (all) return no(`with ${state.zeros} weights at zero ${said}`);
  if (state.zeros < LEAST_ZEROS)
    return no(`no answer is wrong, and ${state.zeros} weights are zero; it must be ${LEAST_ZEROS} at least`);
  const lines = state.changed.map(
    ({ name, shape, after }) => `        ${JSON.stringify(name)}: np.array(${nested(after, shape)}),`,
  );
  return {
    passed: true,
    said: `right; weights at zero: ${state.zeros}`,
    score: state.zeros,
    answer: ["import numpy as np", "", "", "def prune(weights):", "    return weights | {", ...lines, "    }"].join(
      "\n",
    ),
  };
}

/** Numbers, row by row, as nested lists. @param {number[]} flat @param {number[]} shape @returns {string} */
function nested(flat, shape) {
  if (shape.length < 2) return `[${flat.join(", ")}]`;
  const size = flat.length / shape[0];
  const rows = Array.from({ length: shape[0] }, (_, i) => flat.slice(i * size, (i + 1) * size));
  return `[${rows.map((row) => nested(row, shape.slice(1))).join(", ")}]`;
}
