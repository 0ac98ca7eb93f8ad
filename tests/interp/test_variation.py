"""How much of a state varies."""

import pytest
import torch

from tests.circuits import scrambled
from tinycircuits.interp.variation import varying_share
from tinycircuits.models.build import ModelSpec
from tinycircuits.tasks import ModularAddition


@torch.no_grad()
def test_what_varies_of_a_state_is_counted_after_the_mean_of_its_entries_is_taken_out():
    task = ModularAddition(modulus=5, plus_sign=False)
    model = scrambled(ModelSpec(n_layers=1, d_model=6, n_heads=2, d_head=3, d_mlp=4), task, seed=0)
    hook = "blocks.0.hook_resid_mid"
    _, cache = model.run_with_cache(task.inputs(task.sequences()), names_filter=hook)
    states = cache[hook][:, -1].double().numpy()
    centred = states - states.mean(1, keepdims=True)
    by_hand = sum(((x - centred.mean(0)) ** 2).sum() for x in centred) / sum((x**2).sum() for x in centred)
    assert varying_share(model, task, hook=hook) == pytest.approx(by_hand, rel=1e-6)
    assert 0.01 < by_hand < 0.99
    assert varying_share(model, task, hook="blocks.0.hook_resid_pre") == pytest.approx(0, abs=1e-12)  # always "="
