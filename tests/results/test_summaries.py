"""The rows of stored results, against what they are made from."""

import pytest
import torch

from tests.circuits import scrambled
from tinycircuits.interp.ablation import REMOVALS
from tinycircuits.interp.activations import components
from tinycircuits.interp.agreement import fingerprint
from tinycircuits.interp.fourier import dependence, pair_logits
from tinycircuits.interp.readout_map import readout_map
from tinycircuits.interp.sae import quality
from tinycircuits.models.build import ModelSpec
from tinycircuits.results.fits import fitted_on, load_fit
from tinycircuits.results.numbers import digits
from tinycircuits.results.pairs import pair_profile
from tinycircuits.results.profiles import Profile
from tinycircuits.results.runs import every_seed, run
from tinycircuits.results.summaries.attention import FOLLOWED, attention_follows, roles
from tinycircuits.results.summaries.courses import courses, first_below, mirrored, mistakes
from tinycircuits.results.summaries.dictionaries import fit_qualities
from tinycircuits.results.summaries.fingerprints import fingerprints
from tinycircuits.results.summaries.readouts import stored_readouts
from tinycircuits.results.summaries.removals import removals
from tinycircuits.results.sweeps import load_sweep
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


def test_a_curve_is_first_below_a_level_where_it_crosses_it():
    curve = range(4), [1.0, 0.5, 0.2, 0.6]
    assert [first_below(curve, level) for level in (2.0, 0.5, 0.3)] == [0, 2, 2]
    with pytest.raises(ValueError, match=r"lowest value is 0\.2, got 0\.1"):
        first_below(curve, 0.1)


def test_mirrored_pairs_and_mistakes_are_those_of_a_loop_over_all_pairs():
    runs = every_seed("addition-97-2l")[2:4]
    study = runs[0].study
    split = study.train.split.indices(97**2)
    trained = {divmod(int(i), 97) for i in split.train}
    held = [divmod(int(i), 97) for i in split.holdout]
    mirror = mirrored(study)
    assert mirror.tolist() == [(b, a) in trained for a, b in held]
    table = mistakes(runs, {one.seed: pair_logits(one.model, study.task).argmax(-1) for one in runs}).set_index("seed")
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


def test_what_attention_follows_is_named_in_the_order_of_the_analysis():
    assert tuple(dependence(torch.rand(5, 5))) == FOLLOWED
    follows = torch.arange(20.0).reshape(2, 2, 5)
    found = attention_follows(made(attention_follows=follows)).set_index(["layer", "function of"])
    assert found.loc[(1, "a + b")].to_dict() == {"share": 12, "low": 7, "high": 17}


@pytest.fixture(scope="module")
def model():
    return scrambled(SPEC, TASK)


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


def test_qualities_are_those_of_each_fit():
    fit = fit_named("addition-97-2l-sae-summed")
    fitted = load_fit(fit.name, 0)
    states = fitted_on(fit)[0][:500]
    row = fit_qualities({"one": [fitted]}, states).iloc[0]
    found = quality(fitted.dictionary, states)
    assert [row.l0, row.fvu, row.dead, row.penalty] == [found.l0, found.fvu, found.dead, fit.recipe.l1]
    losses = fitted.metrics["loss"]
    assert row["last fall"] == 1 - losses[-1] / losses[-len(losses) // 10]
    assert found.row() == row[["l0", "fvu", "dead"]].to_dict()


def test_stored_fingerprints_are_those_of_the_models():
    result, found = load_sweep("seeds-c-shuffled", range(250)), digits("C, prints", "trained")
    task, seeds = result.sweep.task, found.seeds[[0, 7]].tolist()
    parts = [part.label for part in components(result.model(0))]
    for print_, seed in zip(fingerprints(found.of_seeds(torch.tensor([0, 7])), parts), seeds, strict=True):
        expected = fingerprint(result.model(seed), task.sequences(), task, seed=0)
        assert print_.parts == expected.parts
        for name in ("reads", "kept", "kept_control", "carries", "carries_control"):
            torch.testing.assert_close(getattr(print_, name), getattr(expected, name))
