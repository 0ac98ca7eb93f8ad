"""How much of a state differs from input to input."""

import torch
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import activations
from tinycircuits.tasks import Task


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
