"""Which token is read from every sum of two states, counted for all pairs: whole blocks are decided by a bound.

The final LayerNorm and the unembedding read token k from a state x where A_k.x + beta_k s(x) is largest, with
s(x)^2 = |P x|^2 / d_model + eps and P x the state less its mean. On x = m + o the first term is a sum of one number of
m and one of o, and s moves by at most |P dx| / sqrt(d_model). So the reading of a block of m with a block of o is often
known from two centres, two radii and a few smallest differences; only what stays open is split, and at last computed
pair by pair.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import batches

NEAR = 1e-9
"""A pair whose best two logits lie closer than this is counted as near: rounding might decide it."""
GUARD = 1e-12
"""What a bound must be above zero by, so that rounding of the bound itself decides nothing."""
CHUNK = 1 << 17
"""Pairs of blocks, or pairs of states, that are looked at together."""


@dataclass(frozen=True, eq=False)
class Reading:
    """The end of a model: the token with the largest A_k.x + beta_k s(x); without LayerNorm s is 1. Source: ours."""

    A: Float[Tensor, "d_model token"]
    beta: Float[Tensor, " token"]
    centre: Float[Tensor, "d_model d_model"]
    """What s looks at: P over the root of d_model; zero without LayerNorm."""
    eps: float

    def scores(self, states: Float[Tensor, "*rest d_model"]) -> Float[Tensor, "*rest token"]:
        """The logits times s."""
        seen = states @ self.centre
        return states @ self.A + self.beta * ((seen * seen).sum(-1, keepdim=True) + self.eps).sqrt()


@torch.no_grad()
def reading(model: TransformerBridge) -> Reading:
    """What the model's final LayerNorm and unembedding read, in float64."""
    W_U, b_U, d = model.W_U.detach().double(), model.b_U.detach().double(), model.cfg.d_model
    if model.cfg.normalization_type != "LN":
        return Reading(W_U, b_U, torch.zeros(d, d, dtype=torch.float64), 1.0)
    norm = model.ln_final.original_component
    less_mean = torch.eye(d, dtype=torch.float64) - 1 / d
    A = less_mean @ (norm.weight.double()[:, None] * W_U)
    return Reading(A, norm.bias.double() @ W_U + b_U, less_mean / d**0.5, float(norm.eps))


@dataclass(frozen=True, eq=False)
class Tally:
    """What is read from all sums m + o, where each m belongs to a group."""

    said: Int[Tensor, "moved group token"]
    """For each o the number of m of a group with which it gives a token."""
    near: int
    """Pairs whose best two logits lie within ``NEAR``."""
    evaluated: int
    """Pairs that no bound decided."""


@torch.no_grad()
def tally(
    read: Reading,
    fixed: Float[Tensor, "fixed d_model"],
    moved: Float[Tensor, "moved d_model"],
    groups: Int[Tensor, " fixed"],
    *,
    branch: int,
    leaf: int = 16,
) -> Tally:
    """The token that ``read`` gives for each sum of a ``fixed`` and a ``moved`` state, counted by group of the first.

    Blocks are ordered by ``branch``, at every level along their widest direction; blocks of at most ``leaf`` states
    that stay open are computed pair by pair.

    Raises ``ValueError`` unless there are equally many of each group, a power of ``branch``, and as many ``moved``.
    """
    size = _group_size(groups, len(moved), branch)
    n_groups, n = len(fixed) // size, len(fixed)
    one = _Side(read, fixed, _nested(fixed @ read.A, groups, size, branch))
    two = _Side(read, moved, _nested(moved @ read.A, torch.zeros_like(groups), n, branch))
    said = torch.zeros(n, n_groups, len(read.beta), dtype=torch.int64)
    open_pairs = torch.cartesian_prod(torch.arange(n_groups), torch.arange(n_groups))
    near = evaluated = 0
    while len(open_pairs):
        if size <= leaf:
            near, evaluated = _evaluate(read, one, two, open_pairs, size, said), len(open_pairs) * size**2
            break
        open_pairs = _decide(read, one, two, open_pairs, size, said)
        size //= branch
        children = torch.cartesian_prod(torch.arange(branch), torch.arange(branch))
        open_pairs = (open_pairs[:, None] * branch + children).flatten(0, 1)
    back = torch.empty_like(said)
    back[two.order] = said
    return Tally(back, near, evaluated)


class _Side:
    """One of the two summands, in an order in which every block lies together."""

    def __init__(self, read: Reading, states: Float[Tensor, "state d_model"], order: Int[Tensor, " state"]):
        self.order, self.states = order, states[order]
        self.seen, self.scores = self.states @ read.centre, self.states @ read.A

    def blocks(self, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of each block the middle scores, the least lead of each token over each other, and what s sees: its middle
        and the radius around it."""
        scores = rearrange(self.scores, "(block each) token -> block each token", each=size)
        lead = (scores[..., :, None] - scores[..., None, :]).amin(1)
        seen = rearrange(self.seen, "(block each) d -> block each d", each=size)
        middle = seen.mean(1)
        return scores.mean(1), lead, middle, (seen - middle[:, None]).norm(dim=-1).amax(1)


def _decide(
    read: Reading,
    one: _Side,
    two: _Side,
    pairs: Int[Tensor, "pair 2"],
    size: int,
    said: Int[Tensor, "moved group token"],
) -> Int[Tensor, "open 2"]:
    """Counts the pairs of blocks that a bound decides, and gives back the others."""
    of_one, of_two = one.blocks(size), two.blocks(size)
    per_group = len(one.order) // said.shape[1] // size
    counts = torch.zeros(len(of_two[0]), *said.shape[1:], dtype=torch.int64)
    still: list[Tensor] = []
    for i, j in (part.T for part in batches(pairs, CHUNK)):
        score, lead, middle, radius = ((a[i], b[j]) for a, b in zip(of_one, of_two, strict=True))
        s = ((middle[0] + middle[1]).square().sum(-1) + read.eps).sqrt()[:, None]
        best = (score[0] + score[1] + read.beta * s).argmax(-1)
        at = torch.arange(len(best))
        slope = read.beta[best, None] - read.beta - NEAR
        bound = lead[0][at, best] + lead[1][at, best] + slope * s - slope.abs() * (radius[0] + radius[1])[:, None]
        bound[at, best] = torch.inf
        decided = bound.amin(-1) > GUARD
        ones = torch.full((int(decided.sum()),), size)
        counts.index_put_((j[decided], i[decided] // per_group, best[decided]), ones, accumulate=True)
        still.append(torch.stack([i, j], dim=1)[~decided])
    said += counts.repeat_interleave(size, 0)
    return torch.cat(still)


def _evaluate(
    read: Reading,
    one: _Side,
    two: _Side,
    pairs: Int[Tensor, "pair 2"],
    size: int,
    said: Int[Tensor, "moved group token"],
) -> int:
    """Counts the pairs of blocks pair by pair; gives back how many pairs are near."""
    per_group, near = len(one.order) // said.shape[1] // size, 0
    sides = [
        (
            rearrange(side.scores, "(block each) token -> token block each", each=size).contiguous(),
            rearrange(side.seen, "(block each) d -> block each d", each=size),
        )
        for side in (one, two)
    ]
    squares = [seen.square().sum(-1) for _, seen in sides]
    counts = torch.zeros(len(squares[1]), said.shape[1], said.shape[2], size, dtype=torch.int64)
    for i, j in (part.T for part in batches(pairs, max(1, CHUNK // 4 // size**2))):
        (score_one, seen_one), (score_two, seen_two) = (
            (a[:, x], b[x]) for (a, b), x in zip(sides, (i, j), strict=True)
        )
        s = squares[0][i][:, :, None] + squares[1][j][:, None] + 2 * seen_one @ seen_two.mT + read.eps
        s = s.clamp_min_(read.eps).sqrt_()
        scores = score_one[..., None] + score_two[:, :, None] + read.beta[:, None, None, None] * s
        best, token = scores.max(0)
        near += int((scores > best - NEAR * s).sum()) - best.numel()
        for k in range(len(read.beta)):
            counts.index_put_((j, i // per_group, torch.tensor(k)), (token == k).sum(1), accumulate=True)
    said += counts.permute(0, 3, 1, 2).flatten(0, 1)
    return near


def _nested(
    points: Float[Tensor, "state token"], groups: Int[Tensor, " state"], size: int, branch: int
) -> Int[Tensor, " state"]:
    """An order of the states, group by group, in which its blocks of branch, branch^2, ... states lie together."""
    order = groups.argsort(stable=True).reshape(-1, size)
    while order.shape[1] > 1:
        here = points[order]
        widest = (here.amax(1) - here.amin(1)).argmax(-1)
        along = here.gather(2, widest[:, None, None].expand(-1, order.shape[1], 1))[..., 0]
        order = order.gather(1, along.argsort(1)).reshape(-1, order.shape[1] // branch)
    return order.flatten()


def _group_size(groups: Int[Tensor, " fixed"], n_moved: int, branch: int) -> int:
    each = groups.bincount()
    size, power = int(each[0]), 1
    while power < size:
        power *= branch
    if bool((each != size).any()) or power != size or n_moved != len(groups):
        raise ValueError(
            f"groups must be equally large, powers of {branch} and as many states as are moved ({n_moved}), "
            f"got {each.tolist()}"
        )
    return size


def read_plainly(read: Reading, states: Float[Tensor, "*rest d_model"]) -> Int[Tensor, "*rest"]:
    """The token of each state."""
    return read.scores(states).argmax(-1)
