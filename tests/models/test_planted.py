"""Planted models make no mistake, in no basis of their own, and hold the pattern after which they are called."""

import pytest
import torch

from tinycircuits.models.build import ModelSpec, build, named_parameters
from tinycircuits.models.errors import teacher_forced
from tinycircuits.models.planted import N_UNITS, PATTERNS, ROLES, SITES, TASK, all_planted, planted, rotate

SEQUENCES = TASK.sequences()
TOKENS, ROWS = TASK.inputs(SEQUENCES), list(TASK.predicting_rows)
LAST = TASK.n_answers - 1


@pytest.fixture(scope="module")
def every():
    return {(one.pattern, one.site): one for one in all_planted([3])}


@torch.no_grad()
def written(one, label):
    """What a unit writes at the rows of the answers, ``[batch answer d_model]``."""
    _, cache = one.model.run_with_cache(TOKENS)
    index = int(label[3:])
    if "H" in label:
        return cache["blocks.0.attn.hook_z"][:, ROWS, index] @ one.model.W_O[0, index]
    return cache["blocks.0.mlp.hook_post"][:, ROWS, index, None] * one.model.W_out[0, index]


def logits_of(one, label):
    return written(one, label) @ one.model.W_U


def right(values):
    return values.gather(-1, TASK.answers(SEQUENCES)[..., None])[..., 0]


def test_every_pattern_is_planted_at_every_site_with_the_units_of_the_site(every):
    assert set(every) == {(pattern, site) for pattern in PATTERNS for site in SITES}
    for (_, site), one in every.items():
        heads = sum("H" in label for label in one.roles)
        assert (heads, len(one.roles) - heads) == N_UNITS[site]
        assert set(one.roles.values()) <= set(ROLES)


def test_no_planted_model_makes_a_mistake(every):
    assert not any(teacher_forced(one.model, TASK, SEQUENCES).wrong.any() for one in every.values())


def test_the_same_seed_gives_the_same_model_and_another_seed_another_basis():
    one, same, other = (planted("plain", "heads", seed=seed).model for seed in (0, 0, 1))
    for name, weight in named_parameters(one).items():
        assert torch.equal(weight, named_parameters(same)[name])
    assert not torch.allclose(one.W_E, other.W_E)
    assert (one.W_E.abs() > 0.9).sum() == 0  # no token has an axis of its own


@torch.no_grad()
def test_turning_the_stream_changes_no_logit_and_every_reader_and_writer():
    spec = ModelSpec(n_layers=1, d_model=5, n_heads=2, d_head=3, d_mlp=4, layer_norm=False)
    model = build(spec, TASK, seed=0, dtype="float64")
    generator = torch.Generator().manual_seed(0)
    for weight in named_parameters(model).values():
        weight.copy_(torch.randn(weight.shape, generator=generator, dtype=torch.float64))
    before, embedded = model(TOKENS), model.W_E.clone()
    basis = torch.linalg.qr(torch.randn(5, 5, generator=generator, dtype=torch.float64))[0]
    rotate(model, basis)
    torch.testing.assert_close(model(TOKENS), before)
    torch.testing.assert_close(model.W_E, embedded @ basis)


@pytest.mark.parametrize("site", SITES)
def test_either_of_a_cancelling_pair_takes_back_what_the_other_writes(every, site):
    one = every["cancelling pair", site]
    first, second = (written(one, label) for label in one.together)
    torch.testing.assert_close(first, -second)
    assert first.norm(dim=-1).max() > 1


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("pattern", ["half pair", "full pair"])
def test_a_half_pair_writes_one_answer_in_two_parts_and_a_full_pair_twice(every, pattern, site):
    one = every[pattern, site]
    sizes = [size_of(one.model, label) for label in one.together]
    assert len(sizes) == 2
    if pattern == "half pair":
        assert sum(sizes) == pytest.approx(1)
        assert min(sizes) > 0.42
    else:
        assert 1 <= min(sizes) <= max(sizes) <= 1.15
    for label in one.together:
        assert one.roles[label] == "works"


def size_of(model, label):
    """The length of what a unit writes when its head reads a digit, or its neuron fires at 1."""
    index = int(label[3:])
    out = model.W_O[0, index].norm(dim=-1).max() if "H" in label else model.W_out[0, index].norm()
    return float(out.detach())


@torch.no_grad()
def cut(one, label):
    """The answers' logits without one head."""

    def off(z, hook):
        return z.index_fill(2, torch.tensor([int(label[3:])]), 0.0)

    return one.model.run_with_hooks(TOKENS, fwd_hooks=[("blocks.0.attn.hook_z", off)])[:, ROWS]


@pytest.mark.parametrize("site", ["heads", "heads before neurons"])
def test_without_either_of_a_cancelling_pair_the_other_ruins_answers(every, site):
    one = every["cancelling pair", site]
    for label in one.together:
        assert (cut(one, label).argmax(-1) != TASK.answers(SEQUENCES)).any()


def test_an_idle_head_that_is_not_planted_never_looks_at_a_source(every):
    seen = 0
    for one in every.values():
        _, cache = one.model.run_with_cache(TOKENS)
        pattern = cache["blocks.0.attn.hook_pattern"][:, :, ROWS, list(TASK.source_columns)]
        idle = [int(label[3:]) for label, role in one.roles.items() if role == "idle" and "H" in label]
        idle = [head for head in idle if f"L0H{head}" not in one.together]
        assert not idle or pattern[:, idle].max() < 0.1
        seen += len(idle)
    assert seen > 20


def test_a_second_copy_of_a_digit_adds_nothing_where_neurons_veto(every):
    one = every["full pair", "heads before neurons"]
    with torch.no_grad():
        whole = one.model(TOKENS)[:, ROWS]
    for label in one.together:
        assert right(cut(one, label) - whole).abs().max() < 0.02
        assert size_of(one.model, label) >= 1


@pytest.mark.parametrize("site", ["heads", "heads before neurons"])
def test_a_bright_idle_head_reads_the_source_and_writes_on_no_answer(every, site):
    one = every["bright idle", site]
    (label,) = one.together
    _, cache = one.model.run_with_cache(TOKENS)
    weight = cache["blocks.0.attn.hook_pattern"][:, int(label[3:]), ROWS, list(TASK.source_columns)]
    assert weight.min() > 0.99
    assert written(one, label).norm(dim=-1).min() > 0.9
    assert logits_of(one, label).abs().max() < 1e-9
    assert one.roles[label] == "idle"


@pytest.mark.parametrize("site", ["heads", "neurons"])
def test_a_suppressor_writes_against_the_right_answer(every, site):
    one = every["suppressor", site]
    (label,) = one.together
    assert right(logits_of(one, label)).min() < -0.4
    assert one.roles[label] == "counters"


def test_other_idle_units_leave_but_a_trace_on_the_answers(every):
    one = every["plain", "heads before neurons"]
    idle = [label for label, role in one.roles.items() if role == "idle"]
    assert idle
    for label in idle:
        size = logits_of(one, label).abs().max()
        assert 0 < size < 0.02
