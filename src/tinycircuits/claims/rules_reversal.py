"""What the rules of articles A, B and C see: reverse and increment."""

import torch
from jaxtyping import Bool
from torch import Tensor

from tinycircuits.articles import ABLATED_ACCURACY, ACCURACY_AT_STEP
from tinycircuits.claims.judge import Observed
from tinycircuits.claims.views import Holdout, Trials
from tinycircuits.results.numbers import ALL, ORDERED, OWN, PUSH, OfDigits, digits


def _within(values: Tensor, low: float, high: float) -> Bool[Tensor, " seed"]:
    return (values >= low) & (values <= high)


def _share(of_seeds: Bool[Tensor, " seed"]) -> Tensor:
    return of_seeds.double().mean()[None]


def no_mistake_on_the_holdout(of: OfDigits) -> Observed:
    """No wrong digit on the holdout, teacher-forced."""
    wrong = of.wrong_held_out.sum(1)
    values = {
        "wrong held-out digits": wrong,
        "free-running": of.wrong_free_running.sum(1),
        "wrong digits, all inputs": of.wrong.sum(1),
    }
    return Observed(wrong == 0, values)


def every_answer_reads_its_digit(of: OfDigits) -> Observed:
    """Mean weight on the source column at least 0.5 and its arg-max share at least 0.9, for every answer."""
    weight, largest = of.weight, of.largest
    met = (weight >= 0.5).all(1) & (largest >= 0.9).all(1)
    rows = {"answers that meet it": ((weight >= 0.5) & (largest >= 0.9)).sum(1)}
    return Observed(met, {"smallest mean weight": weight.amin(1), "smallest arg-max share": largest.amin(1), **rows})


def the_last_state_is_nearest_to_the_raised_digit(of: OfDigits) -> Observed:
    """The right answer's embedding has the largest cosine of all digits to the last state, on 95 % of answers."""
    values = {
        "share nearest, W_E": of.nearest_W_E,
        "share nearest, W_E before the MLP": of.nearest_before_mlp,
        "share nearest, W_U": of.nearest_W_U,
    }
    return Observed(of.nearest_W_E >= 0.95, values)


def either_mlp_without_weights_leaves_chance(of: OfDigits) -> Observed:
    """With either MLP's output weights zeroed, between 15 and 30 % are right, on all inputs and on the holdout."""
    first, second = of.without("L0 mlp"), of.without("L1 mlp")
    met = torch.stack([_within(one[:, where], 0.15, 0.30) for one in (first, second) for where in (ALL, OWN)]).all(0)
    values = {"share right without L0 mlp": first[:, ALL], "share right without L1 mlp": second[:, ALL]}
    held_out = {f"{name}, holdout": one[:, OWN] for name, one in zip(values, (first, second), strict=True)}
    pushes = {f"random push, L{layer}": one[:, PUSH] for layer, one in enumerate((first, second))}
    return Observed(met, {**values, **held_out, **pushes})


def attention_costs_less_than_an_mlp(of: OfDigits) -> Observed:
    """With the attention weights of layer 0 zeroed, below 75 % are right, but more than without either MLP, on all
    inputs and on the holdout."""
    attention, *mlps = (of.without(part) for part in ("L0 attn", "L0 mlp", "L1 mlp"))
    larger = torch.stack(mlps).amax(0)
    met = ((attention < 0.75) & (attention > larger))[:, [ALL, OWN]].all(1)
    values = {"share right without L0 attn": attention[:, ALL], "larger share without an MLP": larger[:, ALL]}
    held_out = {"without L0 attn, holdout": attention[:, OWN], "without an MLP, holdout": larger[:, OWN]}
    return Observed(met, {**values, **held_out, "random push": attention[:, PUSH]})


def every_part_is_essential(of: OfDigits) -> Observed:
    """Zero, mean and resample ablation of each part that the article removes leave fewer than 90 % right."""
    parts, kinds = ("L0 attn", "L0 mlp", "L1 mlp"), ("zero", "mean", "resample")
    left = torch.stack([of.without(part, kind) for part in parts for kind in kinds])
    largest, at = left[..., ALL].max(0)
    push = left[..., PUSH].gather(0, at[None])[0]
    return Observed(largest < 0.9, {"largest share right": largest, "random push of that size": push})


def reversal_by_attention_alone(of: Trials) -> Observed:
    """No wrong digit in a pure reversal without an MLP, at the width where more seeds reach it."""
    wrong = {f"wrong digits, {name}": of.wrong(name) for name in of.results}
    best = max(wrong.values(), key=lambda each: int((each == 0).sum()))
    return Observed(best == 0, {"wrong digits": best, **wrong})


def increment_without_attention(of: Trials) -> Observed:
    """At least 95 % right in the increment alone, in the articles' format, without attention."""
    share = of.share("mlp-only-in-place")
    return Observed(share >= 0.95, {"share right": share})


ONE_PART_ONLY = (*(f"attention-{d}{raw}" for d in (4, 8, 16) for raw in ("", "-raw")), "mlp-only")


def no_part_suffices_alone(of: Trials) -> Observed:
    """At least one wrong digit in every seed of every model that has only attention or only MLPs."""
    wrong = {name: of.wrong(name) for name in ONE_PART_ONLY}
    solved = {f"share of seeds solved, {name}": _share(each == 0) for name, each in wrong.items()}
    together = torch.cat(list(wrong.values()))
    return Observed(together > 0, {"wrong digits": together, **solved})


def every_answer_reads_one_position(of: OfDigits) -> Observed:
    """Mean weight of one fixed input digit at least 0.9 in every row."""
    top = of.top
    values = {
        "smallest mean weight of the top digit": top.amin(1),
        "rows that meet it": (top >= 0.9).sum(1),
        "largest mean weight on BOS": of.on_bos.amax(1),
        "largest mean weight on answers": of.on_answers.amax(1),
        "largest entropy (bits)": of.bits.amax(1),
    }
    return Observed((top >= 0.9).all(1), values)


def the_mlp_makes_the_answer_readable(of: OfDigits) -> Observed:
    """Read by the model's own map, at most half right before the MLP and 95 % after, with and without LayerNorm; and
    one line for all positions, fitted to the state before the MLP, gets at most 90 % right."""
    before = torch.stack([of.raw_lens_before, of.lens_before])
    after = torch.stack([of.raw_lens_after, of.lens_after])
    linear = of.line_all
    met = (before <= 0.5).all(0) & (after >= 0.95).all(0) & (linear <= 0.9)
    values = {
        "fitted read-out before the MLP": linear,
        "a line for each position": of.line_each,
        "own read-out before": of.lens_before,
        "own read-out after": of.lens_after,
        "before, no LayerNorm": of.raw_lens_before,
        "after, no LayerNorm": of.raw_lens_after,
        "turned from wrong to right": of.turned_right,
        "turned from right to wrong": of.turned_wrong,
        "fitted to shuffled labels": of.line_each_shuffled,
    }
    return Observed(met, values)


def _as_printed(of: OfDigits, part: str) -> Observed:
    found = of.without(part)
    met = (found[:, ALL] - ABLATED_ACCURACY[part]).abs() <= 0.05
    sets = ("all inputs", "ordered holdout", "own holdout")
    values = {f"share right, {name}": found[:, at] for at, name in enumerate(sets)}
    near = (found[:, ORDERED] - ABLATED_ACCURACY[part]).abs() <= 0.05
    values["share of models within five points, ordered holdout"] = _share(near).expand(len(near))
    return Observed(met, {**values, "random push": found[:, PUSH]})


def the_mlp_leaves_what_is_printed(of: OfDigits) -> Observed:
    """Without the MLP's output weights, within five points of the printed share, on all inputs."""
    return _as_printed(of, "L0 mlp")


def attention_leaves_what_is_printed(of: OfDigits) -> Observed:
    """Without attention's output weights, within five points of the printed share, on all inputs."""
    return _as_printed(of, "L0 attn")


def losing_attention_is_worse(of: OfDigits) -> Observed:
    """Fewer digits are right without attention than without the MLP, on all inputs."""
    attention, mlp = (of.without(part)[:, ALL] for part in ("L0 attn", "L0 mlp"))
    return Observed(attention < mlp, {"attention minus MLP": attention - mlp})


def the_two_are_closer_on_all_inputs(of: OfDigits) -> Observed:
    """The two ablations lie closer together on all inputs than on the ordered holdout."""
    attention, mlp = (of.without(part) for part in ("L0 attn", "L0 mlp"))
    gap = (attention - mlp).abs()
    return Observed(gap[:, ALL] < gap[:, ORDERED], {"gap, all inputs": gap[:, ALL], "gap, ordered": gap[:, ORDERED]})


def the_holdout_is_varied(of: Holdout) -> Observed:
    """Every digit stands at every place of the holdout with a share between 0.15 and 0.35."""
    low, high = of.shares.min(), of.shares.max()
    values = {
        "smallest share of a digit": low[None],
        "largest share of a digit": high[None],
        "wrong held-out digits, share": of.wrong_held_out,
        "wrong digits of all inputs, share": of.wrong,
    }
    return Observed(((low >= 0.15) & (high <= 0.35))[None], values)


def attention_carries_the_digit(of: OfDigits) -> Observed:
    """Attention's output of another input brings that input's answer, at 95 % of pairs for every answer."""
    attention, mlp = of.swapped_attn, of.swapped_mlp
    values = {
        "smallest interchange accuracy, attention": attention.amin(1),
        "answers that meet it": (attention >= 0.95).sum(1),
        "random push of that size": of.swapped_attn_push.mean(1),
        "largest interchange accuracy, MLP": mlp.amax(1),
    }
    return Observed((attention >= 0.95).all(1), values)


def solved_in_many_runs(of: Trials) -> Observed:
    """No wrong digit on any input after 4,000 steps, trained on the ordered split."""
    wrong = of.wrong("seeds-c-ordered")
    values = {
        "wrong digits": wrong,
        "share of seeds faultless at any point": _share(of.ever("seeds-c-ordered")),
        "share of seeds solved, shuffled split": _share(of.wrong("seeds-c-shuffled") == 0),
    }
    return Observed(wrong == 0, values)


def the_printed_course_is_usual(of: Trials) -> Observed:
    """The printed held-out accuracies lie between the 5th and the 95th percentile of the seeds at their steps."""
    values, inside = {}, []
    for step, (_, printed) in ACCURACY_AT_STEP.items():
        seen = of.held_out("seeds-c-ordered", step)
        low, high = seen.quantile(torch.tensor([0.05, 0.95], dtype=seen.dtype))
        inside.append(bool(low <= printed <= high))
        values[f"held-out share right, step {step:,}"] = seen
    return Observed(torch.tensor([all(inside)]), values)


def the_rows_of_the_answers_read_the_source(of: OfDigits) -> Observed:
    """The article's rows 5 and 6 have their largest weight on columns 4 and 3, on 90 % of inputs."""
    labelled, predicting = of.labelled_largest[:, :2], of.largest
    values = {
        "smallest arg-max share, printed rows": labelled.amin(1),
        "the same, rows that predict these answers": predicting[:, :2].amin(1),
        "smallest arg-max share, all predicting rows": predicting.amin(1),
    }
    return Observed((labelled >= 0.9).all(1), values)


def the_first_mlp_shifts_by_one(of: OfDigits) -> Observed:
    """What layer 0's MLP adds points from a digit's vector to the next one's: mean cosine 0.7 in both spaces."""
    embedding, unembedding = of.shift_W_E.mean(1), of.shift_W_U.mean(1)
    met = (embedding >= 0.7) & (unembedding >= 0.7)
    return Observed(met, {"mean cosine, W_E": embedding, "mean cosine, W_U": unembedding})


def right_on_every_input(of: OfDigits) -> Observed:
    """No wrong digit on any of the 256 inputs."""
    wrong = of.wrong.sum(1)
    solved = _share(digits("C", "trained").solved).expand(len(wrong))
    return Observed(wrong == 0, {"wrong digits": wrong, "share of trained seeds without a mistake": solved})
