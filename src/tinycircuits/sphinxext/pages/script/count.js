/**
 * All inputs at once, and which answers are wrong.
 *
 * What stands at a position depends on few digits: an embedding on one, a state after attention on the digits read so far.
 * So a position has a table with an entry for each value of that digit or of those digits, and no state is computed twice.
 * In the first layer even the scores depend on two tokens only: attention's sum over the keys splits into a part for the
 * first half of the digits and one for the second, and each input costs one addition instead of a sum over all keys.
 *
 * @typedef {import("./model.js").Model} Model
 * @typedef {import("./forward.js").Holds} Holds
 * @typedef {{ digit: number, first: number, size: number, data: Float64Array }} Table
 *   entries for the values of one digit (`digit` >= 0), or of the `first` digits, x_0 slowest; `first` 0 is a constant
 * @typedef {{ wrong: number[], any: number, said: Uint8Array[], mistakes: Uint8Array, logits: Table[], states: Float32Array | null }} Count
 *   wrong inputs for each answer, inputs with a mistake, for each input how many answers are wrong, for each answer what the model says (255 for no
 *   number), and with `states` the normalised final states, answer by answer, input by input
 */
import { act, linear } from "./forward.js";
import { inputs, length, parameter, shows } from "./model.js";

/** @param {Model} model @param {{ holds?: Holds, states?: boolean, control?: { before: Model, draw: number } }} [how] @returns {Count} */
export function count(model, { holds = new Map(), states = false, control } = {}) {
  const { n_layers, n_digits: n, d_mlp } = model.data;
  const rows = Array.from({ length: n }, (_, i) => n + i);
  /**
   * What a component writes. With a control: what it wrote before, plus a push of the length of what changed.
   * @param {string} name @param {number} p @param {(model: Model, holds: Holds) => Table} make
   */
  const written = (name, p, make) => {
    const now = make(model, holds);
    if (!control) return now;
    const was = make(control.before, new Map());
    return pushed(model, was, now, control.draw * 7919 + hash(name) + p);
  };
  const all = Array.from({ length: length(model.data) }, (_, p) => p);
  let resid = all.map((p) => written("embed", p, (m, h) => embedding(m, p, h)));
  for (let l = 0; l < n_layers; l++) {
    const at = l === n_layers - 1 ? rows : all;
    const keys = resid;
    resid = [];
    const attend = [control?.before, model].map((m) => m && attention(m, l, keys));
    for (const p of at) {
      const attn = written(`attn.${l}`, p, (m, h) => /** @type {any} */ (attend[m === model ? 1 : 0])(p, h));
      const mid = added(model, keys[p], attn);
      resid[p] = d_mlp
        ? added(
            model,
            mid,
            written(`mlp.${l}`, p, (m, h) => mlp(m, l, p, mid, h)),
          )
        : mid;
    }
  }
  const reads = rows.map((p) => written("logits", p, (m) => logits(m, resid[p])));
  return judged(model, reads, states ? rows.map((p) => resid[p]) : null);
}

/**
 * The mean over all inputs of what stands at each site, for the sites whose names are wanted.
 * @param {Model} model @param {Iterable<string>} wanted @returns {Holds}
 */
export function means(model, wanted) {
  const { n_layers, n_heads, d_mlp, d_model } = model.data;
  const sites = [...wanted];
  /** @type {Holds} */
  const found = new Map();
  if (!sites.length) return found;
  let resid = Array.from({ length: length(model.data) }, (_, p) => embedding(model, p, new Map()));
  for (const site of sites.filter((site) => site.startsWith("embed")))
    found.set(site, mean(resid[positionOf(site)], d_model));
  for (let l = 0; l < n_layers && found.size < sites.length; l++) {
    const mine = sites.filter((site) => site.split(/[.@]/)[1] === String(l) && !site.startsWith("embed"));
    const attend = attention(model, l, resid);
    const attn = resid.map((_, p) => attend(p, new Map()));
    const mid = resid.map((table, p) => added(model, table, attn[p]));
    for (const site of mine) {
      const [kind, , h, row, key] = site.split(/[.@]/);
      const p = positionOf(site);
      if (kind === "attn") found.set(site, mean(attn[p], d_model));
      if (kind === "head") {
        const others = new Map(
          Array.from({ length: n_heads }, (_, g) => [`head.${l}.${g}@${p}`, new Float64Array(d_model)]),
        );
        others.delete(`head.${l}.${h}@${p}`);
        const b_O = parameter(model, `blocks.${l}.attn.b_O`);
        found.set(
          site,
          mean(attend(p, others), d_model).map((value, i) => value - b_O[i]),
        );
      }
      if (kind === "edge") found.set(site, meanWeight(model, l, Number(h), Number(row), Number(key), resid));
      if (kind === "neuron") found.set(site, meanNeuron(model, l, Number(h), mid[p]));
      if (kind === "mlp") found.set(site, mean(mlp(model, l, p, mid[p], new Map()), d_model));
    }
    resid = mid.map((table, p) => (d_mlp ? added(model, table, mlp(model, l, p, table, new Map())) : table));
  }
  return found;
}

/** @param {string} site */
const positionOf = (site) => Number(site.split("@")[1]);

/** @param {Table} table @param {number} width */
function mean(table, width) {
  const sum = new Float64Array(width);
  for (let e = 0; e < table.size; e++) for (let i = 0; i < width; i++) sum[i] += table.data[e * width + i];
  return sum.map((value) => value / table.size);
}

/** @param {Float64Array} value @returns {Table} */
const constant = (value) => ({ digit: -1, first: 0, size: 1, data: value });

/** @param {Model} model @param {number} p @param {Holds} holds @returns {Table} */
function embedding(model, p, holds) {
  const held = /** @type {Float64Array | undefined} */ (holds.get(`embed@${p}`));
  if (held) return constant(held);
  const { d_model, modulus } = model.data;
  const [W_E, W_pos] = [parameter(model, "W_E"), parameter(model, "W_pos")];
  const { digit, add } = shows(model.data, p);
  const size = digit < 0 ? 1 : modulus;
  const data = new Float64Array(size * d_model);
  for (let v = 0; v < size; v++) {
    const token = digit < 0 ? modulus : (v + add) % modulus;
    for (let i = 0; i < d_model; i++) data[v * d_model + i] = W_E[token * d_model + i] + W_pos[p * d_model + i];
  }
  return { digit, first: 0, size, data };
}

/** @type {Map<string, Int32Array>} */
const known = new Map();

/**
 * For each list of the first `length` digits the entry of a table that it decides.
 * @param {number} modulus @param {Table} table @param {number} length
 */
function entries(modulus, table, length) {
  const [below, values] =
    table.digit < 0 ? [length - table.first, modulus ** table.first] : [length - 1 - table.digit, modulus];
  const key = `${modulus} ${length} ${below} ${values}`;
  let found = known.get(key);
  if (!found) {
    const divisor = modulus ** below;
    found = Int32Array.from({ length: modulus ** length }, (_, s) => Math.floor(s / divisor) % values);
    known.set(key, found);
  }
  return found;
}

/** How many of the first digits decide a table. @param {Table} table */
const reach = (table) => (table.digit >= 0 ? table.digit + 1 : table.first);

/**
 * The digits that decide two tables together, and where the entries of each lie.
 * @param {number} modulus @param {Table} a @param {Table} b
 */
function both(modulus, a, b) {
  const same = a.digit === b.digit && a.first === b.first;
  const digit = same || b.size === 1 ? a.digit : a.size === 1 ? b.digit : -1;
  const first = digit >= 0 ? 0 : Math.max(reach(a), reach(b));
  const length = digit >= 0 ? digit + 1 : first; // of a single digit the entries do not depend on those before it
  return {
    digit,
    first,
    size: modulus ** (digit >= 0 ? 1 : first),
    of_a: entries(modulus, a, length),
    of_b: entries(modulus, b, length),
  };
}

/** The sum of two tables. @param {Model} model @param {Table} a @param {Table} b @returns {Table} */
function added(model, a, b) {
  const { d_model, modulus } = model.data;
  const { digit, first, size, of_a, of_b } = both(modulus, a, b);
  const data = new Float64Array(size * d_model);
  for (let s = 0; s < size; s++) {
    const i = of_a[s] * d_model;
    const j = of_b[s] * d_model;
    for (let m = 0; m < d_model; m++) data[s * d_model + m] = a.data[i + m] + b.data[j + m];
  }
  return { digit, first, size, data };
}

/**
 * Attention of one layer: a function from a position and what is held to the table of what attention writes there.
 * @param {Model} model @param {number} l @param {Table[]} resid
 * @returns {(p: number, holds: Holds) => Table}
 */
function attention(model, l, resid) {
  const { n_heads } = model.data;
  const maps = mapsOf(model, l);
  const keys = resid.map((table) => Array.from({ length: n_heads }, (_, h) => maps.keysAndValues(table, h)));
  return (p, holds) => {
    const held = /** @type {Float64Array | undefined} */ (holds.get(`attn.${l}@${p}`));
    if (held) return constant(held);
    const b_O = parameter(model, `blocks.${l}.attn.b_O`);
    const steady = Float64Array.from(b_O);
    const heads = [];
    for (let h = 0; h < n_heads; h++) {
      const fixed = /** @type {Float64Array | undefined} */ (holds.get(`head.${l}.${h}@${p}`));
      if (fixed) fixed.forEach((value, i) => (steady[i] += value));
      else
        heads.push({
          queries: maps.queries(resid[p], h),
          keys: keys.map((of) => of[h]),
          edges: edgesOf(holds, l, h, p),
        });
    }
    if (!heads.length) return constant(steady);
    const tables = resid.slice(0, p + 1);
    const split = tables.every((table) => table.size === 1 || table.digit >= 0);
    return split ? factored(model, tables, heads, steady) : summed(model, tables, heads, steady);
  };

  /** @param {Holds} holds @param {number} layer @param {number} h @param {number} row */
  function edgesOf(holds, layer, h, row) {
    return Array.from(
      { length: row + 1 },
      (_, key) => /** @type {number | undefined} */ (holds.get(`edge.${layer}.${h}.${row}.${key}`)),
    );
  }
}

/** @param {Model} model @param {number} l */
function mapsOf(model, l) {
  const { d_head, d_model } = model.data;
  const name = `blocks.${l}.ln1`;
  /** @param {string} of @param {number} h @param {number} size */
  const ofHead = (of, h, size) => parameter(model, `blocks.${l}.attn.${of}`).subarray(h * size, (h + 1) * size);
  return {
    /** Queries, divided by the root of d_head. @param {Table} table @param {number} h */
    queries: (table, h) => {
      const [W, b] = [ofHead("W_Q", h, d_model * d_head), ofHead("b_Q", h, d_head)];
      return read(model, table, folded(model, name, W, b)).map((value) => value / Math.sqrt(d_head));
    },
    /** Keys, and values as they are written. @param {Table} table @param {number} h */
    keysAndValues: (table, h) => {
      const [W, b] = [ofHead("W_K", h, d_model * d_head), ofHead("b_K", h, d_head)];
      const [W_V, b_V, W_O] = [
        ofHead("W_V", h, d_model * d_head),
        ofHead("b_V", h, d_head),
        ofHead("W_O", h, d_head * d_model),
      ];
      const none = new Float64Array(d_model);
      const W_OV = new Float64Array(d_model * d_model);
      for (let m = 0; m < d_model; m++)
        W_OV.set(linear(W_V.subarray(m * d_head, (m + 1) * d_head), W_O, none), m * d_model);
      return {
        keys: read(model, table, folded(model, name, W, b)),
        values: read(model, table, folded(model, name, W_OV, linear(b_V, W_O, none))),
      };
    },
  };
}

/**
 * @typedef {{ queries: Float64Array, keys: { keys: Float64Array, values: Float64Array }[], edges: (number | undefined)[] }} Head
 */

/**
 * Attention of the last of `tables` where each of them is decided by one digit: for each value of the query's digit,
 * sums over the keys whose digit lies in the first half of the list and in the second.
 * @param {Model} model @param {Table[]} tables @param {Head[]} heads @param {Float64Array} steady @returns {Table}
 */
function factored(model, tables, heads, steady) {
  const { d_head, d_model, modulus } = model.data;
  const first = Math.max(...tables.map(reach));
  const low = first >> 1;
  const [n_low, n_high] = [modulus ** low, modulus ** (first - low)];
  const query = tables[tables.length - 1];
  const width = heads.length * (d_model + 1) + d_model;
  const shared = d_model * heads.length;
  let spread = 0;
  const parts = Array.from({ length: query.size }, (_, q) => {
    const [high, lower] = [new Float64Array(n_high * width), new Float64Array(n_low * width)];
    heads.forEach((head, h) => {
      const scores = tables.map((table, key) =>
        Float64Array.from({ length: table.size }, (_, v) => {
          let score = 0;
          for (let i = 0; i < d_head; i++) score += head.queries[q * d_head + i] * head.keys[key].keys[v * d_head + i];
          return score;
        }),
      );
      const most = Math.max(...scores.map((row) => Math.max(...row)));
      spread = Math.max(spread, most - Math.min(...scores.map((row) => Math.min(...row))));
      tables.forEach((table, key) => {
        const edge = head.edges[key];
        const inHigh = reach(table) <= first - low;
        const target = inHigh ? high : lower;
        const length = inHigh ? first - low : low;
        const shifted = table.digit < 0 || inHigh ? table : { ...table, digit: table.digit - (first - low) };
        const at_list = entries(modulus, shifted, length);
        for (let s = 0; s < (inHigh ? n_high : n_low); s++) {
          const v = at_list[s];
          const share = Math.exp(scores[key][v] - most);
          target[s * width + shared + h] += share;
          const [at, weight] = edge === undefined ? [h * d_model, share] : [shared + heads.length, edge];
          for (let i = 0; i < d_model; i++)
            target[s * width + at + i] += weight * head.keys[key].values[v * d_model + i];
        }
      });
    });
    return { high, lower };
  });
  if (spread > 600) return summed(model, tables, heads, steady); // exp(-spread) could be zero, and all shares of an input
  const size = n_high * n_low;
  const data = new Float64Array(size * d_model);
  const of_query = entries(modulus, query, first);
  const late = heads.some((head) => head.edges.some((edge) => edge !== undefined));
  for (let a = 0, s = 0; a < n_high; a++) {
    for (let b = 0; b < n_low; b++, s++) {
      const { high, lower } = parts[of_query[s]];
      const [i, j, o] = [a * width, b * width, s * d_model];
      for (let m = 0; m < d_model; m++) data[o + m] = steady[m];
      for (let h = 0; h < heads.length; h++) {
        const scale = 1 / (high[i + shared + h] + lower[j + shared + h]);
        const at = h * d_model;
        for (let m = 0; m < d_model; m++) data[o + m] += (high[i + at + m] + lower[j + at + m]) * scale;
      }
      if (late)
        for (let m = 0, at = shared + heads.length; m < d_model; m++)
          data[o + m] += high[i + at + m] + lower[j + at + m];
    }
  }
  return { digit: -1, first, size, data };
}

/**
 * Attention of the last of `tables`, summed over the keys for each list of digits.
 * @param {Model} model @param {Table[]} tables @param {Head[]} heads @param {Float64Array} steady @returns {Table}
 */
function summed(model, tables, heads, steady) {
  const { d_model, modulus } = model.data;
  const first = Math.max(...tables.map(reach));
  const size = modulus ** first;
  const data = new Float64Array(size * d_model);
  for (let s = 0; s < size; s++) data.set(steady, s * d_model);
  for (const head of heads) {
    const weigh = weigher(model, tables, head, first);
    const at = new Int32Array(tables.length);
    const shares = new Float64Array(tables.length);
    for (let s = 0; s < size; s++) {
      weigh(s, at, shares);
      const o = s * d_model;
      for (let key = 0; key < tables.length; key++) {
        const values = head.keys[key].values;
        const weight = head.edges[key] ?? shares[key];
        const e = at[key] * d_model;
        for (let m = 0; m < d_model; m++) data[o + m] += weight * values[e + m];
      }
    }
  }
  return { digit: -1, first, size, data };
}

/**
 * A function that writes, for a list of the first digits, each key's entry and its share of attention.
 * @param {Model} model @param {Table[]} tables @param {Head} head @param {number} first
 */
function weigher(model, tables, head, first) {
  const { d_head, modulus } = model.data;
  const lists = tables.map((table) => entries(modulus, table, first));
  const last = tables.length - 1;
  /** @param {number} s @param {Int32Array} at @param {Float64Array} shares */
  return (s, at, shares) => {
    const q = lists[last][s] * d_head;
    let most = -Infinity;
    for (let key = 0; key <= last; key++) {
      const e = lists[key][s];
      at[key] = e;
      const keys = head.keys[key].keys;
      let score = 0;
      for (let i = 0; i < d_head; i++) score += head.queries[q + i] * keys[e * d_head + i];
      shares[key] = score;
      if (score > most) most = score;
    }
    let all = 0;
    for (let key = 0; key <= last; key++) all += shares[key] = Math.exp(shares[key] - most);
    for (let key = 0; key <= last; key++) shares[key] /= all;
  };
}

/** @param {Model} model @param {number} l @param {number} h @param {number} row @param {number} key @param {Table[]} resid */
function meanWeight(model, l, h, row, key, resid) {
  const maps = mapsOf(model, l);
  const tables = resid.slice(0, row + 1);
  const head = {
    queries: maps.queries(resid[row], h),
    keys: tables.map((table) => maps.keysAndValues(table, h)),
    edges: [],
  };
  const first = Math.max(...tables.map(reach));
  const size = model.data.modulus ** first;
  const weigh = weigher(model, tables, head, first);
  const [at, shares] = [new Int32Array(row + 1), new Float64Array(row + 1)];
  let sum = 0;
  for (let s = 0; s < size; s++) {
    weigh(s, at, shares);
    sum += shares[key];
  }
  return sum / size;
}

/** @param {Model} model @param {number} l @param {number} neuron @param {Table} table */
function meanNeuron(model, l, neuron, table) {
  const { d_model, d_mlp, act_fn } = model.data;
  const W_in = parameter(model, `blocks.${l}.mlp.W_in`);
  const b_in = parameter(model, `blocks.${l}.mlp.b_in`)[neuron];
  const column = Float64Array.from({ length: d_model }, (_, i) => W_in[i * /** @type {number} */ (d_mlp) + neuron]);
  const { W, b } = folded(model, `blocks.${l}.ln2`, column, Float64Array.of(b_in));
  return read(model, table, { W, b }).reduce((sum, pre) => sum + act(act_fn, pre), 0) / table.size;
}

/**
 * What the MLP writes at position `p`. The gain of LayerNorm is folded into W_in, and nothing is made for each entry: this
 * loop is most of the time.
 * @param {Model} model @param {number} l @param {number} p @param {Table} table @param {Holds} holds @returns {Table}
 */
function mlp(model, l, p, table, holds) {
  const held = /** @type {Float64Array | undefined} */ (holds.get(`mlp.${l}@${p}`));
  if (held) return constant(held);
  const { d_model, layer_norm, eps, act_fn } = model.data;
  const d_mlp = /** @type {number} */ (model.data.d_mlp);
  const fixed = Array.from(
    { length: d_mlp },
    (_, n) => /** @type {number | undefined} */ (holds.get(`neuron.${l}.${n}@${p}`)),
  );
  const { W, b } = folded(
    model,
    `blocks.${l}.ln2`,
    parameter(model, `blocks.${l}.mlp.W_in`),
    parameter(model, `blocks.${l}.mlp.b_in`),
  );
  const W_out = parameter(model, `blocks.${l}.mlp.W_out`);
  const steady = Float64Array.from(parameter(model, `blocks.${l}.mlp.b_out`));
  const free = [];
  for (let n = 0; n < d_mlp; n++) {
    const value = fixed[n];
    if (value === undefined) free.push(n);
    else for (let m = 0; m < d_model; m++) steady[m] += value * W_out[n * d_model + m];
  }
  const inside = new Float64Array(free.length * (2 * d_model + 1));
  free.forEach((n, f) => {
    const o = f * (2 * d_model + 1);
    inside[o] = b[n];
    inside.set(W.subarray(n * d_model, (n + 1) * d_model), o + 1);
    inside.set(W_out.subarray(n * d_model, (n + 1) * d_model), o + 1 + d_model);
  });
  const fast = d_model === 4 && act_fn === "relu";
  const out = (fast ? fourWide : anyWidth)(table.data, inside, steady, layer_norm ? eps : -1, act_fn);
  return { digit: table.digit, first: table.first, size: table.size, data: out };
}

/**
 * The MLP on every vector of `data`. @param {Float64Array} data @param {Float64Array} inside for each neuron: bias, row of
 * W_in, row of W_out @param {Float64Array} steady @param {number} eps @param {string} act_fn
 */
function anyWidth(data, inside, steady, eps, act_fn) {
  const d = steady.length;
  const out = new Float64Array(data.length);
  const x = new Float64Array(d);
  for (let o = 0; o < data.length; o += d) {
    norm(data, o, x, eps);
    for (let m = 0; m < d; m++) out[o + m] = steady[m];
    for (let f = 0; f < inside.length; f += 2 * d + 1) {
      let pre = inside[f];
      for (let m = 0; m < d; m++) pre += x[m] * inside[f + 1 + m];
      const post = act(act_fn, pre);
      for (let m = 0; m < d; m++) out[o + m] += post * inside[f + 1 + d + m];
    }
  }
  return out;
}

/** `anyWidth` for d_model 4 and ReLU, twice as fast. @type {typeof anyWidth} */
function fourWide(data, inside, steady, eps) {
  const out = new Float64Array(data.length);
  const [s0, s1, s2, s3] = steady;
  for (let o = 0; o < data.length; o += 4) {
    let [x0, x1, x2, x3] = [data[o], data[o + 1], data[o + 2], data[o + 3]];
    if (eps >= 0) {
      const mean = (x0 + x1 + x2 + x3) / 4;
      x0 -= mean;
      x1 -= mean;
      x2 -= mean;
      x3 -= mean;
      const scale = 1 / Math.sqrt((x0 * x0 + x1 * x1 + x2 * x2 + x3 * x3) / 4 + eps);
      x0 *= scale;
      x1 *= scale;
      x2 *= scale;
      x3 *= scale;
    }
    let [y0, y1, y2, y3] = [s0, s1, s2, s3];
    for (let f = 0; f < inside.length; f += 9) {
      const pre = inside[f] + x0 * inside[f + 1] + x1 * inside[f + 2] + x2 * inside[f + 3] + x3 * inside[f + 4];
      const post = Math.max(0, pre);
      y0 += post * inside[f + 5];
      y1 += post * inside[f + 6];
      y2 += post * inside[f + 7];
      y3 += post * inside[f + 8];
    }
    out[o] = y0;
    out[o + 1] = y1;
    out[o + 2] = y2;
    out[o + 3] = y3;
  }
  return out;
}

/** `data` from `o` on, normalised into `x`; as it is for `eps` below zero. @param {Float64Array} data @param {number} o @param {Float64Array} x @param {number} eps */
function norm(data, o, x, eps) {
  const d = x.length;
  if (eps < 0) {
    for (let m = 0; m < d; m++) x[m] = data[o + m];
    return;
  }
  let mean = 0;
  for (let m = 0; m < d; m++) mean += data[o + m];
  mean /= d;
  let variance = 0;
  for (let m = 0; m < d; m++) {
    x[m] = data[o + m] - mean;
    variance += x[m] * x[m];
  }
  const scale = 1 / Math.sqrt(variance / d + eps);
  for (let m = 0; m < d; m++) x[m] *= scale;
}

/**
 * A map that reads through a LayerNorm as one of the normalised vector: transposed, with the gain in it.
 * @param {Model} model @param {string} name @param {Float64Array} W [d_model, out] @param {Float64Array} b
 */
function folded(model, name, W, b) {
  const { d_model, layer_norm } = model.data;
  const [gain, shift] = layer_norm ? [parameter(model, `${name}.w`), parameter(model, `${name}.b`)] : [null, null];
  const turned = new Float64Array(W.length);
  const bias = Float64Array.from(b);
  for (let m = 0; m < d_model; m++) {
    for (let j = 0; j < b.length; j++) {
      turned[j * d_model + m] = W[m * b.length + j] * (gain ? gain[m] : 1);
      if (shift) bias[j] += shift[m] * W[m * b.length + j];
    }
  }
  return { W: turned, b: bias };
}

/**
 * Every entry of a table, normalised, through a folded map. @param {Model} model @param {Table} table
 * @param {{ W: Float64Array, b: Float64Array }} map
 */
function read(model, table, { W, b }) {
  const { d_model, layer_norm, eps } = model.data;
  const out = new Float64Array(table.size * b.length);
  const x = new Float64Array(d_model);
  for (let e = 0; e < table.size; e++) {
    norm(table.data, e * d_model, x, layer_norm ? eps : -1);
    for (let j = 0, w = 0; j < b.length; j++) {
      let value = b[j];
      for (let m = 0; m < d_model; m++) value += x[m] * W[w++];
      out[e * b.length + j] = value;
    }
  }
  return out;
}

/** @param {Model} model @param {Table} table @returns {Table} */
function logits(model, table) {
  const data = read(model, table, folded(model, "ln_final", parameter(model, "W_U"), parameter(model, "b_U")));
  return { digit: table.digit, first: table.first, size: table.size, data };
}

/** @param {Model} model @param {Table[]} reads logits @param {Table[] | null} resid @returns {Count} */
function judged(model, reads, resid) {
  const { n_digits: n, modulus, increment, sources, d_model, eps, layer_norm } = model.data;
  const N = inputs(model.data);
  const vocabulary = parameter(model, "b_U").length;
  const mistakes = new Uint8Array(N);
  const states = resid && new Float32Array(n * N * d_model);
  const x = new Float64Array(d_model);
  /** @type {number[]} */
  const wrong = [];
  const said = reads.map((table, i) => {
    const best = new Uint8Array(table.size);
    for (let e = 0; e < table.size; e++) best[e] = largest(table.data, e * vocabulary, vocabulary);
    const of = entries(modulus, table, n);
    const source = entries(modulus, { digit: sources[i], first: 0, size: modulus, data: table.data }, n);
    const says = new Uint8Array(N);
    let misses = 0;
    for (let s = 0; s < N; s++) {
      says[s] = best[of[s]];
      if (says[s] !== (source[s] + increment) % modulus) {
        misses++;
        mistakes[s]++;
      }
    }
    wrong.push(misses);
    if (resid && states) {
      const list = entries(modulus, resid[i], n);
      for (let s = 0; s < N; s++) {
        norm(resid[i].data, list[s] * d_model, x, layer_norm ? eps : -1);
        for (let m = 0; m < d_model; m++) states[(i * N + s) * d_model + m] = x[m];
      }
    }
    return says;
  });
  const any = mistakes.reduce((sum, missed) => sum + (missed ? 1 : 0), 0);
  return { wrong, any, said, mistakes, logits: reads, states };
}

/** The token with the largest logit, the first of equal ones; 255 where one is not a number. @param {Float64Array} data @param {number} o @param {number} width */
function largest(data, o, width) {
  let best = 0;
  let most = -Infinity;
  for (let t = 0; t < width; t++) {
    const value = data[o + t];
    if (Number.isNaN(value)) return 255;
    if (value > most) {
      most = value;
      best = t;
    }
  }
  return best;
}

/**
 * The control: `was`, pushed at each entry by the length of the change in a random direction.
 * @param {Model} model @param {Table} was @param {Table} now @param {number} seed @returns {Table}
 */
function pushed(model, was, now, seed) {
  const { modulus } = model.data;
  const width = was.data.length / was.size;
  const { digit, first, size, of_a: of_was, of_b: of_now } = both(modulus, was, now);
  const data = new Float64Array(size * width);
  const direction = new Float64Array(width);
  let moved = false;
  for (let s = 0; s < size; s++) {
    const i = of_was[s] * width;
    const j = of_now[s] * width;
    let distance = 0;
    for (let m = 0; m < width; m++) distance += (now.data[j + m] - was.data[i + m]) ** 2;
    distance = Math.sqrt(distance);
    if (distance > 0) {
      moved = true;
      toward(direction, seed, s);
    }
    for (let m = 0; m < width; m++)
      data[s * width + m] = was.data[i + m] + (distance > 0 ? distance * direction[m] : 0);
  }
  return moved ? { digit, first, size, data } : was;
}

/** A direction drawn evenly, the same for the same seed and entry. @param {Float64Array} direction @param {number} seed @param {number} entry */
function toward(direction, seed, entry) {
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(entry + 1, 0x85ebca6b)) | 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
  let square = 0;
  for (let m = 0; m < direction.length; m++) {
    direction[m] = Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    square += direction[m] ** 2;
  }
  const scale = 1 / Math.sqrt(square);
  for (let m = 0; m < direction.length; m++) direction[m] *= scale;
}

/** @param {string} text */
function hash(text) {
  let found = 7;
  for (let i = 0; i < text.length; i++) found = (Math.imul(found, 31) + text.charCodeAt(i)) | 0;
  return found;
}
