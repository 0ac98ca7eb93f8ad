"""Relatives of the tasks in the same format: no reversal, two digits at once, answers of other inputs."""

import torch
from jaxtyping import Int
from pydantic import Field
from torch import Tensor

from tinycircuits.tasks.digits import DigitTask
from tinycircuits.tasks.modular_addition import ModularAddition
from tinycircuits.tasks.reverse_increment import ReverseIncrement


class IncrementInPlace(DigitTask):
    """``y_i = (x_i + increment) mod modulus``: the increment without the reversal. Source: ours."""

    increment: int = Field(default=1, ge=0)

    def _answers_to(self, digits: Int[Tensor, "batch digit"]) -> Int[Tensor, "batch digit"]:
        return (digits + self.increment) % self.modulus


class ReverseAddNeighbour(DigitTask):
    """``y_i = (x_j + x_{j+1}) mod modulus`` with ``j = n-1-i``, the neighbour of the last digit being the first.

    The two digits must be combined: no sum of one score for ``x_j`` and one for ``x_{j+1}`` has its maximum at the
    answer on all inputs, for any even modulus. Source: ours.
    """

    def _answers_to(self, digits: Int[Tensor, "batch digit"]) -> Int[Tensor, "batch digit"]:
        return ((digits + digits.roll(-1, -1)) % self.modulus).flip(-1)


class ShuffledAnswers(ReverseIncrement):
    """Every input has the answers of another one, by a permutation drawn from ``seed``: nothing can be learned by rule.

    The control of a statement about trained models: it has their training and their outputs, and no algorithm.
    Source: ours.
    """

    seed: int = Field(ge=0)

    def _answers_to(self, digits: Int[Tensor, "batch digit"]) -> Int[Tensor, "batch digit"]:
        places = self.modulus ** torch.arange(self.n_digits - 1, -1, -1)
        order = torch.randperm(self.modulus**self.n_digits, generator=torch.Generator().manual_seed(self.seed))
        others = order[(digits * places).sum(-1)]
        return super()._answers_to(others[..., None] // places % self.modulus)


class ShuffledSums(ModularAddition):
    """Every pair has the sum of another one, by a permutation drawn from ``seed``: what ``ShuffledAnswers`` is there.

    Source: ours.
    """

    seed: int = Field(ge=0)

    def solve(self, pairs: Int[Tensor, "batch 2"]) -> Int[Tensor, "batch 1"]:
        """The answers to ``pairs`` (a, b); raises ``ValueError`` for a number outside ``0 .. modulus-1``."""
        super().solve(pairs)
        order = torch.randperm(self.modulus**2, generator=torch.Generator().manual_seed(self.seed))
        others = order[pairs[:, 0] * self.modulus + pairs[:, 1]]
        return super().solve(torch.stack([others // self.modulus, others % self.modulus], dim=1))
