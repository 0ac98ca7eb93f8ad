/** Modular addition's inputs, one first number at a time. */
import { trace } from "./forward.js";

/** The tokens of `a + b =`. @param {import("./model.js").Data} data @param {number} a @param {number} b */
export function pairTokens(data, a, b) {
  const signs = /** @type {Record<string, number>} */ (data.signs);
  return Array.from({ length: /** @type {number} */ (data.n_ctx) - 1 }, (_, p) =>
    p === data.a ? a : p === data.b ? b : signs[p],
  );
}

/** How many sums with this first number are wrong. @param {import("./model.js").Model} model @param {import("./forward.js").Holds} holds @param {number} a */
export function wrongPairs(model, holds, a) {
  const { modulus } = model.data;
  let wrong = 0;
  for (let b = 0; b < modulus; b++) {
    const logits = /** @type {Float64Array} */ (trace(model, pairTokens(model.data, a, b), holds).logits.at(-1));
    if (logits.indexOf(Math.max(...logits)) !== (a + b) % modulus) wrong++;
  }
  return wrong;
}
