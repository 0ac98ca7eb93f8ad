"""What the rules of the book's part IV see: models explained to the end, and what no look from outside can tell."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor

from tinycircuits.claims.judge import Observed
from tinycircuits.claims.rules_part_1 import once
from tinycircuits.models.spoiled import SPOILED
from tinycircuits.results.calibrated import Calibration, calibration
from tinycircuits.results.certificates import StoredCertificate, load_certificate
from tinycircuits.results.lattices import SweptLattices, joined, load_lattices
from tinycircuits.results.numbers import OfDigits, digits
from tinycircuits.results.proofs import Proofs, load_proofs
from tinycircuits.results.summaries.lattices import TENTH, alike, by_single_removal, shapes
from tinycircuits.results.sweeps import load_sweep
from tinycircuits.results.tables.proofs import DRAWN_NAMES

ONE_MATRIX, FOR_EACH_DIGIT = 2, 3
"""Of the programs, in their order from short to long: with a matrix for each place, and with one for each digit."""


@dataclass(frozen=True)
class Programs:
    """Article B's published model and the seeds of its recipe; with ``wrong_digit`` the tables go by another digit."""

    published: OfDigits
    seeds: OfDigits
    wrong_digit: bool


def programs(wrong_digit: bool) -> Programs:
    """What is stored of them; raises as ``profile`` does."""
    return Programs(digits("B, programs", "published"), digits("B, programs", "trained"), wrong_digit)


def the_model_is_a_short_program(of: Programs) -> Observed:
    """A matrix for each place changes no answer of the published model, nor does any of its variables alone, where a
    push of that length changes some; of the faultless seeds it does for fewer than a tenth, a matrix for each digit for
    more than half, and some table for more than nine tenths."""
    published, seeds = of.published, of.seeds.faultless()
    changed = published.program_wrong_digit if of.wrong_digit else published.program
    together = float(changed[0, ONE_MATRIX].sum())
    alone, pushed = published.account_alone[0].sum(1), published.account_pushed[0].sum(1)
    told: list[float] = (
        (seeds.program == 0).cummax(1).values.all(2).double().mean(0).tolist()
    )  # by this or a shorter one
    values: Mapping[str, float | Tensor] = {
        "answers changed by the program": together,
        "most by one variable": alone.max(),
        "fewest by a push": pushed.min(),
        "share of seeds with a matrix for each place": told[ONE_MATRIX],
        "with a matrix for each digit": told[FOR_EACH_DIGIT],
        "with any table": told[-1],
    }
    met = together == 0 == int(alone.max()) < int(pushed.min())
    return once(met and told[ONE_MATRIX] < 0.1 < 0.5 < told[FOR_EACH_DIGIT] and told[-1] > 0.9, values)


def an_instrument_reads_how_weights_are_written(by_push: bool) -> Observed:
    """In article C's published model no rewriting of the weights changes an answer; the cosine with the embeddings
    moves by more than one half, the count without a part's weights by more than a twentieth of all answers, the
    attention weights and the counts without the whole part by nothing. ``by_push`` moves the weights without a rule."""
    of = digits("C, rewritten", "published")
    moved = {name: float(of.moved_by_rewriting(name)[0].max()) for name in (*_STILL, _COSINE, _WEIGHTS)}
    changed = of.changed_by_push if by_push else of.changed_by_rewriting
    still = max(moved[name] for name in _STILL)
    values: Mapping[str, float | Tensor] = {
        "answers changed": changed[0].sum(),
        "cosine with W_E moves by": moved[_COSINE],
        "wrong without a part's weights moves by": moved[_WEIGHTS],
        "attention and whole parts move by": still,
    }
    met = int(changed[0].sum()) == 0 and still < 1e-6 and moved[_COSINE] > 0.5
    return once(met and moved[_WEIGHTS] > N_ANSWERS_OF_C / 20, values)


_STILL = ("attention weights", "wrong without a part (zero)", "wrong without a part (mean)")
_COSINE, _WEIGHTS = "cosine with W_E", "wrong without its weights"
N_ANSWERS_OF_C = 4 * 4**4
"""Answers of article C's model over all inputs."""


C_AS_PRINTED = ("seeds-c-ordered", "seeds-c-shuffled")
"""Article C's recipe on either split."""


@cache
def swept(trained: bool) -> SweptLattices:
    """The lattices of the faultless models of article C's recipe, or of models before training."""
    if not trained:
        return load_lattices(C_AS_PRINTED[0], trained=False)
    return joined([load_lattices(name) for name in C_AS_PRINTED])


def there_is_no_one_circuit(of: SweptLattices) -> Observed:
    """With the mean put in more than a third of the models have several minimal circuits; fewer than a quarter have the
    same ones with every replacement; with each, more than half have a part that every circuit needs and whose removal
    costs at most a tenth of the digits; and no shape of circuit is minimal in more than a quarter."""
    several = float((of.minimal("mean").sum(1) > 1).double().mean())
    same = float((alike(of) & (of.counts == 0).any(2).all(0)).double().mean())
    table = by_single_removal(of, {"a tenth": TENTH})
    missed = int(table["needed, not named, models"].min()) / len(of.seeds)
    commonest = float(shapes(of)["share"].max()) if bool((of.counts == 0).any()) else 1.0
    values = {
        "share with several minimal circuits": several,
        "with the same ones for every replacement": same,
        "with a needed part that costs at most a tenth, rarest": missed,
        "share that has the commonest shape of circuit": commonest,
    }
    return once(several > 1 / 3 and same < 1 / 4 and missed > 1 / 2 and commonest < 1 / 4, values)


ONE_BY_ONE = ("zero ablation", "mean ablation")
LOOKING = ("probe", "brightness")
"""The methods that look at a part and change nothing."""


def calibrated(*, shuffled: bool = False) -> Calibration:
    """What every method said of the planted parts; as a control the truth of each model is shuffled among its parts."""
    found = calibration()
    if not shuffled:
        return found
    generator = torch.Generator().manual_seed(0)
    role = found.role.clone()
    for row in role:
        n = int((row >= 0).sum())
        row[:n] = row[:n][torch.randperm(n, generator=generator)]
    return replace(found, role=role)


def who_looks_is_fooled_who_removes_one_misses_pairs(of: Calibration) -> Observed:
    """No method that changes something names a part that does nothing. Zero and mean ablation name no part of any pair
    of copies and every part of a cancelling pair; the two methods that only look name every planted idle part."""
    false = {method: of.count(method, "idle")[0] for method in of.methods}
    pairs = [of.where(pattern=pattern) for pattern in ("half pair", "full pair")]
    copies = sum(each.planted_named(method)[0] for each in pairs for method in ONE_BY_ONE)
    opposed = [of.where(pattern="cancelling pair").planted_named(method) for method in ONE_BY_ONE]
    fooled = [of.where(pattern="bright idle").planted_named(method) for method in LOOKING]
    changing = sum(n for method, n in false.items() if method not in LOOKING)
    met = not changing and not copies and all(n == total > 0 for n, total in opposed + fooled)
    values: dict[str, float] = {
        "idle parts named by methods that change something": changing,
        "copies named by zero and mean ablation": copies,
        "parts of cancelling pairs named by them": sum(n for n, _ in opposed),
        "planted idle parts named by looking": sum(n for n, _ in fooled),
    }
    return once(met, values)


ONE_LAYER = "reversal-8d-1l"
"""Article B's study."""
CERTIFIED = ("reversal-8d-2l", ONE_LAYER, "reversal-4d-2l", "addition-113-3l", "addition-97-2l")
"""The studies of the five articles, in their order."""
Certificates = Mapping[str, StoredCertificate]


def certificates(*, trained: bool = True) -> Certificates:
    """What is certain of the published models, or of the same before training."""
    return {name: load_certificate(name, trained=trained) for name in CERTIFIED}


def certain_in_double_precision(of: Certificates) -> Observed:
    """Every answer of all models is certified right in real arithmetic and in float64, none is wrong on any machine; in
    float32 every answer of article B's model is, and of each other model fewer."""

    def least(machine: str) -> float:
        return min(found.count(machine, "right") / found.n_answers for found in of.values())

    deeper = [found.count("float32", "undecided") for name, found in of.items() if name != ONE_LAYER]
    values: dict[str, float] = {
        "least share certified in float64": least("float64"),
        "least share in real arithmetic": least("real"),
        "certified wrong": sum(found.count(machine, "wrong") for found in of.values() for machine in found.machines),
        "undecided of B in float32": of[ONE_LAYER].count("float32", "undecided"),
        "fewest undecided of another model": min(deeper),
    }
    double, real, wrong, shallow, open_ = values.values()
    return once(double == real == 1 and not wrong and not shallow and open_ > 0, values)


N_ANSWERS_OF_B = 8 * 4**8
"""Answers of article B's model over all inputs."""


@dataclass(frozen=True)
class Provings:
    """What proofs say: of article B's published model, of the seeds of its recipe, of sixteen digits."""

    proved: bool
    boxes: int
    seeds: Proofs
    recorded: Tensor
    """Wrong answers of each seed, counted over all inputs when it was trained."""
    large: tuple[Proofs, ...]


def provings(spoiled: str | None = None) -> Provings:
    """What is stored, of the published model as it is or spoiled. Raises as ``load_proofs`` does."""
    published, sweep = load_proofs("reversal-8d-1l"), load_sweep("seeds-b")
    at = [None, *SPOILED].index(spoiled)
    large = tuple(load_proofs(name) for name in DRAWN_NAMES if name.startswith("drawn-16"))
    return Provings(
        bool(published.proved[at]), int(published.boxes[at]), load_proofs("seeds-b"), sweep.wrong_digits, large
    )


def a_proof_is_shorter_than_a_list_and_knows_more(of: Provings) -> Observed:
    """The published model is proved in fewer boxes than a thousandth of its answers; every seed of its recipe is
    decided as its answers were counted; of sixteen digits some model is proved, and some is refuted that gave no wrong
    answer to a million random inputs."""
    agree = bool((of.seeds.wrong == of.recorded).all()) and not bool(of.seeds.undecided.any())
    proved = sum(int(each.proved.sum()) for each in of.large)
    unseen = sum(int((each.refuted & (each.tried.sum(1) == 0)).sum()) for each in of.large)
    values: Mapping[str, float | Tensor] = {
        "boxes for a thousand answers": 1_000 * of.boxes / N_ANSWERS_OF_B,
        "seeds decided as counted": (of.seeds.wrong == of.recorded).sum(),
        "models of sixteen digits proved": proved,
        "refuted though a million inputs were right": unseen,
    }
    return once(of.proved and 1_000 * of.boxes < N_ANSWERS_OF_B and agree and proved > 0 and unseen > 0, values)
