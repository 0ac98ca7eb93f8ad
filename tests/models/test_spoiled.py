"""Spoiled models are wrong as they are meant to be, and leave the model that they are made of alone."""

import pytest
import torch

from tinycircuits.models.spoiled import SPOILED
from tinycircuits.results.runs import load


@pytest.fixture(scope="module")
def whole():
    found = load("reversal-8d-1l")
    return found.model, found.study.task


@pytest.mark.parametrize("name", SPOILED)
def test_some_answers_of_a_spoiled_model_are_not_ahead_of_all_others_and_those_of_the_whole_one_are(name, whole):
    model, task = whole
    some = task.sequences()[::64]
    assert ahead(model, task, some) > 1
    assert ahead(SPOILED[name](model), task, some) < 1e-9, "which of two equal logits is larger, rounding decides"


@torch.no_grad()
def ahead(model, task, sequences):
    """By how much the right logit leads the best other one, at least."""
    logits, answers = model(task.inputs(sequences))[:, task.predicting_rows], task.answers(sequences)[..., None]
    return float((logits.gather(-1, answers) - logits.scatter(-1, answers, -torch.inf)).min())


@torch.no_grad()
def test_bos_says_what_the_digit_one_says_and_a_roll_says_what_belongs_to_the_token_before(whole):
    model, task = whole
    tokens = task.inputs(task.sequences()[::999])
    spoiled = [SPOILED[name](model) for name in ("BOS imitates a digit", "rolled unembedding")]
    tied, rolled, plain = (each(tokens) for each in (*spoiled, model))
    torch.testing.assert_close(tied[..., 4], tied[..., 1])
    torch.testing.assert_close(rolled - model.unembed.b_U, (plain - model.unembed.b_U).roll(1, -1))
