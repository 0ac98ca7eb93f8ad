"""The committed figures hold the numbers of the built book; the bytes of drawings hang on versions and may differ."""

import io
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from tests.tools import built

ROOT = Path(__file__).resolve().parents[2]


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def site() -> Path:
    return built("html/intro.html", "make book").parent / "figures"


@pytest.fixture(scope="module")
def committed() -> set[str]:
    return set(git("ls-files", "figures").split())


def test_every_figure_of_the_book_is_committed_and_no_other(site: Path, committed: set[str]) -> None:
    drawn = {f"figures/{path.relative_to(site)}" for path in site.rglob("*.*")}
    assert drawn == committed, "make book, then git add figures"


def test_committed_numbers_are_those_of_the_book(site: Path, committed: set[str]) -> None:
    for name in sorted(name for name in committed if name.endswith(".csv")):
        before = pd.read_csv(io.StringIO(git("show", f":{name}")))
        now = pd.read_csv(site / Path(name).relative_to("figures"))
        pd.testing.assert_frame_equal(before, now, rtol=1e-3, atol=1e-5, obj=name)
