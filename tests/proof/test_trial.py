"""Wrong answers among random inputs, looked up in groups of digits, are those of the margins case by case."""

import numpy as np
import pytest

from tests.proof.models import subjects
from tinycircuits.proof.trial import wrong_answers


@pytest.mark.parametrize("name", list(subjects()))
def test_the_wrong_answers_are_those_whose_margin_is_not_above_zero(name):
    tables = subjects()[name]
    n, m = tables.rule.n_digits, tables.rule.modulus
    digits = np.random.default_rng(0).integers(0, m, (200, n))
    expected = sum(int((~(tables.margins(np.full(200, row), digits) > 0).all(1)).sum()) for row in range(n))
    assert wrong_answers(tables, digits) == expected


def test_a_model_without_numbers_is_wrong_everywhere():
    tables = subjects()["trained 0"]
    broken = type(tables)(**{**vars(tables), "beta": np.full_like(tables.beta, np.nan)})
    n, m = tables.rule.n_digits, tables.rule.modulus
    assert wrong_answers(broken, np.zeros((3, n), int) + m - 1) == 3 * n
