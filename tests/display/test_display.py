"""Figures and tables: both faces show the same numbers, with the same bytes each time, and bad input is refused."""

import base64
import itertools
import json
import re
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import matplotlib as mpl
import myst_nb
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure as PrintFigure
from PIL import ImageColor

from tinycircuits.claims.statements import Verdict
from tinycircuits.display import (
    Entries,
    Entry,
    Figure,
    Table,
    bars,
    count,
    dots,
    fixed,
    heatmap,
    lines,
    listed,
    number,
    of,
    pair_explorer,
    publish,
    share,
    signed,
    slider,
    span,
    theme,
)
from tinycircuits.display.entries import ENTRIES_MIME, FILES_MIME, MARKS, Code, Evidence, Files
from tinycircuits.display.figure import FIGURE_MIME, NO_ALT
from tinycircuits.display.table import TABLE_MIME

PROSE = {"name": "a-figure"}
AXES = {
    "x_labels": ["BOS", "x_0", "x_1"],
    "y_labels": ["y_0", "y_1"],
    "x_title": "read",
    "y_title": "from",
    "unit": "share",
}
SHARES = np.array([[0.25, 0.5, 0.25], [1.0, 0.0, 1 / 3]])
TABLE = np.stack([[SHARES * (a + b + 1) / 5 for b in range(3)] for a in range(3)])
SUMS = np.add.outer(np.arange(3), np.arange(3)) % 3
EPOCHS = np.arange(1, 6)
FRAME = pd.DataFrame(
    {
        "part": ["attention", "attention", "MLP", "MLP"],
        "method": ["zero", "mean", "zero", "mean"],
        "right": [0.1, 0.2, 0.3, 0.4],
        "low": [0.05, 0.1, 0.2, 0.3],
        "high": [0.15, 0.3, 0.4, 0.5],
        "random": [0.9, 0.91, 0.92, 0.93],
    }
)
BARS = {"category": "part", "value": "right", "group": "method", "x_title": "removed", "y_title": "share right"}

FIGURES: dict[str, Callable[[], Figure]] = {
    "heatmap": lambda: heatmap(SHARES, **AXES, **PROSE),
    "signed heatmap": lambda: heatmap(SHARES - 0.5, scale="signed", **AXES, **PROSE),
    "heatmaps": lambda: heatmap({"L0H0": SHARES, "L0H1": SHARES / 2}, **AXES, **PROSE),
    "matrix picker": lambda: heatmap({"one": SHARES, "two": SHARES / 2}, choice_title="Input", **AXES, **PROSE),
    "pair explorer": lambda: pair_explorer(TABLE, SUMS, pairs=[(1, 2), (0, 0)], **AXES, **PROSE),
    "slider": lambda: slider(
        {"a": 1 / EPOCHS}, {"one": np.full((5, 3), 1 / 3)},
        rounds=range(5), at=(1, 4), unit="epoch", y_title="loss", **PROSE,
    ),
    "lines": lambda: lines({"a": (EPOCHS, EPOCHS / 3)}, x_title="epoch", y_title="loss", **PROSE),
    "log lines": lambda: lines(
        {"a": (EPOCHS, 0.1**EPOCHS), "seed 1": (EPOCHS, 0.2**EPOCHS)},
        x_title="epoch", y_title="loss", log_y=True, reference=("chance", 0.5), background=["seed 1"], **PROSE,
    ),
    "line panels": lambda: lines(
        {"A": {"a": (EPOCHS, EPOCHS)}, "B": {"a": (EPOCHS, EPOCHS**2), "b": (EPOCHS, EPOCHS)}},
        x_title="epoch", y_title="loss", **PROSE,
    ),
    "bars": lambda: bars(
        FRAME, low="low", high="high", control="random", reference=("chance", 0.25), y_range=(0, 1), **BARS, **PROSE
    ),
    "dots": lambda: dots(FRAME, group="method", category="part", value="right", reference=("chance", 0.25),
        x_title="removed", y_title="share right", y_range=(0, 1), **PROSE),
}  # fmt: skip


@pytest.fixture(params=FIGURES)
def figure(request: pytest.FixtureRequest) -> Figure:
    return FIGURES[request.param]()


def drawn_by_plotly(figure: Figure) -> dict:
    found = re.fullmatch(r'tinyFigure\("a-figure",(.*)\)\n', figure.live(), re.S)
    assert found
    return json.loads(found[1])


def traces(figure: Figure, kind: str) -> list[dict]:
    return [trace for trace in drawn_by_plotly(figure)["data"] if trace["type"] == kind]


@pytest.mark.parametrize("kind", ["heatmap", "signed heatmap", "heatmaps"])
def test_cells_hold_the_same_numbers_on_the_page_in_print_and_in_the_table(kind: str) -> None:
    figure = FIGURES[kind]()
    on_page = [np.array(trace["z"]) for trace in traces(figure, "heatmap")]
    meshes = [c for axes in figure.mpl_fig.axes for c in axes.collections if isinstance(c, QuadMesh)]
    in_print = [np.array(mesh.get_array()) for mesh in meshes if mesh.get_array().shape == SHARES.shape]
    np.testing.assert_array_equal(on_page, in_print)
    np.testing.assert_array_equal(np.ravel(on_page), figure.data["share"])


@pytest.mark.parametrize("kind", ["lines", "log lines", "line panels"])
def test_lines_hold_the_same_numbers_on_the_page_in_print_and_in_the_table(kind: str) -> None:
    figure = FIGURES[kind]()
    on_page = [trace["y"] for trace in traces(figure, "scatter") if trace.get("hoverinfo") != "skip"]
    in_print = [
        list(line.get_ydata()) for axes in figure.mpl_fig.axes for line in axes.lines if len(line.get_xdata()) > 2
    ]
    assert on_page == in_print
    assert [y for ys in on_page for y in ys] == figure.data["loss"].tolist()


def test_bars_and_controls_hold_the_same_numbers_on_the_page_and_in_print() -> None:
    figure = FIGURES["bars"]()
    axes = figure.mpl_fig.axes[0]
    assert [trace["y"] for trace in traces(figure, "bar")] == [[0.1, 0.3], [0.2, 0.4]]
    assert [[round(b.get_height(), 6) for b in group] for group in axes.containers if hasattr(group, "patches")] == [
        [0.1, 0.3],
        [0.2, 0.4],
    ]
    controls = [trace["y"] for trace in traces(figure, "scatter") if trace["mode"] == "markers"]
    assert controls == [[0.9, 0.92], [0.91, 0.93]]
    assert controls == [
        list(line.get_ydata()) for line in axes.lines if line.get_marker() == "D" and len(line.get_ydata())
    ]
    ends = traces(figure, "bar")[0]["error_y"]
    np.testing.assert_allclose([ends["array"], ends["arrayminus"]], [[0.05, 0.1], [0.05, 0.1]])


def test_a_bar_may_end_where_its_interval_ends() -> None:
    third = FRAME.assign(right=1 / 3, low=1 / 3, high=1 / 3)
    figure = bars(third, low="low", high="high", **BARS, **PROSE)
    assert traces(figure, "bar")[0]["error_y"]["arrayminus"] == [0, 0]


def test_a_long_label_of_a_bar_stands_on_several_lines() -> None:
    frame = pd.DataFrame({"part": ["own figures of it", *"bcdefgh"], "right": 0.5})
    figure = bars(frame, category="part", value="right", x_title="x", y_title="y", **PROSE)
    assert drawn_by_plotly(figure)["layout"]["xaxis"]["ticktext"][0] == "own<br>figures<br>of it"
    assert figure.mpl_fig.axes[0].get_xticklabels()[0].get_text() == "own\nfigures\nof it"


def test_of_many_labels_some_are_set_and_all_are_there_on_hover() -> None:
    names = [f"seed {i}" for i in range(97)]
    words = {"x_labels": names, "y_labels": ["A", "A"], "x_title": "model", "y_title": "part", "unit": "share"}
    figure = heatmap(np.zeros((2, 97)), **words, **PROSE)
    (trace,), layout = traces(figure, "heatmap"), drawn_by_plotly(figure)["layout"]
    assert trace["x"] == names
    assert layout["xaxis"]["tickvals"] == names[::16]
    assert layout["yaxis"]["ticktext"] == ["A", "A"]
    axes = figure.mpl_fig.axes[0]
    in_print = zip(axes.get_xticks(), (label.get_text() for label in axes.get_xticklabels()), strict=True)
    assert list(in_print) == [(i, names[i]) for i in range(0, 97, 16)]


def test_every_row_is_a_dot_in_its_category_with_its_number_on_the_page_and_in_print() -> None:
    figure = FIGURES["dots"]()
    on_page = [(trace["x"], trace["y"]) for trace in traces(figure, "scatter") if trace["mode"] == "markers"]
    in_print = [
        (list(line.get_xdata()), list(line.get_ydata()))
        for line in figure.mpl_fig.axes[0].lines
        if line.get_marker() == "o" and len(line.get_xdata())
    ]
    assert on_page == in_print
    assert [y for _, y in on_page] == [[0.1, 0.3], [0.2, 0.4]]
    assert [[round(x) for x in xs] for xs, _ in on_page] == [[0, 1], [0, 1]]


def test_dots_of_one_category_do_not_hide_each_other() -> None:
    many = pd.DataFrame({"part": ["one"] * 500, "right": [0.5] * 500})
    figure = dots(many, category="part", value="right", x_title="x", y_title="y", **PROSE)
    xs = sorted(traces(figure, "scatter")[0]["x"])
    assert min(b - a for a, b in itertools.pairwise(xs)) > 5e-4
    assert -0.5 < xs[0] < xs[-1] < 0.5


def test_few_dots_are_drawn_stronger_than_many() -> None:
    def drawn(n: int) -> tuple[float, float, float]:
        figure = dots(
            pd.DataFrame({"part": ["one"] * n, "right": np.linspace(0, 1, n)}), category="part", value="right", **PROSE
        )
        mark, line = traces(figure, "scatter")[0]["marker"], figure.mpl_fig.axes[0].lines[0]
        assert mark["opacity"] == line.get_alpha()
        return mark["size"], line.get_markersize(), mark["opacity"]

    few, some, many = drawn(20), drawn(500), drawn(2_000)
    assert few > some > many
    assert few[1] > some[1] > many[1]
    assert few[2] >= 0.9 > some[2]


def test_labels_of_many_lines_leave_a_drawing_its_height() -> None:
    def height(label: str) -> float:
        places = [f"{index} {label}" for index in range(9)]
        figure = dots(
            pd.DataFrame({"part": places, "right": np.linspace(0, 1, 9)}), category="part", value="right", **PROSE
        )
        figure.mpl_fig.draw_without_rendering()
        return float(figure.mpl_fig.axes[0].get_window_extent().height)

    assert height("layer modulo many hours, shuffled sums") > 0.85 * height("layer")


def test_a_choice_shows_the_numbers_of_its_matrix() -> None:
    figure = FIGURES["matrix picker"]()
    choices = drawn_by_plotly(figure)["choices"]
    assert [label for label, _ in choices] == ["one", "two"]
    np.testing.assert_allclose(choices[1][1]["z"][0], SHARES / 2, rtol=1e-5)
    assert "<option>two</option>" in figure.html()


def test_every_figure_has_one_place_for_its_words(figure: Figure) -> None:
    assert re.search(r'role="(group|img)" ' + re.escape(NO_ALT), figure.html())
    assert figure.html().count(NO_ALT) == 1


def test_a_frame_brings_labels_and_titles() -> None:
    index = pd.Index(["y_0", "y_1"], name="token predicted")
    frame = pd.DataFrame(SHARES, index=index, columns=pd.Index(["x_0", "x_1", "x_2"], name="token read"))
    named = {"x_labels": list(frame.columns), "y_labels": list(index), "x_title": "token read", "y_title": index.name}
    assert heatmap(frame, unit="weight", **PROSE).html() == heatmap(SHARES, unit="weight", **named, **PROSE).html()


def test_axes_are_named_like_their_columns() -> None:
    for draw in (bars, dots):
        layout = draw(FRAME, category="part", value="right", group="method", **PROSE).plotly_fig.layout
        assert (layout.xaxis.title.text, layout.yaxis.title.text) == ("part", "right")


@pytest.mark.parametrize("kind", FIGURES)
def test_on_a_phone_panels_stand_under_each_other_and_show_the_same(kind: str) -> None:
    figure = FIGURES[kind]()
    assert figure.phone is not None
    assert figure.phone.mpl_fig.get_figwidth() == pytest.approx(theme.FULL / 2, rel=0.01)
    wide, narrow = ([axes.get_position() for axes in each.axes] for each in (figure.mpl_fig, figure.phone.mpl_fig))
    assert len(narrow) == len(wide)
    panels = narrow[:-1] if "heat" in kind or "pair" in kind or "picker" in kind else narrow
    assert all(above.y0 > below.y1 for above, below in itertools.pairwise(panels))
    for axes in figure.phone.mpl_fig.axes:
        texts = [text for text in axes.get_xticklabels() if text.get_text()]
        boxes = [text.get_window_extent() for text in texts]
        assert not any(left.x1 > right.x0 for left, right in itertools.pairwise(boxes) if not texts[0].get_rotation())


def test_panels_that_end_at_different_x_show_their_own_numbers_on_a_phone() -> None:
    for other, shown in ((EPOCHS, [False, True]), (EPOCHS * 3, [True, True])):
        both = {"A": {"a": (EPOCHS, EPOCHS)}, "B": {"a": (other, EPOCHS)}}
        figure = lines(both, x_title="epoch", y_title="loss", **PROSE)
        assert figure.phone is not None
        labelled = [bool(axes.xaxis.get_tick_params()["labelbottom"]) for axes in figure.phone.mpl_fig.axes]
        page = [axis.showticklabels is not False for axis in figure.phone.plotly_fig.select_xaxes()]
        assert (labelled, page) == (shown, shown)


def test_a_title_longer_than_its_axis_stands_on_several_lines() -> None:
    title = "share of the variance of the embedding"
    (axes,) = bars(FRAME, **BARS | {"y_title": title}, **PROSE).mpl_fig.axes
    assert axes.get_ylabel().replace("\n", " ") == title
    assert axes.yaxis.label.get_window_extent().height < axes.bbox.height * 1.05


@pytest.mark.parametrize("colour", [*(colour for colour, _ in theme.MEANINGS.values()), *theme.SERIES])
def test_a_colour_is_seen_on_a_dark_page(colour: str) -> None:
    def light(hexadecimal: str) -> float:
        parts = [part / 255 for part in ImageColor.getrgb(hexadecimal)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    assert (light(colour) + 0.05) / (light("#14181e") + 0.05) >= 3


def test_labels_that_do_not_fit_a_phone_stand_aslant_or_upright() -> None:
    parts = pd.DataFrame({"part": [f"the attention of layer {i}" for i in range(6)], "right": 0.5})
    (axes,) = bars(parts, category="part", value="right", **PROSE).phone.mpl_fig.axes
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {40}
    grid = heatmap(np.zeros((2, 16)), **AXES | {"x_labels": ["BOS", *"abcdefghijklmno"]}, **PROSE).phone
    assert {label.get_rotation() for label in grid.mpl_fig.axes[0].get_xticklabels()} == {90}


def test_a_drawing_in_a_page_follows_its_theme_and_shares_no_id_with_another() -> None:
    pages = [heatmap(SHARES, **AXES, name=name).html() for name in ("one", "two")]
    ids = [set(re.findall(r' id="([^"]+)"', page)) for page in pages]
    assert not ids[0] & ids[1]
    for page in pages:
        assert set(re.findall(r'(?:href="|url\()#([\w-]+)', page)) <= ids[pages.index(page)]
        assert not {theme.INK, theme.GREY, theme.FAINT, theme.PAPER} & set(re.findall(r"#[0-9a-f]{6}", page))
        assert f"fill: {theme.ON_PALE}" in page, "a number on a pale cell is dark in a dark page as well"


def test_a_large_matrix_is_a_picture_with_one_point_a_cell() -> None:
    names = [f"seed {i}" for i in range(60)]
    words = {"x_labels": names, "y_labels": names, "x_title": "one", "y_title": "other", "unit": "distance"}
    figure = heatmap(np.random.default_rng(0).random((60, 60)), **words, **PROSE)
    (image,) = figure.mpl_fig.axes[0].images
    assert image.get_array().shape == (60, 60)
    np.testing.assert_array_equal(np.ravel(image.get_array()), figure.data["distance"])
    assert list(image.get_extent()) == [-0.5, 59.5, 59.5, -0.5], "the first row on top"
    assert len(figure.html()) < 60_000


def test_two_hues_are_for_values_of_two_signs() -> None:
    def limits(values: np.ndarray) -> tuple[float, float]:
        axis = heatmap(values, scale="signed", **AXES, **PROSE).plotly_fig.layout.coloraxis
        return axis.cmin, axis.cmax

    assert limits(SHARES - 0.5) == (-0.5, 0.5)
    assert limits(1.2 * SHARES) == (0, 1.2)
    assert limits(SHARES - 0.04) == (0, 0.96), "slightly below 0 is no second hue"
    below = heatmap(SHARES - 0.04, scale="amount", **AXES, **PROSE)
    assert "-.04" in {text.get_text() for text in below.mpl_fig.axes[0].texts}


def test_a_tidy_frame_is_drawn_like_the_series_in_it() -> None:
    rows = [
        {"part": part, "seed": seed, "epoch": epoch, "loss": epoch / (seed + 2)}
        for part in "AB" for seed in range(2) for epoch in range(1, 6)
    ]  # fmt: skip
    series = {part: {str(seed): (EPOCHS, EPOCHS / (seed + 2)) for seed in range(2)} for part in "AB"}
    tidy = lines(rows, x="epoch", y="loss", group="seed", panel="part", **PROSE)
    assert tidy.live() == lines(series, x_title="epoch", y_title="loss", **PROSE).live()
    alone = lines(rows[:5], x="epoch", y="loss", **PROSE)
    assert alone.live() == lines({"loss": (EPOCHS, EPOCHS / 2)}, x_title="epoch", y_title="loss", **PROSE).live()


def test_a_band_is_filled_between_its_series_and_named_once() -> None:
    series = {"low": (EPOCHS, EPOCHS - 1.0), "high": (EPOCHS, EPOCHS + 1.0), "article A": ([2, 4], [2, 5])}
    words = {"x_title": "epoch", "y_title": "loss", "points": ["article A"], **PROSE}
    figure = lines({"one": series, "two": series}, band=("nine tenths", "low", "high"), **words)
    drawn = traces(figure, "scatter")
    assert [t["name"] for t in drawn if t["showlegend"]] == ["nine tenths", "article A"]
    assert [t["y"] for t in drawn if t.get("fill") == "tonexty"] == [[2, 3, 4, 5, 6]] * 2
    assert {t["mode"] for t in drawn if t["name"] == "article A"} == {"markers"}
    entries = [text.get_text() for text in figure.mpl_fig.legends[0].get_texts()]
    assert entries == ["nine tenths", "article A"]


def test_a_label_with_a_meaning_has_its_colour_and_no_other_label_has_it() -> None:
    colours = theme.series_colours(["seed 1", "L0 attn", "with mistakes", "faultless", "untrained", "mean loss"])
    assert colours["faultless"] == theme.MEANINGS["right on every input"][0]
    assert colours["with mistakes"] == theme.MEANINGS["wrong on some input"][0]
    assert colours["L0 attn"] == theme.ATTENTION
    assert colours["untrained"] == theme.MEANINGS["a control without training"][0], "and not that of 'trained'"
    assert (colours["seed 1"], colours["mean loss"]) == theme.SERIES[:2]
    reserved = [colour for colour, _ in theme.MEANINGS.values()]
    assert len({*reserved, *theme.SERIES}) == len(reserved) + len(theme.SERIES)
    both = theme.series_colours(["L0 attn", "L1 attn"])
    assert list(both.values()) == list(theme.SERIES[:2]), "two of one meaning are told apart"


def test_the_same_figure_has_the_same_bytes(figure: Figure, request: pytest.FixtureRequest) -> None:
    again = FIGURES[request.node.callspec.params["figure"]]()
    assert figure.pdf() == again.pdf()
    assert figure.svg() == again.svg()
    assert figure.html() == again.html()
    assert figure.live() == again.live()
    assert figure.csv() == again.csv()
    assert figure.svg() == FIGURES[request.node.callspec.params["figure"]]().svg(), "the first file is as later ones"


def test_a_figure_is_drawn_once_for_a_file(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, draw = [], PrintFigure.draw
    monkeypatch.setattr(PrintFigure, "draw", lambda self, renderer: (drawn.append(self), draw(self, renderer))[1])
    assert figure.svg()
    assert figure.pdf()
    assert drawn == [figure.mpl_fig] * 2


def test_no_setting_of_a_reader_or_a_cell_changes_a_figure(
    figure: Figure, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    reversed_ = {name: not value for name, value in mpl.rcParams.items() if isinstance(value, bool)}
    larger = {name: 3 * value for name, value in mpl.rcParams.items() if type(value) is float and "size" in name}
    monkeypatch.setattr("plotly.io.templates.default", "plotly_dark")
    with (
        mpl.rc_context(reversed_ | larger | {"lines.linestyle": "--", "axes.facecolor": "red", "path.effects": []}),
        pd.option_context("display.precision", 1, "display.float_format", "{:.0f}".format, "display.max_rows", 1),
        np.printoptions(precision=1),
    ):
        again = FIGURES[request.node.callspec.params["figure"]]()
        seen = again.pdf(), again.svg(), again.html(), again.csv()
    assert seen == (figure.pdf(), figure.svg(), figure.html(), figure.csv())


def test_no_figure_asks_a_foreign_host(figure: Figure) -> None:
    assert not re.search(
        r"(src|href)=.(?!#|data:image)|https?://(?!www\.w3\.org|purl\.org|creativecommons)", figure.html()
    )


def test_a_notebook_outside_the_book_shows_the_drawing() -> None:
    bundle, _ = FIGURES["heatmap"]()._repr_mimebundle_()
    assert set(bundle) == {FIGURE_MIME, "image/svg+xml", "text/plain"}
    assert bundle["text/plain"] == "figure a-figure"


HOSTILE = '</script><script>alert("1")</script> & <b> $ \\ % _ {'


def test_hostile_words_do_not_leave_their_place() -> None:
    words = {"x_labels": [HOSTILE] * 3, "y_labels": [HOSTILE] * 2, "x_title": HOSTILE, "y_title": HOSTILE, "unit": "u"}
    html = heatmap(SHARES, **words, **PROSE).html()
    assert "<script" not in html
    assert "<b> $" not in html


REFUSED: dict[str, Callable[[], object]] = {
    "values": lambda: heatmap(np.full((2, 3), np.nan), **AXES, **PROSE),
    "values: nothing": lambda: heatmap(np.zeros((0, 3)), **AXES, **PROSE),
    "values: 2 dimensions": lambda: heatmap(np.zeros(3), **AXES, **PROSE),
    "values: shares": lambda: heatmap(SHARES * 2, **AXES, **PROSE),
    "x_labels": lambda: heatmap(SHARES.T, **AXES, **PROSE),
    "x_labels: more than 32": lambda: heatmap(np.zeros((2, 40)), **AXES | {"x_labels": ["a"] * 40}, **PROSE),
    "values: nothing to draw": lambda: heatmap({}, **AXES, **PROSE),
    "values: matrices": lambda: heatmap({"a": SHARES, "b": SHARES[:1]}, **AXES, **PROSE),
    "series": lambda: lines({}, x_title="x", y_title="y", **PROSE),
    "series 'a' y": lambda: lines({"a": (EPOCHS, EPOCHS * np.inf)}, x_title="x", y_title="y", **PROSE),
    "series 'a': 5 x": lambda: lines({"a": (EPOCHS, EPOCHS[:2])}, x_title="x", y_title="y", **PROSE),
    "series 'a' y: a log": lambda: lines({"a": (EPOCHS, EPOCHS - 1)}, x_title="x", y_title="y", log_y=True, **PROSE),
    "frame: no column": lambda: bars(FRAME, control="missing", **BARS, **PROSE),
    "frame: exactly one": lambda: bars(FRAME[:3], **BARS, **PROSE),
    "frame['right']": lambda: bars(FRAME.assign(right=np.nan), **BARS, **PROSE),
    "frame: no column 'seed'": lambda: dots(FRAME, category="seed", value="right", x_title="x", y_title="y", **PROSE),
    "frame['low']": lambda: dots(
        FRAME.assign(low=np.inf), category="part", value="low", x_title="x", y_title="y", **PROSE
    ),
    "low, high": lambda: bars(FRAME, low="low", **BARS, **PROSE),
    "name": lambda: heatmap(SHARES, **AXES, **PROSE | {"name": "Not A Name"}),
    "values: amounts": lambda: heatmap(SHARES - 0.5, scale="amount", **AXES, **PROSE),
    "points: no such series ['b']": lambda: lines(
        {"a": (EPOCHS, EPOCHS)}, points=["b"], x_title="x", y_title="y", **PROSE
    ),
    "band: 'a' and 'b'": lambda: lines(
        {"a": (EPOCHS, EPOCHS), "b": (EPOCHS + 1, EPOCHS)}, band=("c", "a", "b"), x_title="x", y_title="y", **PROSE
    ),
    "x_title": lambda: lines({"a": (EPOCHS, EPOCHS)}, **PROSE),
    "frame: no column 'step'": lambda: lines(FRAME, x="step", y="right", **PROSE),
    "x_labels, y_labels": lambda: heatmap(SHARES, unit="weight", **PROSE),
    "y_title": lambda: heatmap(SHARES, **AXES | {"y_title": " "}, **PROSE),
    "frame: nothing": lambda: Table(pd.DataFrame(), "a-table"),
    "formats": lambda: Table(FRAME, "a-table", formats={"missing": str}),
}


@pytest.mark.parametrize("argument", REFUSED)
def test_what_cannot_be_drawn_is_refused_by_name(argument: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(argument)):
        REFUSED[argument]()


def test_a_table_formats_numbers_and_keeps_what_is_missing_visible() -> None:
    frame = pd.DataFrame(
        {"part": ["`W_E`", "all"], "count": [65536, 7], "share": [0.1767, np.nan], "ok": [True, False]}
    )
    table = Table(frame, "a-table", formats={"share": share})
    assert table.cells() == [["`W_E`", "65,536", "17.7\N{NO-BREAK SPACE}%", "yes"], ["all", "7", "\N{EN DASH}", "no"]]
    assert table.numeric() == [False, True, True, False]
    assert TABLE_MIME in table._repr_mimebundle_()[0]


def test_a_table_writes_subscripts_and_pairs_as_spans() -> None:
    frame = pd.DataFrame({"answer y_0": ["y_1 reads x_12", "`x_0`, $x_0$, max_3"], "range": [(0.25, 0.5), (0.5, 0.5)]})
    table = Table(frame, "a-table", formats={"range": share})
    zero, one, two = "\N{SUBSCRIPT ZERO}", "\N{SUBSCRIPT ONE}", "\N{SUBSCRIPT TWO}"
    assert [row[0] for row in table.cells()] == [f"y{one} reads x{one}{two}", "`x_0`, $x_0$, max_3"]
    assert [row[1] for row in table.cells()] == [f"{share(0.25)} to {share(0.5)}", share(0.5)]
    assert table.numeric() == [False, True]
    assert "0.25 to 0.5" in table.csv()
    described = table._repr_mimebundle_()[0][TABLE_MIME]
    assert described["columns"][0] == f"answer y{zero}"


def test_numbers_read_as_the_book_writes_them() -> None:
    assert count(65536) == "65,536"
    assert [share(x) for x in (-0.0003, -0.051)] == [f"{x}\N{NO-BREAK SPACE}%" for x in ("0.0", "\N{MINUS SIGN}5.1")]
    assert span([0.02, 0.01, 0.013]) == "1.0\N{NO-BREAK SPACE}% to 2.0\N{NO-BREAK SPACE}%"
    assert span(np.array([1.2344, 1.2341]), "{:.3f}".format) == "1.234"
    assert listed({"a": 0.5, "b": 2}, "{:.1f}".format) == "a 0.5, b 2.0"
    assert listed({"a": "1 of 2", "b": "0 of 2"}, str, "; ") == "a 1 of 2; b 0 of 2"
    assert share(0.1767) == "17.7\N{NO-BREAK SPACE}%"
    assert of(0, 65536) == "0 of 65,536"
    assert [fixed(x) for x in (0.514, -0.5)] == ["0.51", "\N{MINUS SIGN}0.50"]
    assert fixed(0.0214, 3) == "0.021"
    assert fixed(-0.004) == "0.00"
    assert [signed(x) for x in (0.314, -0.5)] == ["+0.31", "\N{MINUS SIGN}0.50"]
    assert number(-0.00123456) == "\N{MINUS SIGN}0.00123"
    assert [number(x) for x in (999.4, 1000, 11173.6)] == ["999", "1,000", "11,174"]


def test_an_unformatted_fraction_is_not_published() -> None:
    with pytest.raises(TypeError, match="best"):
        publish(best=0.5)
    with pytest.raises(TypeError, match="right"):
        publish(share, right=True)


def test_numbers_are_published_as_text_as_counts_or_in_the_form_that_is_asked_for(monkeypatch) -> None:
    published = {}
    monkeypatch.setattr(myst_nb, "glue", lambda name, value, display: published.update({name: str(value)}))
    publish(share, best=np.float64(0.5), tensor=torch.tensor(0.25), n=65536, said="none")
    assert published == {"best": share(0.5), "tensor": share(0.25), "n": "65,536", "said": "none"}


def lightness(colour: str) -> float:
    red, green, blue = (c / 255 for c in ImageColor.getrgb(colour))
    return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2


def test_maps_keep_their_order_in_grey() -> None:
    shares = [lightness(c) for c in theme.colour_stops("share")]
    signed = [lightness(c) for c in theme.colour_stops("signed")]
    assert shares == sorted(shares, reverse=True)
    assert signed[:9] == sorted(signed[:9])
    assert signed[8:] == sorted(signed[8:], reverse=True)


def test_the_explorer_holds_every_pairs_matrix_in_hundredths_and_its_answer():
    described = drawn_by_plotly(FIGURES["pair explorer"]())
    explorer = described["explorer"]
    cells, answers = (zlib.decompress(base64.b64decode(explorer[part])) for part in ("cells", "answers"))
    hundredths = np.frombuffer(cells, dtype=np.uint8).reshape(SHARES.size, -1).T.reshape(TABLE.shape)
    assert np.abs(hundredths / 100 - TABLE).max() <= 0.005 + 1e-12
    assert list(answers) == SUMS.flatten().tolist()
    assert np.abs(np.array(described["data"][0]["z"]) - TABLE[1, 2]).max() <= 0.005 + 1e-5


def test_the_explorer_starts_with_its_first_pair_and_prints_all_of_them():
    figure = FIGURES["pair explorer"]()
    assert re.findall(r'name="(\w)" min="0" max="2" step="1" value="(\d)"', figure.html()) == [("a", "1"), ("b", "2")]
    assert figure.data.panel.unique().tolist() == ["1 + 2", "0 + 0"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"values": TABLE[:2]}, "values: one matrix and one answer a pair"),
        ({"values": TABLE * 2}, "values: shares lie in 0..1"),
        ({"pairs": []}, r"pairs: at least one pair of numbers in 0\.\.2"),
        ({"pairs": [(0, 3)]}, r"pairs: at least one pair of numbers in 0\.\.2 expected, got \[\(0, 3\)\]"),
        ({"answers": SUMS + 0.5}, r"answers: whole numbers in 0\.\.255"),
        ({"answers": SUMS - 1}, r"answers: whole numbers in 0\.\.255"),
    ],
)
def test_the_explorer_refuses_what_it_cannot_show(change, said):
    with pytest.raises(ValueError, match=said):
        pair_explorer(**{"values": TABLE, "answers": SUMS, "pairs": [(0, 0)], **AXES, **PROSE, **change})


def test_the_numbers_behind_a_table_have_six_digits_whatever_stands_beside_them() -> None:
    frame = pd.DataFrame({"mixed": ["3 to 4", 2 / 3, None, 7, 1.0], "plain": [1e-9 / 3, 1, 2.5, np.nan, 1234567.8]})
    rows = Table(frame, name="mixed").csv().splitlines()
    assert rows == ["mixed,plain", "3 to 4,3.33333e-10", "0.666667,1", ",2.5", "7,", "1,1.23457e+06"]


def test_rows_are_a_frame_or_what_makes_one() -> None:
    columns = FRAME.to_dict("list")
    for rows in (FRAME.to_dict("records"), columns, iter(FRAME.to_dict("records"))):
        pd.testing.assert_frame_equal(Table(rows, name="a-table").frame, FRAME)
    words = {"category": "part", "group": "method", "x_title": "part", "y_title": "share", **PROSE}
    value = next(name for name in FRAME if FRAME[name].dtype == float)
    for draw in (bars, dots):
        assert draw(columns, value=value, **words).csv() == draw(FRAME, value=value, **words).csv()


def test_figures_need_nothing_that_only_the_book_installs() -> None:
    code = "import sys; sys.modules['myst_nb'] = None; import tinycircuits.display as d; print(d.count(1_000))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1,000\n"


def test_a_table_names_the_columns_that_a_reader_filters():
    frame = pd.DataFrame({"article": ["A", "B"], "wrong": [0, 1]})
    bundle, _ = Table(frame, "filtered", filters=["article"])._repr_mimebundle_()
    assert bundle[TABLE_MIME]["filters"] == ["article"]
    with pytest.raises(ValueError, match=r"filters: no such columns \['verdict'\]"):
        Table(frame, "filtered", filters=["verdict"])


def test_a_table_says_how_deep_its_rows_stand():
    frame = pd.DataFrame({"box": ["whole", "half", "quarter", "other half"]})
    bundle, _ = Table(frame, "tree", levels=[0, 1, 2, 1])._repr_mimebundle_()
    assert bundle[TABLE_MIME]["levels"] == [0, 1, 2, 1]
    for wrong in ([0, 1, 2], [0, 2, 1, 1], [1, 1, 1, 1], [0, 1, -1, 0]):
        with pytest.raises(ValueError, match="levels: a depth for each of 4 rows"):
            Table(frame, "tree", levels=wrong)


def test_entries_keep_their_order_and_their_words():
    entries = Entries([Entry("one", "First", ("*a*", "b < c")), Entry("two", "Second", ())])
    bundle, _ = entries._repr_mimebundle_()
    shown = bundle[ENTRIES_MIME]["entries"]
    assert [each["name"] for each in shown] == ["one", "two"]
    assert shown[0]["paragraphs"] == ("*a*", "b < c")
    assert "b &lt; c" in bundle["text/html"]


def test_entries_refuse_nothing_and_empty_words():
    with pytest.raises(ValueError, match="entries: at least one"):
        Entries([])
    with pytest.raises(ValueError, match="paragraph"):
        Entry("one", "First", ("",))
    with pytest.raises(ValueError, match="paragraph"):
        Entry("one", "First", (), closing=("",))
    with pytest.raises(ValueError, match=r"verdict must be one of holds, .*, got 'maybe'"):
        Entry("one", "First", (), verdict="maybe")


def test_every_verdict_of_the_ledger_has_a_sign_of_its_own():
    assert list(MARKS) == list(get_args(Verdict))
    assert len(set(MARKS.values())) == len(MARKS)


def test_the_evidence_of_an_entry_is_rows_on_the_page_and_words_in_print():
    evidence = Evidence("Two models.", [("", "median"), ("wrong", "0")], "Two models; wrong: 0.")
    entry = Entry("one", "First", ("Before.",), "holds", evidence, ("After.",), Code("a.py", 3, "pass"), "First, holds")
    bundle, _ = Entries([entry], titles_in_print=True)._repr_mimebundle_()
    shown = bundle[ENTRIES_MIME]
    assert shown["titles_in_print"] is True
    assert shown["entries"][0]["evidence"]["rows"] == [("", "median"), ("wrong", "0")]
    assert entry.text() == ["Before.", "Two models; wrong: 0.", "After."]
    for rows in ([("", "median")], [("", "median"), ("wrong",)]):
        with pytest.raises(ValueError, match="rows: a head and at least one row"):
            Evidence("Two models.", rows, "Two.")


def test_files_are_named_plainly():
    bundle, _ = Files({"a.csv": "x\n1\n"}, {"x": "a number"})._repr_mimebundle_()
    assert bundle[FILES_MIME] == {"files": {"a.csv": "x\n1\n"}, "columns": {"x": "a number"}, "shown": True}
    with pytest.raises(ValueError, match="at least one file"):
        Files({})
    with pytest.raises(ValueError, match=r"\.\./a"):
        Files({"../a.csv": ""})


def test_a_token_has_the_colour_that_it_has_in_the_live_model() -> None:
    style = (Path(theme.__file__).parents[1] / "sphinxext/pages/static/live.css").read_text()
    light = re.search(r"^\.tc-live \{(.*?)\}", style, re.M | re.S)
    assert light
    given = dict(re.findall(r"--token-(\d): (#[0-9a-f]{6});", light[1]))
    assert [given[str(token)] for token in range(len(given))] == [colour.lower() for colour in theme.TOKENS]
