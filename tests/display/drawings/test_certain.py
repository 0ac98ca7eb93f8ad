"""The drawing of margins and errors shows every cell that holds answers, where it belongs."""

import numpy as np
import pytest

from tinycircuits.display.drawings.certain import margins_and_errors


def drawn(**grids):
    return margins_and_errors(grids, margins=(-1, 2), errors=(-3, 1), steps=2, name="certain")


def grid(*cells):
    found = np.zeros((8, 6), dtype=int)
    for error, margin, n in cells:
        found[error, margin] = n
    return found


def test_each_cell_is_a_row_with_the_middle_of_its_powers():
    data = drawn(real=grid((0, 2, 5)), float32=grid((7, 0, 1), (2, 5, 300))).data
    assert data.machine.tolist() == ["real", "float32", "float32"]
    assert data.answers.tolist() == [5, 300, 1]
    np.testing.assert_allclose(np.log10(data.margin), [0.25, 1.75, -0.75])
    np.testing.assert_allclose(np.log10(data["error bound"]), [-2.75, -1.75, 0.75])


def test_a_grid_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"grids: real must have the shape \(8, 6\), got \(6, 8\)"):
        drawn(real=grid((0, 2, 5)).T)
