"""Bounds of how much a matrix can stretch a vector, certified: no singular value is taken on trust."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from tinycircuits.proof.machines import U, gamma

SQUARINGS = 7
ROOM = 1 + 1e-6
"""So much larger is the bound than what was found, so that another program can confirm it."""


def norm_bound(W: Float[ndarray, "output input"]) -> float:
    """A number that |W x| / |x| does not exceed, about a hundredth too large at most.

    |W|^2 = |G| for G = W^T W, and |G| <= |G^(2^k)|_F^(1/2^k). Before each squaring G is divided by its size, or it
    would vanish. A product in floating point differs from the true one by at most gamma_n of both sizes, which is added
    on the way back. Source: ours, after Higham, chapter 3.
    """
    W = W if W.shape[0] >= W.shape[1] else W.T
    n, scale = max(W.shape), _size(W)
    if scale == 0 or not np.isfinite(scale):
        return scale
    G, lost, sizes = (W / scale).T @ (W / scale), float(gamma(n + 8, U)), []
    for _ in range(SQUARINGS):
        sizes.append(_size(G))
        G = (G / sizes[-1]) @ (G / sizes[-1])
    bound = _size(G)
    for size in reversed(sizes):
        bound = size * float(np.sqrt(bound + lost))
    return float(np.sqrt(bound + lost)) * scale * ROOM


def _size(W: Float[ndarray, "output input"]) -> float:
    return float(np.sqrt((W**2).sum()))
