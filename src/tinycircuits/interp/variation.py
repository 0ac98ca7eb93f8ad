"""How much of a state differs from input to input."""

import torch
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import activations, components
from tinycircuits.models.build import ModelSpec, build
from tinycircuits.tasks import Task


def varying_before_training(spec: ModelSpec, task: Task, *, embed_std: float, n_seeds: int) -> tuple[float, ...]:
    """``varying_share`` of the state that the first MLP reads, in untrained models whose embeddings start at a size.

    ``embed_std`` is the standard deviation of the embeddings; one share for each of the seeds ``0 .. n_seeds - 1``.
    """
    begun = spec.model_copy(update={"embed_std": embed_std})
    models = (build(begun, task, seed=seed) for seed in range(n_seeds))
    return tuple(varying_share(model, task, hook=components(model)[1].input_hook) for model in models)


@torch.no_grad()
def varying_share(model: TransformerBridge, task: Task, *, hook: str) -> float:
    """How much of a state at the predicting rows differs from input to input: a share 0 .. 1 of its mean square.

    sum |x - mean over inputs of x|^2 / sum |x|^2 over all inputs, where each state x has had the mean of its entries
    taken out. LayerNorm does that too and then brings x to one length, so this is what the next part gets to see of
    the inputs; all else is the same for each of them.

    Shows / does not show: how large the part is that could carry anything, not that it carries something, nor whether
    a later weight makes up for its size.

    Source: ours.
    """
    states = activations(model, task.inputs(task.sequences()), [hook], rows=task.predicting_rows)[hook].double()
    seen = states - states.mean(-1, keepdim=True)
    return float((seen - seen.mean(0)).square().sum() / seen.square().sum())
