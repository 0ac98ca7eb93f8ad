"""The rows behind figures and tables, on results made by hand and against what they are made from."""

import math

import pandas as pd
import pytest
import torch

from tests.circuits import scrambled
from tinycircuits.claims.ledger import finding
from tinycircuits.frames.addition import (
    FOLLOWED,
    attention_by_layer,
    attention_follows,
    courses,
    mirrored,
    mistakes,
    roles,
)
from tinycircuits.frames.latents import (
    clear_shares,
    effect_table,
    fit_qualities,
    meaning_table,
    qualities,
    residue_verdicts,
)
from tinycircuits.frames.patching import recoveries, recovery_by_operand, recovery_intervals, removals
from tinycircuits.frames.verdicts import controls_met, verdicts
from tinycircuits.interp.activations import components
from tinycircuits.interp.fourier import dependence, pair_logits
from tinycircuits.interp.patching import OPERANDS, activation_patching, corrupted_pairs, patch_every_way
from tinycircuits.interp.probes import readout_map
from tinycircuits.interp.sae import LatentEffects, meanings, quality
from tinycircuits.models.build import ModelSpec
from tinycircuits.results.fits import fitted_on, load_fit
from tinycircuits.results.pairs import REMOVALS, pair_profile, stored_readouts
from tinycircuits.results.profiles import Profile, profile
from tinycircuits.results.runs import every_seed, run
from tinycircuits.results.tables.fits import fit_named
from tinycircuits.tasks import ModularAddition, SplitIndices

TASK = ModularAddition(modulus=7, plus_sign=False)
SPEC = ModelSpec(n_layers=2, d_model=8, n_heads=2, d_head=4, d_mlp=16, act_fn="gelu")
NAMES = ("a", "b", "=")


def made(**numbers):
    return Profile("trained", torch.tensor([3, 5]), {name.replace("_", "."): each for name, each in numbers.items()})


def test_a_course_is_the_history_with_the_other_seeds_behind():
    runs, shown = every_seed("addition-97-2l"), run("addition-97-2l")
    found = courses(runs, shown, "wrong")
    others = [f"seed {one.seed}" for one in runs if one.seed != shown.seed]
    assert list(found) == [*others, "training pairs", "held-out pairs"]
    epochs, values = found["training pairs"]
    wrong = shown.history["train_wrong_digits"]
    assert [len(epochs), values[3]] == [len(wrong), wrong[3] / shown.study.train.split.n_train]
    assert courses(runs, shown, "loss")["held-out pairs"][1] == shown.history["holdout_loss"]


def test_mirrored_pairs_and_mistakes_are_those_of_a_loop_over_all_pairs():
    runs = every_seed("addition-97-2l")[2:4]
    study = runs[0].study
    split = study.train.split.indices(97**2)
    trained = {divmod(int(i), 97) for i in split.train}
    held = [divmod(int(i), 97) for i in split.holdout]
    mirror = mirrored(study)
    assert mirror.tolist() == [(b, a) in trained for a, b in held]
    table = mistakes(runs, {one.seed: pair_logits(one.model, study.task) for one in runs}).set_index("seed")
    for one in runs:
        answers = pair_logits(one.model, study.task).argmax(-1)
        missed = [(a, b) for a in range(97) for b in range(97) if int(answers[a, b]) != (a + b) % 97]
        hard = set(held) & set(missed) - {pair for pair, known in zip(held, mirror, strict=True) if known}
        assert table.loc[one.seed].missed == ", ".join(f"{a} + {b}" for a, b in missed[:5])
        assert table.loc[one.seed, "held out, hard"] == len(hard)
        assert table.loc[one.seed, "all pairs"] == f"{len(missed)} of 9,409"
    assert (table.missed != "").any(), "no seed errs: the loop above compares nothing"


def test_roles_stand_by_seed_layer_and_head():
    mean = torch.tensor([[[[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]]], [[[0.1, 0.8, 0.1], [0.0, 0.1, 0.9]]]])
    found = roles(made(attention_mean=mean), NAMES).set_index(["seed", "layer", "head"]).role
    assert found.to_dict() == {(3, 0, 0): "a", (3, 0, 1): "spread", (5, 0, 0): "b", (5, 0, 1): "="}


def test_attention_by_layer_is_the_mean_over_heads():
    mean = torch.rand(2, 3, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    bits = mean.sum(-1)
    found = attention_by_layer(made(attention_mean=mean, attention_entropy=bits), NAMES).set_index(["layer", "seed"])
    assert len(found) == 6
    assert found.loc[(2, 5), "on b"] == pytest.approx(float(mean[1, 2, :, 1].mean()))
    assert found.loc[(1, 3), "bits"] == pytest.approx(float(bits[0, 1].mean()))


def test_what_attention_follows_is_named_in_the_order_of_the_analysis():
    assert tuple(dependence(torch.rand(5, 5))) == FOLLOWED
    follows = torch.arange(20.0).reshape(2, 2, 5)
    found = attention_follows(made(attention_follows=follows)).set_index(["layer", "function of"])
    assert found.loc[(1, "a + b")].to_dict() == {"share": 12, "low": 7, "high": 17}


@pytest.fixture(scope="module")
def model():
    return scrambled(SPEC, TASK)


def test_recoveries_are_those_of_the_patching_with_interval_and_control(model):
    clean, other = TASK.sequences(), corrupted_pairs(TASK, operand="b", seed=0)
    options = {"groups": components(model), "direction": "denoise", "draws": 2}
    versions = {
        "all": activation_patching(model, TASK, clean, other, **options),
        "some": activation_patching(model, TASK, clean[:20], other[:20], **options),
    }
    found = recoveries(versions).set_index(["version", "part"])
    for name, patching in versions.items():
        for part, interval in patching.intervals("loss", seed=0).items():
            row = found.loc[(name, part)]
            assert [row.recovery, row.low, row.high] == [interval.value, interval.low, interval.high]
            assert row["random push"] == patching.control_recovery(part, "loss")
    assert len(found) == 8


def test_every_way_of_patching_has_a_row_and_every_operand_a_column(model):
    ways = patch_every_way(model, TASK, components(model), n_inputs=30)
    grid = recovery_by_operand(ways, "noise", "loss")
    assert grid.shape == (4, 3)
    assert float(grid[2, 1]) == ways[OPERANDS[1], "noise"].recovery("L1 attn", "loss")
    table = recovery_intervals(ways).set_index(["corrupted", "direction"])
    assert len(table) == 6
    shown = table.loc[("b", "denoise, logit difference"), "L0 mlp"]
    assert shown == ways["b", "denoise"].intervals("logit difference", seed=0)["L0 mlp"]
    assert str(shown) == f"{shown.value:.2f} ({shown.low:.2f}, {shown.high:.2f})"


def test_removals_are_those_of_one_seed_between_the_extremes_of_all():
    right = torch.rand(2, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    over = Profile("trained", torch.tensor([3, 5]), {"ablation.heads": right, "ablation.heads, random push": 1 - right})
    found = removals(over, ["x", "y"], seed=5, what="heads").set_index(["part", "kind"])
    row, cell = found.loc[("y", REMOVALS[2])], right[:, 1, 2].tolist()
    assert [row["share right"], row.low, row.high] == [cell[1], min(cell), max(cell)]
    assert row["random push"] == pytest.approx(1 - cell[1])
    assert len(found) == 6


def test_stored_readouts_are_the_readouts_that_were_stored(model):
    split = SplitIndices(torch.arange(40), torch.arange(40, 49))
    numbers = {name: each[None] for name, each in pair_profile(model, TASK, split, ("read-outs",)).items()}
    a, b = TASK.sequences()[:, 0], TASK.sequences()[:, 1]
    targets = {"a + b": (a + b) % 7, "a": a, "b": b}
    fresh = readout_map(model, TASK.sequences(), TASK, targets, seeds=range(5))
    again = stored_readouts(numbers, model, TASK)
    assert vars(again).keys() == vars(fresh).keys()
    for name, value in vars(fresh).items():
        kept = getattr(again, name)
        same = torch.equal(kept, value) if isinstance(value, torch.Tensor) else kept == pytest.approx(value)
        assert same, name


@pytest.mark.xdist_group("ledger")
def test_verdicts_are_the_ledgers():
    table = verdicts(["D2", "E7"]).set_index("no.")
    for name in ("D2", "E7"):
        found = finding(name)
        row = table.loc[name]
        assert [row.statement, row["rule for a seed"]] == [found.claim.says, found.claim.rule]
        assert row["seeds that meet it"] == f"{found.met} of {found.judged}"
        assert row.verdict == found.verdict
        assert list(controls_met(name)) == [control.name for control in found.controls]
        assert all(f"{name} {met}" in row.control for name, met in controls_met(name).items())


def test_qualities_are_those_of_each_fit():
    fit = fit_named("addition-97-2l-sae-summed")
    fitted = load_fit(fit.name, 0)
    states = fitted_on(fit)[0][:500]
    row = fit_qualities({"one": [fitted]}, states).iloc[0]
    found = quality(fitted.dictionary, states)
    assert [row.l0, row.fvu, row.dead, row.penalty] == [found.l0, found.fvu, found.dead, fit.recipe.l1]
    losses = fitted.metrics["loss"]
    assert row["last fall"] == 1 - losses[-1] / losses[-len(losses) // 10]
    assert qualities({"one": fitted.dictionary}, states).iloc[0].to_dict() == {
        "dictionary": "one",
        **row[["l0", "fvu", "dead"]].to_dict(),
    }


def test_what_latents_stand_for_is_counted_by_dictionary():
    numbers = torch.arange(7).repeat(30)
    other = torch.arange(7).repeat_interleave(30)
    spikes = torch.eye(7, dtype=torch.float64)[numbers]
    activity = {"spikes": spikes, "shy": spikes + 0.1}
    found = {name: meanings(each, numbers, modulus=7) for name, each in activity.items()}
    shares = clear_shares(found).set_index(["dictionary", "fires"]).share
    assert shares.to_dict() == {
        ("spikes", "above zero"): 1,
        ("spikes", "above its best threshold"): 1,
        ("shy", "above zero"): 0,
        ("shy", "above its best threshold"): 1,
    }
    row = meaning_table(found, activity, {"other": other}, modulus=7).set_index("dictionary").loc["spikes"]
    assert [row.latents, row.residues, row["F1, above zero"], row["by sum"]] == [7, 7, 1, pytest.approx(1)]
    yes_or_no = -(math.log2(1 / 7) / 7 + 6 / 7 * math.log2(6 / 7))
    assert row["bits, a + b"] == pytest.approx(yes_or_no)
    assert row["bits, other"] < 0.3 * yes_or_no


def test_effects_are_means_and_shares_of_all_tries():
    numbers = torch.tensor([1.0, 3.0])
    counts = [torch.tensor(each) for each in ([4, 9], [10, 30], [5, 15], [0, 2], [8, 30])]
    active, tried, added, pushed, mean = counts
    given = [torch.tensor([2, 7]), active, active, numbers, numbers / 2, active, tried, added, pushed, mean]
    row = effect_table({"one": LatentEffects(*given)}).iloc[0].to_dict()
    assert row == {
        "dictionary": "one",
        "latents": 2,
        "loss without": 2,
        "loss, random push": 1,
        "put in": 0.5,
        "put in, random push": 0.05,
        "put in, mean output": 0.95,
    }


def test_dictionaries_are_judged_beside_their_random_encoders():
    table = residue_verdicts({"averaged": "E, latents, averaged"})
    assert table.dictionary.tolist() == ["averaged", "blind, as sparse as averaged"]
    seen = profile("E, latents, averaged", "trained")["latents.residues, above zero"]
    assert table["above zero"][0] == f"{int((seen >= 0.5).sum())} of {len(seen)}"
    strict = residue_verdicts({"averaged": "E, latents, averaged"}, least=1.01)
    assert strict["above zero"].tolist() == ["0 of 5", "0 of 5"]
    assert isinstance(strict, pd.DataFrame)
