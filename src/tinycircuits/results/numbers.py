"""The numbers of profiles by name and shape: the one place that says which stored name is which."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tinycircuits.results.profiles import Profile, profile
from tinycircuits.results.tables.profiles import Kind

Kept = TypeVar("Kept", bound=Profile)
ALL, ORDERED, OWN, PUSH = range(4)
"""The last axis of ablations: over all inputs, the ordered holdout, the study's own holdout, after a random push."""


def stored(name: str) -> Any:
    """An attribute that reads the stored number; ``KeyError`` says what there is where it was not measured."""
    return property(lambda of: of[name])


class OfDigits(Profile):
    """Numbers of models of reverse and increment; shares are 0 .. 1, over all inputs unless the name says more."""

    wrong: Int[Tensor, "seed answer"] = stored("wrong.all")
    wrong_held_out: Int[Tensor, "seed answer"] = stored("wrong.holdout")
    wrong_free_running: Int[Tensor, "seed answer"] = stored("wrong.holdout free-running")

    weight: Float[Tensor, "seed answer"] = stored("attention.weight")
    largest: Float[Tensor, "seed answer"] = stored("attention.largest")
    top: Float[Tensor, "seed answer"] = stored("attention.top")
    bits: Float[Tensor, "seed answer"] = stored("attention.entropy")
    on_bos: Float[Tensor, "seed answer"] = stored("attention.BOS")
    on_answers: Float[Tensor, "seed answer"] = stored("attention.answers")
    labelled_largest: Float[Tensor, "seed row"] = stored("attention.labelled largest")
    diagonal_largest: Float[Tensor, " seed"] = stored("diagonal.largest")
    diagonal_mean: Float[Tensor, " seed"] = stored("diagonal.mean")

    nearest_W_E: Float[Tensor, " seed"] = stored("nearest.W_E")
    nearest_W_U: Float[Tensor, " seed"] = stored("nearest.W_U")
    nearest_before_mlp: Float[Tensor, " seed"] = stored("nearest.W_E before the MLP")
    shift_W_E: Float[Tensor, "seed digit"] = stored("shift.W_E")
    shift_W_U: Float[Tensor, "seed digit"] = stored("shift.W_U")

    lens_before: Float[Tensor, " seed"] = stored("lens.before, LayerNorm")
    lens_after: Float[Tensor, " seed"] = stored("lens.after, LayerNorm")
    raw_lens_before: Float[Tensor, " seed"] = stored("lens.before")
    raw_lens_after: Float[Tensor, " seed"] = stored("lens.after")
    turned_right: Float[Tensor, " seed"] = stored("turned.wrong_to_right, LayerNorm")
    turned_wrong: Float[Tensor, " seed"] = stored("turned.right_to_wrong, LayerNorm")
    raw_turned_right: Float[Tensor, " seed"] = stored("turned.wrong_to_right")
    raw_turned_wrong: Float[Tensor, " seed"] = stored("turned.right_to_wrong")
    line_each: Float[Tensor, " seed"] = stored("linear.each position")
    line_each_shuffled: Float[Tensor, " seed"] = stored("linear.each position, shuffled labels")
    line_all: Float[Tensor, " seed"] = stored("linear.all positions")
    line_all_shuffled: Float[Tensor, " seed"] = stored("linear.all positions, shuffled labels")

    swapped_attn: Float[Tensor, "seed answer"] = stored("interchange.attn")
    swapped_attn_push: Float[Tensor, "seed answer"] = stored("interchange.attn, random push")
    swapped_mlp: Float[Tensor, "seed answer"] = stored("interchange.mlp")
    swapped_mlp_push: Float[Tensor, "seed answer"] = stored("interchange.mlp, random push")

    by_hand_gap: Float[Tensor, " seed"] = stored("by hand.gap")
    by_hand_gap_without_mlp: Float[Tensor, " seed"] = stored("by hand.gap, no MLP")
    by_hand_wrong: Int[Tensor, " seed"] = stored("by hand.wrong")
    wrong_without_last_attn: Int[Tensor, " seed"] = stored("last attention.zero")
    wrong_without_last_weights: Int[Tensor, " seed"] = stored("last attention.zero_weights")

    reads: Float[Tensor, "seed layer answer digit"] = stored("print.reads")
    kept: Float[Tensor, "seed part answer"] = stored("print.kept")
    kept_control: Float[Tensor, "seed part"] = stored("print.kept_control")
    carries: Float[Tensor, "seed part answer"] = stored("print.carries")
    carries_control: Float[Tensor, "seed part answer"] = stored("print.carries_control")

    program: Int[Tensor, "seed rung answer"] = stored("program.changed")
    account_alone: Int[Tensor, "seed variable answer"] = stored("account.alone")
    account_pushed: Int[Tensor, "seed variable answer"] = stored("account.pushed")
    program_wrong_digit: Int[Tensor, "seed rung answer"] = stored("program.changed, wrong digit")

    @property
    def shortest_program(self) -> Int[Tensor, "seed answer"]:
        """By its index the first program that changes no answer; one past the last where there is none."""
        return torch.cat([self.program, torch.zeros_like(self.program[:, :1])], 1).eq(0).int().argmax(1)

    changed_by_rewriting: Int[Tensor, "seed symmetry"] = stored("rewritten.changed")
    changed_by_push: Int[Tensor, "seed symmetry"] = stored("rewritten.pushed")

    def moved_by_rewriting(self, instrument: str) -> Float[Tensor, "seed symmetry"]:
        """How far the reading of an instrument moves with each change of the weights."""
        return self[f"rewritten.moved.{instrument}"]

    def without(self, part: str, kind: str = "zero_weights") -> Float[Tensor, "seed set"]:
        """Share of right digits without a part such as ``L0 mlp``: on ``ALL``, ``ORDERED``, ``OWN``, after ``PUSH``."""
        return self[f"ablated.{part}.{kind}"]


class OfPairs(Profile):
    """Numbers of models of modular addition; attention is that of the row of ``=``, the last position."""

    wrong: Int[Tensor, "seed 1"] = stored("wrong.all")
    wrong_held_out: Int[Tensor, "seed 1"] = stored("wrong.holdout")
    wrong_train_own_answers: Int[Tensor, " seed"] = stored("wrong.train, own answers")

    mean: Float[Tensor, "seed layer head position"] = stored("attention.mean")
    bits: Float[Tensor, "seed layer head"] = stored("attention.entropy")
    examples_apart: Float[Tensor, "seed example"] = stored("attention.examples")
    follows: Float[Tensor, "seed layer 5"] = stored("attention.follows")
    waves: Float[Tensor, "seed frequency"] = stored("waves.logits")

    probe: Float[Tensor, "seed stage"] = stored("probe.a + b")
    probe_shuffled: Float[Tensor, "seed stage"] = stored("probe.a + b, shuffled")
    recovery: Float[Tensor, "seed component"] = stored("patching.loss")
    recovery_push: Float[Tensor, "seed component"] = stored("patching.loss, random push")
    recovery_at_equals: Float[Tensor, "seed component"] = stored("patching.loss at =")
    recovery_logits: Float[Tensor, "seed component"] = stored("patching.logit difference")
    recovery_logits_push: Float[Tensor, "seed component"] = stored("patching.logit difference, random push")

    without_components: Float[Tensor, "seed component removal"] = stored("ablation.components")
    without_components_push: Float[Tensor, "seed component removal"] = stored("ablation.components, random push")
    without_heads: Float[Tensor, "seed head removal"] = stored("ablation.heads")
    without_heads_push: Float[Tensor, "seed head removal"] = stored("ablation.heads, random push")

    def read_out(self, number: str, *, shuffled: bool = False) -> Float[Tensor, "seed probe_seed stage position"]:
        """Share of held-out pairs in which ``a``, ``b`` or ``a + b`` is read, or one fitted to shuffled labels."""
        return self[f"read-out.{number}, shuffled" if shuffled else f"read-out.{number}"]

    def sum_read(self, *, shuffled: bool = False) -> Float[Tensor, "seed stage"]:
        """Share of held-out pairs whose sum is read at ``=``: the mean of the probe seeds."""
        return self.read_out("a + b", shuffled=shuffled)[..., -1].mean(1)


class OfLatents(Profile):
    """Numbers of dictionaries of article E's model: the live latents, and what share stands for one residue."""

    live: Int[Tensor, " seed"] = stored("latents.live")
    residues: Float[Tensor, " seed"] = stored("latents.residues, above zero")
    residues_best: Float[Tensor, " seed"] = stored("latents.residues, best threshold")
    f1: Float[Tensor, " seed"] = stored("latents.F1, above zero")
    f1_best: Float[Tensor, " seed"] = stored("latents.F1, best threshold")


def _reader(of: type[Kept]) -> Callable[[str, Kind], Kept]:
    """What reads the numbers of a row of ``profiles.SOURCES`` as such a profile; it raises as ``profile`` does."""

    def read(source: str, kind: Kind) -> Kept:
        found = profile(source, kind)
        return of(found.kind, found.seeds, found.numbers)

    return read


digits, pairs, latents = _reader(OfDigits), _reader(OfPairs), _reader(OfLatents)
