/* Entries of the ledger: opened by their link, all at once, and for print; each with a line to cite. */
(function () {
  "use strict";

  const entries = () => [...document.querySelectorAll("details.tc-entry")];

  /* The entry that the address names is open. */
  function follow() {
    const named = location.hash && document.getElementById(location.hash.slice(1));
    const entry = named && named.closest("details.tc-entry");
    if (!entry || entry.open) return;
    entry.open = true;
    entry.scrollIntoView();
  }

  function unfold() {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "tc-unfold" });
    const name = () => (button.textContent = entries().every((each) => each.open) ? "close all entries" : "open all entries");
    button.addEventListener("click", () => {
      const open = !entries().every((each) => each.open);
      for (const each of entries()) each.open = open;
      name();
    });
    name();
    entries()[0].before(button);
  }

  /* Copies a text; a page may be refused the clipboard, then the text stays selected for the reader's own hand. */
  async function copy(line, button) {
    const range = document.createRange();
    range.selectNodeContents(line);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    let done = false;
    try {
      await navigator.clipboard.writeText(line.textContent);
      done = true;
    } catch {
      done = document.execCommand("copy");
    }
    button.textContent = done ? "copied" : "selected: copy it";
    setTimeout(() => (button.textContent = "cite this number"), 2000);
  }

  function start() {
    if (!entries().length) return;
    for (const each of document.querySelectorAll(".tc-cite")) {
      const [place, button] = [each.querySelector(".tc-place"), each.querySelector("button")];
      if (location.protocol.startsWith("http") && !place.textContent.includes("://")) place.textContent = each.querySelector("a").href;
      button.addEventListener("click", () => copy(each.querySelector("q"), button));
    }
    unfold();
    follow();
    window.addEventListener("hashchange", follow);
    let folded = [];
    window.addEventListener("beforeprint", () => {
      folded = entries().filter((each) => !each.open);
      for (const each of folded) each.open = true;
    });
    window.addEventListener("afterprint", () => folded.forEach((each) => (each.open = false)));
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
