"""Boxes hold cases, and the roots hold every case once."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from tests.proof.models import TASKS, random_boxes
from tinycircuits.proof.cases import joined, roots
from tinycircuits.proof.subject import rule_of
from tinycircuits.tasks import ReverseIncrement


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_the_roots_hold_every_case_once(task):
    rule = rule_of(task)
    met = Counter(roots(rule).inputs())
    assert set(met) == set(product(range(rule.n_digits), product(range(rule.modulus), repeat=rule.n_digits)))
    assert set(met.values()) == {1}
    assert sum(roots(rule).sizes) == rule.n_cases


def test_in_each_root_the_token_of_the_row_and_the_right_answer_are_one():
    task = TASKS["modulo 3, by two"]
    rule, sequences = rule_of(task), task.sequences()
    for root in (roots(rule)[[k]] for k in range(len(roots(rule)))):
        cases = np.array([digits for _, digits in root.inputs()])
        row, tokens = int(root.row[0]), rule.tokens(cases)
        assert len(set(tokens[:, rule.n_digits + row])) == 1
        assert len(set(rule.answer[row, cases[:, rule.source[row]]])) == 1
    assert {tuple(each) for each in rule.tokens(np.array(list(product(range(3), repeat=3)))).tolist()} == {
        tuple(each) for each in task.inputs(sequences).tolist()
    }


def test_the_first_row_asks_with_its_own_source():
    rule = rule_of(ReverseIncrement(n_digits=8))
    assert rule.asked_by[0] == rule.source[0] == 7
    assert len(roots(rule)) == 4 + 7 * 16


def test_sizes_are_whole_numbers_of_any_length():
    rule = rule_of(ReverseIncrement(n_digits=16))
    assert sum(roots(rule).sizes) == rule.n_cases == 16 * 4**16


def test_sizes_count_what_inputs_lists():
    boxes = random_boxes(rule_of(TASKS["reversal"]), 50, seed=0)
    assert boxes.sizes == [len(list(boxes[[k]].inputs())) for k in range(len(boxes))]
    assert len(joined([boxes, boxes[:3]])) == 53
