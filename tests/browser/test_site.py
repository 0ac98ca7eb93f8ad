"""Every page of the built book in Chromium, from the file system and with the network cut."""

import json
import re
from collections.abc import Iterator
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import nbformat
import pandas as pd
import pytest
from fontTools.ttLib import TTFont
from playwright.sync_api import Browser, Locator, Page

from tests.browser.tabs import FADED, colours_missed, violations, visit
from tests.tools import BUILD

pytestmark = pytest.mark.browser

PAGES = sorted(path.name for path in (BUILD / "html").glob("*.html") if path.name not in {"404.html", "index.html"})
OFFENDERS = {
    "figures whose drawing is not seen": """
        [...document.querySelectorAll('.tc-still')]
            .filter(still => !still.closest('.tcl-ready'))
            .filter(still => ![...still.querySelectorAll('svg')].some(svg => svg.clientHeight > 40))
            .map(still => still.parentElement.id)""",
    "scripts for what nobody explores": "[...document.scripts].filter(s => s.src.includes('plotly')).map(s => s.src)",
    "images that are not shown": "[...document.images].filter(i => !i.naturalWidth).map(i => i.src)",
    "figures without a number, a caption or words for what they show": """
        [...document.querySelectorAll('figure')].filter(figure =>
            !figure.querySelector('[role=group][aria-label], [role=img][aria-label], img[alt]')
            || !figure.querySelector('figcaption .caption-number')).map(figure => figure.id)""",
    "search boxes after the first": """
        [...document.querySelectorAll('.search-button-field, .search-button')]
            .filter(box => box.checkVisibility()).slice(1).map(box => box.outerHTML)""",
    "empty headings": """
        [...document.querySelectorAll('h1, h2, h3, h4')]
            .filter(heading => heading.checkVisibility() && !heading.innerText.trim()).map(h => h.outerHTML)""",
}


def explore(page: Page, name: str = "") -> Locator:
    """Press the button of a figure, the first of the page without a ``name``, and wait until it is drawn."""
    figure = page.locator(f"#plot-{name}" if name else ".tc-figure").first
    figure.locator(".tc-explore").press("Enter")
    page.wait_for_function("document.querySelector('.tc-open .tc-plot .main-svg')", timeout=20_000)
    return figure


def test_there_is_a_book_to_look_at(site: Path) -> None:
    assert PAGES


INKS = """(() => {
    const words = document.querySelectorAll('.tc-still text[style*="currentColor"]');
    return [...new Set([...words].map((text) => getComputedStyle(text).fill))];
})()"""
"""The colours of the words in drawings, which axe does not judge."""
INK = {"light": "rgb(36, 41, 47)", "dark": "rgb(227, 231, 236)"}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_accessible_in_both_themes_without_a_network(
    browser: Browser, site: Path, name: str
) -> None:
    seen = visit(browser, site / name, theme="dark")
    page = seen.page
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate(INKS) in ([], [INK["dark"]])
    page.wait_for_function(FADED)
    assert colours_missed(page) == []
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    page.wait_for_function(f"['', '{INK['light']}'].includes({INKS}.join())", timeout=10_000)
    page.wait_for_function(FADED)
    assert violations(page) == []
    for what, offenders in OFFENDERS.items():
        assert page.evaluate(offenders) == [], what
    assert (seen.foreign, seen.failed, seen.errors) == ([], [], [])
    assert seen.weight <= 510_000


FAINT = {
    "words of a caption": "figcaption * { color: #999 !important }",
    "tokens of a listing": "pre span { color: #bbb !important }",
    "heads of a table": "th { opacity: 0.4 }",
    "the last cell of a table": "tr:last-child td:last-child { color: #aaa !important }",
    "what stands in it": "tr:last-child td:last-child * { color: #aaa !important }",
    "its ground": "tr:last-child td:last-child { background: #777 }",
    "all of it": "tr:last-child td:last-child { opacity: 0.4 }",
    "words of code": ":not(pre) > code { color: #e88 !important }",
    "links that only their colour tells": "p a { text-decoration: none !important; color: #444 !important }",
    "what a field holds": "input, select { color: #bbb !important }",
}
"""Styles with words that are hard to read, by which words these are."""


def test_words_that_are_hard_to_read_are_noticed_wherever_they_stand(browser: Browser, site: Path) -> None:
    page = visit(browser, site / "seeds.html").page
    page.wait_for_function(FADED)
    assert colours_missed(page) == []
    for where, style in FAINT.items():
        planted = page.add_style_tag(content=style)
        page.wait_for_function(FADED)
        assert colours_missed(page), where
        planted.evaluate("style => style.remove()")
        page.wait_for_function(FADED)


@pytest.mark.parametrize("name", PAGES)
def test_text_does_not_scroll_sideways_on_a_narrow_screen(browser: Browser, site: Path, name: str) -> None:
    seen = visit(browser, site / name, width=360)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert (seen.foreign, seen.failed, seen.errors) == ([], [], [])


WATCH = """() => {
    window.moved = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((shift) => (window.moved += shift.value)))
        .observe({ type: "layout-shift" });
}"""
"""Add up how far things on the screen move from now on, also in answer to the reader."""
BOXES = "[...document.querySelectorAll('.tc-box')].map((box) => [box.offsetTop, box.clientWidth, box.clientHeight])"


@pytest.mark.parametrize("width", [1280, 390])
def test_a_figure_is_drawn_anew_in_its_place_when_a_reader_explores_it(
    browser: Browser, site: Path, width: int
) -> None:
    seen = visit(browser, site / "attention.html", width=width)
    page = seen.page

    def scripts() -> list[str]:
        return sorted(Path(urlsplit(url).path).name for url in seen.loaded if "plotly" in url or "/figures/" in url)

    page.wait_for_function("document.fonts.status === 'loaded'")
    before = page.evaluate(BOXES)
    page.locator(".tc-explore").first.scroll_into_view_if_needed()
    page.evaluate(WATCH)
    assert scripts() == []
    first = explore(page)
    name = str(first.get_attribute("id")).removeprefix("plot-")
    assert scripts() == sorted([f"{name}.js", "plotly.min.js"])
    drawn, box = (first.locator(part).bounding_box() for part in (".tc-plot .main-svg >> nth=0", ".tc-box"))
    assert drawn
    assert box
    assert drawn["width"] <= box["width"] + 1
    assert drawn["height"] <= box["height"] + 1
    assert page.evaluate(BOXES) == before
    assert page.evaluate("window.moved") < 0.001, "no more than the word on the button"
    assert first.locator(".tc-plot").get_attribute("aria-label") == first.locator(".tc-still").get_attribute(
        "aria-label"
    )
    assert violations(page) == []
    page.locator(".tc-figure .tc-still").nth(1).click()
    page.wait_for_function("document.querySelectorAll('.tc-open').length === 2", timeout=20_000)
    assert scripts().count("plotly.min.js") == 1
    first.locator(".tc-explore").press("Enter")
    assert page.locator(".tc-open").count() == 1
    assert first.locator(".tc-still").is_visible()
    assert (seen.foreign, seen.failed, seen.errors) == ([], [], [])


def test_a_figure_that_is_explored_follows_the_theme_and_the_width(browser: Browser, site: Path) -> None:
    page = visit(browser, site / "attention.html").page
    figure = explore(page)
    colour = "getComputedStyle(document.querySelector('.tc-plot .xtick text, .tc-plot .ytick text')).fill"
    for theme in ("dark", "light"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        page.wait_for_function(f"{colour} === '{INK[theme]}'", timeout=5_000)
    size = page.viewport_size
    assert size
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_function("document.querySelector('.tc-plot .main-svg').clientWidth <= 390", timeout=10_000)
    box, drawn = figure.locator(".tc-box").bounding_box(), figure.locator(".tc-plot .main-svg").first.bounding_box()
    page.set_viewport_size(size)
    assert box
    assert drawn
    assert drawn["height"] <= box["height"] + 1


@pytest.mark.parametrize("name", ["intro.html", "ablation.html", "circuit.html", "compute.html", "seeds.html"])
def test_on_a_phone_panels_stand_under_each_other_and_no_figure_scrolls(
    browser: Browser, site: Path, name: str
) -> None:
    page = visit(browser, site / name, width=390).page
    assert page.locator(".tc-two > .tc-narrow").count() > 0
    assert (
        page.evaluate("[...document.querySelectorAll('.tc-two > .tc-wide')].filter((w) => w.clientWidth).length") == 0
    )
    scrolling = "[...document.querySelectorAll('.tc-box')].filter((b) => b.scrollWidth > b.clientWidth + 1).length"
    assert page.evaluate(scrolling) == 0


def test_on_a_phone_the_caption_of_a_folded_table_is_read_without_scrolling(browser: Browser, site: Path) -> None:
    page = visit(browser, site / "pizza.html", width=390).page
    page.evaluate("document.querySelectorAll('.tc-folded').forEach((folded) => (folded.open = true))")
    over = """[...document.querySelectorAll('.tc-folded caption')].map((caption) => {
        const box = caption.closest('.pst-scrollable-table-container');
        return caption.getBoundingClientRect().right - box.getBoundingClientRect().right;
    })"""
    found = page.evaluate(over)
    assert found
    assert max(found) <= 0


def test_paper_shows_the_drawing_and_not_what_was_explored(browser: Browser, site: Path) -> None:
    page = visit(browser, site / "attention.html").page
    figure = explore(page)
    page.emulate_media(media="print")
    on_paper = [figure.locator(part).is_visible() for part in (".tc-still", ".tc-plot", ".tc-explore")]
    page.emulate_media(media="screen")
    assert on_paper == [True, False, False]


def test_without_scripts_there_is_the_drawing_and_no_gap(browser: Browser, site: Path) -> None:
    page = browser.new_context(java_script_enabled=False, offline=True).new_page()
    page.goto((site / "attention.html").as_uri())
    figure = page.locator(".tc-figure:has(select)").first
    shown = [figure.locator(part).is_visible() for part in (".tc-wide svg", ".tc-explore", ".tc-choice")]
    whole, drawing = figure.bounding_box(), figure.locator(".tc-wide svg").bounding_box()
    page.context.close()
    assert shown == [True, False, False]
    assert whole
    assert drawing
    assert whole["height"] == pytest.approx(drawing["height"], abs=2)


def test_every_sign_of_a_formula_is_in_the_typeface_of_formulas(site: Path) -> None:
    known = TTFont(site / "_static/TinyMath.woff").getBestCmap()
    for name in PAGES:
        formulas = re.findall(r"<math.*?</math>", (site / name).read_text(encoding="utf-8"), re.S)
        signs = {sign for formula in formulas for sign in unescape(re.sub(r"<[^>]*>|\s", "", formula))}
        assert {sign for sign in signs if ord(sign) not in known} == set(), name


def test_a_citation_tells_what_it_cites_to_pointer_and_keyboard(browser: Browser, site: Path) -> None:
    bibliography = re.sub("<[^>]*>", "", (site / "bibliography.html").read_text(encoding="utf-8"))
    seen = visit(browser, site / "attention.html")
    citation = seen.page.locator('a[href*="bibliography.html#"]').first
    for show in (citation.hover, citation.focus):
        show()
        assert seen.page.locator(".tooltip-inner").inner_text() in bibliography
        seen.page.mouse.move(0, 0)
        seen.page.evaluate("document.activeElement.blur()")
        seen.page.wait_for_function("!document.querySelector('.tooltip')", timeout=5_000)


def test_a_word_of_the_glossary_says_what_it_means_to_pointer_keyboard_and_screen_reader(
    browser: Browser, site: Path
) -> None:
    seen = visit(browser, site / "transformer.html")
    word = seen.page.locator("a.tc-term").first
    term = unquote(urlsplit(word.get_attribute("href") or "").fragment)
    entry = (site / "notation.html").read_text(encoding="utf-8").partition(f'id="{term}"')[2].partition("<dd>")[2]
    meaning = " ".join(re.sub("<[^>]*>", "", entry.partition('<span class="tc-explained">')[0]).split())
    for show in (word.hover, word.focus):
        show()
        assert seen.page.locator(".tooltip-inner").inner_text() == meaning
        said = seen.page.locator(f"#{word.get_attribute('aria-describedby')}")
        assert said.get_attribute("role") == "tooltip"
        seen.page.mouse.move(0, 0)
        seen.page.evaluate("document.activeElement.blur()")
        seen.page.wait_for_function("!document.querySelector('.tooltip')", timeout=5_000)


def test_the_keyboard_reaches_the_text_the_search_and_the_figures(browser: Browser, site: Path) -> None:
    seen = visit(browser, site / "attention.html")
    page = seen.page
    page.keyboard.press("Tab")
    assert "Skip to main content" in page.evaluate("document.activeElement.innerText")
    page.keyboard.press("Control+k")
    page.wait_for_function("document.activeElement.matches('input[type=search]')", timeout=5_000)
    page.keyboard.press("Escape")
    menu = page.locator(".tc-choice select").first
    name = page.locator(".tc-figure:has(select)").first.get_attribute("id")
    assert not menu.is_visible()
    explore(page, str(name).removeprefix("plot-"))
    cells = f"document.querySelector('#{name} .tc-plot').data[0].z"
    before = page.evaluate(cells)
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.tagName") == "SELECT"
    page.keyboard.press("ArrowDown")
    assert page.evaluate(cells) != before


def test_a_tree_of_boxes_opens_where_a_reader_opens_it(browser: Browser, site: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto((site / "proof.html").as_uri())
    rows = page.locator("#tbl-proof-tree tbody tr")
    shown = rows.locator("visible=true")
    everything, turns = rows.count(), page.locator("#tbl-proof-tree .tc-turn")
    assert (shown.count(), everything > 7) == (3, True), "the whole box and its halves"
    turns.nth(1).focus()
    page.keyboard.press("Enter")
    assert shown.count() == 5
    turns.first.click()
    assert shown.count() == 1
    turns.first.click()
    assert shown.count() == 5, "what was open below is open again"
    page.emulate_media(media="print")
    assert shown.count() == everything
    page.context.close()


def results(page: Page, query: str) -> list[tuple[str, str]]:
    """Where the results of a search lead and what they show."""
    page.locator(".bd-search-container input").fill(query)
    found = page.locator(".tc-results li")
    return [(each.locator("a").get_attribute("href") or "", each.inner_text()) for each in found.all()]


def test_a_search_finds_numbers_and_phrases_in_their_sections_without_a_server(browser: Browser, site: Path) -> None:
    seen = visit(browser, site / "search.html")
    seen.page.goto((site / "search.html").as_uri() + "?q=entropy")
    seen.page.wait_for_selector(".tc-results li a", timeout=10_000)
    assert seen.page.locator('.tc-results a[href="words.html#entropy-and-mutual-information"]').count()
    first, text = results(seen.page, "217 of 1,000")[0]
    assert first.startswith("seeds.html#")
    assert "217 of 1,000" in " ".join(text.split()).replace(" ;", ";")
    assert results(seen.page, "217 of 1000")[0][0] == first
    for phrase in ("residual stream", "random push"):
        assert phrase in results(seen.page, phrase)[0][1].lower()
    assert results(seen.page, "heatmap(")[:1] != results(seen.page, "attention")[:1]
    assert all("import " not in text for _, text in results(seen.page, "pandas"))
    assert results(seen.page, "zyzzyva") == []
    assert "Nothing found" in seen.page.locator(".tc-found").inner_text()
    assert (seen.foreign, seen.errors) == ([], [])


def test_a_result_leads_to_its_section_and_marks_the_words(browser: Browser, site: Path) -> None:
    seen = visit(browser, site / "search.html")
    target, _ = results(seen.page, "hold for a control")[0]
    seen.page.locator(".tc-results a").first.click()
    seen.page.wait_for_url(f"**/{target}")
    assert seen.page.locator("span.highlighted").count()


def test_the_sign_of_the_search_covers_no_letter(browser: Browser, site: Path) -> None:
    page = visit(browser, site / "search.html").page
    sign = page.locator(".bd-search-container i").bounding_box()
    field = page.locator(".bd-search-container input")
    left = float(
        field.evaluate("field => field.getBoundingClientRect().x + parseFloat(getComputedStyle(field).paddingLeft)")
    )
    assert sign
    assert sign["x"] + sign["width"] < left


@pytest.fixture(scope="session")
def server(site: Path) -> Iterator[str]:
    """The address at which a server shows the site in a folder, and the page for what is not there at any depth."""

    class Handler(SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            return str(site / unquote(urlsplit(path).path).removeprefix("/book/"))

        def send_error(self, code: int, *words: str | None) -> None:
            self.send_response(code)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write((site / "404.html").read_bytes())

        def log_message(self, *words: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}/book/"
        serving.shutdown()


@pytest.mark.parametrize("wrong", ["nowhere.html", "a/b/c/nowhere"])
def test_a_wrong_address_leads_back_to_the_book(browser: Browser, server: str, wrong: str) -> None:
    page = browser.new_context().new_page()
    page.goto(server + wrong)
    page.wait_for_function(f"document.links[0].href === '{server}intro.html'", timeout=5_000)
    assert violations(page) == []
    page.locator("input").fill("entropy")
    page.keyboard.press("Enter")
    page.wait_for_selector(".tc-results li", timeout=10_000)
    assert page.url == f"{server}search.html?q=entropy"
    page.context.close()


SHIFTS = """
    window.shifted = 0;
    new PerformanceObserver(list => list.getEntries().forEach(entry => { window.shifted += entry.value; }))
        .observe({type: 'layout-shift', buffered: true});"""


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_moves_while_a_page_loads(browser: Browser, server: str, width: int) -> None:
    for name in ("attention.html", "held.html", "workbench.html"):
        with browser.new_context(viewport={"width": width, "height": 900}) as context:
            page = context.new_page()
            page.add_init_script(SHIFTS)
            page.goto(f"{server}/{name}", wait_until="load")
            page.wait_for_timeout(800)
            assert page.evaluate("window.shifted") < 0.02, name


def test_code_can_be_copied(browser: Browser, site: Path) -> None:
    seen = visit(browser, site / "listing.html")
    cells = seen.page.locator("div.cell_input div.highlight").count()
    assert cells > 0
    assert seen.page.locator("div.cell_input button.copybtn").count() == cells


def test_paper_is_white_whatever_the_screen_is(browser: Browser, site: Path) -> None:
    seen = visit(browser, site / "attention.html", theme="dark")
    themes = seen.page.evaluate("""() => {
        const theme = () => document.documentElement.dataset.theme;
        window.dispatchEvent(new Event("beforeprint"));
        const printed = theme();
        window.dispatchEvent(new Event("afterprint"));
        return [printed, theme()];
    }""")
    assert themes == ["light", "dark"]


def test_every_page_leads_on(site: Path) -> None:
    onward = re.compile(r'<a class="right-next"\s+href="([^"]+)"')
    visited = ["intro.html"]
    while found := onward.search((site / visited[-1]).read_text(encoding="utf-8")):
        assert found[1] not in visited
        visited.append(found[1])
    assert sorted(visited) == sorted(set(PAGES) - {"genindex.html", "search.html"})


STATE = re.compile(r"m=\w")
"""What stands in an address for a state of the live model."""


def test_every_local_link_leads_to_something(site: Path) -> None:
    pages = {path.name: path.read_text(encoding="utf-8") for path in site.glob("*.html")}
    broken = []
    for name, text in pages.items():
        for link in re.findall(r'<a\b[^>]*?href="([^"]*)"', text):
            parts = urlsplit(link)
            if parts.scheme or not (parts.path or parts.fragment):
                continue
            target = site / unquote(parts.path) if parts.path else site / name
            anchor = "" if STATE.match(parts.fragment) else unquote(parts.fragment)
            if not target.exists() or (anchor and f'id="{anchor}"' not in pages.get(target.name, f'id="{anchor}"')):
                broken.append(f"{name}: {link}")
    assert broken == []


def test_every_chapter_can_be_downloaded_as_an_executed_notebook(site: Path) -> None:
    linked = {
        name: re.findall(r'href="(notebooks/[^"]+)"', (site / name).read_text(encoding="utf-8")) for name in PAGES
    }
    assert linked["attention.html"] == ["notebooks/attention.ipynb"]
    for name in (name for name, files in linked.items() if files):
        notebook = nbformat.read(site / "notebooks" / name.replace(".html", ".ipynb"), as_version=4)
        nbformat.validate(notebook)
        assert [cell.id for cell in notebook.cells if cell.cell_type == "code" and not cell.execution_count] == [
            "install"
        ], name
        prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        assert re.findall(r"\{[a-z:]+\}`[^`]*`|^:::.*", prose, re.M) == [], name


def test_the_site_is_small(site: Path) -> None:
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) <= 40_000_000


def test_a_reader_with_a_keyboard_chooses_a_sum_and_sees_all_heads(browser: Browser, site: Path) -> None:
    seen = visit(browser, site / "heads.html", width=360)
    figure = explore(seen.page, "heads-choose-d")
    a, b, said = figure.get_by_label("a", exact=True), figure.get_by_label("b", exact=True), figure.locator("output")
    cells = "document.querySelector('#plot-heads-choose-d .tc-plot').data[0].z.flat()"
    at_first = seen.page.evaluate(cells)
    a.fill("5")
    b.fill("7")
    b.press("ArrowUp")
    assert said.inner_text() == "the model answers 13"
    table = pd.read_csv(site / "figures/heads/heads-three-sums.csv")
    expected = table[table.panel == "5 + 8"]["attention weight"].tolist()
    shown = seen.page.evaluate(cells)
    assert shown == pytest.approx(expected, abs=0.005 + 1e-5) != at_first
    for wrong in ("113", "-1", "1.5", ""):
        a.fill(wrong)
        assert said.inner_text() == "a must be a whole number from 0 to 112"
        assert seen.page.evaluate(cells) == shown
    assert seen.errors == []


def test_the_heads_of_all_sums_weigh_little(site: Path) -> None:
    figures = [path.read_text(encoding="utf-8") for path in sorted((site / "figures/heads").glob("*.js"))]
    explorers = [figure for figure in figures if '"explorer"' in figure]
    assert [len(explorer) < 500_000 for explorer in explorers] == [True, True]


def test_a_reader_sees_the_statements_of_one_article_and_one_verdict(browser: Browser, site: Path) -> None:
    seen = visit(browser, site / "held.html")
    rows = seen.page.locator("table.tc-filter-0 tbody tr")
    everything = rows.count()
    seen.page.get_by_label("article:").focus()
    seen.page.keyboard.type("C")
    left = rows.filter(visible=True)
    assert 0 < left.count() < everything
    assert {row.split()[0] for row in left.all_inner_texts()} == {"C"}
    seen.page.get_by_label("verdict:").select_option("holds")
    assert {row.split()[-1] for row in left.all_inner_texts()} == {"holds"}
    assert f"{left.count()} of {everything}" in seen.page.locator(".tc-choice output").inner_text()
    left.first.get_by_role("link").first.click()
    assert seen.page.locator(".tc-entry:target").is_visible()
    assert seen.page.locator(".tc-entry:target .tc-entry-body").is_visible(), "the entry is open"


def test_one_number_of_the_ledger_is_found_read_and_cited_with_the_keyboard(browser: Browser, server: str) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{server}held.html#claim-a4")
    entry = page.locator("#claim-a4")
    assert entry.locator(".tc-entry-body").is_visible()
    assert entry.locator("table tr").nth(1).inner_text().split()[:6] == ["meet", "the", "rule", "15", "of", "45"]
    entry.locator(".tc-cite button").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#claim-a4 .tc-cite button').innerText === 'copied'", timeout=5_000)
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("Article A, statement A4, ")
    assert copied.endswith(f"{server}held.html#claim-a4")
    other = page.locator("#claim-a5 > summary")
    other.focus()
    page.keyboard.press("Enter")
    assert page.locator("#claim-a5 .tc-entry-body").is_visible()
    context.close()


def test_every_verdict_has_words_a_sign_and_a_colour(browser: Browser, site: Path) -> None:
    page = visit(browser, site / "held.html").page
    looks = page.evaluate("""() => Object.fromEntries(
        [...document.querySelectorAll("summary .tc-verdict")].map((each) => {
            const sign = getComputedStyle(each, "::before");
            return [each.innerText, [getComputedStyle(each).color, sign.maskImage]];
        })
    )""")
    assert len(looks) >= 3
    assert len({colour for colour, _ in looks.values()}) == len({sign for _, sign in looks.values()}) == len(looks)


def test_the_ledger_is_there_as_data(site: Path) -> None:
    table = pd.read_csv(site / "data/statements.csv")
    listed = json.loads((site / "data/statements.json").read_text(encoding="utf-8"))
    assert list(table.id) == [each["id"] for each in listed]
    page = (site / "held.html").read_text(encoding="utf-8")
    for identity in table.id:
        assert page.count(f'id="claim-{identity.lower()}"') == 1
    assert all(f"<p>{column}</p>" in page for column in table.columns)


def test_every_page_says_once_what_it_is(site: Path) -> None:
    for name in PAGES:
        text = (site / name).read_text(encoding="utf-8")
        assert text.count('name="viewport"') == 1, name
        assert text.count('rel="icon"') == 1, name
        assert text.count('class="tc-colophon"') == 1, name
        if name not in {"genindex.html", "search.html"}:
            assert re.search(r'<meta name="description" content="[^"]{10,200}" />', text), name
