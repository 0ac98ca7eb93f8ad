/* Finds words and numbers in the sections of the book; works from the file system too, for the index is a script. */
(function () {
  "use strict";

  const MOST = 40;
  const WORD = /[\p{L}\p{N}_]+(?:[.,]\p{N}+)*/gu;

  /* The words of a text with their places; "1,000" is "1000", and "y_3" is "y3" as the page shows it. */
  function words(text) {
    return Array.from(text.matchAll(WORD), (found) => ({
      word: found[0].toLowerCase().normalize("NFKC").replace(/[,_]/g, ""),
      from: found.index,
      to: found.index + found[0].length,
    }));
  }

  /* A number fits itself only; a word its plural and whatever it begins. */
  function fits(asked, word) {
    if (/\p{N}/u.test(asked) || asked.length < 3) return word === asked;
    return word.startsWith(asked) || (asked.length > 3 && asked.endsWith("s") && word === asked.slice(0, -1));
  }

  /* Where the asked words stand beside each other, as indices into the words of the text. */
  function phrase(asked, there) {
    return there.findIndex((_, at) => asked.every((word, i) => there[at + i] && fits(word, there[at + i].word)));
  }

  function pages() {
    return window.tinycircuitsPages.flatMap(([file, title, sections]) =>
      sections.map(([anchor, heading, text]) => ({
        link: file + anchor, page: title, heading, text, inHeading: words(heading), inText: words(text),
      })),
    );
  }

  /* How well a section answers, and the words of its text to show; nothing if no asked word is there. */
  function judged(section, asked) {
    const has = (word, there) => there.some((each) => fits(word, each.word));
    const here = asked.filter((word) => has(word, section.inHeading) || has(word, section.inText)).length;
    if (!here) return null;
    const together = phrase(asked, section.inText);
    let score = here / asked.length;
    if (here === asked.length) score += asked.every((word) => has(word, section.inHeading)) ? 3 : 1;
    if (phrase(asked, section.inHeading) >= 0) score += 3;
    if (together >= 0) score += 2;
    const first = section.inText.findIndex((each) => asked.some((word) => word.length > 2 && fits(word, each.word)));
    return { section, score, whole: here === asked.length, at: together >= 0 ? together : Math.max(first, 0) };
  }

  /* A piece of the text around a word, the asked words marked. */
  function excerpt({ section, at }, asked) {
    const line = document.createElement("p");
    const near = section.inText.slice(Math.max(at - 14, 0), at + 26);
    if (!near.length) return line;
    let done = near[0].from;
    if (done > 0) line.append("… ");
    for (const each of near.filter((each) => asked.some((word) => fits(word, each.word)))) {
      const mark = document.createElement("mark");
      mark.textContent = section.text.slice(each.from, each.to);
      line.append(section.text.slice(done, each.from), mark);
      done = each.to;
    }
    const end = near.at(-1).to;
    line.append(section.text.slice(done, end), end < section.text.length ? " …" : "");
    return line;
  }

  function item(found, asked) {
    const { section } = found;
    const link = Object.assign(document.createElement("a"), { href: section.link, textContent: section.heading });
    link.addEventListener("click", () => localStorage.setItem("sphinx_highlight_terms", asked.filter((word) => word.length > 2).join(" ")));
    const entry = document.createElement("li");
    entry.append(link);
    if (section.page !== section.heading) {
      const where = Object.assign(document.createElement("span"), { className: "tc-where", textContent: section.page });
      entry.append(" ", where);
    }
    entry.append(excerpt(found, asked));
    return entry;
  }

  function said(count, whole, query) {
    if (!count) return `Nothing found for “${query}”.`;
    const places = count === 1 ? "one section" : `${count} sections`;
    const shown = count > MOST ? `, the best ${MOST} are shown` : "";
    return whole ? `Found in ${places}${shown}.` : `No section has all of these words; ${places} ${count === 1 ? "has" : "have"} some${shown}.`;
  }

  function start() {
    const field = document.querySelector(".bd-search-container input[name=q]");
    const place = document.getElementById("search-results");
    const status = Object.assign(document.createElement("p"), { className: "tc-found" });
    status.setAttribute("role", "status");
    const list = document.createElement("ol");
    list.className = "tc-results";
    place.append(status, list);
    const all = pages();

    function show() {
      const asked = words(field.value).map((each) => each.word);
      list.replaceChildren();
      status.textContent = "";
      if (!asked.length) return;
      let found = all.map((section) => judged(section, asked)).filter(Boolean);
      const whole = found.some((each) => each.whole);
      if (whole) found = found.filter((each) => each.whole);
      found.sort((one, other) => other.score - one.score);
      status.textContent = said(found.length, whole, field.value.trim());
      list.append(...found.slice(0, MOST).map((each) => item(each, asked)));
    }

    field.value = new URLSearchParams(location.search).get("q") ?? "";
    field.addEventListener("input", show);
    show();
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
