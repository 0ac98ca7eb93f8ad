"""The slider over the rounds of a training in Chromium: it shows and tells the round that it stands at."""

import re
import shutil
from pathlib import Path

import numpy as np
import plotly
import pytest
from playwright.sync_api import Browser

from tests.browser.tabs import Theme, violations, visit
from tinycircuits.display import slider
from tinycircuits.sphinxext.pages import live

pytestmark = pytest.mark.browser

ROUNDS = [0, 500, 1000, 1500]
LOSS = {"training pairs": [4.0, 1.0, 0.125, 0.0078], "held-out pairs": [4.0, 5.0, 2.0, 0.019]}
SHARES = np.random.default_rng(0).dirichlet(np.ones(8) / 3, (2, 4))
STATIC = Path(live.__file__).parent / "static"
PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Slider</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="tinycircuits.css"><style>
:root {{ --tc-ink: #24292f; --tc-line: #6e7781; --tc-grid: #d0d7de; --pst-color-link: #0a5d91; }}
@media (prefers-color-scheme: dark) {{ :root {{ --tc-ink: #e6edf3; --tc-line: #8b949e; --tc-grid: #3d444d;
  --pst-color-link: #7fc1f5; }} body {{ background: #14181e; color: #e6edf3; }} }}
</style></head><body><main class="bd-article"><h1>Slider</h1><figure>{figure}</figure></main>
<script src="tinycircuits.js"></script></body></html>"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with a slider over four rounds."""
    figure = slider(
        LOSS, dict(zip(("embedding", "logits"), SHARES, strict=True)), rounds=ROUNDS, at=(0, 1000), unit="step",
        y_title="loss (nats)", name="a-figure",
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("slider")
    for name in ("tinycircuits.js", "tinycircuits.css"):
        shutil.copy(STATIC / name, folder)
    shutil.copy(Path(plotly.__file__).parent / "package_data/plotly.min.js", folder)
    (folder / "a-figure.js").write_text(figure.live())
    html = (
        figure.html().replace('data-live=""', 'data-live="a-figure.js"').replace('aria-label=""', 'aria-label="Bars"')
    )
    (folder / "page.html").write_text(PAGE.format(figure=html))
    return folder / "page.html"


DRAWN = """() => {
    const { data } = document.querySelector('.tc-plot');
    const mark = data.filter((trace) => trace.type === 'scatter').at(-1);
    return { mark: mark.x, bars: data.filter((trace) => trace.type === 'bar').map((trace) => [...trace.y]) };
}"""


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (360, "dark")])
def test_a_reader_moves_through_the_rounds_by_keyboard(browser: Browser, file: Path, width: int, theme: Theme) -> None:
    seen = visit(browser, file, width=width, theme=theme)
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
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []
    page.locator(".tc-explore").press("Enter")
    assert page.locator(".tc-still").is_visible()
    assert (seen.errors, seen.failed) == ([], [])
