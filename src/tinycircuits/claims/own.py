"""The measuring functions of what this book itself claims, at the head of its chapters."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import one_hot
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.articles import ARTICLES
from tinycircuits.claims.measures import Measure, of_published, of_sweeps, register
from tinycircuits.claims.reversal import ALL, PUSH
from tinycircuits.claims.verdicts import Observed
from tinycircuits.claims.views import Trials
from tinycircuits.interp.ablation import KINDS, ablation_table
from tinycircuits.interp.activations import Component
from tinycircuits.interp.attention import attention_block, attention_pattern
from tinycircuits.models.build import build, named_parameters
from tinycircuits.results.profiles import Profile, profile
from tinycircuits.results.runs import load
from tinycircuits.results.tables.profiles import Kind
from tinycircuits.results.tables.studies import STUDIES
from tinycircuits.tasks import OrderedSplit, ReverseIncrement
from tinycircuits.training.lanes import layout
from tinycircuits.training.lanes.forward import evaluated

ONE_LAYER, FOUR_DIGITS = "reversal-8d-1l", "reversal-4d-2l"
B_PARTS = ("L0 attn", "L0 mlp")
REVERSALS = {name: study.task for name, study in STUDIES.items() if isinstance(study.task, ReverseIncrement)}


def _once(met: bool | Tensor, values: Mapping[str, float | Tensor]) -> Observed:
    """What a rule sees in one thing."""
    return Observed(torch.tensor([bool(met)]), {name: torch.tensor([float(value)]) for name, value in values.items()})


def _model(name: str, *, trained: bool) -> TransformerBridge:
    """The published model of a study, or the same one before training."""
    run = load(name)
    return run.model if trained else build(run.study.model, run.study.task, seed=0, dtype=run.study.train.dtype)


def right_and_flattering(trained: bool) -> Observed:
    """No published model makes a mistake, and on one chosen input of article B attention lies on its diagonal with at
    least a tenth more weight than over all inputs."""
    kind: Kind = "published" if trained else "untrained"
    wrong = sum(int(profile(article, kind)["wrong.all"][0].sum()) for article in ARTICLES)
    task = REVERSALS[ONE_LAYER]
    pattern = attention_pattern(_model(ONE_LAYER, trained=trained), task.inputs(task.sequences()), layer=0)
    diagonal = attention_block(pattern, task).flip(2).diagonal(dim1=1, dim2=2).mean(1)
    best, mean = diagonal.max(), diagonal.mean()
    values = {"weight on the diagonal, chosen input": best, "over all inputs": mean}
    return _once(wrong == 0 and best - mean >= 0.1, {"wrong answers": float(wrong), **values})


def followed_by_hand(mlp_too: bool) -> Observed:
    """The logits of article B's model, computed with plain sums and products, are those of TransformerLens."""
    run = load(ONE_LAYER)
    task, spec = run.study.task, run.study.model
    named = {name: value.clone() for name, value in named_parameters(run.model).items()}
    if not mlp_too:
        named |= {name: torch.zeros_like(value) for name, value in named.items() if ".mlp." in name}
    by_hand = evaluated(spec, task, layout(spec, task).pack(named)[None], task.sequences())
    with torch.no_grad():
        gaps = [
            (logits[0].permute(2, 0, 1) - run.model(task.inputs(part))[:, task.predicting_rows]).abs().max()
            for part, logits in by_hand
        ]
    return _once(max(gaps) <= 1e-9, {"largest difference of a logit": max(gaps)})


def rows_predict(shift: int) -> Observed:
    """In every reversal, one place after a row stands the answer that the row predicts, and its source is its digit."""
    wrong = 0
    for task in REVERSALS.values():
        names, n = task.position_names, task.n_digits
        for i, (row, column) in enumerate(zip(task.predicting_rows, task.source_columns, strict=True)):
            at = row + 1 + shift
            wrong += at >= len(names) or (names[at], names[column]) != (f"y_{i}", f"x_{n - 1 - i}")
    return _once(wrong == 0, {"answers whose row or source has another name": wrong})


def a_matrix_adds_one(two_digits: bool) -> Observed:
    """One matrix takes every digit, as a one-hot vector, to the next one; and the ordered holdout lacks digits."""
    digits = torch.arange(4)
    pairs = torch.cartesian_prod(digits, digits)
    inputs = torch.cat([one_hot(pairs[:, 0], 4), one_hot(pairs[:, 1], 4)], 1) if two_digits else one_hot(digits, 4)
    answers = one_hot(pairs.sum(1) % 4 if two_digits else (digits + 1) % 4, 4).double()
    fitted = inputs.double() @ torch.linalg.lstsq(inputs.double(), answers, driver="gelsd").solution
    sequences = STUDIES[ONE_LAYER].task.sequences()
    held = sequences[OrderedSplit(n_train=60_000).indices(len(sequences)).holdout, 1:9]
    lacking = sum(int((held[:, j] == digit).sum()) == 0 for j in range(8) for digit in range(4))
    gap = (fitted - answers).abs().max()
    values = {"largest error of the best matrix": gap, "digits that the holdout lacks at a place": lacking}
    return _once(gap < 1e-9 and lacking > 0, values)


@of_sweeps("training", "seeds-c-ordered", "seeds-c-shuffled")
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


@of_published("attention", "B")
def an_answer_is_right_without_its_digit(of: Profile) -> Observed:
    """No wrong digit, and yet some answer has less than half of its weight on its source digit."""
    weight = of["attention.weight"].amin(1)
    return Observed((weight < 0.5) & of.solved, {"smallest mean weight": weight, "wrong": of["wrong.all"].sum(1)})


@of_published("mlp", "B")
def a_line_reads_the_answer_before_the_mlp(of: Profile) -> Observed:
    """The own read-out is mostly wrong before the MLP and right after it; a line for each position reads nine tenths
    before, and not with shuffled labels."""
    before, after = of["lens.before, LayerNorm"], of["lens.after, LayerNorm"]
    linear, shuffled = of["linear.each position"], of["linear.each position, shuffled labels"]
    met = (before < 0.5) & (after == 1) & (linear >= 0.9) & (shuffled < 0.9)
    values = {"linear read-out before": linear, "shuffled labels": shuffled, "own before": before, "own after": after}
    return Observed(met, values)


def the_way_of_removing_decides(trained: bool) -> Observed:
    """In article B's model the ways of removing a part differ by more than five points and some random push leaves
    less than nine tenths; in C's one head can lose its weights without a mistake, and not its whole output."""
    found = profile("B", "published" if trained else "untrained")
    shares = {part: torch.stack([found[f"ablated.{part}.{kind}"][0] for kind in KINDS]) for part in B_PARTS}
    task, head = REVERSALS[FOUR_DIGITS], Component(1, "attn")
    short = ablation_table(_model(FOUR_DIGITS, trained=trained), task.sequences(), task, only=[head], seed=0, draws=0)
    spread = min(float(each[:, ALL].max() - each[:, ALL].min()) for each in shares.values())
    push = min(float(each[:, PUSH].min()) for each in shares.values())
    weights, whole = (short.get(head, kind).errors().wrong_digits for kind in ("zero_weights", "zero"))
    values = {
        "smallest spread over ways": spread,
        "smallest share after a push": push,
        "wrong without the head's weights": weights,
        "without its output": whole,
    }
    return _once(spread > 0.05 and push < 0.9 and weights == 0 < whole, values)


@of_published("circuit", "B")
def routing_is_causal_but_for_the_first_answer(of: Profile) -> Observed:
    """Attention's output of another input brings its answer for all answers but the first, the MLP's for the first
    only, and a push of that size brings it for none."""
    attention, mlp, push = of["interchange.attn"], of["interchange.mlp"], of["interchange.attn, random push"]
    met = (attention[:, 1:] >= 0.95).all(1) & (attention[:, 0] < 0.5) & (push < 0.5).all(1)
    met &= (mlp[:, 0] >= 0.95) & (mlp[:, 1:] < 0.95).all(1)
    values = {
        "smallest interchange of attention, but the first": attention[:, 1:].amin(1),
        "the first": attention[:, 0],
        "largest interchange of the MLP, but the first": mlp[:, 1:].amax(1),
        "largest random push": push.amax(1),
    }
    return Observed(met, values)


@of_sweeps("listing", "seeds-c-ordered")
def the_recipe_gets_most_digits_right(of: Trials) -> Observed:
    """More than three quarters of all digits are right, with the recipe of the listing."""
    share = of.share("seeds-c-ordered")
    return Observed(share > 0.75, {"share right": share})


register(
    "intro",
    Measure(right_and_flattering, lambda: True, {"untrained": lambda: False}),
)
register("transformer", Measure(followed_by_hand, lambda: True, {"without the MLP": lambda: False}))
register("notation", Measure(rows_predict, lambda: 0, {"rows one lower": lambda: 1}))
register("task", Measure(a_matrix_adds_one, lambda: False, {"sum of two digits": lambda: True}))
register("ablation", Measure(the_way_of_removing_decides, lambda: True, {"untrained": lambda: False}))
