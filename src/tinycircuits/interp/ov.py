"""What a head writes when it reads a digit: the token-to-logit matrix of one head in the first layer."""

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import Head, check_part
from tinycircuits.tasks import DigitTask


@torch.no_grad()
def digit_writing(model: TransformerBridge, task: DigitTask, *, head: int = 0) -> Float[Tensor, "digit answer"]:
    """What attending to each digit adds to the logit of each answer, by one head of layer 0; the means are taken out.

    W[d] = mean_p LN(W_E[d] + W_pos[p]) W_V W_O diag(w) W_U, where ``p`` are the positions of the input digits and ``w``
    is the final LayerNorm's weight after centring; without LayerNorm both norms are left out. What the head adds for
    all digits alike and to all answers alike decides nothing about which digit gives which answer; so the mean of
    each column and of each row is zero. The scale is that of logits without LayerNorm, and arbitrary with it.

    Shows / does not show: what the head would write if it looked there, not that it looks, and nothing of later MLPs.

    Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits" (the OV circuit).

    Raises ``ValueError`` for an unknown head.
    """
    check_part(model, Head(0, head))
    digits = torch.arange(task.modulus)
    states = model.W_E[digits, None] + model.W_pos[1 : task.n_digits + 1]
    read = model.blocks[0].ln1.original_component(states).mean(1)
    written = read @ model.W_V[0, head] @ model.W_O[0, head]
    if model.cfg.normalization_type is not None:
        norm = model.ln_final.original_component
        written = (written - written.mean(-1, keepdim=True)) * norm.weight
    logits = written @ model.W_U[:, digits]
    centred: Tensor = logits - logits.mean(0) - logits.mean(1, keepdim=True) + logits.mean()
    return centred


def shift(matrix: Float[Tensor, "digit answer"]) -> int | None:
    """The ``s`` for which every digit ``d`` has its largest entry at ``(d + s) mod n``; ``None`` if there is none."""
    n = len(matrix)
    steps = {(int(answer) - digit) % n for digit, answer in enumerate(matrix.argmax(1))}
    return steps.pop() if len(steps) == 1 else None
