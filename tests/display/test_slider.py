"""A slider over the rounds of a training: the page has every round, print and data the chosen ones."""

import base64
import json
import re
import zlib

import numpy as np
import pytest

from tinycircuits.display import Figure, slider

ROUNDS = [0, 50, 100, 150]
LOSS = {"training pairs": [4.0, 1.0, 0.1, 0.01], "held-out pairs": [4.0, 5.0, 2.0, 0.02]}
SHARES = np.random.default_rng(0).dirichlet(np.ones(6), (2, 4))
SPECTRA = {"embedding": SHARES[0], "logits": SHARES[1]}
WORDS = {"unit": "step", "y_title": "loss (nats)", "name": "a-figure"}


@pytest.fixture(scope="module")
def figure() -> Figure:
    return slider(LOSS, SPECTRA, rounds=ROUNDS, at=(100, 0), **WORDS)


@pytest.fixture(scope="module")
def described(figure: Figure) -> dict:
    found = re.fullmatch(r'tinyFigure\("a-figure",(.*)\)\n', figure.live(), re.S)
    assert found
    return json.loads(found[1])


def test_the_page_has_every_share_of_every_round_in_255_steps(described: dict) -> None:
    given = described["slider"]
    levels = np.frombuffer(zlib.decompress(base64.b64decode(given["cells"])), dtype=np.uint8)
    shares = levels.reshape(2, given["size"], len(given["rounds"])) * given["top"] / 255
    assert np.abs(shares.transpose(0, 2, 1) - SHARES).max() <= given["top"] / 510 + 1e-6
    assert given["top"] == pytest.approx(SHARES.max(), rel=1e-5)
    assert given["rounds"] == ROUNDS


def test_the_page_starts_with_the_first_chosen_round(figure: Figure, described: dict) -> None:
    given, traces = described["slider"], described["data"]
    assert given["start"] == 2
    assert 'type="range" min="0" max="3" step="1" value="2"' in figure.html()
    bars = [trace for trace in traces if trace["type"] == "bar"]
    assert [trace["name"] for trace in bars] == list(SPECTRA)
    for bar, table in zip(bars, SHARES, strict=True):
        assert bar["x"] == [1, 2, 3, 4, 5, 6]
        assert np.abs(np.array(bar["y"]) - table[2]).max() <= given["top"] / 500
    mark = traces[given["mark"]]
    assert mark["x"] == [100, 100]
    low, high = mark["y"]
    assert 0 < low < 0.01 < 5 < high
    assert [trace["y"] for trace in traces[: given["mark"]]] == list(LOSS.values())


def test_print_shows_the_chosen_rounds_under_the_curves(figure: Figure) -> None:
    curves, *spectra = figure.mpl_fig.axes
    assert [list(line.get_ydata()) for line in curves.lines[:2]] == list(LOSS.values())
    assert [line.get_xdata()[0] for line in curves.lines[2:]] == [100, 0]
    values = [patch.get_data().values for axes in spectra for patch in axes.patches]
    expected = [SHARES[panel, row] for row in (2, 0) for panel in (0, 1)]
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    edges = spectra[0].patches[0].get_data().edges
    assert (edges[:-1] + edges[1:]).tolist() == [2, 4, 6, 8, 10, 12]
    assert [axes.get_ylabel() for axes in spectra if axes.get_ylabel()] == ["share\nstep 100", "share\nstep 0"]


def test_data_hold_the_curves_and_the_chosen_rounds(figure: Figure) -> None:
    spectra = figure.data[figure.data.frequency.notna()]
    assert sorted(spectra.step.unique()) == [0, 100]
    row = spectra[(spectra.series == "logits") & (spectra.step == 100)].sort_values("frequency")
    np.testing.assert_allclose(row.value, SHARES[1, 2], rtol=1e-5)
    assert row.frequency.tolist() == [1, 2, 3, 4, 5, 6]
    losses = figure.data[figure.data.frequency.isna()]
    assert losses[losses.series == "held-out pairs"].value.tolist() == LOSS["held-out pairs"]


def test_a_whole_training_is_small() -> None:
    random = np.random.default_rng(1)
    spectra = {name: random.dirichlet(np.ones(56), 161) for name in ("embedding", "neurons", "logits")}
    losses = {name: random.uniform(0.1, 5, 161) for name in LOSS}
    rounds = [100 * index for index in range(161)]
    assert len(slider(losses, spectra, rounds=rounds, at=[0], **WORDS).live()) <= 60_000


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"at": ()}, "at: one or more of the rounds"),
        ({"at": (0, 3)}, r"at: one or more of the rounds expected, got \[0, 3\]"),
        ({"spectra": {}}, "spectra: nothing to draw"),
        ({"spectra": {"embedding": SHARES[0][:3]}}, "spectra: 4 rounds of the same frequencies"),
        (
            {"spectra": {"embedding": SHARES[0], "logits": SHARES[1][:, :5]}},
            "spectra: 4 rounds of the same frequencies",
        ),
        ({"spectra": {"embedding": SHARES[0] * 9}}, r"spectra: shares lie in 0\.\.1"),
        ({"curves": {"loss": [1.0, 2.0, 3.0]}}, "series 'loss': 4 x values but 3 y values"),
        ({"curves": {"loss": [1.0, 2.0, 3.0, 0.0]}}, "a logarithmic axis needs values above 0"),
    ],
)
def test_what_it_cannot_show_is_refused(change: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        slider(**{"curves": LOSS, "spectra": SPECTRA, "rounds": ROUNDS, "at": (0,), **WORDS, **change})
