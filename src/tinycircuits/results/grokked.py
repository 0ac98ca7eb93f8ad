"""Grokking as it is stored: what each training looked like every hundred steps. ``grokking`` makes it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.models.build import Dtype, build
from tinycircuits.models.weights import put_weights
from tinycircuits.results import door
from tinycircuits.results.door import Place
from tinycircuits.results.tables.grokking import GrokkingRow, GrokkingSpec, grokking_row


@dataclass(frozen=True)
class Grokking:
    """One training, looked at before its first step and after every round."""

    spec: GrokkingSpec
    keys: tuple[int, ...]
    """The key frequencies of the finished model: those of its neuron-logit map above the noise floor."""
    curves: dict[str, Float[Tensor, "round *more"]]
    """``progress``'s losses by name and part (``restricted_10dir.holdout``); ``of_embedding``, ``of_neurons`` and
    ``of_logits`` (shares by frequency); ``gini_embedding``, ``gini_neurons``; ``norm.W_E`` and so on (sums of squares).
    """
    wrong: Int[Tensor, "round 2"]
    """Wrong pairs of the training set and of the holdout."""
    kept: Float[Tensor, "kept weight"]
    """The weights after the rounds ``spec.kept``."""

    @property
    def steps(self) -> list[int]:
        """Optimizer steps at each look."""
        batches = self.spec.of.train.batches
        return [
            index * batches.n_steps(self.spec.of.train.split.n_train) // batches.n_rounds
            for index in range(len(self.wrong))
        ]

    def model(self, at: int = -1, *, dtype: Dtype = "float64") -> TransformerBridge:
        """The model after the ``at``-th round that was kept."""
        run = self.spec.of
        return put_weights(build(run.model, run.task, seed=0, dtype=dtype), self.kept[at].to(getattr(torch, dtype)))


def load_grokking(name: str, seed: int = 0) -> Grokking:
    """One stored training; never trains. Raises as ``door.load`` does, and ``ValueError`` for an unknown one."""
    row = grokking_row(name)
    tensors = dict(door.load(place(row, seed)).tensors)
    keys, wrong, kept = (tensors.pop(each) for each in ("keys", "wrong", "kept"))
    return Grokking(row.spec(seed), tuple(keys.tolist()), tensors, wrong.long(), kept)


def place(chosen: GrokkingRow, seed: int) -> Place:
    """Where the training of one seed lies."""
    seeds = range(seed, seed + 1)
    return Place(chosen.name, chosen.spec(seed), chosen.name, seeds, door.retraining(chosen.name, seeds))
