/**
 * The waves that a model's logits are made of, as `interp/interference.py` has found them: what they add up to.
 *
 * @typedef {{ frequencies: number[], heights: number[], cos: string, sin: string, mean: string }} Told
 *   the strongest first; `cos` and `sin` a row a wave, `mean` one number an answer, float32 in base85
 * @typedef {{ p: number, frequencies: number[], heights: number[], cos: Float64Array, sin: Float64Array, mean: Float64Array }} Waves
 */
import { trace } from "./forward.js";
import { bytes } from "./model.js";
import { pairTokens } from "./pairs.js";

/** @param {string} text */
const numbers = (text) => Float64Array.from(new Float32Array(bytes(text)));

/** @param {import("./model.js").Data & { waves: Told }} data @returns {Waves} */
export function wavesOf({ modulus, waves: { frequencies, heights, cos, sin, mean } }) {
  return { p: modulus, frequencies, heights, cos: numbers(cos), sin: numbers(sin), mean: numbers(mean) };
}

/** The angle of k steps of a clock: whole turns are taken off before it is rounded. @param {number} k @param {number} p */
const angle = (k, p) => (2 * Math.PI * (((k % p) + p) % p)) / p;

/** One perfect wave over all answers: its height times cos w_k(a + b - c). @param {Waves} waves @param {number} which @param {number} sum a + b */
export function perfectWave({ p, frequencies, heights }, which, sum) {
  return Float64Array.from(
    { length: p },
    (_, c) => heights[which] * Math.cos(angle(frequencies[which] * (sum - c), p)),
  );
}

/** The sum of the first waves. @param {Waves} waves @param {number} n @param {number} sum */
export function perfectSum(waves, n, sum) {
  const found = new Float64Array(waves.p);
  for (let which = 0; which < n; which++) perfectWave(waves, which, sum).forEach((value, c) => (found[c] += value));
  return found;
}

/** The logits of all pairs of one sum, of which their mean and the first waves are kept. @param {Waves} waves @param {number} n @param {number} sum */
export function keptLogits({ p, frequencies, cos, sin, mean }, n, sum) {
  const found = Float64Array.from(mean);
  for (let which = 0; which < n; which++) {
    const turned = angle(frequencies[which] * sum, p);
    const [x, y] = [Math.cos(turned), Math.sin(turned)];
    for (let c = 0; c < p; c++) found[c] += x * cos[which * p + c] + y * sin[which * p + c];
  }
  return found;
}

/** How many of all p p pairs are answered right by what is kept: each sum modulo p is that of p pairs. @param {Waves} waves @param {number} n */
export function rightOfAll(waves, n) {
  let right = 0;
  for (let sum = 0; sum < waves.p; sum++) if (ranked(keptLogits(waves, n, sum)).best === sum) right++;
  return right * waves.p;
}

/** The model's own logits of the numbers, their mean taken off. @param {import("./model.js").Model} model @param {number} a @param {number} b */
export function ownLogits(model, a, b) {
  const { modulus } = model.data;
  const logits = /** @type {Float64Array} */ (trace(model, pairTokens(model.data, a, b)).logits.at(-1)).slice(
    0,
    modulus,
  );
  const mean = logits.reduce((all, logit) => all + logit, 0) / modulus;
  return logits.map((logit) => logit - mean);
}

/** The largest value, the next one, and how far they are apart; of equal ones the first. @param {Float64Array} values */
export function ranked(values) {
  let [best, next] = [0, -1];
  for (let c = 1; c < values.length; c++) {
    if (values[c] > values[best]) [best, next] = [c, best];
    else if (next < 0 || values[c] > values[next]) next = c;
  }
  return { best, next, by: values[best] - values[next] };
}

/** Where values are largest among their neighbours, round the clock; of two equal ones the first. @param {Float64Array} values */
export function tops(values) {
  const p = values.length;
  return [...values.keys()].filter((c) => values[c] >= values[(c + 1) % p] && values[c] > values[(c + p - 1) % p]);
}
