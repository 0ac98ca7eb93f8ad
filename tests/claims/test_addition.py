"""Articles D and E in the ledger: each rule, on numbers made by hand, and what the stored profiles say."""

import pytest
import torch

from tinycircuits.claims import rules_addition
from tinycircuits.claims.judge import judge
from tinycircuits.claims.ledger import RULES, finding
from tinycircuits.interp.ablation import REMOVALS, ablation_table
from tinycircuits.interp.activations import components
from tinycircuits.interp.heads import ROLE_SHARE, head_rows, summarize_heads
from tinycircuits.interp.readout_map import readout_map
from tinycircuits.models.build import build
from tinycircuits.models.dictionary import SparseAutoencoder
from tinycircuits.results.numbers import OfLatents, OfPairs
from tinycircuits.results.pairs import PARTS, latent_profile, pair_profile
from tinycircuits.results.profiles import profile
from tinycircuits.results.runs import load
from tinycircuits.results.tables.studies import study
from tinycircuits.tasks import ModularAddition, ReverseIncrement

pytestmark = pytest.mark.xdist_group("ledger")


def by_head(first, later, n_layers=3):
    """Attention ``[layer head position]``: four heads like ``first`` in layer 0, and like ``later`` above it."""
    return torch.tensor([[first] * 4] + [[later] * 4] * (n_layers - 1), dtype=torch.float64)


def heads(first, later):
    return {"attention.mean": by_head(first, later)}


def bits(*by_layer):
    return {"attention.entropy": torch.tensor([[each] * 4 for each in by_layer])}


def read(*by_stage):
    at_equals = torch.tensor([by_stage] * 5, dtype=torch.float64)
    elsewhere = torch.zeros(*at_equals.shape, 2)
    read = torch.cat([elsewhere, at_equals[..., None]], dim=-1)
    return {"read-out.a + b": read, "read-out.a + b, shuffled": torch.zeros_like(read)}


def patched(*by_part):
    """Recoveries where only the row of "=" is patched; everywhere they would say something else."""
    zeros = torch.zeros(4)
    return {"patching.loss at =": torch.tensor(by_part), "patching.loss": zeros, "patching.loss, random push": zeros}


def probed(*by_layer):
    """What the article's probe reads after the embedding and each layer; discriminant analysis reads all of it."""
    probe = torch.tensor(by_layer, dtype=torch.float64)
    return {"probe.a + b": probe, "probe.a + b, shuffled": torch.zeros(3), **read(1, 1, 1, 1, 1)}


def residues(share):
    other = ("latents.residues, best threshold", "latents.F1, above zero", "latents.live")
    return {"latents.residues, above zero": torch.tensor(share), **dict.fromkeys(other, torch.tensor(0.5))}


EVEN = [0.25] * 4
MET = {
    "D1": {"wrong.holdout": torch.tensor([0]), "wrong.all": torch.tensor([3])},
    "D2": heads([0.7, 0, 0.3, 0], [0.1, 0.1, 0.8, 0]),
    "D3": heads([0.2, 0.4, 0.2, 0.2], [0.3, 0.2, 0.3, 0.2]),
    "D4": heads([0.5, 0.1, 0.4, 0], [0.5, 0.05, 0.45, 0]),
    "D5": heads([0.4, 0.1, 0.4, 0.1], [0.3, 0.2, 0.3, 0.2]),
    "D6": bits(1.5, 1.3, 1.2),
    "D7": heads([0.2, 0.1, 0.2, 0.5], EVEN),
    "D8": read(0, 0.05, 0.9, 0.9, 0.95, 0.95, 1),
    "D9": {"attention.examples": torch.tensor([0.02, 0.1, 0.05])},
    "E1": {"attention.mean": torch.tensor([[[0.7, 0.1, 0.2], [0.1, 0.8, 0.1]], [[0, 0, 1.0]] * 2])},
    "E2": bits(1, 1.25),
    "E3": patched(0.65, 0.2, 0.1, 0.95),
    "E4": patched(1, 0.3, 0.3, 1),
    "E5": probed(0.01, 0.15, 0.75),
    "E6": residues(0.5),
    "E7": read(0, 0.05, 0.6, 0.65, 0.95),
}
MISSED = {
    "D1": {"wrong.holdout": torch.tensor([1]), "wrong.all": torch.tensor([1])},
    "D2": heads([0.7, 0, 0.3, 0], [0.5, 0, 0.5, 0]),
    "D3": heads([0.5, 0, 0.5, 0], [0.3, 0.2, 0.3, 0.2]),
    "D4": heads([0.5, 0.1, 0.4, 0], [0.5, 0.11, 0.39, 0]),
    "D5": heads([0.4, 0.1, 0.4, 0.1], [0.3, 0.19, 0.3, 0.21]),
    "D6": bits(1.5, 1.1, 1.4),
    "D7": heads([0.2, 0.1, 0.21, 0.49], EVEN),
    "D8": read(0, 0.15, 0.9, 0.9, 0.95, 0.95, 1),
    "D9": {"attention.examples": torch.tensor([0.02, 0.11, 0.05])},
    "E1": {"attention.mean": torch.tensor([[[0.7, 0.1, 0.2], [0.6, 0.4, 0]], [[0, 1.0, 0]] * 2])},
    "E2": bits(1, 1.1),
    "E3": patched(0.65, 0.2, 0.96, 0.95),
    "E4": patched(0, 0.3, 0.31, 0),
    "E5": probed(0.01, 0.16, 0.8),
    "E6": residues(0.49),
    "E7": read(0, 0.05, 0.45, 0.5, 0.95),
}


def seen(name, numbers):
    made = OfLatents if name == "E6" else OfPairs
    of = made("trained", torch.tensor([0]), {key: value[None] for key, value in numbers.items()})
    return RULES[name].see((of,) if name == "E6" else of)


@pytest.mark.parametrize("name", MET)
def test_a_rule_is_met_and_missed_where_it_says(name):
    assert finding(name).claim.id == name
    assert seen(name, MET[name]).met.tolist() == [True]
    assert seen(name, MISSED[name]).met.tolist() == [False]


@pytest.mark.parametrize("name", MET)
def test_the_stored_verdict_is_what_the_results_say(name):
    found = finding(name)
    assert found.verdict == found.claim.verdict
    assert found.n_seeds == (10 if name[0] == "E" else 5)  # E6: five fits of each reading
    kinds = {"random encoder": 10} if name == "E6" else {"untrained": 5, "shuffled answers": 5}
    assert {control.name: control.judged for control in found.controls} == kinds
    assert found.published is None or found.published.keys() == found.values.keys()


@pytest.mark.parametrize(("article", "n", "forgotten"), [("D", 113**2, 0.05), ("E", 97**2, 0.6)])
def test_models_with_shuffled_answers_know_many_by_heart_and_cannot_add(article, n, forgotten):
    of = profile(article, "shuffled answers")
    assert (of["wrong.train, own answers"] < forgotten * n).all()
    assert (of["wrong.all"].sum(1) > 0.97 * n).all()


def test_readings_that_disagree_cannot_be_tested():
    summed, averaged = (
        OfLatents("trained", torch.arange(1), {k: v[None] for k, v in residues(x).items()}) for x in (0, 1)
    )
    met = RULES["E6"].see((summed, averaged)).met.tolist()
    assert met == [False, True]
    assert [judge("readings", each) for each in (met, [True, True], [False, False], [])] == [
        "not testable as stated",
        "holds",
        "does not hold",
        "not testable as stated",
    ]


def test_seeds_that_miss_a_pair_are_judged_only_on_their_mistakes():
    wrong = profile("E", "trained")["wrong.all"].sum(1)
    assert finding("E1").judged == int((wrong == 0).sum()) < finding("E1").n_seeds == 10
    assert finding("D1").judged == 5


def test_the_attention_of_a_profile_is_that_of_the_published_model():
    run = load("addition-97-2l")
    task = run.study.task
    rows = head_rows(run.model, task.inputs(task.sequences()), row=task.predicting_rows[0])
    stored = profile("E", "published")
    torch.testing.assert_close(stored["attention.mean"][0], summarize_heads(rows).mean)
    torch.testing.assert_close(stored["attention.follows"].sum(-1), torch.ones(1, 2, dtype=torch.float64))
    assert stored["wrong.all"][0].sum() == run.errors(on="all").wrong_digits


def test_the_ablations_and_read_outs_of_a_profile_are_those_of_the_published_model():
    run = load("addition-97-2l")
    task, stored = run.study.task, profile("E", "published")
    sequences = task.sequences()
    last = [components(run.model)[-1]]
    (removed,) = ablation_table(run.model, sequences, task, kinds=["zero"], only=last, seed=0, draws=0).ablations
    assert stored["ablation.components"][0, -1, REMOVALS.index("zero")] == pytest.approx(removed.errors().accuracy)
    sums = {"a + b": task.answers(sequences)[:, 0]}
    found = readout_map(run.model, sequences, task, sums, seeds=[0], positions=["="])
    torch.testing.assert_close(stored["read-out.a + b"][0, 0, :, -1], found.accuracy("a + b")[0, :, 0])


def test_a_small_model_has_every_number_of_a_profile():
    task = ModularAddition(modulus=7, plus_sign=False)
    chosen = study("addition-97-2l")
    model = build(chosen.model.model_copy(update={"d_mlp": 8}), task, seed=0)
    split = chosen.train.split.model_copy(update={"n_train": 30}).indices(49)
    found = pair_profile(model, task, split, [part for part in PARTS if part != "sum"])
    assert found["attention.mean"].shape == (2, 4, 3)
    assert found["attention.examples"].shape == (0,)
    assert found["read-out.a + b"].shape == found["read-out.b, shuffled"].shape == (5, 5, 3)
    assert found["ablation.components"].shape == found["ablation.components, random push"].shape == (4, 3)
    assert found["ablation.heads"].shape == (8, 3)
    assert found["patching.loss"].shape == found["patching.loss, random push"].shape == (4,)
    assert found["patching.loss at ="].shape == (4,)
    assert found["probe.a + b"].shape == found["probe.a + b, shuffled"].shape == (3,)
    only_sum = pair_profile(model, task, split, ["sum"])
    torch.testing.assert_close(only_sum["read-out.a + b"], found["read-out.a + b"][..., -1:])
    with pytest.raises(
        ValueError,
        match="among errors, attention, read-outs, sum, probe, patching, row patching, ablation, waves, got shift",
    ):
        pair_profile(model, task, split, ("shift",))
    with pytest.raises(ValueError, match="task must be a ModularAddition, got ReverseIncrement"):
        pair_profile(model, ReverseIncrement(n_digits=2), split)


def test_a_dictionary_with_one_latent_for_each_residue_stands_for_all_of_them():
    sums = torch.arange(5).repeat(20)
    states = torch.eye(5)[sums]
    planted = SparseAutoencoder(torch.eye(5), torch.full((5,), -0.5), torch.eye(5), torch.zeros(5))
    found = latent_profile(planted, states, sums, modulus=5)
    assert found["latents.live"] == 5
    assert found["latents.residues, above zero"] == found["latents.residues, best threshold"] == 1
    blunt = SparseAutoencoder(torch.eye(5), torch.full((5,), 0.5), torch.eye(5), torch.zeros(5))
    found = latent_profile(blunt, states, sums, modulus=5)
    assert found["latents.residues, above zero"] == 0
    assert found["latents.residues, best threshold"] == 1


def test_the_share_that_makes_a_role_is_the_same_in_the_rule_and_in_the_analysis():
    """Rules import no analysis and analyses no rule, so that the number stands in both."""
    assert rules_addition.ROLE_SHARE == ROLE_SHARE
