"""Pairs with one number corrupted, patched in every way."""

import pytest
import torch

from tests.circuits import scrambled
from tinycircuits.interp.activations import component_groups, components
from tinycircuits.interp.operands import (
    OPERANDS,
    corrupted_pairs,
    patch_every_way,
    plain_shuffle,
    recovery_by_operand,
    widest_interval,
)
from tinycircuits.interp.patching import DIRECTIONS, activation_patching
from tinycircuits.models.build import ModelSpec
from tinycircuits.tasks import ModularAddition

TASK = ModularAddition(modulus=7, plus_sign=True)
CLEAN = TASK.sequences()
SPEC = ModelSpec(n_layers=3, d_model=6, n_heads=2, d_head=3, d_mlp=5)


@pytest.mark.parametrize("plus_sign", [True, False])
@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("modulus", [5, 7, 13])
def test_a_corruption_changes_the_operand_and_the_answer_of_every_input(modulus, operand, plus_sign):
    task = ModularAddition(modulus=modulus, plus_sign=plus_sign)
    clean = task.sequences()
    for seed in range(5):
        corrupted = corrupted_pairs(task, operand=operand, seed=seed)
        differs = corrupted != clean
        a, b = task.operand_columns
        assert bool((task.answers(corrupted) != task.answers(clean)).all())
        assert bool(differs[:, a].all()) == (operand in ("a", "both"))
        assert bool(differs[:, b].all()) == (operand in ("b", "both"))
        assert differs[:, a].any() == (operand != "b")
        assert torch.equal(task.answers(corrupted), task.solve(corrupted[:, [a, b]]))
        for column in (a, b):  # each value is as frequent as before
            assert torch.equal(corrupted[:, column].bincount(), clean[:, column].bincount())


def test_a_corruption_depends_on_its_seed_alone():
    torch.manual_seed(1)
    first = corrupted_pairs(TASK, operand="both", seed=3)
    torch.manual_seed(2)
    assert torch.equal(corrupted_pairs(TASK, operand="both", seed=3), first)
    assert not torch.equal(corrupted_pairs(TASK, operand="both", seed=4), first)


def test_every_way_is_each_operand_in_each_direction_on_the_same_inputs():
    model = scrambled(SPEC, TASK)
    groups = component_groups(model)
    found = patch_every_way(model, TASK, groups, n_inputs=20, seed=3)
    assert list(found) == [(operand, direction) for operand in OPERANDS for direction in DIRECTIONS]
    drawn = torch.randperm(49, generator=torch.Generator().manual_seed(4))[:20]
    for (operand, direction), patching in found.items():
        other = corrupted_pairs(TASK, operand=operand, seed=3)[drawn]
        alone = activation_patching(model, TASK, CLEAN[drawn], other, groups=groups, direction=direction)
        torch.testing.assert_close(patching.patched["loss"], alone.patched["loss"])
        assert patching.recoveries("loss").tolist() == [patching.recovery(part, "loss") for part in groups]
    with pytest.raises(ValueError, match=r"n_inputs must lie in 1\.\.49, got 50"):
        patch_every_way(model, TASK, groups, n_inputs=50)


@pytest.fixture(scope="module")
def model():
    return scrambled(SPEC, TASK)


def test_every_way_of_patching_has_a_row_and_every_operand_a_column(model):
    ways = patch_every_way(model, TASK, components(model), n_inputs=30)
    grid = recovery_by_operand(ways, "noise", "loss")
    assert grid.shape == (6, 3)
    assert (grid.index.name, grid.columns.name) == ("patched", "corrupted")
    assert grid.loc["L1 attn", "b"] == ways["b", "noise"].recovery("L1 attn", "loss")


def test_no_interval_is_longer_than_the_widest(model):
    ways = patch_every_way(model, TASK, components(model), n_inputs=30)
    found = ways["both", "denoise"].intervals("loss", seed=0)["L0 mlp"]
    assert 0 < found.high - found.low <= widest_interval(ways, "loss")
    one_way = {("b", "noise"): ways["b", "noise"]}
    lengths = [each.high - each.low for each in ways["b", "noise"].intervals("loss", seed=0).values()]
    assert widest_interval(one_way, "loss") == max(lengths)


def test_a_plain_shuffle_keeps_a_and_every_b_but_not_its_place():
    clean, other = plain_shuffle(TASK, n_inputs=20, seed=0)
    a, b = TASK.operand_columns
    assert len(clean.unique(dim=0)) == len(clean) == 20
    assert torch.equal(other[:, a], clean[:, a])
    assert torch.equal(other[:, b].sort().values, clean[:, b].sort().values)
    assert not torch.equal(other[:, b], clean[:, b])
    assert torch.equal(TASK.answers(other)[:, 0], (other[:, a] + other[:, b]) % TASK.modulus)
