"""The lattices: of which models the lattice of circuits is kept, and by which replacements."""

from dataclasses import dataclass
from typing import Literal, get_args

from tinycircuits.results.tables.profiles import N_CONTROLS, Untrained
from tinycircuits.results.tables.sweeps import Sweep, SweepSpec, sweep
from tinycircuits.specs import Spec

Replacement = Literal["zero", "mean", "resample"]
REPLACEMENTS: tuple[Replacement, ...] = get_args(Replacement)
NAME = "lattices"
"""Under which lattices lie in the store: one folder, so that one command makes them all."""


class LatticesSpec(Spec):
    """All that one stored block depends on: the models, how a unit is replaced, the seed of the partners.

    Of a sweep the faultless models are meant. The units are every attention's output and every neuron
    (``lattice.attentions_and_neurons``). ``recipe`` is raised by hand whenever a change of the analysis changes a
    number.
    """

    of: SweepSpec | Untrained
    kinds: tuple[Replacement, ...] = REPLACEMENTS
    partner_seed: int = 0
    recipe: int = 1


@dataclass(frozen=True)
class LatticesRow:
    """One row of the table: the faultless models of a sweep, block by block, or the first ones before training."""

    source: str
    trained: bool = True

    @property
    def name(self) -> str:
        """``seeds-c-ordered.lattices``, or the same with ``, untrained``."""
        return f"{self.source}.{NAME}{'' if self.trained else ', untrained'}"

    @property
    def sweep(self) -> Sweep:
        """The models; raises ``ValueError`` for an unknown sweep."""
        return sweep(self.source)

    @property
    def blocks(self) -> list[range]:
        """The seeds of each entry."""
        return self.sweep.blocks(range(self.sweep.n_seeds)) if self.trained else [range(N_CONTROLS)]

    def spec(self, block: range) -> LatticesSpec:
        """The full description of one block."""
        if self.trained:
            return LatticesSpec(of=self.sweep.spec(block))
        return LatticesSpec(of=Untrained(task=self.sweep.task, model=self.sweep.model, n_seeds=len(block)))


# Article C's recipe as printed and the better one, on either split: two thousand faultless models.
_SWEEPS = ("seeds-c-ordered", "seeds-c-ordered-better", "seeds-c-shuffled", "seeds-c-shuffled-better")
LATTICES = {row.name: row for row in (*map(LatticesRow, _SWEEPS), LatticesRow("seeds-c-ordered", trained=False))}


def lattices_row(source: str, *, trained: bool = True) -> LatticesRow:
    """The row of a sweep; raises ``ValueError`` that lists the known ones."""
    row = LatticesRow(source, trained)
    if row.name not in LATTICES:
        raise ValueError(f"{row.name} are not kept; known are {', '.join(LATTICES)}")
    return row
