"""Spoiled models are wrong as they are meant to be, and leave the model that they are made of alone."""

import pytest
import torch

from tinycircuits.models.errors import teacher_forced
from tinycircuits.models.spoiled import SPOILED
from tinycircuits.results.runs import load


@pytest.fixture(scope="module")
def whole():
    found = load("reversal-8d-1l")
    return found.model, found.study.task


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_model_is_wrong_on_some_inputs_and_the_whole_one_is_not(name, whole):
    model, task = whole
    some = task.sequences()[::64]
    assert teacher_forced(SPOILED[name](model), task, some).errors().wrong_digits > 0
    assert teacher_forced(model, task, some).errors().wrong_digits == 0


@torch.no_grad()
def test_bos_says_what_the_digit_one_says_and_a_roll_says_what_belongs_to_the_token_before(whole):
    model, task = whole
    tokens = task.inputs(task.sequences()[::999])
    spoiled = [SPOILED[name](model) for name in ("BOS imitates a digit", "rolled unembedding")]
    tied, rolled, plain = (each(tokens) for each in (*spoiled, model))
    torch.testing.assert_close(tied[..., 4], tied[..., 1])
    torch.testing.assert_close(rolled - model.unembed.b_U, (plain - model.unembed.b_U).roll(1, -1))
