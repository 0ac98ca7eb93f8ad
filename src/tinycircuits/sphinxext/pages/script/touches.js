/**
 * What a reader changed in a model: a list of touches, applied in order, and what they mean for the weights and the run.
 *
 * @typedef {import("./model.js").Model} Model
 * @typedef {import("./forward.js").Holds} Holds
 * @typedef {import("./forward.js").Trace} Trace
 * @typedef {"zero" | "mean" | "other"} By what stands there instead: zero, the mean over all inputs, a second input's value
 * @typedef {{ kind: "hold", site: string, pos: number | null, by: By }} Hold `site` as in `Holds`, before the `@`; `pos` null
 *   is everywhere
 * @typedef {{ kind: "weight", name: string, index: number, value: number }} Weight
 * @typedef {{ kind: "zero", name: string }} Zero a whole parameter
 * @typedef {Hold | Weight | Zero} Touch
 */
import { means } from "./count.js";
import { trace } from "./forward.js";
import { length, modelOf, parameter, positionName, tokensOf } from "./model.js";

/** The name of what a touch acts on: a later touch of the same place takes the place of an earlier one. @param {Touch} touch */
export function place(touch) {
  if (touch.kind === "hold") return `${touch.site}@${touch.pos ?? "all"}`;
  return touch.kind === "weight" ? `${touch.name}[${touch.index}]` : `${touch.name}[]`;
}

/** @param {Touch[]} touches @param {Touch} touch */
export const touchedWith = (touches, touch) => [...touches.filter((one) => place(one) !== place(touch)), touch];

/** The sites that a hold covers. @param {Model} model @param {Hold} touch */
function sites(model, touch) {
  if (touch.site.startsWith("edge")) return [touch.site];
  const all = Array.from({ length: length(model.data) }, (_, p) => p);
  return (touch.pos === null ? all : [touch.pos]).map((p) => `${touch.site}@${p}`);
}

/** The value at a site in a run. @param {Trace} run @param {string} site */
export function valueAt(run, site) {
  const [kind, layer, a, b, c] = site.split(/[.@]/);
  if (kind === "embed") return run.embed[Number(layer)];
  const of = run.layers[Number(layer)];
  if (kind === "attn") return of.attn[Number(a)];
  if (kind === "mlp") return of.mlp[Number(a)];
  if (kind === "head") return of.result[Number(a)][Number(b)];
  if (kind === "neuron") return of.post[Number(b)][Number(a)];
  return of.pattern[Number(a)][Number(b)][Number(c)];
}

/**
 * The model with its changed weights, and what is held in a run. Means and the second input's values are those of the model
 * with these weights and nothing held.
 * @param {Model} model @param {Touch[]} touches @param {number[]} other the digits of the second input @param {Holds} [known]
 *   means that are known: then no other one is computed, and a site whose mean is missing is not held
 * @returns {{ model: Model, holds: Holds }}
 */
export function applied(model, touches, other, known) {
  const edited = modelOf(model.data, Float64Array.from(model.weights));
  for (const touch of touches) {
    if (touch.kind === "weight") parameter(edited, touch.name)[touch.index] = touch.value;
    if (touch.kind === "zero") parameter(edited, touch.name).fill(0);
  }
  const held = touches.filter((touch) => touch.kind === "hold");
  const wanted = held.filter((touch) => touch.by === "mean").flatMap((touch) => sites(edited, touch));
  const mean = known ?? means(edited, wanted);
  const second = held.some((touch) => touch.by === "other") ? trace(edited, tokensOf(model.data, other)) : null;
  /** @type {Holds} */
  const holds = new Map();
  for (const touch of held) {
    for (const site of sites(edited, touch)) {
      if (touch.by === "mean" && !mean.has(site)) continue;
      const number = /^(edge|neuron)/.test(site);
      const zero = number ? 0 : new Float64Array(model.data.d_model);
      holds.set(
        site,
        touch.by === "zero"
          ? zero
          : touch.by === "mean"
            ? /** @type {any} */ (mean.get(site))
            : valueAt(/** @type {Trace} */ (second), site),
      );
    }
  }
  return { model: edited, holds };
}

const WORDS = { zero: "zero", mean: "its mean", other: "the second input's" };

/** @param {Model} model @param {string} site */
export function siteName(model, site) {
  const [kind, l, a, b, c] = site.split(".");
  const layer = model.data.n_layers > 1 ? ` of layer ${l}` : "";
  if (kind === "embed") return "embedding";
  if (kind === "attn") return `attention${layer}`;
  if (kind === "head") return `head ${a}${layer}`;
  if (kind === "mlp") return `MLP${layer}`;
  if (kind === "neuron") return `neuron ${a}${layer}`;
  return `weight of ${positionName(model.data, Number(b))} on ${positionName(model.data, Number(c))}${layer}`;
}

/** A weight under the name that the package gives it. @param {Model} model @param {string} name @param {number} index */
export function weightName(model, name, index) {
  const shape = /** @type {import("./model.js").Span} */ (model.at.get(name)).shape;
  const at = [];
  for (let axis = shape.length - 1, rest = index; axis >= 0; rest = Math.floor(rest / shape[axis]), axis--)
    at.unshift(rest % shape[axis]);
  return `${shortName(model, name)}[${at.slice(name.includes("attn") ? 1 : 0).join(", ") || at.join(", ")}]`;
}

/** @param {Model} model @param {string} name */
export function shortName(model, name) {
  const [, layer] = /^blocks\.(\d+)\./.exec(name) ?? [];
  const norm = { "ln1.w": "gain of LN1", "ln1.b": "bias of LN1", "ln2.w": "gain of LN2", "ln2.b": "bias of LN2" };
  const last = /** @type {Record<string, string>} */ ({
    "ln_final.w": "gain of the last LN",
    "ln_final.b": "bias of the last LN",
  });
  const plain = name.replace(/^blocks\.\d+\./, "");
  const short = last[name] ?? /** @type {Record<string, string>} */ (norm)[plain] ?? plain.replace(/^(attn|mlp)\./, "");
  return layer !== undefined && model.data.n_layers > 1 ? `${short} of layer ${layer}` : short;
}

/** One touch in words. @param {Model} model @param {Touch} touch */
export function said(model, touch) {
  if (touch.kind === "zero") return `${shortName(model, touch.name)} = 0`;
  if (touch.kind === "weight")
    return `${weightName(model, touch.name, touch.index)} = ${Number(touch.value.toPrecision(4))}`;
  const at = touch.pos === null || touch.site.startsWith("edge") ? "" : ` at ${positionName(model.data, touch.pos)}`;
  return `${siteName(model, touch.site)}${at}: ${WORDS[touch.by]}`;
}

/** Touches as text for the address, and back. @param {Touch[]} touches */
export function written(touches) {
  return touches
    .map((touch) => {
      if (touch.kind === "hold") return `${touch.site}${touch.pos === null ? "" : `@${touch.pos}`}~${touch.by}`;
      return touch.kind === "zero" ? `${touch.name}~0` : `${touch.name}~${touch.index}~${touch.value}`;
    })
    .join("_");
}

/** Touches that a text names and that this model has; what is unknown is left out. @param {Model} model @param {string} text */
export function readTouches(model, text) {
  /** @type {Touch[]} */
  let found = [];
  // Names hold underscores, so that a touch begins where one of the known beginnings stands.
  for (const one of text.split(/_(?=(?:embed|attn|head|mlp|neuron|edge|blocks|ln_final|W_|b_U))/)) {
    const [left, second, third] = one.split("~");
    const hold = /^([a-z]+(?:\.(?:0|[1-9]\d*))*)(?:@(\d+))?$/.exec(left);
    if (model.at.has(left)) {
      const size = /** @type {import("./model.js").Span} */ (model.at.get(left)).size;
      const value = Number(third);
      if (third === undefined && second === "0") found = touchedWith(found, { kind: "zero", name: left });
      else if (/^\d+$/.test(second) && Number(second) < size && third && Number.isFinite(value))
        found = touchedWith(found, { kind: "weight", name: left, index: Number(second), value });
    } else if (hold && ["zero", "mean", "other"].includes(second) && exists(model, hold[1], hold[2])) {
      found = touchedWith(found, {
        kind: "hold",
        site: hold[1],
        pos: hold[2] === undefined ? null : Number(hold[2]),
        by: /** @type {By} */ (second),
      });
    }
  }
  return found;
}

/** @param {Model} model @param {string} site @param {string | undefined} pos */
function exists(model, site, pos) {
  const { n_layers, n_heads, d_mlp } = model.data;
  const [kind, ...at] = site.split(".");
  const [l, a, row, key] = at.map(Number);
  const positions = length(model.data);
  if (pos !== undefined && (Number(pos) >= positions || kind === "edge")) return false;
  if (kind === "embed") return at.length === 0;
  if (!(l < n_layers)) return false;
  if (kind === "attn") return at.length === 1;
  if (kind === "mlp") return at.length === 1 && d_mlp !== null;
  if (kind === "head") return at.length === 2 && a < n_heads;
  if (kind === "neuron") return at.length === 2 && a < (d_mlp ?? 0);
  return kind === "edge" && at.length === 4 && a < n_heads && row < positions && key <= row;
}
