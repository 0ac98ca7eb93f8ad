/**
 * What a number in the page is: its name, where it comes from, with the numbers put in, and what may be done with it.
 *
 * Keys: `tok.i`, `pos.i`, `embed.i`, `ln1.l.i`, `q.l.h.i`, `k.l.h.key.i`, `v.l.h.key.i`, `score.l.h.key`, `weight.l.h.key`,
 * `z.l.h.i`, `attn.l.i`, `mid.l.i`, `ln2.l.i`, `pre.l.n`, `post.l.n`, `mlp.l.i`, `resid.l.i`, `final.i`, `logit.t`, and
 * `w.NAME.index` for a weight, `at.pos` for a whole position.
 *
 * @typedef {import("./session.js").Session} Session
 * @typedef {{ name: string, line?: string, note?: string, value?: number, site?: string, pos?: number, weight?: { name: string, index: number } }} Explained
 *   `line` is a formula with its numbers, `note` is words; `pos` is where the site is looked at
 */
import { plain } from "./dom.js";
import { parameter, positionName } from "./model.js";
import { siteName, weightName } from "./touches.js";

const HELD = { note: "held by you" };

/** @param {number} value */
const put = (value) => (value < 0 ? `(${plain(value)})` : plain(value));

/** The sum of products and what is added, the largest terms first if there are many. @param {number[][]} pairs @param {number} [bias] */
function products(pairs, bias) {
  const few = [...pairs].sort((a, b) => Math.abs(b[0] * b[1]) - Math.abs(a[0] * a[1]));
  const shown = pairs.length > 4 ? few.slice(0, 3) : pairs;
  const rest = pairs.length > 4 ? few.slice(3).reduce((sum, [a, b]) => sum + a * b, 0) : null;
  const terms = shown.map(([a, b]) => `${put(a)}·${put(b)}`);
  if (rest !== null) terms.push(`the other ${pairs.length - 3}: ${put(rest)}`);
  if (bias !== undefined) terms.push(put(bias));
  return terms.join(" + ");
}

/** @param {Session} session @param {string} key @returns {Explained} */
export function explain(session, key) {
  if (key.startsWith("w.")) return weight(session, key);
  const { data, run, state } = session;
  const model = session.model;
  const p = data.n_digits + state.row;
  const [kind, ...at] = key.split(".");
  const numbers = at.map(Number);
  const { d_model, d_head, eps } = data;
  const d_mlp = data.d_mlp ?? 0;
  const here = positionName(data, p);
  if (kind === "tok" || kind === "pos") {
    const [name, row] = kind === "tok" ? ["W_E", run.tokens[p]] : ["W_pos", p];
    return weight(session, `w.${name}.${row * d_model + numbers[0]}`);
  }
  if (kind === "at") {
    const name = positionName(data, numbers[0]);
    return {
      name: `what stands at ${name}`,
      note: "the embedding of its token and of its place, which all later rows can read",
      site: "embed",
      pos: numbers[0],
    };
  }
  if (kind === "embed") {
    const [i] = numbers;
    const [a, b] = [parameter(model, "W_E")[run.tokens[p] * d_model + i], parameter(model, "W_pos")[p * d_model + i]];
    return {
      name: `state ${i} at ${here}`,
      value: run.embed[p][i],
      site: "embed",
      pos: p,
      line: `of the token ${put(a)} + of the position ${put(b)}`,
    };
  }
  if (kind === "final") {
    const x = run.layers[data.n_layers - 1].resid[p];
    return {
      name: `last LayerNorm ${numbers[0]}`,
      value: run.final[p][numbers[0]],
      line: norm(model, "ln_final", x, numbers[0]),
    };
  }
  if (kind === "logit") {
    const [t] = numbers;
    const W_U = parameter(model, "W_U");
    const b_U = parameter(model, "b_U");
    const pairs = [...run.final[p]].map((value, i) => [value, W_U[i * b_U.length + t]]);
    return {
      name: `logit of ${t === data.modulus ? "BOS" : t}`,
      value: run.logits[p][t],
      line: products(pairs, b_U[t]),
    };
  }
  const l = numbers[0];
  const layer = run.layers[l];
  const before = l ? run.layers[l - 1].resid : run.embed;
  const of = data.n_layers > 1 ? ` of layer ${l}` : "";
  const name = (/** @type {string} */ part) => parameter(model, `blocks.${l}.${part}`);
  if (kind === "ln1")
    return {
      name: `LayerNorm before attention${of}, ${numbers[1]}`,
      value: layer.ln1[p][numbers[1]],
      line: norm(model, `blocks.${l}.ln1`, before[p], numbers[1]),
    };
  if (kind === "ln2")
    return {
      name: `LayerNorm before the MLP${of}, ${numbers[1]}`,
      value: layer.ln2[p][numbers[1]],
      line: norm(model, `blocks.${l}.ln2`, layer.mid[p], numbers[1]),
    };
  if (kind === "q" || kind === "k" || kind === "v") {
    const [, head, key_, i_] = numbers;
    const [pos, i] = kind === "q" ? [p, key_] : [key_, i_];
    const letter = kind.toUpperCase();
    const W = name(`attn.W_${letter}`).subarray(head * d_model * d_head, (head + 1) * d_model * d_head);
    const pairs = [...layer.ln1[pos]].map((value, m) => [value, W[m * d_head + i]]);
    const words = { q: "query", k: "key", v: "value" };
    return {
      name: `${words[kind]} ${i} at ${positionName(data, pos)}${of}`,
      value: layer[kind][head][pos][i],
      line: products(pairs, name(`attn.b_${letter}`)[head * d_head + i]),
    };
  }
  if (kind === "score") {
    const [, head, at_] = numbers;
    const pairs = [...layer.q[head][p]].map((value, i) => [value, layer.k[head][at_][i]]);
    return {
      name: `score of ${here} for ${positionName(data, at_)}`,
      value: layer.scores[head][p][at_],
      line: `query · key / √${d_head} = (${products(pairs)}) / ${plain(Math.sqrt(d_head))}`,
    };
  }
  if (kind === "weight") {
    const [, head, at_] = numbers;
    const site = `edge.${l}.${head}.${p}.${at_}`;
    const scores = layer.scores[head][p];
    const sum = scores.reduce((all, score) => all + Math.exp(score), 0);
    const from = session.holds.has(site)
      ? HELD
      : { line: `e^score / sum of all = e^${put(scores[at_])} / ${plain(sum)}` };
    return { name: siteName(model, site), value: layer.pattern[head][p][at_], site, ...from };
  }
  if (kind === "z") {
    const [, head, i] = numbers;
    const pairs = [...layer.pattern[head][p]].map((share, at_) => [share, layer.v[head][at_][i]]);
    return {
      name: `mix ${i} of the values${of}`,
      value: layer.z[head][p][i],
      line: `weight · value: ${products(pairs)}`,
    };
  }
  if (kind === "attn") {
    const i = numbers[1];
    const W = name("attn.W_O");
    const z = layer.z.flatMap((head) => [...head[p]]);
    const held = session.holds.has(`attn.${l}@${p}`);
    return {
      name: `${siteName(model, `attn.${l}`)} writes ${i}`,
      value: layer.attn[p][i],
      site: `attn.${l}`,
      pos: p,
      ...(held
        ? HELD
        : {
            line: products(
              z.map((value, m) => [value, W[m * d_model + i]]),
              name("attn.b_O")[i],
            ),
          }),
    };
  }
  if (kind === "mid")
    return {
      name: `state ${numbers[1]} after attention${of}`,
      value: layer.mid[p][numbers[1]],
      line: `before ${put(before[p][numbers[1]])} + attention ${put(layer.attn[p][numbers[1]])}`,
    };
  if (kind === "pre" || kind === "post") {
    const n = numbers[1];
    const W = name("mlp.W_in");
    const pairs = [...layer.ln2[p]].map((value, m) => [value, W[m * d_mlp + n]]);
    const sum = products(pairs, name("mlp.b_in")[n]);
    const held = session.holds.has(`neuron.${l}.${n}@${p}`);
    const fires = data.act_fn === "relu" ? "the larger of 0 and" : "GELU of";
    if (kind === "pre")
      return {
        name: `${siteName(model, `neuron.${l}.${n}`)} before its ReLU`,
        value: layer.pre[p][n],
        site: `neuron.${l}.${n}`,
        pos: p,
        line: sum,
      };
    return {
      name: siteName(model, `neuron.${l}.${n}`),
      value: layer.post[p][n],
      site: `neuron.${l}.${n}`,
      pos: p,
      ...(held ? HELD : { line: `${fires} ${put(layer.pre[p][n])} = ${sum}` }),
    };
  }
  if (kind === "mlp") {
    const i = numbers[1];
    const W = name("mlp.W_out");
    const held = session.holds.has(`mlp.${l}@${p}`);
    return {
      name: `${siteName(model, `mlp.${l}`)} writes ${i}`,
      value: layer.mlp[p][i],
      site: `mlp.${l}`,
      pos: p,
      ...(held
        ? HELD
        : {
            line: products(
              [...layer.post[p]].map((value, n) => [value, W[n * d_model + i]]),
              name("mlp.b_out")[i],
            ),
          }),
    };
  }
  const i = numbers[1];
  return {
    name: `state ${i} after the MLP${of}`,
    value: layer.resid[p][i],
    line: `before ${put(layer.mid[p][i])} + MLP ${put(layer.mlp[p]?.[i] ?? 0)}`,
  };

  /** @param {import("./model.js").Model} of_ @param {string} module @param {Float64Array} x @param {number} i */
  function norm(of_, module, x, i) {
    if (!data.layer_norm) return "the state as it is";
    const mean = x.reduce((a, b) => a + b, 0) / x.length;
    const sd = Math.sqrt(x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length + eps);
    const [w, b] = [parameter(of_, `${module}.w`)[i], parameter(of_, `${module}.b`)[i]];
    return `(${plain(x[i])} − mean ${put(mean)}) / deviation ${plain(sd)} · gain ${put(w)} + bias ${put(b)}`;
  }
}

/** @param {Session} session @param {string} key @returns {Explained} */
function weight(session, key) {
  const cut = key.lastIndexOf(".");
  const [name, index] = [key.slice(2, cut), Number(key.slice(cut + 1))];
  const value = session.parameter(name)[index];
  const was = parameter(session.trained, name)[index];
  const note = value === was ? "a weight, as training left it" : `a weight; training left ${plain(was, 4)}`;
  return { name: weightName(session.trained, name, index), value, note, weight: { name, index } };
}
