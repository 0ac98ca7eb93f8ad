"""Wrong answers among random inputs, looked up in groups of digits, are those of the margins case by case."""

import numpy as np
import pytest
import torch

from tests.proof.models import published, subjects
from tinycircuits.interp.attention import attention_pattern
from tinycircuits.proof.subject import rule_of, tables_of
from tinycircuits.proof.trial import elsewhere, wrong_answers


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


def test_attention_elsewhere_is_what_the_pattern_does_not_give_to_the_places_of_the_source():
    found, task = published(), published().study.task
    sequences = task.sequences()[::509]
    pattern = attention_pattern(found.model, task.inputs(sequences), layer=0)
    shares = []
    for row, source in enumerate(rule_of(task).source):
        places = [1 + source, *(9 + i for i in range(row) if rule_of(task).source[i] == source)]
        places += [0] if source == 0 else []  # BOS counts with the first digit
        shares.append(1 - pattern[:, 8 + row, places].sum(1))
    expected = float(torch.stack(shares).mean())
    tables = tables_of(found.model, rule_of(task))
    assert elsewhere(tables, sequences[:, 1:9].numpy()) == pytest.approx(expected, rel=1e-9)
    assert 0 < expected < 1
