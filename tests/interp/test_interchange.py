"""Interchange beside its control: both in the plain way, one pair after another through the whole model."""

import pytest
import torch

from tests.circuits import SPECS, hand_built, scrambled
from tinycircuits.interp.activations import Component, activations, components
from tinycircuits.interp.interchange import interchange
from tinycircuits.interp.pairs import derangement, unit_directions
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=2)
SEQUENCES = TASK.sequences()
TOKENS = TASK.inputs(SEQUENCES)
ANSWERS = TASK.answers(SEQUENCES)
ROWS = list(TASK.predicting_rows)
N = len(SEQUENCES)


@torch.no_grad()
def moved(model, component, move):
    """What the whole model says at each row when the component's output there alone is moved."""
    said = []
    for i, row in enumerate(ROWS):

        def hook(output, hook, row=row, i=i):
            output = output.clone()
            output[:, row] += move[:, i]
            return output

        logits = model.run_with_hooks(TOKENS, fwd_hooks=[(component.hook, hook)])
        said.append(logits[:, row].argmax(-1))
    return torch.stack(said, dim=1)


@pytest.mark.parametrize("component", [Component(0, "attn"), Component(0, "mlp"), Component(1, "mlp")])
def test_all_counts_are_those_of_pairs_run_one_by_one(component):
    model = scrambled(SPECS["two layers"], TASK)
    found = interchange(model, SEQUENCES, TASK, component, seed=3, pairings=2)
    output = activations(model, TOKENS, [component.hook], rows=ROWS)[component.hook]
    generator = torch.Generator().manual_seed(3)
    expected = torch.zeros(6, 2, dtype=torch.int64)
    for shift in (1, 2):
        partners = derangement(N, seed=3, shift=shift)
        move = output[partners] - output
        drawn = unit_directions(tuple(move.shape), generator=generator, dtype=move.dtype)
        said = moved(model, component, move)
        control = moved(model, component, move.norm(dim=-1, keepdim=True) * drawn)
        for b in range(N):
            for i in range(2):
                base, source = int(ANSWERS[b, i]), int(ANSWERS[partners[b], i])
                mine, pushed = int(said[b, i]), int(control[b, i])
                apart = base != source
                cases = [mine == source, mine == base, not apart, mine == source and apart]
                expected[:, i] += torch.tensor([*cases, pushed == source, pushed == source and apart]).long()
    fields = ("as_source", "as_base", "coincide", "as_source_distinct")
    controls = ("control_as_source", "control_as_source_distinct")
    assert torch.equal(torch.stack([getattr(found, name) for name in (*fields, *controls)]), expected)
    assert found.n_pairs == 2 * N


def test_shares_are_of_the_pairs_that_they_name():
    found = interchange(hand_built(TASK, mlp=True), SEQUENCES, TASK, Component(0, "attn"), seed=0, pairings=15)
    apart = found.distinct.double()
    assert found.distinct.tolist() == [15 * 16 - 16 * 3] * 2
    torch.testing.assert_close(found.accuracy_distinct, found.as_source_distinct / apart)
    torch.testing.assert_close(found.control_accuracy, found.control_as_source.double() / 240)
    torch.testing.assert_close(found.accuracy, found.as_source.double() / 240)
    assert (found.control_as_source < found.as_source).all(), "a random push seldom gives the source's answer"


def test_a_push_as_long_as_the_move_does_more_than_one_of_length_one():
    """The control grows with the move: where outputs are a hundred times as large, it breaks answers too."""
    model = hand_built(TASK, mlp=True)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "attn" in name and ".o." in name and name.endswith("weight"):
                weight *= 100
            if "fc_in" in name and name.endswith("weight"):
                weight /= 100
    found = interchange(model, SEQUENCES, TASK, components(model)[0], seed=0)
    assert found.accuracy.tolist() == [1, 1]
    assert (found.control_as_source_distinct > 0).any(), "a push that left every answer would never hit the source's"
