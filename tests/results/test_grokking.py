"""Grokking: a tiny training of the kind, kept, broken off, looked at again; then what is committed."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from torch.nn.functional import cross_entropy

from tinycircuits.interp.fourier import frequency_shares, pair_logits
from tinycircuits.interp.progress import PROTOCOLS, above_the_floor, neuron_logit_map
from tinycircuits.models.build import ModelSpec, build
from tinycircuits.models.weights import flat_weights
from tinycircuits.results import door, grokking
from tinycircuits.results.errors import MissingResult
from tinycircuits.results.grokked import load_grokking
from tinycircuits.results.grokking import SPLITS
from tinycircuits.results.tables.grokking import GROKKINGS, GrokkingRow, grokking_row, reference
from tinycircuits.tasks import ModularAddition
from tinycircuits.training.loop import train
from tinycircuits.training.recipe import IndependentBatches

MODEL = ModelSpec(n_layers=1, d_model=8, n_heads=2, d_head=4, d_mlp=16, layer_norm=False)
TASK = ModularAddition(modulus=11, plus_sign=False)
BATCHES = IndependentBatches(steps=100, batch_size=60, round_steps=10)
RECIPE = reference(11, 0.5, 100).model_copy(update={"batches": BATCHES})
ROW = GrokkingRow("small", "small", TASK, RECIPE, range(2), MODEL, whole=range(1))


@cache
def trained(seed):
    """What is made of a seed; the store that it goes to first is gone with the first test."""
    stored = door.get(grokking.entry(ROW, seed))
    return door.Made(stored.metrics, stored.tensors), stored.provenance


@pytest.fixture
def small(house, monkeypatch):
    monkeypatch.setitem(GROKKINGS, "small", ROW)
    for seed in ROW.seeds:
        door.put(grokking.entry(ROW, seed), *trained(seed))
    return house


def test_what_is_kept_of_a_round_is_that_of_a_training_stopped_there(small):
    kept = load_grokking("small")
    assert kept.steps == list(range(0, 110, 10))
    assert kept.spec.kept == tuple(range(1, 11))
    batches = BATCHES.model_copy(update={"steps": 30})
    stopped, history = train(TASK, MODEL, RECIPE.model_copy(update={"batches": batches}), seed=0)
    assert torch.equal(kept.kept[2], flat_weights(stopped))
    for part in SPLITS:
        loss = [getattr(round_, f"{part}_loss") for round_ in history]
        torch.testing.assert_close(kept.curves[f"loss.{part}"][:4], torch.tensor(loss).double(), rtol=1e-5, atol=1e-6)
        wrong = [getattr(round_, f"{part}_wrong_digits") for round_ in history]
        assert kept.wrong[:4, SPLITS.index(part)].tolist() == wrong
    double = kept.model(2)
    assert torch.equal(flat_weights(double), flat_weights(stopped).double())
    torch.testing.assert_close(kept.curves["of_embedding"][3], frequency_shares(double.W_E[:11].detach()))
    torch.testing.assert_close(kept.curves["norm.W_E"][3], double.W_E.detach().square().sum())
    split = RECIPE.split.indices(121)
    logits = pair_logits(double, TASK).reshape(121, -1)
    answers = TASK.answers(TASK.sequences())[:, 0]
    plain = cross_entropy(logits[split.holdout], answers[split.holdout])
    torch.testing.assert_close(kept.curves["loss.holdout"][3], plain)


def test_keys_are_those_of_the_last_model_and_of_a_second_seed_only_the_end_is_kept(small):
    kept = load_grokking("small", 1)
    assert (len(kept.kept), kept.spec.kept) == (1, (10,))
    assert kept.keys == above_the_floor(neuron_logit_map(kept.model(), TASK))
    assert all(f"restricted_{protocol}.holdout" in kept.curves for protocol in PROTOCOLS)
    assert kept.curves["excluded_each.train"].shape == (11, len(kept.keys))


@torch.no_grad()
def test_a_wave_that_only_the_last_model_writes_is_a_key(small):
    before = build(MODEL, TASK, seed=3, dtype="float64")
    last = build(MODEL, TASK, seed=3, dtype="float64")
    last.blocks[0].mlp.W_out.zero_()[:, 0] = torch.linspace(1, 2, 16)
    last.W_U[0, :11] = (2 * torch.pi * 3 * torch.arange(11) / 11).cos()
    assert above_the_floor(neuron_logit_map(before, TASK)) == ()
    _, tensors = grokking._measured(ROW.spec(1), torch.stack([flat_weights(before)] * 10 + [flat_weights(last)]))
    assert tensors["keys"].tolist() == [3]


def test_a_training_that_was_broken_off_goes_on_and_ends_in_the_same(small, monkeypatch):
    keep, seen = door.Work.keep, []

    def breaking(work, n, metrics, tensors):
        keep(work, n, metrics, tensors)
        seen.append(n)
        if seen == [1, 2, 3, 4]:
            raise KeyboardInterrupt

    monkeypatch.setattr(door.Work, "keep", breaking)
    with pytest.raises(KeyboardInterrupt):
        door.remake(grokking.entry(ROW, 1))
    resumed = door.remake(grokking.entry(ROW, 1))
    assert seen == list(range(1, 11))
    unbroken, _ = trained(1)
    assert resumed.metrics == unbroken.metrics
    assert all(torch.equal(each, unbroken.tensors[name]) for name, each in resumed.tensors.items())


def test_the_neuron_logit_map_is_what_one_neuron_alone_writes():
    model = build(MODEL, TASK, seed=3, dtype="float64")
    alone = torch.zeros(16, dtype=torch.float64)
    alone[5] = 1
    written = alone @ model.blocks[0].mlp.W_out @ model.W_U
    torch.testing.assert_close(neuron_logit_map(model, TASK)[:, 5], written[:11].detach())


@pytest.mark.parametrize("changed", ["wrong", "restricted_10dir.holdout", "of_neurons", "kept"])
def test_verify_sees_a_changed_number(small, changed):
    entry = grokking.entry(ROW, 0)
    stored = door.get(entry)
    assert door.verified(entry, whole=True).startswith("ok")
    tensors = {**stored.tensors, changed: stored.tensors[changed].clone()}
    tensors[changed].view(len(stored.tensors[changed]), -1)[-1, 0] += 1
    door.put(entry, door.Made(stored.metrics, tensors), stored.provenance)
    assert door.verified(entry, whole=True).startswith("DIFFERS")


def test_what_is_missing_or_unknown_is_said_in_one_line(small, monkeypatch):
    monkeypatch.setenv("TINYCIRCUITS_RESULTS", str(small / "empty"))
    with pytest.raises(MissingResult, match="tinycircuits retrain small --seeds 0"):
        load_grokking("small")
    with pytest.raises(ValueError, match=r"unknown training 'x'; known are grokking-113, grokking-59"):
        grokking_row("x")
    with pytest.raises(ValueError, match=r"seed must lie in 0..1, got 2"):
        ROW.spec(2)


COMMITTED = [pytest.param(row, seed, id=f"{row.name} {seed}") for row in GROKKINGS.values() for seed in row.seeds]


@pytest.mark.parametrize(("row", "seed"), COMMITTED)
def test_what_is_committed_fits_together(row, seed):
    kept = load_grokking(row.name, seed)
    n_pairs = row.task.modulus**2
    assert len(kept.wrong) == row.rounds + 1 == len(kept.curves["loss.train"])
    assert kept.wrong[0].sum() > 0.9 * n_pairs
    torch.testing.assert_close(kept.curves["of_neurons"].sum(1), torch.ones(row.rounds + 1, dtype=torch.float64))
    said = pair_logits(kept.model(), row.task).argmax(-1)
    wrong = said != row.task.answers(row.task.sequences()).view_as(said)
    assert int(wrong.sum()) == int(kept.wrong[-1].sum())


def test_the_recipe_is_that_of_the_reference():
    row = grokking_row("grokking-113")
    assert row.train.split.n_train == int(0.3 * 113**2) == row.train.batches.batch_size
    assert (row.train.lr, row.train.weight_decay, row.train.betas, row.train.warmup_steps) == (
        1e-3,
        1.0,
        (0.9, 0.98),
        10,
    )
    assert replace(row, train=reference(113, 0.3, 16_000)) == row
