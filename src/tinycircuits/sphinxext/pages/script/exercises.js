/**
 * Exercises and guesses in the page: answers are judged here, kept in this browser, and sent nowhere.
 *
 * @typedef {{ title: string, kind: string, asks: string, lower: boolean }} Exercise
 * @typedef {{ exercises: Record<string, Exercise>, keys: Record<string, import("./judges.js").Key> }} Answers
 * @typedef {import("./judges.js").Verdict} Verdict
 * @typedef {import("./forms.js").Field} Field
 */
import { h, lowered } from "./dom.js";
import { choice, line, some } from "./forms.js";
import {
  byHand,
  claim,
  elsewhere,
  hands,
  inOrder,
  noBlindSpot,
  otherWeights,
  rewriting,
  roundingDecides,
  smallestBreak,
  spareBiases,
  sparsest,
  twoDigits,
} from "./judges.js";
import { asFile, clear, entries, guess, guessed, keep, take } from "./kept.js";
import { hashed } from "./sha.js";

const HOME = /** @type {HTMLScriptElement} */ (document.currentScript).src;
const MODELS = "figures/workbench/";
/** The model that the exercises on a state are about. */
const MODEL = "B";

/**
 * Answers that are typed as JSON; `note` says what is typed where that is less than the exercise asks for.
 * @type {Record<string, { judge: (given: any) => Verdict | Promise<Verdict>, rows: number, as: string, note?: string }>}
 */
const TYPED = {
  hands: { judge: hands, rows: 0, as: "[1, 2, 3]" },
  "no-blind-spot": { judge: noBlindSpot, rows: 0, as: "[1, 2, 3]" },
  "rounding-decides": { judge: roundingDecides, rows: 0, as: "[1, 2, 3]" },
  "two-digits": {
    judge: twoDigits,
    rows: 5,
    as: '{"W_in": [[...], [...]], "b_in": [...], "W_out": [...], "b_out": [...]}',
  },
  "by-hand": { judge: byHand, rows: 5, as: '{"W_E": [[...], ...], "W_pos": ..., "W_Q": ..., ...}' },
  elsewhere: {
    judge: elsewhere,
    rows: 4,
    as: "[[0, 0, 0, 0, 0, 0],\n [0, 0, 0, 0, 0, 0],\n [0, 0, 0, 0, 0, 0]]",
    note:
      "Here the scores of attention are typed, and they become the queries: a row for each answer, with a number for each " +
      "of BOS, x_0, x_1, x_2, y_0, y_1. A later position is not read, whatever its number. All else stays as it was set.",
  },
  "other-weights": {
    judge: async (given) => {
      const form = rewriting(given);
      if (typeof form === "string") return { passed: false, said: form };
      if (!live.tinyRewritten) await loaded("live.js");
      return otherWeights(await live.tinyRewritten(new URL(`../${MODELS}`, HOME).href, MODEL, form), form);
    },
    rows: 6,
    as:
      '{"order": [0, 1, ..., 15], "louder": [1, ...], "softer": [1, ...],\n "mix": [[1, 0, 0, 0], ...], "unmix": ' +
      "[[1, 0, 0, 0], ...]}",
    note:
      "Here a rule is typed. The neurons get another order; louder multiplies what each reads, in its new place, and " +
      "softer what it writes; values are multiplied by mix, and W_O by unmix from the left. The biases of neurons and " +
      "values follow. The model answers all inputs again.",
  },
};

/** Answers that are states of the live model. @type {Record<string, (state: import("./judges.js").State) => Verdict>} */
const STATES = { "spare-biases": spareBiases, "smallest-break": smallestBreak, sparsest };

/** @param {string} address @returns {Promise<void>} */
function loaded(address) {
  return new Promise((resolve, reject) => {
    const script = h("script", { src: new URL(address, HOME).href, onload: resolve });
    script.onerror = () => reject(new Error(`${address} cannot be read`));
    document.head.append(script);
  });
}

/** What is shown anew when an answer is kept or all are forgotten. @type {(() => void)[]} */
const shown = [];
const showAll = () => shown.forEach((show) => show());

/** @returns {HTMLElement} where a verdict is said, also to those who do not see it */
const verdictLine = () => h("p.tcx-said", { role: "status", "aria-live": "polite" });

/** @param {HTMLElement} place @param {string} words @param {boolean | null} [passed] */
function say(place, words, passed = null) {
  place.textContent = words && lowered(words[0].toUpperCase() + words.slice(1));
  place.classList.toggle("tcx-right", passed === true);
  place.classList.toggle("tcx-wrong", passed === false);
}

/** A state out of a link or as it stands in the address. @param {string} text */
const stateIn = (text) => (text.includes("#") ? text.slice(text.indexOf("#") + 1) : text).trim();

/** @param {Answers} answers @param {string} name @param {string} text @returns {Promise<{ verdict: Verdict, answer: string }>} */
async function judged({ keys, exercises }, name, text) {
  const { asks } = exercises[name];
  if (name in keys) {
    const key = keys[name];
    const plain = {
      choice: text,
      text: text.replace(/[\s,]/g, "").toUpperCase(),
      names: inOrder(text.split(",")),
      number: number(text),
    };
    const given = key.form === "number" ? plain.number : plain[key.form];
    const value = key.form === "number" ? given : JSON.stringify(key.form === "names" ? text.split(",") : given);
    return { verdict: claim(key, given), answer: `${asks} = ${value}` };
  }
  if (name in TYPED) {
    let given;
    try {
      given = JSON.parse(text);
    } catch (error) {
      const said = `this is no JSON: ${/** @type {Error} */ (error).message}`;
      return { verdict: { passed: false, said }, answer: `${asks} = ${JSON.stringify(text)}` };
    }
    const verdict = await TYPED[name].judge(given);
    return { verdict, answer: verdict.answer ?? `${asks} = ${text}` };
  }
  const state = stateIn(text);
  const bad = !new RegExp(`(^|&)m=${MODEL}(&|$)`).test(state)
    ? `this is no link to a state of article ${MODEL}'s model: press Copy link at the live model, and paste it here`
    : /(^|&)r=/.test(state)
      ? "this state stands at an earlier round of the training: go to the last one"
      : "";
  if (bad) return { verdict: { passed: false, said: bad }, answer: "" };
  if (!live.tinyState) await loaded("live.js");
  const verdict = STATES[name](await live.tinyState(new URL(`../${MODELS}`, HOME).href, state));
  return { verdict, answer: verdict.answer ?? `# ${state}` };
}

/** A number as Python prints it; what is none stays as it is. @param {string} text */
function number(text) {
  const plain = text.replace(/[,\s]/g, "");
  return /^\d+$/.test(plain) ? String(Number(plain)) : text;
}

/** @param {import("./judges.js").Key} key @param {string} label @returns {Field} */
function fieldOf(key, label) {
  if (key.form === "choice") return choice(label, key.options);
  if (key.form === "names") return some(label, key.options);
  return line(label, key.form === "number" ? { inputmode: "numeric", size: 8 } : { size: 8 });
}

/** @param {Answers} answers @param {string} name @returns {Field | null} nothing where only Python can judge */
function fieldFor({ keys, exercises }, name) {
  const label = `Your answer: ${exercises[name].title}`;
  if (name in keys) return fieldOf(keys[name], label);
  if (name in TYPED) {
    const { rows, as } = TYPED[name];
    return line(`${label}, as JSON`, { rows, placeholder: as });
  }
  return name in STATES
    ? line(`${label}: link to a state of the live model`, { placeholder: `workbench.html#m=${MODEL}&t=...` })
    : null;
}

/** @param {HTMLElement} box @param {Answers} answers */
function exercise(box, answers) {
  const name = box.id.replace(/^exercise-/, "");
  if (!answers.exercises[name]) return;
  const mark = h("span.tcx-mark", null);
  box.querySelector("p")?.append(" ", mark);
  const field = fieldFor(answers, name);
  const said = verdictLine();
  const show = () => {
    const entry = entries()[name];
    mark.textContent = entry ? (entry.passed ? "✓ done" : "tried") : "";
    mark.classList.toggle("tcx-right", !!entry?.passed);
  };
  shown.push(show);
  show();
  const command = box.lastElementChild;
  if (!field) {
    command?.before(h("p.tcx-note", null, "A page cannot run Python. Write the answer into a file, and check it with"));
    return;
  }
  const check = h("button.tcx-button", { type: "submit" }, "Check");
  const note = TYPED[name]?.note;
  if (note) command?.before(h("p.tcx-note", null, lowered(note)));
  const form = h("form.tcx-form", null, field.element, hereButton(name, field), check, said);
  form.addEventListener("submit", async (/** @type {Event} */ event) => {
    event.preventDefault();
    const text = field.read();
    if (!text) return say(said, "there is no answer yet");
    check.disabled = true;
    say(said, "counting ...");
    try {
      const { verdict, answer } = await judged(answers, name, text);
      const stays = keep(name, verdict, answer, answers.exercises[name].lower);
      say(
        said,
        verdict.said + (stays ? "" : " (this browser keeps nothing: it is forgotten with the page)"),
        verdict.passed,
      );
    } catch (error) {
      say(said, `this cannot be judged: ${/** @type {Error} */ (error).message}`, false);
    }
    check.disabled = false;
    showAll();
  });
  command?.before(form);
}

/** Takes the state of the live model that stands in the same page. @param {string} name @param {Field} field */
function hereButton(name, field) {
  if (!(name in STATES)) return null;
  if (!document.querySelector(".tc-live:not([data-show])"))
    return h("a", { href: `workbench.html#m=${MODEL}` }, "to the live model");
  const take = () => field.write(`#${location.hash.slice(1) || `m=${MODEL}`}`);
  return h("button.tcx-button", { type: "button", onclick: take }, "Take the model above as it is");
}

/** What follows a question in its section, and so many sections after it: it waits for a guess. @param {HTMLElement} box */
function waiting(box) {
  const found = [];
  for (let next = box.nextElementSibling; next && next.tagName !== "SECTION"; next = next.nextElementSibling)
    if (!next.matches(".tc-predict")) found.push(/** @type {HTMLElement} */ (next));
  let section = box.closest("section")?.nextElementSibling;
  for (let left = Number(box.dataset.sections ?? 0); left && section; left--, section = section.nextElementSibling)
    found.push(/** @type {HTMLElement} */ (section));
  return found;
}

/** A question that is asked before its result is shown. @param {HTMLElement} box @param {Answers} answers */
function prediction(box, answers) {
  const { name = "", key = "", within = "0", options = "" } = box.dataset;
  const own = key ? null : answers.keys[name];
  const field = own
    ? fieldOf(own, "Your guess")
    : options
      ? choice("Your guess", JSON.parse(options))
      : line("Your guess", { inputmode: "numeric", size: 8 });
  const after = waiting(box);
  const said = verdictLine();
  const wait = h("p.tcx-note", null, "What follows waits for your guess.");
  const showMe = h("button.tcx-button.tcx-show", { type: "button" }, "Show me");
  const form = h(
    "form.tcx-form",
    null,
    field.element,
    h("button.tcx-button", { type: "submit" }, "Guess"),
    showMe,
    wait,
    said,
  );
  const open = () => {
    for (const each of after) each.hidden = false;
    wait.remove();
    showMe.remove();
  };
  /** @param {string} text */
  const judge = (text) =>
    own
      ? claim(own, own.form === "number" ? number(text) : text)
      : compared({ name, key, within: Number(within) }, text);
  /** @param {string} text */
  const reveal = (text) => {
    open();
    if (!text) return;
    field.write(text);
    const { passed, said: words } = judge(text);
    say(said, `you guessed ${text}: ${words}`, passed);
  };
  form.addEventListener("submit", async (/** @type {Event} */ event) => {
    event.preventDefault();
    const text = field.read();
    if (!text) return say(said, "there is no guess yet; “Show me” goes on without one");
    guess(name, text);
    reveal(text);
    if (own) keep(name, judge(text), (await judged(answers, name, text)).answer, answers.exercises[name].lower);
    showAll();
  });
  showMe.addEventListener("click", () => {
    guess(name, "");
    reveal("");
    box.querySelector("button")?.focus();
  });
  box.append(form);
  const before = guessed(name);
  if (before !== undefined) return reveal(before);
  for (const each of after) {
    each.setAttribute("hidden", "until-found");
    each.addEventListener("beforematch", open);
  }
  const led = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || !after.some((each) => each.contains(target))) return;
    open();
    target.scrollIntoView();
  };
  led();
  window.addEventListener("hashchange", led);
}

/**
 * A guess beside a result that the page holds as a hash; a number may be off.
 * @param {{ name: string, key: string, within: number }} asked @param {string} text @returns {Verdict}
 */
function compared({ name, key, within }, text) {
  const guess = number(text);
  if (hashed(name, guess) === key) return { passed: true, said: "right" };
  if (!/^\d+$/.test(guess)) return { passed: false, said: "the result is another" };
  for (let off = 1; off <= within; off++)
    if ([-off, off].some((step) => hashed(name, String(Number(guess) + step)) === key))
      return { passed: true, said: `close, ${off} off` };
  return { passed: false, said: `more than ${within} off` };
}

/** How far one is, over the whole book. @param {HTMLElement} box @param {Answers} answers */
function progress(box, { exercises }) {
  const names = Object.keys(exercises);
  const count = h("p.tcx-count", { role: "status" });
  const said = verdictLine();
  const file = h("input.tcx-hidden", {
    type: "file",
    accept: ".json,application/json",
    tabindex: -1,
    "aria-hidden": "true",
  });
  file.addEventListener("change", async () => {
    const number = take((await file.files?.[0]?.text()) ?? "", exercises);
    say(said, number === null ? "this file holds no list of exercises" : `${number} exercises read`, number !== null);
    file.value = "";
    showAll();
  });
  const save = () => {
    const url = URL.createObjectURL(new Blob([asFile()], { type: "application/json" }));
    h("a", { href: url, download: "done.json" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
  const forget = h("button.tcx-button", { type: "button" }, "Forget all");
  forget.addEventListener("click", () => {
    if (!window.confirm("Forget all answers and guesses of this browser?")) return;
    clear();
    say(said, "all is forgotten");
    showAll();
  });
  const button = (/** @type {string} */ words, /** @type {() => void} */ onclick) =>
    h("button.tcx-button", { type: "button", onclick }, words);
  const buttons = h(
    "div.tcx-form",
    null,
    button("Save as done.json", save),
    button("Read a done.json", () => file.click()),
    forget,
    file,
    said,
  );
  const show = () => {
    const all = entries();
    count.textContent = `${names.filter((name) => all[name]?.passed).length} of ${names.length} done`;
    for (const link of box.querySelectorAll('a[href*="#exercise-"]')) {
      const entry = all[/** @type {HTMLAnchorElement} */ (link).href.split("#exercise-")[1]];
      const cell = link.closest("tr")?.lastElementChild;
      if (!cell) continue;
      cell.textContent = !entry
        ? ""
        : !entry.passed
          ? `${entry.tries} tried`
          : entry.score === null
            ? "✓ done"
            : `✓ ${Number(entry.score.toPrecision(6))}`;
      cell.classList.toggle("tcx-right", !!entry?.passed);
    }
  };
  box.prepend(count, buttons);
  shown.push(show);
  show();
}

/** @param {string} query @returns {HTMLElement[]} */
const boxes = (query) => [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(query))];

/** @type {Answers} */
const found = { exercises: {}, keys: {} };

/** The files beside the pages call these: a page that was opened as a file may load scripts and nothing else. */
const live = /** @type {any} */ (window);
live.tinyKey = (/** @type {string} */ name, /** @type {import("./judges.js").Key} */ key) => (found.keys[name] = key);
live.tinyAnswers = (/** @type {{ exercises: Record<string, Exercise>, claims: string[] }} */ { exercises, claims }) => {
  found.exercises = exercises;
  const here = new Set([
    ...boxes(".tc-exercise").map(({ id }) => id.replace(/^exercise-/, "")),
    ...boxes(".tc-predict").map(({ dataset }) => dataset.name ?? ""),
  ]);
  Promise.all(claims.filter((name) => here.has(name)).map((name) => loaded(`../data/key-${name}.js`))).then(
    start,
    () => {},
  );
};

function start() {
  for (const box of boxes(".tc-exercise")) exercise(box, found);
  for (const box of boxes(".tc-predict")) prediction(box, found);
  for (const box of boxes(".tc-progress")) progress(box, found);
  window.addEventListener("storage", showAll);
  document.documentElement.dataset.exercises = "ready";
}

// Without them everything is visible, and nothing is judged.
loaded("../data/answers.js").catch(() => {});
