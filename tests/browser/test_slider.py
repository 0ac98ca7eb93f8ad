"""The slider over the rounds of a training in Chromium: it shows and tells the round that it stands at."""

import re
import shutil
from pathlib import Path

import numpy as np
import plotly
import pytest
from playwright.sync_api import Browser

from tests.browser.tabs import violations, visit
from tinycircuits.display import slider
from tinycircuits.sphinxext.pages import live

pytestmark = pytest.mark.browser

ROUNDS = [0, 500, 1000, 1500]
LOSS = {"training pairs": [4.0, 1.0, 0.121, 0.0078], "held-out pairs": [4.0, 5.0, 2.0, 0.019]}
WRONG = {"training pairs": [3829, 1, 0, 0], "held-out pairs": [8938, 8627, 14.6, 3]}
SHARES = np.random.default_rng(0).dirichlet(np.ones(8) / 3, (2, 4))
STATIC = Path(live.__file__).parent / "static"
PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Slider</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="tinycircuits.css"><style>
:root {{ --tc-ink: #24292f; --tc-line: #6e7781; --tc-grid: #d0d7de; --pst-color-link: #0a5d91; }}
@media (prefers-color-scheme: dark) {{ :root {{ --tc-ink: #e6edf3; --tc-line: #8b949e; --tc-grid: #3d444d;
  --pst-color-link: #7fc1f5; }} body {{ background: #14181e; color: #e6edf3; }} }}
</style></head><body><main class="bd-article"><h1>Slider</h1><figure>{figure}</figure></main>
<script src="tinycircuits.js"></script></body></html>"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with a slider over four rounds."""
    return written(tmp_path_factory.mktemp("slider"), LOSS, ("embedding", "logits"))


def written(folder: Path, curves: dict[str, list[float]], names: tuple[str, str], *, log_y: bool = True) -> Path:
    """A page with a slider over these curves, and spectra with these names."""
    figure = slider(
        curves, dict(zip(names, SHARES, strict=True)), rounds=ROUNDS, at=(0, 1000), unit="step",
        y_title="loss (nats)", name="a-figure", log_y=log_y,
    )  # fmt: skip
    shutil.copy(STATIC / "tinycircuits.js", folder)
    style = (STATIC / "tinycircuits.css").read_text()
    (folder / "tinycircuits.css").write_text(re.sub(r"@font-face \{.*?\}", "", style, flags=re.S))
    shutil.copy(Path(plotly.__file__).parent / "package_data/plotly.min.js", folder)
    (folder / "a-figure.js").write_text(figure.live())
    html = figure.html().replace('data-live=""', 'data-live="a-figure.js"')
    html = html.replace('aria-label=""', 'aria-label="Bars"')
    (folder / "page.html").write_text(PAGE.format(figure=html))
    return folder / "page.html"


DRAWN = """() => {
    const { data } = document.querySelector('.tc-plot');
    const mark = data.filter((trace) => trace.type === 'scatter').at(-1);
    return { mark: mark.x, bars: data.filter((trace) => trace.type === 'bar').map((trace) => [...trace.y]) };
}"""


def test_a_reader_moves_through_the_rounds_by_keyboard(browser: Browser, file: Path) -> None:
    seen = visit(browser, file, width=360, theme="dark")
    page, said = seen.page, seen.page.locator(".tc-slider output")
    assert page.locator(".tc-still").is_visible()
    page.get_by_role("slider", name="step").focus()
    for key, at in (("End", 3), ("ArrowLeft", 2), ("Home", 0)):
        page.keyboard.press(key)
        step = f"step {ROUNDS[at]:,}"
        page.wait_for_function(
            "step => document.querySelector('.tc-slider output').textContent.startsWith(step)", arg=step
        )
        drawn = page.evaluate(DRAWN)
        assert drawn["mark"] == [ROUNDS[at]] * 2
        assert np.abs(np.array(drawn["bars"]) - SHARES[:, at]).max() <= SHARES.max() / 500
        losses, most = said.inner_text().removesuffix(".").split(". Largest: ")
        assert losses == f"{step}: " + ", ".join(f"{name} {values[at]:.2g}" for name, values in LOSS.items())
        told = re.findall(r"(\w+) k = (\d+) \((\.\d+|1|0)\)", most)
        for (name, k, share), expected, table in zip(told, ("embedding", "logits"), SHARES, strict=True):
            assert (name, int(k)) == (expected, int(table[at].argmax()) + 1)
            assert float(share) == pytest.approx(table[at].max(), abs=0.008)
        assert page.get_by_role("slider").get_attribute("aria-valuetext") == step
    assert page.locator(".tc-open").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert violations(page) == []
    page.locator(".tc-explore").press("Enter")
    assert page.locator(".tc-still").is_visible()
    assert (seen.errors, seen.failed) == ([], [])


def test_counts_and_names_are_told_in_full_and_without_markup(browser: Browser, tmp_path: Path) -> None:
    seen = visit(browser, written(tmp_path, WRONG, ("W_E", "W_out W_U"), log_y=False))
    page, said = seen.page, seen.page.locator(".tc-slider output")
    page.get_by_role("slider", name="step").focus()
    told = []
    for key, at in (("ArrowRight", 1), ("ArrowRight", 2), ("Home", 0)):
        page.keyboard.press(key)
        page.wait_for_function(
            "step => document.querySelector('.tc-slider output').textContent.startsWith(step)",
            arg=f"step {ROUNDS[at]:,}:",
        )
        told.append(said.inner_text())
    assert [each.split(". Largest: ")[0] for each in told] == [
        "step 500: training pairs 1, held-out pairs 8,627",
        "step 1,000: training pairs 0, held-out pairs 15",
        "step 0: training pairs 3,829, held-out pairs 8,938",
    ]
    assert all(re.search(r"Largest: W_E k = \d+ \([^)]*\); W_out W_U k = \d+ \([^)]*\)\.$", each) for each in told)
    assert page.locator(".tc-plot .xtick, .tc-plot .ytick").get_by_text("8,000").count() == 1
    assert (seen.errors, seen.failed) == ([], [])
