"""Numbers on a dial: what is drawn is what was given."""

import math

import pytest
import torch

from tinycircuits.display.drawings.dial import dials

ANGLE = 2 * math.pi * 3 * torch.arange(7) / 7
CIRCLE = torch.stack([ANGLE.cos(), ANGLE.sin()], dim=1)


def test_every_number_is_drawn_and_the_named_ones_are_written() -> None:
    figure = dials({"one": CIRCLE, "two": 2 * CIRCLE, "three": CIRCLE}, named=[0, 1, 2], name="dial")
    assert list(figure.data.columns) == ["panel", "number", "x", "y"]
    assert len(figure.data) == 21
    second = figure.data[figure.data.panel == "two"]
    assert second[["x", "y"]].to_numpy() == pytest.approx(2 * CIRCLE.numpy())
    texts = [text.get_text() for axes in figure.mpl_fig.axes for text in axes.texts]
    assert texts == ["one", "two", "three", *["0", "1", "2"] * 3]


def test_a_name_that_would_lie_on_another_is_left_out() -> None:
    crowded = torch.cat([CIRCLE, CIRCLE[1:2] + 0.02])
    figure = dials({"one": crowded}, named=[1, 7, 2], name="dial")
    texts = [text.get_text() for axes in figure.mpl_fig.axes for text in axes.texts]
    assert texts == ["one", "1", "2"]


@pytest.mark.parametrize(("panels", "named"), [({}, [0]), ({"one": CIRCLE}, [7]), ({"one": CIRCLE}, [-1])])
def test_numbers_that_are_not_there_are_refused(panels: dict[str, torch.Tensor], named: list[int]) -> None:
    with pytest.raises(ValueError, match="named: numbers of every panel expected"):
        dials(panels, named=named, name="dial")
