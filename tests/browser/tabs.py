"""A reader's tab: offline, of one width and theme, and what went wrong in it."""

import gzip
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

Theme = Literal["light", "dark"]
LOCAL = ("file:", "data:", "blob:")


@dataclass
class Visit:
    """A page as a reader sees it, and what went wrong while it loaded."""

    page: Page
    foreign: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    loaded: set[str] = field(default_factory=set)

    @property
    def weight(self) -> int:
        """Bytes of all that was loaded, each file compressed as a server sends it."""
        return sum(map(sent, {Path(unquote(urlsplit(url).path)) for url in self.loaded if url.startswith("file:")}))


@cache
def sent(path: Path) -> int:
    """Bytes of a file as a server sends it."""
    data = path.read_bytes()
    return len(data if path.suffix in {".woff2", ".png"} else gzip.compress(data))


class Tab:
    """A tab, offline, of a reader with a screen of this width whose system is light or dark."""

    def __init__(self, browser: Browser, width: int, theme: Theme) -> None:
        size = {"width": width, "height": 900}
        self.page = browser.new_context(viewport=size, color_scheme=theme, offline=True).new_page()
        self.seen = Visit(self.page)
        self.page.on("request", self._asked)
        self.page.on("requestfailed", lambda request: self.seen.failed.append(request.url))
        self.page.on("pageerror", lambda error: self.seen.errors.append(str(error)))
        self.page.on("console", self._said)

    def _asked(self, request: Request) -> None:
        if request.url.startswith(LOCAL):
            self.seen.loaded.add(request.url)
        else:
            self.seen.foreign.append(request.url)

    def _said(self, line: ConsoleMessage) -> None:
        if line.type in {"error", "warning"}:
            self.seen.errors.append(line.text)

    def leave(self) -> None:
        """Forget what was seen and what the page stored, so that the next one is that of a reader new to the book."""
        if self.page.url.startswith("file:"):
            self.page.evaluate("localStorage.clear(); sessionStorage.clear()")
            self.page.goto("about:blank")
            self.page.mouse.move(0, 0)
        self.seen = Visit(self.page)


tab = cache(Tab)


READY = """!document.querySelector(".tc-predict, .tc-exercise, .tc-progress")
    || document.documentElement.dataset.exercises === 'ready'"""
"""When the exercises of a page can be answered, if it has any."""
SHOW = """() => { for (const button of document.querySelectorAll(".tcx-show")) button.click(); }"""
"""Ask for what waits for a guess."""


def visit(browser: Browser, file: Path, *, width: int = 1280, theme: Theme = "light") -> Visit:
    """Open a page offline, as a first-time reader whose system is light or dark, and wait until it is drawn.

    She does not guess: what waits for that is shown.

    It is opened in a tab that others were in before: a window of its own costs more processor time than what it shows,
    and the scripts of the pages are compiled once in a tab.
    """
    used = tab(browser, width, theme)
    used.leave()
    used.page.goto(file.as_uri())
    used.page.wait_for_function(READY)
    used.page.evaluate(SHOW)
    return used.seen


FADED = """document.getAnimations().every(
    (each) => !(each instanceof CSSTransition) || each.playState !== "running"
)"""
"""Whether colours have passed from one theme to the other, or to that of a page that is opened."""


COLOURS = ["color-contrast", "link-in-text-block"]
"""What axe asks of colours: all that a theme changes."""
LIKE_FEW = """() => {
    const seen = new Map();
    const mark = (element, behind, before) => {
        const style = getComputedStyle(element);
        const { color, fontSize, fontWeight, textDecorationLine } = style;
        const stack = `${behind}|${style.backgroundColor}|${style.backgroundImage}|${style.opacity}`;
        const lifted = before || ["absolute", "fixed"].includes(style.position);
        const own = element.matches("input, select, textarea") ||
            [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
        element.classList.remove("like-few");
        if (own && element.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true })) {
            const around = getComputedStyle(element.parentElement).color;
            const kind = [stack, color, fontSize, fontWeight, textDecorationLine, element.localName, around].join();
            seen.set(kind, (seen.get(kind) ?? 0) + 1);
            if (lifted || seen.get(kind) <= 3) element.classList.add("like-few");
        }
        for (const child of element.children) if (child.localName !== "svg") mark(child, stack, lifted);
    };
    mark(document.body, "", false);
}"""
"""Marks words that at most two others before are like: of the same kind and size, in the same colours before the same
grounds; and all that are lifted out of their place, which may lie before anything. Axe would spend most of its time on
words of tables and listings, of which thousands are alike, and on those of drawings, of which it says nothing."""


def violations(page: Page) -> list[tuple[str, list[str]]]:
    """What axe finds that is serious."""
    return _found(page, {"rules": {rule: {"enabled": False} for rule in COLOURS}}) + colours_missed(page)


def colours_missed(page: Page) -> list[tuple[str, list[str]]]:
    """What axe finds that is serious in the colours of the theme."""
    page.evaluate(LIKE_FEW)
    return _found(page, {"runOnly": COLOURS}, {"include": [[".like-few"]]})


def _found(page: Page, options: dict[str, Any], context: dict[str, Any] | None = None) -> list[tuple[str, list[str]]]:
    # No preload: from the file system axe may not read the style sheets, and needs none of what they would tell.
    options = {"resultTypes": ["violations"], "preload": False} | options
    found = Axe().run(page, context=context, options=options).response["violations"]
    grave = [each for each in found if each["impact"] in {"serious", "critical"}]
    return [(each["id"], [node["target"] for node in each["nodes"]]) for each in grave]
