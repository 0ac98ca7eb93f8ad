"""The proofs: of which many models it is stored whether they are right on every input, and in how many boxes."""

from dataclasses import dataclass

from tinycircuits.results.tables.courses import COURSES, CourseSpec, course_row
from tinycircuits.results.tables.sweeps import SWEEPS, SweepSpec, sweep
from tinycircuits.specs import Spec


class ProofSpec(Spec):
    """All that stored proofs depend on: the models of a block of a sweep, or of the rounds of a course.

    ``prover`` is raised by hand whenever a change of ``tinycircuits.proof`` changes a number of boxes.
    """

    of: SweepSpec | CourseSpec
    prover: int = 1


@dataclass(frozen=True)
class ProofRow:
    """One row of the table: all models of a sweep, or of a course (``reversal-8d-1l.course``)."""

    source: str

    @property
    def name(self) -> str:
        """``seeds-b.proofs``, also its folder."""
        return f"{self.source}.proofs"

    @property
    def of_course(self) -> bool:
        """Whether it is of the rounds of one training."""
        return self.source in COURSES

    @property
    def blocks(self) -> list[range]:
        """The seeds of each entry: the blocks of a sweep, or the seed of a course."""
        if self.of_course:
            return [range(seed, seed + 1) for seed in COURSES[self.source].seeds]
        return SWEEPS[self.source].blocks(range(SWEEPS[self.source].n_seeds))

    def spec(self, block: range) -> ProofSpec:
        """The full description of one entry; raises ``ValueError`` for an unknown source."""
        if self.of_course:
            return ProofSpec(of=course_row(COURSES[self.source].source).spec(block[0]))
        return ProofSpec(of=sweep(self.source).spec(block))


PROOFS = {row.name: row for row in (ProofRow("seeds-b"), ProofRow("reversal-8d-1l.course"))}


def proof_row(source: str) -> ProofRow:
    """The row of a sweep or course; raises ``ValueError`` that lists the known ones."""
    for row in PROOFS.values():
        if row.source == source:
            return row
    raise ValueError(f"no proofs of {source!r} are kept; known are {', '.join(row.source for row in PROOFS.values())}")
