/**
 * The certificate of a model, computed while the reader waits: progress, then three counts for each kind of machine.
 *
 * @typedef {import("./serve.js").Answer} Answer
 */

import { certifiable, MACHINES } from "./certify.js";
import { h, plain, whole } from "./dom.js";
import { inputs } from "./model.js";

/** What a place shows that holds a certificate. */
export const CERTIFICATE = "certificate";
const AT_ONCE = 2048;
const COLUMNS = /** @type {const} */ (["right", "wrong", "undecided"]);
/** @type {Record<string, string>} */
const WORDS = { real: "real arithmetic", float64: "any machine, float64", float32: "any machine, float32" };

/**
 * Begins at once. @param {import("./model.js").Data} data
 * @param {(question: { certify: [number, number] }) => Promise<Answer>} ask @returns {HTMLElement}
 */
export function certificate(data, ask) {
  if (!certifiable(data)) throw new Error(`${data.name} is not of one layer and one head, with LayerNorm and ReLUs`);
  const [total, answers] = [inputs(data), inputs(data) * data.n_digits];
  const progress = h("progress", { max: total, value: 0, "aria-label": "inputs certified" });
  const done = h("span", null, `0 of ${whole(total)} inputs`);
  const status = h("p", { role: "status" });
  const cells = MACHINES.map(() => [...COLUMNS, "spare"].map(() => h("td", null, "0")));
  const rows = MACHINES.map(({ name }, m) =>
    h("tr", { "data-machine": name }, h("th", { scope: "row" }, WORDS[name]), ...cells[m]),
  );
  const heads = ["", ...COLUMNS, "closest"].map((words) => h("th", { scope: "col" }, words));
  const made = h(
    "div.tcl-certificate",
    { tabindex: -1 },
    h("div.tcl-line", null, progress, done, status),
    h("table.tcl-table", null, h("thead", null, h("tr", null, ...heads)), h("tbody", null, ...rows)),
    h(
      "p.tcl-quiet",
      null,
      "Right: the right token wins by more than all rounding can take away. Wrong: another token wins by more than that. ",
      "Undecided: the margin is smaller than the bound of the rounding, so nothing is claimed. Closest: the least that is left ",
      "of a margin after the bound is taken off, over all answers that are right. All of it is computed here, from the weights.",
    ),
  );
  const run = async () => {
    const verdicts = MACHINES.map(() => ({ right: 0, wrong: 0, undecided: 0, spare: Infinity }));
    const started = performance.now();
    for (let from = 0; from < total; from += AT_ONCE) {
      const to = Math.min(total, from + AT_ONCE);
      const found = (await ask({ certify: [from, to] })).verdicts ?? [];
      verdicts.forEach((verdict, m) => {
        for (const column of COLUMNS) verdict[column] += found[m][column];
        verdict.spare = Math.min(verdict.spare, found[m].spare);
        COLUMNS.forEach((column, i) => (cells[m][i].textContent = whole(verdict[column])));
        cells[m][COLUMNS.length].textContent = plain(verdict.spare);
      });
      progress.value = to;
      done.textContent = `${whole(to)} of ${whole(total)} inputs`;
      if (made.isConnected || !from) continue;
      return; // another model stands here
    }
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    const open = Math.max(...verdicts.map(({ undecided }) => undecided));
    progress.hidden = done.hidden = true;
    status.textContent = `All ${whole(answers)} answers in ${seconds} s; ${open ? `up to ${whole(open)}` : "none"} undecided.`;
    made.dataset.certified = "whole";
  };
  setTimeout(() => {
    made.focus({ preventScroll: true });
    run().catch((error) => (status.textContent = `No certificate: ${error.message}`));
  });
  return made;
}
