"""One sum on its waves: the drawing has the strongest waves, their sum and the model's logits, as they are given."""

import numpy as np
import pytest
import torch

from tinycircuits.display.drawings.interference import interference
from tinycircuits.interp.interference import SumWaves

P = 7
WAVES = SumWaves((3, 1), torch.tensor([2.0, 1.0]), torch.zeros(2, P), torch.zeros(2, P), torch.zeros(P))
OWN = torch.linspace(-1, 1, P)


def test_curves_are_the_waves_their_sum_and_the_models_logits() -> None:
    figure = interference(WAVES, OWN, a=5, b=4, first=1, name="a-figure")
    each = {name: rows.score.to_numpy() for name, rows in figure.data.groupby("curve")}
    c = np.arange(P)
    waves = [height * np.cos(2 * np.pi * k * (9 - c) / P) for k, height in ((3, 2), (1, 1))]
    np.testing.assert_allclose(each["k = 3"], waves[0], atol=1e-5)
    np.testing.assert_allclose(each["all 2 waves"], sum(waves), atol=1e-5)
    np.testing.assert_allclose(each["the model"], OWN, atol=1e-5)
    assert set(each) == {"k = 3", "all 2 waves", "the model"}
    for axes, top in zip(figure.mpl_fig.axes, (2, 2, P - 1), strict=True):
        assert axes.lines[1].get_xdata()[0] == 2
        assert axes.lines[-1].get_xdata().tolist() == [top]
    assert len(figure.phone.mpl_fig.axes) == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [({"b": P}, r"a, b: numbers in 0\.\.6 expected, got 5, 7"), ({"own": OWN[:3]}, "own: 7 logits expected, got 3")],
)
def test_what_is_no_sum_on_the_clock_is_refused(change: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        interference(WAVES, **{"own": OWN, "a": 5, "b": 4, "name": "a-figure", **change})
