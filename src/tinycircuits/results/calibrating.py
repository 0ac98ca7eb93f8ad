"""Calibrating: every method scores every unit of every planted model. ``calibrated`` loads what came out."""

from collections.abc import Iterable, Iterator
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import pad
from tqdm.auto import tqdm

from tinycircuits.interp.calibration import judged, roles_of
from tinycircuits.interp.lattice import lattice
from tinycircuits.interp.unit_scores import every_score, units
from tinycircuits.models.planted import PATTERNS, ROLES, SITES, planted
from tinycircuits.results import calibrated
from tinycircuits.results.differences import differences, tensors_that_differ
from tinycircuits.results.door import Entry, Made, Work
from tinycircuits.results.rows import Row
from tinycircuits.results.store import Stored
from tinycircuits.results.tables.calibration import CALIBRATIONS, CalibrationSpec

SCORE_TOLERANCE = 1e-6
"""Difference of a score computed again that another machine may make."""
_MOST_UNITS = 10


def rows() -> list[Row]:
    """The row of all planted models."""
    return [Row("calibration", name, name, "methods on planted circuits", (), _entries) for name in CALIBRATIONS]


def entry() -> Entry:
    """The calibration as an entry."""
    place = calibrated.place()
    return Entry(
        folder=place.folder,
        spec=place.spec,
        name=place.name,
        seeds=place.seeds,
        command=place.command,
        make=_make,
        check=_check,
        says=lambda stored: f"{stored.metrics['models']} models, {stored.metrics['units']} units",
        sampled="; one model for each pattern scored again",
    )


def measured(spec: CalibrationSpec, chosen: Iterable[int], bar: str | None = None) -> dict[str, Tensor]:
    """For each of the ``chosen`` models, in the order of ``calibrated.Calibration``, the truth and every method's word.

    The truth is what the lattice says; raises ``RuntimeError`` where the construction says another.
    """
    models = list(product(PATTERNS, SITES, spec.bases))
    found: dict[str, list[Tensor]] = {}
    for index in tqdm(list(chosen), desc=bar, unit="model", disable=bar is None):
        pattern, site, basis = models[index]
        one = planted(pattern, site, seed=basis)
        sequences = spec.task.sequences()
        all_units = units(one.model)
        roles = roles_of(lattice(one.model, sequences, spec.task, kind="zero", units=all_units))
        if roles != tuple(one.roles.values()):
            raise RuntimeError(f"the lattice of {pattern}, {site}, {basis} has other roles than its construction")
        scores = tuple(every_score(one.model, sequences, spec.task, seed=spec.partners))
        if tuple(each.method for each in scores) != spec.methods:
            raise RuntimeError(f"methods must be {', '.join(spec.methods)}")
        for name, each in {
            "role": torch.tensor([ROLES.index(role) for role in roles]),
            "planted": torch.tensor([unit.label in one.together for unit in all_units]),
            "head": torch.tensor([unit.label.startswith("L0H") for unit in all_units]),
            "score": torch.stack([each.score for each in scores]),
            "named": torch.stack([each.named for each in scores]),
            "top": torch.stack([judged(each, roles).top for each in scores]),
        }.items():
            gap = {"role": -1, "score": torch.nan}.get(name, 0)
            found.setdefault(name, []).append(pad(each, (0, _MOST_UNITS - len(all_units)), value=gap))
        auroc = [judged(each, roles).auroc for each in scores]
        found.setdefault("auroc", []).append(torch.tensor(auroc, dtype=torch.float64))
    return {name: torch.stack(each).to(_dtype(name)) for name, each in found.items()}


def _dtype(name: str) -> torch.dtype:
    return {"score": torch.float64, "auroc": torch.float64, "role": torch.int8}.get(name, torch.uint8)


def _entries(seeds: Iterable[int]) -> list[Entry]:
    return [] if list(seeds) else [entry()]


def _make(work: Work) -> Made:
    spec = work.entry.spec
    assert isinstance(spec, CalibrationSpec)
    tensors = measured(spec, range(calibrated.n_models(spec)), work.bar)
    return Made(_counted(tensors), tensors)


def _check(stored: Stored, whole: bool) -> list[str]:
    spec = calibrated.place().spec
    assert isinstance(spec, CalibrationSpec)
    n = calibrated.n_models(spec)
    chosen = range(n) if whole else range(0, n, n // len(spec.patterns))
    now = measured(spec, chosen)
    before = {name: each[list(chosen)] for name, each in stored.tensors.items()}
    found = differences(_counted(stored.tensors), stored.metrics)
    return found + list(_differing(now, before))


def _differing(now: dict[str, Tensor], before: dict[str, Tensor]) -> Iterator[str]:
    """The names of what came out otherwise; what is true or named must be the same."""
    exact = {name for name in now if not now[name].is_floating_point()}
    yield from tensors_that_differ({n: now[n] for n in exact}, before)
    yield from tensors_that_differ({n: now[n] for n in now if n not in exact}, before, tolerance=SCORE_TOLERANCE)


def _counted(tensors: dict[str, Tensor]) -> dict[str, int]:
    return {"models": len(tensors["role"]), "units": int((tensors["role"] >= 0).sum())}
