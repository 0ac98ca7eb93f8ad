"""Whose numbers a profile holds: tiny studies whose models are known by their weights; controls are controls."""

from dataclasses import replace

import pytest
import torch
import torch._dynamo
from torch.nn.functional import normalize

from tests.results.test_sweeps import TINY
from tinycircuits.interp.sae import quality
from tinycircuits.models.build import ModelSpec, build
from tinycircuits.models.errors import teacher_forced
from tinycircuits.results import door, fits, profiles, profiling, runs, sweeps
from tinycircuits.results.door import Work
from tinycircuits.results.fits import fitted_on, load_fit
from tinycircuits.results.profiles import profile
from tinycircuits.results.tables.alternatives import ALTERNATIVES, Alternative
from tinycircuits.results.tables.fits import FITS, Fit, fit_named
from tinycircuits.results.tables.profiles import N_CONTROLS, SOURCES, Source
from tinycircuits.results.tables.studies import STUDIES, Study, study
from tinycircuits.results.tables.sweeps import SWEEPS, sweep
from tinycircuits.tasks import ModularAddition, OrderedSplit, ShuffledAnswers, ShuffledSplit, ShuffledSums
from tinycircuits.training.dictionaries import SaeSpec
from tinycircuits.training.loop import train
from tinycircuits.training.recipe import EpochBatches, TrainSpec

SUMS = Study(
    name="tiny-sums",
    article="T",
    title="modulo 5, for tests",
    task=ModularAddition(modulus=5, plus_sign=False),
    model=ModelSpec(n_layers=1, d_model=8, n_heads=1, d_head=4, d_mlp=8),
    train=TrainSpec(
        split=ShuffledSplit(n_train=20, seed=1),
        batches=EpochBatches(epochs=3, batch_size=10),
        lr=1e-2,
        dtype="float32",
    ),
    published_seed=7,
    n_seeds=2,
    printed_seed=7,
)
DIGITS = replace(SUMS, name="tiny-digits", task=TINY.task, model=TINY.model, train=TINY.train)
OTHER_SPLIT = replace(
    TINY, name="tiny-other-split", train=TINY.train.model_copy(update={"split": OrderedSplit(n_train=9)})
)
SHUFFLED = replace(TINY, name="tiny-shuffled", task=ShuffledAnswers(n_digits=2, seed=0), n_seeds=5, lanes=5)
OTHER = Alternative(
    SUMS,
    "width",
    "4",
    SUMS.model.model_copy(update={"d_mlp": 4}),
    SUMS.train.model_copy(update={"split": ShuffledSplit(n_train=15, seed=2)}),
    range(2),
)
SAE = Fit("tiny-sae", SUMS.name, "tiny", "L0 mlp", SaeSpec(width=24, l1=1e-3, lr=1e-2, epochs=3, batch_size=5), 2)


def known_by_its_weights(model, task, split, parts):
    """Stands for a measure: the weights, what was held out, and how much of which task the model gets wrong."""
    return {
        "weights": weights_of(model).double(),
        "double": torch.tensor(model.W_E.dtype == torch.float64),
        "holdout": split.holdout,
        "answers": task.answers(task.sequences()),
        "wrong.all": teacher_forced(model, task, task.sequences()).wrong.sum(0),
        "parts": torch.tensor([len(part) for part in parts]),
    }


def weights_of(model):
    return torch.cat([p.detach().flatten() for _, p in sorted(model.named_parameters())])


TABLE = {
    "sums": Source(
        SUMS.name,
        ("a", "bb"),
        shuffled=ShuffledSums(modulus=5, plus_sign=False, seed=0),
        many_parts=("ccc",),
        dtype="float32",
    ),
    "digits": Source(
        DIGITS.name,
        ("a", "bb"),
        TINY.name,
        6,
        SHUFFLED.name,
        many_parts=("ccc",),
        dtype="float64",
    ),
    "other split": Source(DIGITS.name, ("d",), OTHER_SPLIT.name, 3, many_parts=("d",), dtype="float64", beside=True),
    "other": Source(SUMS.name, ("d",), alternative=OTHER, beside=True),
    "latents": Source(SUMS.name, ("latents",), fit=SAE.name),
    "latents beside": Source(SUMS.name, ("latents",), fit=SAE.name, beside=True),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Tables with tiny studies, sweeps, fits and sources, all of whose models are trained and stored in a folder."""
    folder = tmp_path_factory.mktemp("house")
    with pytest.MonkeyPatch.context() as patch, torch._dynamo.config.patch(disable=True):
        for name in ("RESULTS", "CHECKPOINTS"):
            patch.setenv(f"TINYCIRCUITS_{name}", str(folder / name))
        patch.setenv("TINYCIRCUITS_FROZEN", "0")
        for table, rows in (
            (STUDIES, {each.name: each for each in (SUMS, DIGITS)}),
            (SWEEPS, {each.name: each for each in (TINY, SHUFFLED, OTHER_SPLIT)}),
            (FITS, {SAE.name: SAE}),
            (SOURCES, TABLE),
        ):
            for name, row in rows.items():
                patch.setitem(table, name, row)
        for measure in ("digit_profile", "pair_profile"):
            patch.setattr(profiling, measure, known_by_its_weights)
        for name in (SUMS.name, DIGITS.name):
            for seed in (0, 1, 7):
                runs.run(name, seed)
        for name in (TINY.name, SHUFFLED.name):
            sweeps.run_sweep(name)
        sweeps.run_sweep(OTHER_SPLIT.name, range(3))
        for seed in SAE.seeds:
            fits.fit(SAE.name, seed)
        yield
    for cached in (profile, profiling._states, profiling._block):
        cached.cache_clear()


def entries(article, kind):
    return profiling.row_of(article, kind).committed


def measured(article, kind):
    """What the blocks measure, with their seeds: one row for each model."""
    found = entries(article, kind)
    rows = [each.make(Work(each, "cpu", False)).tensors for each in found]
    seeds = [seed for block in found for seed in block.seeds]
    return seeds, {name: torch.cat([row[name] for row in rows]) for name in rows[0]}


def split_of(chosen):
    return chosen.train.split.indices(len(chosen.task.sequences()))


def answers_of(task):
    return task.answers(task.sequences())


@pytest.mark.parametrize(("article", "chosen"), [("sums", SUMS), ("digits", DIGITS)])
def test_untrained_models_are_the_studys_before_their_first_step(house, article, chosen):
    seeds, found = measured(article, "untrained")
    dtype = TABLE[article].dtype
    assert seeds == list(range(N_CONTROLS)) == [0, 1, 2, 3, 4]
    for seed in seeds:
        fresh = build(chosen.model, chosen.task, seed=seed, dtype=dtype)
        assert torch.equal(found["weights"][seed], weights_of(fresh).double())
    assert found["double"].tolist() == [dtype == "float64"] * 5
    assert found["parts"].tolist() == [[3]] * 5
    trained = measured(article, "published")[1]["weights"]
    assert not torch.equal(found["weights"][0], trained[0])


@pytest.mark.parametrize(("article", "chosen"), [("sums", SUMS), ("digits", DIGITS)])
def test_the_published_model_is_the_studys_with_all_parts(house, article, chosen):
    seeds, found = measured(article, "published")
    assert seeds == [7]
    assert torch.equal(found["weights"][0], weights_of(runs.load(chosen.name, 7).model).double())
    assert found["parts"].tolist() == [[1, 2]]
    assert torch.equal(found["holdout"][0], split_of(chosen).holdout)
    assert torch.equal(found["answers"][0], answers_of(chosen.task))


def test_trained_models_are_those_of_the_study_where_there_is_no_sweep(house):
    seeds, found = measured("sums", "trained")
    assert seeds == [0, 1, 7]
    for seed, weights in zip(seeds, found["weights"], strict=True):
        assert torch.equal(weights, weights_of(runs.load(SUMS.name, seed).model).double())
    assert found["parts"].tolist() == [[1, 2]] * 3
    assert torch.equal(found["weights"][2], measured("sums", "published")[1]["weights"][0])


def test_trained_models_are_those_of_the_sweep_in_the_order_of_their_seeds(house):
    seeds, found = measured("digits", "trained")
    assert seeds == [0, 1, 2, 3, 4, 5]
    for seed in seeds:
        model = sweeps.load_sweep(TINY.name).model(seed)
        assert torch.equal(found["weights"][seed], weights_of(model).double())
    assert len(torch.unique(found["weights"], dim=0)) == 6
    assert found["double"].all()
    assert found["parts"].tolist() == [[3]] * 6
    assert torch.equal(found["holdout"][5], split_of(DIGITS).holdout)


def test_models_of_a_sweep_on_another_split_are_measured_on_what_was_held_out_from_them(house):
    seeds, found = measured("other split", "trained")
    assert seeds == [0, 1, 2]
    assert found["holdout"].tolist() == [list(range(9, 16))] * 3
    assert torch.equal(found["answers"][0], answers_of(DIGITS.task))


def test_models_of_a_sweep_with_shuffled_answers_are_judged_on_the_studys_own(house):
    seeds, found = measured("digits", "shuffled answers")
    assert seeds == [0, 1, 2, 3, 4]
    for seed in seeds:
        model = sweeps.load_sweep(SHUFFLED.name).model(seed)
        assert torch.equal(found["weights"][seed], weights_of(model).double())
        assert torch.equal(found["answers"][seed], answers_of(DIGITS.task))
    assert not torch.equal(answers_of(SHUFFLED.task), answers_of(DIGITS.task))
    assert found["parts"].tolist() == [[3]] * 5


def test_models_that_learn_other_pairs_sums_are_trained_on_them_and_judged_on_the_tasks_own(house):
    assert [each.seeds[0] for each in entries("sums", "shuffled answers")] == [0, 1, 2, 3, 4]
    task, (_, numbers) = TABLE["sums"].shuffled, measured("sums", "shuffled answers")
    found = {name: rows[3] for name, rows in numbers.items()}
    model, _ = train(task, SUMS.model, SUMS.train, seed=3)
    assert torch.equal(found["weights"], weights_of(model).double())
    assert torch.equal(found["answers"], answers_of(SUMS.task))
    assert not torch.equal(found["answers"], answers_of(task))
    seen = task.sequences()[split_of(SUMS).train]
    with torch.no_grad():
        said = model(task.inputs(seen))[:, -1].argmax(-1)
    assert int(found["wrong.train, own answers"]) == int((said != task.answers(seen)[:, 0]).sum())
    assert found["parts"].tolist() == [3]


def test_an_alternative_is_trained_by_its_own_recipe_and_measured_as_the_source_says(house):
    seeds, found = measured("other", "trained")
    assert seeds == [0, 1]
    for seed in seeds:
        model, history = train(SUMS.task, OTHER.model, OTHER.train, seed=seed)
        assert torch.equal(found["weights"][seed], weights_of(model).double())
        assert int(found["wrong.train, own answers"][seed]) == history[-1].train_wrong_digits
    assert torch.equal(found["holdout"][0], OTHER.train.split.indices(25).holdout)
    assert found["parts"].tolist() == [[1]] * 2


def test_latents_are_those_of_each_seeds_dictionary_on_the_states_that_it_was_fitted_on(house):
    states, sums = fitted_on(SAE)
    assert torch.equal(sums, answers_of(SUMS.task)[:, 0])
    seeds, found = measured("latents", "trained")
    assert seeds == [0, 1]
    for seed in seeds:
        active = load_fit(SAE.name, seed).dictionary.encode(states) > 0
        assert int(found["latents.live"][seed]) == int(active.any(0).sum())
    assert found["latents.residues, above zero"].shape == (2,)


def test_a_random_encoder_is_as_sparse_as_the_first_fit_and_is_none_of_its_making(house):
    first = load_fit(SAE.name, 0)
    states, _ = fitted_on(SAE)
    assert entries("latents", "random encoder")[0].seeds == range(5)
    drawn = [profiling._as_sparse(SAE.name, seed) for seed in range(3)]
    assert first.metrics["l0"] > 4
    for seed, each in enumerate(drawn):
        one_state = 1 / len(states)  # a latent can only be active on a whole number of states
        assert quality(each, states).l0 == pytest.approx(quality(first.dictionary, states).l0, abs=24 * one_state)
        random = torch.randn(24, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        torch.testing.assert_close(normalize(each.W_enc, dim=0), normalize(random, dim=1).T.float())
    assert not torch.equal(drawn[0].W_enc, drawn[1].W_enc)


def test_a_profile_is_stored_and_loaded_with_a_row_for_each_seed_in_order(house):
    for article, kind in (("digits", "trained"), ("sums", "trained"), ("sums", "published")):
        for each in entries(article, kind):
            assert not each.held or kind == "published"
            door.get(each)
            assert each.held
        loaded, (seeds, anew) = profile(article, kind), measured(article, kind)
        assert (loaded.kind, loaded.seeds.tolist()) == (kind, seeds)
        for name, numbers in anew.items():
            assert torch.equal(loaded[name], numbers)
        assert loaded.solved.tolist() == [not row.any() for row in loaded["wrong.all"]]


def test_only_what_stands_for_an_article_has_controls():
    assert TABLE["sums"].kinds == TABLE["digits"].kinds == ("trained", "published", "untrained", "shuffled answers")
    assert replace(TABLE["sums"], shuffled=None).kinds == ("trained", "published", "untrained")
    assert TABLE["latents"].kinds == ("trained", "random encoder")
    assert TABLE["other"].kinds == TABLE["latents beside"].kinds == ("trained",)


def test_who_solved_the_task_makes_no_mistake_at_any_answer():
    wrong = torch.tensor([[0, 0, 0], [0, 1, 0], [5, 0, 0], [0, 0, 0]])
    assert profiles.Profile("trained", torch.arange(4), {"wrong.all": wrong}).solved.tolist() == [
        True,
        False,
        False,
        True,
    ]


# The real table.


@pytest.mark.parametrize("article", "ABCDE")
def test_each_article_is_spoken_for_by_its_own_study_task_and_recipe(article):
    source = SOURCES[article]
    chosen = study(source.study)
    assert chosen.article == article
    shuffled = source.shuffled
    of = shuffled if isinstance(shuffled, ModularAddition) else sweep(shuffled).task
    assert type(of) in (ShuffledSums, ShuffledAnswers)
    own = chosen.task.model_dump()
    assert {name: value for name, value in of.model_dump().items() if name != "seed"} == own
    moved = (answers_of(of) != answers_of(chosen.task)).any(1)
    assert moved.double().mean() > 0.9
    for name in (source.trained, None if isinstance(shuffled, ModularAddition) else shuffled):
        if name is not None:
            swept = sweep(name)
            assert swept.model == chosen.model
            assert swept.train.model_copy(update={"dtype": chosen.train.dtype}) == chosen.train
    if source.trained is not None:
        assert source.n_seeds % sweep(source.trained).lanes == 0
        assert sweep(source.trained).task == chosen.task


def test_the_dictionaries_are_fitted_on_the_model_that_their_source_names():
    named = {n: fit_named(source.fit) for n, source in SOURCES.items() if source.fit and n not in TABLE}
    for name, chosen in named.items():
        assert chosen.study == SOURCES[name].study == SOURCES["E, another start" if "start" in name else "E"].study
    summed, averaged = (named[f"E, latents, {how}"].recipe for how in ("summed", "averaged"))
    assert averaged.l1 == 128 * summed.l1  # the error of 128 dimensions, averaged instead of summed
    assert named["E, another start, latents"].recipe == summed
    assert len({chosen.recipe for chosen in named.values()}) == len(named) - 1


def test_every_alternative_is_a_source_of_its_own_study():
    for name, each in ALTERNATIVES.items():
        source, trained_when_measured = SOURCES[name], each.sweep is None
        assert (source.study, source.beside) == (each.study.name, True)
        assert (source.alternative, source.trained) == ((each, None) if trained_when_measured else (None, each.sweep))
        assert ("row patching" in SOURCES[name].parts) == (each.study.article == "E")
