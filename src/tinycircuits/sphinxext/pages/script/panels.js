/**
 * The parts of the workbench. Each is made once and shown anew when the session says so.
 *
 * @typedef {import("./session.js").Session} Session
 * @typedef {import("./touches.js").Touch} Touch
 * @typedef {{ element: HTMLElement, show: (what: "input" | "count" | "control") => void }} Panel
 */
import { exact, group, h, lowered, named, whole } from "./dom.js";
import { digitsOf, inputs, positionName, solve } from "./model.js";
import { place, said, siteName } from "./touches.js";

/**
 * Always in sight: how many answers are wrong, what is changed, and what one may try.
 * @param {Session} session @param {[string, Touch[]][]} tries @returns {Panel}
 */
export function summary(session, tries) {
  const { n_digits: n } = session.data;
  const N = inputs(session.data);
  const big = h("strong.tcl-big", null, "…");
  const words = h("span", null, " answers are being counted");
  const undo = h("button.tcl-button", { type: "button", onclick: () => session.undo() }, "Undo");
  const redo = h("button.tcl-button", { type: "button", onclick: () => session.redo() }, "Redo");
  const reset = h("button.tcl-button", { type: "button", onclick: () => session.reset() }, "Reset");
  const list = h("div.tcl-chips", null);
  const meter = h("span.tcl-bar", { "aria-hidden": "true" }, h("i", null), h("i.tcl-push", null));
  const show = () => {
    const { touches, round } = session.state;
    undo.disabled = !session.past.length;
    redo.disabled = !session.future.length;
    reset.disabled = !touches.length && round === null;
    list.replaceChildren(
      ...(touches.length
        ? touches.map(chip)
        : [
            h("span.tcl-quiet", null, "Try:"),
            ...tries.map(([label, given]) =>
              h("button.tcl-button", { type: "button", onclick: () => session.set({ touches: given }) }, label),
            ),
          ]),
    );
    const { counted, before, control } = session;
    if (!counted || !before) return;
    const [now, was] = [total(counted.wrong), total(before)];
    big.textContent = whole(now);
    words.textContent = ` of ${whole(N * n)} answers wrong${touches.length ? `, before ${whole(was)}` : `, over all ${whole(N)} inputs`}`;
    meter.firstChild.style.width = `${(100 * now) / (N * n)}%`;
    meter.lastChild.hidden = !control;
    if (control) meter.lastChild.style.left = `${(100 * total(mean(control))) / (N * n)}%`;
  };
  /** @param {Touch} touch */
  const chip = (touch) => {
    const text = lowered(said(session.trained, touch));
    return h(
      "span.tcl-chip",
      null,
      text,
      h("button", { type: "button", "aria-label": `take back: ${text}`, onclick: () => session.untouch(touch) }, "×"),
    );
  };
  const line = h("p.tcl-count", { role: "status", "aria-live": "polite" }, big, words);
  return {
    element: h(
      "div.tcl-summary",
      null,
      h("div.tcl-line", null, line, h("div.tcl-buttons", null, undo, redo, reset)),
      meter,
      list,
    ),
    show,
  };
}

/** @param {number[]} wrong */
const total = (wrong) => wrong.reduce((a, b) => a + b, 0);

/** The mean of draws, for each answer. @param {number[][]} draws */
const mean = (draws) => draws[0].map((_, i) => draws.reduce((all, draw) => all + draw[i], 0) / draws.length);

/** The input, the second input, and the answers. @param {Session} session @param {{ second: boolean }} how @returns {Panel} */
export function input(session, { second }) {
  const { n_digits: n, modulus } = session.data;
  const first = digits(session, "input");
  const other = digits(session, "other");
  const answers = Array.from({ length: n }, (_, i) =>
    h("button.tcl-answer", { type: "button", onclick: () => session.set({ row: i }, { remember: false }) }),
  );
  const any = h(
    "button.tcl-button",
    {
      type: "button",
      onclick: () => session.set({ input: Array.from({ length: n }, () => Math.floor(Math.random() * modulus)) }),
    },
    "Another",
  );
  const show = () => {
    first.show();
    other.show();
    const right = solve(session.data, session.state.input);
    answers.forEach((button, i) => {
      const logits = session.run.logits[n + i];
      const token = logits.indexOf(Math.max(...logits));
      const text = token === modulus ? "BOS" : String(token);
      const good = token === right[i];
      button.replaceChildren(named(`y_${i}`), h("b", null, text), h("small", null, good ? "✓" : `✗ ${right[i]}`));
      button.classList.toggle("tcl-bad", !good);
      button.setAttribute("aria-pressed", String(session.state.row === i));
      button.setAttribute(
        "aria-label",
        `answer ${i}: ${text}, ${good ? "right" : `wrong, ${right[i]} is right`}; show how it comes about`,
      );
    });
  };
  const element = h(
    "div.tcl-input",
    null,
    h("div.tcl-line", null, h("span.tcl-label", null, "Input"), first.element, any),
    h("div.tcl-line", null, h("span.tcl-label", null, "Answers"), group("the model's answers", answers, "tcl-answers")),
    second &&
      h(
        "div.tcl-line.tcl-second",
        null,
        h("span.tcl-label", null, "Second input"),
        other.element,
        h("span.tcl-quiet", null, "its values can be put in the place of the first one's"),
      ),
  );
  return { element, show };
}

/** Digits to type or to click. @param {Session} session @param {"input" | "other"} which */
function digits(session, which) {
  const { n_digits: n, modulus } = session.data;
  /** @param {number} j @param {number} value */
  const put = (j, value) =>
    session.set({ [which]: session.state[which].map((digit, at) => (at === j ? value : digit)) });
  const boxes = Array.from({ length: n }, (_, j) => {
    const box = h("button.tcl-digit", {
      type: "button",
      onclick: () => put(j, (session.state[which][j] + 1) % modulus),
    });
    box.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (!/^\d$/.test(event.key) || Number(event.key) >= modulus || event.ctrlKey || event.metaKey) return;
      put(j, Number(event.key));
      const next = boxes[Math.min(j + 1, n - 1)];
      for (const one of boxes) one.tabIndex = one === next ? 0 : -1;
      next.focus();
    });
    return box;
  });
  const show = () =>
    boxes.forEach((box, j) => {
      const digit = session.state[which][j];
      if (box.textContent !== String(digit)) box.textContent = String(digit);
      box.setAttribute(
        "aria-label",
        `digit ${j}${which === "other" ? " of the second input" : ""}: ${digit}; type or press for another`,
      );
    });
  return {
    element: group(which === "other" ? "digits of the second input" : "digits of the input", boxes, "tcl-digits"),
    show,
  };
}

/** Wrong inputs for each answer: now, before, and after a push. @param {Session} session @returns {Panel} */
export function counts(session) {
  const { n_digits: n } = session.data;
  const N = inputs(session.data);
  const note = h("p.tcl-quiet", null);
  const rows = Array.from({ length: n }, (_, i) => ({
    bar: h("span.tcl-bar", null, h("i", null), h("i.tcl-push", null)),
    now: h("td", null),
    was: h("td", null),
    push: h("td", null),
    head: h("th", { scope: "row" }, named(`y_${i}`)),
  }));
  const table = h(
    "table.tcl-table",
    null,
    h(
      "thead",
      null,
      h(
        "tr",
        null,
        h("th", { scope: "col" }, "answer"),
        h("td", null),
        h("th", { scope: "col" }, "wrong now"),
        h("th", { scope: "col" }, "before"),
        h("th", { scope: "col" }, "pushed"),
      ),
    ),
    h(
      "tbody",
      null,
      ...rows.map((row) => h("tr", null, row.head, h("td.tcl-wide", null, row.bar), row.now, row.was, row.push)),
    ),
  );
  const show = () => {
    const { counted, before, control } = session;
    if (!counted || !before) return;
    const push = control && mean(control);
    const perfect = `${whole(N - counted.any)} of ${whole(N)} inputs are answered without a mistake. `;
    note.textContent =
      perfect +
      (!session.state.touches.length
        ? "Every change is counted over all of them."
        : push
          ? `A push of the same length in a random direction (the black line): ${whole(Math.round(total(push)))} wrong, mean of ${/** @type {number[][]} */ (control).length} draws.`
          : "Now the same for a random push of the same length …");
    rows.forEach((row, i) => {
      row.now.textContent = whole(counted.wrong[i]);
      row.was.textContent = whole(before[i]);
      row.push.textContent = push ? whole(Math.round(push[i])) : session.state.touches.length ? "…" : "–";
      row.bar.firstChild.style.width = `${(100 * counted.wrong[i]) / N}%`;
      row.bar.lastChild.hidden = !push;
      if (push) row.bar.lastChild.style.left = `${(100 * push[i]) / N}%`;
    });
  };
  return { element: h("div.tcl-counts", null, h("h3", null, "All inputs, counted"), table, note), show };
}

/** A map of all inputs, and the first wrong ones. @param {Session} session @returns {Panel} */
export function map(session) {
  const { n_digits: n, modulus } = session.data;
  const N = inputs(session.data);
  const across = modulus ** Math.floor(n / 2);
  const down = N / across;
  const canvas = h("canvas.tcl-map", { width: across, height: down, role: "img" });
  const list = h("div.tcl-first", null);
  canvas.addEventListener("click", (/** @type {MouseEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [
      Math.floor(((event.clientX - box.left) / box.width) * across),
      Math.floor(((event.clientY - box.top) / box.height) * down),
    ];
    session.set({ input: digitsOf(session.data, Math.min(N - 1, y * across + x)) });
  });
  const caption = h(
    "p.tcl-quiet",
    null,
    `Each dot is an input: down the first ${n - Math.floor(n / 2)} digits, across the last ${Math.floor(n / 2)}. The darker, the more answers are wrong. Click on one to load it.`,
  );
  const show = (/** @type {string} */ what) => {
    if (!session.counted || what === "control") return;
    const { mistakes, any } = session.counted;
    const context = canvas.getContext("2d");
    const picture = context.createImageData(across, down);
    const here = session.state.input.reduce((index, digit) => index * modulus + digit, 0);
    for (let s = 0; s < N; s++) {
      const part = mistakes[s] / n;
      const [red, green, blue, alpha] = mistakes[s]
        ? [213 - 90 * part, 94 - 60 * part, 0, 90 + 165 * part]
        : [0, 114, 178, 26];
      picture.data.set([red, green, blue, alpha], 4 * s);
    }
    for (const [x, y] of [
      [0, 0],
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ]) {
      const [column, row] = [(here % across) + x, Math.floor(here / across) + y];
      if (column >= 0 && column < across && row >= 0 && row < down)
        picture.data.set([36, 41, 47, 255], 4 * (row * across + column));
    }
    context.putImageData(picture, 0, 0);
    canvas.setAttribute("aria-label", `map of all ${whole(N)} inputs; ${whole(any)} have a wrong answer`);
    const first = [];
    for (let s = 0; s < N && first.length < 6; s++) if (mistakes[s]) first.push(s);
    list.replaceChildren(
      h("span.tcl-label", null, any ? "First wrong inputs" : "No input is answered wrongly."),
      ...first.map((s) =>
        h(
          "button.tcl-button.tcl-mono",
          { type: "button", onclick: () => session.set({ input: digitsOf(session.data, s) }) },
          digitsOf(session.data, s).join(" "),
        ),
      ),
    );
  };
  return { element: h("div.tcl-mapped", null, h("div", null, canvas), h("div", null, list, caption)), show };
}

/** The course of training: its curve is the handle. @param {Session} session @returns {Panel} */
export function course(session) {
  const stored = session.data.course;
  if (!stored) return { element: h("div", { hidden: true }), show: () => {} };
  const last = stored.rounds.length - 1;
  const totals = stored.wrong.map((row) => row.reduce((a, b) => a + b, 0));
  const most = Math.max(...totals);
  const height = (/** @type {number} */ total) => 56 - (52 * Math.log1p(total)) / Math.log1p(most);
  const points = totals.map((total, i) => `${((100 * i) / last).toFixed(2)},${height(total).toFixed(2)}`);
  const holder = h("div.tcl-curve", { "aria-hidden": "true" });
  holder.innerHTML = `<svg viewBox="0 0 100 60" preserveAspectRatio="none"><polyline points="${points.join(" ")}" vector-effect="non-scaling-stroke"/></svg><i></i>`;
  const slider = h("input", { type: "range", min: 0, max: last, step: 1, "aria-label": "round of training" });
  /** @param {number} round */
  const go = (round) => session.set({ round: round === last ? null : round }, { remember: false });
  const pull = (/** @type {PointerEvent} */ event) => {
    const box = holder.getBoundingClientRect();
    if (event.buttons) go(Math.round(last * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))));
  };
  holder.addEventListener("pointerdown", pull);
  holder.addEventListener("pointermove", pull);
  const out = h("span.tcl-quiet", null);
  const play = h("button.tcl-button", { type: "button" }, "Play");
  let timer = 0;
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  };
  play.addEventListener("click", () => {
    if (timer) return stop();
    play.textContent = "Pause";
    if (session.state.round === null) session.set({ round: 0 });
    timer = window.setInterval(() => {
      const next = (session.state.round ?? last) + 1;
      if (next > last || !play.isConnected) return stop();
      if (!session.busy) go(next);
    }, 350);
  });
  slider.addEventListener("input", () => go(Number(slider.value)));
  const show = () => {
    const at = session.state.round ?? last;
    if (slider.value !== String(at)) slider.value = String(at);
    const what = `after round ${stored.rounds[at]} of ${stored.rounds[last]}: ${whole(totals[at])} answers wrong`;
    slider.setAttribute("aria-valuetext", what);
    out.textContent = what;
    const mark = /** @type {HTMLElement} */ (holder.lastChild);
    mark.style.left = `${(100 * at) / last}%`;
  };
  return { element: h("div.tcl-course", null, h("div.tcl-line", null, play, out), holder, slider), show };
}

/**
 * What is known of the chosen number, and what to do with it.
 * @param {Session} session @param {(key: string) => import("./explain.js").Explained} explained @returns {Panel & { choose: (key: string) => void }}
 */
export function inspector(session, explained) {
  let chosen = "";
  const line = h("p", { "aria-live": "polite" }, "Click on a number: here stands where it comes from.");
  const tools = h("div.tcl-tools", null);
  let made = "";
  const show = () => {
    if (!chosen) return;
    const { name, line: from, note, value, site, pos, weight } = explained(chosen);
    line.replaceChildren(
      h("b", null, lowered(value === undefined ? name : `${name} = ${exact(value)}`)),
      lowered(from ? ` = ${from}` : `: ${note}`),
    );
    const want = site ? `site ${site} ${pos}` : weight ? `weight ${weight.name} ${weight.index}` : "";
    if (want !== made) {
      made = want;
      tools.replaceChildren(
        ...(site
          ? [removal(session, site, { pos, where: pos !== undefined && site !== "embed" })]
          : weight
            ? weightTools(session, weight)
            : []),
      );
    }
    for (const tool of tools.children) tool.dispatchEvent(new CustomEvent("renew"));
  };
  const choose = (/** @type {string} */ key) => {
    chosen = key;
    for (const one of document.querySelectorAll(".tcl-chosen")) one.classList.remove("tcl-chosen");
    for (const one of document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)) one.classList.add("tcl-chosen");
    show();
  };
  return { element: h("div.tcl-inspector", null, line, tools), show, choose };
}

/**
 * What stands at a site instead, everywhere or at one position.
 * @param {Session} session @param {string} site @param {{ label?: string, pos?: number | null, where?: boolean }} [how] `where`
 *   lets one choose between everywhere and `pos`
 */
export function removal(session, site, { label = "replace by", pos = null, where = false } = {}) {
  const select = h(
    "select.tcl-select",
    { "aria-label": `${label}: ${siteName(session.trained, site)}` },
    ...[
      ["", "as it is"],
      ["zero", "zero"],
      ["mean", "its mean over all inputs"],
      ["other", "the second input's"],
    ].map(([value, text]) => h("option", { value }, text)),
  );
  const places = h(
    "select.tcl-select",
    { "aria-label": "at which positions" },
    h("option", { value: "all" }, "at all positions"),
    h("option", { value: "one" }, pos === null ? "" : lowered(`at ${positionName(session.data, pos)} only`)),
  );
  const at = () => (where && places.value === "all" ? null : pos);
  select.addEventListener("change", () => {
    const touch = /** @type {import("./touches.js").Hold} */ ({ kind: "hold", site, pos: at(), by: select.value });
    if (select.value) session.touch(touch);
    else session.untouch(touch);
  });
  const element = h("label.tcl-removal", null, h("span.tcl-quiet", null, label), select);
  const renew = () => {
    const touch = session.touchOf(`${site}@${at() ?? "all"}`);
    select.value = touch?.kind === "hold" ? touch.by : "";
    element.classList.toggle("tcl-touched", Boolean(touch));
  };
  places.addEventListener("change", renew);
  const all = where ? h("span.tcl-removal", null, element, places) : element;
  all.addEventListener("renew", renew);
  renew();
  return all;
}

/** @param {Session} session @param {{ name: string, index: number }} weight */
function weightTools(session, { name, index }) {
  const slider = h("input", { type: "range", min: -4, max: 4, step: 0.01, "aria-label": "value of the weight" });
  const number = h("input.tcl-number", { type: "number", step: "any", "aria-label": "value of the weight" });
  const put = (/** @type {string} */ text) =>
    text !== "" && Number.isFinite(Number(text)) && session.touch({ kind: "weight", name, index, value: Number(text) });
  slider.addEventListener("input", () => put(slider.value));
  number.addEventListener("change", () => put(number.value));
  const zero = h("button.tcl-button", { type: "button", onclick: () => put("0") }, "Zero");
  const back = h(
    "button.tcl-button",
    { type: "button", onclick: () => session.untouch({ kind: "weight", name, index, value: 0 }) },
    "As trained",
  );
  const renew = () => {
    const value = session.parameter(name)[index];
    if (document.activeElement !== slider) slider.value = String(value);
    if (document.activeElement !== number) number.value = String(Number(value.toPrecision(6)));
    back.disabled = !session.touchOf(place({ kind: "weight", name, index, value: 0 }));
  };
  slider.addEventListener("renew", renew);
  renew();
  return [slider, number, zero, back];
}
