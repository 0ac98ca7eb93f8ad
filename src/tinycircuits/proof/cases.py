"""The cases of a task on digits, and boxes of them: for each digit the values that it may have."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray


@dataclass(frozen=True, eq=False)
class Rule:
    """What a model must say, as tables: each answer is made from one digit (``factored.made_from``)."""

    source: tuple[int, ...]
    """For each answer the digit that it is made from."""
    answer: Int[ndarray, "answer value"]
    """For each answer what it is, by the value of its source digit."""

    @property
    def n_digits(self) -> int:
        """Digits of an input, and answers to it."""
        return len(self.source)

    @property
    def modulus(self) -> int:
        """Values of a digit; the token after them is BOS."""
        return int(self.answer.shape[1])

    @property
    def n_cases(self) -> int:
        """Answers to be given over all inputs."""
        return int(self.n_digits * self.modulus**self.n_digits)

    @property
    def asked_by(self) -> tuple[int, ...]:
        """For each row the digit that its own token shows: the last one, then that of the answer before."""
        return (self.n_digits - 1, *self.source[:-1])

    def tokens(self, digits: Int[ndarray, "batch digit"]) -> Int[ndarray, "batch pos"]:
        """What the model reads: BOS, the digits, all answers but the last."""
        answers = self.answer[np.arange(self.n_digits), digits[:, list(self.source)]]
        return np.concatenate([np.full((len(digits), 1), self.modulus), digits, answers[:, :-1]], axis=1)


@dataclass(frozen=True, eq=False)
class Boxes:
    """Sets of cases: one row of answers each, and for each digit the values that it may have."""

    row: Int[ndarray, " box"]
    allowed: Bool[ndarray, "box digit value"]

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, index: slice | ndarray | list[int]) -> "Boxes":
        return Boxes(self.row[index], self.allowed[index])

    @property
    def sizes(self) -> list[int]:
        """Cases in each, as whole numbers of any length."""
        return [math.prod(each) for each in self.allowed.sum(2).tolist()]

    def inputs(self) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Every case, one by one: its row and its digits."""
        for row, allowed in zip(self.row.tolist(), self.allowed, strict=True):
            yield from ((row, digits) for digits in product(*(np.flatnonzero(each).tolist() for each in allowed)))


def joined(parts: list[Boxes]) -> Boxes:
    """All boxes of the parts, in order."""
    return Boxes(np.concatenate([each.row for each in parts]), np.concatenate([each.allowed for each in parts]))


def roots(rule: Rule) -> Boxes:
    """The boxes to begin with, which hold every case once: row, value of the row's own token, value of the source."""
    rows, allowed = [], []
    for row, (own, source) in enumerate(zip(rule.asked_by, rule.source, strict=True)):
        values = range(rule.modulus)
        for fixed in (
            [{source: v} for v in values] if own == source else [{own: q, source: v} for q in values for v in values]
        ):
            box = np.ones((rule.n_digits, rule.modulus), dtype=bool)
            for digit, value in fixed.items():
                box[digit] = np.arange(rule.modulus) == value
            rows.append(row)
            allowed.append(box)
    return Boxes(np.array(rows), np.stack(allowed))
