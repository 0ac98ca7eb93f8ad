"""The courses: which trainings are kept round by round, and what of each round."""

from dataclasses import dataclass
from typing import Literal

from tinycircuits.results.tables.studies import STUDIES, RunSpec, study
from tinycircuits.results.tables.sweeps import sweep
from tinycircuits.specs import Spec
from tinycircuits.tasks import ModularAddition

Kept = Literal["weights", "waves"]


class CourseSpec(Spec):
    """All that one stored course depends on: the training, by which loop, and what is kept of its rounds.

    ``recipe`` is raised by hand whenever a change of what is kept changes a number.
    """

    of: RunSpec
    loop: Literal["alone", "lanes"]
    kept: Kept
    recipe: int = 1


@dataclass(frozen=True)
class CourseRow:
    """One row of the table: trainings of some seeds of a study or a sweep (``source``), kept round by round.

    Of a model of digits the weights are kept. A model of modular addition has as many weights as all courses of digits
    together; what is looked at there is kept instead: waves, attention, wrong pairs.
    """

    source: str
    seeds: tuple[int, ...]

    @property
    def name(self) -> str:
        """``reversal-8d-1l.course``, also its folder."""
        return f"{self.source}.course"

    @property
    def in_lanes(self) -> bool:
        """Whether it is a training of a sweep."""
        return self.source not in STUDIES

    def spec(self, seed: int) -> CourseSpec:
        """The full description of one seed's course; raises ``ValueError`` for an unknown source or seed."""
        if self.in_lanes:
            chosen = sweep(self.source)
            of = RunSpec(task=chosen.task, model=chosen.model, train=chosen.train, seed=seed)
        else:
            of = study(self.source).spec(seed)
        kept: Kept = "waves" if isinstance(of.task, ModularAddition) else "weights"
        return CourseSpec(of=of, loop="lanes" if self.in_lanes else "alone", kept=kept)


_PUBLISHED = (
    "reversal-8d-2l",
    "reversal-8d-1l",
    "reversal-4d-2l",
    "addition-113-3l",
    "addition-97-2l",
)

# Of the sweeps the deepest falls that healed: of 200 models of B, seed 4 is faultless after two epochs, loses a fifth
# of the answers in one epoch long after, and has them all back in the next; of 1,000 of C as printed, seed 607 loses
# more than half, and learns them again.
COURSES = {
    row.name: row
    for row in (
        *(CourseRow(name, (study(name).published_seed,)) for name in _PUBLISHED),
        CourseRow("seeds-b", (4,)),
        CourseRow("seeds-c-ordered", (607,)),
    )
}


def course_row(source: str) -> CourseRow:
    """The row of a study or sweep; raises ``ValueError`` that lists the known ones."""
    for row in COURSES.values():
        if row.source == source:
            return row
    raise ValueError(f"no course of {source!r} is kept; known are {', '.join(row.source for row in COURSES.values())}")
