"""The lattice drawn: a dot for each set in the row of its size, a ring where nothing can be spared."""

import numpy as np
import torch
from matplotlib.patches import FancyBboxPatch

from tests.display.drawings.reading import dots, texts
from tinycircuits.display.drawings.lattice import lattice_dots, small_lattice
from tinycircuits.interp.activations import Component
from tinycircuits.interp.branches import Neuron
from tinycircuits.interp.lattice import Lattice

UNITS = (Component(0, "attn"), Neuron(0, 0), Neuron(0, 1))
FOUND = Lattice(UNITS, "zero", torch.tensor([8, 8, 8, 0, 8, 0, 1, 0]), 8)


def test_each_set_is_a_row_of_the_data_with_its_count():
    data = lattice_dots(FOUND, name="a").data.set_index("set")
    assert data["wrong"].to_dict()["nothing"] == 8
    assert data.loc["L0N0, L0N1"].tolist() == [2, 1, False]
    assert sorted(data.index[data["minimal"]]) == ["L0 attn, L0N0", "L0 attn, L0N1"]


def test_the_whole_lies_above_and_there_is_a_dot_for_each_set_and_two_for_each_ring():
    drawn = lattice_dots(FOUND, name="a")
    places = dots(drawn, 0)
    legend = 5
    assert len(places) == 8 + 2 * 2 + legend
    heights = np.unique(places[:-legend, 1].round(3))
    assert len(heights) == 4, "one row for each number of units"
    whole, nothing = (places[:-legend][places[:-legend, 1].round(3) == height] for height in heights[[-1, 0]])
    assert len(whole) == len(nothing) == 1
    assert np.isclose(whole[0, 0], nothing[0, 0]), "the whole stands above nothing"


def test_few_minimal_circuits_are_spelled_out_and_many_are_not():
    assert "ring: L0 attn, L0N1" in texts(lattice_dots(FOUND, name="a"))
    units = tuple(Neuron(0, n) for n in range(4))
    many = Lattice(units, "zero", torch.tensor([1, *[0] * 15]), 1)
    assert not [each for each in texts(lattice_dots(many, name="a")) if each.startswith("ring")]


def test_in_a_small_lattice_only_minimal_circuits_have_a_double_frame():
    wrong = {(): 4, ("a",): 4, ("b",): 4, ("c",): 4, ("a", "b"): 0, ("a", "c"): 0, ("b", "c"): 3, ("a", "b", "c"): 0}
    drawn = small_lattice(wrong, name="a")
    data = drawn.data.set_index("set")
    assert sorted(data.index[data["minimal"]]) == ["a, b", "a, c"]
    boxes = [patch for patch in drawn.mpl_fig.axes[0].patches if isinstance(patch, FancyBboxPatch)]
    assert len(boxes) == 2 * (8 + 2)  # a fill and a frame each
    assert len(drawn.mpl_fig.axes[0].lines) == 12
    assert texts(drawn).count("0 wrong") == 3
