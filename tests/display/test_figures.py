"""The committed figures hold the numbers of the built book, and in all of them a colour says one thing.

The bytes of drawings hang on versions and may differ.
"""

import io
import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest

from tests.tools import built
from tinycircuits.display import theme

ROOT = Path(__file__).resolve().parents[2]


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def site() -> Path:
    return built("html/intro.html", "make book").parent / "figures"


@pytest.fixture(scope="module")
def committed() -> set[str]:
    return set(git("ls-files", "figures").split())


def scripts(site: Path) -> list[Path]:
    """The scripts that draw figures anew; those that bring a model's weights are none."""
    return sorted(path for path in site.rglob("*.js") if not path.name.startswith("model-"))


def test_every_figure_of_the_book_is_committed_and_no_other(site: Path, committed: set[str]) -> None:
    drawn = {f"figures/{path.relative_to(site)}" for path in site.rglob("*.csv")}
    assert drawn == {path for path in committed if path.endswith(".csv")}, "make book, then git add figures"
    figures = {f"figures/{path.relative_to(site)}".replace(".js", ".svg") for path in scripts(site)}
    drawings = {path for path in committed if path.endswith(".svg")}
    assert figures <= drawings
    assert {path.replace(".svg", ".csv") for path in drawings} <= drawn


AT_THE_EDGE = {"figures/features/features-effects.csv": 0.01}
"""Shares that may differ by more: a random latent's threshold lies at an input, where rounding decides if it fires."""


def test_committed_numbers_are_those_of_the_book(site: Path, committed: set[str]) -> None:
    for name in sorted(name for name in committed if name.endswith(".csv")):
        before, now = git("show", f":{name}"), (site / Path(name).relative_to("figures")).read_text()
        near = {"rtol": 1e-3, "atol": AT_THE_EDGE.get(name, 1e-5)}
        pd.testing.assert_frame_equal(numbers(before), numbers(now), **near, obj=name)


def numbers(text: str) -> pd.DataFrame:
    """A table whose every cell is a number, or the words of which it is none; a column may hold both."""
    cells = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False).stack()
    said = pd.to_numeric(cells, errors="coerce")
    return pd.DataFrame({"number": said, "words": cells.where(said.isna(), "")})


def test_a_number_beside_words_may_differ_in_its_last_digits_and_words_may_not() -> None:
    def table(*cells: str) -> pd.DataFrame:
        return numbers("\n".join(["name,value", *cells]))

    pd.testing.assert_frame_equal(table("a,1 to 2", "b,65.7344"), table("a,1 to 2", "b,65.7345"), rtol=1e-3)
    for other in (("a,1 to 3", "b,65.7344"), ("a,1 to 2", "b,65.9"), ("a,1 to 2", "c,65.7344")):
        with pytest.raises(AssertionError):
            pd.testing.assert_frame_equal(table("a,1 to 2", "b,65.7344"), table(*other), rtol=1e-3)


Entry = tuple[str, str, str]
"""A figure, a label in its legend, and the colour beside it."""


def legends(site: Path) -> list[Entry]:
    """Every entry of every legend that tells series apart by colour."""
    found = []
    for path in scripts(site):
        script = re.fullmatch(r'tinyFigure\("[^"]+",(.*)\)\n', path.read_text(encoding="utf-8"), re.S)
        assert script, path
        figure = json.loads(script[1])
        for trace in figure["data"] if figure["layout"].get("showlegend") else []:
            if trace.get("showlegend", True) and trace.get("marker", {}).get("symbol") != "diamond":
                filled = trace["type"] == "bar" or trace["mode"] == "markers"
                colour = trace.get("fillcolor") or trace["marker" if filled else "line"]["color"]
                found.append((path.stem, trace["name"], colour.lower()))
    return found


def clashes(entries: Iterable[Entry]) -> list[str]:
    """Where a label has two colours, and where a colour of a declared meaning stands for something else."""
    entries = list(entries)
    colours: dict[str, set[str]] = defaultdict(set)
    for _, label, colour in entries:
        colours[label].add(colour)
    said = [f"{label!r} has {sorted(each)}" for label, each in colours.items() if len(each) > 1]
    owner = {colour.lower(): meaning for meaning, (colour, _) in theme.MEANINGS.items()}
    for figure, label, colour in entries:
        if colour in owner and theme.meaning(label) != owner[colour] and colour != theme.GREY:
            said.append(f"{figure}: {label!r} has the colour of {owner[colour]!r}")
    return said


def test_one_label_has_one_colour_and_one_colour_one_meaning(site: Path) -> None:
    entries = legends(site)
    assert len({label for _, label, _ in entries}) > 10
    assert clashes(entries) == [], "declare what a label means in display/theme.py, or name the series otherwise"


def test_a_colour_with_two_meanings_is_found() -> None:
    blue, orange = (theme.MEANINGS[name][0].lower() for name in ("right on every input", "wrong on some input"))
    fine = [("one", "faultless", blue), ("one", "with mistakes", orange), ("two", "seed 1", "#2a9db5")]
    assert clashes(fine) == []
    assert clashes([*fine, ("three", "seed 1", "#b3446c")]) == ["'seed 1' has ['#2a9db5', '#b3446c']"]
    assert clashes([*fine, ("three", "seed 2", blue)]) == ["three: 'seed 2' has the colour of 'right on every input'"]
    swapped = clashes([*fine, ("three", "faultless", orange)])
    assert swapped == [
        f"'faultless' has {sorted([blue, orange])}",
        "three: 'faultless' has the colour of 'wrong on some input'",
    ]
