"""Progress measures of grokking: the losses that a model would have with some waves of its logits only, or without.

The literature has several incompatible "restricted losses"; each of these has its protocol in its name. The logits of
all pairs are a function of (a, b). In the basis of products of waves of a and of b (``fourier_basis``, orthonormal)

- ``restricted_10dir`` keeps, for each key frequency k, cos w_k(a + b) and sin w_k(a + b): two directions, ten for five
  frequencies;
- ``restricted_20term`` keeps the four products of cos, sin of w_k a with cos, sin of w_k b, so a - b as well: twenty;
- ``restricted_2x2`` keeps every product of a constant or key wave of a with one of b;
- ``excluded_each`` takes the two directions of one key frequency away, ``excluded_all`` those of all.

The mean over all pairs always stays. Losses are means in nats, in float64, over the whole vocabulary.

Source: Nanda et al. 2023, arXiv 2301.05217, section 5.1, which defines the first and the last two; the other two are
readings that programs in use have.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.fourier import fourier_basis, frequency_shares, pairs_of
from tinycircuits.tasks import ModularAddition

PERMUTATIONS = 1_000


def noise_floor(values: Float[Tensor, "number dimension"], *, seed: int = 0, n: int = PERMUTATIONS) -> float:
    """The largest share that any frequency has in any of ``n`` random orders of the numbers.

    A share of ``frequency_shares(values)`` above it is no accident of the same values in another order (p < 1 / n).
    """
    generator = torch.Generator().manual_seed(seed)
    basis, centred = fourier_basis(len(values))[1:], values.double() - values.double().mean(0)
    products, largest = centred @ centred.T, 0.0  # of the rows with each other: a power needs no more of the values
    for _ in range(n):
        moved = basis[:, torch.randperm(len(values), generator=generator)]
        largest = max(largest, float(pairs_of((moved @ products * moved).sum(1)).max()))
    return largest / float(products.trace())


def above_the_floor(values: Float[Tensor, "number dimension"], *, seed: int = 0) -> tuple[int, ...]:
    """The key frequencies of ``values``: those whose share is above the ``noise_floor``, 1 .. p // 2."""
    keys = (frequency_shares(values) > noise_floor(values, seed=seed)).nonzero().flatten() + 1
    return tuple(keys.tolist())


def neuron_logit_map(model: TransformerBridge, task: ModularAddition) -> Float[Tensor, "number d_mlp"]:
    """What each neuron of the only MLP writes onto the logit of each number, ``W_out W_U``: Nanda et al.'s W_L."""
    written: Tensor = model.blocks[0].mlp.W_out @ model.W_U
    return written[:, : task.modulus].T.detach()


def gini(shares: Float[Tensor, "*some frequency"]) -> Float[Tensor, "*some"]:
    """How unequal shares are: 0 where all are equal, 1 - 1 / n where one of n has everything.

    Source: sum over i of (2 i - n - 1) x_i / (n sum x), x in rising order.
    """
    n = shares.shape[-1]
    weight = 2 * torch.arange(1, n + 1, dtype=torch.float64) - n - 1
    return (shares.double().sort(-1).values * weight).sum(-1) / (n * shares.double().sum(-1))


class Waves:
    """The logits of all pairs of modular addition, as coefficients of products of waves."""

    def __init__(self, logits: Float[Tensor, "a b d_vocab"]) -> None:
        """Raises ``ValueError`` for logits of an even number of numbers, or of no square of pairs."""
        p = len(logits)
        if logits.shape[1] != p or p % 2 == 0:
            raise ValueError(f"logits must be a square (a, b) of odd size, got {tuple(logits.shape)}")
        self._basis = fourier_basis(p)
        self._logits = logits.double()
        self._terms = _turned(self._basis, self._logits)

    def of_sum(self, frequency: int) -> Float[Tensor, "a b d_vocab"]:
        """The part of the logits along cos w_k(a + b) and sin w_k(a + b)."""
        return self._back(self._sums([frequency]))

    def restricted(self, keys: Sequence[int], protocol: str) -> Float[Tensor, "a b d_vocab"]:
        """The logits with the waves of ``keys`` and the mean only, by ``10dir``, ``20term`` or ``2x2``."""
        if protocol == "10dir":
            kept = self._sums(keys)
        else:
            kept = torch.zeros_like(self._terms)
            blocks = [[*self._places(k)] for k in keys] if protocol == "20term" else [[0, *self._all_places(keys)]]
            for block in blocks:
                at = torch.tensor(block)
                kept[at[:, None], at] = self._terms[at[:, None], at]
        kept[0, 0] = self._terms[0, 0]
        return self._back(kept)

    def excluded(self, keys: Sequence[int]) -> Float[Tensor, "a b d_vocab"]:
        """The logits without their parts along cos w_k(a + b) and sin w_k(a + b) of ``keys``."""
        return self._logits - self._back(self._sums(keys))

    def _sums(self, keys: Sequence[int]) -> Float[Tensor, "wave wave d_vocab"]:
        """Coefficients of the two directions of each key; cos(x + y) = cos cos - sin sin, sin(x + y) = sin cos + ..."""
        kept, terms = torch.zeros_like(self._terms), self._terms
        for k in keys:
            cos, sin = self._places(k)
            of_cos, of_sin = (terms[cos, cos] - terms[sin, sin]) / 2, (terms[sin, cos] + terms[cos, sin]) / 2
            kept[cos, cos], kept[sin, sin], kept[sin, cos], kept[cos, sin] = of_cos, -of_cos, of_sin, of_sin
        return kept

    def _places(self, k: int) -> tuple[int, int]:
        if not 1 <= k <= len(self._basis) // 2:
            raise ValueError(f"frequency must lie in 1..{len(self._basis) // 2}, got {k}")
        return 2 * k - 1, 2 * k

    def _all_places(self, keys: Sequence[int]) -> list[int]:
        return [place for k in keys for place in self._places(k)]

    def _back(self, terms: Float[Tensor, "wave wave d_vocab"]) -> Float[Tensor, "a b d_vocab"]:
        return _turned(self._basis.T, terms)


def _turned(basis: Float[Tensor, "to from"], values: Float[Tensor, "from from c"]) -> Float[Tensor, "to to c"]:
    """The values with both of their first axes in another basis, one after the other."""
    half = (basis @ values.flatten(1)).view_as(values)
    return (basis @ half.transpose(0, 1).flatten(1)).view_as(values).transpose(0, 1)


PROTOCOLS = ("10dir", "20term", "2x2")


def progress(
    logits: Float[Tensor, "a b d_vocab"],
    answers: Int[Tensor, "a b"],
    keys: Sequence[int],
    parts: Mapping[str, Bool[Tensor, "a b"]],
) -> dict[str, Float[Tensor, "..."]]:
    """Every progress measure, over each of ``parts`` of the pairs, as ``restricted_10dir.holdout``.

    ``excluded_each`` has one loss a key frequency; with no key frequency, ``excluded_all`` is the loss itself.
    """
    waves = Waves(logits)

    def losses(of: Float[Tensor, "a b d_vocab"]) -> dict[str, Tensor]:
        each = cross_entropy(of.permute(2, 0, 1)[None], answers[None], reduction="none")[0]
        return {name: each[part].mean() for name, part in parts.items()}

    found = {f"loss.{name}": value for name, value in losses(logits.double()).items()}
    for protocol in PROTOCOLS:
        kept = losses(waves.restricted(keys, protocol))
        found |= {f"restricted_{protocol}.{name}": value for name, value in kept.items()}
    found |= {f"excluded_all.{name}": value for name, value in losses(waves.excluded(keys)).items()}
    each_key = [losses(waves.excluded([k])) for k in keys]
    return found | {f"excluded_each.{name}": torch.tensor([each[name] for each in each_key]).double() for name in parts}
