/**
 * What a reader has done, in the browser and nowhere else: the same list that the package keeps in `done.json`.
 *
 * @typedef {{ passed: boolean, tries: number, said: string, answer: string, day: string, score: number | null }} Entry
 * @typedef {Record<string, Entry>} Entries by exercise
 */

const KEY = "tinycircuits-exercises";
const GUESSES = "tinycircuits-guesses";
const LONGEST = 20_000;

/** What stands there while the page is open, where a browser keeps nothing. @type {Map<string, string>} */
const meanwhile = new Map();

/** @param {string} key @returns {any} */
function read(key) {
  const here = meanwhile.get(key) ?? "{}";
  try {
    return JSON.parse(localStorage.getItem(key) ?? here) ?? {};
  } catch {
    return JSON.parse(here);
  }
}

/** @param {string} key @param {any} value @returns {boolean} whether it is kept beyond this page */
function write(key, value) {
  meanwhile.set(key, JSON.stringify(value));
  try {
    localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

/** @param {any} entry @returns {boolean} */
const sound = (entry) =>
  !!entry &&
  typeof entry.passed === "boolean" &&
  Number.isInteger(entry.tries) &&
  [entry.said, entry.answer, entry.day].every((text) => typeof text === "string") &&
  (entry.score === null || typeof entry.score === "number");

/** Every entry that is one. @param {any} found @returns {Entries} */
function entriesOf(found) {
  if (found?.format !== 1 || typeof found.exercises !== "object" || found.exercises === null) return {};
  return Object.fromEntries(Object.entries(found.exercises).filter(([, entry]) => sound(entry)));
}

export const entries = () => entriesOf(read(KEY));

/** @param {Entries} all */
const put = (all) => write(KEY, { format: 1, exercises: all });

/** Whether a fresh entry takes the place of one. @param {Entry | undefined} before @param {Entry} fresh @param {boolean} lower */
function better(before, fresh, lower) {
  if (!before?.passed) return true;
  if (!fresh.passed || before.score === null || fresh.score === null) return fresh.passed;
  return lower ? fresh.score < before.score : fresh.score > before.score;
}

/**
 * Add a try; a right answer gives way to a right one only, of an open question to a better.
 * @param {string} name @param {import("./judges.js").Verdict} verdict @param {string} answer @param {boolean} lower
 */
export function keep(name, verdict, answer, lower) {
  const all = entries();
  const before = all[name];
  const tries = 1 + (before?.tries ?? 0);
  const day = new Date().toISOString().slice(0, 10);
  const { passed, said, score = null } = verdict;
  const fresh = { passed, tries, said, answer: answer.slice(0, LONGEST), day, score };
  return put({ ...all, [name]: better(before, fresh, lower) ? fresh : { ...before, tries } });
}

/** The list as a file. */
export const asFile = () => `${JSON.stringify({ format: 1, exercises: entries() }, null, 1)}\n`;

/**
 * Take over what a file holds, where it is better; a number of exercises, or nothing for what is no such file.
 * @param {string} text @param {Record<string, { lower: boolean }>} known
 */
export function take(text, known) {
  try {
    const found = JSON.parse(text);
    if (found.format !== 1 || !found.exercises || typeof found.exercises !== "object") return null;
    const given = Object.entries(entriesOf(found)).filter(([name]) => name in known);
    const all = entries();
    for (const [name, entry] of given) if (better(all[name], entry, known[name].lower)) all[name] = entry;
    put(all);
    return given.length;
  } catch {
    return null;
  }
}

/** What was guessed at a question, or nothing. @param {string} name @returns {string | undefined} */
export const guessed = (name) => (typeof read(GUESSES)[name] === "string" ? read(GUESSES)[name] : undefined);

/** @param {string} name @param {string} guess */
export const guess = (name, guess) => write(GUESSES, { ...read(GUESSES), [name]: guess });

/** Forget all of it. */
export function clear() {
  for (const key of [KEY, GUESSES]) {
    meanwhile.delete(key);
    try {
      localStorage.removeItem(key);
    } catch {
      // nothing was kept
    }
  }
}
