"""The calibration is made behind the door, comes out the same again, and counts what it says that it counts."""

from functools import cache

import pytest
import torch

from tinycircuits.models.planted import ROLES, TASK
from tinycircuits.results import calibrated, calibrating, door
from tinycircuits.results.calibrated import Calibration, calibration
from tinycircuits.results.door import results, verified
from tinycircuits.results.tables.calibration import CALIBRATIONS, METHODS, NAME, CalibrationSpec

SMALL = CalibrationSpec(
    task=TASK, patterns=("plain",), sites=("heads", "heads before neurons"), bases=(0,), methods=METHODS
)
WORKS, COUNTERS, IDLE, NONE = (ROLES.index("works"), ROLES.index("counters"), ROLES.index("idle"), -1)
NAN = float("nan")
MEASURED = calibrating.measured


@cache
def first_of(chosen: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """What is measured, once for all tests that only change what is stored."""
    return MEASURED(SMALL, chosen)


@pytest.fixture
def small(house, monkeypatch):
    """A house whose calibration has two models."""
    monkeypatch.setitem(CALIBRATIONS, NAME, SMALL)
    calibration.cache_clear()
    yield house
    calibration.cache_clear()


def by_hand() -> Calibration:
    """Two models, two methods: the first method sees all, the second only the heads."""
    return Calibration(
        models=(("plain", "heads", 0), ("full pair", "neurons", 1)),
        methods=("all", "heads only"),
        role=torch.tensor([[WORKS, IDLE, COUNTERS, NONE], [WORKS, WORKS, IDLE, IDLE]]),
        planted=torch.tensor([[False, False, True, False], [True, True, False, False]]),
        head=torch.tensor([[True, True, True, False], [True, False, True, False]]),
        score=torch.tensor(
            [[[3.0, 1.0, 2.0, NAN], [1.0, 0.0, 1.0, NAN]], [[1.0, 0.0, 2.0, 0.0], [1.0, NAN, 1.0, NAN]]]
        ),
        named=torch.tensor([[[1, 0, 1, 0], [1, 1, 1, 0]], [[1, 0, 1, 0], [1, 0, 1, 0]]], dtype=torch.bool),
        top=torch.tensor([[[1, 0, 0, 0], [1, 0, 0, 0]], [[1, 0, 1, 0], [1, 0, 0, 0]]], dtype=torch.bool),
        auroc=torch.tensor([[1.0, 0.5], [0.5, NAN]]),
    )


def test_counts_are_of_units_that_the_method_judges():
    found = by_hand()
    assert found.count("all", "idle") == (1, 3)
    assert found.count("heads only", "idle") == (2, 2)
    assert found.count("all", "works", named=False) == (1, 3)
    assert found.count("heads only", "works", named=False) == (0, 2)
    assert found.count("all", "counters") == (1, 1)
    assert found.count("all", "idle", top=True) == (1, 3)
    assert found.models_with("all", "idle") == (1, 2)
    assert found.models_with("all", "counters") == (1, 1)
    assert found.planted_named("all") == (2, 3)
    assert found.planted_named("heads only") == (2, 2)
    assert found.mean_auroc("all") == 0.75
    assert found.mean_auroc("heads only") == 0.5
    with pytest.raises(ValueError, match="method must be one of all, heads only, got 'none'"):
        found.count("none", "idle")


def test_the_models_of_one_pattern_site_or_basis():
    found = by_hand()
    assert found.where(pattern="plain").models == (("plain", "heads", 0),)
    assert found.where(site="neurons").count("all", "works") == (1, 2)
    assert found.where(basis=1).auroc[0, 0] == 0.5
    assert found.where(pattern="plain", basis=1).models == ()


def test_what_is_stored_is_what_comes_out_again(small, monkeypatch):
    entry = calibrating.entry()
    door.get(entry)
    found = calibration()
    assert found.models == (("plain", "heads", 0), ("plain", "heads before neurons", 0))
    assert (found.role >= 0).sum(1).tolist() == [6, 10]
    assert found.score[0, :, 6:].isnan().all()
    assert not found.named[0, :, 6:].any()
    assert verified(entry) == "ok      calibration: 2 models, 16 units; one model for each pattern scored again"
    assert verified(entry, whole=True) == "ok      calibration: 2 models, 16 units"


@pytest.mark.parametrize("name", ["role", "score", "named", "top", "auroc"])
def test_a_changed_number_is_told(small, name, monkeypatch):
    monkeypatch.setattr(calibrating, "measured", lambda spec, chosen, bar=None: first_of(tuple(chosen)))
    entry = calibrating.entry()
    made = door.get(entry)
    tensors = {key: each.clone() for key, each in made.tensors.items()}
    tensors[name].view(-1)[0] += 1
    results().save(entry.folder, entry.spec.described(), made.metrics, tensors, made.provenance)
    assert verified(entry).startswith("DIFFERS")
    assert verified(entry).endswith(name)


def test_a_construction_that_the_lattice_contradicts_is_not_stored(small, monkeypatch):
    monkeypatch.setattr(calibrating, "roles_of", lambda lattice: ("idle",) * len(lattice.units))
    with pytest.raises(RuntimeError, match="has other roles than its construction"):
        calibrating.measured(SMALL, [0])


def test_the_stored_calibration_has_every_pattern_at_every_site_in_two_bases():
    found = calibration()
    assert len(found.models) == calibrated.n_models(CALIBRATIONS[NAME]) == 36
    assert (found.role >= 0).sum() == 312
    assert found.planted.any(1).sum() == 30  # nothing is planted in a plain model
