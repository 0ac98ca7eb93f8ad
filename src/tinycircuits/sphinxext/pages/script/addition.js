/**
 * Modular addition: two numbers to type, what each head looks at, what the state at "=" would answer after each part, and
 * all pairs, counted on request.
 *
 * @typedef {import("./model.js").Data} Data
 * @typedef {import("./touches.js").Touch} Touch
 */
import { h, plain, whole } from "./dom.js";
import { layerNorm, linear, trace } from "./forward.js";
import { modelOf, parameter } from "./model.js";
import { pairTokens } from "./pairs.js";
import { decoded } from "./session.js";
import { applied, readTouches, written } from "./touches.js";

/**
 * @param {Data} data @param {(question: any) => Promise<any>} ask the worker @param {string} text a state to begin with
 * @returns {HTMLElement}
 */
export function addition(data, ask, text) {
  const model = modelOf(data);
  const { n_layers, n_heads, modulus } = data;
  const positions = /** @type {string[]} */ (data.positions).slice(0, -1);
  const last = positions.length - 1;
  const given = new Map(
    text.split("&").map((part) => /** @type {[string, string]} */ ([part.slice(0, 1), part.slice(2)])),
  );
  const removed = new Set(
    readTouches(model, decoded(given.get("t") ?? "")).map((touch) => (touch.kind === "hold" ? touch.site : "")),
  );
  const field = (/** @type {string} */ label, /** @type {number} */ value) =>
    h("input.tcl-number", {
      type: "number",
      min: 0,
      max: modulus - 1,
      step: 1,
      value,
      "aria-label": label,
      oninput: () => show(),
    });
  const [a, b] = [field("a", Number(given.get("a") ?? 34)), field("b", Number(given.get("b") ?? 58))];
  const answer = h("output.tcl-big", { "aria-live": "polite" });
  const verdict = h("span", null);
  const guesses = h("div.tcl-guesses", null);
  const parts = [];

  /** @param {string} site @param {string} label */
  const toggle = (site, label) => {
    const button = h("button.tcl-button", { type: "button" }, label);
    const mark = () => {
      button.setAttribute("aria-pressed", String(removed.has(site)));
      button.classList.toggle("tcl-touched", removed.has(site));
    };
    button.addEventListener("click", () => {
      if (!removed.delete(site)) removed.add(site);
      mark();
      show();
    });
    mark();
    return button;
  };
  /** @type {((run: import("./forward.js").Trace) => void)[]} */
  const shown = [];
  for (let l = 0; l < n_layers; l++) {
    const heads = Array.from({ length: n_heads }, (_, head) => {
      const bars = positions.map(() => h("i", null));
      shown.push((run) =>
        bars.forEach((bar, p) => (bar.style.height = `${100 * run.layers[l].pattern[head][last][p]}%`)),
      );
      const words = h("span.tcl-hidden", null);
      shown.push(
        (run) =>
          (words.textContent = positions
            .map((name, p) => `${name} ${plain(run.layers[l].pattern[head][last][p])}`)
            .join(", ")),
      );
      const columns = positions.map((name, p) => h("span", null, h("b", null, bars[p]), h("small", null, name)));
      return h(
        "div.tcl-onehead",
        null,
        h("div.tcl-columns", { "aria-hidden": "true" }, ...columns),
        words,
        toggle(`head.${l}.${head}`, `head ${head}`),
      );
    });
    parts.push(
      h(
        "section.tcl-part.tcl-attn",
        null,
        h("header", null, h("h4", null, `Attention ${l}, what “=” looks at`), toggle(`attn.${l}`, "remove")),
        h("div.tcl-heads", null, ...heads),
      ),
      lens(`after attention ${l}`, (run) => run.layers[l].mid[last]),
    );
    parts.push(
      h("section.tcl-part.tcl-mlp", null, h("header", null, h("h4", null, `MLP ${l}`), toggle(`mlp.${l}`, "remove"))),
      lens(`after MLP ${l}`, (run) => run.layers[l].resid[last]),
    );
  }

  /** The state at "=" as a strip, and what the unembedding would read from it. @param {string} label @param {(run: import("./forward.js").Trace) => Float64Array} state */
  function lens(label, state) {
    const strip = h("canvas.tcl-strip", {
      width: data.d_model,
      height: 1,
      role: "img",
      "aria-label": `the ${data.d_model} numbers of the state ${label}`,
    });
    const reads = h("span", null);
    shown.push((run) => {
      const x = state(run);
      const logits = linear(layerNorm(model, "ln_final", x), parameter(model, "W_U"), parameter(model, "b_U"));
      const best = logits.indexOf(Math.max(...logits));
      reads.replaceChildren("read here: ", h("b", null, /** @type {string[]} */ (data.tokens)[best]));
      const context = strip.getContext("2d");
      const picture = context.createImageData(x.length, 1);
      const largest = Math.max(...x.map(Math.abs));
      x.forEach((value, i) =>
        picture.data.set(
          [...(value < 0 ? [90, 165, 214] : [229, 138, 78]), Math.round((255 * Math.abs(value)) / largest)],
          4 * i,
        ),
      );
      context.putImageData(picture, 0, 0);
    });
    return h(
      "div.tcl-state",
      null,
      h("div.tcl-numbers", null, h("span.tcl-label", null, `state ${label}`), strip, reads),
    );
  }

  const touches = () =>
    [...removed].map((site) => /** @type {Touch} */ ({ kind: "hold", site, pos: null, by: "zero" }));
  const pair = () => [a, b].map((box) => Math.min(modulus - 1, Math.max(0, Math.round(Number(box.value) || 0))));
  const show = () => {
    const [x, y] = pair();
    const { holds } = applied(model, touches(), []);
    const run = trace(model, pairTokens(data, x, y), holds);
    const logits = run.logits[last];
    const best = logits.indexOf(Math.max(...logits));
    const right = (x + y) % modulus;
    answer.textContent = /** @type {string[]} */ (data.tokens)[best];
    verdict.textContent = best === right ? "✓ right" : `✗ it should be ${right}`;
    const most = Math.max(...logits);
    const sum = logits.reduce((all, logit) => all + Math.exp(logit - most), 0);
    const order = [...logits.keys()].sort((i, j) => logits[j] - logits[i]).slice(0, 5);
    guesses.replaceChildren(
      ...order.map((t) =>
        h(
          "span",
          null,
          h("b", null, /** @type {string[]} */ (data.tokens)[t]),
          ` ${plain((100 * Math.exp(logits[t] - most)) / sum, 1)} %`,
        ),
      ),
    );
    shown.forEach((one) => one(run));
    const said = written(touches());
    history.replaceState(null, "", `#m=${data.name}&a=${x}&b=${y}${said && `&t=${said}`}`);
    counted.textContent = removed.size || found === null ? "" : counted.textContent;
    found = null;
    bar.hidden = true;
    if (!running) start.textContent = `Count all ${whole(modulus * modulus)} pairs`;
  };

  const bar = h("progress.tcl-progress", { max: modulus, value: 0, hidden: true, "aria-label": "pairs counted" });
  const counted = h("span", { role: "status" });
  const start = h("button.tcl-button", { type: "button" }, `Count all ${whole(modulus * modulus)} pairs`);
  let running = false;
  /** @type {number | null} */
  let found = null;
  start.addEventListener("click", async () => {
    if (running) {
      running = false;
      return;
    }
    running = true;
    start.textContent = "Stop";
    bar.hidden = false;
    const asked = JSON.stringify(touches());
    let wrong = 0;
    let x = 0;
    for (; x < modulus && running && asked === JSON.stringify(touches()); x++) {
      const answer_ = await ask({ pairs: x, touches: touches() });
      wrong += answer_.wrong[0][0];
      bar.value = x + 1;
      counted.textContent = `${whole(wrong)} of ${whole((x + 1) * modulus)} pairs wrong`;
    }
    if (x === modulus) found = wrong;
    else counted.textContent += ", stopped";
    running = false;
    start.textContent = `Count all ${whole(modulus * modulus)} pairs`;
  });

  show();
  return h(
    "div.tcl-addition",
    null,
    h("div.tcl-line.tcl-sum", null, a, h("span", null, "+"), b, h("span", null, "="), answer, verdict),
    h("div.tcl-line", null, h("span.tcl-label", null, "Its five best guesses"), guesses),
    h("div.tcl-line", null, start, bar, counted),
    h("div.tcl-flow", null, ...parts),
  );
}
