"""The live model in Firefox, opened as a file."""

from pathlib import Path

import pytest

from tests.browser.firefox import firefox
from tests.tools import firefox as installed
from tinycircuits.interp.touches import Touches
from tinycircuits.results.runs import load

pytestmark = pytest.mark.browser

COUNTED = "document.querySelector('.tcl-app')?.dataset.counted === 'whole'"
WRONG = "[...document.querySelectorAll('.tcl-counts tbody tr td:nth-of-type(2)')].map((cell) => cell.innerText)"


def test_a_reader_with_firefox_removes_a_bias_and_reads_the_count(tmp_path: Path, site: Path) -> None:
    with firefox(installed(), tmp_path) as browser:
        browser.open(site / "workbench.html")
        browser.wait_for(COUNTED)
        assert set(browser.evaluate(WRONG)) == {"0"}
        browser.press("remove b_O")
        browser.wait_for(COUNTED)
        run = load("reversal-8d-1l")
        expected = Touches.read("blocks.0.attn.b_O~0").wrong(run.model, run.study.task)
        assert [int(text.replace(",", "")) for text in browser.evaluate(WRONG)] == list(expected)
