"""What an instrument reads in a model, and whether that moves when the weights change and the answers do not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.ablation import AblationKind, ablation_table
from tinycircuits.interp.activations import components, stages
from tinycircuits.interp.attention import attention_pattern
from tinycircuits.interp.logits import cosine_to_digits, logit_lens
from tinycircuits.interp.mlp import digit_contributions
from tinycircuits.interp.removals import neuron_wrong
from tinycircuits.models.symmetries import SYMMETRIES, pushed, rewritten
from tinycircuits.tasks import ReverseIncrement

SAME = 1e-6
"""A reading that moves by less has not moved: the sums of other weights are rounded otherwise."""


@dataclass(frozen=True)
class Blind:
    """For each rewriting of the weights the answers that change, and by how much each instrument's reading moves.

    The control moves the weights as far without the rule. ``moved`` is the largest difference of a number that the
    instrument prints: counts of wrong answers, cosines, shares, attention weights.

    Shows / does not show: a reading that moves is about how the model is written down, and no statement about what it
    does can rest on it alone. A reading that stays may still be misread.
    """

    symmetries: tuple[str, ...]
    instruments: tuple[str, ...]
    n_answers: int
    changed: Int[Tensor, " symmetry"]
    changed_by_push: Int[Tensor, " symmetry"]
    probability: Float[Tensor, " symmetry"]
    """The largest difference of a probability of the next token."""
    moved: Float[Tensor, "symmetry instrument"]

    def frame(self) -> pd.DataFrame:
        """1 where an instrument's reading moves, 0 where it stays."""
        told = (self.moved > SAME).int().numpy()
        index = pd.Index(self.symmetries, name="change of the weights")
        return pd.DataFrame(told, index=index, columns=pd.Index(self.instruments, name="instrument"))


@torch.no_grad()
def blind(model: TransformerBridge, task: ReverseIncrement, *, seed: int) -> Blind:
    """Rewrite the weights in each of ``SYMMETRIES`` and read every instrument again; ``seed`` draws the changes.

    Source: ours. Raises as ``rewritten`` does.
    """
    sequences = task.sequences()
    tokens, rows = task.inputs(sequences), list(task.predicting_rows)
    before, said = readings(model, task), model(tokens)[:, rows].softmax(-1)
    changed, by_push, probability, moved = [], [], [], []
    for symmetry in SYMMETRIES:
        other = rewritten(model, symmetry, seed=seed)
        push = pushed(model, other, seed=seed)
        now = other(tokens)[:, rows].softmax(-1)
        changed.append((now.argmax(-1) != said.argmax(-1)).sum())
        by_push.append((push(tokens)[:, rows].argmax(-1) != said.argmax(-1)).sum())
        probability.append((now - said).abs().max())
        after = readings(other, task)
        moved.append(torch.stack([(after[name] - each).abs().max() for name, each in before.items()]))
    return Blind(
        symmetries=tuple(SYMMETRIES),
        instruments=tuple(before),
        n_answers=said[..., 0].numel(),
        changed=torch.stack(changed),
        changed_by_push=torch.stack(by_push),
        probability=torch.stack(probability),
        moved=torch.stack(moved),
    )


def readings(model: TransformerBridge, task: ReverseIncrement) -> dict[str, Float[Tensor, "..."]]:
    """What each instrument of the book prints for a model, by its name, on all inputs."""
    return {name: read(model, task).double() for name, read in _INSTRUMENTS.items()}


Read = Callable[[TransformerBridge, ReverseIncrement], Tensor]


def _pattern(model: TransformerBridge, task: ReverseIncrement) -> Tensor:
    tokens = task.inputs(task.sequences())
    return torch.stack([attention_pattern(model, tokens, layer=layer) for layer in range(model.cfg.n_layers)])


def _lens(layer_norm: bool) -> Read:
    def read(model: TransformerBridge, task: ReverseIncrement) -> Tensor:
        return logit_lens(model, task.sequences(), task, layer_norm=layer_norm).overall

    return read


def _nearest(to: Literal["W_E", "W_U"]) -> Read:
    def read(model: TransformerBridge, task: ReverseIncrement) -> Tensor:
        last = stages(model)[-1].label
        return cosine_to_digits(model, task.sequences(), task, stage=last, to=to).mean_cosine

    return read


def _shift(model: TransformerBridge, task: ReverseIncrement) -> Tensor:
    found = digit_contributions(model, task.sequences(), task, layer=0)
    return torch.stack([found.mean_cosine_W_E, found.mean_cosine_W_U])


def _without(kind: AblationKind) -> Read:
    def read(model: TransformerBridge, task: ReverseIncrement) -> Tensor:
        table = ablation_table(model, task.sequences(), task, kinds=(kind,), only=components(model), seed=0, draws=0)
        return torch.stack([each.wrong.sum(0) for each in table.ablations])

    return read


def _neurons(model: TransformerBridge, task: ReverseIncrement) -> Tensor:
    layers = range(model.cfg.n_layers)
    return torch.stack([neuron_wrong(model, task.sequences(), task, layer=each, kind="zero") for each in layers])


def _sizes(model: TransformerBridge, task: ReverseIncrement) -> Tensor:
    lengths: Tensor = model.W_in.detach().norm(dim=1)
    return lengths


_INSTRUMENTS: dict[str, Read] = {
    "attention weights": _pattern,
    "wrong without a part (zero)": _without("zero"),
    "wrong without a part (mean)": _without("mean"),
    "wrong without its weights": _without("zero_weights"),
    "wrong without neuron k": _neurons,
    "read-out with LayerNorm": _lens(True),
    "read-out without": _lens(False),
    "cosine with W_E": _nearest("W_E"),
    "cosine with W_U": _nearest("W_U"),
    "shift of the MLP": _shift,
    "length of a neuron's weights": _sizes,
}
