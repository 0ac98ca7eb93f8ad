"""Interchange in modular addition over every ordered pair that differs in one operand, or over a sample of them."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import Component, batches
from tinycircuits.interp.interchange import CleanRows
from tinycircuits.interp.pairs import unit_directions
from tinycircuits.models.build import ModelSpec, build
from tinycircuits.models.errors import share_interval
from tinycircuits.tasks import ModularAddition

NEAR = 1e-9
"""A pair whose best two logits lie closer than this is near: rounding might decide it."""


@dataclass(frozen=True)
class OperandPairs:
    """Whose sum comes out when one component's output at "=" is taken from a pair in which one operand is another.

    Counts of (base, source) pairs by the operand that differs, a and b. The two sums always differ. The control moves
    the base's output by the same distance in a random direction.

    Shows / does not show: as ``Interchange``. A component that brings the whole sum carries either operand.
    """

    component: Component
    n_pairs: int
    """Pairs for each operand."""
    sampled: bool
    """Whether they were drawn at random, with replacement; all of them otherwise."""
    as_source: Int[Tensor, "2"]
    as_base: Int[Tensor, "2"]
    control_as_source: Int[Tensor, "2"]
    near: Int[Tensor, "2"]
    """Pairs whose two largest logits lie within 1e-9."""

    @property
    def neither(self) -> Int[Tensor, "2"]:
        """The answer is neither sum."""
        return self.n_pairs - self.as_source - self.as_base

    def share(self, operand: int) -> tuple[float, float]:
        """Share of pairs with the source's sum, from .. to: exact, or a sample's 95 % interval (Clopper-Pearson)."""
        part = int(self.as_source[operand])
        return share_interval(part, self.n_pairs) if self.sampled else (part / self.n_pairs, part / self.n_pairs)

    def row(self) -> dict[str, object]:
        """A row of a table: the part, how many pairs, and the share that follows the source by the swapped number."""
        kind = "sampled" if self.sampled else "all"
        numbers = {f"other ${name}$": self.share(operand) for operand, name in enumerate("ab")}
        return {"part": self.component.label, "pairs": self.n_pairs, "which": kind, **numbers}


@torch.no_grad()
def operand_pairs(
    model: TransformerBridge,
    task: ModularAddition,
    spec: ModelSpec,
    component: Component,
    *,
    seed: int,
    n_sampled: int = 0,
) -> OperandPairs:
    """Interchange of a component's output at the predicting row between inputs that differ in one operand.

    All p * p * (p - 1) ordered pairs for each operand, or where ``n_sampled`` is not 0 so many drawn from ``seed``,
    which also draws the control. A model of single precision is looked at as the float64 model with its weights.

    Source: Geiger et al. 2021 (interchange intervention accuracy).

    Raises ``ValueError`` for an unknown component and a negative number of pairs.
    """
    if n_sampled < 0:
        raise ValueError(f"n_sampled must be 0 (all pairs) or more, got {n_sampled}")
    p, sequences = task.modulus, task.sequences()
    double = build(spec, task, seed=0, dtype="float64")
    double.load_state_dict(model.state_dict())
    rows = CleanRows(double, sequences, task, component)
    generator = torch.Generator().manual_seed(seed)
    counts = torch.zeros(4, 2, dtype=torch.int64)
    for operand in range(2):
        base, source = changed_pairs(p, operand, n_sampled, generator)
        for at in batches(torch.arange(len(base)), 1 << 14):
            b, s = base[at], source[at]
            move = rows.output[s] - rows.output[b]
            drawn = unit_directions(tuple(move.shape), generator=generator, dtype=move.dtype)
            top = rows.logits(b, move)[:, 0].topk(2)
            said, close = top.indices[:, 0], top.values[:, 0] - top.values[:, 1] <= NEAR
            pushed = rows.answers(b, move.norm(dim=-1, keepdim=True) * drawn)[:, 0]
            wanted, own = rows.right[s, 0], rows.right[b, 0]
            cases = [said == wanted, said == own, pushed == wanted, close]
            counts[:, operand] += torch.stack([case.sum() for case in cases])
    return OperandPairs(component, len(base), bool(n_sampled), *counts)


def changed_pairs(
    p: int, operand: int, n_sampled: int, generator: torch.Generator
) -> tuple[Int[Tensor, " pair"], Int[Tensor, " pair"]]:
    """Base and source, by their place ``a * p + b`` in the list of inputs, that differ in ``a`` (0) or in ``b`` (1)."""
    if n_sampled:
        base = torch.randint(p * p, (n_sampled,), generator=generator)
        step = torch.randint(1, p, (n_sampled,), generator=generator)
    else:
        base, step = (each.flatten() for each in torch.meshgrid(torch.arange(p * p), torch.arange(1, p), indexing="ij"))
    a, b = base // p, base % p
    source = (a + step) % p * p + b if operand == 0 else a * p + (b + step) % p
    return base, source
