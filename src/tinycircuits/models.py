"""The transformers: a validated architecture, and the one place that builds it with TransformerLens."""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import nn
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources.native import NativeModel, initialize_native_model

from tinycircuits.specs import Spec
from tinycircuits.tasks import Task

Dtype = Literal["float32", "float64"]


class ModelSpec(Spec):
    """A decoder-only transformer: learned positions, pre-LayerNorm blocks, causal attention, untied unembedding.

    Widths are numbers of dimensions. ``d_mlp`` is ``None`` for an attention-only model; without ``attention`` the
    output of every attention layer is held at zero and none of its weights is trained. ``tied`` makes embedding and
    unembedding one matrix. Every linear map has a bias except the unembedding. Weights start at
    N(0, 0.8 / sqrt(d_model)) with output projections divided by sqrt(2 n_layers), biases at zero
    (TransformerLens ``init_mode="gpt2"``).
    """

    LATER: ClassVar[frozenset[str]] = frozenset({"attention", "tied"})

    n_layers: int = Field(ge=1)
    d_model: int = Field(ge=1)
    n_heads: int = Field(ge=1)
    d_head: int = Field(ge=1)
    d_mlp: int | None = Field(ge=1)
    act_fn: Literal["relu", "gelu"] = "relu"
    layer_norm: bool = True
    attention: bool = True
    tied: bool = False

    def config(self, task: Task, seed: int) -> TransformerBridgeConfig:
        """The TransformerLens configuration of this architecture for the vocabulary and length of ``task``."""
        return TransformerBridgeConfig(
            n_layers=self.n_layers,
            d_model=self.d_model,
            n_heads=self.n_heads,
            d_head=self.d_head,
            d_mlp=self.d_mlp,
            attn_only=self.d_mlp is None,
            act_fn=self.act_fn,
            normalization_type="LN" if self.layer_norm else None,
            d_vocab=task.d_vocab,
            n_ctx=task.n_ctx,
            seed=seed,
            device="cpu",
        )


def build(spec: ModelSpec, task: Task, *, seed: int, dtype: Dtype = "float32") -> TransformerBridge:
    """Return a freshly initialised model for ``task``, in evaluation mode, on the CPU.

    The same seed draws the same weights for every ``dtype``.
    """
    model = TransformerBridge.boot_native(spec.config(task, seed), dtype=getattr(torch, dtype))
    if spec.tied:
        model.unembed.original_component.weight = model.embed.original_component.weight
    if not spec.attention:
        _silence_attention(model)
    return model.eval()


def bare(spec: ModelSpec, task: Task, *, seed: int) -> NativeModel:
    """Return the module without hooks whose parameters start as those of ``build``, in single precision, on the CPU."""
    config = spec.config(task, seed)
    with torch.random.fork_rng(devices=[]):
        module = NativeModel(config)
        initialize_native_model(module, config)
    if spec.tied:
        module.head.weight = module.tok_embed.weight
    if not spec.attention:
        _silence_attention(module)
    return module


def named_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters under the names that they have in a bare module; a tied matrix stands once, as the embedding."""
    return {name.replace("_original_component.", ""): p for name, p in model.named_parameters()}


def _silence_attention(model: nn.Module) -> None:
    for name, parameter in named_parameters(model).items():
        if ".attn." in name or ".ln1." in name:
            parameter.requires_grad_(False)
        if ".attn.o." in name:
            nn.init.zeros_(parameter)


def without_hooks(model: TransformerBridge, spec: ModelSpec, task: Task) -> NativeModel:
    """Return a bare module that shares the parameters of ``model`` and computes the same logits, faster.

    It has no hook points, so training, where nobody looks inside, need not pay for them.
    A change of one side's parameters is a change of the other's.
    """
    module = NativeModel(spec.config(task, seed=0)).to(model.W_E.device)
    shared = named_parameters(model)
    if spec.tied:
        shared["head.weight"] = shared["tok_embed.weight"]
    for name in [name for name, _ in module.named_parameters()]:
        owner, _, leaf = name.rpartition(".")
        setattr(module.get_submodule(owner), leaf, shared.pop(name))
    if shared:
        raise RuntimeError(f"parameters without a counterpart in the bare module: {sorted(shared)}")
    return module


def parameter_count(model: nn.Module) -> int:
    """Number of trained parameters."""
    return sum(p.numel() for p in model.parameters())
