"""The rule about certificates is met by what it says, and by nothing less."""

import pytest
import torch

from tinycircuits.claims.rules_part_4 import CERTIFIED, ONE_LAYER, certain_in_double_precision
from tinycircuits.results.certificates import StoredCertificate

MACHINES = ("real", "float64", "float32")
NONE = torch.zeros(3)


def made_up(changed: dict[str, list[list[int]]]) -> dict[str, StoredCertificate]:
    """Ten answers of each model: all right, one of each deeper model undecided in float32; and what is changed."""
    deep, flat = [[10, 0, 0], [10, 0, 0], [9, 0, 1]], [[10, 0, 0]] * 3
    counts = {name: flat if name == ONE_LAYER else deep for name in CERTIFIED} | changed
    grid = torch.zeros(3, 1, 1, dtype=torch.long)
    return {
        name: StoredCertificate(MACHINES, torch.tensor(each), NONE, NONE, NONE, grid, {}, "")
        for name, each in counts.items()
    }


def test_the_rule_holds_where_only_deeper_models_are_open_in_single_precision():
    found = certain_in_double_precision(made_up({}))
    assert found.met.tolist() == [True]
    assert [float(value) for value in found.values.values()] == [1, 1, 0, 0, 1]


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("addition-113-3l", [[9, 0, 1], [10, 0, 0], [9, 0, 1]]),  # one answer is open in real arithmetic
        ("addition-113-3l", [[10, 0, 0], [9, 0, 1], [9, 0, 1]]),  # in float64
        ("addition-97-2l", [[10, 0, 0], [10, 0, 0], [8, 1, 1]]),  # one is wrong
        (ONE_LAYER, [[10, 0, 0], [10, 0, 0], [9, 0, 1]]),  # one of B is open in float32
        ("reversal-8d-2l", [[10, 0, 0], [10, 0, 0], [10, 0, 0]]),  # a deeper model is certified whole
    ],
)
def test_one_answer_is_enough_to_miss_it(name, counts):
    assert not certain_in_double_precision(made_up({name: counts})).met
