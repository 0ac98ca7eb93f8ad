/**
 * The model for one row, in the order in which it computes: the state runs down the left side, each part reads it and adds.
 *
 * @typedef {import("./session.js").Session} Session
 * @typedef {import("./panels.js").Panel} Panel
 * @typedef {"embed" | "attn" | "mlp" | "logits"} Part
 */
import { cell, group, h, named } from "./dom.js";
import { explain } from "./explain.js";
import { positionName } from "./model.js";
import { inspector, removal } from "./panels.js";
import { place, shortName } from "./touches.js";

/** @param {Session} session @param {Set<Part>} parts @returns {Panel} */
export function view(session, parts) {
  const { data } = session;
  const { d_model, d_head, n_heads, n_layers, d_mlp, modulus, n_digits: n } = data;
  /** @type {(() => void)[]} */
  const shown = [];
  const look = inspector(session, (key) => explain(session, key));

  /** Cells whose keys are `kind.0`, `kind.1` ... @param {string} label @param {string} kind @param {number} count */
  const cells = (label, kind, count) => {
    const made = Array.from({ length: count }, (_, i) => cell(`${kind}.${i}`, look.choose));
    shown.push(() =>
      made.forEach((one, i) => one.show(explain(session, `${kind}.${i}`).value ?? NaN, `${label} ${i}`)),
    );
    return group(label, made);
  };
  /** @param {string | Node} label @param {string} spoken @param {string} kind @param {number} count */
  const line = (label, spoken, kind, count) =>
    h("div.tcl-numbers", null, h("span.tcl-label", null, label), cells(spoken, kind, count));
  /** @param {string} label @param {string} kind */
  const state = (label, kind) => h("div.tcl-state", null, line(label, label, kind, d_model));

  /** The weights of a part, closed until one asks. @param {string[]} names */
  const weights = (names) => {
    const body = h("div", null);
    const closed = h("details.tcl-weights", null, h("summary", null, "its weights: change any of them"), body);
    /** @type {(() => void)[]} */
    const inside = [];
    closed.addEventListener("toggle", () => {
      if (!closed.open || inside.length) return;
      for (const name of names) body.append(matrix(name, inside));
      inside.forEach((one) => one());
    });
    shown.push(() => closed.open && inside.forEach((one) => one()));
    return closed;
  };
  /** The name of a parameter inside its part. @param {string} name */
  const bare = (name) => shortName(session.trained, name).replace(/ of layer \d+$/, "");
  /** @param {string} name @param {(() => void)[]} renewals */
  const matrix = (name, renewals) => {
    const { size, shape } = /** @type {import("./model.js").Span} */ (session.trained.at.get(name));
    const made = Array.from({ length: size }, (_, i) => cell(`w.${name}.${i}`, look.choose));
    renewals.push(() =>
      made.forEach((one, i) =>
        one.show(explain(session, `w.${name}.${i}`).value ?? NaN, explain(session, `w.${name}.${i}`).name),
      ),
    );
    const grid = group(shortName(session.trained, name), made, "tcl-matrix");
    grid.style.setProperty("--columns", String(shape[shape.length - 1]));
    return h("div.tcl-numbers", null, h("span.tcl-label", null, bare(name)), grid, zeroed(name));
  };
  /** @param {string} name */
  const zeroed = (name) => {
    const touch = /** @type {import("./touches.js").Zero} */ ({ kind: "zero", name });
    const button = h("button.tcl-button", {
      type: "button",
      onclick: () => (session.touchOf(place(touch)) ? session.untouch(touch) : session.touch(touch)),
    });
    const renew = () => {
      const on = Boolean(session.touchOf(place(touch)));
      button.textContent = on ? "put back" : "remove";
      button.setAttribute("aria-label", `${on ? "put back" : "remove"} ${shortName(session.trained, name)}`);
      button.classList.toggle("tcl-touched", on);
    };
    shown.push(renew);
    renew();
    return button;
  };
  /** A bias, which can be removed with one press. @param {string} name @param {number} count */
  const bias = (name, count) =>
    h(
      "div.tcl-numbers",
      null,
      h("span.tcl-label", null, `bias ${bare(name)}`),
      cells(`bias ${name}`, `w.${name}`, count),
      zeroed(name),
    );
  /** @param {string} site @param {string} label */
  const removable = (site, label) => {
    const made = removal(session, site, { label });
    shown.push(() => made.dispatchEvent(new CustomEvent("renew")));
    return made;
  };

  const stages = [];
  if (parts.has("embed")) {
    const token = h("span", null);
    const where = h("span", null);
    shown.push(() => {
      const p = n + session.state.row;
      const said = session.run.tokens[p];
      token.replaceChildren("token ", h("b", null, said === modulus ? "BOS" : String(said)));
      where.replaceChildren("position ", named(positionName(data, p)));
    });
    stages.push(
      h(
        "section.tcl-part.tcl-embed",
        null,
        h("header", null, h("h4", null, "Embedding")),
        line(token, "embedding of the token", "tok", d_model),
        line(where, "embedding of the position", "pos", d_model),
        weights(["W_E", "W_pos"]),
      ),
      state("state", "embed"),
    );
  }
  for (let l = 0; l < n_layers; l++) {
    const of = n_layers > 1 ? ` ${l}` : "";
    const attn = `blocks.${l}.attn`;
    if (parts.has("attn")) {
      const heads = Array.from({ length: n_heads }, (_, head) =>
        h(
          "div",
          null,
          line("query", "query", `q.${l}.${head}`, d_head),
          looks(l, head),
          line("mix of values", "mix of values", `z.${l}.${head}`, d_head),
          removable(
            `head.${l}.${head}`,
            n_heads > 1 ? `replace what head ${head} writes by` : "replace what it brings by",
          ),
        ),
      );
      stages.push(
        h(
          "section.tcl-part.tcl-attn",
          null,
          h("header", null, h("h4", null, `Attention${of}`), removable(`attn.${l}`, "replace it with its bias by")),
          line("LayerNorm", "LayerNorm before attention", `ln1.${l}`, d_model),
          ...heads,
          bias(`${attn}.b_O`, d_model),
          line("writes", "attention writes", `attn.${l}`, d_model),
          weights(
            ["W_Q", "b_Q", "W_K", "b_K", "W_V", "b_V", "W_O"]
              .map((name) => `${attn}.${name}`)
              .concat(data.layer_norm ? [`blocks.${l}.ln1.w`, `blocks.${l}.ln1.b`] : []),
          ),
        ),
        state("state", `mid.${l}`),
      );
    }
    if (parts.has("mlp") && d_mlp) {
      const mlp = `blocks.${l}.mlp`;
      stages.push(
        h(
          "section.tcl-part.tcl-mlp",
          null,
          h("header", null, h("h4", null, `MLP${of}`), removable(`mlp.${l}`, "replace all it writes by")),
          line("LayerNorm", "LayerNorm before the MLP", `ln2.${l}`, d_model),
          line("before ReLU", "before the ReLU of neuron", `pre.${l}`, d_mlp),
          line("neurons", "neuron", `post.${l}`, d_mlp),
          bias(`${mlp}.b_out`, d_model),
          line("writes", "the MLP writes", `mlp.${l}`, d_model),
          weights(
            ["W_in", "b_in", "W_out"]
              .map((name) => `${mlp}.${name}`)
              .concat(data.layer_norm ? [`blocks.${l}.ln2.w`, `blocks.${l}.ln2.b`] : []),
          ),
        ),
        state("state", `resid.${l}`),
      );
    }
  }
  if (parts.has("logits"))
    stages.push(
      h(
        "section.tcl-part.tcl-logits",
        null,
        h("header", null, h("h4", null, "Unembedding")),
        line("last LayerNorm", "last LayerNorm", "final", d_model),
        scores(),
        weights(["W_U", "b_U"].concat(data.layer_norm ? ["ln_final.w", "ln_final.b"] : [])),
      ),
    );

  /** What the row reads at each position. @param {number} l @param {number} head */
  function looks(l, head) {
    const rows = Array.from({ length: 2 * n }, (_, key) => {
      const score = cell(`score.${l}.${head}.${key}`, look.choose);
      const weight = cell(`weight.${l}.${head}.${key}`, look.choose);
      const keys = Array.from({ length: d_head }, (_, i) => cell(`k.${l}.${head}.${key}.${i}`, look.choose));
      const values = Array.from({ length: d_head }, (_, i) => cell(`v.${l}.${head}.${key}.${i}`, look.choose));
      const bar = h("i", null);
      const token = h("td.tcl-mono", null);
      const place_ = h(
        "button.tcl-name",
        {
          type: "button",
          "data-key": `at.${key}`,
          "aria-label": `position ${positionName(data, key)}`,
          onclick: () => look.choose(`at.${key}`),
        },
        named(positionName(data, key)),
      );
      const row = h(
        "tr",
        null,
        h("th", { scope: "row" }, place_),
        token,
        h("td", null, group(`key at ${positionName(data, key)}`, keys)),
        h("td", null, score),
        h("td.tcl-look", null, h("span.tcl-bar", null, bar), weight),
        h("td", null, group(`value at ${positionName(data, key)}`, values)),
      );
      shown.push(() => {
        const p = n + session.state.row;
        row.hidden = key > p;
        if (key > p) return;
        const layer = session.run.layers[l];
        const name = positionName(data, key);
        const said = session.run.tokens[key];
        token.textContent = said === modulus ? "BOS" : String(said);
        score.show(layer.scores[head][p][key], `score for ${name}`);
        const share = layer.pattern[head][p][key];
        weight.show(share, `weight on ${name}`);
        bar.style.width = `${100 * Math.min(1, Math.max(0, share))}%`;
        keys.forEach((one, i) => one.show(layer.k[head][key][i], `key ${i} at ${name}`));
        values.forEach((one, i) => one.show(layer.v[head][key][i], `value ${i} at ${name}`));
        row.classList.toggle("tcl-source", key === data.sources[session.state.row] + 1);
        row.classList.toggle(
          "tcl-touched",
          session.holds.has(`edge.${l}.${head}.${p}.${key}`) || session.holds.has(`embed@${key}`),
        );
      });
      return row;
    });
    const columns = ["position", "token", "key", "score", "weight", "value"].map((name) =>
      h("th", { scope: "col" }, name),
    );
    return h(
      "div.tcl-scroll",
      { tabindex: 0, role: "region", "aria-label": "what attention reads" },
      h("table.tcl-table.tcl-looks", null, h("thead", null, h("tr", null, ...columns)), h("tbody", null, ...rows)),
    );
  }

  /** The logits, the largest marked. */
  function scores() {
    const made = Array.from({ length: modulus + 1 }, (_, t) => cell(`logit.${t}`, look.choose));
    const labels = made.map((_, t) => h("span.tcl-mono", null, t === modulus ? "BOS" : String(t)));
    shown.push(() => {
      const logits = session.run.logits[n + session.state.row];
      const best = logits.indexOf(Math.max(...logits));
      made.forEach((one, t) => {
        one.show(logits[t], `logit of ${t === modulus ? "BOS" : t}`);
        labels[t].classList.toggle("tcl-best", t === best);
      });
    });
    return h(
      "div.tcl-numbers",
      null,
      h("span.tcl-label", null, "logits"),
      group(
        "logits",
        made.flatMap((one, t) => [h("span.tcl-logit", null, labels[t], one)]),
      ),
    );
  }

  const title = h("h3", null);
  const show = (/** @type {string} */ what) => {
    if (what !== "input") return;
    const i = session.state.row;
    title.replaceChildren(
      "How ",
      named(`y_${i}`),
      " comes about, read at ",
      named(positionName(data, n + i)),
      ": it should be ",
      named(`x_${data.sources[i]}`),
      ` + ${data.increment}`,
    );
    shown.forEach((one) => one());
    look.show("input");
  };
  return { element: h("div.tcl-view", null, title, h("div.tcl-flow", null, ...stages), look.element), show };
}
