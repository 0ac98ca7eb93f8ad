/** What a state of the live model does, for whoever judges it: see `judges.js`. */
import { count } from "./count.js";
import { softmax } from "./forward.js";
import { digitsOf, inputs, modelOf, parameter } from "./model.js";
import { asker, decoded } from "./session.js";
import { applied, readTouches } from "./touches.js";

/** @typedef {import("./model.js").Model} Model */

/**
 * @param {import("./model.js").Data} data @param {Worker} worker @param {string} text a state, as the address has it
 * @returns {Promise<import("./judges.js").State>}
 */
export async function stateOf(data, worker, text) {
  const trained = modelOf(data);
  const touches = readTouches(trained, decoded(/(?:^|&)t=([^&]*)/.exec(text)?.[1] ?? ""));
  const { model } = applied(
    trained,
    touches.filter((touch) => touch.kind !== "hold"),
    [],
  );
  const answer = await asker(worker, data)({ touches, other: digitsOf(data, 0) });
  const all = [...trained.at]
    .filter(([name]) => name !== "b_U")
    .flatMap(([, { start, size }]) => [...model.weights.subarray(start, start + size)]);
  const first = /** @type {Uint8Array} */ (answer.mistakes).findIndex((missed) => missed > 0);
  return {
    holds: touches.filter((touch) => touch.kind === "hold").length,
    wrong: answer.wrong[0],
    inputs: inputs(data),
    changed: changes(trained, model),
    weights: all.length,
    zeros: all.filter((x) => !x).length,
    first: first < 0 ? "" : `input ${digitsOf(data, first).join(" ")}`,
  };
}

/** The parameters in which a model differs. @param {Model} trained @param {Model} model @returns {import("./judges.js").Changed[]} */
function changes(trained, model) {
  return [...trained.at].flatMap(([name, { start, size, shape }]) => {
    const [before, after] = [trained, model].map(({ weights }) => [...weights.subarray(start, start + size)]);
    return after.some((x, i) => x !== before[i]) ? [{ name, shape, before, after }] : [];
  });
}

/**
 * A one-layer model with one head written anew, in single precision as it is stored, and by how much the chances of its
 * answers move. Biases of values and neurons move with them.
 * @param {import("./model.js").Data} data @param {import("./judges.js").Rewriting} form @returns {import("./judges.js").Rewritten}
 */
export function rewritten(data, { order, louder, softer, mix, unmix }) {
  const trained = modelOf(data);
  const model = modelOf(data, Float64Array.from(trained.weights));
  const of = (/** @type {Model} */ from, /** @type {string} */ name) => rowsOf(from, `blocks.0.${name}`);
  /** @param {string} name @param {number[][]} rows */
  const put = (name, rows) => parameter(model, `blocks.0.${name}`).set(rows.flat().map(Math.fround));
  const neurons = (/** @type {number[][]} */ rows) => rows.map((row) => order.map((n, i) => row[n] * louder[i]));
  put("attn.W_V", product(of(trained, "attn.W_V"), mix));
  put("attn.b_V", product(of(trained, "attn.b_V"), mix));
  put("attn.W_O", product(unmix, of(trained, "attn.W_O")));
  put("mlp.W_in", neurons(of(trained, "mlp.W_in")));
  put("mlp.b_in", neurons(of(trained, "mlp.b_in")));
  const out = of(trained, "mlp.W_out");
  put(
    "mlp.W_out",
    order.map((n, i) => out[n].map((x) => x * softer[i])),
  );
  return { changed: changes(trained, model), ...chances(trained, model) };
}

/** A parameter as rows; a vector is one. @param {Model} model @param {string} name @returns {number[][]} */
function rowsOf(model, name) {
  const flat = [...parameter(model, name)];
  const shape = /** @type {import("./model.js").Span} */ (model.at.get(name)).shape;
  const width = shape[shape.length - 1];
  return Array.from({ length: flat.length / width }, (_, i) => flat.slice(i * width, (i + 1) * width));
}

/** @param {number[][]} a @param {number[][]} b */
const product = (a, b) => a.map((row) => b[0].map((_, j) => row.reduce((sum, x, i) => sum + x * b[i][j], 0)));

/** The largest change of a chance over all answers to all inputs, and the first input with one. @param {Model} before @param {Model} after */
function chances(before, after) {
  const { modulus, n_digits } = before.data;
  const [was, now] = [before, after].map((model) => count(model).logits);
  const width = parameter(before, "b_U").length;
  let [moved, first] = [0, inputs(before.data)];
  was.forEach((table, i) => {
    if (table.digit >= 0 || table.first !== now[i].first) throw new Error("this model cannot be compared");
    for (let e = 0; e < table.size; e++) {
      const [a, b] = [table, now[i]].map(({ data }) => softmax(data.subarray(e * width, (e + 1) * width)));
      const far = Math.max(...a.map((x, t) => Math.abs(x - b[t])));
      if (!(far < 1e-6)) first = Math.min(first, e * modulus ** (n_digits - table.first));
      moved = Math.max(moved, far);
    }
  });
  return { moved, first: first < inputs(before.data) ? digitsOf(before.data, first).join(" ") : "" };
}
