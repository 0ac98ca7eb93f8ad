"""Waves cut out of the embedding, or turned, and the answers that the whole model then gives to every pair."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.forward import attn_out, mlp_out, project
from tinycircuits.interp.fourier import by_distance, fourier_basis
from tinycircuits.tasks import ModularAddition

GROUP = 8
"""Numbers a whose pairs pass through the model together."""
HOUR = 1
"""By how much the hands are turned."""
Numbers = Float[Tensor, "number d_model"]


def part_of(numbers: Numbers, keys: Sequence[int]) -> Numbers:
    """The part of the numbers' vectors that turns with one of these frequencies, 1 .. p // 2."""
    rows = [row for k in keys for row in (2 * k - 1, 2 * k) if row < len(numbers)]
    waves = fourier_basis(len(numbers))[rows].to(numbers.dtype)
    return waves.T @ (waves @ numbers)


def with_only(numbers: Numbers, keys: Sequence[int]) -> Numbers:
    """The mean of the numbers' vectors and their waves of these frequencies."""
    return numbers.mean(0) + part_of(numbers, keys)


def without(numbers: Numbers, keys: Sequence[int]) -> Numbers:
    """The numbers' vectors without their waves of these frequencies."""
    return numbers - part_of(numbers, keys)


def turned(numbers: Numbers, keys: Sequence[int], *, hours: int = HOUR) -> Numbers:
    """Every number with the waves of these frequencies of the number ``hours`` later, all else being its own."""
    part = part_of(numbers, keys)
    return numbers - part + part.roll(-hours, 0)


def plane_of(numbers: Numbers, k: int) -> Float[Tensor, "number 2"]:
    """The numbers' vectors, all waves of them, in the plane in which their wave of frequency ``k`` turns.

    Its axes are the two principal ones of that wave, 1 <= k < p / 2.
    """
    axes = torch.linalg.svd(part_of(numbers, [k]).double(), full_matrices=False).Vh[:2]
    points: Tensor = (numbers - numbers.mean(0)).double() @ axes.T
    return points


@torch.no_grad()
def logits_with(model: TransformerBridge, task: ModularAddition, numbers: Numbers) -> Float[Tensor, "a b d_vocab"]:
    """The logits of the answer for every pair when the numbers have these vectors in ``W_E``, in the model's dtype.

    What stands before b does not see it, so that its states are computed once for each a.
    """
    p, (_, at_b) = task.modulus, task.operand_columns
    table = torch.cat([numbers, model.W_E[p:]])
    tokens = task.inputs(task.sequences()).reshape(p, p, -1)
    resid = table[tokens] + model.W_pos[: tokens.shape[-1]]
    early, late = resid[:, 0, :at_b], resid[:, :, at_b:]
    for layer in range(model.cfg.n_layers):
        rows = range(at_b, tokens.shape[-1]) if layer < model.cfg.n_layers - 1 else task.predicting_rows
        pairs = (_beside(*some) for some in zip(early.split(GROUP), late.split(GROUP), strict=True))
        late = torch.cat([_layer(model, layer, each, rows) for each in pairs]).reshape(p, p, len(rows), -1)
        early = _layer(model, layer, early, range(at_b))
    return project(model, late[:, :, 0], layer_norm=True)


def _beside(
    early: Float[Tensor, "a before d_model"], late: Float[Tensor, "a b pos d_model"]
) -> Float[Tensor, "pair before_and_pos d_model"]:
    """The states of all positions for each pair."""
    own = early[:, None].expand(-1, late.shape[1], -1, -1)
    return torch.cat([own, late], dim=2).flatten(0, 1)


def _layer(
    model: TransformerBridge, layer: int, resid: Float[Tensor, "batch pos d_model"], rows: Sequence[int]
) -> Float[Tensor, "batch row d_model"]:
    """The residual stream at ``rows`` after a layer."""
    own = resid[:, list(rows)]
    mid = own + attn_out(model, layer, own, resid, rows)
    return mid + mlp_out(model, layer, mid)


@dataclass(frozen=True)
class Cuts:
    """Wrong pairs of all p * p when only these frequencies stay in the embedding, or when they go, or are turned.

    The control takes as many other frequencies, drawn by lot.

    Shows / does not show: that this model needs the waves of its embedding, not which part of it reads them.
    """

    keys: tuple[int, ...]
    whole: int
    """Wrong pairs of the untouched model."""
    only: int
    without: int
    without_each: Int[Tensor, " key"]
    """One key frequency taken out."""
    alphas_without: Float[Tensor, "key frequency"]
    """The factors of cos w_k (a + b - c) in the logits with one key frequency taken out."""
    followed: int
    """The keys of either number turned on by one hour: pairs with the answer that is right for both numbers later."""
    stayed: int
    """With the answer that it was."""
    drawn_only: Int[Tensor, " draw"]
    drawn_without: Int[Tensor, " draw"]
    drawn_followed: Int[Tensor, " draw"]
    drawn_stayed: Int[Tensor, " draw"]


def cuts(
    model: TransformerBridge, task: ModularAddition, keys: Sequence[int], *, seed: int = 0, draws: int = 5
) -> Cuts:
    """The answers to all pairs after every cut of ``keys`` in ``W_E``, each beside ``draws`` cuts of other waves.

    Source: ours; the ablation of key frequencies is that of Nanda et al. 2023, arXiv 2301.05217, section 4.4, there of
    the logits.
    """
    p, numbers = task.modulus, model.W_E[: task.modulus].detach()
    right = task.answers(task.sequences()).reshape(p, p)
    later = right.roll((-HOUR, -HOUR), (0, 1))

    def said(change: Callable[[Numbers, Sequence[int]], Numbers], waves: Sequence[int]) -> Int[Tensor, "a b"]:
        return logits_with(model, task, change(numbers, waves)).argmax(-1)

    untouched, on = said(without, []), said(turned, keys)
    cut = [logits_with(model, task, without(numbers, [k])) for k in keys]
    drawn = others(p, keys, seed=seed, draws=draws)
    turns = [said(turned, waves) for waves in drawn]
    return Cuts(
        keys=tuple(keys),
        whole=int((untouched != right).sum()),
        only=int((said(with_only, keys) != right).sum()),
        without=int((said(without, keys) != right).sum()),
        without_each=_counts(logits.argmax(-1) != right for logits in cut),
        alphas_without=torch.stack([alphas(logits[..., :p]) for logits in cut]) if cut else torch.zeros(0, p // 2),
        followed=int((on == later).sum()),
        stayed=int((on == untouched).sum()),
        drawn_only=_counts(said(with_only, waves) != right for waves in drawn),
        drawn_without=_counts(said(without, waves) != right for waves in drawn),
        drawn_followed=_counts(turn == later for turn in turns),
        drawn_stayed=_counts(turn == untouched for turn in turns),
    )


def _counts(cases: Iterable[Bool[Tensor, "a b"]]) -> Int[Tensor, " case"]:
    return torch.tensor([int(case.sum()) for case in cases], dtype=torch.int64)


def others(modulus: int, keys: Sequence[int], *, seed: int, draws: int) -> list[list[int]]:
    """As many frequencies as ``keys``, none of them a key, drawn ``draws`` times; none where there are no keys."""
    generator = torch.Generator().manual_seed(seed)
    rest = torch.tensor([k for k in range(1, modulus // 2 + 1) if k not in keys])
    if not keys:
        return []
    return [rest[torch.randperm(len(rest), generator=generator)[: len(keys)]].tolist() for _ in range(draws)]


def alphas(logits: Float[Tensor, "a b c"]) -> Float[Tensor, " frequency"]:
    """The factor of cos w_k (a + b - c) in the logits, for k = 1 .. p // 2: alpha_k of Nanda et al. 2023.

    By least squares over all a, b and c, the mean over c being taken out first. Raises as ``by_distance`` does.
    """
    p = len(logits)
    return fourier_basis(p)[1::2] @ by_distance(logits) * math.sqrt(2 / p)
