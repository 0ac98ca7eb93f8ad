"""Clock or pizza: gradients against finite differences, both numbers on machines and values with a known answer."""

import math

import pytest
import torch

from tinycircuits.interp.torus import (
    distance_irrelevance,
    gradient_cosines,
    gradient_symmetricity,
    largest_wrong_logits,
    phase_differences,
    right_logits,
)
from tinycircuits.models.build import ModelSpec, build
from tinycircuits.models.clockwork import clockwork
from tinycircuits.tasks import ModularAddition

P = 7
TASK, WITH_PLUS = (ModularAddition(modulus=P, plus_sign=sign) for sign in (False, True))
X = torch.arange(P)


def drawn(task=WITH_PLUS, n_layers=2):
    spec = ModelSpec(n_layers=n_layers, d_model=8, n_heads=2, d_head=4, d_mlp=12, act_fn="gelu", embed_std=1.0)
    return build(spec, task, seed=0, dtype="float64")


@torch.no_grad()
def by_differences(model, task, triple, column, step=1e-5):
    """The gradient of a logit by what is embedded at one place, by central differences."""
    a, b, c = triple
    tokens = task.inputs(task.sequences_of(torch.tensor([[a, b]])))
    embedded = model.W_E[tokens]
    found = []
    for d in range(embedded.shape[-1]):
        sides = []
        for way in (step, -step):
            moved = embedded.clone()
            moved[0, column, d] += way
            logits = model.run_with_hooks(tokens, fwd_hooks=[("hook_embed", lambda _, hook, to=moved: to)])
            sides.append(logits[0, task.predicting_rows[0], c])
        found.append((sides[0] - sides[1]) / (2 * step))
    return torch.stack(found)


@pytest.mark.parametrize("task", [TASK, WITH_PLUS])
def test_the_cosine_is_that_of_gradients_by_finite_differences(task):
    model, triples = drawn(task), torch.tensor([[2, 5, 0], [3, 3, 6], [0, 6, 1]])
    expected = [
        torch.cosine_similarity(*(by_differences(model, task, t, at) for at in task.operand_columns), dim=0)
        for t in triples.tolist()
    ]
    torch.testing.assert_close(gradient_cosines(model, task, triples), torch.stack(expected), rtol=1e-5, atol=1e-7)


def test_all_triples_are_the_mean_of_each():
    model, every = drawn(), torch.cartesian_prod(X, X, X)
    exact = gradient_symmetricity(model, WITH_PLUS, n_triples=None, seed=0)
    each = gradient_cosines(model, WITH_PLUS, every)
    assert (exact.half_width, exact.n_triples) == (0.0, P**3)
    assert exact.mean == pytest.approx(float(each.mean()))


def test_a_sample_holds_the_whole_in_its_interval_and_is_narrower_with_more():
    model = drawn()
    exact = gradient_symmetricity(model, WITH_PLUS, n_triples=None, seed=0).mean
    few, many = (gradient_symmetricity(model, WITH_PLUS, n_triples=n, seed=1) for n in (100, 2_500))
    for found in (few, many):
        assert abs(found.mean - exact) < 1.6 * found.half_width
    assert few.half_width / many.half_width == pytest.approx(5, rel=0.2)
    assert gradient_symmetricity(model, WITH_PLUS, n_triples=100, seed=2).mean != few.mean


def test_a_pizza_treats_its_numbers_alike_and_a_clock_does_not():
    task = ModularAddition(modulus=13, plus_sign=False)
    pizza, clock = (clockwork(task, frequencies=(1, 5), spread=spread) for spread in (0.0, 1.0))
    assert gradient_symmetricity(pizza, task, n_triples=None, seed=0).mean == pytest.approx(1, abs=1e-9)
    assert abs(gradient_symmetricity(clock, task, n_triples=None, seed=0).mean) < 0.1


def test_distance_irrelevance_by_a_slow_loop():
    values = torch.randn(P, P, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    lines = [[float(values[(d + b) % P, b]) for b in range(P)] for d in range(P)]

    def spread(of):
        mean = sum(of) / len(of)
        return math.sqrt(sum((x - mean) ** 2 for x in of) / len(of))

    expected = sum(map(spread, lines)) / P / spread([x for line in lines for x in line])
    assert distance_irrelevance(values) == pytest.approx(expected)


def test_values_that_follow_the_distance_have_none_and_those_that_follow_the_sum_all():
    wave = torch.cos(2 * math.pi * X / P).double()
    assert distance_irrelevance(wave[(X[:, None] - X) % P]) == pytest.approx(0, abs=1e-7)
    assert distance_irrelevance(wave[(X[:, None] + X) % P]) == pytest.approx(1)


def test_right_and_largest_wrong_logits_of_each_pair():
    logits = torch.tensor([[[1.0, 5, 2], [7, 3, 4]], [[0, 9, 8], [-1, -3, -2]]])
    answers = torch.tensor([[1, 2], [1, 0]])
    assert right_logits(logits, answers).tolist() == [[5, 4], [9, -1]]
    assert largest_wrong_logits(logits, answers).tolist() == [[2, 7], [8, -2]]


def test_phase_differences_of_a_pizza_of_a_clock_and_of_opposite_phases():
    of_a = torch.linspace(0, 2 * math.pi, 65)[:64]
    turned = torch.Generator().manual_seed(0)
    same = phase_differences(of_a, of_a + 2 * math.pi, seed=0)
    assert same.mean_cosine == pytest.approx(1)
    assert phase_differences(of_a, of_a + math.pi, seed=0).mean_cosine == pytest.approx(-1)
    any_ = phase_differences(of_a, of_a[torch.randperm(64, generator=turned)], seed=0)
    assert abs(any_.mean_cosine) < 1.5 * any_.floor
    assert any_.floor == pytest.approx(1.96 / math.sqrt(2 * 64), rel=0.15)  # a cosine's variance is one half
    assert same.n == 64


def test_mirrored_frequencies_change_nothing():
    of_a, of_b = torch.rand(2, 30, generator=torch.Generator().manual_seed(0))
    there, mirrored = phase_differences(of_a, of_b, seed=0), phase_differences(-of_a, -of_b, seed=0)
    assert there.mean_cosine == pytest.approx(mirrored.mean_cosine)


def test_without_neurons_there_is_nothing_to_say():
    found = phase_differences(torch.zeros(0), torch.zeros(0), seed=0)
    assert found.n == 0
    assert math.isnan(found.mean_cosine)
    assert math.isnan(found.floor)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="values must differ between pairs"):
        distance_irrelevance(torch.ones(3, 3))
    with pytest.raises(ValueError, match=r"values must be a square \(a, b\), got \(2, 3\)"):
        distance_irrelevance(torch.ones(2, 3))
    with pytest.raises(ValueError, match="n_triples must be 2 or more, got 1"):
        gradient_symmetricity(drawn(), WITH_PLUS, n_triples=1, seed=0)
