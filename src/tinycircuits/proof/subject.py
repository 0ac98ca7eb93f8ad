"""What a proof is about: a one-layer, one-head model of digits, its stored weights, its ordinary answers."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.factored import made_from
from tinycircuits.models.build import ModelSpec, build
from tinycircuits.proof.cases import Rule
from tinycircuits.proof.tables import Tables, tables
from tinycircuits.tasks import DigitTask

ASSUMED = (
    "one head, ReLU, 1e-5 in every LayerNorm; real arithmetic on the stored weights; in the checker + - * / and sqrt "
    "of binary64 round correctly, sums in any order, and exp of Python's decimal is right"
)
"""What every proof supposes."""


def rule_of(task: DigitTask) -> Rule:
    """What a model must say; raises ``ValueError`` where an answer is not made from one digit."""
    source, answer = made_from(task)
    return Rule(source, answer.numpy())


def tables_of(model: TransformerBridge, rule: Rule) -> Tables:
    """The tables of a model.

    Raises ``ValueError`` for more than one layer or head, for another activation than ReLU, and for weights that are
    not numbers.
    """
    cfg = model.cfg
    if (cfg.n_layers, cfg.n_heads) != (1, 1):
        raise ValueError(
            f"model must have one layer and one head, got {cfg.n_layers} and {cfg.n_heads}; "
            "`tinycircuits certify` decides such a model input by input"
        )
    if not cfg.attn_only and cfg.act_fn != "relu":
        raise ValueError(f"model must have ReLUs, got {cfg.act_fn}")
    weights = {name: each.numpy() for name, each in model.state_dict().items()}
    for name, each in weights.items():
        if not np.isfinite(each).all():
            raise ValueError(f"weights must be finite numbers, got others in {name}")
    return tables(weights, rule)


def bytes_of(model: TransformerBridge) -> bytes:
    """The safetensors file of a model, byte for byte what the store keeps of a run."""
    data: bytes = save({name: each.contiguous() for name, each in model.state_dict().items()})
    return data


@torch.no_grad()
def ordinary_logits(
    model: TransformerBridge, rule: Rule, row: Int[ndarray, " batch"], digits: Int[ndarray, "batch digit"]
) -> Float[Tensor, "batch d_vocab"]:
    """What TransformerLens computes for single cases, in the model's dtype."""
    logits: Tensor = model(torch.from_numpy(rule.tokens(digits)))
    return logits[torch.arange(len(row)), torch.from_numpy(rule.n_digits + row)]


def ordinary_margins(
    model: TransformerBridge, rule: Rule, row: Int[ndarray, " batch"], digits: Int[ndarray, "batch digit"]
) -> Float[ndarray, "batch wrong"]:
    """By how much the right logit exceeds each other one, in TransformerLens."""
    logits = ordinary_logits(model, rule, row, digits).numpy()
    right = rule.answer[row, digits[np.arange(len(row)), np.array(rule.source)[row]]]
    others = np.arange(logits.shape[1]) != right[:, None]
    found: ndarray = logits[np.arange(len(row)), right][:, None] - logits[others].reshape(len(row), -1)
    return found


def read_model(file: Path, task: DigitTask) -> tuple[TransformerBridge, DigitTask, bytes]:
    """The model of a safetensors file, the task with the digits that its shapes allow, and the bytes.

    Raises ``ValueError`` for a file that does not hold a one-layer model by the names of the stored ones.
    """
    try:
        data = file.read_bytes()
        weights = load(data)
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror})") from None
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{file} is no safetensors file ({error})") from None
    odd = [name for name, each in weights.items() if each.dtype not in (torch.float32, torch.float64)]
    if odd:
        raise ValueError(f"{file} must hold float32 or float64, got {weights[odd[0]].dtype} in {odd[0]}")
    deeper = [name for name in weights if name.startswith("blocks.") and not name.startswith("blocks.0.")]
    if deeper:
        raise ValueError(f"{file} must hold one layer, got {deeper[0]}")
    sizes = {name: tuple(weights[name].shape) for name in weights}
    try:
        (d_vocab, d_model), (n_ctx, _) = sizes["embed.weight"], sizes["pos_embed.weight"]
        d_head, _ = sizes["blocks.0.attn.q.weight"]
        d_mlp = sizes["blocks.0.mlp.in.weight"][0] if "blocks.0.mlp.in.weight" in sizes else None
    except (KeyError, ValueError) as error:
        raise ValueError(f"{file} must hold embed, pos_embed and blocks.0.attn.q, each a matrix ({error})") from None
    if n_ctx % 2 == 0 or n_ctx < 3:
        raise ValueError(f"{file} must have BOS, digits and as many answers, got {n_ctx} positions")
    spec = ModelSpec(
        n_layers=1, d_model=d_model, n_heads=1, d_head=d_head, d_mlp=d_mlp, layer_norm="ln_final.weight" in sizes
    )
    size = {"n_digits": n_ctx // 2, "modulus": d_vocab - 1}
    try:
        sized = type(task).model_validate({**task.model_dump(exclude={"type"}), **size})
    except ValueError:
        raise ValueError(f"{file} must have 1 to 16 digits modulo 2 to 64, got {size}") from None
    model = build(spec, sized, seed=0, dtype="float64")
    expected = {name: tuple(each.shape) for name, each in model.state_dict().items()}
    for name in {**expected, **sizes}:
        if sizes.get(name) != expected.get(name):
            raise ValueError(f"{file}: {name} must have the shape {expected.get(name)}, got {sizes.get(name)}")
    model.load_state_dict(weights)
    return model, sized, data
