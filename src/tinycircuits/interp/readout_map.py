"""Where a straight line can read a number: closed-form read-outs at every stage and position, with their controls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import activations, stages
from tinycircuits.interp.readouts import READOUTS, By
from tinycircuits.tasks import Task

FIT_SHARE = 0.8
"""Share of the inputs that a read-out is fitted on; the others are held out."""


@dataclass(frozen=True)
class ReadoutMap:
    """How many held-out inputs a linear read-out finds a number in, at every stage and position, for every probe seed.

    Shows / does not show: that the number is linearly decodable there, not that the model uses it. At chance it may be
    there all the same, in a form that no straight line reads.
    """

    stages: tuple[str, ...]
    positions: tuple[str, ...]
    targets: tuple[str, ...]
    n_fit: int
    n_holdout: int
    correct: Int[Tensor, "seed target stage pos"]
    shuffled_correct: Int[Tensor, "seed target stage pos"]
    """The same for read-outs fitted on shuffled labels."""
    chance: float
    """Share of the most frequent class of any target among all inputs."""

    def accuracy(self, target: str, *, shuffled: bool = False) -> Float[Tensor, "seed stage pos"]:
        """Share of held-out inputs read right, 0 .. 1; raises ``ValueError`` for an unknown target."""
        if target not in self.targets:
            raise ValueError(f"target must be one of {', '.join(self.targets)}, got {target!r}")
        counts = self.shuffled_correct if shuffled else self.correct
        return counts[:, self.targets.index(target)].double() / self.n_holdout

    def table(self, target: str, *, shuffled: bool = False) -> pd.DataFrame:
        """``accuracy``, mean over probe seeds: a row for the place after each half layer, a column for each position.

        Raises as ``accuracy`` does.
        """
        mean = self.accuracy(target, shuffled=shuffled).mean(0).numpy()
        rows, columns = pd.Index(self.stages, name="after"), pd.Index(self.positions, name="position")
        return pd.DataFrame(mean, index=rows, columns=columns)

    def at(self, target: str, stage: str, position: str, *, shuffled: bool = False) -> Float[Tensor, " seed"]:
        """``accuracy`` at one place; raises ``ValueError`` for an unknown target, stage or position."""
        for name, value, known in (("stage", stage, self.stages), ("position", position, self.positions)):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
        place = self.stages.index(stage), self.positions.index(position)
        return self.accuracy(target, shuffled=shuffled)[:, place[0], place[1]]


def readout_map(
    model: TransformerBridge,
    sequences: Int[Tensor, "batch n_ctx"],
    task: Task,
    targets: Mapping[str, Int[Tensor, " batch"]],
    *,
    seeds: Sequence[int],
    positions: Sequence[str] | None = None,
    by: By = "lda",
    fit_share: float = FIT_SHARE,
) -> ReadoutMap:
    """Linear read-outs of each of ``targets`` from the residual stream at every stage and input position.

    ``positions`` names those to look at, all if left out; ``by`` is ``lda_readouts`` or ``ridge_readouts``.

    Each seed draws its own fitted and held-out inputs and its own shuffled labels. The control of an untrained model is
    this function on one.

    Raises ``ValueError`` for no seeds, an unknown position or read-out, a share that leaves nothing to fit on or to
    hold out.
    """
    known = task.position_names[:-1]
    chosen = known if positions is None else tuple(positions)
    for position in chosen:
        if position not in known:
            raise ValueError(f"positions must be of {', '.join(known)}, got {position!r}")
    n = int(fit_share * len(sequences))
    if not seeds or not 0 < n < len(sequences):
        raise ValueError(f"seeds must be some and fit_share between 0 and 1, got {len(seeds)} seeds and {fit_share}")
    if by not in READOUTS:
        raise ValueError(f"by must be one of {', '.join(READOUTS)}, got {by!r}")
    names = [stage.hook for stage in stages(model)]
    kept = activations(model, task.inputs(sequences), names)
    labels = torch.stack(list(targets.values()))
    shape = (2, len(seeds), len(targets), len(names), len(chosen))
    counts = torch.zeros(shape, dtype=torch.int64)
    for i, seed in enumerate(seeds):
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(sequences), generator=generator)
        fitted, held = order[:n], order[n:]
        shuffled = labels[:, fitted[torch.randperm(n, generator=generator)]]
        both = torch.cat([labels[:, fitted], shuffled])
        for s, name in enumerate(names):
            for p, position in enumerate(chosen):
                states = kept[name][:, known.index(position)]
                guess = READOUTS[by](states[fitted], both, states[held])
                right = (guess == labels[:, held].repeat(2, 1)).sum(1)
                counts[:, i, :, s, p] = right.reshape(2, -1)
    return ReadoutMap(
        stages=tuple(stage.label for stage in stages(model)),
        positions=chosen,
        targets=tuple(targets),
        n_fit=n,
        n_holdout=len(sequences) - n,
        correct=counts[0],
        shuffled_correct=counts[1],
        chance=max(float(each.bincount().max()) for each in labels) / len(sequences),
    )
