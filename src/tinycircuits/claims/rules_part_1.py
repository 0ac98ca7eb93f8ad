"""What the rules of the book's part I see: its own claims about one digit reversed and raised."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from tinycircuits.articles import ARTICLES
from tinycircuits.claims.judge import Observed
from tinycircuits.claims.views import Trials
from tinycircuits.results.numbers import ALL, PUSH, OfDigits, digits
from tinycircuits.results.profiles import profile
from tinycircuits.results.tables.profiles import Kind
from tinycircuits.results.tables.studies import STUDIES, study
from tinycircuits.tasks import OrderedSplit, ReverseIncrement

REMOVALS = ("zero_weights", "zero", "mean", "resample")


def once(met: bool | Tensor, values: Mapping[str, float | Tensor]) -> Observed:
    """What a rule sees in one thing."""
    return Observed(torch.tensor([bool(met)]), {name: torch.tensor([float(value)]) for name, value in values.items()})


def right_and_flattering(kind: Kind) -> Observed:
    """No published model makes a mistake, and on one chosen input of article B attention lies on its diagonal with at
    least a tenth more weight than over all inputs."""
    wrong = sum(int(profile(article, kind)["wrong.all"][0].sum()) for article in ARTICLES)
    shown = digits("B, shown", kind)
    best, mean = shown.diagonal_largest[0], shown.diagonal_mean[0]
    values = {"weight on the diagonal, chosen input": best, "over all inputs": mean}
    return once(wrong == 0 and best - mean >= 0.1, {"wrong answers": float(wrong), **values})


def followed_by_hand(mlp_too: bool) -> Observed:
    """The logits of article B's model, computed with plain sums and products, are those of TransformerLens."""
    shown = digits("B, shown", "published")
    (gap,) = shown.by_hand_gap if mlp_too else shown.by_hand_gap_without_mlp
    return once(gap <= 1e-9, {"largest difference of a logit": gap})


def rows_predict(shift: int) -> Observed:
    """In every reversal, one place after a row stands the answer that the row predicts, and its source is its digit."""
    wrong = 0
    for task in (each.task for each in STUDIES.values() if isinstance(each.task, ReverseIncrement)):
        names, n = task.position_names, task.n_digits
        for i, (row, column) in enumerate(zip(task.predicting_rows, task.source_columns, strict=True)):
            at = row + 1 + shift
            wrong += at >= len(names) or (names[at], names[column]) != (f"y_{i}", f"x_{n - 1 - i}")
    return once(wrong == 0, {"answers whose row or source has another name": wrong})


def a_matrix_adds_one(two_digits: bool) -> Observed:
    """One matrix takes every digit, as a one-hot vector, to the next one; and the ordered holdout lacks digits."""
    each = torch.arange(4)
    pairs = torch.cartesian_prod(each, each)
    inputs = torch.cat([one_hot(pairs[:, 0], 4), one_hot(pairs[:, 1], 4)], 1) if two_digits else one_hot(each, 4)
    answers = one_hot(pairs.sum(1) % 4 if two_digits else (each + 1) % 4, 4).double()
    fitted = inputs.double() @ torch.linalg.lstsq(inputs.double(), answers, driver="gelsd").solution
    sequences = study("reversal-8d-1l").task.sequences()
    held = sequences[OrderedSplit(n_train=60_000).indices(len(sequences)).holdout, 1:9]
    lacking = sum(int((held[:, j] == digit).sum()) == 0 for j in range(8) for digit in range(4))
    gap = (fitted - answers).abs().max()
    values = {"largest error of the best matrix": gap, "digits that the holdout lacks at a place": lacking}
    return once(gap < 1e-9 and lacking > 0, values)


def failures_hide_in_the_ordered_holdout(of: Trials) -> Observed:
    """A seed that fails after the ordered split has a larger share of mistakes on the holdout than on the rest."""
    held, seen = of.wrong_share("seeds-c-ordered", "holdout"), of.wrong_share("seeds-c-ordered", "train")
    values = {"held-out share wrong": held, "training share wrong": seen}
    other = {
        "shuffled split, holdout": of.wrong_share("seeds-c-shuffled", "holdout"),
        "shuffled split, training set": of.wrong_share("seeds-c-shuffled", "train"),
    }
    failing = of.wrong("seeds-c-ordered") > 0
    return Observed((held > seen)[failing], {name: value[failing] for name, value in values.items()} | other)


def an_answer_is_right_without_its_digit(of: OfDigits) -> Observed:
    """No wrong digit, and yet some answer has less than a hundredth of its weight on its source digit."""
    weight = of.weight.amin(1)
    return Observed((weight < 0.01) & of.solved, {"smallest mean weight": weight, "wrong": of.wrong.sum(1)})


def a_line_reads_the_answer_before_the_mlp(of: OfDigits) -> Observed:
    """The own read-out is mostly wrong before the MLP and right after it; a line for each position reads nine tenths
    before, and less than two fifths with shuffled labels."""
    before, after, linear, shuffled = of.lens_before, of.lens_after, of.line_each, of.line_each_shuffled
    met = (before < 0.5) & (after == 1) & (linear >= 0.9) & (shuffled < 0.4)
    values = {"linear read-out before": linear, "shuffled labels": shuffled, "own before": before, "own after": after}
    return Observed(met, values)


@dataclass(frozen=True)
class Removed:
    """What is left without a part in article B's models, and without the last attention in C's."""

    b: OfDigits
    c: OfDigits


def removed(kind: Kind) -> Removed:
    """The published models, or untrained ones; raises as ``profile`` does."""
    return Removed(digits("B", kind), digits("C, shown", kind))


def the_way_of_removing_decides(of: Removed) -> Observed:
    """In article B's model the ways of removing a part differ by more than five points and some random push leaves
    less than nine tenths; in C's one head can lose its weights without a mistake, and not its whole output."""
    shares = [torch.stack([of.b.without(part, kind)[0] for kind in REMOVALS]) for part in ("L0 attn", "L0 mlp")]
    spread = min(float(each[:, ALL].max() - each[:, ALL].min()) for each in shares)
    push = min(float(each[:, PUSH].min()) for each in shares)
    weights, whole = int(of.c.wrong_without_last_weights[0]), int(of.c.wrong_without_last_attn[0])
    values = {
        "smallest spread over ways": spread,
        "smallest share after a push": push,
        "wrong without the head's weights": weights,
        "without its output": whole,
    }
    return once(spread > 0.05 and push < 0.9 and weights == 0 < whole, values)


def routing_is_causal_but_for_the_first_answer(of: OfDigits) -> Observed:
    """Attention's output of another input brings its answer for all answers but the first, the MLP's for the first
    only, and a push of that size brings it for none."""
    attention, mlp, push = of.swapped_attn, of.swapped_mlp, of.swapped_attn_push
    met = (attention[:, 1:] >= 0.95).all(1) & (attention[:, 0] < 0.3) & (push < 0.5).all(1)
    met &= (mlp[:, 0] >= 0.99) & (mlp[:, 1:] < 0.9).all(1)
    values = {
        "smallest interchange of attention, but the first": attention[:, 1:].amin(1),
        "the first": attention[:, 0],
        "largest interchange of the MLP, but the first": mlp[:, 1:].amax(1),
        "largest random push": push.amax(1),
    }
    return Observed(met, values)


def the_recipe_gets_most_digits_right(of: Trials) -> Observed:
    """More than three quarters of all digits are right, with the recipe of the listing."""
    share = of.share("seeds-c-ordered")
    return Observed(share > 0.75, {"share right": share})
