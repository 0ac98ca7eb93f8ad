/**
 * The worker's side: it keeps the models that it was given and counts what it is asked.
 *
 * @typedef {import("./touches.js").Touch} Touch
 * @typedef {{ id: number, name: string, round: number | null, touches: Touch[], other: number[], states: boolean, control: number, pairs?: number, certify?: [number, number] }} Question
 *   `pairs` asks for the sums with this first number; `certify` for verdicts on the inputs from one index to another;
 *   `round` an index into the stored course, null for the trained model; `control` the number of draws, 0 for the count itself
 * @typedef {{ id: number, wrong: number[][], any: number, mistakes: Uint8Array | null, states: Float32Array | null, seconds: number, holds: import("./forward.js").Holds, verdicts?: import("./certify.js").Verdict[] }} Answer
 *   `wrong` has one row, or one for each draw; `holds` is what was held
 */
import { certifier } from "./certify.js";
import { count } from "./count.js";
import { modelOf, roundOf } from "./model.js";
import { wrongPairs } from "./pairs.js";
import { applied } from "./touches.js";

/** What certifies each model, with what it has found of the tokens. @type {Map<string, ReturnType<typeof certifier>>} */
const certifiers = new Map();

/** @param {Map<string, import("./model.js").Data>} known @param {Question} question @returns {Answer} */
export function answered(known, { id, name, round, touches, other, states, control, pairs, certify }) {
  const started = performance.now();
  const data = /** @type {import("./model.js").Data} */ (known.get(name));
  if (certify) {
    const judge = certifiers.get(name) ?? certifier(modelOf(data));
    certifiers.set(name, judge);
    const verdicts = judge(...certify);
    const seconds = (performance.now() - started) / 1000;
    return { id, wrong: [], any: NaN, mistakes: null, states: null, seconds, holds: new Map(), verdicts };
  }
  const before = modelOf(data, round === null ? undefined : roundOf(data, round));
  const { model, holds } = applied(before, touches, other);
  if (pairs !== undefined) {
    const wrong = [[wrongPairs(model, holds, pairs)]];
    return {
      id,
      wrong,
      any: wrong[0][0],
      mistakes: null,
      states: null,
      seconds: (performance.now() - started) / 1000,
      holds,
    };
  }
  if (control) {
    const wrong = Array.from(
      { length: control },
      (_, draw) => count(model, { holds, control: { before, draw: draw + 1 } }).wrong,
    );
    return { id, wrong, any: NaN, mistakes: null, states: null, seconds: (performance.now() - started) / 1000, holds };
  }
  const found = count(model, { holds, states });
  return {
    id,
    wrong: [found.wrong],
    any: found.any,
    mistakes: found.mistakes,
    states: found.states,
    seconds: (performance.now() - started) / 1000,
    holds,
  };
}

/** @param {{ onmessage: any, postMessage: (message: any, transfer?: any[]) => void }} scope of a worker */
export function serve(scope) {
  const known = new Map();
  scope.onmessage = (/** @type {{ data: { model?: import("./model.js").Data, question?: Question } }} */ { data }) => {
    if (data.model) known.set(data.model.name, data.model);
    if (!data.question) return;
    const answer = answered(known, data.question);
    scope.postMessage(answer, [answer.mistakes?.buffer, answer.states?.buffer].filter(Boolean));
  };
}
