"""Sums of two states: what bounds decide is what each pair says, one by one."""

import pytest
import torch

from tests.circuits import SPECS, hand_built, scrambled
from tinycircuits.interp.forward import project
from tinycircuits.interp.sums import Reading, read_plainly, reading, tally
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=2)
MODELS = {name: scrambled(SPECS[name], TASK) for name in ("one layer", "no LayerNorm")}


def states(seed, *, n=256, d_model=4, size=1.0):
    generator = torch.Generator().manual_seed(seed)
    return size * torch.randn(n, d_model, generator=generator, dtype=torch.float64)


def plainly(read, fixed, moved, groups):
    token = read_plainly(read, fixed[:, None] + moved)
    said = torch.zeros(len(moved), int(groups.max()) + 1, len(read.beta), dtype=torch.int64)
    for m, group in enumerate(groups):
        said[torch.arange(len(moved)), group, token[m]] += 1
    return said


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_scores_over_s_are_the_logits(name):
    read, at = reading(MODELS[name]), states(0)
    seen = at @ read.centre
    logits = read.scores(at) / (seen.square().sum(-1, keepdim=True) + read.eps).sqrt()
    torch.testing.assert_close(logits, project(MODELS[name], at, layer_norm=True), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("leaf", [1, 4, 64])
@pytest.mark.parametrize("size", [0.05, 1.0, 3.0])
def test_counts_are_those_of_each_pair(name, leaf, size):
    read, fixed, moved = reading(MODELS[name]), states(1), states(2, size=size)
    groups = torch.randperm(256, generator=torch.Generator().manual_seed(3)) % 4
    found = tally(read, fixed, moved, groups, branch=4, leaf=leaf)
    assert torch.equal(found.said, plainly(read, fixed, moved, groups))
    assert found.near == 0
    assert found.evaluated > 0
    assert leaf > 1 or found.evaluated < 256**2, "single states are often decided by their bounds"


@pytest.mark.parametrize("slope", [-2.0, 2.0])
def test_a_token_that_wins_by_its_bias_alone(slope):
    """Where beta decides, s does: the bound must move it by the radius, in the right direction."""
    A = torch.tensor([[1.0, -1.0], [0, 0], [0, 0], [-1, 1]], dtype=torch.float64)
    beta = torch.tensor([slope, 0], dtype=torch.float64)
    centre = (torch.eye(4, dtype=torch.float64) - 0.25) / 2
    read, fixed, moved = Reading(A, beta, centre, 1e-5), states(4), states(5)
    groups = torch.arange(256) // 64
    found = tally(read, fixed, moved, groups, branch=2, leaf=1)
    assert torch.equal(found.said, plainly(read, fixed, moved, groups))
    assert 0 < int(found.said[..., 0].sum()) < 256**2


def test_far_apart_groups_are_decided_without_a_pair():
    """Token k is read where a number is near 100 k; the moved states bring 0, 100, 200 or 300, the fixed hardly any."""
    token = torch.arange(4, dtype=torch.float64)
    read = Reading(token[None], -50 * token**2, torch.zeros(1, 1, dtype=torch.float64), 1.0)
    moved = 100 * (torch.arange(64, dtype=torch.float64) // 16)[:, None]
    found = tally(read, states(6, n=64, d_model=1), moved, torch.arange(64) % 4, branch=4, leaf=1)
    assert found.evaluated == 0
    assert found.said[17].tolist() == [[0, 16, 0, 0]] * 4


def test_pairs_whose_best_two_are_level_are_near_and_never_decided_by_a_bound():
    A = torch.tensor([[1.0, 1.0, -1.0], [0, 0, 0]], dtype=torch.float64)
    read = Reading(A, torch.zeros(3, dtype=torch.float64), torch.zeros(2, 2, dtype=torch.float64), 1.0)
    fixed, moved = states(7, n=16, d_model=2), states(8, n=16, d_model=2)
    found = tally(read, fixed, moved, torch.arange(16) % 2, branch=2, leaf=2)
    assert found.near == int((fixed[:, None, 0] + moved[:, 0] > 0).sum())
    assert found.evaluated >= found.near > 0


def test_groups_of_unequal_size_are_refused():
    read = reading(hand_built(TASK, mlp=True))
    some = torch.zeros(16, len(read.A), dtype=torch.float64)
    for groups, branch, moved in ((torch.arange(16) // 5, 4, some), (torch.arange(16) // 8, 3, some)):
        with pytest.raises(ValueError, match=f"groups must be equally large, powers of {branch}"):
            tally(read, some, moved, groups, branch=branch)
    with pytest.raises(ValueError, match=r"as many states as are moved \(8\)"):
        tally(read, some, some[:8], torch.arange(16) // 4, branch=4)
