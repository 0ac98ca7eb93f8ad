"""No analysis stops after its first batch: what it finds in 4,913 inputs is what it finds in two parts of them."""

import pytest
import torch

from tests.circuits import ablate, answers_of_others, scrambled
from tinycircuits.interp.activations import Component
from tinycircuits.interp.attention import attention_summary
from tinycircuits.interp.attribution import logit_attribution
from tinycircuits.interp.fourier import pair_logits
from tinycircuits.interp.heads import head_rows
from tinycircuits.interp.interchange import interchange
from tinycircuits.interp.logits import cosine_to_digits, logit_lens
from tinycircuits.interp.mlp import digit_contributions, neuron_activity
from tinycircuits.interp.pairs import derangement
from tinycircuits.models.build import ModelSpec
from tinycircuits.tasks import ModularAddition, ReverseIncrement

TASK = ReverseIncrement(n_digits=3, modulus=17)
ALL = TASK.sequences()
FIRST, REST = ALL[:4096], ALL[4096:]
SPEC = ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4)


@pytest.fixture(scope="module")
def model():
    return scrambled(SPEC, TASK)


def whole_and_parts(analysis):
    return analysis(ALL), analysis(FIRST), analysis(REST)


def weighted(first, rest):
    """A mean over all inputs from those over the two parts."""
    return (len(FIRST) * first + len(REST) * rest) / len(ALL)


def test_counts_of_the_lens_and_of_neurons_add_up(model):
    whole, first, rest = whole_and_parts(lambda some: logit_lens(model, some, TASK, layer_norm=True))
    assert torch.equal(whole.predicted, first.predicted + rest.predicted)
    assert torch.equal(whole.correct, first.correct + rest.correct)
    whole, first, rest = whole_and_parts(lambda some: neuron_activity(model, some, TASK, layer=0))
    assert torch.equal(whole.active, first.active + rest.active)
    whole, first, rest = whole_and_parts(lambda some: digit_contributions(model, some, TASK, layer=0))
    assert torch.equal(whole.cases, first.cases + rest.cases)
    sums = [(each.mean_output * each.cases[:, None]) for each in (whole, first, rest)]
    torch.testing.assert_close(sums[0], sums[1] + sums[2])
    whole, first, rest = whole_and_parts(lambda some: cosine_to_digits(model, some, TASK, stage="L0 resid_mid"))
    assert torch.equal(whole.nearest_correct, first.nearest_correct + rest.nearest_correct)


def test_mean_attention_and_mean_margins_are_weighted_means(model):
    whole, first, rest = whole_and_parts(lambda some: attention_summary(model, some, TASK, layer=0))
    assert whole.n_inputs == 4913
    torch.testing.assert_close(whole.mean_pattern, weighted(first.mean_pattern, rest.mean_pattern))
    torch.testing.assert_close(whole.entropy_bits, weighted(first.entropy_bits, rest.entropy_bits))
    whole, first, rest = whole_and_parts(lambda some: logit_attribution(model, some, TASK))
    torch.testing.assert_close(whole.margin, weighted(first.margin, rest.margin))


def test_every_input_has_its_row(model):
    rows = head_rows(model, TASK.inputs(ALL), row=3)
    assert len(rows) == 4913
    torch.testing.assert_close(rows[4096:], head_rows(model, TASK.inputs(REST), row=3))


def test_every_input_is_ablated_and_interchanged(model):
    part = Component(0, "mlp")
    whole, first, rest = whole_and_parts(lambda some: ablate(model, some, TASK, part, "zero", seed=0, draws=1))
    assert torch.equal(whole.wrong, torch.cat([first.wrong, rest.wrong]))
    assert whole.control_wrong.shape == (1, 4913, 3)
    sources = derangement(len(ALL), seed=0)
    said, answers = answers_of_others(model, ALL, TASK, part, sources), TASK.answers(ALL)
    found = interchange(model, ALL, TASK, part, seed=0)
    assert torch.equal(found.as_source, (said == answers[sources]).sum(0))
    assert torch.equal(found.as_base, (said == answers).sum(0))
    assert found.n_pairs == len(said) == 4913


def test_every_pair_has_its_logits():
    task = ModularAddition(modulus=37, plus_sign=False)
    model = scrambled(SPEC, task)
    found = pair_logits(model, task)
    with torch.no_grad():
        last = model(task.inputs(task.sequences_of(torch.tensor([[36, 35], [36, 36]]))))[:, -1]
    torch.testing.assert_close(found[36, 35:], last)
