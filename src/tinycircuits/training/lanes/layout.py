"""How the trained parameters of one model lie in a flat vector, and a stack of such vectors in a matrix."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.models.build import Dtype, ModelSpec, bare, build, named_parameters
from tinycircuits.tasks import Task


@dataclass(frozen=True)
class Layout:
    """Names and shapes (torch layout, ``[out in]``) of the trained parameters, in the order of the flat vector."""

    shapes: dict[str, tuple[int, ...]]
    tied: bool

    @property
    def sizes(self) -> list[int]:
        """Number of entries of each parameter."""
        return [math.prod(shape) for shape in self.shapes.values()]

    def unpack(self, weights: Float[Tensor, "lane parameter"]) -> dict[str, Tensor]:
        """Views ``[lane, *shape]`` by name; with tied embeddings the unembedding is there too."""
        parts = torch.split(weights, self.sizes, dim=1)
        named = {name: part.view(-1, *shape) for part, (name, shape) in zip(parts, self.shapes.items(), strict=True)}
        return {**named, "head.weight": named["tok_embed.weight"]} if self.tied else named

    def pack(self, named: Mapping[str, Tensor]) -> Float[Tensor, " parameter"]:
        """The flat vector of one model from its named parameters."""
        return torch.cat([named[name].detach().reshape(-1) for name in self.shapes])


def layout(spec: ModelSpec, task: Task) -> Layout:
    """The layout of a model of this shape for ``task``; what the shape holds fixed is left out."""
    named = named_parameters(bare(spec, task, seed=0))
    return Layout({name: tuple(p.shape) for name, p in named.items() if p.requires_grad}, spec.tied)


def initial_weights(spec: ModelSpec, task: Task, seeds: Sequence[int], dtype: Dtype) -> Float[Tensor, "lane parameter"]:
    """One row for each seed: the weights with which ``models.build`` starts that seed."""
    where = layout(spec, task)
    rows = [where.pack(named_parameters(bare(spec, task, seed=seed))) for seed in seeds]
    return torch.stack(rows).to(getattr(torch, dtype))


def model_of(spec: ModelSpec, task: Task, weights: Float[Tensor, " parameter"], *, dtype: Dtype) -> TransformerBridge:
    """The TransformerLens model with the weights of one lane, in evaluation mode, on the CPU."""
    return with_weights(build(spec, task, seed=0, dtype=dtype), layout(spec, task), weights)


def with_weights(model: TransformerBridge, where: Layout, weights: Float[Tensor, " parameter"]) -> TransformerBridge:
    """The same model, its trained parameters overwritten with the weights of one lane."""
    named = named_parameters(model)
    with torch.no_grad():
        for name, value in zip(where.shapes, torch.split(weights, where.sizes), strict=True):
            named[name].copy_(value.view(where.shapes[name]))
    return model
