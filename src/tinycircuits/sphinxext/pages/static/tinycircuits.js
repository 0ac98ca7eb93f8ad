/* A figure is a drawing until a reader explores it: then plotly is loaded and draws it anew in its place, in the colours of the
   page's light or dark theme. Filters tables, folds code, prints in light. */
(function () {
  "use strict";

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const read = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
    return { ink: read("--tc-ink", "#24292f"), line: read("--tc-line", "#6e7781"), grid: read("--tc-grid", "#d0d7de") };
  }

  /* The layout changes that suit the theme in force. */
  function themed(layout) {
    const { ink, line, grid } = colours();
    const changes = { "font.color": ink, "hoverlabel.font.color": "#24292f", "hoverlabel.bgcolor": "#ffffff" };
    for (const key of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
      changes[key + ".linecolor"] = line;
      changes[key + ".tickcolor"] = line;
      changes[key + ".gridcolor"] = grid;
    }
    return changes;
  }

  function set(target, path, value) {
    const keys = path.split(".");
    const last = keys.pop();
    keys.reduce((node, key) => (node[key] ??= {}), target)[last] = value;
  }

  const narrow = window.matchMedia("(max-width: 600px)");
  const home = document.currentScript.src;
  const described = {};

  /* The script beside a figure calls it with what plotly draws; a page opened as a file may load no other kind of file. */
  window.tinyFigure = (name, what) => (described[name] = what);

  const loading = new Map();

  /* Load a script once; one that failed is tried again the next time. */
  function load(address) {
    if (!loading.has(address)) {
      const script = document.createElement("script");
      const loaded = new Promise((done, failed) => Object.assign(script, { src: address, onload: done, onerror: failed }));
      loading.set(address, loaded.catch((error) => (loading.delete(address), Promise.reject(error))));
      document.head.append(script);
    }
    return loading.get(address);
  }

  /* The layout for the width of the screen, as large as the drawing that it takes the place of, in the theme in force. */
  function arranged(holder, { layout, phone, width, choices, explorer, slider }) {
    const chosen = structuredClone(narrow.matches && phone ? phone.layout : layout);
    const box = holder.querySelector(".tc-box");
    const drawing = [...holder.querySelector(".tc-still").children].find((face) => face.clientWidth);
    const one = choices.length || explorer || slider;
    const size = {
      width: one ? Math.min(width, box.clientWidth) : drawing.clientWidth,
      height: one ? Math.min(chosen.height, box.clientHeight) : box.clientHeight,
    };
    for (const side of ["width", "height"]) holder.querySelector(".tc-plot").style[side] = size[side] + "px";
    for (const [path, value] of Object.entries(themed(chosen))) set(chosen, path, value);
    return Object.assign(chosen, size);
  }

  /* The traces, on a phone without the numbers in cells that are too small for them. */
  function traces({ data, phone }) {
    const plain = narrow.matches && phone?.plain ? { texttemplate: "" } : {};
    return structuredClone(data).map((trace) => ({ ...trace, ...plain }));
  }

  /* What a cell says: at most two digits, as in the drawings made by Python. */
  function short(value) {
    return value < 0.005 ? "0" : value >= 0.995 ? "1" : value.toFixed(2).slice(1);
  }

  /* The bytes that were deflated and written in base64. */
  async function unpacked(text) {
    const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const plain = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(plain).arrayBuffer());
  }

  /* One matrix of many, chosen by two numbers; a number that is not there leaves the drawing and says what is allowed. */
  async function explore(holder, plot, { size, cells, answers }) {
    const [shares, results] = await Promise.all([unpacked(cells), unpacked(answers)]);
    const [fields, said] = [[...holder.querySelectorAll("input")], holder.querySelector("output")];
    const columns = plot.data[0].z[0].length;
    function show() {
      const wrong = fields.find((field) => !field.validity.valid);
      if (wrong) {
        said.textContent = `${wrong.name} must be a whole number from 0 to ${size - 1}`;
        return;
      }
      const [a, b] = fields.map((field) => field.valueAsNumber);
      const pair = a * size + b;
      const each = shares.length / results.length;
      const values = Array.from({ length: each }, (_, cell) => shares[cell * results.length + pair] / 100);
      const z = Array.from({ length: each / columns }, (_, row) => values.slice(row * columns, (row + 1) * columns));
      Plotly.restyle(plot, { z: [z], text: [z.map((row) => row.map(short))] }, [0]);
      said.textContent = `the model answers ${results[pair]}`;
    }
    fields.forEach((field) => field.addEventListener("input", show));
    return show;
  }

  /* One round of many, moved to by a slider: its spectra, a mark in the curves, and its numbers in words. */
  async function slide(holder, plot, { unit, rounds, top, size, mark, cells }) {
    const levels = await unpacked(cells);
    const [field, said] = [holder.querySelector("input"), holder.querySelector("output")];
    const places = plot.data.map(({ type }, place) => (type === "bar" ? place : -1)).filter((place) => place >= 0);
    const digits = (value) => (value < 10 ? String(Number(value.toPrecision(2))) : Math.round(value).toLocaleString("en"));
    // Names are markup, and words are told: W<sub>E</sub> is W_E.
    const plain = (name) => new DOMParser().parseFromString(name.replaceAll("<sub>", "_"), "text/html").body.textContent;
    return function show() {
      const at = field.valueAsNumber;
      const step = `${unit} ${rounds[at].toLocaleString("en")}`;
      const share = (panel, k) => (levels[(panel * size + k) * rounds.length + at] * top) / 255;
      const spectra = places.map((_, panel) => Array.from({ length: size }, (_, k) => share(panel, k)));
      Plotly.restyle(plot, { y: spectra }, places);
      Plotly.restyle(plot, { x: [[rounds[at], rounds[at]]] }, [mark]);
      const curves = plot.data.slice(0, mark).map(({ name, y }) => `${plain(name)} ${digits(y[at])}`);
      const most = spectra.map((each, panel) => {
        const k = each.indexOf(Math.max(...each));
        return `${plain(plot.data[places[panel]].name)} k = ${k + 1} (${short(each[k])})`;
      });
      field.setAttribute("aria-valuetext", step);
      said.textContent = `${step}: ${curves.join(", ")}. Largest: ${most.join("; ")}.`;
    };
  }

  /* Draw a figure anew, where its drawing stands, and again whenever that changes its size. */
  async function draw(holder) {
    const [box, plot, menu] = [".tc-box", ".tc-plot", "select"].map((part) => holder.querySelector(part));
    // Plotly measures texts when it draws, so the typeface has to be there.
    const typeface = document.fonts.load('14px "Tiny Sans"').catch(() => {});
    await Promise.all([load(new URL("plotly.min.js", home).href), load(holder.dataset.live), typeface]);
    const what = described[holder.id.replace(/^plot-/, "")];
    const render = () => Plotly.react(plot, traces(what), arranged(holder, what), what.config);
    await render();
    let choose = () => {};
    if (menu) {
      choose = () => Plotly.restyle(plot, what.choices[menu.selectedIndex][1], [0]);
      menu.addEventListener("change", choose);
    }
    if (what.explorer) choose = await explore(holder, plot, what.explorer);
    if (what.slider) {
      choose = await slide(holder, plot, what.slider);
      holder.querySelector(".tc-slider input").addEventListener("input", choose);
    }
    await choose();
    let width = box.clientWidth;
    new ResizeObserver(() => {
      if (box.clientWidth && box.clientWidth !== width) render().then(choose);
      width = box.clientWidth || width;
    }).observe(box);
    holder.classList.add("tc-drawn");
    follow();
  }

  /* Show the figure that answers to the pointer, or the drawing again. */
  async function toggle(holder) {
    const [button, still, plot] = [".tc-explore", ".tc-still", ".tc-plot"].map((part) => holder.querySelector(part));
    if (holder.classList.contains("tc-waiting")) return;
    if (!holder.classList.contains("tc-drawn")) {
      holder.classList.add("tc-waiting");
      try {
        await draw(holder);
      } catch (error) {
        button.textContent = "could not be loaded: try again";
        throw error;
      } finally {
        holder.classList.remove("tc-waiting");
      }
    }
    const open = holder.classList.toggle("tc-open");
    button.textContent = open ? "back to the drawing" : "explore";
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-label", still.getAttribute("aria-label"));
    holder.querySelector(".tc-choice:not(.tc-slider)")?.toggleAttribute("inert", !open);
  }

  function offer(holder) {
    for (const part of [".tc-explore", ".tc-still"]) {
      holder.querySelector(part).addEventListener("click", () => toggle(holder));
    }
    // Whoever moves the slider explores.
    holder.querySelector(".tc-slider input")?.addEventListener("input", () => {
      if (!holder.classList.contains("tc-open")) toggle(holder);
    });
  }

  /* A menu above the table for each column that it names; only the rows that fit every choice stay. */
  function filter(table) {
    const named = Array.from(table.classList).filter((name) => name.startsWith("tc-filter-"));
    if (!named.length) return;
    const rows = Array.from(table.tBodies[0].rows);
    const said = (row, column) => row.cells[column].textContent.trim();
    const bar = document.createElement("div");
    bar.className = "tc-choice";
    const left = document.createElement("output");
    const menus = named.map((name) => {
      const column = Number(name.slice("tc-filter-".length));
      const label = document.createElement("label");
      const menu = document.createElement("select");
      for (const value of ["all", ...new Set(rows.map((row) => said(row, column)))]) menu.add(new Option(value));
      label.append(table.tHead.rows[0].cells[column].textContent.trim() + ": ", menu, " ");
      bar.append(label);
      return { column, menu };
    });
    function show() {
      for (const row of rows) {
        row.hidden = menus.some(({ column, menu }) => menu.selectedIndex && said(row, column) !== menu.value);
      }
      left.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
    }
    bar.append(left);
    bar.addEventListener("change", show);
    (table.closest(".pst-scrollable-table-container") ?? table).before(bar);
    show();
  }

  /* A row of a tree that has rows below it gets a button which shows them; the first row is open. */
  function tree(table) {
    const named = Array.from(table.classList).find((name) => name.startsWith("tc-tree-"));
    if (!named) return;
    const levels = named.slice("tc-tree-".length).split("-").map(Number);
    const rows = Array.from(table.tBodies[0].rows);
    const open = levels.map((level) => level === 0);
    const buttons = rows.map((row, at) => {
      if (!(levels[at + 1] > levels[at])) return null;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "tc-turn";
      button.setAttribute("aria-label", `what is below ${row.cells[0].textContent.trim()}`);
      button.addEventListener("click", () => {
        open[at] = !open[at];
        show();
      });
      row.cells[0].prepend(button);
      return button;
    });
    function show() {
      const above = []; // the row above each level
      rows.forEach((row, at) => {
        const parent = above[levels[at] - 1];
        above[levels[at]] = at;
        row.hidden = parent !== undefined && (rows[parent].hidden || !open[parent]);
        buttons[at]?.setAttribute("aria-expanded", open[at]);
      });
    }
    show();
  }

  const KEPT = "tinycircuits-code";

  /* Whether the reader wants all code open; a browser that keeps nothing forgets it. */
  function wanted(change) {
    try {
      if (change !== undefined) localStorage.setItem(KEPT, change);
      return localStorage.getItem(KEPT) === "true";
    } catch {
      return change ?? false;
    }
  }

  /* One switch opens and closes the code of every page. */
  function foldCode(open) {
    document.querySelectorAll("details.tc-code").forEach((code) => (code.open = open));
    document.querySelectorAll(".btn-code-button").forEach((button) => button.setAttribute("aria-pressed", open));
  }
  window.tinyCode = () => foldCode(wanted(!wanted()));

  /* What a link leads to is seen, also where it is folded. */
  function reveal() {
    const target = document.getElementById(location.hash.slice(1));
    for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  }

  function start() {
    reveal();
    window.addEventListener("hashchange", reveal);
    foldCode(wanted());
    document.querySelectorAll("table.tc-table").forEach(filter);
    document.querySelectorAll("table.tc-table").forEach(tree);
    document.querySelectorAll(".tc-figure").forEach(offer);
    new MutationObserver(follow).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    printLight();
  }

  function follow() {
    document.querySelectorAll(".tc-drawn .tc-plot").forEach((plot) => Plotly.relayout(plot, themed(plot.layout)));
  }

  /* Paper is white, whatever the screen is. */
  function printLight() {
    const page = document.documentElement.dataset;
    let onScreen = page.theme;
    window.addEventListener("beforeprint", () => {
      onScreen = page.theme;
      page.theme = "light";
      follow();
    });
    window.addEventListener("afterprint", () => (page.theme = onScreen));
  }

  /* A page opened as a file may not read its neighbours, from which a search shows excerpts; it lists titles then. */
  if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
    DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
