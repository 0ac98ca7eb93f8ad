"""The calibration as it is stored: what each method said of each unit of planted models. ``calibrating`` makes it."""

from dataclasses import dataclass, replace
from functools import cache
from itertools import product

from jaxtyping import Bool, Float, Int
from torch import Tensor

from tinycircuits.models.planted import ROLES, Pattern, Role, Site
from tinycircuits.results import door
from tinycircuits.results.door import Place
from tinycircuits.results.tables.calibration import CALIBRATIONS, NAME, CalibrationSpec


@dataclass(frozen=True)
class Calibration:
    """Scores of every method for every unit of some planted models; fewer units than columns are padded.

    A count is always of units, of all these models together.
    """

    models: tuple[tuple[Pattern, Site, int], ...]
    methods: tuple[str, ...]
    role: Int[Tensor, "model unit"]
    """Index in ``ROLES``; -1 where the model has no such unit."""
    planted: Bool[Tensor, "model unit"]
    """The unit or the pair after which the pattern is called."""
    head: Bool[Tensor, "model unit"]
    score: Float[Tensor, "model method unit"]
    """NaN where the method says nothing."""
    named: Bool[Tensor, "model method unit"]
    """What the method's own rule names."""
    top: Bool[Tensor, "model method unit"]
    """The highest scores, as many as units work."""
    auroc: Float[Tensor, "model method"]

    def where(self, **wanted: str | int) -> "Calibration":
        """The models of one ``pattern``, ``site`` or ``basis``, or of several of these at once."""
        at = {"pattern": 0, "site": 1, "basis": 2}
        rows = [i for i, model in enumerate(self.models) if all(model[at[k]] == v for k, v in wanted.items())]
        tensors = ("role", "planted", "head", "score", "named", "top", "auroc")
        chosen = {name: getattr(self, name)[rows] for name in tensors}
        return replace(self, models=tuple(self.models[i] for i in rows), **chosen)

    def count(self, method: str, role: Role, *, named: bool = True, top: bool = False) -> tuple[int, int]:
        """Units of a role that the method names (or does not, or ranks among the highest), of how many it judges.

        Raises ``ValueError`` for an unknown method.
        """
        said, of = self._said(method, top=top), self._of(method, role)
        return int((said == named)[of].sum()), int(of.sum())

    def models_with(self, method: str, role: Role, *, named: bool = True) -> tuple[int, int]:
        """Models with at least one such unit, of the models that have a unit of the role; raises as ``count``."""
        of = self._of(method, role)
        return int(((self._said(method, top=False) == named) & of).any(1).sum()), int(of.any(1).sum())

    def planted_named(self, method: str) -> tuple[int, int]:
        """Of the units after which the patterns are called, those that the method names; raises as ``count``."""
        of = self.planted & ~self.score[:, self._index(method)].isnan()
        return int(self._said(method, top=False)[of].sum()), int(of.sum())

    def mean_auroc(self, method: str) -> float:
        """Mean over the models; raises as ``count``."""
        return float(self.auroc[:, self._index(method)].nanmean())

    def _index(self, method: str) -> int:
        if method not in self.methods:
            raise ValueError(f"method must be one of {', '.join(self.methods)}, got {method!r}")
        return self.methods.index(method)

    def _said(self, method: str, *, top: bool) -> Bool[Tensor, "model unit"]:
        return (self.top if top else self.named)[:, self._index(method)]

    def _of(self, method: str, role: Role) -> Bool[Tensor, "model unit"]:
        return (self.role == ROLES.index(role)) & ~self.score[:, self._index(method)].isnan()


@cache
def calibration() -> Calibration:
    """What is stored; raises as ``door.load`` does."""
    stored = door.load(place()).tensors
    truths = {name: stored[name].bool() for name in ("planted", "head", "named", "top")}
    return Calibration(
        models=models(CALIBRATIONS[NAME]),
        methods=CALIBRATIONS[NAME].methods,
        role=stored["role"].long(),
        score=stored["score"],
        auroc=stored["auroc"],
        **truths,
    )


def place() -> Place:
    """Where it lies."""
    return Place(NAME, CALIBRATIONS[NAME], NAME, range(0), door.retraining(NAME, range(0)))


def models(spec: CalibrationSpec) -> tuple[tuple[Pattern, Site, int], ...]:
    """Pattern, site and basis of each model, in order."""
    return tuple(product(spec.patterns, spec.sites, spec.bases))  # type: ignore[arg-type]


def n_models(spec: CalibrationSpec) -> int:
    """How many models there are."""
    return len(models(spec))
