"""Rewritten weights: other numbers, the same probabilities on every input; each moves what its name says."""

import pytest
import torch

from tests.circuits import SPECS, scrambled
from tinycircuits.models.symmetries import SYMMETRIES, pushed, rewritten
from tinycircuits.models.weights import named_weights
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=3)
TOKENS = TASK.inputs(TASK.sequences())
MOVES = {
    "neurons permuted": {"W_in", "b_in", "W_out"},
    "neurons scaled": {"W_in", "b_in", "W_out"},
    "queries and keys mixed": {"W_Q", "b_Q", "W_K", "b_K"},
    "values and outputs mixed": {"W_V", "b_V", "W_O"},
    "key bias redrawn": {"b_K"},
    "value bias redrawn": {"b_V", "b_O"},
    "one number added": {"W_E", "W_pos", "b_O", "b_out"},
    "gains scaled": {"w", "b", "W_Q", "W_K", "W_V", "W_in", "W_U"},
    "stream turned": {"W_E", "W_pos", "w", "b", "W_Q", "b_Q", "W_K", "b_K", "W_V", "b_V", "W_O", "b_O", "W_in", "b_in"}
    | {"W_out", "b_out", "W_U", "b_U"},
    "logits shifted": {"W_U"},
}
TWO_HEADS = SPECS["two layers"].model_copy(update={"n_heads": 2})
SHAPES = {"one layer": SPECS["one layer"], "two layers": SPECS["two layers"], "two heads": TWO_HEADS}


@pytest.mark.parametrize("spec", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_no_probability_changes_and_the_weights_do(symmetry, spec):
    model = scrambled(spec, TASK)
    other = rewritten(model, symmetry, seed=3)
    with torch.no_grad():
        torch.testing.assert_close(other(TOKENS).softmax(-1), model(TOKENS).softmax(-1), rtol=0, atol=1e-9)
    before, after = named_weights(model), named_weights(other)
    moved = {name.rsplit(".")[-1] for name in before if (before[name] - after[name]).abs().max() > 1e-3}
    assert moved == MOVES[symmetry]


def test_every_rewriting_is_said_by_its_test():
    assert list(MOVES) == list(SYMMETRIES)


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_the_seed_draws_the_change_and_the_model_stays(symmetry):
    model = scrambled(SPECS["one layer"], TASK)
    kept = named_weights(model)
    first, again, other = (named_weights(rewritten(model, symmetry, seed=seed)) for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
    assert all(torch.equal(kept[name], each) for name, each in named_weights(model).items())


def test_a_push_moves_each_weight_as_far_and_elsewhere():
    model = scrambled(SPECS["one layer"], TASK)
    other = rewritten(model, "queries and keys mixed", seed=0)
    push = pushed(model, other, seed=0)
    start, rule, lot = map(named_weights, (model, other, push))
    for name, weight in start.items():
        torch.testing.assert_close((lot[name] - weight).norm(), (rule[name] - weight).norm())
    assert not torch.allclose(lot["blocks.0.attn.W_Q"], rule["blocks.0.attn.W_Q"])
    with torch.no_grad():
        assert (push(TOKENS) - model(TOKENS)).abs().max() > 0.1


def test_an_unknown_symmetry_is_refused_by_name():
    with pytest.raises(ValueError, match=r"symmetry must be one of neurons permuted, .*, got 'mirror'"):
        rewritten(scrambled(SPECS["one layer"], TASK), "mirror", seed=0)


@pytest.mark.parametrize("name", ["attention only", "no LayerNorm", "three layers, two heads, gelu"])
def test_models_for_which_the_rules_do_not_hold_are_refused(name):
    with pytest.raises(ValueError, match="LayerNorm and MLPs with ReLU"):
        rewritten(scrambled(SPECS[name], TASK), "neurons permuted", seed=0)
