"""The read-outs of a profile in the form in which they are measured."""

from collections.abc import Mapping

import torch
from jaxtyping import Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import stages
from tinycircuits.interp.readout_map import FIT_SHARE, ReadoutMap
from tinycircuits.tasks import ModularAddition

READ = ("a + b", "a", "b")
"""The numbers that read-outs look for."""


def stored_readouts(numbers: Mapping[str, Tensor], model: TransformerBridge, task: ModularAddition) -> ReadoutMap:
    """The read-outs of a profile as ``readout_map`` returns them, the probe seeds of all its models one after another.

    ``model`` is any of the profile's shape.
    """
    n = len(task.sequences())
    n_fit = int(FIT_SHARE * n)

    def counts(ending: str) -> Int[Tensor, "seed target stage pos"]:
        shares = torch.stack([numbers[f"read-out.{name}{ending}"].flatten(0, 1) for name in READ], dim=1)
        return (shares * (n - n_fit)).round().long()

    return ReadoutMap(
        stages=tuple(stage.label for stage in stages(model)),
        positions=task.position_names[:-1],
        targets=READ,
        n_fit=n_fit,
        n_holdout=n - n_fit,
        correct=counts(""),
        shuffled_correct=counts(", shuffled"),
        chance=1 / task.modulus,
    )
