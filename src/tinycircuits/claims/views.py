"""What a rule looks at besides profiles: the trials of whole sweeps, and the holdout of a split."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tinycircuits.results.sweeps import SweepResult, load_sweep
from tinycircuits.results.tables.studies import study
from tinycircuits.tasks import Split

Part = Literal["train", "holdout"]


@dataclass(frozen=True)
class Trials:
    """Wrong digits over all inputs of every model of some sweeps, at the end of training or before it."""

    results: dict[str, SweepResult]
    trained: bool

    @property
    def seeds(self) -> Int[Tensor, " seed"]:
        """The seeds of the first sweep."""
        return next(iter(self.results.values())).seeds

    def of_seeds(self, rows: Int[Tensor, " row"]) -> "Trials":
        """The same of some seeds only, by the index of their rows, in every sweep."""
        return Trials({name: found.of_seeds(rows) for name, found in self.results.items()}, self.trained)

    def wrong(self, name: str) -> Int[Tensor, " seed"]:
        """Wrong digits over all inputs of each model of one sweep."""
        found = self.results[name]
        if self.trained:
            return found.wrong_digits
        return found.history.train_wrong_digits[:, 0] + found.history.holdout_wrong_digits[:, 0]

    def share(self, name: str) -> Float[Tensor, " seed"]:
        """Share of right digits over all inputs, 0 .. 1."""
        return 1 - self.wrong(name).double() / self.results[name].n_digits

    def wrong_share(self, name: str, part: Part) -> Float[Tensor, " seed"]:
        """Share of wrong digits on the training set or the holdout."""
        return 1 - self.results[name].course(part)[:, -1 if self.trained else 0]

    def held_out(self, name: str, step: int) -> Float[Tensor, " seed"]:
        """Share of right held-out digits at the point of the course nearest to ``step``."""
        found = self.results[name]
        nearest = int((found.history.step - (step if self.trained else 0)).abs().argmin())
        return found.course("holdout")[:, nearest]

    def ever(self, name: str) -> Bool[Tensor, " seed"]:
        """Which models make no mistake at some point of their course."""
        points = self.results[name].faultless
        return (points if self.trained else points[:, :1]).any(1)


@cache
def trials(*names: str, trained: bool = True, instead: tuple[str, str] | None = None) -> Trials:
    """The trials of these sweeps; untrained are the same models before their first step.

    ``instead`` lets another sweep stand in for one of them, under the name of that one: ``(one, other)``.
    Raises ``MissingResult`` and ``CorruptResult`` as ``load_sweep`` does. Only sweeps whose course is measured on all
    inputs can be asked for their untrained models: all those of four digits.
    """
    stand_in = dict([instead] if instead else [])
    return Trials({name: load_sweep(stand_in.get(name, name)) for name in names}, trained)


@dataclass(frozen=True)
class Holdout:
    """What is held out of a study's task by a split, and how models that were trained on the rest do."""

    digits: Int[Tensor, "batch digit"]
    modulus: int
    wrong_held_out: Float[Tensor, " seed"]
    """Share of wrong held-out digits."""
    wrong: Float[Tensor, " seed"]
    """Share of wrong digits over all inputs."""

    @property
    def shares(self) -> Float[Tensor, "place digit"]:
        """How often each digit stands at each place, 0 .. 1."""
        return (self.digits[:, :, None] == torch.arange(self.modulus)).double().mean(0)


@cache
def holdout(name: str, split: Split, sweep_name: str, n_seeds: int) -> Holdout:
    """The holdout of ``split`` in a study of digits, with the first seeds of the sweep that was trained beside it."""
    task = study(name).task
    sequences = task.sequences()
    index = split.indices(len(sequences)).holdout
    found = load_sweep(sweep_name, range(n_seeds))
    held = found.holdout_wrong_digits.sum(1).double() / (len(index) * task.n_answers)
    digits = sequences[index, 1 : 1 + task.n_answers]
    return Holdout(digits, int(digits.max()) + 1, held, 1 - found.accuracy)
