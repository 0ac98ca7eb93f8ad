/**
 * A certificate: for each answer the margin, and how far any machine's can be from it, whatever the order of its sums.
 *
 * The analysis of `proof/everywhere.py` and `proof/nearby.py`, formula by formula, for one layer of one head with ReLUs.
 * A vector of ours comes with a distance `r` for each machine; after a LayerNorm with a second one, `e`, after its gain.
 *
 * @typedef {import("./model.js").Model} Model
 * @typedef {{ x: Float64Array, r: Float64Array, e: Float64Array }} Near
 * @typedef {{ W: Float64Array, b: Float64Array, folded: number, plain: number, absolute: number, gain: number }} Mapped
 * @typedef {{ name: string, roundoff: number, single: boolean }} Machine
 * @typedef {{ right: number, wrong: number, undecided: number, spare: number }} Verdict `spare`: of the answers certified
 *   right the least that a margin exceeds its error by
 */
import { digitsOf, modelOf, parameter, solve, tokensOf } from "./model.js";

const U = 2 ** -53;
const UP = 1 + 2 ** -30;
const CLEARLY = 1 + 1e-6;
const CERTAIN = 2 ** -33;
const SQUARINGS = 7;
const ROOM = 1 + 1e-6;

/** @type {Machine[]} */
export const MACHINES = [
  { name: "real", roundoff: 0, single: false },
  { name: "float64", roundoff: U, single: false },
  { name: "float32", roundoff: 2 ** -24, single: true },
];

/** What n roundings in a row can change, as a share. @param {number} n @param {number} u */
const gamma = (n, u) => (n * u < 0.5 ? (n * u) / (1 - n * u) : Infinity);

/** What one underflow can lose. @param {number} u */
const tiny = (u) => (u === 0 ? 0 : u <= U ? 2 ** -1022 : 2 ** -126);

/** What is not a number is no bound. @param {number} bound */
const up = (bound) => (Number.isNaN(bound) ? Infinity : bound * UP);

/** @param {ArrayLike<number>} x */
function lengthOf(x) {
  let all = 0;
  for (let i = 0; i < x.length; i++) all += x[i] * x[i];
  return Math.sqrt(all);
}

/** A number that |W x| / |x| does not exceed, see `proof/norms.py`. @param {ArrayLike<number>} W [rows, columns] @param {number} columns */
export function normBound(W, columns) {
  const rows = W.length / columns;
  const scale = lengthOf(W);
  if (!scale || !Number.isFinite(scale)) return scale;
  const n = Math.min(rows, columns);
  const [long, step, hop] = rows >= columns ? [rows, columns, 1] : [columns, 1, columns];
  /** @type {Float64Array} */
  let G = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++)
      for (let k = 0; k < long; k++) G[i * n + j] += (W[k * step + i * hop] / scale) * (W[k * step + j * hop] / scale);
  const lost = gamma(long + 8, U);
  const sizes = [];
  for (let squaring = 0; squaring < SQUARINGS; squaring++) {
    const size = lengthOf(G);
    const last = G.map((value) => value / size);
    sizes.push(size);
    G = new Float64Array(n * n);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) for (let k = 0; k < n; k++) G[i * n + j] += last[i * n + k] * last[k * n + j];
  }
  let bound = lengthOf(G);
  for (const size of sizes.reverse()) bound = size * Math.sqrt(bound + lost);
  return Math.sqrt(bound + lost) * scale * ROOM;
}

/** The steps of the analysis for machines of these roundoffs. @param {number[]} us */
function steps(us) {
  const none = new Float64Array(us.length);

  /** @param {Float64Array} x @param {(m: number) => number} r @param {(m: number) => number} [e] @returns {Near} */
  const near = (x, r, e) => ({ x, r: none.map((_, m) => up(r(m))), e: e ? none.map((_, m) => up(e(m))) : none });

  /** All parts of a result as one vector. @param {Near} at @returns {Near} */
  const whole = (at) => ({ ...at, r: at.r.map((value) => value * UP) });

  /** @param {Near} a @param {Near} b @returns {Near} */
  function added(a, b) {
    const x = a.x.map((value, i) => value + b.x[i]);
    const size = lengthOf(x);
    return near(x, (m) => a.r[m] + b.r[m] + us[m] * (size + a.r[m] + b.r[m]) + U * size);
  }

  /** @param {Mapped} f @param {Near} at @returns {Near} */
  function linear(f, at) {
    const [n, out] = [at.x.length, f.b.length];
    const x = Float64Array.from(f.b);
    const sizes = f.b.map(Math.abs);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < out; j++) {
        const term = at.x[i] * f.W[i * out + j];
        x[j] += term;
        sizes[j] += Math.abs(term);
      }
    const size = lengthOf(sizes);
    const ours = gamma(n + 2, U) * size + tiny(U) * 2 * n * out;
    return near(x, (m) => {
      const carried = f.folded * at.r[m] + f.plain * at.e[m];
      const rounded = gamma(n + 2, us[m]) * (size + f.absolute * (f.gain * at.r[m] + at.e[m]));
      return carried + rounded + tiny(us[m]) * 2 * n * out + ours;
    });
  }

  /** LayerNorm. @param {Near} at @param {Float64Array} w @param {Float64Array} b @param {number} eps @returns {Near} */
  function normed(at, w, b, eps) {
    const n = at.x.length;
    const mean = at.x.reduce((all, value) => all + value, 0) / n;
    const c = at.x.map((value) => value - mean);
    const s = Math.sqrt(c.reduce((all, value) => all + value * value, 0) / n + eps);
    const z = c.map((value) => value / s);
    const long = lengthOf(at.x);
    const slip = 4 * n * U * long;
    const [centered, least] = [lengthOf(c) + slip, s / UP - slip / Math.sqrt(n)];
    const out = lengthOf(z.map((value, i) => Math.abs(value * w[i]) + Math.abs(b[i])));
    const gain = Math.max(...w.map(Math.abs));
    /** @param {number} r @param {number} u */
    const away = (r, u) => {
      const moved = r + (1 + u) * gamma(n + 1, u) * (long + r) + u * (centered + r);
      const room = least - moved / Math.sqrt(n);
      const t = gamma(n + 3, u);
      const scale = t < 0.5 ? (0.5 * t) / (1 - t) ** 2 : Infinity;
      return (room > 0 ? moved / room : Infinity) + ((1 + scale) * (1 + gamma(4, u)) - 1) * Math.sqrt(n);
    };
    /** @param {number} r @param {number} u */
    const after = (r, u) => gamma(3, u) * (out + gain * r) + tiny(u) * 4 * n;
    const r = none.map((_, m) => up(away(at.r[m], us[m]) + away(0, U)));
    const x = z.map((value, i) => value * w[i] + b[i]);
    return { x, r, e: r.map((each, m) => up(after(each, us[m]) + after(0, U))) };
  }

  return { near, whole, added, linear, normed };
}

/** The analysis of a model on machines that hold the same weights. @param {Model} model @param {number[]} us */
function analysis(model, us) {
  const { data } = model;
  const { d_model, d_head, d_vocab, eps } = { ...data, d_vocab: data.tokens.length };
  const { near, whole, added, linear, normed } = steps(us);
  const all = data.n_ctx - 1;
  /** @param {string} name */
  const of = (name) => parameter(model, name);
  /** @param {string} W @param {string} b @param {string} [ln] @returns {Mapped} */
  const mapped = (W, b, ln) => {
    const [flat, bias] = [of(W), of(b)];
    const [out, gains] = [bias.length, ln ? of(`${ln}.w`) : null];
    const folded = gains ? flat.map((value, i) => value * gains[Math.floor(i / out)]) : flat;
    const bounds = [folded, flat, flat.map(Math.abs)].map((each) => normBound(each, out));
    const gain = gains ? Math.max(...gains.map(Math.abs)) : 1;
    return { W: flat, b: bias, folded: bounds[0], plain: bounds[1], absolute: bounds[2], gain };
  };
  const maps = {
    q: mapped("blocks.0.attn.W_Q", "blocks.0.attn.b_Q", "blocks.0.ln1"),
    k: mapped("blocks.0.attn.W_K", "blocks.0.attn.b_K", "blocks.0.ln1"),
    v: mapped("blocks.0.attn.W_V", "blocks.0.attn.b_V", "blocks.0.ln1"),
    o: mapped("blocks.0.attn.W_O", "blocks.0.attn.b_O"),
    in: mapped("blocks.0.mlp.W_in", "blocks.0.mlp.b_in", "blocks.0.ln2"),
    out: mapped("blocks.0.mlp.W_out", "blocks.0.mlp.b_out"),
  };

  // What the first layer's attention reads of each token at each position: it hangs on nothing else.
  const [W_E, W_pos] = [of("W_E"), of("W_pos")];
  const seen = Array.from({ length: all * d_vocab }, (_, index) => {
    const [p, token] = [Math.floor(index / d_vocab), index % d_vocab];
    const x = new Float64Array(d_model).map((_, i) => W_E[token * d_model + i] + W_pos[p * d_model + i]);
    const size = lengthOf(x);
    const at = near(x, (m) => (us[m] + U) * size);
    const state = normed(at, of("blocks.0.ln1.w"), of("blocks.0.ln1.b"), eps);
    const [q, k, v] = [linear(maps.q, state), linear(maps.k, state), linear(maps.v, state)];
    return { at, q, k, v, sizes: [lengthOf(q.x), lengthOf(k.x), lengthOf(v.x)] };
  });
  const widest = Math.max(
    ...seen.flatMap(({ sizes }, at) => (at < d_vocab === (at % d_vocab === data.modulus) ? sizes[2] : [])),
  );

  // A score, and how far each machine's can be from it before the largest is taken off; ours, without any distance, last.
  const root = Math.sqrt(d_head);
  /** @type {(Float64Array | undefined)[]} */
  const scored = new Array(seen.length ** 2);
  /** @param {number} asks @param {number} asked */
  function score(asks, asked) {
    const known = scored[asks * seen.length + asked];
    if (known) return known;
    const [{ q, sizes: lq }, { k, sizes: lk }] = [seen[asks], seen[asked]];
    let [value, size] = [0, 0];
    for (let i = 0; i < d_head; i++) {
      value += q.x[i] * k.x[i];
      size += Math.abs(q.x[i] * k.x[i]);
    }
    const found = new Float64Array(us.length + 2);
    found[0] = value / root;
    for (let m = 0; m <= us.length; m++) {
      const [rq, rk, u] = m < us.length ? [q.r[m], k.r[m], us[m]] : [0, 0, U];
      const e = (lq[0] * rk + rq * lk[1] + rq * rk) / root;
      found[m + 1] = e + gamma(d_head + 4, u) * (size / root + e) + tiny(u) * 4 * d_head;
    }
    scored[asks * seen.length + asked] = found;
    return found;
  }

  /** What attention brings to a row, from the places in `seen` of all positions. @param {Int32Array} places @param {number} row @returns {Near} */
  function attended(places, row) {
    const n = row + 1;
    const scores = Array.from({ length: n }, (_, key) => score(places[row], places[key]));
    const most = Math.max(...scores.map((each) => each[0]));
    const shares = scores.map((each) => Math.exp(each[0] - most));
    const total = shares.reduce((sum, share) => sum + share, 0);
    const p = shares.map((share) => share / total);
    const z = new Float64Array(d_head);
    for (let key = 0; key < n; key++) for (let i = 0; i < d_head; i++) z[i] += p[key] * seen[places[key]].v.x[i];
    let longest = 0;
    for (const place of places) longest = Math.max(longest, seen[place].sizes[2]);
    let mean = 0;
    const apart = p.map((share, key) => {
      const { x } = seen[places[key]].v;
      let far = 0;
      for (let i = 0; i < d_head; i++) far += (x[i] - z[i]) ** 2;
      const found = Math.sqrt(far) + 8 * (all + 8) * U * longest;
      mean += share * found;
      return found;
    });
    /** @param {number} m of a machine; ours comes after the last */
    const away = (m) => {
      const u = m < us.length ? us[m] : U;
      let worst = 0;
      for (const each of scores) worst = Math.max(worst, each[m + 1]);
      let [shifted, sum, largest] = [0, 0, 0];
      for (let key = 0; key < n; key++) {
        const off = scores[key][m + 1] + u * (most - scores[key][0] + 4 * worst);
        const theta = Math.expm1(off) * (1 + gamma(9, u)) + gamma(9, u);
        const { v, sizes } = seen[places[key]];
        const rv = m < us.length ? v.r[m] : 0;
        const heavy = p[key] * (1 + theta);
        shifted += p[key] * theta;
        largest = Math.max(largest, theta);
        sum += p[key] * theta * (apart[key] + 2 * CERTAIN * mean) + heavy * rv;
        sum += gamma(2 * all + 2, u) * heavy * (sizes[2] + rv);
      }
      if (m === us.length && !(largest < CERTAIN)) return Infinity;
      const factor = shifted < 0.5 ? 1 / (1 - shifted) : Infinity;
      return factor * (sum + tiny(u) * 8 * all * d_head * (1 + widest));
    };
    const ours = away(us.length);
    return near(z, (m) => away(m) + ours);
  }

  const [W_U, b_U, gains] = [of("W_U"), of("b_U"), of("ln_final.w")];
  const gain = Math.max(...gains.map(Math.abs));
  /** @param {number} token @param {number} i */
  const reads = (token, i) => W_U[i * d_vocab + token];
  const each = Array.from({ length: d_model }, (_, i) => i);
  const tokens = Array.from({ length: d_vocab }, (_, token) => token);
  const lengths = tokens.map((a) => lengthOf(each.map((i) => reads(a, i))));
  const apart = tokens.map((a) => tokens.map((b) => lengthOf(each.map((i) => reads(a, i) - reads(b, i)))));
  const folded = tokens.map((a) =>
    tokens.map((b) => lengthOf(each.map((i) => (reads(a, i) - reads(b, i)) * gains[i]))),
  );

  /** Judge one answer on every machine. @param {Int32Array} places @param {number} row @param {number} right @param {Verdict[]} verdicts */
  return function judge(places, row, right, verdicts) {
    let at = added(seen[places[row]].at, whole(linear(maps.o, whole(attended(places, row)))));
    const hidden = whole(linear(maps.in, normed(at, of("blocks.0.ln2.w"), of("blocks.0.ln2.b"), eps)));
    const active = { ...hidden, x: hidden.x.map((value) => Math.max(0, value)) };
    at = added(at, whole(linear(maps.out, active)));
    const { x, r, e } = normed(at, gains, of("ln_final.b"), eps);
    const logits = Float64Array.from(b_U);
    const sizes = b_U.map(Math.abs);
    for (let i = 0; i < d_model; i++)
      for (let token = 0; token < d_vocab; token++) {
        logits[token] += x[i] * reads(token, i);
        sizes[token] += Math.abs(x[i] * reads(token, i));
      }
    verdicts.forEach((verdict, m) => {
      let [least, loses] = [Infinity, false];
      for (const token of tokens) {
        if (token === right) continue;
        const both = sizes[right] + sizes[token];
        const carried = folded[right][token] * r[m] + apart[right][token] * e[m];
        const moved = (lengths[right] + lengths[token]) * (gain * r[m] + e[m]);
        const rounded = gamma(d_model + 3, us[m]) * (both + moved) + gamma(d_model + 3, U) * both;
        const error = up(carried + rounded);
        const margin = logits[right] - logits[token];
        const clear = margin - CLEARLY * error;
        least = clear > least || Number.isNaN(least) ? least : clear; // what is not a number stays
        loses ||= margin + CLEARLY * error < 0;
      }
      if (least > 0) {
        verdict.right++;
        verdict.spare = Math.min(verdict.spare, least);
      } else if (loses) verdict.wrong++;
      else verdict.undecided++;
    });
  };
}

/** Whether the analysis is made for a model. @param {import("./model.js").Data} data */
export const certifiable = (data) =>
  data.n_layers === 1 && data.n_heads === 1 && data.layer_norm && !!data.d_mlp && data.act_fn === "relu";

/**
 * Judge all answers to the inputs from one index to another; what it returns can be asked again for the next ones.
 * @param {Model} model @returns {(from: number, to: number) => Verdict[]} one verdict for each of `MACHINES`
 */
export function certifier(model) {
  const { data } = model;
  if (!certifiable(data)) throw new Error(`${data.name} is not of one layer and one head, with LayerNorm and ReLUs`);
  if (!model.weights.every(Number.isFinite)) throw new Error("weights must be finite numbers");
  const single = modelOf(data, model.weights.map(Math.fround));
  const same = single.weights.every((value, i) => value === model.weights[i]);
  const groups = same ? [MACHINES] : [MACHINES.filter((one) => !one.single), MACHINES.filter((one) => one.single)];
  const judged = groups.map((machines) => ({
    machines,
    judge: analysis(
      machines[0].single ? single : model,
      machines.map((one) => one.roundoff),
    ),
  }));
  return (from, to) => {
    const verdicts = MACHINES.map(() => ({ right: 0, wrong: 0, undecided: 0, spare: Infinity }));
    for (let index = from; index < to; index++) {
      const digits = digitsOf(data, index);
      const places = Int32Array.from(tokensOf(data, digits), (token, p) => p * data.tokens.length + token);
      const answers = solve(data, digits);
      for (const { machines, judge } of judged) {
        const of = machines.map((one) => verdicts[MACHINES.indexOf(one)]);
        answers.forEach((right, i) => judge(places, data.n_digits + i, right, of));
      }
    }
    return verdicts;
  };
}
