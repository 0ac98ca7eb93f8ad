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

  function draw(holder) {
    const plot = holder.querySelector(".tc-plot");
    const { data, layout, config, choices } = JSON.parse(holder.querySelector("script").textContent);
    for (const [path, value] of Object.entries(themed(layout))) set(layout, path, value);
    fitted(layout, plot);
    const menu = holder.querySelector("select");
    if (menu) menu.addEventListener("change", () => Plotly.restyle(plot, choices[menu.selectedIndex][1], [0]));
    return Plotly.newPlot(plot, data, layout, config).then(() => holder.classList.add("tc-drawn"));
  }

  function start() {
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
