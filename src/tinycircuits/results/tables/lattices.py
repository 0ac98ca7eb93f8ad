"""The lattices: of which sweeps every faultless model's lattice of circuits is kept, and by which replacements."""

from dataclasses import dataclass

from tinycircuits.interp.lattice import REPLACEMENTS, Replacement
from tinycircuits.results.tables.sweeps import Sweep, SweepSpec, sweep
from tinycircuits.specs import Spec

NAME = "lattices"
"""Under which lattices lie in the store: one folder, so that one command makes them all."""


class LatticesSpec(Spec):
    """All that one stored block depends on: the models, how a unit is replaced, the seed of the partners.

    The units are every attention's output and every neuron (``lattice.attentions_and_neurons``). ``recipe`` is raised
    by hand whenever a change of the analysis changes a number.
    """

    of: SweepSpec
    kinds: tuple[Replacement, ...] = REPLACEMENTS
    seed: int = 0
    recipe: int = 1


@dataclass(frozen=True)
class LatticesRow:
    """One row of the table: a sweep whose faultless models have their lattices kept, block by block."""

    source: str

    @property
    def name(self) -> str:
        """``seeds-c-ordered.lattices``."""
        return f"{self.source}.{NAME}"

    @property
    def sweep(self) -> Sweep:
        """The models; raises ``ValueError`` for an unknown sweep."""
        return sweep(self.source)

    def spec(self, block: range) -> LatticesSpec:
        """The full description of one block."""
        return LatticesSpec(of=self.sweep.spec(block))


LATTICES = {
    row.source: row
    for row in map(
        LatticesRow, ("seeds-c-ordered", "seeds-c-shuffled", "seeds-c-ordered-better", "seeds-c-shuffled-better")
    )
}


def lattices_row(source: str) -> LatticesRow:
    """The row of a sweep; raises ``ValueError`` that lists the known ones."""
    if source not in LATTICES:
        raise ValueError(f"no lattices of {source!r} are kept; known are {', '.join(LATTICES)}")
    return LATTICES[source]
