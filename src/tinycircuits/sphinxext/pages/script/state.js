/** What a state of the live model does, for whoever judges it: see `judges.js`. */
import { digitsOf, inputs, modelOf } from "./model.js";
import { asker, decoded } from "./session.js";
import { applied, readTouches } from "./touches.js";

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
    changed: [...trained.at].flatMap(([name, { start, size, shape }]) => {
      const [before, after] = [trained, model].map(({ weights }) => [...weights.subarray(start, start + size)]);
      return after.some((x, i) => x !== before[i]) ? [{ name, shape, before, after }] : [];
    }),
    weights: all.length,
    zeros: all.filter((x) => !x).length,
    first: first < 0 ? "" : `input ${digitsOf(data, first).join(" ")}`,
  };
}
