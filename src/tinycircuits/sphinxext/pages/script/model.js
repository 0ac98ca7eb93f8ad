/**
 * The weights of a model under TransformerLens' names, and what a reader changed in them.
 *
 * @typedef {{
 *   name: string, title: string, python: string[], study: string, seed: number, n_layers: number, n_heads: number, d_model: number, d_head: number,
 *   d_mlp: number | null, act_fn: string, layer_norm: boolean, eps: number, n_digits: number, modulus: number,
 *   sources: number[], increment: number, parameters: [string, number[]][], weights: string, dtype: string, n_ctx: number,
 *   task: string, tokens: string[], positions: string[], a?: number, b?: number, signs?: Record<string, number>,
 *   course?: { rounds: number[], wrong: number[][], weights: string },
 * }} Data what the book hands over, see `models/live.py`
 *
 * @typedef {{ data: Data, weights: Float64Array, at: Map<string, Span> }} Model
 * @typedef {{ start: number, size: number, shape: number[] }} Span where a parameter lies in the flat weights
 */

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
const VALUES = new Map([...DIGITS].map((digit, value) => [digit, value]));

/** Five digits stand for four bytes, a quarter more instead of the third that base64 takes. @param {string} text base85, RFC 1924 @returns {ArrayBuffer} */
export function bytes(text) {
  const found = new DataView(new ArrayBuffer((text.length / 5) * 4));
  for (let i = 0; i < text.length; i += 5) {
    let word = 0;
    for (let k = i; k < i + 5; k++) word = word * 85 + /** @type {number} */ (VALUES.get(text[k]));
    found.setUint32((i / 5) * 4, word);
  }
  return found.buffer;
}

/** @param {Data} data */
const trained = (data) =>
  data.dtype === "float32"
    ? Float64Array.from(new Float32Array(bytes(data.weights)))
    : new Float64Array(bytes(data.weights));

/** @param {Data} data @param {Float64Array} [weights] others than the trained ones @returns {Model} */
export function modelOf(data, weights) {
  const at = new Map();
  let start = 0;
  for (const [name, shape] of data.parameters) {
    const size = shape.reduce((a, b) => a * b, 1);
    at.set(name, { start, size, shape });
    start += size;
  }
  const flat = weights ?? trained(data);
  if (flat.length !== start) throw new Error(`${data.name} has ${start} weights, got ${flat.length}`);
  return { data, weights: flat, at };
}

/** The weights after a stored round of training. @param {Data} data @param {number} index @returns {Float64Array} */
export function roundOf(data, index) {
  const course = data.course;
  if (!course) throw new Error(`${data.name} has no stored course`);
  if (index === course.rounds.length - 1) return trained(data);
  const all = new Float32Array(bytes(course.weights));
  const size = all.length / course.rounds.length;
  return Float64Array.from(all.subarray(index * size, (index + 1) * size));
}

/** One parameter, flat, row by row. @param {Model} model @param {string} name */
export function parameter(model, name) {
  const span = model.at.get(name);
  if (!span) throw new Error(`${model.data.name} has no ${name}`);
  return model.weights.subarray(span.start, span.start + span.size);
}

/** Number of inputs: every list of digits. @param {Data} data */
export const inputs = (data) => data.modulus ** data.n_digits;

/** The digits of an input, x_0 first. @param {Data} data @param {number} index */
export function digitsOf(data, index) {
  const digits = new Array(data.n_digits);
  for (let j = data.n_digits - 1; j >= 0; j--, index = Math.floor(index / data.modulus))
    digits[j] = index % data.modulus;
  return digits;
}

/** @param {Data} data @param {number[]} digits */
export const indexOf = (data, digits) => digits.reduce((index, digit) => index * data.modulus + digit, 0);

/** The right answers. @param {Data} data @param {number[]} digits */
export const solve = (data, digits) => data.sources.map((j) => (digits[j] + data.increment) % data.modulus);

/** Which digit a position shows, and what is added to it; -1 for BOS. @param {Data} data @param {number} pos */
export function shows(data, pos) {
  if (pos === 0) return { digit: -1, add: 0 };
  if (pos <= data.n_digits) return { digit: pos - 1, add: 0 };
  return { digit: data.sources[pos - data.n_digits - 1], add: data.increment };
}

/** The tokens that the model reads: BOS, the digits, the answers but the last. @param {Data} data @param {number[]} digits */
export function tokensOf(data, digits) {
  return [data.modulus, ...digits, ...solve(data, digits).slice(0, -1)];
}

/** `x_3`, `y_0`, `BOS`. @param {Data} data @param {number} pos */
export function positionName(data, pos) {
  return pos === 0 ? "BOS" : pos <= data.n_digits ? `x_${pos - 1}` : `y_${pos - data.n_digits - 1}`;
}

/** The number of positions that the model reads. @param {Data} data */
export const length = (data) => data.n_ctx - 1;
