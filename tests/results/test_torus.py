"""The torus is measured behind the door, comes out the same again, and tells a clock from a pizza."""

import pytest
import torch

from tinycircuits.interp.torus import phase_differences
from tinycircuits.models.build import ModelSpec
from tinycircuits.models.clockwork import ClockworkSpec
from tinycircuits.results import clocking, door
from tinycircuits.results.door import results, verified
from tinycircuits.results.tables.torus import NOISE, NOISY, SPREADS, TORI, FreshSpec, TorusRow, torus_row
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


def test_the_row_of_machines_has_every_spread_and_noise_for_three():
    of = torus_row("set by hand.torus").of
    assert [each.spread for each in of[:5]] == list(SPREADS)
    assert [(each.spread, each.noise) for each in of[5:]] == [(s, n) for s in NOISY for n in NOISE]
    with pytest.raises(ValueError, match=r"unknown torus 'none'; known are set by hand\.torus"):
        torus_row("none")


def test_the_stored_models_of_a_study_are_all_its_seeds():
    found = load_torus("addition-97-2l.torus")
    assert [each.seed for each in found.of] == [*range(9), 42]
    assert found.phase.shape == (10, 2, 256, 2)
    assert torch.isfinite(found.phase).all()
