"""The torus is measured behind the door, comes out the same again, and tells a clock from a pizza."""

import pytest
import torch

from tinycircuits.interp.torus import phase_differences
from tinycircuits.models.build import ModelSpec, build
from tinycircuits.models.clockwork import ClockworkSpec
from tinycircuits.results import clocking, door, provenance
from tinycircuits.results.door import results, verified
from tinycircuits.results.tables.profiles import SOURCES, shuffled_run
from tinycircuits.results.tables.studies import study
from tinycircuits.results.tables.torus import N_DRAWS, NOISE, NOISY, SPREADS, TORI, FreshSpec, TorusRow, torus_row
from tinycircuits.results.torus import load_torus
from tinycircuits.tasks import ModularAddition

TASK = ModularAddition(modulus=13, plus_sign=False)
MACHINES = tuple(ClockworkSpec(task=TASK, frequencies=(1, 5), spread=spread) for spread in (0.0, 1.0))
FRESH = FreshSpec(task=TASK, model=ModelSpec(n_layers=1, d_model=8, n_heads=2, d_head=4, d_mlp=126), seed=0)
SMALL = TorusRow("small.torus", "small", (*MACHINES, FRESH))


@pytest.fixture
def small(house, monkeypatch):
    """A house with one row of three small models."""
    monkeypatch.setitem(TORI, SMALL.name, SMALL)
    load_torus.cache_clear()
    yield clocking.entry(SMALL)
    load_torus.cache_clear()


def test_what_is_stored_is_what_comes_out_again_and_tells_the_machines_apart(small):
    door.get(small)
    found = load_torus(SMALL.name)
    assert found.of == SMALL.of
    assert found.wrong[:2].tolist() == [0, 0]
    assert found.wrong[2] > 100
    assert found.symmetricity[0, 0] == pytest.approx(1, abs=1e-6)
    assert abs(found.symmetricity[1, 0]) < 0.1
    assert found.clock[1] > 0.99 > found.clock[0] > 0.8
    assert set(found.frequency[:2].flatten().tolist()) == {1, 5}
    assert found.mean_cosine(0, 0) == pytest.approx(1, abs=1e-4)
    assert abs(found.mean_cosine(1, 0)) < 0.05
    pizza, clock, fresh = (phase_differences(*found.phases(model, 0), seed=0) for model in range(3))
    assert (pizza.mean_cosine, clock.n) == (pytest.approx(found.mean_cosine(0, 0)), 126)
    assert fresh.n < 126
    assert verified(small) == "ok      small.torus: 3 models; the first measured again"
    assert verified(small, whole=True) == "ok      small.torus: 3 models"


@pytest.mark.parametrize("name", ["wrong", "symmetricity", "irrelevance", "clock", "frequency", "share", "phase"])
def test_a_changed_number_is_told(small, name, monkeypatch):
    made = door.get(small)
    monkeypatch.setattr(clocking, "measured", lambda model, task, n: {k: each[0] for k, each in made.tensors.items()})
    tensors = {key: each.clone() for key, each in made.tensors.items()}
    tensors[name].view(-1)[0] += 1
    results().save(small.folder, small.spec.described(), made.metrics, tensors, made.provenance)
    assert verified(small).startswith("DIFFERS")
    assert f"{name} of model 0" in verified(small)


def test_an_untrained_model_has_numbers_too_and_shuffled_sums_their_own_answers():
    model, task = clocking._model(FRESH)
    found = clocking.measured(model, task, 50)
    assert found["phase"].shape == (1, 126, 2)
    assert 0 <= float(found["clock"]) < 0.5


ANEW = TorusRow("anew.torus", "anew", (shuffled_run(study("addition-97-2l")),))


@pytest.fixture
def trained(monkeypatch):
    """What was asked of the training of a model that is not kept; it gives one before training instead."""
    asked = []

    def trained_anew(of):
        asked.append(of)
        return build(of.model, of.task, seed=of.seed), None

    monkeypatch.setattr(clocking, "trained_anew", trained_anew)
    return asked


def test_a_model_that_is_not_kept_is_trained_anew(trained):
    (of,) = ANEW.of
    _, task = clocking._model(of)
    assert task == of.task == SOURCES["E"].shuffled
    assert trained == [of]
    with pytest.raises(ValueError, match="must have a task with shuffled answers, got reversal-8d-1l"):
        shuffled_run(study("reversal-8d-1l"))


@pytest.mark.parametrize(("whole", "device", "n"), [(True, "here", 1), (True, "elsewhere", 0), (False, "here", 0)])
def test_it_is_measured_again_as_a_whole_and_on_its_own_processor_only(house, monkeypatch, trained, whole, device, n):
    monkeypatch.setattr(clocking, "measured", lambda model, task, n: {"wrong": torch.tensor(len(trained) - 1)})
    monkeypatch.setattr(provenance, "processor", lambda: "here")
    entry = clocking.entry(ANEW)
    door.put(entry, door.Made({"models": 1, "wrong": [1]}, {"wrong": torch.tensor([1])}), {"device": device})
    said = verified(entry, whole=whole)
    assert (len(trained), said.startswith("DIFFERS")) == (n, n == 1)  # a first training counts as 0
    assert said.endswith("sums only") is not whole


def test_the_row_of_machines_has_every_spread_and_several_draws_of_every_noise_for_three():
    of = torus_row("set by hand.torus").of
    assert [each.spread for each in of[:5]] == list(SPREADS)
    noisy = [(each.spread, each.noise) for each in of[5:]]
    assert noisy == [(s, n) for s in NOISY for n in NOISE for _ in range(N_DRAWS)]
    assert all(len({each.seed for each in of[5:] if each.spread == spread}) == len(NOISE) * N_DRAWS for spread in NOISY)
    with pytest.raises(ValueError, match=r"unknown torus 'none'; known are set by hand\.torus"):
        torus_row("none")


def test_the_stored_models_of_a_study_are_all_its_seeds():
    found = load_torus("addition-97-2l.torus")
    assert [each.seed for each in found.of] == [*range(9), 42]
    assert found.phase.shape == (10, 2, 256, 2)
    assert torch.isfinite(found.phase).all()
