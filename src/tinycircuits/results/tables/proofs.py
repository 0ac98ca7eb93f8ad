"""The proofs: of which many models it is stored whether they are right on every input, and in how many boxes."""

from dataclasses import dataclass

from tinycircuits.models.spoiled import SPOILED
from tinycircuits.results.tables.courses import COURSES, CourseSpec, course_row
from tinycircuits.results.tables.studies import STUDIES, RunSpec
from tinycircuits.results.tables.sweeps import DRAWN, SWEEPS, SweepSpec, drawn_name, sweep
from tinycircuits.specs import Spec
from tinycircuits.tasks import SampledSplit

TRIED = 1_000_000
"""Random inputs for a model with too many to list."""
MOST = 100_000
"""Boxes after which the count of its wrong answers gives up."""


class ProofSpec(Spec):
    """All that stored proofs depend on: the models of a block of a sweep, or of the rounds of a course.

    ``prover`` is raised by hand whenever a change of ``tinycircuits.proof`` changes a number of boxes.
    """

    of: SweepSpec | CourseSpec | RunSpec
    prover: int = 1
    tried: int = 0
    """Random inputs, drawn with seed 1, that each refuted model is tried on; 0 where all inputs can be listed."""
    most: int = 0
    """Boxes after which the count of wrong answers gives up, where inputs are tried."""

    spoiled: tuple[str, ...] = ()
    """The changes of a run's model that are proved wrong beside it, as ``models.spoiled`` names them."""

    LATER = frozenset({"tried", "most", "spoiled"})


@dataclass(frozen=True)
class ProofRow:
    """One row of the table: all models of a sweep, of a course (``reversal-8d-1l.course``), or made of one run's."""

    source: str

    @property
    def name(self) -> str:
        """``seeds-b.proofs``, also its folder."""
        return f"{self.source}.proofs"

    @property
    def of_run(self) -> bool:
        """Whether it is of one model as it is, and spoiled."""
        return self.source in STUDIES

    @property
    def of_course(self) -> bool:
        """Whether it is of the rounds of one training."""
        return self.source in COURSES

    @property
    def drawn(self) -> bool:
        """Whether the inputs are too many to be listed."""
        return self.source in SWEEPS and isinstance(sweep(self.source).train.split, SampledSplit)

    @property
    def blocks(self) -> list[range]:
        """The seeds of each entry: the blocks of a sweep, or the seed of a course."""
        if self.of_run:
            published = STUDIES[self.source].published_seed
            return [range(published, published + 1)]
        if self.of_course:
            return [range(seed, seed + 1) for seed in COURSES[self.source].seeds]
        return SWEEPS[self.source].blocks(range(SWEEPS[self.source].n_seeds))

    def spec(self, block: range) -> ProofSpec:
        """The full description of one entry; raises ``ValueError`` for an unknown source."""
        if self.of_run:
            return ProofSpec(of=STUDIES[self.source].spec(block[0]), spoiled=tuple(SPOILED))
        if self.of_course:
            return ProofSpec(of=course_row(COURSES[self.source].source).spec(block[0]))
        if self.drawn:
            return ProofSpec(of=sweep(self.source).spec(block), tried=TRIED, most=MOST)
        return ProofSpec(of=sweep(self.source).spec(block))


DRAWN_NAMES = tuple(drawn_name(n_digits, d_model, steps) for n_digits, d_model, _, steps, _ in DRAWN)
"""The sweeps of models with too many inputs to list of which proofs are kept."""
PROOFS = {row.name: row for row in map(ProofRow, ("seeds-b", "reversal-8d-1l.course", "reversal-8d-1l", *DRAWN_NAMES))}


def proof_row(source: str) -> ProofRow:
    """The row of a sweep or course; raises ``ValueError`` that lists the known ones."""
    for row in PROOFS.values():
        if row.source == source:
            return row
    raise ValueError(f"no proofs of {source!r} are kept; known are {', '.join(row.source for row in PROOFS.values())}")
