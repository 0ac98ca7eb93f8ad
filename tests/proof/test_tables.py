"""The tables against TransformerLens: margins of every case."""

import numpy as np
import pytest
import torch

from tests.circuits import scrambled
from tests.proof.models import SPECS, TASKS, digits_of, of_sweep, published
from tinycircuits.proof.subject import ordinary_margins, rule_of, tables_of
from tinycircuits.results.sweeps import load_sweep


@torch.no_grad()
def gap(model, task):
    """The largest difference of a margin from TransformerLens', over all inputs or every 31st."""
    every = 1 if len(task.sequences()) < 1000 else 31
    rule, digits, largest = rule_of(task), digits_of(task)[::every], 0.0
    tokens = task.inputs(task.sequences()[::every])
    tables, logits = tables_of(model, rule), model(tokens)[:, list(task.predicting_rows)].numpy()
    for row in range(rule.n_digits):
        rows = np.full(len(digits), row)
        right = rule.answer[row, digits[:, rule.source[row]]][:, None]
        wrong = tables.wrong[right[:, 0]]
        at = np.take_along_axis(logits[:, row], right, 1) - np.take_along_axis(logits[:, row], wrong, 1)
        largest = max(largest, float(abs(tables.margins(rows, digits) - at).max()))
        assert np.array_equal(tables.right(rows, digits), right[:, 0])
    return largest


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_margins_are_those_of_transformer_lens_in_every_case(spec, task):
    assert gap(scrambled(spec, task), task) < 1e-9


def test_the_published_model():
    assert gap(published().model, published().study.task) < 1e-9


def test_a_model_without_mlp_of_a_sweep():
    sweep = load_sweep("attention-4-in-place", range(2))
    assert gap(sweep.model(1), sweep.sweep.task) < 1e-9


def test_margins_of_single_cases_are_the_ordinary_models():
    task, model = published().study.task, of_sweep("seeds-b", 54)
    rule, draw = rule_of(task), np.random.default_rng(0)
    row, digits = draw.integers(8, size=200), draw.integers(4, size=(200, 8))
    np.testing.assert_allclose(
        tables_of(model, rule).margins(row, digits), ordinary_margins(model, rule, row, digits), atol=1e-9
    )


def test_bos_is_one_of_the_wrong_answers():
    tables = tables_of(published().model, rule_of(published().study.task))
    assert tables.wrong.tolist() == [[1, 2, 3, 4], [0, 2, 3, 4], [0, 1, 3, 4], [0, 1, 2, 4]]
