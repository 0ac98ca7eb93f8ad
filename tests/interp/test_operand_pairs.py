"""Pairs that differ in one operand: which they are, and what each says, one by one."""

import pytest
import torch

from tests.circuits import SPECS, adder, answering, scrambled
from tinycircuits.interp.activations import Component, activations, components
from tinycircuits.interp.operand_pairs import changed_pairs, operand_pairs
from tinycircuits.interp.pairs import unit_directions
from tinycircuits.models.build import ModelSpec
from tinycircuits.models.errors import share_interval
from tinycircuits.tasks import ModularAddition

TASK = ModularAddition(modulus=3, plus_sign=True)
SPEC = ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=2, d_mlp=16)


@torch.no_grad()
def said(model, component):
    """What the whole model says for each (base, source), by TransformerLens."""
    tokens, (row,) = TASK.inputs(TASK.sequences()), TASK.predicting_rows
    kept = activations(model, tokens, [component.hook])[component.hook]
    found = []
    for source in range(len(tokens)):

        def swap(value, hook, source=source):
            value = value.clone()
            value[:, row] = kept[source, row]
            return value

        found.append(model.run_with_hooks(tokens, fwd_hooks=[(component.hook, swap)])[:, row].argmax(-1))
    return torch.stack(found, dim=1)


@pytest.mark.parametrize("component", components(scrambled(SPEC, TASK)), ids=lambda each: each.label)
def test_counts_are_those_of_pairs_run_one_by_one(component):
    model = answering(SPEC, TASK)
    found, tokens = operand_pairs(model, TASK, SPEC, component, seed=0), said(model, component)
    for operand in range(2):
        pairs = [
            (a * 3 + b, c * 3 + d)
            for a in range(3)
            for b in range(3)
            for c in range(3)
            for d in range(3)
            if ((a != c, b == d) if operand == 0 else (b != d, a == c)) == (True, True)
        ]
        assert len(pairs) == found.n_pairs == 18
        totals = [sum(divmod(s, 3)) % 3 for s in range(9)]
        assert int(found.as_source[operand]) == sum(int(tokens[b, s]) == totals[s] for b, s in pairs)
        assert int(found.as_base[operand]) == sum(int(tokens[b, s]) == totals[b] for b, s in pairs)
    assert (found.as_source + found.as_base + found.neither == 18).all()
    assert found.near.tolist() == [0, 0]
    assert not found.sampled


def test_the_circuit_that_adds_has_each_operand_where_it_was_put():
    """a is at "=" after layer 0's attention, b comes with layer 1's, and layer 1's MLP writes the sum of both."""
    model = adder(TASK)
    spec = ModelSpec(
        n_layers=2, d_model=model.cfg.d_model, n_heads=2, d_head=model.cfg.d_head, d_mlp=9, layer_norm=False
    )
    found = {part.label: operand_pairs(model, TASK, spec, part, seed=0) for part in components(model)}
    assert {name: each.as_source.tolist() for name, each in found.items()} == {
        "L0 attn": [18, 0],
        "L0 mlp": [0, 0],
        "L1 attn": [0, 18],
        "L1 mlp": [18, 18],
    }
    assert {name: each.as_base.tolist() for name, each in found.items()} == {
        "L0 attn": [0, 18],
        "L0 mlp": [18, 18],
        "L1 attn": [18, 0],
        "L1 mlp": [0, 0],
    }
    assert found["L0 mlp"].control_as_source.tolist() == [0, 0], "a push of no length"


@torch.no_grad()
def test_the_control_is_a_push_as_long_as_the_move():
    model, component = answering(SPEC, TASK), Component(1, "mlp")
    tokens, (row,), generator = TASK.inputs(TASK.sequences()), TASK.predicting_rows, torch.Generator().manual_seed(7)
    kept = activations(model, tokens, [component.hook])[component.hook][:, row]
    expected = []
    for operand in range(2):
        base, source = changed_pairs(3, operand, 0, generator)
        move = kept[source] - kept[base]
        push = (
            move.norm(dim=-1, keepdim=True) * unit_directions((18, 1, 4), generator=generator, dtype=move.dtype)[:, 0]
        )

        def pushed(value, hook, push=push):
            value = value.clone()
            value[:, row] += push
            return value

        told = model.run_with_hooks(tokens[base], fwd_hooks=[(component.hook, pushed)])[:, row].argmax(-1)
        expected.append(int((told == TASK.answers(TASK.sequences())[source, 0]).sum()))
    found = operand_pairs(model, TASK, SPEC, component, seed=7)
    assert found.control_as_source.tolist() == expected != found.as_source.tolist()
    assert sum(expected) > 0


@pytest.mark.parametrize("operand", [0, 1])
def test_all_pairs_are_there_once_and_differ_in_one_operand(operand):
    base, source = changed_pairs(5, operand, 0, torch.Generator())
    assert len(set(zip(base.tolist(), source.tolist(), strict=True))) == len(base) == 25 * 4
    same, other = (base // 5 == source // 5), (base % 5 == source % 5)
    assert (same if operand else other).all()
    assert not (other if operand else same).any()


def test_a_sample_is_of_the_same_pairs_and_says_that_it_is_one():
    generator = torch.Generator().manual_seed(0)
    base, source = changed_pairs(3, 1, 500, generator)
    every = set(zip(*(each.tolist() for each in changed_pairs(3, 1, 0, generator)), strict=True))
    assert set(zip(base.tolist(), source.tolist(), strict=True)) == every
    model = scrambled(SPEC, TASK)
    found = operand_pairs(model, TASK, SPEC, Component(1, "attn"), seed=0, n_sampled=500)
    whole = operand_pairs(model, TASK, SPEC, Component(1, "attn"), seed=0)
    assert (found.sampled, found.n_pairs) == (True, 500)
    assert found.share(0) == share_interval(int(found.as_source[0]), 500)
    assert whole.share(1) == (int(whole.as_source[1]) / 18,) * 2
    assert found.row() == {
        "part": "L1 attn",
        "pairs": 500,
        "which": "sampled",
        "other $a$": found.share(0),
        "other $b$": found.share(1),
    }
    assert (found.as_source.double() / 500 - whole.as_source.double() / 18).abs().max() < 0.1


def test_single_precision_is_looked_at_in_double():
    model = scrambled(SPEC, TASK)
    single = scrambled(SPEC, TASK).float()
    one = operand_pairs(single, TASK, SPEC, Component(1, "mlp"), seed=0)
    other = operand_pairs(model, TASK, SPEC, Component(1, "mlp"), seed=0)
    assert torch.equal(one.as_source, other.as_source)
    assert next(single.parameters()).dtype == torch.float32, "and it stays as it was"


def test_what_cannot_be_counted_is_refused():
    model = scrambled(SPECS["two layers"], TASK)
    with pytest.raises(ValueError, match="n_sampled must be 0"):
        operand_pairs(model, TASK, SPEC, Component(0, "attn"), seed=0, n_sampled=-1)
    with pytest.raises(ValueError, match="component must be one of"):
        operand_pairs(model, TASK, SPEC, Component(2, "attn"), seed=0)
