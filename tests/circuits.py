"""Models that the tests share: some of every shape with weights at random, and circuits set by hand."""

from itertools import accumulate

import torch
from torch.nn.functional import one_hot
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.ablation import Ablation, ablation_table
from tinycircuits.interp.interchange import CleanRows
from tinycircuits.models.build import ModelSpec, build, named_parameters
from tinycircuits.models.build import named_parameters as parameters
from tinycircuits.models.by_hand import hand_built
from tinycircuits.tasks import ModularAddition, Task

__all__ = ["SPECS", "ablate", "adder", "answering", "hand_built", "parameters", "scrambled"]

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


def adder(task: ModularAddition, *, tilt: float = 0.3) -> TransformerBridge:
    """A two-layer circuit that adds: a comes through layer 0's attention, b through its MLP and layer 1's attention.

    At "=" head 1 of layer 0 copies a's token. Layer 0's MLP copies every number where it stands, and head 0 of layer 1
    fetches the copy at b. Neuron (i, j) of layer 1's MLP fires for a = i and b = j and writes their sum. The other head
    of layer 0 reads a with a share of sigmoid(tilt * a), of layer 1 b with sigmoid(tilt * b), the rest of it "=", and
    writes nothing. Without LayerNorm; at "=" nothing tells of b before layer 1.
    """
    p, names = task.modulus, task.position_names[:-1]
    at_a, at_b, at_equals = (names.index(name) for name in "ab=")
    sizes = {"token": task.d_vocab, "position": task.n_ctx, "a": p, "copy": p, "b": p, "sum": p}
    start = dict(zip(sizes, [0, *accumulate(sizes.values())], strict=False))
    d_head = max(task.d_vocab, task.n_ctx)
    spec = ModelSpec(n_layers=2, d_model=sum(sizes.values()), n_heads=2, d_head=d_head, d_mlp=p * p, layer_norm=False)
    model = build(spec, task, seed=0, dtype="float64")
    numbers, vocabulary, places = torch.arange(p), torch.arange(task.d_vocab), torch.arange(task.n_ctx)
    i, j = torch.cartesian_prod(numbers, numbers).T
    with torch.no_grad():
        weights = named_parameters(model)
        for weight in weights.values():
            weight.zero_()
        weights["tok_embed.weight"][vocabulary, start["token"] + vocabulary] = 1
        weights["pos.weight"][places, start["position"] + places] = 1
        for layer, fetching, at, source, target in ((0, 1, at_a, "token", "a"), (1, 0, at_b, "copy", "b")):
            query, key, value, output = (weights[f"layers.{layer}.attn.{part}.weight"] for part in "qkvo")
            first, other = fetching * d_head, (1 - fetching) * d_head
            query[[first, other], start["position"] + at_equals] = d_head**0.5
            key[first, start["position"] + at] = 1e4
            value[first + numbers, start[source] + numbers] = 1
            output[start[target] + numbers, first + numbers] = 1
            key[other, start["token"] + numbers] = tilt * numbers.double()
            key[other, start["position"] + torch.tensor([x for x in range(at_equals) if x != at])] = -1e4
        weights["layers.0.mlp.fc_in.weight"][numbers, start["token"] + numbers] = 1
        weights["layers.0.mlp.fc_out.weight"][start["copy"] + numbers, numbers] = 1
        weights["layers.1.mlp.fc_in.weight"][i * p + j, start["a"] + i] = 1
        weights["layers.1.mlp.fc_in.weight"][i * p + j, start["b"] + j] = 1
        weights["layers.1.mlp.fc_in.bias"].fill_(-1)
        weights["layers.1.mlp.fc_out.weight"][start["sum"] + (i + j) % p, i * p + j] = 10
        weights["head.weight"][numbers, start["sum"] + numbers] = 1
    return model


def answering(spec: ModelSpec, task: Task, *, seed: int = 0) -> TransformerBridge:
    """A ``scrambled`` model whose unembedding is fitted by least squares, so that it gets part of its answers right."""
    model = scrambled(spec, task, seed=seed)
    sequences = task.sequences()
    with torch.no_grad():
        states = model.run_with_cache(task.inputs(sequences))[1]["ln_final.hook_normalized"]
        answers = one_hot(task.answers(sequences), task.d_vocab).double().flatten(0, 1)
        fitted = torch.linalg.lstsq(states[:, task.predicting_rows].flatten(0, 1), answers, driver="gelsd").solution
        named_parameters(model)["head.weight"].copy_(20 * fitted.T)
    return model


def ablate(model, sequences, task, part, kind, *, seed: int, draws: int = 2) -> Ablation:
    """The one entry of a table of one part and one kind of ablation."""
    return ablation_table(model, sequences, task, kinds=[kind], only=[part], seed=seed, draws=draws).ablations[0]


@torch.no_grad()
def answers_of_others(model, sequences, task, part, sources):
    """What the model says at each answer when the part's output at that row alone is that of input ``sources[b]``."""
    states = CleanRows(model, sequences, task, part)
    return states.answers(torch.arange(len(sequences)), states.output[sources] - states.output)
