/**
 * What the reader is doing: one object that panels read, change and listen to. Its whole state stands in the address.
 *
 * @typedef {import("./touches.js").Touch} Touch
 * @typedef {{ round: number | null, input: number[], other: number[], row: number, touches: Touch[] }} State
 * @typedef {{ wrong: number[], any: number, mistakes: Uint8Array, states: Float32Array | null, seconds: number }} Counted
 */

import { trace } from "./forward.js";
import { modelOf, parameter, roundOf, tokensOf } from "./model.js";
import { applied, place, readTouches, touchedWith, written } from "./touches.js";

const DRAWS = 2;

export class Session {
  /** @param {import("./model.js").Data} data @param {Worker} worker @param {{ address: boolean, holder: HTMLElement }} how
   *   `address` writes the state into the address; `holder` says when all is counted */
  constructor(data, worker, { address, holder }) {
    this.data = data;
    this.address = address;
    this.holder = holder;
    this.trained = modelOf(data);
    /** @type {State} */
    this.state = {
      round: null,
      input: EXAMPLE.slice(0, data.n_digits),
      other: OTHER.slice(0, data.n_digits),
      row: Math.min(4, data.n_digits - 1),
      touches: [],
    };
    /** @type {State[]} */
    this.past = [];
    /** @type {State[]} */
    this.future = [];
    /** @type {Set<(what: "input" | "count" | "control") => void>} */
    this.listeners = new Set();
    /** @type {Counted | null} */
    this.counted = null;
    /** @type {number[] | null} */
    this.before = null;
    /** @type {number[][] | null} */
    this.control = null;
    this.wantStates = false;
    this.weights = "";
    /** @type {import("./forward.js").Holds} */
    this.known = new Map();
    this.lastPlace = "";
    this.lastTime = 0;
    this.busy = false;
    this.waiting = false;
    this.questions = asker(worker, data);
    this.model = this.trained;
    /** @type {import("./forward.js").Holds} */
    this.holds = new Map();
    this.run = trace(this.trained, tokensOf(data, this.state.input));
  }

  /** The means that a count of these weights brought; the page itself computes none, which would make it wait. */
  means() {
    const { round, touches } = this.state;
    const weights = JSON.stringify([round, touches.filter((touch) => touch.kind !== "hold")]);
    if (this.weights !== weights) {
      this.weights = weights;
      this.known = new Map();
    }
    return this.known;
  }

  /** Compute what the state means for the input that is shown. */
  renew() {
    const { round, touches, input, other } = this.state;
    const before = modelOf(this.data, round === null ? undefined : roundOf(this.data, round));
    const { model, holds } = applied(before, touches, other, this.means());
    this.model = model;
    this.holds = holds;
    this.run = trace(model, tokensOf(this.data, input), holds);
  }

  /** @param {Partial<State>} change @param {{ remember?: boolean, place?: string }} [how] changes of one place
   *   that follow each other closely, as of a handle that is pulled, are undone as one */
  set(change, { remember = true, place: at = "" } = {}) {
    const next = { ...this.state, ...change };
    if (JSON.stringify(next) === JSON.stringify(this.state)) return;
    const going = at && at === this.lastPlace && Date.now() - this.lastTime < 1000;
    [this.lastPlace, this.lastTime] = [at, Date.now()];
    if (remember && !going) {
      this.past.push(this.state);
      this.future = [];
    }
    this.show(next);
  }

  /** @param {State} next */
  show(next) {
    const recount = ["round", "other", "touches"].some(
      (key) =>
        JSON.stringify(next[/** @type {keyof State} */ (key)]) !==
        JSON.stringify(this.state[/** @type {keyof State} */ (key)]),
    );
    this.state = next;
    this.renew();
    this.tell("input");
    if (this.address) this.note();
    if (recount) this.recount();
  }

  /** @param {Touch} touch */
  touch(touch) {
    this.set({ touches: touchedWith(this.state.touches, touch) }, { place: place(touch) });
  }

  /** @param {Touch} touch a touch of the same place */
  untouch(touch) {
    this.set({ touches: this.state.touches.filter((one) => place(one) !== place(touch)) });
  }

  /** The touch of this place, if there is one. @param {string} at */
  touchOf(at) {
    return this.state.touches.find((touch) => place(touch) === at);
  }

  undo() {
    const last = this.past.pop();
    if (!last) return;
    this.future.push(this.state);
    this.show(last);
  }

  redo() {
    const next = this.future.pop();
    if (!next) return;
    this.past.push(this.state);
    this.show(next);
  }

  reset() {
    this.set({ touches: [], round: null });
  }

  /** @param {string} name of a parameter */
  parameter(name) {
    return parameter(this.model, name);
  }

  /** @param {"input" | "count" | "control"} what */
  tell(what) {
    for (const listener of this.listeners) listener(what);
  }

  /** Count all inputs anew; while a count runs, only the last wish is kept. */
  async recount() {
    if (this.busy) {
      this.waiting = true;
      return;
    }
    this.busy = true;
    this.holder.dataset.counted = "";
    do {
      this.waiting = false;
      this.control = null;
      const state = this.state;
      const { round, touches } = state;
      const untouched = this.before && this.roundBefore === round ? null : await this.ask({ ...state, touches: [] }, 0);
      if (untouched) {
        this.before = untouched.wrong[0];
        this.roundBefore = round;
      }
      const answer = untouched && !touches.length ? untouched : await this.ask(state, 0);
      this.counted = { ...answer, wrong: answer.wrong[0], mistakes: /** @type {Uint8Array} */ (answer.mistakes) };
      if (state === this.state && touches.some((touch) => touch.kind === "hold" && touch.by === "mean")) {
        for (const [site, value] of answer.holds) this.means().set(site, value);
        this.renew();
        this.tell("input");
      }
      this.tell("count");
      if (this.waiting || !touches.length) continue;
      this.control = (await this.ask(state, DRAWS)).wrong;
      this.tell("control");
    } while (this.waiting);
    this.busy = false;
    this.holder.dataset.counted = "whole";
    this.tell("control");
  }

  /** @param {State} state @param {number} control @returns {Promise<import("./serve.js").Answer>} */
  ask({ round, touches, other }, control) {
    return this.questions({ round, touches, other, states: this.wantStates, control });
  }

  /** The state as text. */
  text() {
    const { round, input, other, row, touches } = this.state;
    const parts = [`m=${this.data.name}`, `x=${input.join("")}`, `y=${row}`];
    if (touches.some((touch) => touch.kind === "hold" && touch.by === "other")) parts.push(`o=${other.join("")}`);
    if (round !== null) parts.push(`r=${round}`);
    if (touches.length) parts.push(`t=${written(touches)}`);
    return parts.join("&");
  }

  /** A program for the package that prints the same counts. */
  program() {
    const { touches, other, round } = this.state;
    const seconds = touches.some((touch) => touch.kind === "hold" && touch.by === "other");
    const [first, ...rest] = this.data.python;
    const course = `put_weights(model, load_course("${this.data.study}", ${this.data.seed}).weights[${round}].double())`;
    return [
      "from tinycircuits.interp.touches import Touches",
      ...(round === null ? [] : ["from tinycircuits.models.weights import put_weights"]),
      ...(round === null ? [] : ["from tinycircuits.results.courses import load_course"]),
      first,
      ...rest,
      ...(round === null ? [] : [course]),
      `touches = Touches.read("${written(touches)}"${seconds ? `, other="${other.join("")}"` : ""})`,
      "print(touches.wrong(model, task))  # wrong answers over all inputs",
      "",
    ].join("\n");
  }

  /** Write the state into the address. */
  note() {
    history.replaceState(null, "", `#${this.text()}`);
  }

  /** Take over what a text says; what does not fit this model is left as it is. @param {string} text */
  read(text) {
    const given = new Map(
      text.split("&").map((part) => /** @type {[string, string]} */ ([part.slice(0, 1), part.slice(2)])),
    );
    /** @param {string | undefined} digits */
    const list = (digits) =>
      digits && new RegExp(`^[0-${this.data.modulus - 1}]{${this.data.n_digits}}$`).test(digits)
        ? [...digits].map(Number)
        : null;
    const round = Number(given.get("r") ?? NaN);
    const row = Number(given.get("y") ?? NaN);
    this.set(
      {
        input: list(given.get("x")) ?? this.state.input,
        other: list(given.get("o")) ?? this.state.other,
        row: row >= 0 && row < this.data.n_digits ? row : this.state.row,
        round: this.data.course && round >= 0 && round < this.data.course.rounds.length ? round : null,
        touches: readTouches(this.trained, decoded(given.get("t") ?? "")),
      },
      { remember: false },
    );
  }
}

/** What a browser or a mail program may have written otherwise; as it stands where that cannot be. @param {string} text */
export function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The articles' worked example, and a second input that differs at every digit. */
const EXAMPLE = [0, 1, 2, 3, 2, 0, 3, 1];
const OTHER = [1, 3, 0, 2, 0, 1, 2, 3];

let asked = 0;

/**
 * A function that puts questions about one model to the worker.
 * @param {Worker} worker @param {import("./model.js").Data} data
 * @returns {(question: any) => Promise<import("./serve.js").Answer>}
 */
export function asker(worker, data) {
  worker.postMessage({ model: data });
  return (question) =>
    new Promise((resolve) => {
      const id = ++asked;
      const heard = (/** @type {MessageEvent<import("./serve.js").Answer>} */ { data: answer }) => {
        if (answer.id !== id) return;
        worker.removeEventListener("message", heard);
        resolve(answer);
      };
      worker.addEventListener("message", heard);
      worker.postMessage({
        question: { round: null, other: [], states: false, control: 0, touches: [], ...question, id, name: data.name },
      });
    });
}
