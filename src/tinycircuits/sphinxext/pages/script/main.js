/** Finds the places for a live model in the page and builds them. */
import { addition } from "./addition.js";
import { CERTIFICATE, certificate } from "./certificate.js";
import { h } from "./dom.js";
import { globe } from "./globe.js";
import { counts, course, input, map, summary } from "./panels.js";
import { asker, Session } from "./session.js";
import { rewritten, stateOf } from "./state.js";
import { view } from "./view.js";
import { WAVES, waves } from "./waves.js";

/** @typedef {import("./model.js").Data} Data */

/** @type {Map<string, Promise<Data>>} */
const loading = new Map();
/** @type {Map<string, (data: Data) => void>} */
const expected = new Map();

/** A file of weights calls it: a page opened as a file may load scripts and nothing else. */
/** @type {any} */ (window).tinyModel = (/** @type {Data} */ data) => expected.get(data.name)?.(data);

/** @param {{ dataset: DOMStringMap }} place @param {string} name @returns {Promise<Data>} */
function loaded(place, name) {
  let found = loading.get(name);
  if (!found) {
    found = new Promise((resolve, reject) => {
      expected.set(name, resolve);
      const script = h("script", { src: `${place.dataset.at}model-${name}.js?v=${place.dataset.version}` });
      script.onerror = () => reject(new Error(`${place.dataset.at}model-${name}.js cannot be read`));
      document.head.append(script);
    });
    loading.set(name, found);
    found.catch(() => loading.delete(name));
  }
  return found;
}

/** @type {Worker | null} */
let shared = null;

/** One worker for all models of a page. */
function worker() {
  shared ??= new Worker(URL.createObjectURL(new Blob([`(${ENGINE})().serve(self)`], { type: "text/javascript" })));
  return shared;
}

/** @param {HTMLElement} place @param {string} name @param {string} [text] a state to begin with */
async function build(place, name, text) {
  const data = await loaded(place, name);
  place.querySelector(".tcl-app")?.remove();
  if (place.dataset.show === CERTIFICATE) {
    place.append(h("div.tcl-app", null, certificate(data, asker(worker(), data))));
    return;
  }
  place.classList.add("tcl-ready");
  if (place.dataset.show === WAVES) {
    const made = waves(data, text ?? "");
    place.append(h("div.tcl-app", null, made));
    made.focus({ preventScroll: true });
    return;
  }
  if (data.task === "addition") {
    place.append(h("div.tcl-app", null, heading(place, data), addition(data, asker(worker(), data), text ?? "")));
    return;
  }
  const parts = new Set((place.dataset.show ?? "").split(" ").filter(Boolean));
  const whole = !parts.size;
  const app = h("div.tcl-app", null);
  const session = new Session(data, worker(), { address: whole, holder: app });
  const has = (/** @type {string} */ part) => whole || parts.has(part);
  const shown = /** @type {Set<import("./view.js").Part>} */ (new Set(["embed", "attn", "mlp", "logits"].filter(has)));
  const panels = [
    input(session, { second: whole || /(?:^|&)o=/.test(text ?? "") }),
    summary(session, tries(session)),
    shown.size && view(session, shown),
    whole && counts(session),
    has("map") && map(session),
    has("globe") && globe(session),
    has("course") && course(session),
  ].filter((panel) => !!panel);
  session.listeners.add((what) => panels.forEach((panel) => panel.show(what)));
  if (whole) app.append(heading(place, data, session));
  app.append(...panels.map((panel) => panel.element));
  place.append(app);
  if (text) session.read(text);
  app.dataset.shown = text;
  session.tell("input");
  if (!session.busy) await session.recount();
}

/** An exercise asks what a state does; `at` is the folder of the models. */
/** @type {any} */ (window).tinyState = async (/** @type {string} */ at, /** @type {string} */ text) => {
  const name = /(?:^|&)m=(\w+)/.exec(text)?.[1] ?? "";
  return stateOf(await loaded({ dataset: { at, version: "" } }, name), worker(), text);
};

/** Another exercise asks what stays when a model is written anew. */
/** @type {any} */ (window).tinyRewritten = async (
  /** @type {string} */ at,
  /** @type {string} */ name,
  /** @type {import("./judges.js").Rewriting} */ form,
) => rewritten(await loaded({ dataset: { at, version: "" } }, name), form);

/** What a reader may begin with. @param {Session} session @returns {[string, import("./touches.js").Touch[]][]} */
function tries({ data, trained }) {
  const [last, neuron] = [data.n_layers - 1, Math.min(6, (data.d_mlp ?? 1) - 1)];
  /** @type {[string, import("./touches.js").Touch[]][]} */
  const found = [
    ["remove the bias of attention", [{ kind: "zero", name: "blocks.0.attn.b_O" }]],
    ["hold attention at its mean", [{ kind: "hold", site: "attn.0", pos: null, by: "mean" }]],
    [`take out neuron ${neuron}`, [{ kind: "hold", site: `neuron.${last}.${neuron}`, pos: null, by: "zero" }]],
  ];
  return found.filter(([, [touch]]) => touch.kind !== "zero" || trained.at.has(touch.name));
}

/** The titles of the models that a place offers, by name. @param {HTMLElement} place @returns {Record<string, string>} */
const titles = (place) => JSON.parse(place.dataset.models ?? "{}");

/**
 * Which model, and how to pass the state on. @param {HTMLElement} place @param {Data} data @param {Session} [session]
 * @returns {HTMLElement}
 */
function heading(place, data, session) {
  const select = h(
    "select.tcl-select",
    { "aria-label": "model" },
    ...Object.entries(titles(place)).map(([name, title]) => h("option", { value: name }, `${name}: ${title}`)),
  );
  select.value = data.name;
  select.addEventListener("change", () => {
    history.replaceState(null, "", `#m=${select.value}`);
    begin(place);
  });
  const link = h("button.tcl-button", { type: "button", onclick: () => copied(link, location.href) }, "Copy link");
  const python =
    session &&
    h("button.tcl-button", { type: "button", onclick: () => copied(python, session.program()) }, "Copy as Python");
  return h(
    "div.tcl-heading",
    null,
    h("label", null, h("span.tcl-label", null, "Model"), select),
    h("div.tcl-buttons", null, python, link),
  );
}

/** @param {HTMLElement} button @param {string} text */
async function copied(button, text) {
  const was = button.textContent;
  await navigator.clipboard.writeText(text).catch(() => window.prompt("Copy:", text));
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = was), 1500);
}

/** @param {HTMLElement} place */
function begin(place) {
  const whole = !place.dataset.show;
  const text = (whole && location.hash.slice(1)) || place.dataset.state || "";
  const wanted = /(?:^|&)m=(\w+)/.exec(text)?.[1];
  const models = Object.keys(titles(place));
  const name = wanted && models.includes(wanted) ? wanted : models[0];
  return build(place, name, text).catch((error) =>
    place.append(h("p.tcl-error", { role: "alert" }, `The live model cannot be shown: ${error.message}`)),
  );
}

/** What the button says that loads a model; how much it is, where that is much. @param {HTMLElement} place */
function invitation(place) {
  if (place.dataset.show === CERTIFICATE) return "Certify it in this browser";
  if (place.dataset.show !== WAVES) return "Take it into your hands";
  const [size] = /[\d.]+ MB$/.exec(Object.values(titles(place))[0]) ?? [""];
  return `Add two numbers of your own${size && ` (loads ${size})`}`;
}

for (const place of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".tc-live"))) {
  if (!place.dataset.show) {
    begin(place);
    // A link to another state of this page, or the way back from one.
    window.addEventListener("hashchange", () => location.hash.includes("=") && begin(place));
  } else {
    const words = invitation(place);
    const open = h("button.tcl-button.tcl-open", { type: "button" }, words);
    open.addEventListener("click", () => {
      open.remove();
      begin(place);
    });
    place.append(open);
  }
}
