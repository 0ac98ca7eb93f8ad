"""Models that the tests share: one of every shape with all weights at random, and a circuit set by hand."""

import torch
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.circuits import hand_built
from tinycircuits.models import ModelSpec, build
from tinycircuits.models import named_parameters as parameters
from tinycircuits.tasks import Task

__all__ = ["SPECS", "hand_built", "parameters", "scrambled"]

SPECS = {
    "two layers": ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=2, d_mlp=16),
    "one layer": ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=4, d_mlp=16),
    "three layers, two heads, gelu": ModelSpec(n_layers=3, d_model=6, n_heads=2, d_head=3, d_mlp=5, act_fn="gelu"),
    "attention only": ModelSpec(n_layers=2, d_model=8, n_heads=2, d_head=4, d_mlp=None),
    "no LayerNorm": ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=2, d_mlp=8, layer_norm=False),
}


def scrambled(spec: ModelSpec, task: Task, *, seed: int = 0) -> TransformerBridge:
    """A float64 model whose every parameter is moved at random, so that no bias is zero and no LayerNorm trivial."""
    model = build(spec, task, seed=seed, dtype="float64")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.5 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return model
