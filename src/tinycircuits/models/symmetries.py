"""Changes of a model's weights that change nothing it says: the freedom that no look at its answers can remove."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.models.weights import named_weights, with_weights

Weights = dict[str, Float[Tensor, "..."]]
Draw = torch.Generator


def rewritten(model: TransformerBridge, symmetry: str, *, seed: int) -> TransformerBridge:
    """A copy of the model with other weights and the same probabilities on every input; ``symmetry`` of ``SYMMETRIES``.

    Raises ``ValueError`` for an unknown name, and for a model without LayerNorm, MLPs with ReLU or float64.
    """
    if symmetry not in SYMMETRIES:
        raise ValueError(f"symmetry must be one of {', '.join(SYMMETRIES)}, got {symmetry!r}")
    cfg = model.cfg
    if cfg.normalization_type != "LN" or cfg.attn_only or cfg.act_fn != "relu" or model.W_E.dtype != torch.float64:
        raise ValueError("model must have LayerNorm and MLPs with ReLU, and be in float64")
    weights = named_weights(model)
    SYMMETRIES[symmetry](weights, torch.Generator().manual_seed(seed))
    return with_weights(model, weights)


def pushed(model: TransformerBridge, other: TransformerBridge, *, seed: int) -> TransformerBridge:
    """A copy of the model whose weights move as far as those of ``other`` lie away, each in a random direction.

    The control of ``rewritten``: parameter by parameter the same distance, without the rule.
    """
    draw = torch.Generator().manual_seed(seed)
    before, after = named_weights(model), named_weights(other)
    moved = {}
    for name, weight in before.items():
        direction = _normal(weight.shape, draw)
        moved[name] = weight + direction * ((after[name] - weight).norm() / direction.norm())
    return with_weights(model, moved)


def _neurons_permuted(weights: Weights, draw: Draw) -> None:
    """Neuron k of each MLP becomes neuron order[k]."""
    for block in _blocks(weights):
        order = torch.randperm(weights[f"{block}.mlp.W_out"].shape[0], generator=draw)
        weights[f"{block}.mlp.W_in"] = weights[f"{block}.mlp.W_in"][:, order]
        weights[f"{block}.mlp.b_in"] = weights[f"{block}.mlp.b_in"][order]
        weights[f"{block}.mlp.W_out"] = weights[f"{block}.mlp.W_out"][order]


def _neurons_scaled(weights: Weights, draw: Draw) -> None:
    """ReLU(c x) = c ReLU(x) for c > 0: what a neuron reads louder it writes softer."""
    for block in _blocks(weights):
        scale = _normal(weights[f"{block}.mlp.b_in"].shape, draw).exp()
        weights[f"{block}.mlp.W_in"] *= scale
        weights[f"{block}.mlp.b_in"] *= scale
        weights[f"{block}.mlp.W_out"] /= scale[:, None]


def _queries_and_keys(weights: Weights, draw: Draw) -> None:
    """Scores are q . k: (M q) . (M^-T k) is the same."""
    for block in _blocks(weights):
        mix = _mix(weights[f"{block}.attn.W_Q"], draw)
        back = torch.linalg.inv(mix).mT
        for letter, matrix in (("Q", mix), ("K", back)):
            weights[f"{block}.attn.W_{letter}"] = weights[f"{block}.attn.W_{letter}"] @ matrix
            weights[f"{block}.attn.b_{letter}"] = (weights[f"{block}.attn.b_{letter}"][:, None] @ matrix)[:, 0]


def _values_and_outputs(weights: Weights, draw: Draw) -> None:
    """What a head brings is v W_O: (v M) (M^-1 W_O) is the same."""
    for block in _blocks(weights):
        mix = _mix(weights[f"{block}.attn.W_V"], draw)
        weights[f"{block}.attn.W_V"] = weights[f"{block}.attn.W_V"] @ mix
        weights[f"{block}.attn.b_V"] = (weights[f"{block}.attn.b_V"][:, None] @ mix)[:, 0]
        weights[f"{block}.attn.W_O"] = torch.linalg.inv(mix) @ weights[f"{block}.attn.W_O"]


def _key_bias(weights: Weights, draw: Draw) -> None:
    """A bias of the keys adds the same q . b_K to all scores of a row, which the softmax does not feel."""
    for block in _blocks(weights):
        weights[f"{block}.attn.b_K"] = _normal(weights[f"{block}.attn.b_K"].shape, draw)


def _value_bias(weights: Weights, draw: Draw) -> None:
    """The weights of a row sum to one: what the bias of the values brings may as well stand in the output's bias."""
    for block in _blocks(weights):
        before = weights[f"{block}.attn.b_V"]
        after = _normal(before.shape, draw)
        weights[f"{block}.attn.b_O"] += torch.einsum("he,hed->d", before - after, weights[f"{block}.attn.W_O"])
        weights[f"{block}.attn.b_V"] = after


def _same_number(weights: Weights, draw: Draw) -> None:
    """Every LayerNorm takes the mean out: one number may be added to all entries of whatever is written."""
    for name, weight in weights.items():
        if name in ("W_E", "W_pos") or name.endswith((".b_O", ".b_out")):
            shape = (*weight.shape[:-1], 1)
            weights[name] = weight + _normal(shape, draw)


def _gains(weights: Weights, draw: Draw) -> None:
    """A gain of a LayerNorm times c, and what reads it divided by c, number by number."""
    for norm, readers in _readers(weights).items():
        scale = _normal(weights[f"{norm}.w"].shape, draw).exp()
        weights[f"{norm}.w"] *= scale
        weights[f"{norm}.b"] *= scale
        for reader in readers:
            weights[reader] = weights[reader] / scale[:, None]


def _turned(weights: Weights, draw: Draw) -> None:
    """A LayerNorm without gain takes a turn of the stream around (1, .., 1) through: the gains go into the readers.

    With R orthogonal, R 1 = 1, all that is written becomes x R and all that is read R^T x.
    """
    for norm, readers in _readers(weights).items():
        gain, bias = weights[f"{norm}.w"], weights[f"{norm}.b"]
        for reader in readers:
            into = _bias_of(reader)
            weights[into] = weights[into] + bias @ weights[reader]
            weights[reader] = gain[:, None] * weights[reader]
        weights[f"{norm}.w"], weights[f"{norm}.b"] = torch.ones_like(gain), torch.zeros_like(bias)
    turn = _turn(weights["W_E"].shape[-1], draw)
    for name, weight in weights.items():
        if name in ("W_E", "W_pos") or name.endswith((".W_O", ".b_O", ".W_out", ".b_out")):
            weights[name] = weight @ turn
        elif name.endswith((".W_Q", ".W_K", ".W_V", ".W_in")) or name == "W_U":
            weights[name] = turn.T @ weight


def _logits_shifted(weights: Weights, draw: Draw) -> None:
    """One vector may be added to the column of every token: all logits of a row move alike."""
    weights["W_U"] = weights["W_U"] + _normal((len(weights["W_U"]), 1), draw)


SYMMETRIES: dict[str, Callable[[Weights, Draw], None]] = {
    "neurons permuted": _neurons_permuted,
    "neurons scaled": _neurons_scaled,
    "queries and keys mixed": _queries_and_keys,
    "values and outputs mixed": _values_and_outputs,
    "key bias redrawn": _key_bias,
    "value bias redrawn": _value_bias,
    "one number added": _same_number,
    "gains scaled": _gains,
    "stream turned": _turned,
    "logits shifted": _logits_shifted,
}
"""Each change by its name; what is drawn is drawn from a standard normal distribution, scales are its exponential.

Source: ours; most are known, see Elhage et al. 2021 for the products W_Q W_K^T and W_V W_O.
"""


def _blocks(weights: Weights) -> list[str]:
    return sorted({name.rsplit(".", 2)[0] for name in weights if name.endswith(".attn.W_Q")})


def _readers(weights: Weights) -> dict[str, list[str]]:
    """The matrices that read each LayerNorm."""
    found = {"ln_final": ["W_U"]}
    for block in _blocks(weights):
        found[f"{block}.ln1"] = [f"{block}.attn.W_{letter}" for letter in "QKV"]
        found[f"{block}.ln2"] = [f"{block}.mlp.W_in"]
    return found


def _bias_of(matrix: str) -> str:
    """``W_U`` has ``b_U``, ``blocks.0.mlp.W_in`` has ``blocks.0.mlp.b_in``."""
    head, _, last = matrix.rpartition("W_")
    return f"{head}b_{last}"


def _mix(weight: Float[Tensor, "head d_model d_head"], draw: Draw) -> Float[Tensor, "head d_head d_head"]:
    """For each head a matrix with an inverse, far from singular: a turn times a scale for each direction."""
    n_heads, _, d_head = weight.shape
    turns = torch.stack([_turn(d_head, draw, fixed=False) for _ in range(n_heads)])
    return turns * _normal((n_heads, 1, d_head), draw).exp()


def _turn(size: int, draw: Draw, *, fixed: bool = True) -> Float[Tensor, "size size"]:
    """A random orthogonal matrix; with ``fixed`` it leaves (1, .., 1) where it is."""
    if not fixed:
        free: Tensor = torch.linalg.qr(_normal((size, size), draw)).Q
        return free
    ones = torch.full((size, 1), size**-0.5, dtype=torch.float64)
    basis = torch.linalg.qr(torch.cat([ones, _normal((size, size - 1), draw)], 1)).Q
    inner = torch.eye(size, dtype=torch.float64)
    inner[1:, 1:] = _turn(size - 1, draw, fixed=False)
    turn: Tensor = basis @ inner @ basis.T
    return turn


def _normal(shape: tuple[int, ...] | torch.Size, draw: Draw) -> Tensor:
    return torch.randn(shape, generator=draw, dtype=torch.float64)
