"""A circuit written down by hand: what a transformer can do, whatever training finds."""

from itertools import accumulate

import torch
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.models.build import ModelSpec, build, named_parameters
from tinycircuits.tasks import ReverseIncrement


def slots(task: ReverseIncrement) -> dict[str, tuple[str, ...]]:
    """The parts of the residual stream of ``hand_built``, in order, with a name for every number in them."""
    tokens = task.token_names
    return {"token": tokens, "position": task.position_names, "copied": tokens, "answer": tokens}


def hand_built(task: ReverseIncrement, *, mlp: bool) -> TransformerBridge:
    """A one-layer circuit that solves ``task``, written down by hand, without LayerNorm.

    The residual stream has four parts: the token as a one-hot vector, the position as a one-hot vector, the digit that
    attention copied from the source column, and the answer, which the unembedding reads. With ``mlp`` the attention
    copies the digit and neuron ``k`` raises digit ``k``; without, the attention's output matrix raises it at once.
    """
    d_vocab, n_ctx, n = task.d_vocab, task.n_ctx, task.n_digits
    token, position, copied, answer, d_model = accumulate(map(len, slots(task).values()), initial=0)
    d_head = max(n_ctx, d_vocab)
    spec = ModelSpec(
        n_layers=1, d_model=d_model, n_heads=1, d_head=d_head, d_mlp=task.modulus if mlp else None, layer_norm=False
    )
    model = build(spec, task, seed=0, dtype="float64")
    with torch.no_grad():
        weights = named_parameters(model)
        for weight in weights.values():
            weight.zero_()
        vocabulary, digits = torch.arange(d_vocab), torch.arange(task.modulus)
        raised = (digits + task.increment) % task.modulus
        weights["tok_embed.weight"][vocabulary, token + vocabulary] = 1
        weights["pos.weight"][torch.arange(n_ctx), position + torch.arange(n_ctx)] = 1
        query, key = weights["layers.0.attn.q.weight"], weights["layers.0.attn.k.weight"]
        rows, columns = torch.tensor(list(task.predicting_rows)), torch.tensor(task.source_columns)
        query[columns, position + rows] = 1e5
        query[0, position + torch.arange(n)] = 1e5  # rows without an answer rest on BOS
        key[torch.arange(n_ctx), position + torch.arange(n_ctx)] = 1
        weights["layers.0.attn.v.weight"][vocabulary, token + vocabulary] = 1
        output = weights["layers.0.attn.o.weight"]
        if mlp:
            output[copied + vocabulary, vocabulary] = 1
            weights["layers.0.mlp.fc_in.weight"][digits, copied + digits] = 1
            weights["layers.0.mlp.fc_out.weight"][answer + raised, digits] = 1
        else:
            output[answer + raised, digits] = 1
        weights["head.weight"][vocabulary, answer + vocabulary] = 1
    return model
