"""The torus: of which models the numbers that tell a clock from a pizza are kept."""

from dataclasses import dataclass
from itertools import product

from pydantic import Field

from tinycircuits.models.build import ModelSpec
from tinycircuits.models.clockwork import ClockworkSpec
from tinycircuits.results.tables.grokking import GrokkingSpec, grokking_row
from tinycircuits.results.tables.machines import hand_set
from tinycircuits.results.tables.profiles import shuffled_run
from tinycircuits.results.tables.studies import RunSpec, study
from tinycircuits.specs import Spec
from tinycircuits.tasks import Task

NAME = "torus"
"""The folder of all of them."""
HAND_SET = "set by hand"
SPREADS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of the machines set by hand: from a pizza to a clock."""
NOISY = (0.0, 0.5, 1.0)
"""Those that also have noise."""
NOISE = (0.02, 0.04, 0.06, 0.08, 0.1)
"""Standard deviation of what their weights gain, as a share of each matrix."""
N_DRAWS = 5
"""So often each is drawn."""
N_FRESH = 2
GROKKED = ("grokking-113", "grokking-59", "grokking-59-shuffled")
"""Names of trainings of the table ``grokking`` that are measured as well, among them those of shuffled sums."""


class FreshSpec(Spec):
    """A model before its training."""

    task: Task
    model: ModelSpec
    seed: int = Field(ge=0)


Subject = ClockworkSpec | RunSpec | FreshSpec | GrokkingSpec


class TorusSpec(Spec):
    """All that one entry depends on: its models, and how many random triples their gradients are compared over.

    ``recipe`` is raised by hand whenever a change of the analyses changes a number.
    """

    of: tuple[Subject, ...]
    n_triples: int = Field(default=2_000, ge=2)
    recipe: int = 1


@dataclass(frozen=True)
class TorusRow:
    """One row of the table: models that are spoken of together."""

    name: str
    title: str
    of: tuple[Subject, ...]

    @property
    def spec(self) -> TorusSpec:
        """The full description."""
        return TorusSpec(of=self.of)


def _hand_set() -> tuple[Subject, ...]:
    drawn = product(NOISY, enumerate(NOISE), range(N_DRAWS))
    noisy = [hand_set(spread, noise=level, seed=at + draw * len(NOISE)) for spread, (at, level), draw in drawn]
    return (*map(hand_set, SPREADS), *noisy)


def _of_study(name: str) -> list[TorusRow]:
    """All trained seeds, a few before training, and one that learned shuffled sums by heart."""
    chosen = study(name)
    trained = tuple(chosen.spec(seed) for seed in chosen.seeds)
    fresh = tuple(FreshSpec(task=chosen.task, model=chosen.model, seed=seed) for seed in range(N_FRESH))
    return [
        TorusRow(f"{name}.torus", "trained", trained),
        TorusRow(f"{name}.torus, untrained", "before training", fresh),
        TorusRow(f"{name}.torus, shuffled answers", "trained on shuffled sums", (shuffled_run(chosen),)),
    ]


def _grokked(name: str) -> TorusRow:
    row = grokking_row(name)
    return TorusRow(f"{name}.torus", row.title, tuple(row.spec(seed) for seed in row.seeds))


_ROWS = (
    TorusRow(f"{HAND_SET}.torus", HAND_SET, _hand_set()),
    *_of_study("addition-113-3l"),
    *_of_study("addition-97-2l"),
    *(_grokked(name) for name in GROKKED),
)
TORI = {row.name: row for row in _ROWS}


def torus_row(name: str) -> TorusRow:
    """The row of that name; raises ``ValueError`` that lists the known ones."""
    if name not in TORI:
        raise ValueError(f"unknown torus {name!r}; known are {', '.join(TORI)}")
    return TORI[name]
