"""Random partners: which other input a value is taken from."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Int
from torch import Tensor


def derangement(n: int, *, seed: int, shift: int = 1) -> Int[Tensor, " n"]:
    """For each of ``n`` inputs another one, never itself; every input is taken once.

    The inputs are laid on a circle in an order drawn from ``seed``, and each takes the one ``shift`` steps on. The
    shifts ``1 .. n-1`` together pair every input with every other once.

    Raises ``ValueError`` for fewer than two inputs, or a shift that leads nowhere else.
    """
    if n < 2:
        raise ValueError(f"n must be at least 2 for an input to have a partner, got {n}")
    if not 1 <= shift < n:
        raise ValueError(f"shift must lie in 1..{n - 1}, got {shift}")
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    partners = torch.empty_like(order)
    partners[order] = order.roll(-shift)
    return partners


def shuffle_apart(n: int, clash: Callable[[Int[Tensor, " n"]], Bool[Tensor, " n"]], *, seed: int) -> Int[Tensor, " n"]:
    """A random permutation of ``0 .. n-1`` that clashes nowhere.

    ``clash(partners)`` says for which inputs a choice of partners is forbidden. A permutation drawn from ``seed`` is
    repaired: every clashing input swaps partners with a random other one, until none clashes. With a clash that is
    "the same input" this is a derangement; a clash can also be "the same answer".

    Raises ``ValueError`` when a thousand rounds of repair leave a clash, as they must when too few inputs differ.
    """
    generator = torch.Generator().manual_seed(seed)
    partners = torch.randperm(n, generator=generator)
    for _ in range(1000):
        clashing = clash(partners).nonzero().flatten()
        if not len(clashing):
            return partners
        for index in clashing.tolist():
            other = int(torch.randint(n, (), generator=generator))
            partners[[index, other]] = partners[[other, index]]
    raise ValueError(f"no permutation of {n} inputs without a clash was found; too many inputs are alike")


def unit_directions(shape: tuple[int, ...], *, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    """Vectors of length 1 along the last axis, each in its own uniformly random direction.

    Drawn in float64 so that every dtype gets the same directions.
    """
    drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
    return torch.nn.functional.normalize(drawn, dim=-1).to(dtype)
