/**
 * The final states of all inputs on the sphere of the last LayerNorm. With d_model 4 a normalised state has mean zero and a
 * fixed length: a point on a sphere in three dimensions. The answer is the largest of five linear functions of it, so that
 * the sphere falls into at most five regions.
 *
 * @typedef {import("./session.js").Session} Session
 */
import { h, whole } from "./dom.js";
import { inputs, parameter } from "./model.js";

/** Three directions at right angles, each of mean zero. */
const AXES = [
  [0.5, 0.5, -0.5, -0.5],
  [0.5, -0.5, 0.5, -0.5],
  [0.5, -0.5, -0.5, 0.5],
];
const SIZE = 320;

/** Where a normalised state lies. @param {ArrayLike<number>} x @param {number} [o] */
export const point = (x, o = 0) =>
  AXES.map((axis) => (axis[0] * x[o] + axis[1] * x[o + 1] + axis[2] * x[o + 2] + axis[3] * x[o + 3]) / 2);

/** @param {Session} session @returns {import("./panels.js").Panel} */
export function globe(session) {
  const { data } = session;
  if (data.d_model !== 4 || !data.layer_norm) return { element: h("div", { hidden: true }), show: () => {} };
  session.wantStates = true;
  const { n_digits: n, modulus } = data;
  const N = inputs(data);
  const canvas = h("canvas.tcl-globe", {
    width: SIZE,
    height: SIZE,
    tabindex: 0,
    role: "img",
    "aria-label": "globe of the final states; turn it with the arrow keys",
  });
  const legend = h(
    "p.tcl-tokens",
    null,
    ...Array.from({ length: modulus + 1 }, (_, t) =>
      h(`span.tcl-token${t % 5}`, null, t === modulus ? "BOS" : String(t)),
    ),
  );
  const which = h(
    "select.tcl-select",
    { "aria-label": "answers that the globe shows" },
    h("option", { value: "all" }, "all answers"),
    ...Array.from({ length: n }, (_, i) => h("option", { value: i }, `y_${i}`)),
  );
  const drawn = h("span", null);
  const words = h(
    "p.tcl-quiet",
    null,
    "Each point is the last state of one answer to one input",
    drawn,
    "; its colour is the right answer, the ground's colour what the model says there. Red points are wrong. Turn it with the mouse or the arrow keys.",
  );
  let [turn, tilt] = [0.6, 0.35];
  /** @type {Float32Array | null} */
  let points = null;
  /** @type {Float32Array | null} */
  let from = null;
  /** @type {Uint8Array} */
  let colours = new Uint8Array(0);

  const gather = () => {
    const states = session.counted?.states;
    if (!states) return;
    const chosen = which.value === "all" ? Array.from({ length: n }, (_, i) => i) : [Number(which.value)];
    const step = chosen.length * N > 200000 ? 4 : 1;
    const found = new Float32Array((chosen.length * N * 3) / step);
    colours = new Uint8Array(found.length / 3);
    let at = 0;
    for (const i of chosen) {
      const place = modulus ** (n - 1 - data.sources[i]);
      for (let s = i % step; s < N; s += step, at++) {
        found.set(point(states, (i * N + s) * 4), 3 * at);
        colours[at] = (Math.floor(s / place) + data.increment) % modulus;
      }
    }
    drawn.textContent = ` (${whole(at)} drawn)`;
    from = points && points.length === found.length ? points : found;
    points = found;
  };

  /** The regions: for each token the linear function of a point whose largest wins. */
  const functions = () => {
    const model = session.model;
    const [gain, shift, W_U, b_U] = ["ln_final.w", "ln_final.b", "W_U", "b_U"].map((name) => parameter(model, name));
    return Array.from({ length: b_U.length }, (_, t) => {
      const along = AXES.map((axis) => 2 * axis.reduce((sum, a, m) => sum + a * gain[m] * W_U[m * b_U.length + t], 0));
      return [...along, shift.reduce((sum, b, m) => sum + b * W_U[m * b_U.length + t], b_U[t])];
    });
  };

  /** @param {number} part how far the points have gone from where they were */
  const draw = (part = 1) => {
    if (!points || !from) return;
    const [now, was] = [points, from];
    const context = canvas.getContext("2d");
    const picture = context.createImageData(SIZE, SIZE);
    const palette = tokenColours(canvas);
    const [ct, st, cp, sp] = [Math.cos(turn), Math.sin(turn), Math.cos(tilt), Math.sin(tilt)];
    const lines = functions();
    const [middle, radius] = [SIZE / 2, SIZE / 2 - 4];
    const ground = new Uint8Array(SIZE * SIZE);
    for (let y = 0; y < SIZE; y++) {
      for (let x = 0; x < SIZE; x++) {
        const [u, v] = [(x - middle) / radius, (middle - y) / radius];
        const w = 1 - u * u - v * v;
        if (w < 0) continue;
        const depth = Math.sqrt(w);
        const [b, c1] = [v * cp + depth * sp, depth * cp - v * sp];
        const [a, c] = [u * ct - c1 * st, u * st + c1 * ct];
        let best = 0;
        let most = -Infinity;
        for (let t = 0; t < lines.length; t++) {
          const value = lines[t][0] * a + lines[t][1] * b + lines[t][2] * c + lines[t][3];
          if (value > most) [best, most] = [t, value];
        }
        ground[y * SIZE + x] = best + 1;
        const [red, green, blue] = palette[best];
        const edge = w < 0.02 ? 160 : 60;
        picture.data.set([red, green, blue, edge], 4 * (y * SIZE + x));
      }
    }
    for (let e = 0; e < colours.length; e++) {
      const [a, b, c] = [0, 1, 2].map((m) => was[3 * e + m] + (now[3 * e + m] - was[3 * e + m]) * part);
      const [x, c1] = [a * ct + c * st, c * ct - a * st];
      const [y, z] = [b * cp - c1 * sp, b * sp + c1 * cp];
      if (z < 0) continue;
      const px = (Math.round(middle - y * radius) * SIZE + Math.round(middle + x * radius)) * 4;
      const [red, green, blue] = palette[colours[e]];
      const wrong = ground[px / 4] && ground[px / 4] !== colours[e] + 1;
      picture.data.set(wrong ? [213, 30, 0, 255] : [red, green, blue, 235], px);
    }
    context.putImageData(picture, 0, 0);
    mark(context, [ct, st, cp, sp], middle, radius);
  };

  /** The answer that is shown. @param {CanvasRenderingContext2D} context @param {number[]} angles @param {number} middle @param {number} radius */
  const mark = (context, [ct, st, cp, sp], middle, radius) => {
    const [a, b, c] = point(session.run.normed[n + session.state.row]);
    const [x, c1] = [a * ct + c * st, c * ct - a * st];
    const [y, z] = [b * cp - c1 * sp, b * sp + c1 * cp];
    context.beginPath();
    context.arc(middle + x * radius, middle - y * radius, 6, 0, 2 * Math.PI);
    context.lineWidth = 2;
    context.setLineDash(z < 0 ? [2, 2] : []);
    context.strokeStyle = getComputedStyle(canvas).color;
    context.stroke();
  };

  /** Let the points go to their new places. */
  const go = () => {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches || !from || from === points) return draw();
    const begun = performance.now();
    const step = () => {
      const part = Math.min(1, (performance.now() - begun) / 400);
      draw(part * (2 - part));
      if (part < 1) requestAnimationFrame(step);
      else from = points;
    };
    step();
  };

  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
  canvas.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) =>
    canvas.setPointerCapture(event.pointerId),
  );
  canvas.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    turn += event.movementX / 120;
    tilt = Math.max(-1.5, Math.min(1.5, tilt + event.movementY / 120));
    soon();
  });
  canvas.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] }[event.key];
    if (!step) return;
    event.preventDefault();
    turn += step[0];
    tilt = Math.max(-1.5, Math.min(1.5, tilt + step[1]));
    soon();
  });
  which.addEventListener("change", () => {
    gather();
    from = points;
    draw();
  });
  const show = (/** @type {string} */ what) => {
    if (what === "count") {
      gather();
      go();
    } else if (what === "input") soon();
  };
  return {
    element: h(
      "div.tcl-globed",
      null,
      h("div", null, canvas),
      h("div", null, h("div.tcl-line", null, h("span.tcl-label", null, "Show"), which), legend, words),
    ),
    show,
  };
}

/** The colours of the tokens, as the style sheet has them. @param {HTMLElement} element */
function tokenColours(element) {
  const style = getComputedStyle(element);
  return [0, 1, 2, 3, 4].map((t) => {
    const text = style.getPropertyValue(`--token-${t}`).trim().slice(1);
    return [0, 2, 4].map((i) => Number.parseInt(text.slice(i, i + 2), 16));
  });
}
