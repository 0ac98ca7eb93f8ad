"""The measuring functions of what part II of this book claims: many seeds, models without a part, agreement."""

from functools import cache, partial

import torch

from tinycircuits.claims.measures import Measure, of_sweeps, register
from tinycircuits.claims.reversal import ONE_PART_ONLY
from tinycircuits.claims.verdicts import Observed
from tinycircuits.claims.views import Trials
from tinycircuits.interp.agreement import Fingerprint, fingerprint
from tinycircuits.models.build import build
from tinycircuits.models.by_hand import hand_built
from tinycircuits.models.errors import share_interval, teacher_forced
from tinycircuits.results.sweeps import load_sweep
from tinycircuits.results.tables.profiles import N_CONTROLS
from tinycircuits.results.tables.sweeps import SIZES, size_name, sweep
from tinycircuits.tasks import ReverseIncrement

C_SWEEPS = ("seeds-c-ordered", "seeds-c-shuffled", "seeds-c-ordered-better", "seeds-c-shuffled-better")


def _solved(of: Trials) -> dict[str, tuple[int, int]]:
    """Models without a wrong digit, of how many, for each sweep."""
    wrong = {name: of.wrong(name) for name in of.results}
    return {name: (int((each == 0).sum()), len(each)) for name, each in wrong.items()}


@of_sweeps("seeds", *C_SWEEPS)
def the_split_decides_how_often_it_works(of: Trials) -> Observed:
    """Fewer than half of the seeds of article C's own code solve the task; shuffled, more than half do; and a better
    recipe adds to the shuffled split, intervals apart, but does not bring the ordered one to half."""
    found = _solved(of)
    low, high = ({name: share_interval(*each)[end] for name, each in found.items()} for end in (0, 1))
    ordered, shuffled, ordered_better, shuffled_better = C_SWEEPS
    met = high[ordered] < 0.5 < low[shuffled] and high[shuffled] < low[shuffled_better] and high[ordered_better] < 0.5
    shares = {f"share solved, {name}": torch.tensor([k / n]) for name, (k, n) in found.items()}
    return Observed(torch.tensor([met]), shares)


@of_sweeps("needed", *ONE_PART_ONLY, "neighbour-attention-16", "neighbour-attention-16-raw", "neighbour-mlp-16")
def attention_alone_is_enough(of: Trials) -> Observed:
    """A circuit of attention alone that is set by hand makes no mistake, most seeds of the narrowest one find another,
    and the task that needs two digits at once is solved with an MLP and by no seed without."""
    task = sweep("attention-4").task
    assert isinstance(task, ReverseIncrement)
    by_hand = hand_built(task, mlp=False)
    wrong = teacher_forced(by_hand, task, task.sequences()).errors()
    found = _solved(of)
    shares = {name: k / n for name, (k, n) in found.items()}
    without = max(shares["neighbour-attention-16"], shares["neighbour-attention-16-raw"])
    met = wrong.wrong_digits == 0 and shares["attention-4"] > 0.5 and without == 0 and shares["neighbour-mlp-16"] > 0.5
    values = {
        "share solved, attention only, width 4": shares["attention-4"],
        "two digits at once, attention only": without,
        "two digits at once, with an MLP": shares["neighbour-mlp-16"],
        "wrong digits of the circuit set by hand": float(wrong.wrong_digits),
    }
    return Observed(torch.tensor([met]), {name: torch.tensor([value]) for name, value in values.items()})


N_COMPARED = 100
HEAD = 2
"""Dimensions of the head at which widths are compared."""


@cache
def _prints(*, trained: bool) -> tuple[Fingerprint, ...]:
    """Fingerprints of the first faultless models of article C, or of some before training."""
    found = load_sweep("seeds-c-shuffled")
    task = found.sweep.task
    assert isinstance(task, ReverseIncrement)
    seeds = found.seeds[found.solved].tolist()[: N_COMPARED if trained else N_CONTROLS]
    fresh = (build(found.sweep.model, task, seed=seed, dtype="float64") for seed in seeds)
    return tuple(fingerprint(m, task.sequences(), task, seed=0) for m in (found.models(seeds) if trained else fresh))


def the_outline_agrees_and_the_detail_does_not(of: tuple[Fingerprint, ...]) -> Observed:
    """In nine tenths of the faultless models every answer that is fetched is carried by some attention; each layer
    carries all of them in a tenth to nine tenths; and what a part's mean leaves differs by more than five points."""
    attention = [index for index, part in enumerate(of[0].parts) if part.endswith("attn")]
    carried = torch.stack([each.carries[attention, 1:] for each in of]) >= 0.5  # [model layer answer]
    kept = torch.stack([each.kept.mean(1) for each in of])
    range_ = (kept.amax(0) - kept.amin(0)).min()
    some = carried.any(1).all(1).double().mean()
    whole = carried.all(2).double().mean(0)
    met = some >= 0.9 and whole.min() >= 0.1 and whole.max() < 0.9 and range_ > 0.05
    values = {
        "each fetched answer is carried by some attention": some,
        "all by the rarer layer": whole.min(),
        "all by the commoner layer": whole.max(),
        "smallest range of what is kept": range_,
    }
    return Observed(torch.tensor([bool(met)]), {name: value[None].double() for name, value in values.items()})


register(
    "agree",
    Measure(
        the_outline_agrees_and_the_detail_does_not,
        partial(_prints, trained=True),
        {"untrained": partial(_prints, trained=False)},
    ),
)


@of_sweeps("sizes", *(size_name(*size) for size in SIZES))
def width_decides(of: Trials) -> Observed:
    """Some model with fewer parameters than article C's has a faultless seed; at one width, neurons and layers change
    the share of faultless seeds by at most a quarter; and from width three to width four it leaps by at least half."""
    shares = {name: k / n for name, (k, n) in _solved(of).items()}
    by_width: dict[int, list[float]] = {}
    for size in SIZES:
        if size[2] == HEAD:
            by_width.setdefault(size[1], []).append(shares[size_name(*size)])
    parameters = {name: found.weights.shape[1] for name, found in of.results.items()}
    articles = load_sweep("seeds-c-ordered", range(1)).weights.shape[1]
    smaller = [parameters[name] for name, share in shares.items() if share > 0 and parameters[name] < articles]
    change = max(max(each) - min(each) for each in by_width.values())
    leap = min(by_width[4]) - max(by_width[3])
    values = {
        "leap from width three to four": leap,
        "largest change by neurons and layers": change,
        "fewest parameters with a faultless seed": float(min(smaller, default=0)),
        "parameters of article C's model": float(articles),
    }
    met = bool(smaller) and change <= 0.25 and leap >= 0.5
    return Observed(torch.tensor([met]), {name: torch.tensor([value]) for name, value in values.items()})
