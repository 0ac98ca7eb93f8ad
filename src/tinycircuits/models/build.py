"""The transformers: a validated architecture, and the one place that builds it with TransformerLens."""

import math
from collections.abc import Mapping
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
_LETTERS = {"weight": "W", "bias": "b"}


class ModelSpec(Spec):
    """A decoder-only transformer: learned positions, pre-LayerNorm blocks, causal attention, untied unembedding.

    Widths are numbers of dimensions. ``d_mlp`` is ``None`` for an attention-only model; without ``attention`` the
    output of every attention layer is held at zero and none of its weights is trained. ``tied`` makes embedding and
    unembedding one matrix. Every linear map has a bias except the unembedding.

    ``start`` is how the weights begin. ``gpt2``: N(0, 0.8 / sqrt(d_model)), output projections divided by
    sqrt(2 n_layers), biases zero (TransformerLens 4, ``init_mode="gpt2"``). ``hooked``: the same without that division,
    as TransformerLens had it until version 3. ``torch``: what PyTorch's modules draw by default, embeddings N(0, 1),
    weights and biases of linear maps uniform within 1 / sqrt(fan in), query, key and value as one map, in the order
    embeddings, blocks, unembedding, after ``torch.manual_seed``. ``embed_std`` replaces the standard deviation of both
    embeddings, from the same draw.
    """

    LATER: ClassVar[frozenset[str]] = frozenset({"attention", "tied", "start", "embed_std"})

    n_layers: int = Field(ge=1)
    d_model: int = Field(ge=1)
    n_heads: int = Field(ge=1)
    d_head: int = Field(ge=1)
    d_mlp: int | None = Field(ge=1)
    act_fn: Literal["relu", "gelu"] = "relu"
    layer_norm: bool = True
    attention: bool = True
    tied: bool = False
    start: Literal["gpt2", "hooked", "torch"] = "gpt2"
    embed_std: float | None = Field(default=None, gt=0)

    @property
    def default_embed_std(self) -> float:
        """The standard deviation at which ``start`` begins the embeddings."""
        return 1.0 if self.start == "torch" else 0.8 / math.sqrt(self.d_model)

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
    """A freshly initialised model for ``task``, in evaluation mode, on the CPU.

    The same seed draws the same weights for every ``dtype``.
    """
    model = TransformerBridge.boot_native(spec.config(task, seed), dtype=getattr(torch, dtype))
    _begin(spec, named_parameters(model), seed)
    if spec.tied:
        model.unembed.original_component.weight = model.embed.original_component.weight
    if not spec.attention:
        _silence_attention(model)
    return model.eval()


def bare(spec: ModelSpec, task: Task, *, seed: int) -> NativeModel:
    """The module without hooks whose parameters start as those of ``build``, in single precision, on the CPU."""
    config = spec.config(task, seed)
    with torch.random.fork_rng(devices=[]):
        module = NativeModel(config)
        initialize_native_model(module, config)
    _begin(spec, named_parameters(module), seed)
    if spec.tied:
        module.head.weight = module.tok_embed.weight
    if not spec.attention:
        _silence_attention(module)
    return module


def named_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters under the names that they have in a bare module; a tied matrix stands once, as the embedding."""
    return {name.replace("_original_component.", ""): p for name, p in model.named_parameters()}


SHORT_NAMES = {
    "tok_embed.weight": "W_E",
    "pos.weight": "W_pos",
    "head.weight": "W_U",
    **{f"attn.{part}.{kind}": f"{letter}_{part.upper()}" for part in "qkvo" for kind, letter in _LETTERS.items()},
    **{f"mlp.fc_{way}.{kind}": f"{letter}_{way}" for way in ("in", "out") for kind, letter in _LETTERS.items()},
}
"""TransformerLens' short names by what a parameter's name in a bare module ends in."""


def short_name(parameter: str) -> str | None:
    """The short name (``W_Q``) of a parameter of a bare module (``layers.0.attn.q.weight``); none of a LayerNorm's."""
    return next((short for end, short in SHORT_NAMES.items() if parameter.endswith(end)), None)


@torch.no_grad()
def _begin(spec: ModelSpec, named: Mapping[str, nn.Parameter], seed: int) -> None:
    """Give freshly drawn parameters (TransformerLens' start) the start of ``spec``."""
    if spec.start == "torch":
        _draw_as_torch(spec, named, seed)
    if spec.start == "hooked":
        for name, parameter in named.items():
            if name.endswith(("attn.o.weight", "mlp.fc_out.weight")):
                parameter.mul_(math.sqrt(2 * spec.n_layers))
    if spec.embed_std is not None:
        for name in ("tok_embed.weight", "pos.weight"):
            named[name].mul_(spec.embed_std / spec.default_embed_std)


def _draw_as_torch(spec: ModelSpec, named: Mapping[str, nn.Parameter], seed: int) -> None:
    """Draw in single precision, as ``nn.Embedding`` and ``nn.Linear`` do, with the modules made in the usual order."""
    generator = torch.Generator().manual_seed(seed)

    def embedding(name: str) -> None:
        named[name].copy_(torch.empty(named[name].shape).normal_(generator=generator))

    def linear(*names: str, bias: bool = True) -> None:
        """Maps of one input that are drawn as one."""
        rows, fan_in = [len(named[f"{name}.weight"]) for name in names], named[f"{names[0]}.weight"].shape[1]
        bound = 1 / math.sqrt(fan_in)
        weight = nn.init.kaiming_uniform_(torch.empty(sum(rows), fan_in), a=math.sqrt(5), generator=generator)
        for name, part in zip(names, torch.split(weight, rows), strict=True):
            named[f"{name}.weight"].copy_(part)
        if bias:
            drawn = torch.empty(sum(rows)).uniform_(-bound, bound, generator=generator)
            for name, part in zip(names, torch.split(drawn, rows), strict=True):
                named[f"{name}.bias"].copy_(part)

    embedding("tok_embed.weight")
    embedding("pos.weight")
    for layer in range(spec.n_layers):
        linear(*(f"layers.{layer}.attn.{part}" for part in "qkv"))
        linear(f"layers.{layer}.attn.o")
        if spec.d_mlp is not None:
            linear(f"layers.{layer}.mlp.fc_in")
            linear(f"layers.{layer}.mlp.fc_out")
    linear("head", bias=False)


def _silence_attention(model: nn.Module) -> None:
    for name, parameter in named_parameters(model).items():
        if ".attn." in name or ".ln1." in name:
            parameter.requires_grad_(False)
        if ".attn.o." in name:
            nn.init.zeros_(parameter)


def without_hooks(model: TransformerBridge, spec: ModelSpec, task: Task) -> NativeModel:
    """A bare module that shares the parameters of ``model`` and computes the same logits, faster.

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
