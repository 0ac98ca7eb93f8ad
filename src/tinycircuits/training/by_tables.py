"""A forward pass for batches that hold most pairs of modular addition: what hangs on one number is computed once."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding
from transformer_lens.model_bridge.sources.native import NativeModel

from tinycircuits.tasks import ModularAddition, Task


def answer_logits(
    module: NativeModel, task: Task, sequences: Int[Tensor, "batch n_ctx"]
) -> Float[Tensor, "batch 1 d_vocab"]:
    """The logits of the answer, as the module's own forward pass has them up to the order of its sums.

    In one layer without LayerNorm a key and a value hang on one token and its position: they are computed for ``p``
    numbers at two positions, not for every pair. Query, MLP and unembedding are computed at the row of the answer only.

    Raises ``ValueError`` for another task, more layers or LayerNorm.
    """
    if not isinstance(task, ModularAddition):
        raise ValueError(f"task must be a ModularAddition, got {type(task).__name__}")
    if len(module.layers) != 1 or not isinstance(module.layers[0].ln1, torch.nn.Identity):
        raise ValueError(f"model must have one layer and no LayerNorm, got {len(module.layers)} layers")
    (layer,) = module.layers
    attn, inputs = layer.attn, task.inputs(sequences)
    heads = (-1, attn.n_heads, attn.d_head)
    tables = [module.tok_embed.weight + position for position in module.pos.weight[: inputs.shape[1]]]
    last = tables[-1][task.equals]
    query = attn.q(last).view(*heads)
    scores = torch.stack([(attn.k(table).view(*heads) * query).sum(-1) for table in tables]) / attn.d_head**0.5
    seen = zip(inputs.unbind(1), scores, tables, strict=True)
    read = [(embedding(tokens, score), embedding(tokens, attn.v(table))) for tokens, score, table in seen]
    pattern = torch.stack([score for score, _ in read]).softmax(0)
    z = sum(
        (weight[..., None] * value.view(*heads)).flatten(1) for weight, (_, value) in zip(pattern, read, strict=True)
    )
    middle = last + attn.o(z)
    mlp = getattr(layer, "mlp", None)  # an attention-only layer has none
    logits: Tensor = module.head(middle if mlp is None else middle + mlp(middle))
    return logits[:, None]
