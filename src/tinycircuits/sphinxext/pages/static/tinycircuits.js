/* Draws the figures of a page with plotly and keeps their colours in step with the page's light or dark theme; prints in light. */
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

  /* A matrix keeps the shape of its cells, within reason, where the page is narrower than the drawing was laid out for. */
  function fitted(layout, plot) {
    const designed = parseFloat(plot.style.maxWidth);
    if (!layout.coloraxis || plot.clientWidth >= designed) return;
    const { l, r, t, b } = layout.margin;
    const shrink = Math.max(0.6, (plot.clientWidth - l - r) / (designed - l - r));
    layout.height = t + b + (layout.height - t - b) * shrink;
    plot.style.height = layout.height + "px";
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
    show();
  }

  function draw(holder) {
    const plot = holder.querySelector(".tc-plot");
    const { data, layout, config, choices, explorer } = JSON.parse(holder.querySelector("script").textContent);
    for (const [path, value] of Object.entries(themed(layout))) set(layout, path, value);
    fitted(layout, plot);
    const menu = holder.querySelector("select");
    if (menu) menu.addEventListener("change", () => Plotly.restyle(plot, choices[menu.selectedIndex][1], [0]));
    const theme = document.documentElement.dataset.theme;
    return Plotly.newPlot(plot, data, layout, config).then(async () => {
      if (explorer) await explore(holder, plot, explorer);
      if (document.documentElement.dataset.theme !== theme) await Plotly.relayout(plot, themed(plot.layout));
      holder.classList.add("tc-drawn");
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

  function start() {
    foldCode(wanted());
    document.querySelectorAll("table.tc-table").forEach(filter);
    // Plotly measures texts when it draws, so the typeface has to be there.
    document.fonts.load('14px "Tiny Sans"').finally(() => document.querySelectorAll(".tc-figure").forEach(draw));
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
