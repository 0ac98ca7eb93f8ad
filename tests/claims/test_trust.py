"""The rule about methods is met by what it says, and by nothing less."""

from dataclasses import replace

import pytest
import torch

from tinycircuits.claims import rules_part_4
from tinycircuits.claims.rules_part_4 import calibrated, who_looks_is_fooled_who_removes_one_misses_pairs
from tinycircuits.models.planted import ROLES
from tinycircuits.results.calibrated import Calibration

METHODS = ("zero ablation", "mean ablation", "greedy pruning", "probe", "brightness")
PATTERNS = ("half pair", "full pair", "cancelling pair", "bright idle")
WORKS, COUNTERS, IDLE = (ROLES.index(role) for role in ("works", "counters", "idle"))


def made_up() -> Calibration:
    """Four models of two planted units and an idle one, in which every method does what the rule says."""
    role = torch.tensor([[WORKS, WORKS, IDLE], [WORKS, WORKS, IDLE], [COUNTERS, COUNTERS, IDLE], [IDLE, WORKS, IDLE]])
    planted = torch.tensor([[1, 1, 0], [1, 1, 0], [1, 1, 0], [1, 0, 0]]).bool()
    named = torch.zeros(4, len(METHODS), 3, dtype=torch.bool)
    named[2, :3, :2] = True
    named[3, :, 1] = True
    named[3, 3:, 0] = True
    score = torch.zeros(4, len(METHODS), 3)
    models = tuple((pattern, "heads", 0) for pattern in PATTERNS)
    return Calibration(models, METHODS, role, planted, planted, score, named, named, torch.zeros(4, len(METHODS)))


def met(model: int, method: str, unit: int, named: bool) -> bool:
    """Whether the rule holds when one word is changed."""
    of = made_up()
    changed = of.named.clone()
    changed[model, METHODS.index(method), unit] = named
    return bool(who_looks_is_fooled_who_removes_one_misses_pairs(replace(of, named=changed)).met)


def test_the_rule_holds_where_every_method_has_its_blind_spot():
    found = who_looks_is_fooled_who_removes_one_misses_pairs(made_up())
    assert found.met.tolist() == [True]
    assert [float(value) for value in found.values.values()] == [0, 0, 4, 2]


@pytest.mark.parametrize(
    ("model", "method", "unit", "named", "still"),
    [
        (3, "greedy pruning", 0, True, False),  # a method that changes something names an idle part
        (0, "greedy pruning", 2, True, False),  # also one that nobody planted
        (0, "probe", 2, True, True),  # looking may name as many idle parts as it likes
        (0, "zero ablation", 0, True, False),  # finds a copy
        (1, "mean ablation", 1, True, False),
        (1, "greedy pruning", 1, True, True),  # others may find copies
        (2, "zero ablation", 1, False, False),  # lets one of a cancelling pair go
        (2, "greedy pruning", 1, False, True),
        (3, "probe", 0, False, False),  # is not fooled
        (3, "brightness", 0, False, False),
    ],
)
def test_one_word_decides(model, method, unit, named, still):
    assert met(model, method, unit, named) == still


def test_the_control_shuffles_the_truth_within_each_model():
    true, shuffled = calibrated(), calibrated(shuffled=True)
    assert torch.equal(true.role.sort(1).values, shuffled.role.sort(1).values)
    assert torch.equal(true.role < 0, shuffled.role < 0)
    assert (true.role != shuffled.role).any(1).double().mean() > 0.9
    assert torch.equal(true.named, shuffled.named)
    assert rules_part_4.who_looks_is_fooled_who_removes_one_misses_pairs(true).met
    assert not rules_part_4.who_looks_is_fooled_who_removes_one_misses_pairs(shuffled).met
