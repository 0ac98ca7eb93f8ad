"""Milestones of trainings written down by hand."""

from dataclasses import replace

import pytest
import torch

from tests.results.test_grokking import ROW
from tinycircuits.interp.progress import PROTOCOLS
from tinycircuits.results.grokked import Grokking
from tinycircuits.results.summaries.grokking import AT_REST, by_protocol, milestones, of_keys, spikes

N_HOLDOUT = 121 - 60


def kept(train, holdout, share=(0.1, 0.2, 0.3, 0.4), loss=(1.0, 1.0, 1.0, 1.0)):
    of_neurons = torch.zeros(len(train), 5, dtype=torch.float64)
    of_neurons[:, 1] = of_neurons[:, 4] = torch.tensor(share) / 2
    curves = {
        "of_neurons": of_neurons,
        "loss.train": torch.tensor(loss),
        **{f"restricted_{name}.holdout": torch.arange(4) * (1.0 + at) for at, name in enumerate(PROTOCOLS)},
    }
    return Grokking(ROW.spec(0), (2, 5), curves, torch.tensor([train, holdout]).T, torch.zeros(0, 3))


def test_each_milestone_is_the_first_look_at_which_it_holds():
    found = milestones(kept([9, 0, 3, 0], [61, 50, 30, 0]))
    assert (found.known, found.missed_when_known, found.half, found.right) == (10, 50, 20, 30)
    assert found.half_of_waves == 10
    assert (found.n_holdout, found.wrong_at_end) == (N_HOLDOUT, 40)


def test_half_means_at_most_half_and_what_never_comes_is_none():
    assert milestones(kept([9, 9, 9, 9], [61, 60, 31, 40])).half is None
    found = milestones(kept([9, 9, 9, 1], [61, 30, 61, 61], share=(0.5, 0.5, 0.5, 0.5)))
    assert (found.known, found.missed_when_known, found.half, found.right) == (None, None, 10, None)
    assert found.half_of_waves == 0


def test_without_a_key_frequency_no_wave_grows():
    assert milestones(replace(kept([0] * 4, [0] * 4), keys=())).half_of_waves is None


def test_the_end_is_the_median_of_the_last_rounds():
    many = kept([9, 0, 3, 0], [61, 50, 30, 0])
    wrong = torch.tensor([[0, 61]] * 5 + [[0, 1]] * (AT_REST - 1) + [[0, 40]])
    share = torch.ones(len(wrong), 5, dtype=torch.float64) / 5
    assert milestones(replace(many, wrong=wrong, curves={"of_neurons": share})).wrong_at_end == 1


def test_the_share_of_the_keys_is_the_sum_of_theirs():
    torch.testing.assert_close(
        of_keys(kept([0] * 4, [0] * 4), "of_neurons"), torch.tensor([0.1, 0.2, 0.3, 0.4]).double()
    )


def test_protocols_are_read_at_the_step():
    looked_at = kept([0] * 4, [0] * 4)
    assert by_protocol(looked_at, 20) == {"10dir": 2, "20term": 4, "2x2": 6}
    other_way = replace(looked_at, curves=dict(reversed(looked_at.curves.items())))
    assert list(by_protocol(other_way, 20)) == list(PROTOCOLS), "tensors are loaded in any order"
    with pytest.raises(ValueError, match="25"):
        by_protocol(kept([0] * 4, [0] * 4), 25)


def test_a_spike_is_a_jump_of_the_loss_of_a_training_that_knows_its_pairs():
    assert spikes(kept([9, 0, 0, 0], [0] * 4, loss=(1.0, 100.0, 1000.0, 10_001.0))) == 1
    assert spikes(kept([0, 0, 0, 0], [0] * 4, loss=(1.0, 100.0, 1000.0, 10_001.0))) == 2
    with pytest.raises(ValueError, match="every training pair must be right at some round"):
        spikes(kept([1] * 4, [0] * 4))
