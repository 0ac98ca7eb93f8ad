"""What is measured on one model of reverse and increment: every number that a claim about articles A, B and C needs."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.ablation import Ablation, ablation_table
from tinycircuits.interp.account import account
from tinycircuits.interp.activations import Component, components, stages
from tinycircuits.interp.agreement import fingerprint
from tinycircuits.interp.attention import attention_block, attention_pattern, attention_summary
from tinycircuits.interp.blind import blind
from tinycircuits.interp.interchange import interchange
from tinycircuits.interp.logits import cosine_to_digits, logit_lens
from tinycircuits.interp.mlp import digit_contributions
from tinycircuits.interp.probes import fit_probe
from tinycircuits.interp.program import cells, ladder
from tinycircuits.models.build import ModelSpec, named_parameters
from tinycircuits.models.by_hand import hand_built
from tinycircuits.models.errors import free_running, teacher_forced
from tinycircuits.tasks import OrderedSplit, ReverseIncrement, SplitIndices, Task
from tinycircuits.training.lanes.forward import evaluated
from tinycircuits.training.lanes.layout import layout

PARTS = ("errors", "attention", "cosines", "ablation", "read-out", "interchange", "shift")
"""What the articles' statements ask for. The many-seed profiles of the long tasks hold only what a claim asks of them.
``_MEASURES`` has the others, for what the book's own claims ask of a few models."""

SETS = ("all inputs", "ordered holdout", "own holdout", "random push")
"""The last axis of the ablation numbers: where the share of right digits is taken. The last is the control."""


def digit_profile(
    model: TransformerBridge, task: Task, split: SplitIndices, parts: Sequence[str] = PARTS
) -> dict[str, Tensor]:
    """The chosen ``parts`` of a model's profile, by name; shares are 0 .. 1, over all inputs unless the name says more.

    ``wrong.<set>`` counts by answer; ``attention.<what>`` by answer in layer 0; ``nearest.<where>`` shares;
    ``ablated.<part>.<kind>`` by ``SETS``; ``lens.<where>``, ``turned.<how>`` and ``linear.<how>`` shares;
    ``interchange.<part>`` by answer; ``shift.<matrix>`` mean cosine by digit; ``diagonal.<which>`` mean attention on
    the source digits; ``by hand.<what>``, ``last attention.<kind>`` counts; ``print.<what>`` the ``Fingerprint``;
    ``program.changed`` counts by rung and answer, ``account.<what>`` by variable and answer,
    ``rewritten.<what>`` by change of the weights.
    Raises ``ValueError`` for an unknown part and for another task.
    """
    if not isinstance(task, ReverseIncrement):
        raise ValueError(f"task must be a ReverseIncrement, got {type(task).__name__}")
    if unknown := set(parts) - set(_MEASURES):
        raise ValueError(f"parts must be among {', '.join(_MEASURES)}, got {', '.join(sorted(unknown))}")
    return {name: number for part in parts for name, number in _MEASURES[part](model, task, split)}


Numbers = Iterator[tuple[str, Tensor]]


def _errors(model: TransformerBridge, task: ReverseIncrement, split: SplitIndices) -> Numbers:
    sequences = task.sequences()
    wrong = teacher_forced(model, task, sequences).wrong
    yield "wrong.all", wrong.sum(0)
    yield "wrong.holdout", wrong[split.holdout].sum(0)
    yield "wrong.holdout free-running", free_running(model, task, sequences[split.holdout]).sum(0)


def _attention(model: TransformerBridge, task: ReverseIncrement, split: SplitIndices) -> Numbers:
    found = attention_summary(model, task.sequences(), task, layer=0)
    yield "attention.weight", found.source_weight
    yield "attention.largest", found.source_argmax_share
    yield "attention.top", found.top_digit_weight
    yield "attention.entropy", found.entropy_bits
    yield "attention.BOS", found.mass_bos
    yield "attention.answers", found.mass_answers
    if task.n_digits == 4:  # only article C reads the rows of the answers themselves
        labelled = attention_summary(model, task.sequences(), task, layer=0, rows="labelled")
        yield "attention.labelled largest", labelled.source_argmax_share[:-1]


def _cosines(model: TransformerBridge, task: ReverseIncrement, split: SplitIndices) -> Numbers:
    before, after = (stage.label for stage in stages(model)[-2:])
    nearest = partial(cosine_to_digits, model, task.sequences(), task)
    yield "nearest.W_E", torch.tensor(nearest(stage=after, to="W_E").share)
    yield "nearest.W_U", torch.tensor(nearest(stage=after, to="W_U").share)
    yield "nearest.W_E before the MLP", torch.tensor(nearest(stage=before, to="W_E").share)


def _ablation(model: TransformerBridge, task: ReverseIncrement, split: SplitIndices) -> Numbers:
    sequences = task.sequences()
    ordered = OrderedSplit(n_train=len(sequences) - len(split.holdout)).indices(len(sequences)).holdout
    named = [part for part in components(model) if part != Component(1, "attn")]  # no article removes that one
    table = ablation_table(model, sequences, task, only=named, seed=0, draws=1)
    for ablation in table.ablations:
        yield f"ablated.{ablation.component.label}.{ablation.kind}", _kept(ablation, ordered, split.holdout)


def _kept(ablation: Ablation, ordered: Tensor, own: Tensor) -> Tensor:
    shares = [ablation.errors(index).accuracy for index in (None, ordered, own)]
    return torch.tensor([*shares, ablation.control_accuracy()])


def _read_out(model: TransformerBridge, task: ReverseIncrement, split: SplitIndices) -> Numbers:
    sequences = task.sequences()
    before, after = (stage.label for stage in stages(model)[-2:])
    for norm, suffix in ((False, ""), (True, ", LayerNorm")):
        lens = logit_lens(model, sequences, task, layer_norm=norm)
        yield f"lens.before{suffix}", torch.tensor(lens.at(before))
        yield f"lens.after{suffix}", torch.tensor(lens.at(after))
        totals = lens.turns[-1].totals
        answers = len(sequences) * task.n_answers
        for how in ("wrong_to_right", "right_to_wrong"):
            yield f"turned.{how}{suffix}", torch.tensor(totals[how] / answers)
    for per_row, name in ((True, "each position"), (False, "all positions")):
        probe = fit_probe(model, sequences, task, split, stage=before, seed=0, per_row=per_row)
        yield f"linear.{name}", torch.tensor(probe.accuracy)
        yield f"linear.{name}, shuffled labels", torch.tensor(probe.shuffled_accuracy)


def _interchange(model: TransformerBridge, task: ReverseIncrement, split: SplitIndices) -> Numbers:
    for part in components(model)[:2]:
        found = interchange(model, task.sequences(), task, part, seed=0)
        yield f"interchange.{part.kind}", found.accuracy
        yield f"interchange.{part.kind}, random push", found.control_accuracy


def _shift(model: TransformerBridge, task: ReverseIncrement, split: SplitIndices) -> Numbers:
    found = digit_contributions(model, task.sequences(), task, layer=0)
    yield "shift.W_E", found.mean_cosine_W_E
    yield "shift.W_U", found.mean_cosine_W_U


def _diagonal(model: TransformerBridge, task: ReverseIncrement, split: SplitIndices) -> Numbers:
    pattern = attention_pattern(model, task.inputs(task.sequences()), layer=0)
    diagonal = attention_block(pattern, task).flip(2).diagonal(dim1=1, dim2=2).mean(1)
    yield "diagonal.largest", diagonal.max()
    yield "diagonal.mean", diagonal.mean()


def _followed(model: TransformerBridge, task: ReverseIncrement, split: SplitIndices) -> Numbers:
    """The largest difference between the model's logits and those of plain sums and products, and without the MLPs."""
    cfg = model.cfg
    spec = ModelSpec(
        n_layers=cfg.n_layers, d_model=cfg.d_model, n_heads=cfg.n_heads, d_head=cfg.d_head, d_mlp=cfg.d_mlp
    )
    named = {name: value.detach().clone() for name, value in named_parameters(model).items()}
    silent = {name: torch.zeros_like(value) if ".mlp." in name else value for name, value in named.items()}
    for ending, weights in (("", named), (", no MLP", silent)):
        by_hand = evaluated(spec, task, layout(spec, task).pack(weights)[None], task.sequences())
        with torch.no_grad():
            gaps = [
                (logits[0].permute(2, 0, 1) - model(task.inputs(part))[:, task.predicting_rows]).abs().max()
                for part, logits in by_hand
            ]
        yield f"by hand.gap{ending}", torch.stack(gaps).max()


def _set_by_hand(model: TransformerBridge, task: ReverseIncrement, split: SplitIndices) -> Numbers:
    """Wrong digits of the circuit of attention alone that is set by hand for this task."""
    yield "by hand.wrong", teacher_forced(hand_built(task, mlp=False), task, task.sequences()).wrong.sum()


def _last_attention(model: TransformerBridge, task: ReverseIncrement, split: SplitIndices) -> Numbers:
    """Wrong digits without the weights of the last layer's attention, and without its whole output."""
    last = components(model)[-2]
    table = ablation_table(model, task.sequences(), task, kinds=("zero_weights", "zero"), only=[last], seed=0, draws=0)
    for each in table.ablations:
        yield f"last attention.{each.kind}", torch.tensor(each.errors().wrong_digits)


def _fingerprint(model: TransformerBridge, task: ReverseIncrement, split: SplitIndices) -> Numbers:
    found = fingerprint(model, task.sequences(), task, seed=0)
    for name in ("reads", "kept", "kept_control", "carries", "carries_control"):
        yield f"print.{name}", getattr(found, name)


def _program(model: TransformerBridge, task: ReverseIncrement, split: SplitIndices) -> Numbers:
    """Answers that each kind of program changes; what the model gets wrong comes with the same run."""
    found = cells(model, task)
    yield "wrong.all", found.wrong
    yield "program.changed", ladder(model, found).changed


def _wrong_digit(model: TransformerBridge, task: ReverseIncrement, split: SplitIndices) -> Numbers:
    """The same with tables that go by a wrong digit."""
    yield "program.changed, wrong digit", ladder(model, cells(model, task, neighbour=True)).changed


def _account(model: TransformerBridge, task: ReverseIncrement, split: SplitIndices) -> Numbers:
    """Answers that change when one variable takes the value of the program with a matrix for each place."""
    found = account(model, task, rung="fetch, one matrix", seed=0)
    yield "account.alone", found.alone
    yield "account.pushed", found.pushed


def _rewritten(model: TransformerBridge, task: ReverseIncrement, split: SplitIndices) -> Numbers:
    """What changes when the weights are written in another way, and when they are pushed as far."""
    found = blind(model, task, seed=0)
    yield "rewritten.changed", found.changed
    yield "rewritten.pushed", found.changed_by_push
    for name, moved in zip(found.instruments, found.moved.T, strict=True):
        yield f"rewritten.moved.{name}", moved.contiguous()


_MEASURES: dict[str, Callable[[TransformerBridge, ReverseIncrement, SplitIndices], Numbers]] = {
    "errors": _errors,
    "attention": _attention,
    "cosines": _cosines,
    "ablation": _ablation,
    "read-out": _read_out,
    "interchange": _interchange,
    "shift": _shift,
    "diagonal": _diagonal,
    "followed": _followed,
    "set by hand": _set_by_hand,
    "last attention": _last_attention,
    "fingerprint": _fingerprint,
    "program": _program,
    "program of a wrong digit": _wrong_digit,
    "account": _account,
    "rewritten": _rewritten,
}
