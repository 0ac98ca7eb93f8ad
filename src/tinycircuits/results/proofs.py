"""Proofs of many models: whether each is right on every input, in how many boxes, and how often it is not."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tinycircuits.results import door
from tinycircuits.results.door import Place
from tinycircuits.results.tables.proofs import ProofRow, proof_row

PARTS = 10
"""Of the random inputs; a check tries the first again."""
SHOWN = 20
"""Wrong cases that are kept of a model."""


@dataclass(frozen=True)
class Proofs:
    """What is known of many models: of seeds, of the rounds of one training, or of one model as it is and spoiled."""

    proved: Bool[Tensor, " model"]
    """Right on every input: found by the search and confirmed by the checker."""
    refuted: Bool[Tensor, " model"]
    """A wrong answer was found, and the ordinary model gives it."""
    boxes: Int[Tensor, " model"]
    """Decided until the first wrong answer, or until the proof was whole."""
    wrong: Int[Tensor, " model"]
    """Wrong answers over all inputs, counted by boxes; those among the ``counted`` where not all are."""
    counting_boxes: Int[Tensor, " model"]
    """Decided until every wrong answer was counted."""
    margin: Float[Tensor, " model"]
    """A lower bound of the smallest margin, within a hundredth of it; 0 where a model is not proved."""
    left: Int[Tensor, " model"]
    """Answers of which it was not counted whether they are wrong: none, where all inputs can be listed."""
    tried: Int[Tensor, "model part"]
    """Wrong answers to random inputs, ``PARTS`` parts of a million together; none where all inputs can be listed."""
    cases: Int[Tensor, "model case row_and_digits"]
    """Up to ``SHOWN`` wrong cases of each model as (row, digits), -1 behind the last; none where they are listed."""

    @property
    def undecided(self) -> Bool[Tensor, " model"]:
        """Neither proved nor refuted."""
        return ~(self.proved | self.refuted)


def load_proofs(source: str) -> Proofs:
    """The stored proofs of a sweep, course or run; never makes them. Raises as ``door.load`` and ``proof_row`` do."""
    row = proof_row(source)
    parts = [door.load(place(row, block)).tensors for block in row.blocks]
    found = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    n = len(found["proved"])
    none = {"left": (n,), "tried": (n, 0), "cases": (n, 0, 0)}
    return Proofs(**{name: torch.zeros(shape, dtype=torch.int64) for name, shape in none.items()} | found)


def place(chosen: ProofRow, block: range) -> Place:
    """Where a block lies."""
    return Place(chosen.name, chosen.spec(block), chosen.name, block, door.retraining(chosen.name, block))
