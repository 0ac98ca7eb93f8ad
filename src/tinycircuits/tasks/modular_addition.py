"""Modular addition: the answer is a + b on a clock with ``modulus`` hours."""

from typing import ClassVar

import torch
from jaxtyping import Int
from pydantic import Field
from torch import Tensor

from tinycircuits.tasks.base import Task


class ModularAddition(Task):
    """``[a, +, b, =, c]``, or without the plus sign ``[a, b, =, c]``, with ``c = (a + b) mod modulus``.

    Tokens ``0 .. modulus-1`` are the numbers; then come ``+`` (if there is one), ``=``, and ``unused_tokens`` that no
    sequence has but the model knows. The answer is read at ``=``.
    Source: the articles on modular addition that the book rebuilds, modulo 113 with and modulo 97 without ``+``.
    """

    LATER: ClassVar[frozenset[str]] = frozenset({"unused_tokens"})

    modulus: int = Field(ge=2, le=1024)
    plus_sign: bool
    unused_tokens: int = Field(default=0, ge=0)

    @property
    def plus(self) -> int | None:
        """The token ``+``, or ``None`` where the task has none."""
        return self.modulus if self.plus_sign else None

    @property
    def equals(self) -> int:
        """The token ``=``, the last one that is used."""
        return self.modulus + len(self._signs) - 1

    @property
    def d_vocab(self) -> int:
        """The numbers, the signs, and what is unused."""
        return self.modulus + len(self._signs) + self.unused_tokens

    @property
    def n_ctx(self) -> int:
        """Two numbers, the signs, the answer."""
        return 3 + len(self._signs)

    @property
    def n_answers(self) -> int:
        """One: the sum."""
        return 1

    @property
    def token_names(self) -> tuple[str, ...]:
        """``0 1 .. 112 + =`` for modulus 113."""
        unused = (f"unused {index}" for index in range(1, self.unused_tokens + 1))
        return (*map(str, range(self.modulus)), *self._signs, *unused)

    @property
    def position_names(self) -> tuple[str, ...]:
        """``a + b = c``, or ``a b = c``."""
        return ("a", "+", "b", "=", "c") if self.plus_sign else ("a", "b", "=", "c")

    @property
    def operand_columns(self) -> tuple[int, int]:
        """The input positions of ``a`` and of ``b``."""
        return self.position_names.index("a"), self.position_names.index("b")

    def solve(self, pairs: Int[Tensor, "batch 2"]) -> Int[Tensor, "batch 1"]:
        """The sums of ``pairs`` (a, b); raises ``ValueError`` for a number outside ``0 .. modulus-1``."""
        for name, values in zip("ab", pairs.unbind(1), strict=True):
            outside = values[(values < 0) | (values >= self.modulus)]
            if len(outside):
                raise ValueError(f"{name} must lie in 0..{self.modulus - 1}, got {int(outside[0])}")
        return pairs.sum(1, keepdim=True) % self.modulus

    def sequences_of(self, pairs: Int[Tensor, "batch 2"]) -> Int[Tensor, "batch n_ctx"]:
        """The sequences that add ``pairs`` (a, b); raises ``ValueError`` for a number outside ``0 .. modulus-1``."""
        answers = self.solve(pairs)
        column = {"a": pairs[:, :1], "b": pairs[:, 1:], "c": answers}
        column |= {"=": torch.full_like(answers, self.equals), "+": torch.full_like(answers, self.plus or 0)}
        return torch.cat([column[name] for name in self.position_names], dim=1)

    def sequences(self) -> Int[Tensor, "batch n_ctx"]:
        """All ``modulus ** 2`` sequences, ``a`` changing slowest: the pair (a, b) has index ``a * modulus + b``."""
        numbers = torch.arange(self.modulus)
        return self.sequences_of(torch.cartesian_prod(numbers, numbers))

    @property
    def _signs(self) -> tuple[str, ...]:
        return ("+", "=") if self.plus_sign else ("=",)
