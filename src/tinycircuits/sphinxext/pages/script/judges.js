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
 * @typedef {{ order: number[], louder: number[], softer: number[], mix: number[][], unmix: number[][] }} Rewriting
 *   another order of the neurons, what their inputs and their outputs are multiplied by, and what values are multiplied by
 *   before and after they are moved
 * @typedef {{ changed: Changed[], moved: number, first: string }} Rewritten the largest change of a chance over all inputs
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

/**
 * What is wrong with a list of frequencies, or nothing. @param {any} given @param {number} most of them @param {number} highest
 * @returns {string}
 */
function frequencies(given, most, highest) {
  if (!Array.isArray(given)) return "frequencies must be a list of whole numbers, such as [1, 2]";
  if (given.length < 1 || given.length > most) return `frequencies must be 1 .. ${most} numbers, got ${given.length}`;
  const bad = given.find((k) => !Number.isInteger(k) || k < 1 || k > highest);
  if (bad !== undefined) return `a frequency must be a whole number in 1 .. ${highest}, got ${JSON.stringify(bad)}`;
  return new Set(given).size < given.length
    ? "the same frequency twice is one wave, louder: choose different ones"
    : "";
}

/** Five frequencies whose waves tell all sums apart. @param {any} given @returns {Verdict} */
export function hands(given) {
  const unfit = frequencies(given, MOST_WAVES, (HOURS - 1) / 2);
  if (unfit) return no(unfit);
  /** @type {number[]} */
  const waves = given;
  let [margin, at] = [Number.POSITIVE_INFINITY, 0];
  for (let c = 1; c < HOURS; c++) {
    const lead = waves.reduce((sum, k) => sum + 1 - Math.cos((2 * Math.PI * k * c) / HOURS), 0);
    if (lead < margin) [margin, at] = [lead, c];
  }
  if (margin < LEAST_MARGIN)
    return no(
      `0 + 0: the right answer wins by ${margin.toFixed(4)} only, before ${at}; every sum must win by ${LEAST_MARGIN}`,
    );
  return { passed: true, said: `right; least margin: ${Number(margin.toPrecision(6))}`, score: margin };
}

const [PIZZA, MOST_SLICES, LEAST_LENGTH] = [59, 3, 0.7];

/** Frequencies of which one sees every difference. @param {any} given @returns {Verdict} */
export function noBlindSpot(given) {
  const unfit = frequencies(given, MOST_SLICES, (PIZZA - 1) / 2);
  if (unfit) return no(unfit);
  /** @type {number[]} */
  const waves = given;
  const longest = Array.from({ length: PIZZA }, (_, d) =>
    Math.max(...waves.map((k) => Math.abs(Math.cos((Math.PI * k * d) / PIZZA)))),
  );
  const least = Math.min(...longest);
  if (least < LEAST_LENGTH)
    return no(
      `for a - b = ${longest.indexOf(least)} no frequency of yours has a length above ${least.toFixed(4)}; every difference needs ` +
        `${LEAST_LENGTH}`,
    );
  return { passed: true, said: "right" };
}

const [MOST_TERMS, LARGEST, SHARE] = [6, 2 ** 40, 1e-7];

/** Numbers whose sum is above zero, and in single precision in some orders only. @param {any} given @returns {Verdict} */
export function roundingDecides(given) {
  if (!Array.isArray(given)) return no("numbers must be a list of whole numbers, such as [1, 2]");
  if (given.length < 2 || given.length > MOST_TERMS)
    return no(`numbers must be 2 .. ${MOST_TERMS} whole numbers, got ${given.length}`);
  for (const each of given) {
    if (!Number.isInteger(each)) return no(`numbers must be whole numbers, got ${JSON.stringify(each)}`);
    if (Math.abs(each) > LARGEST) return no(`a number must lie in -${LARGEST} .. ${LARGEST}, got ${each}`);
    if (Math.fround(each) !== each)
      return no(`single precision does not hold ${each}; the nearest that it holds is ${Math.fround(each)}`);
  }
  const [sum, size] = [given, given.map(Math.abs)].map((all) => all.reduce((a, b) => a + b, 0));
  if (sum <= 0) return no(`the true sum is ${sum}, and must be above zero`);
  if (sum < SHARE * size) {
    const share = Number((sum / size).toPrecision(3));
    return no(`the true sum is ${sum}, a share of ${share} of the absolute values; at least ${SHARE}`);
  }
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  /** @type {number[]} */
  let at = [];
  for (const order of orders(given)) {
    const rounded = order.reduce((total, each) => Math.fround(total + each), 0);
    if (rounded < least) [least, at] = [rounded, order];
    most = Math.max(most, rounded);
  }
  if (least > 0)
    return no(`in every order the rounded sum is above zero; the least is ${least}, in the order [${at.join(", ")}]`);
  if (most <= 0) return no("in no order is the rounded sum above zero; some order must give the right answer");
  return { passed: true, said: "right" };
}

/** Every order of a list. @param {number[]} all @returns {number[][]} */
function orders(all) {
  if (all.length < 2) return [all];
  return all.flatMap((each, i) => orders(all.filter((_, j) => j !== i)).map((rest) => [each, ...rest]));
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

/** Positions that a row of scores is for. */
const PLACES = ["BOS", "x_0", "x_1", "x_2", "y_0", "y_1"];

/**
 * Scores of the circuit of attention that was set by hand for three digits, whose values bring the digit, raised, and
 * nothing of BOS: no answer wrong, and no row brightest at its source. @param {any} given @returns {Verdict}
 */
export function elsewhere(given) {
  const bad = shaped(given, [DIGITS, PLACES.length]);
  if (bad) return no(`scores ${bad}: a row for each answer, a number for each of ${PLACES.join(", ")}`);
  const pattern = given.map((/** @type {number[]} */ scores, /** @type {number} */ i) => {
    const seen = scores.slice(0, DIGITS + i + 1);
    const parts = seen.map((score) => Math.exp(score - Math.max(...seen)));
    return parts.map((part) => part / parts.reduce((sum, x) => sum + x, 0));
  });
  let [wrong, first] = [0, ""];
  for (let s = 0; s < 4 ** DIGITS; s++) {
    const digits = [Math.floor(s / 16), Math.floor(s / 4) % 4, s % 4];
    const answers = [...digits].reverse().map((x) => (x + 1) % 4);
    const tokens = [4, ...digits, ...answers];
    answers.forEach((answer, i) => {
      const logits = new Array(VOCAB).fill(0);
      pattern[i].forEach((/** @type {number} */ weight, /** @type {number} */ p) => {
        if (tokens[p] < 4) logits[(tokens[p] + 1) % 4] += weight;
      });
      if (wins(logits, answer)) return;
      wrong++;
      first ||= `y_${i} of the input ${digits.join(" ")}`;
    });
  }
  if (wrong) return no(`${wrong} of ${DIGITS * 4 ** DIGITS} answers are wrong; the first is ${first}`);
  for (let i = 0; i < DIGITS; i++) {
    const source = pattern[i][DIGITS - i];
    const other = Math.max(
      ...pattern[i].filter((/** @type {number} */ _, /** @type {number} */ p) => p !== DIGITS - i),
    );
    if (!(other > source + 1e-6))
      return no(
        `no answer is wrong, and the row of y_${i} still reads its source with ${source.toFixed(2)} of its attention, no ` +
          `other column with more than ${other.toFixed(2)}`,
      );
  }
  const answer = [
    "import numpy as np",
    "",
    "",
    "def weights(given):",
    `    scores = np.array(${JSON.stringify(given)}, dtype=float)  # [answer, position]`,
    '    q = np.zeros_like(given["blocks.0.attn.W_Q"])',
    "    q[0, 8:11, :6] = scores * q.shape[-1] ** 0.5  # what the states of the rows 3 to 5 ask for",
    '    return {"blocks.0.attn.W_Q": q}',
  ].join("\n");
  return { passed: true, said: "right", answer };
}

const [NEURONS, HEAD] = [16, 4];
/** Matrices that must be other ones, and by how much of their length. */
const [MOVED, LEAST_MOVE, MOST_CHANCE] = [["W_V", "W_O", "W_in", "W_out"], 0.1, 1e-6];

/** How the one-layer model is to be written anew; a text says what is wrong. @param {any} given @returns {Rewriting | string} */
export function rewriting(given) {
  const [each, matrix] = [[NEURONS], [HEAD, HEAD]];
  const form = arrays(given, { order: each, louder: each, softer: each, mix: matrix, unmix: matrix }, "the answer");
  if (typeof form === "string") return form;
  const missing = Array.from({ length: NEURONS }, (_, n) => n).find((n) => !form.order.includes(n));
  if (missing !== undefined) return `order must name every neuron from 0 to ${NEURONS - 1} once; ${missing} is missing`;
  return /** @type {any} */ (form);
}

/** Four matrices are other ones, and no chance of an answer has moved. @param {Rewritten} found @param {Rewriting} form @returns {Verdict} */
export function otherWeights({ changed, moved, first }, form) {
  for (const short of MOVED) {
    const each = changed.find(({ name }) => name.endsWith(`.${short}`));
    const far = each ? Math.hypot(...each.after.map((x, i) => x - each.before[i])) / Math.hypot(...each.before) : 0;
    if (!(far >= LEAST_MOVE))
      return no(
        `${short} is still the old one: it has moved by ${far.toFixed(3)} of its length, and must by ${LEAST_MOVE}`,
      );
  }
  if (!(moved < MOST_CHANCE))
    return no(`the chances of the answers move, by up to ${Number(moved.toPrecision(3))}; the first input is ${first}`);
  const parts = Object.entries(form).map(([name, value]) => `    ${name} = np.array(${JSON.stringify(value)})`);
  const answer = [
    "import numpy as np",
    "",
    'A, M = "blocks.0.attn.", "blocks.0.mlp."',
    "",
    "",
    "def rewrite(weights):",
    ...parts,
    "    return weights | {",
    '        A + "W_V": weights[A + "W_V"] @ mix,',
    '        A + "b_V": weights[A + "b_V"] @ mix,',
    '        A + "W_O": unmix @ weights[A + "W_O"],',
    '        M + "W_in": weights[M + "W_in"][:, order] * louder,',
    '        M + "b_in": weights[M + "b_in"][order] * louder,',
    '        M + "W_out": weights[M + "W_out"][order] * softer[:, None],',
    "    }",
  ].join("\n");
  return { passed: true, said: "right", answer };
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
