"""How the waves of a sum add up: the few waves of a + b that a model's logits are made of, and what they answer."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.fourier import clock_shares, fourier_basis, pair_logits
from tinycircuits.tasks import ModularAddition, Task


@dataclass(frozen=True)
class SumWaves:
    """The waves of a + b in the logits of all pairs, the strongest first; logits have mean zero over the answers.

    Shows / does not show: what the table of logits looks like, not which part makes it.
    """

    frequencies: tuple[int, ...]
    """k, in turns a clock, 1 .. p // 2."""
    heights: Float[Tensor, " wave"]
    """alpha_k: the best fit of the logits by alpha_k cos w_k(a + b - c), with w_k = 2 pi k / p."""
    cos: Float[Tensor, "wave c"]
    sin: Float[Tensor, "wave c"]
    """The logits' part along cos w_k(a + b) and sin w_k(a + b), for every answer by itself: ``cos[k, c]
    cos w_k(a + b) + sin[k, c] sin w_k(a + b)``. With perfect waves ``alpha_k cos w_k c`` and ``alpha_k sin w_k c``."""
    mean: Float[Tensor, " c"]
    """The mean of the logits over all pairs."""

    @property
    def modulus(self) -> int:
        """p."""
        return len(self.mean)

    def perfect(self, a: int, b: int) -> Float[Tensor, "wave c"]:
        """alpha_k cos w_k(a + b - c), one row a wave."""
        turns = torch.tensor(self.frequencies)[:, None] * (a + b - torch.arange(self.modulus)) % self.modulus
        return self.heights[:, None] * (2 * torch.pi * turns.double() / self.modulus).cos()

    def kept(self, n: int) -> Float[Tensor, "sum c"]:
        """The logits with their mean and the ``n`` strongest waves only: a row for each a + b mod p.

        It is ``restricted_10dir`` of ``progress`` for these frequencies.
        """
        rows = torch.arange(self.modulus)
        turns = torch.tensor(self.frequencies[:n])[:, None] * rows % self.modulus
        angles = 2 * torch.pi * turns.double() / self.modulus
        return self.mean + angles.cos().T @ self.cos[:n] + angles.sin().T @ self.sin[:n]

    def right(self, n: int) -> int:
        """How many of all p * p pairs ``kept`` answers right; a sum a + b is that of p pairs."""
        return self.modulus * int((self.kept(n).argmax(1) == torch.arange(self.modulus)).sum())


def sum_waves(model: TransformerBridge, task: Task, *, least: float = 0.02) -> SumWaves:
    """The waves that hold at least ``least`` of the logits' variance, as ``key_frequencies`` has it.

    Raises as ``pair_logits`` and ``waves_of`` do.
    """
    if not isinstance(task, ModularAddition):
        raise ValueError(f"task must be a ModularAddition, got {type(task).__name__}")
    return waves_of(pair_logits(model, task)[..., : task.modulus], least=least)


def waves_of(logits: Float[Tensor, "a b c"], *, least: float = 0.02) -> SumWaves:
    """The same of a table of logits.

    Raises as ``clock_shares`` does, and ``ValueError`` for logits in which no wave holds so much, or an even modulus.
    """
    shares = clock_shares(logits)
    p = len(logits)
    order = [int(at) for at in shares.argsort(descending=True) if shares[at] >= least]
    if not order or p % 2 == 0:
        most = float(shares.max())
        raise ValueError(f"logits must have an odd modulus and a wave of {least:g}, got {p} and {most:.3g}")
    of_sum = _by_sum(logits.double() - logits.double().mean(-1, keepdim=True))
    waves = fourier_basis(p) * (p / 2) ** 0.5  # cosines and sines themselves
    of_cos, of_sin = (waves[[2 * at + first for at in order]] for first in (1, 2))
    cos, sin = (2 / p * wave @ of_sum for wave in (of_cos, of_sin))
    heights = (cos * of_cos + sin * of_sin).mean(1)
    return SumWaves(tuple(at + 1 for at in order), heights, cos, sin, of_sum.mean(0))


def _by_sum(values: Float[Tensor, "a b c"]) -> Float[Tensor, "sum c"]:
    """The mean over all pairs (a, b) of one a + b mod p."""
    p = len(values)
    sums = (torch.arange(p)[:, None] + torch.arange(p)) % p
    return torch.zeros(p, p, dtype=values.dtype).index_add_(0, sums.flatten(), values.flatten(0, 1)) / p


@torch.no_grad()
def answer_logits(model: TransformerBridge, task: Task, a: int, b: int) -> Float[Tensor, " c"]:
    """The model's own logits of the numbers for one pair, with mean zero over them.

    Raises ``ValueError`` for another task than modular addition.
    """
    if not isinstance(task, ModularAddition):
        raise ValueError(f"task must be a ModularAddition, got {type(task).__name__}")
    (row,) = task.predicting_rows
    logits = model(task.inputs(task.sequences_of(torch.tensor([[a, b]]))))[0, row, : task.modulus].double()
    return logits - logits.mean()
