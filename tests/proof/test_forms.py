"""The least value of a linear form on a box, against a plain loop over its cases."""

import numpy as np
import pytest

from tests.proof.models import TASK, random_boxes, subjects
from tinycircuits.proof import forms
from tinycircuits.proof.cases import Boxes
from tinycircuits.proof.forms import affine, least, lightest
from tinycircuits.proof.subject import rule_of


def drawn(seed, n_boxes=60, size=4):
    """Boxes of three digits, terms with positive weights of very unlike sizes, and forms."""
    draw = np.random.default_rng(seed)
    boxes = random_boxes(rule_of(TASK), n_boxes, seed)
    terms = draw.normal(size=(n_boxes, 3, 4, size + 1))
    terms[..., -1] = np.exp(draw.normal(size=terms.shape[:-1]) * 4)
    terms[..., :-1] *= terms[..., -1:]
    return boxes, terms, affine(draw.normal(size=(n_boxes, 5, size)), draw.normal(size=(n_boxes, 5)))


def slowly(boxes: Boxes, terms, c):
    """The least value of every form, case by case."""
    found = np.full(c.shape[:2], np.inf)
    for k in range(len(boxes)):
        for _, digits in boxes[[k]].inputs():
            total = sum(terms[k, j, v] for j, v in enumerate(digits))
            found[k] = np.minimum(found[k], c[k] @ total / total[-1])
    return found


@pytest.mark.parametrize("seed", range(8))
def test_it_is_the_least_value_of_any_case(seed):
    boxes, terms, c = drawn(seed)
    np.testing.assert_allclose(least(c, terms, boxes.allowed).value, slowly(boxes, terms, c), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_after_any_number_of_steps_it_bounds_from_below(monkeypatch, steps):
    monkeypatch.setattr(forms, "STEPS", steps)
    loose = 0
    for seed in range(8):
        boxes, terms, c = drawn(seed)
        gap = slowly(boxes, terms, c) - least(c, terms, boxes.allowed).value
        assert gap.min() > -1e-9
        loose += int((gap > 1e-6).sum())
    assert loose > 0 or steps == 3


def test_the_case_that_is_named_has_the_value():
    boxes, terms, c = drawn(9)
    found = least(c, terms, boxes.allowed)
    for k in range(len(boxes)):
        for f in range(c.shape[1]):
            total = sum(terms[k, j, v] for j, v in enumerate(found.at[k, f]))
            assert all(boxes.allowed[k, j, v] for j, v in enumerate(found.at[k, f]))
            assert c[k, f] @ total / total[-1] == pytest.approx(found.value[k, f], rel=1e-9, abs=1e-12)


def test_the_lightest_case_of_a_box():
    boxes, terms, _ = drawn(10)
    expected = [
        min(sum(terms[k, j, v, -1] for j, v in enumerate(d)) for _, d in boxes[[k]].inputs()) for k in range(60)
    ]
    np.testing.assert_allclose(lightest(terms, boxes.allowed), expected)


def test_weights_of_attention_are_positive_in_every_model():
    assert min(each.terms[..., -1].sum(2).min() for each in subjects().values()) > 0
