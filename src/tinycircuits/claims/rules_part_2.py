"""What the rules of the book's part II see: many seeds, models without a part, agreement, sizes."""

from tinycircuits.claims.judge import Observed
from tinycircuits.claims.rules_part_1 import once
from tinycircuits.claims.views import Trials
from tinycircuits.models.errors import share_interval
from tinycircuits.results.numbers import OfDigits, digits
from tinycircuits.results.sweeps import load_sweep
from tinycircuits.results.tables.profiles import Kind
from tinycircuits.results.tables.sweeps import SIZES, size_name

NEIGHBOURS = ("neighbour-attention-16", "neighbour-attention-16-raw", "neighbour-mlp-16")
"""The task that needs two digits at once, without an MLP and with one."""
C_SWEEPS = ("seeds-c-ordered", "seeds-c-shuffled", "seeds-c-ordered-better", "seeds-c-shuffled-better")


def _solved(of: Trials) -> dict[str, tuple[int, int]]:
    """Models without a wrong digit, of how many, for each sweep."""
    wrong = {name: of.wrong(name) for name in of.results}
    return {name: (int((each == 0).sum()), len(each)) for name, each in wrong.items()}


def _ends(of: Trials) -> tuple[dict[str, float], dict[str, float]]:
    """The lower and the upper end of the interval of the share of faultless models, for each sweep."""
    found = {name: share_interval(*each) for name, each in _solved(of).items()}
    return {name: low for name, (low, _) in found.items()}, {name: high for name, (_, high) in found.items()}


def the_split_decides_how_often_it_works(of: Trials) -> Observed:
    """Fewer than half of the seeds of article C's own code solve the task; shuffled, more than half do; and a better
    recipe adds to the shuffled split, intervals apart, but does not bring the ordered one to half."""
    low, high = _ends(of)
    ordered, shuffled, ordered_better, shuffled_better = C_SWEEPS
    met = high[ordered] < 0.5 < low[shuffled] and high[shuffled] < low[shuffled_better] and high[ordered_better] < 0.5
    return once(met, {f"share solved, {name}": k / n for name, (k, n) in _solved(of).items()})


def attention_alone_is_enough(of: Trials) -> Observed:
    """A circuit of attention alone that is set by hand makes no mistake, most seeds of the narrowest one find another,
    and the task that needs two digits at once is solved by most seeds with an MLP and by no seed without, intervals
    apart from a half and from a twentieth."""
    wrong = int(digits("C, shown", "published").by_hand_wrong[0])
    shares = {name: k / n for name, (k, n) in _solved(of).items()}
    low, high = _ends(of)
    normal, raw, with_mlp = NEIGHBOURS
    without = max(shares[normal], shares[raw])
    met = wrong == 0 and low["attention-4"] > 0.5 and without == 0 and high[normal] < 0.05 and low[with_mlp] > 0.5
    values = {
        "share solved, attention only, width 4": shares["attention-4"],
        "two digits at once, attention only": without,
        "two digits at once, with an MLP": shares[with_mlp],
        "wrong digits of the circuit set by hand": wrong,
    }
    return once(met, values)


N_COMPARED = 100
HEAD = 2
"""Dimensions of the head at which widths are compared."""


def prints(kind: Kind) -> OfDigits:
    """Fingerprints of the first faultless models of article C, or of untrained ones; raises as ``profile`` does."""
    found = digits("C, prints", kind)
    return found.of_seeds(found.solved.nonzero()[:N_COMPARED, 0]) if kind == "trained" else found


def the_outline_agrees_and_the_detail_does_not(of: OfDigits) -> Observed:
    """In more than nine tenths of the faultless models every answer that is fetched is carried by some attention; each
    layer carries all of them in more than a tenth and in fewer than nine tenths; and what a part's mean leaves differs
    by more than five points."""
    carried = of.carries[:, ::2, 1:] >= 0.5  # of attentions and fetched answers: [model layer answer]
    kept = of.kept.mean(2)
    range_ = (kept.amax(0) - kept.amin(0)).min()
    some = carried.any(1).all(1).double().mean()
    whole = carried.all(2).double().mean(0)
    met = some > 0.9 and whole.min() > 0.1 and whole.max() < 0.9 and range_ > 0.05
    values = {
        "each fetched answer is carried by some attention": some,
        "all by the rarer layer": whole.min(),
        "all by the commoner layer": whole.max(),
        "smallest range of what is kept": range_,
    }
    return once(met, values)


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
    return once(bool(smaller) and change <= 0.25 and leap >= 0.5, values)
