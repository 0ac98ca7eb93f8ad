"""The torus as it is stored: what tells a clock from a pizza, of each model. ``clocking`` makes it."""

from dataclasses import dataclass
from functools import cache

from jaxtyping import Float, Int
from torch import Tensor

from tinycircuits.results import door
from tinycircuits.results.door import Place
from tinycircuits.results.tables.torus import NAME, Subject, TorusRow, torus_row

Radians = Float[Tensor, " neuron"]
FITTED = 0.5
"""A neuron follows one wave if the waves of one frequency hold that share of its variance. Nanda et al. 2023 ask for
0.85, which leaves hardly a neuron in the last layer of article D's models."""


@dataclass(frozen=True)
class Torus:
    """Some models, measured one by one."""

    of: tuple[Subject, ...]
    wrong: Int[Tensor, " model"]
    """Wrong pairs of all p^2, by the model's own answers: for shuffled sums the shuffled ones."""
    symmetricity: Float[Tensor, "model 2"]
    """Gradient symmetricity over random triples, and half of its 95 % interval."""
    irrelevance: Float[Tensor, "model 2"]
    """Distance irrelevance of the right logits (a + b, also where sums are shuffled), and of the largest wrong ones."""
    clock: Float[Tensor, " model"]
    """Share of the logits' variance that is waves of a + b - c."""
    frequency: Int[Tensor, "model layer neuron"]
    """The frequency that holds most of a neuron's variance over all pairs."""
    share: Float[Tensor, "model layer neuron"]
    """That share; 0 for a neuron that never changes."""
    phase: Float[Tensor, "model layer neuron 2"]
    """phi_a and phi_b at that frequency, in radians."""

    def phases(self, model: int, layer: int, *, least: float = FITTED) -> tuple[Radians, Radians]:
        """phi_a and phi_b of the neurons of one layer of which one wave holds at least the share ``least``."""
        of_a, of_b = self.phase[model, layer, self.share[model, layer] >= least].unbind(1)
        return of_a, of_b

    def mean_cosine(self, model: int, layer: int, *, least: float = FITTED) -> float:
        """The mean of cos(phi_a - phi_b) over these neurons; NaN where there is none."""
        of_a, of_b = self.phases(model, layer, least=least)
        return float((of_a - of_b).double().cos().mean())


@cache
def load_torus(name: str) -> Torus:
    """What is stored of one row; never measured. Raises as ``door.load`` does, ``ValueError`` for an unknown row."""
    row = torus_row(name)
    tensors = dict(door.load(place(row)).tensors)
    whole = {name: tensors.pop(name).long() for name in ("wrong", "frequency")}
    return Torus(of=row.of, **whole, **tensors)


def place(chosen: TorusRow) -> Place:
    """Where a row lies."""
    return Place(NAME, chosen.spec, chosen.name, range(0), door.retraining(chosen.name, range(0)))
