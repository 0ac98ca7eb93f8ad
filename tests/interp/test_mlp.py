"""The MLP by digit and neuron, for increments other than one: plain loops and the circuit set by hand."""

import pytest
import torch

from tests.circuits import SPECS, hand_built, scrambled
from tinycircuits.interp.activations import activations
from tinycircuits.interp.mlp import digit_contributions, neuron_activity
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=2, modulus=5, increment=3)
SEQUENCES = TASK.sequences()
TOKENS = TASK.inputs(SEQUENCES)
ROWS = list(TASK.predicting_rows)


@torch.no_grad()
def test_contributions_and_activity_are_those_of_a_loop_in_a_later_layer():
    model = scrambled(SPECS["two layers"], TASK)
    found, activity = (analysis(model, SEQUENCES, TASK, layer=1) for analysis in (digit_contributions, neuron_activity))
    resid = activations(model, TOKENS, ["blocks.1.hook_resid_mid"], rows=ROWS)["blocks.1.hook_resid_mid"]
    pre = model.blocks[1].ln2(resid) @ model.W_in[1] + model.b_in[1]
    outputs = pre.relu() @ model.W_out[1] + model.b_out[1]
    cosine = torch.nn.functional.cosine_similarity
    for k in range(5):
        cases = [(b, i) for b in range(25) for i in range(2) if int(SEQUENCES[b, 2 - i]) == k]
        assert int(found.cases[k]) == len(cases) == 10
        mine = torch.stack([outputs[case] for case in cases])
        torch.testing.assert_close(found.mean_output[k], mine.mean(0))
        raised = (k + 3) % 5
        for step, whole, single in (
            (model.W_E[raised] - model.W_E[k], found.cosine_W_E, found.mean_cosine_W_E),
            (model.W_U[:, raised] - model.W_U[:, k], found.cosine_W_U, found.mean_cosine_W_U),
        ):
            torch.testing.assert_close(whole[k], cosine(mine.mean(0), step, dim=0))
            torch.testing.assert_close(single[k], torch.stack([cosine(each, step, dim=0) for each in mine]).mean())
        for i in range(2):
            active = sum((pre[case] > 0).long() for case in cases if case[1] == i)
            assert torch.equal(activity.active[i, k], active)


@pytest.mark.parametrize("increment", [0, 2, 3])
def test_the_hand_built_mlp_writes_the_answer_of_any_increment(increment):
    task = ReverseIncrement(n_digits=2, increment=increment)
    model = hand_built(task, mlp=True)
    found = digit_contributions(model, task.sequences(), task, layer=0)
    assert torch.equal(found.mean_output @ model.W_U[:, :4], torch.eye(4, dtype=torch.float64).roll(increment, 1))
    if increment:  # otherwise there is no step to compare with
        torch.testing.assert_close(found.cosine_W_U, torch.full((4,), 2**-0.5, dtype=torch.float64))
