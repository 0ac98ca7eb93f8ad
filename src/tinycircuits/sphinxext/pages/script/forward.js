/**
 * One input through the model, every number on the way. The definition that the count is tested against.
 *
 * @typedef {import("./model.js").Model} Model
 * @typedef {Map<string, Float64Array | number>} Holds what stands at a site instead of what the model computes there:
 *   `embed@p`, `attn.l@p`, `head.l.h@p`, `mlp.l@p` (vectors), `neuron.l.k@p`, `edge.l.h.row.key` (numbers)
 * @typedef {{
 *   ln1: Float64Array[], q: Float64Array[][], k: Float64Array[][], v: Float64Array[][], scores: Float64Array[][],
 *   pattern: Float64Array[][], z: Float64Array[][], result: Float64Array[][], attn: Float64Array[],
 *   mid: Float64Array[], ln2: Float64Array[], pre: Float64Array[], post: Float64Array[], mlp: Float64Array[],
 *   resid: Float64Array[],
 * }} Layer what a block computes; heads first where there are any, then positions
 * @typedef {{ tokens: number[], embed: Float64Array[], layers: Layer[], normed: Float64Array[], final: Float64Array[],
 *   logits: Float64Array[] }} Trace
 */
import { parameter } from "./model.js";

/** x normalised: mean zero, variance one (plus eps). @param {ArrayLike<number>} x @param {number} eps */
export function normalised(x, eps) {
  let mean = 0;
  for (let i = 0; i < x.length; i++) mean += x[i];
  mean /= x.length;
  let variance = 0;
  for (let i = 0; i < x.length; i++) variance += (x[i] - mean) ** 2;
  const scale = 1 / Math.sqrt(variance / x.length + eps);
  return Float64Array.from(x, (value) => (value - mean) * scale);
}

/** @param {Model} model @param {string} name `blocks.0.ln1`, `blocks.0.ln2` or `ln_final` @param {Float64Array} x */
export function layerNorm(model, name, x) {
  if (!model.data.layer_norm) return x;
  const w = parameter(model, `${name}.w`);
  const b = parameter(model, `${name}.b`);
  return normalised(x, model.data.eps).map((value, i) => value * w[i] + b[i]);
}

/** x W + b. @param {ArrayLike<number>} x @param {Float64Array} W [in, out] @param {Float64Array} b */
export function linear(x, W, b) {
  const out = Float64Array.from(b);
  for (let i = 0; i < x.length; i++) for (let j = 0; j < out.length; j++) out[j] += x[i] * W[i * out.length + j];
  return out;
}

/**
 * The error function. Near zero by its series without changes of sign, exp(-x^2) sum of 2^n x^(2n+1) / (1 3 5 ... (2n+1)),
 * further out by its continued fraction. @param {number} x
 */
export function erf(x) {
  const a = Math.abs(x);
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; term > 1e-17 * sum; n++) {
      term *= (2 * a * a) / (2 * n + 1);
      sum += term;
    }
    return (Math.sign(x) * 2 * sum * Math.exp(-a * a)) / Math.sqrt(Math.PI);
  }
  let fraction = a;
  for (let n = 60; n >= 1; n--) fraction = a + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-a * a) / (fraction * Math.sqrt(Math.PI)));
}

/** @param {string} name @param {number} x */
export const act = (name, x) => (name === "relu" ? Math.max(0, x) : 0.5 * x * (1 + erf(x / Math.SQRT2)));

/** The softmax of scores. @param {Float64Array} scores */
export function softmax(scores) {
  const most = Math.max(...scores);
  const shares = scores.map((score) => Math.exp(score - most));
  const sum = shares.reduce((a, b) => a + b, 0);
  return shares.map((share) => share / sum);
}

/** @param {Float64Array} a @param {Float64Array} b */
const sum = (a, b) => a.map((value, i) => value + b[i]);

/** @param {Holds} holds @param {string} site @param {Float64Array} own @returns {Float64Array} */
const heldOr = (holds, site, own) => /** @type {Float64Array | undefined} */ (holds.get(site)) ?? own;

/** @param {Model} model @param {number[]} tokens @param {Holds} [holds] @returns {Trace} */
export function trace(model, tokens, holds = new Map()) {
  const { d_model, n_layers } = model.data;
  const W_E = parameter(model, "W_E");
  const W_pos = parameter(model, "W_pos");
  const embed = tokens.map((token, p) => {
    const own = new Float64Array(d_model).map((_, i) => W_E[token * d_model + i] + W_pos[p * d_model + i]);
    return heldOr(holds, `embed@${p}`, own);
  });
  const layers = [];
  let resid = embed;
  for (let l = 0; l < n_layers; l++) {
    const layer = block(model, l, resid, holds);
    layers.push(layer);
    resid = layer.resid;
  }
  const W_U = parameter(model, "W_U");
  const normed = resid.map((x) => (model.data.layer_norm ? normalised(x, model.data.eps) : x));
  const final = resid.map((x) => layerNorm(model, "ln_final", x));
  const logits = final.map((x) => linear(x, W_U, parameter(model, "b_U")));
  return { tokens, embed, layers, normed, final, logits };
}

/** @param {Model} model @param {number} l @param {Float64Array[]} resid @param {Holds} holds @returns {Layer} */
function block(model, l, resid, holds) {
  const { n_heads, d_head, d_model, d_mlp, act_fn } = model.data;
  /** @param {string} name @param {number} h @param {number} size */
  const ofHead = (name, h, size) => parameter(model, `blocks.${l}.attn.${name}`).subarray(h * size, (h + 1) * size);
  const ln1 = resid.map((x) => layerNorm(model, `blocks.${l}.ln1`, x));
  /** @param {string} letter */
  const project = (letter) =>
    heads(n_heads, (h) =>
      ln1.map((x) => linear(x, ofHead(`W_${letter}`, h, d_model * d_head), ofHead(`b_${letter}`, h, d_head))),
    );
  const q = project("Q");
  const k = project("K");
  const v = project("V");
  const scores = heads(n_heads, (h) =>
    resid.map((_, row) =>
      Float64Array.from({ length: row + 1 }, (_, key) => dot(q[h][row], k[h][key]) / Math.sqrt(d_head)),
    ),
  );
  const pattern = heads(n_heads, (h) =>
    scores[h].map((row, at) =>
      softmax(row).map((weight, key) => /** @type {number} */ (holds.get(`edge.${l}.${h}.${at}.${key}`) ?? weight)),
    ),
  );
  const z = heads(n_heads, (h) =>
    pattern[h].map((row) => {
      const mixed = new Float64Array(d_head);
      row.forEach((weight, key) => v[h][key].forEach((value, i) => (mixed[i] += weight * value)));
      return mixed;
    }),
  );
  const none = new Float64Array(d_model);
  const result = heads(n_heads, (h) =>
    z[h].map((x, p) => heldOr(holds, `head.${l}.${h}@${p}`, linear(x, ofHead("W_O", h, d_head * d_model), none))),
  );
  const attn = resid.map((_, p) => {
    const own = result.reduce((all, head) => sum(all, head[p]), parameter(model, `blocks.${l}.attn.b_O`));
    return heldOr(holds, `attn.${l}@${p}`, own);
  });
  const mid = resid.map((x, p) => sum(x, attn[p]));
  if (!d_mlp)
    return { ln1, q, k, v, scores, pattern, z, result, attn, mid, ln2: [], pre: [], post: [], mlp: [], resid: mid };
  /** @param {string} name */
  const ofMlp = (name) => parameter(model, `blocks.${l}.mlp.${name}`);
  const ln2 = mid.map((x) => layerNorm(model, `blocks.${l}.ln2`, x));
  const pre = ln2.map((x) => linear(x, ofMlp("W_in"), ofMlp("b_in")));
  const post = pre.map((x, p) =>
    x.map((value, n) => /** @type {number} */ (holds.get(`neuron.${l}.${n}@${p}`) ?? act(act_fn, value))),
  );
  const mlp = post.map((x, p) => heldOr(holds, `mlp.${l}@${p}`, linear(x, ofMlp("W_out"), ofMlp("b_out"))));
  return {
    ln1,
    q,
    k,
    v,
    scores,
    pattern,
    z,
    result,
    attn,
    mid,
    ln2,
    pre,
    post,
    mlp,
    resid: mid.map((x, p) => sum(x, mlp[p])),
  };
}

/** @template T @param {number} count @param {(head: number) => T} make @returns {T[]} */
const heads = (count, make) => Array.from({ length: count }, (_, h) => make(h));

/** @param {Float64Array} a @param {Float64Array} b */
function dot(a, b) {
  let all = 0;
  for (let i = 0; i < a.length; i++) all += a[i] * b[i];
  return all;
}
