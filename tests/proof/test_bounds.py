"""No case of a box lies below its bounds: random, perturbed and trained models, random boxes, many cases."""

import numpy as np
import pytest

from tests.proof.models import normed, random_boxes, root_of_final, some_cases, subjects
from tinycircuits.proof.bounds import Relaxed, bounds
from tinycircuits.proof.cases import Boxes
from tinycircuits.proof.forms import affine, least

N_BOXES, N_CASES = 80, 30
SUBJECTS = list(subjects())


def cases_in(tables, share, seed=0):
    boxes = random_boxes(tables.rule, N_BOXES, seed, share)
    return boxes, *some_cases(boxes, N_CASES, seed)


def within(tables, boxes):
    """The ranges of the coordinates of the state after attention, and the function that finds least values."""
    terms, d = tables.terms_of(boxes), tables.terms.shape[-1] - 1

    def lowest(forms):
        return least(forms, terms, boxes.allowed).value

    axes = np.broadcast_to(np.concatenate([np.eye(d), -np.eye(d)]), (len(boxes), 2 * d, d))
    ends = lowest(affine(axes, 0.0))
    return ends[:, :d], -ends[:, d:], lowest


@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.parametrize(("share", "mu"), [(0.3, 0.0), (0.6, 2.0), (1.0, 0.0)])
def test_no_case_lies_below_the_bounds_of_its_box(name, share, mu):
    tables = subjects()[name]
    boxes, index, row, digits = cases_in(tables, share)
    found = bounds(tables, boxes, mu)
    margins = tables.margins(row, digits) - mu
    slack = 1e-9 * (1 + abs(margins))
    root = root_of_final(tables, tables.state(row, digits))[:, None]
    assert (found.lower[index] <= margins * root + slack * root).all()
    assert (margins.min(1) > 0)[found.right[index]].all()
    assert (margins.min(1) < 0)[found.wrong[index]].all()


@pytest.mark.parametrize("name", [name for name in SUBJECTS if "neither" not in name and "no MLP" not in name])
def test_what_stands_for_layer_norm_and_relu_lies_on_the_right_side(name):
    """Piece by piece: a looser piece must not hide another that is wrong."""
    tables = subjects()[name]
    for share in (0.3, 0.6, 1.0):
        boxes, index, row, digits = cases_in(tables, share, seed=1)
        low, high, lowest = within(tables, boxes)
        y = tables.state(row, digits)
        assert (low[index] <= y + 1e-9).all()
        assert (y <= high[index] + 1e-9).all()
        line = Relaxed.of(tables, low, high, lowest)
        straight = line.g[index] + np.einsum(
            "cde,ce->cd", np.broadcast_to(line.J, (len(boxes), *line.J.shape[1:]))[index], y
        )
        assert (np.linalg.norm(normed(tables, y) - straight, axis=1) <= line.error[index] + 1e-9).all()
        pre = normed(tables, y) @ tables.G.T + tables.g_0
        height = np.maximum(pre, 0)
        assert (line.below[index] * pre <= height + 1e-9).all()
        assert (height <= line.above[index] * pre + line.lift[index] + 1e-9).all()


@pytest.mark.parametrize("name", [name for name in SUBJECTS if "by hand" not in name])
def test_the_bound_of_a_single_case_is_its_margin(name):
    tables = subjects()[name]
    _, _, row, digits = (each[::8] if isinstance(each, np.ndarray) else each for each in cases_in(tables, 0.5))
    single = Boxes(row, np.arange(tables.rule.modulus) == digits[..., None])
    found = bounds(tables, single, 0.5)
    expected = (tables.margins(row, digits) - 0.5) * root_of_final(tables, tables.state(row, digits))[:, None]
    np.testing.assert_allclose(found.lower, expected, rtol=1e-6, atol=1e-6 * (1 + abs(expected).max()))
    assert np.array_equal(found.at, digits)


def test_a_smaller_box_has_a_bound_that_is_no_lower():
    """In nearly all: relaxations are not monotone, but a halved box is the point of splitting."""
    tables = subjects()["trained 51"]
    boxes = random_boxes(tables.rule, 200, 3, 1.0)
    halves = Boxes(boxes.row, boxes.allowed & random_boxes(tables.rule, 200, 4, 1.0).allowed)
    fits = halves.allowed.any(2).all(1)
    better = bounds(tables, halves[fits]).lower.min(1) >= bounds(tables, boxes[fits]).lower.min(1) - 1e-9
    assert fits.sum() > 5
    assert better.mean() > 0.9


def test_what_is_not_a_number_decides_nothing():
    tables = subjects()["trained 0"]
    boxes = random_boxes(tables.rule, 5, 0)
    for number in (np.nan, np.inf, -np.inf):
        broken = type(tables)(**{**vars(tables), "beta": np.full_like(tables.beta, number)})
        found = bounds(broken, boxes)
        assert not found.right.any()
        assert not found.wrong.any()
