"""Causal scrubbing as a sum against every draw, one by one."""

import itertools

import pytest
import torch

from tests.circuits import SPECS, hand_built, scrambled
from tinycircuits.interp.activations import Component, activations
from tinycircuits.interp.all_pairs import all_pairs
from tinycircuits.interp.scrubbing import scrubbed
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=2, modulus=3)
SEQUENCES = TASK.sequences()
HOOK = "blocks.0.hook_attn_out"


@torch.no_grad()
def drawn(model):
    """Loss and mistake of each (base, source, answer), by TransformerLens."""
    tokens, right = TASK.inputs(SEQUENCES), TASK.answers(SEQUENCES)
    kept = activations(model, tokens, [HOOK])[HOOK]
    loss, wrong = torch.zeros(2, 9, 9, 2, dtype=torch.float64)
    for source, (i, row) in itertools.product(range(9), enumerate(TASK.predicting_rows)):

        def swap(value, hook, source=source, row=row):
            value = value.clone()
            value[:, row] = kept[source, row]
            return value

        logits = model.run_with_hooks(tokens, fwd_hooks=[(HOOK, swap)])[:, row]
        loss[:, source, i] = -logits.log_softmax(-1)[torch.arange(9), right[:, i]]
        wrong[:, source, i] = (logits.argmax(-1) != right[:, i]).double()
    return loss, wrong


def test_expectations_are_means_over_all_draws():
    model = scrambled(SPECS["one layer"], TASK)
    found, (loss, wrong) = scrubbed(model, SEQUENCES, TASK), drawn(model)
    digits = SEQUENCES[:, 1:3]
    for i, j in itertools.product(range(2), range(2)):
        draws = [
            [s for s in range(9) if digits[s, j] == digits[b, j]] for b in range(9)
        ]  # each base draws among three inputs
        for costs, said in ((loss, found.loss), (wrong, found.wrong)):
            mean = torch.stack([costs[b, draws[b], i].mean() for b in range(9)]).mean()
            torch.testing.assert_close(said[i, j], mean)
    for costs, said in ((loss, found.all_loss), (wrong, found.all_wrong)):
        torch.testing.assert_close(said, costs.mean((0, 1)))
    torch.testing.assert_close(found.clean_loss, torch.stack([loss[b, b] for b in range(9)]).mean(0))
    assert 0 < found.all_wrong.min() <= found.all_wrong.max() < 1


def test_wrong_shares_are_those_of_the_pairs_that_agree():
    model = scrambled(SPECS["one layer"], TASK)
    found, pairs = scrubbed(model, SEQUENCES, TASK), all_pairs(model, SEQUENCES, TASK, Component(0, "attn"))
    agree = torch.stack([pairs.said[:, v, v, v] for v in range(3)]).sum(0)
    torch.testing.assert_close(found.source_wrong, 1 - agree.double() / pairs.coincide)
    torch.testing.assert_close(found.all_wrong, 1 - pairs.as_base.double() / pairs.n_pairs)


def test_the_circuit_set_by_hand_needs_the_source_digit_and_nothing_else():
    found = scrubbed(hand_built(TASK, mlp=True), SEQUENCES, TASK)
    assert found.source_wrong.tolist() == [0, 0]
    torch.testing.assert_close(found.source_loss, found.clean_loss)
    torch.testing.assert_close(found.all_wrong, torch.full((2,), 2 / 3, dtype=torch.float64))
    torch.testing.assert_close(found.wrong.diagonal(), found.all_wrong), "the other digit explains nothing"
    torch.testing.assert_close(found.loss.diagonal(), found.all_loss)
    rows = found.rows()
    assert rows["wrong, same source digit"].tolist() == [0, 0]
    assert (rows["any input"] > rows["same source digit"]).all()
    assert rows["nothing"].tolist() == found.clean_loss.tolist()


def test_two_layers_are_refused():
    with pytest.raises(ValueError, match="model must have one layer, got 2"):
        scrubbed(scrambled(SPECS["two layers"], TASK), SEQUENCES, TASK)
