"""The forward pass in plain tensors, from any place in the residual stream on.

An intervention changes nothing upstream of itself, so that all inputs need only the rest of the pass, and of the
last layer only the rows that are read. The tests compare it with TransformerLens' own forward pass.
"""

from collections.abc import Mapping, Sequence

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import Component, check_part, components

_ACTIVATIONS = {"relu": functional.relu_, "gelu": functional.gelu}


@torch.no_grad()
def project(
    model: TransformerBridge, resid: Float[Tensor, "*rest d_model"], *, layer_norm: bool
) -> Float[Tensor, "*rest d_vocab"]:
    """The logits that the unembedding reads from ``resid``.

    logits = resid @ W_U + b_U, with ``layer_norm`` LN_final(resid) @ W_U + b_U (what the model computes at its end).
    """
    state = final_norm(model, resid) if layer_norm else resid
    logits: Tensor = state @ model.W_U + model.b_U
    return logits


def final_norm(model: TransformerBridge, resid: Float[Tensor, "*rest d_model"]) -> Float[Tensor, "*rest d_model"]:
    """``resid`` after the model's final LayerNorm; unchanged for a model without LayerNorm."""
    return _norm(model.ln_final.original_component, resid)


@torch.no_grad()
def logits_after(
    model: TransformerBridge,
    resid: Float[Tensor, "batch pos d_model"],
    component: Component,
    *,
    rows: Sequence[int],
    held: Mapping[Component, Float[Tensor, "batch pos d_model"]] | None = None,
    held_at: Sequence[int] | None = None,
) -> Float[Tensor, "batch row d_vocab"]:
    """The logits at ``rows`` when the residual stream just after ``component`` is ``resid``.

    Later components in ``held`` write what stands there instead of what they compute, at the positions ``held_at`` or
    at all.

    Raises ``ValueError`` for an unknown component.
    """
    rest, held = components_after(model, component), held or {}
    last_attn, kept = Component(model.cfg.n_layers - 1, "attn"), list(rows)
    narrow = last_attn not in rest  # from the last attention on, only ``rows`` matter
    resid = resid[:, kept] if narrow else resid
    for part in rest:
        keys = resid
        if part == last_attn:
            resid, narrow = resid[:, kept], True
        at = kept if narrow else list(range(keys.shape[1]))
        if part in held and held_at is None:
            output = held[part][:, at]
        elif part.kind == "mlp":
            output = mlp_out(model, part.layer, resid)
        else:
            output = attn_out(model, part.layer, resid, keys, at)
        if part in held and held_at is not None:
            fixed = torch.isin(torch.tensor(at), torch.tensor(held_at))[:, None]
            output = torch.where(fixed, held[part][:, at], output)
        resid = resid + output
    return project(model, resid, layer_norm=True)


@torch.no_grad()
def row_logits_after(
    model: TransformerBridge,
    changed: Float[Tensor, "batch row d_model"],
    component: Component | None,
    clean: Mapping[Component, Float[Tensor, "batch pos d_model"]],
    *,
    rows: Sequence[int],
) -> Float[Tensor, "batch row d_vocab"]:
    """For each row, the logits there when the residual stream just after ``component`` is changed *there only*.

    ``changed[:, j]`` belongs to an intervention at ``rows[j]`` alone. All these interventions fit in one pass: a row
    never sees later rows, so that its earlier neighbours stay ``clean[attention component]``, what each later
    attention reads in the clean run. Without a component it is the state that the first one reads.

    Raises ``ValueError`` for an unknown component.
    """
    for part in components(model) if component is None else components_after(model, component):
        if part.kind == "mlp":
            changed = changed + mlp_out(model, part.layer, changed)
        else:
            changed = changed + _attn_out_with_own_key(model, part.layer, changed, clean[part], rows)
    return project(model, changed, layer_norm=True)


def components_after(model: TransformerBridge, component: Component) -> tuple[Component, ...]:
    """The components that come later than ``component``; raises ``ValueError`` when ``model`` lacks it."""
    check_part(model, component)
    order = components(model)
    return order[order.index(component) + 1 :]


def mlp_out(
    model: TransformerBridge, layer: int, resid: Float[Tensor, "*rest d_model"]
) -> Float[Tensor, "*rest d_model"]:
    """act(LN(resid) @ W_in + b_in) @ W_out + b_out."""
    return written_by_neurons(model, layer, mlp_post(model, layer, resid))


def mlp_pre(
    model: TransformerBridge, layer: int, resid: Float[Tensor, "*rest d_model"]
) -> Float[Tensor, "*rest d_mlp"]:
    """What the neurons read: LN(resid) @ W_in + b_in."""
    state = _norm(model.blocks[layer].ln2.original_component, resid)
    return functional.linear(state, model.W_in[layer].T, model.b_in[layer])


def mlp_post(
    model: TransformerBridge, layer: int, resid: Float[Tensor, "*rest d_model"]
) -> Float[Tensor, "*rest d_mlp"]:
    """What the neurons say: act(LN(resid) @ W_in + b_in)."""
    return _ACTIVATIONS[model.cfg.act_fn](mlp_pre(model, layer, resid))


def written_by_neurons(
    model: TransformerBridge, layer: int, hidden: Float[Tensor, "*rest d_mlp"]
) -> Float[Tensor, "*rest d_model"]:
    """What neurons of these values write: hidden @ W_out + b_out."""
    return functional.linear(hidden, model.W_out[layer].T, model.b_out[layer])


def attn_out(
    model: TransformerBridge,
    layer: int,
    queries: Float[Tensor, "batch row d_model"],
    keys: Float[Tensor, "batch pos d_model"],
    rows: Sequence[int],
) -> Float[Tensor, "batch row d_model"]:
    """Causal attention of the states ``queries``, which stand at ``rows``, on the states ``keys`` at all positions."""
    return written_by_heads(model, layer, attn_z(model, layer, queries, keys, rows))


def attn_z(
    model: TransformerBridge,
    layer: int,
    queries: Float[Tensor, "batch row d_model"],
    keys: Float[Tensor, "batch pos d_model"],
    rows: Sequence[int],
) -> Float[Tensor, "batch row head d_head"]:
    """What each head brings to the queries at ``rows``: softmax(Q K^T / sqrt(d_head)) V, causal."""
    (q,) = qkv(model, layer, queries, "Q")
    k, v = qkv(model, layer, keys, "KV")
    scores = (q / model.cfg.d_head**0.5) @ k.mT
    pattern = scores.masked_fill_(_columns(keys) > _column(rows), -torch.inf).softmax(-1)
    z: Tensor = rearrange(pattern @ v, "batch head row d_head -> batch row head d_head")
    return z


def _attn_out_with_own_key(
    model: TransformerBridge,
    layer: int,
    changed: Float[Tensor, "batch row d_model"],
    clean: Float[Tensor, "batch pos d_model"],
    rows: Sequence[int],
) -> Float[Tensor, "batch row d_model"]:
    """Attention of each changed row on the clean positions before it and on itself."""
    q, own_k, own_v = qkv(model, layer, changed, "QKV")
    k, v = qkv(model, layer, clean, "KV")
    earlier = (q @ k.mT).masked_fill(_columns(clean) >= _column(rows), -torch.inf)
    own = (q * own_k).sum(-1, keepdim=True)
    pattern = (torch.cat([earlier, own], dim=-1) / model.cfg.d_head**0.5).softmax(-1)
    z = pattern[..., :-1] @ v + pattern[..., -1:] * own_v
    return written_by_heads(model, layer, rearrange(z, "batch head row d_head -> batch row head d_head"))


def qkv(
    model: TransformerBridge, layer: int, resid: Float[Tensor, "batch pos d_model"], which: str
) -> tuple[Float[Tensor, "batch head pos d_head"], ...]:
    """Of ``QKV`` those that ``which`` names: LN(resid) @ W + b for each head."""
    state = _norm(model.blocks[layer].ln1.original_component, resid)
    found = []
    for letter in which:
        weight = rearrange(getattr(model, f"W_{letter}")[layer], "head d_model d_head -> (head d_head) d_model")
        flat = functional.linear(state, weight, getattr(model, f"b_{letter}")[layer].flatten())
        found.append(rearrange(flat, "batch pos (head d_head) -> batch head pos d_head", d_head=model.cfg.d_head))
    return tuple(found)


def written_by_heads(
    model: TransformerBridge, layer: int, z: Float[Tensor, "batch row head d_head"]
) -> Float[Tensor, "batch row d_model"]:
    """The sum over heads of z @ W_O, plus b_O."""
    flat = rearrange(z, "batch row head d_head -> batch row (head d_head)")
    weight = rearrange(model.W_O[layer], "head d_head d_model -> d_model (head d_head)")
    return functional.linear(flat, weight, model.b_O[layer])


def _norm(module: nn.Module, resid: Float[Tensor, "*rest d_model"]) -> Float[Tensor, "*rest d_model"]:
    """The wrapped LayerNorm, or the identity of a model without, past TransformerLens' hooks."""
    normed: Tensor = module(resid)
    return normed


def _columns(keys: Float[Tensor, "batch pos d_model"]) -> Tensor:
    return torch.arange(keys.shape[1])


def _column(rows: Sequence[int]) -> Tensor:
    return torch.tensor(list(rows))[:, None]
