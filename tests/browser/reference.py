"""What a reader's changes mean, said with the hooks of TransformerLens."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tests.browser.engine import Touch
from tinycircuits.models.build import named_parameters
from tinycircuits.tasks import Task

Place = tuple[str, tuple[Any, ...]]
"""A hook, and which part of the activation there."""


@torch.no_grad()
def touched(
    model: TransformerBridge, task: Task, touches: list[Touch], other: list[int]
) -> Float[Tensor, "batch answer d_vocab"]:
    """The logits of all inputs after the changes, which are made in a copy of the model.

    Means and the values of the second input are those of the model with its changed weights and nothing held.
    """
    changed, b_U = copy.deepcopy(model), torch.zeros_like(model.b_U)  # a bias that no parameter holds
    for touch in touches:
        if touch["kind"] == "hold":
            continue
        weight = b_U if touch["name"] == "b_U" else weight_named(changed, touch["name"])
        if touch["kind"] == "zero":
            weight.zero_()
        else:
            at = torch.unravel_index(torch.tensor(touch["index"]), weight.shape)
            weight[at] = touch["value"]
    tokens, second = task.inputs(task.sequences()), task.inputs(task.sequences_of(torch.tensor([other])))
    held = [touch for touch in touches if touch["kind"] == "hold"]
    means = changed.run_with_cache(tokens)[1] if any(touch["by"] == "mean" for touch in held) else {}
    others = changed.run_with_cache(second)[1] if any(touch["by"] == "other" for touch in held) else {}
    hooks = []
    for touch in held:
        for name, at in places(touch, tokens.shape[1]):
            value = torch.zeros(())
            if touch["by"] == "mean":
                value = means[name][:, *at].mean(0)
            if touch["by"] == "other":
                value = others[name][0, *at]
            hooks.append((name, putting(at, value)))
    logits: Tensor = changed.run_with_hooks(tokens, fwd_hooks=hooks)[:, list(task.predicting_rows)]
    return logits + b_U


def putting(at: tuple[Any, ...], value: Tensor) -> Callable[..., Tensor]:
    """A hook that puts a value there for every input."""

    def put(activation: Tensor, hook: object) -> Tensor:
        activation = activation.clone()
        activation[:, *at] = value
        return activation

    return put


def places(touch: Touch, length: int) -> list[Place]:
    """Where TransformerLens has what a touch holds."""
    kind, *numbers = touch["site"].split(".")
    layer, *rest = map(int, numbers or [0])
    block = f"blocks.{layer}"
    if kind == "edge":
        return [(f"{block}.attn.hook_pattern", tuple(rest))]
    name = {
        "embed": "blocks.0.hook_resid_pre",
        "attn": f"{block}.hook_attn_out",
        "head": f"{block}.attn.hook_z",
        "mlp": f"{block}.hook_mlp_out",
        "neuron": f"{block}.mlp.hook_post",
    }[kind]
    positions = range(length) if touch["pos"] is None else [touch["pos"]]
    return [(name, (p, *rest)) for p in positions]


def weight_named(model: TransformerBridge, name: str) -> Tensor:
    """A view of a parameter, with its name and shape in TransformerLens: what is put there is in the model."""
    parameters, heads = named_parameters(model), model.cfg.n_heads
    if name in ("W_E", "W_pos", "W_U"):
        weight = parameters[{"W_E": "tok_embed", "W_pos": "pos", "W_U": "head"}[name] + ".weight"]
        return weight.mT if name == "W_U" else weight
    path, letter = name.rsplit(".", 1)
    path = path.replace("blocks", "layers").replace("ln_final", "ln_out")
    if letter in "wb":
        return parameters[f"{path}.{'weight' if letter == 'w' else 'bias'}"]
    matrix, of = letter.split("_")
    part = {"in": "fc_in", "out": "fc_out"}.get(of, of.lower())
    weight = parameters[f"{path}.{part}.{'weight' if matrix == 'W' else 'bias'}"]
    if of == "O":
        return (
            rearrange(weight, "d_model (head d_head) -> head d_head d_model", head=heads) if matrix == "W" else weight
        )
    if of in "QKV":
        return rearrange(weight, "(head d_head) ... -> head ... d_head", head=heads)
    return weight.mT if matrix == "W" else weight
