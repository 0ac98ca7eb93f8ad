"""What is measured on one model of modular addition, and on one dictionary of its features: articles D and E."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.articles import ADDITION_EXAMPLES
from tinycircuits.interp.ablation import REMOVALS, ablation_table
from tinycircuits.interp.activations import activations, attention_heads, components, stages
from tinycircuits.interp.fourier import clock_shares, dependence, pair_logits
from tinycircuits.interp.heads import deviation, head_rows, summarize_heads
from tinycircuits.interp.meanings import CLEAR_F1, one_number_f1
from tinycircuits.interp.operands import patch_operand
from tinycircuits.interp.readout_map import ReadoutMap, readout_map
from tinycircuits.interp.sae import live_activity
from tinycircuits.models.dictionary import SparseAutoencoder
from tinycircuits.models.errors import teacher_forced
from tinycircuits.results.fits import read_right
from tinycircuits.results.summaries.readouts import READ
from tinycircuits.results.tables.fits import ARTICLE_PROBE
from tinycircuits.tasks import ModularAddition, SplitIndices, Task

PARTS = ("errors", "attention", "read-outs", "sum", "probe", "patching", "row patching", "ablation", "waves")
"""What a profile may hold; ``sum`` is the part of the read-outs that claims ask for, in a tenth of the time."""

PROBE_SEEDS = range(5)
"""Read-outs are fitted so often, each on its own split of the inputs."""

Numbers = Iterator[tuple[str, Tensor]]


def pair_profile(
    model: TransformerBridge, task: Task, split: SplitIndices, parts: Sequence[str] = PARTS
) -> dict[str, Tensor]:
    """The chosen ``parts`` of a model's profile, by name, over all pairs unless the name says more.

    ``wrong.<set>`` counts; ``attention.mean`` ``[layer head position]`` and ``attention.entropy`` ``[layer head]`` in
    bits, of the row of ``=``; ``attention.examples`` the distance of article D's sums from that mean;
    ``attention.follows`` ``[layer, a b sum difference rest]`` shares of its variance; ``read-out.<a + b, a or b>``, and
    the same with shuffled labels, ``[probe seed, stage, position]`` shares of held-out pairs in which discriminant
    analysis reads that number, the last position being ``=`` (by the part ``sum`` only a + b at ``=``);
    ``probe.a + b``, and with shuffled labels, the same share by article E's probe after the embedding and each layer;
    ``patching.<metric>`` by component, the recovery of the clean answer when b is corrupted, and of a random push;
    ``patching.loss at =`` the same where only the row of ``=`` is patched;
    ``ablation.<components or heads>`` ``[part, removal]`` shares of right answers without it, and after a random push;
    ``waves.logits`` ``[frequency]`` shares of the logits' variance that are waves of a + b - c.
    Raises ``ValueError`` for an unknown part and for another task.
    """
    if not isinstance(task, ModularAddition):
        raise ValueError(f"task must be a ModularAddition, got {type(task).__name__}")
    if unknown := set(parts) - set(PARTS):
        raise ValueError(f"parts must be among {', '.join(PARTS)}, got {', '.join(sorted(unknown))}")
    return {name: number for part in parts for name, number in _MEASURES[part](model, task, split)}


def latent_profile(
    dictionary: SparseAutoencoder, states: Float[Tensor, "batch d_in"], sums: Int[Tensor, " batch"], *, modulus: int
) -> dict[str, Tensor]:
    """What the live latents stand for: median F1 for one residue of the sum, and the share with an F1 of 0.8.

    For "the latent is above zero", and for the latent's best threshold; with the number of live latents.
    """
    live = live_activity(dictionary, states)
    found = one_number_f1(live, sums, modulus=modulus)
    numbers = {"latents.live": torch.tensor(live.shape[1])}
    for name, f1 in zip(("above zero", "best threshold"), found[:2], strict=True):
        numbers[f"latents.residues, {name}"] = (f1 >= CLEAR_F1).double().mean()
        numbers[f"latents.F1, {name}"] = f1.double().median()
    return numbers


def _errors(model: TransformerBridge, task: ModularAddition, split: SplitIndices) -> Numbers:
    wrong = teacher_forced(model, task, task.sequences()).wrong
    yield "wrong.all", wrong.sum(0)
    yield "wrong.holdout", wrong[split.holdout].sum(0)


def _attention(model: TransformerBridge, task: ModularAddition, split: SplitIndices) -> Numbers:
    p = task.modulus
    rows = head_rows(model, task.inputs(task.sequences()), row=task.predicting_rows[0])
    found = summarize_heads(rows)
    yield "attention.mean", found.mean
    yield "attention.entropy", found.entropy_bits
    examples = [a * p + b for a, b in ADDITION_EXAMPLES if max(a, b) < p]
    yield "attention.examples", deviation(rows[examples], found.mean)
    follows = [dependence(layer.reshape(p, p, *layer.shape[1:])) for layer in rows.unbind(1)]
    yield "attention.follows", torch.tensor([list(layer.values()) for layer in follows], dtype=torch.float64)


def _read_outs(model: TransformerBridge, task: ModularAddition, split: SplitIndices) -> Numbers:
    sequences = task.sequences()
    a, b = (sequences[:, column] for column in task.operand_columns)
    numbers = dict(zip(READ, (task.answers(sequences)[:, 0], a, b), strict=True))
    yield from _named(readout_map(model, sequences, task, numbers, seeds=PROBE_SEEDS))


def _sum(model: TransformerBridge, task: ModularAddition, split: SplitIndices) -> Numbers:
    sequences = task.sequences()
    sums = {READ[0]: task.answers(sequences)[:, 0]}
    yield from _named(readout_map(model, sequences, task, sums, seeds=PROBE_SEEDS, positions=["="]))


def _named(found: ReadoutMap) -> Numbers:
    for name in found.targets:
        yield f"read-out.{name}", found.accuracy(name)
        yield f"read-out.{name}, shuffled", found.accuracy(name, shuffled=True)


def _probe(model: TransformerBridge, task: ModularAddition, split: SplitIndices) -> Numbers:
    """Article E's probe, fitted once at each place, on a random four fifths of the inputs."""
    sequences = task.sequences()
    sums = task.answers(sequences)[:, 0]
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(sums), generator=generator)
    fitted, held = torch.tensor_split(order, [int(ARTICLE_PROBE.fit_share * len(order))])
    shuffled = sums.clone()
    shuffled[fitted] = sums[fitted[torch.randperm(len(fitted), generator=generator)]]
    places = [stage.hook for stage in stages(model) if not stage.label.endswith("resid_mid")]
    states = activations(model, task.inputs(sequences), places, rows=task.predicting_rows)
    read = partial(read_right, split=(fitted, held), answers=sums, recipe=ARTICLE_PROBE, seed=0)
    for ending, labels in (("", sums), (", shuffled", shuffled)):
        right = [read(states[place][:, 0], labels)[1] / len(held) for place in places]
        yield f"probe.a + b{ending}", torch.tensor(right, dtype=torch.float64)


def _patching(model: TransformerBridge, task: ModularAddition, split: SplitIndices) -> Numbers:
    found = patch_operand(model, task, operand="b", at_answer=False, draws=1)
    parts = components(model)
    for metric in ("loss", "logit difference"):
        recovered = [found.recovery(part.label, metric) for part in parts]
        pushed = [found.control_recovery(part.label, metric) for part in parts]
        yield f"patching.{metric}", torch.tensor(recovered, dtype=torch.float64)
        yield f"patching.{metric}, random push", torch.tensor(pushed, dtype=torch.float64)


def _row_patching(model: TransformerBridge, task: ModularAddition, split: SplitIndices) -> Numbers:
    found = patch_operand(model, task, operand="b", at_answer=True)
    yield "patching.loss at =", found.recoveries("loss")


def _ablation(model: TransformerBridge, task: ModularAddition, split: SplitIndices) -> Numbers:
    for name, parts in (("components", components(model)), ("heads", attention_heads(model))):
        found = ablation_table(model, task.sequences(), task, kinds=REMOVALS, only=parts, seed=0, draws=1).ablations
        right, pushed = [each.errors().accuracy for each in found], [each.control_accuracy() for each in found]
        shape = (len(parts), len(REMOVALS))
        yield f"ablation.{name}", torch.tensor(right, dtype=torch.float64).reshape(shape)
        yield f"ablation.{name}, random push", torch.tensor(pushed, dtype=torch.float64).reshape(shape)


def _waves(model: TransformerBridge, task: ModularAddition, split: SplitIndices) -> Numbers:
    with torch.no_grad():
        yield "waves.logits", clock_shares(pair_logits(model, task)[..., : task.modulus])


_MEASURES: dict[str, Callable[[TransformerBridge, ModularAddition, SplitIndices], Numbers]] = dict(
    zip(
        PARTS,
        (_errors, _attention, _read_outs, _sum, _probe, _patching, _row_patching, _ablation, _waves),
        strict=True,
    )
)
