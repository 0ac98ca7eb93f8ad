"""Each score of a unit is what its formula says: against plain loops, finite differences and cases known by hand."""

import pytest
import torch

from tinycircuits.interp import unit_scores
from tinycircuits.interp.activations import Head
from tinycircuits.interp.lattice import lattice
from tinycircuits.interp.pairs import derangement
from tinycircuits.interp.unit_scores import (
    ablation_scores,
    attribution_scores,
    brightness_scores,
    every_score,
    integrated_scores,
    margins_of,
    probe_scores,
    pruning_scores,
    shapley_scores,
    units,
    wrong,
)
from tinycircuits.models.planted import TASK, planted
from tinycircuits.results.tables.calibration import METHODS

SEQUENCES = TASK.sequences()
TOKENS, RIGHT, ROWS = TASK.inputs(SEQUENCES), TASK.answers(SEQUENCES), list(TASK.predicting_rows)
PARTNERS = derangement(len(TOKENS), seed=0)
MODELS = {
    (pattern, site): planted(pattern, site, seed=0)
    for pattern, site in (
        ("plain", "heads"),
        ("half pair", "heads"),
        ("full pair", "heads before neurons"),
        ("cancelling pair", "neurons"),
        ("bright idle", "heads before neurons"),
        ("bright idle", "neurons"),
        ("suppressor", "heads"),
    )
}


@pytest.fixture(scope="module")
def runs():
    return {name: unit_scores.Runs(one.model, SEQUENCES, TASK) for name, one in MODELS.items()}


def of(scores, name, roles=None):
    """The named labels of a model."""
    labels = [unit.label for unit in units(MODELS[name].model)]
    return {label for label, named in zip(labels, scores.named.tolist(), strict=True) if named}


def labels(name, role):
    return {label for label, each in MODELS[name].roles.items() if each == role}


@torch.no_grad()
def plain_margins(model, changes):
    """Margins with hooks written out: unit -> function of its clean values."""

    def hook_for(unit):
        def hook(value, hook):
            value = value.clone()
            index = unit.head if isinstance(unit, Head) else unit.neuron
            value[:, :, index] = changes[unit](value[:, :, index])
            return value

        return unit.hook, hook

    logits = model.run_with_hooks(TOKENS, fwd_hooks=[hook_for(unit) for unit in changes])[:, ROWS]
    found = torch.empty(RIGHT.shape, dtype=logits.dtype)
    for i, answers in enumerate(RIGHT.tolist()):
        for j, answer in enumerate(answers):
            others = [float(x) for token, x in enumerate(logits[i, j]) if token != answer]
            found[i, j] = float(logits[i, j, answer]) - max(others)
    return found


def test_a_margin_is_the_right_logit_less_the_largest_other():
    logits = torch.tensor([[[1.0, 4.0, 2.0], [5.0, 5.0, 0.0]]])
    assert margins_of(logits, torch.tensor([[1, 0]])).tolist() == [[2.0, 0.0]]
    assert wrong(torch.tensor([1.0, 0.0, -2.0, 1e-9])) == 3  # a tie, and rounding, is no margin


def test_units_stand_in_the_order_of_computation(runs):
    assert [unit.label for unit in runs["bright idle", "neurons"].units] == list(MODELS["bright idle", "neurons"].roles)


@pytest.mark.parametrize("kind", ["zero", "mean", "resample"])
def test_an_ablation_costs_what_a_plain_loop_says(runs, kind):
    name = ("bright idle", "neurons")
    scores, model = ablation_scores(runs[name], kind, seed=0), MODELS[name].model
    change = {
        "zero": lambda own: own * 0,
        "mean": lambda own: own.mean(0).expand_as(own),
        "resample": lambda own: own[PARTNERS],
    }[kind]
    clean = plain_margins(model, {})
    for i in (0, 1, 4, 7):
        without = plain_margins(model, {runs[name].units[i]: change})
        assert scores.score[i] == pytest.approx(float((clean - without).mean()), abs=1e-12)
        assert bool(scores.named[i]) == bool((without <= 1e-9).any())


def test_attribution_is_the_slope_towards_the_partner(runs):
    name, step = ("cancelling pair", "neurons"), 1e-5
    scores, model = attribution_scores(runs[name], seed=0), MODELS[name].model
    clean = plain_margins(model, {})
    for unit, score in zip(runs[name].units, scores.score, strict=True):
        moved = plain_margins(model, {unit: lambda own: own + step * (own[PARTNERS] - own)})
        assert float((clean - moved).mean()) / step == pytest.approx(float(score), abs=1e-5)


def test_integrated_gradients_share_out_the_whole_way_to_the_partner(runs):
    """Attention's weights hang on positions alone here: the heads' values go straight, and their shares add up."""
    for name in (("plain", "heads"), ("suppressor", "heads")):
        scores = integrated_scores(runs[name], seed=0, steps=64)
        all_changed = {unit: lambda own: own[PARTNERS] for unit in runs[name].units}
        model = MODELS[name].model
        whole = (plain_margins(model, {}) - plain_margins(model, all_changed)).mean()
        assert float(scores.score.sum()) == pytest.approx(float(whole), abs=0.02)


def test_pruning_tries_the_last_unit_first_and_keeps_what_costs_more_than_the_bound(runs):
    name = ("half pair", "heads")
    scores, model = pruning_scores(runs[name], seed=0), MODELS[name].model
    gone, now = {}, plain_margins(model, {}).mean()
    bound = 0.1 * now
    for i in reversed(range(len(runs[name].units))):
        tried = {**gone, runs[name].units[i]: lambda own: own[PARTNERS]}
        after = plain_margins(model, tried).mean()
        assert scores.score[i] == pytest.approx(float(now - after), abs=1e-12)
        assert bool(scores.named[i]) == bool(now - after >= bound)
        if now - after < bound:
            gone, now = tried, after
    assert not pruning_scores(runs[name], seed=0, tau=10.0).named.any()


def test_shapley_values_share_out_all_wrong_answers_and_see_both_of_a_pair(runs):
    name = ("full pair", "heads before neurons")
    found = lattice(MODELS[name].model, SEQUENCES, TASK, kind="zero", units=runs[name].units)
    scores = shapley_scores(found)
    assert float(scores.score.sum()) == pytest.approx(float(found.wrong[0] - found.wrong[-1]))
    assert of(scores, name) == labels(name, "works")


def test_a_probe_reads_all_of_a_bright_idle_part_and_nothing_of_the_others(runs):
    for name in (("bright idle", "heads before neurons"), ("bright idle", "neurons")):
        scores = probe_scores(runs[name], seed=0)
        (bright,) = MODELS[name].together
        assert dict(zip(MODELS[name].roles, scores.score.tolist(), strict=True))[bright] == 1
        assert of(scores, name) == labels(name, "works") | {bright}


def test_a_probe_is_scored_on_inputs_that_it_was_not_fitted_on(runs, monkeypatch):
    """With labels shuffled among the inputs a fit still looks well on its own half, and no unit is named."""
    name = ("bright idle", "neurons")
    order = torch.randperm(len(TOKENS), generator=torch.Generator().manual_seed(5))
    monkeypatch.setattr(runs[name], "right", RIGHT[order])
    assert not probe_scores(runs[name], seed=0).named.any()


def test_brightness_is_the_largest_mean_weight_on_a_source_and_says_nothing_of_neurons(runs):
    name = ("bright idle", "heads before neurons")
    scores = brightness_scores(runs[name], TASK)
    _, cache = MODELS[name].model.run_with_cache(TOKENS)
    for head in range(4):
        looks = [float(cache["blocks.0.attn.hook_pattern"][:, head, ROWS[i], 3 - i].mean()) for i in range(3)]
        assert scores.score[head] == pytest.approx(max(looks))
    assert scores.score[4:].isnan().all()
    assert of(scores, name) == {label for label in labels(name, "works") if "H" in label} | set(MODELS[name].together)


def test_what_each_pattern_hides_from_whom(runs):
    half, full, cancel = ("half pair", "heads"), ("full pair", "heads before neurons"), ("cancelling pair", "neurons")
    for kind in ("zero", "mean"):
        assert not of(ablation_scores(runs[half], kind, seed=0), half) & set(MODELS[half].together)
        assert not of(ablation_scores(runs[full], kind, seed=0), full) & set(MODELS[full].together)
        assert set(MODELS[cancel].together) <= of(ablation_scores(runs[cancel], kind, seed=0), cancel)
    assert not of(attribution_scores(runs[full], seed=0), full) & set(MODELS[full].together)
    assert set(MODELS[full].together) <= of(integrated_scores(runs[full], seed=0), full)


def test_every_method_has_its_word_in_the_order_of_the_table():
    one = MODELS["plain", "heads"]
    found = list(every_score(one.model, SEQUENCES, TASK, seed=0))
    assert tuple(each.method for each in found) == METHODS
    assert all(of(each, ("plain", "heads")) == labels(("plain", "heads"), "works") for each in found)
