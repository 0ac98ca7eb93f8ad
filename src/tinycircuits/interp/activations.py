"""The model's parts and places by name, and their activations over all inputs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

BATCH_SIZE = 4096
"""Inputs per forward pass: the fastest of 512 .. 8,192 for the 8-digit models on two cores."""

Kind = Literal["attn", "mlp"]


@dataclass(frozen=True, order=True)
class Component:
    """A half layer that reads the residual stream and adds its output to it."""

    layer: int
    kind: Kind

    @property
    def label(self) -> str:
        """``L0 attn``, ``L0 mlp``, ..."""
        return f"L{self.layer} {self.kind}"

    @property
    def hook(self) -> str:
        """TransformerLens' name of its output ``[batch pos d_model]``, output bias included."""
        return f"blocks.{self.layer}.hook_{self.kind}_out"

    @property
    def input_hook(self) -> str:
        """TransformerLens' name of the residual stream that it reads, before its LayerNorm."""
        place = "resid_pre" if self.kind == "attn" else "resid_mid"
        return f"blocks.{self.layer}.hook_{place}"

    @property
    def component(self) -> "Component":
        """Itself; a ``Head`` has the attention that it is a part of."""
        return self


@dataclass(frozen=True, order=True)
class Head:
    """One attention head. What it writes is ``z @ W_O[head]``; the layer's bias ``b_O`` belongs to no head."""

    layer: int
    head: int

    @property
    def label(self) -> str:
        """``L0H0``, ``L0H1``, ..."""
        return f"L{self.layer}H{self.head}"

    @property
    def hook(self) -> str:
        """TransformerLens' name of the layer's ``z`` ``[batch pos head d_head]``, of which it is one slice."""
        return f"blocks.{self.layer}.attn.hook_z"

    @property
    def component(self) -> Component:
        """The attention that it is a part of."""
        return Component(self.layer, "attn")


Part = Component | Head


@dataclass(frozen=True)
class Stage:
    """A place in the residual stream: after the embeddings (``embed``) or after a component."""

    label: str
    hook: str


def components(model: TransformerBridge) -> tuple[Component, ...]:
    """Every component of ``model`` in order of computation: ``L0 attn``, ``L0 mlp``, ``L1 attn``, ..."""
    kinds: tuple[Kind, ...] = ("attn",) if model.cfg.attn_only else ("attn", "mlp")
    return tuple(Component(layer, kind) for layer in range(model.cfg.n_layers) for kind in kinds)


def component_groups(model: TransformerBridge) -> dict[str, tuple[Component, ...]]:
    """Each component by its label, then all of a kind together: ``all attention``, ``all MLPs`` where there are any."""
    each = components(model)
    together = {
        name: tuple(part for part in each if part.kind == kind)
        for name, kind in (("all attention", "attn"), ("all MLPs", "mlp"))
    }
    return {part.label: (part,) for part in each} | {name: parts for name, parts in together.items() if parts}


def attention_heads(model: TransformerBridge) -> tuple[Head, ...]:
    """Every attention head of ``model``: ``L0H0``, ``L0H1``, ..., ``L1H0``, ..."""
    return tuple(Head(layer, head) for layer in range(model.cfg.n_layers) for head in range(model.cfg.n_heads))


def part_named(model: TransformerBridge, label: str) -> Part:
    """The component or head with this label; raises ``ValueError`` that lists the labels when ``model`` has none."""
    parts: tuple[Part, ...] = (*components(model), *attention_heads(model))
    by_label = {part.label: part for part in parts}
    if label not in by_label:
        raise ValueError(f"part must be one of {', '.join(by_label)}, got {label!r}")
    return by_label[label]


def check_part(model: TransformerBridge, part: Part) -> None:
    """Raises ``ValueError`` when ``model`` has no such component or head."""
    kind, known = ("component", components(model)) if isinstance(part, Component) else ("head", attention_heads(model))
    if part not in known:
        raise ValueError(f"{kind} must be one of {', '.join(each.label for each in known)}, got {part.label!r}")


def stages(model: TransformerBridge) -> tuple[Stage, ...]:
    """The residual stream before the first and after each component: ``embed``, ``L0 resid_mid``, ...

    Stage ``i`` is what component ``i`` reads, stage ``i + 1`` is the same plus its output.
    An attention-only model has no ``resid_mid``.
    """
    after = [
        Stage(f"L{layer} {place}", f"blocks.{layer}.hook_{place}")
        for layer in range(model.cfg.n_layers)
        for place in (("resid_post",) if model.cfg.attn_only else ("resid_mid", "resid_post"))
    ]
    return (Stage("embed", "blocks.0.hook_resid_pre"), *after)


def stage_named(model: TransformerBridge, label: str) -> Stage:
    """The stage with this label; raises ``ValueError`` when ``model`` has none."""
    by_label = {stage.label: stage for stage in stages(model)}
    if label not in by_label:
        raise ValueError(f"stage must be one of {', '.join(by_label)}, got {label!r}")
    return by_label[label]


def check_layer(model: TransformerBridge, layer: int, *, mlp: bool = False) -> None:
    """Raises ``ValueError`` when ``model`` has no such layer, or with ``mlp`` no MLP in it."""
    if not 0 <= layer < model.cfg.n_layers:
        raise ValueError(f"layer must lie in 0..{model.cfg.n_layers - 1}, got {layer}")
    if mlp and model.cfg.attn_only:
        raise ValueError(f"layer must have an MLP, but the model is attention-only (got layer {layer})")


@torch.no_grad()
def activations(
    model: TransformerBridge,
    tokens: Int[Tensor, "batch pos"],
    names: Sequence[str],
    *,
    rows: Sequence[int] | None = None,
    batch_size: int = BATCH_SIZE,
) -> dict[str, Float[Tensor, "batch row ..."]]:
    """The activations of ``model`` on ``tokens`` at the hooks ``names``, in the model's dtype.

    ``rows`` keeps only these positions of the second axis (for hooks shaped ``[batch pos ...]``, so not for
    attention patterns); the default keeps all. The inputs pass through the model ``batch_size`` at a time.

    Raises ``ValueError`` for a hook that ``model`` does not have or does not reach.
    """
    unknown = [name for name in names if name not in model.hook_dict]
    if unknown:
        raise ValueError(f"names must be hooks of the model (model.hook_dict lists them), got {unknown}")
    parts: dict[str, list[Tensor]] = {name: [] for name in names}
    for batch in batches(tokens, batch_size):
        cache = _cache(model, batch, names)
        for name, kept in parts.items():
            kept.append(cache[name] if rows is None else cache[name][:, list(rows)])
    return {name: torch.cat(kept) for name, kept in parts.items()}


def batches(values: Shaped[Tensor, "batch ..."], size: int = BATCH_SIZE) -> Iterator[Shaped[Tensor, "part ..."]]:
    """``values`` in consecutive parts of at most ``size``."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def tokens_in(values: Int[Tensor, "*any"]) -> Int[Tensor, " token"]:
    """The different tokens that occur, in ascending order."""
    return values.flatten().bincount().nonzero().flatten()


def _cache(model: TransformerBridge, batch: Int[Tensor, "batch pos"], names: Sequence[str]) -> dict[str, Any]:
    stored: dict[str, Any] = model.run_with_cache(batch, names_filter=list(names), return_cache_object=False)[1]
    missing = [name for name in names if name not in stored]
    if missing:
        raise ValueError(f"names must be hooks that the model reaches, got {missing}")
    return stored
