"""Reverse and increment: the answer is the input read backwards, each digit raised by one."""

from jaxtyping import Int
from pydantic import Field
from torch import Tensor

from tinycircuits.tasks.digits import DigitTask


class ReverseIncrement(DigitTask):
    """``y_i = (x_{n-1-i} + increment) mod modulus``; with ``increment=0`` it is pure reversal.

    Source: the articles on "Reverse + Increment" that the book rebuilds, with 8 or 4 digits modulo 4.
    """

    increment: int = Field(default=1, ge=0)

    @property
    def source_columns(self) -> tuple[int, ...]:
        """For each answer ``y_i`` the input position of ``x_{n-1-i}``, the digit that it depends on."""
        return tuple(self.n_digits - i for i in range(self.n_digits))

    def _answers_to(self, digits: Int[Tensor, "batch digit"]) -> Int[Tensor, "batch digit"]:
        return (digits.flip(-1) + self.increment) % self.modulus
