"""Every page of the built book in Chromium, from the file system and with the network cut."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from tests.tools import BUILD, built, chromium

pytestmark = pytest.mark.browser

PAGES = sorted(path.name for path in (BUILD / "html").glob("*.html") if path.name != "index.html")
LOCAL = ("file:", "data:", "blob:")
OFFENDERS = {
    "figures that are not drawn": """
        [...document.querySelectorAll('.tc-plot')].filter(p => !p.querySelector('.main-svg')).map(p => p.id)""",
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


@dataclass
class Visit:
    """A page as a reader sees it, and what went wrong while it loaded."""

    page: Page
    foreign: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def site() -> Path:
    return built("html/intro.html", "make book").parent


def visit(browser: Browser, file: Path, *, width: int = 1280, theme: str = "light") -> Visit:
    """Open a page offline and wait until its figures are drawn."""
    context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
    context.add_init_script(f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')")
    seen = Visit(context.new_page())

    def route(request: Route) -> None:
        if request.request.url.startswith(LOCAL):
            request.continue_()
        else:
            seen.foreign.append(request.request.url)
            request.abort()

    context.route("**/*", route)
    seen.page.on("requestfailed", lambda request: seen.failed.append(request.url))
    seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
    seen.page.on("console", lambda line: seen.errors.append(line.text) if line.type in {"error", "warning"} else None)
    seen.page.goto(file.as_uri())
    seen.page.wait_for_function("document.querySelectorAll('.tc-figure:not(.tc-drawn)').length === 0", timeout=20_000)
    return seen


def test_there_is_a_book_to_look_at(site: Path) -> None:
    assert PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_without_a_network(browser: Browser, site: Path, name: str) -> None:
    seen = visit(browser, site / name)
    assert seen.foreign == []
    assert seen.failed == []
    assert seen.errors == []
    for what, offenders in OFFENDERS.items():
        assert seen.page.evaluate(offenders) == [], what
    seen.page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_text_does_not_scroll_sideways_on_a_narrow_screen(browser: Browser, site: Path, name: str) -> None:
    seen = visit(browser, site / name, width=360)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 360
    seen.page.context.close()


def test_figures_follow_the_theme(browser: Browser, site: Path) -> None:
    plotted = [name for name in PAGES if "tc-plot" in (site / name).read_text(encoding="utf-8")]
    assert plotted
    seen = visit(browser, site / plotted[0])
    colour = "getComputedStyle(document.querySelector('.tc-plot .xtick text, .tc-plot .ytick text')).fill"
    light = seen.page.evaluate(colour)
    seen.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    seen.page.wait_for_function(f"{colour} !== '{light}'", timeout=5_000)
    dark = seen.page.evaluate(colour)
    seen.page.evaluate("document.documentElement.dataset.theme = 'light'")
    seen.page.wait_for_function(f"{colour} === '{light}'", timeout=5_000)
    assert dark != light
    seen.page.context.close()


def test_a_reader_with_a_keyboard_chooses_a_sum_and_sees_all_heads(browser: Browser, site: Path) -> None:
    seen = visit(browser, site / "heads.html", width=360)
    figure = seen.page.locator(".tc-figure:has(#plot-heads-choose-d)")
    a, b, said = figure.get_by_label("a", exact=True), figure.get_by_label("b", exact=True), figure.locator("output")
    cells = "document.getElementById('plot-heads-choose-d').data[0].z.flat()"
    at_first = seen.page.evaluate(cells)
    a.fill("5")
    b.fill("7")
    b.press("ArrowUp")
    assert said.inner_text() == "the model answers 13"
    table = pd.read_csv(site / "figures/heads/heads-three-sums.csv")
    expected = table[table.panel == "5 + 8"]["attention weight"].tolist()
    shown = seen.page.evaluate(cells)
    assert shown == pytest.approx(expected, abs=0.5 / 255 + 1e-5) != at_first
    for wrong in ("113", "-1", "1.5", ""):
        a.fill(wrong)
        assert said.inner_text() == "a must be a whole number from 0 to 112"
        assert seen.page.evaluate(cells) == shown
    assert seen.errors == []
    seen.page.context.close()


def test_the_heads_of_all_sums_weigh_little(site: Path) -> None:
    page = (site / "heads.html").read_text(encoding="utf-8")
    figures = re.findall(r'<script type="application/json">(.*?)</script>', page, re.S)
    explorers = [figure for figure in figures if '"explorer"' in figure]
    assert len(explorers) == 2
    assert sum(map(len, explorers)) < 1_500_000
