"""What the digit tasks have in common: BOS, the digits of the input, one answer for each."""

from abc import abstractmethod

import torch
from jaxtyping import Int
from pydantic import Field
from torch import Tensor

from tinycircuits.tasks.base import Task

MOST_LISTED = 4**12
"""Inputs that are listed at once: sequences of twelve digits modulo four take three gigabytes."""


class DigitTask(Task):
    """``[BOS, x_0 .. x_{n-1}, y_0 .. y_{n-1}]``, where the answers ``y`` are a function of the digits ``x``.

    Tokens ``0 .. modulus-1`` are the digits, token ``modulus`` is BOS.
    """

    n_digits: int = Field(ge=1, le=16)
    modulus: int = Field(default=4, ge=2, le=64)

    @abstractmethod
    def _answers_to(self, digits: Int[Tensor, "batch digit"]) -> Int[Tensor, "batch digit"]:
        """The answers to valid digits."""

    @property
    def bos(self) -> int:
        """The token that starts every sequence."""
        return self.modulus

    @property
    def d_vocab(self) -> int:
        """The digits and BOS."""
        return self.modulus + 1

    @property
    def n_ctx(self) -> int:
        """BOS, the digits, the answers."""
        return 2 * self.n_digits + 1

    @property
    def n_answers(self) -> int:
        """One answer for each digit."""
        return self.n_digits

    @property
    def token_names(self) -> tuple[str, ...]:
        """``0 1 2 3 BOS`` for modulus 4."""
        return (*map(str, range(self.modulus)), "BOS")

    @property
    def position_names(self) -> tuple[str, ...]:
        """``BOS x_0 .. y_{n-1}``."""
        digits = range(self.n_digits)
        return ("BOS", *(f"x_{j}" for j in digits), *(f"y_{i}" for i in digits))

    def solve(self, digits: Int[Tensor, "batch digit"]) -> Int[Tensor, "batch digit"]:
        """The answers to ``digits``; raises ``ValueError`` for a digit outside ``0 .. modulus-1``."""
        if digits.numel() and not bool(((digits >= 0) & (digits < self.modulus)).all()):
            raise ValueError(f"digits must lie in 0..{self.modulus - 1}, got {int(digits.min())}..{int(digits.max())}")
        return self._answers_to(digits)

    def sequences_of(self, digits: Int[Tensor, "batch digit"]) -> Int[Tensor, "batch n_ctx"]:
        """The sequences that start with ``digits``; raises ``ValueError`` for a wrong length or digit."""
        if digits.shape[-1] != self.n_digits:
            raise ValueError(f"digits must have length {self.n_digits}, got {digits.shape[-1]}")
        bos = torch.full((len(digits), 1), self.bos)
        return torch.cat([bos, digits, self.solve(digits)], dim=1)

    def sequences(self) -> Int[Tensor, "batch n_ctx"]:
        """All ``modulus ** n_digits`` sequences, ``x_0`` changing slowest (the order of ``itertools.product``).

        Raises ``ValueError`` where they are too many to be listed.
        """
        if self.n_sequences > MOST_LISTED:
            raise ValueError(f"n_digits must be small enough to list all inputs, got {self.n_digits}")
        return self.sequences_at(torch.arange(self.n_sequences))

    @property
    def n_sequences(self) -> int:
        """Number of all sequences, listed or not."""
        return int(self.modulus**self.n_digits)

    def sequences_at(self, index: Int[Tensor, " some"]) -> Int[Tensor, "some n_ctx"]:
        """The sequences at these places of ``sequences()``, which is not made for it; an index reads as the digits."""
        places = self.modulus ** torch.arange(self.n_digits - 1, -1, -1)
        return self.sequences_of(index[:, None] // places % self.modulus)
