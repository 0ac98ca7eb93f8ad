"""The rules of the chapters that explain a model to the end, on made-up models that just meet them or just miss."""

import pytest
import torch

from tinycircuits.claims import rules_part_4
from tinycircuits.results.lattices import SweptLattices

UNITS = ("L0 attn", *(f"L0N{n}" for n in range(4)))
KINDS = ("zero", "mean", "resample")


def needing(*sets, cost=1):
    """Counts of a model of five units in which exactly what holds one of these sets is right; else ``cost`` wrong."""
    masks = [sum(1 << unit for unit in each) for each in sets]
    return [0 if any(mask & each == each for each in masks) else cost for mask in range(32)]


CHEAP = needing((0, 1))
"""One circuit, whose parts cost one digit of a hundred."""
SHAPES = [needing(range(n)) for n in (1, 2, 3, 4)] + [needing(range(1, n)) for n in (2, 3, 4, 5)]
"""Eight models with one circuit each, of eight shapes."""
SPARE = needing((0, 1), (0, 2))


def of(zero, mean, resample):
    counts = torch.tensor([zero, mean, resample])
    return SweptLattices(UNITS, KINDS, torch.arange(counts.shape[1]), counts, 100)


def models(**changed):
    """Twelve models, more than a third with a spare part for the mean, and other circuits for the other kinds."""
    zero = SHAPES + SHAPES[:4]
    mean = [needing((0, 1), (0, 1 + n % 4), (n % 4 + 1,)) for n in range(0)] + SHAPES[4:8] + SHAPES[:3]
    spare = [
        SPARE,
        needing((0,), (1, 2)),
        needing((1, 2), (3,)),
        needing((1, 2, 3), (4,)),
        needing((1, 2, 3, 4), (0, 1, 2)),
    ]
    given = {"zero": zero, "mean": mean + spare, "resample": SHAPES[4:] + SHAPES} | changed
    return of(given["zero"], given["mean"], given["resample"])


def seen(found):
    return {name: float(value) for name, value in rules_part_4.there_is_no_one_circuit(found).values.items()}


def met(found):
    return rules_part_4.there_is_no_one_circuit(found).met.tolist() == [True]


def test_there_is_no_one_circuit_where_all_four_bounds_are_met():
    found = models()
    assert seen(found)["share with several minimal circuits"] == pytest.approx(5 / 12)
    assert met(found)


def test_a_third_with_several_circuits_is_not_enough():
    found = models(
        mean=SHAPES[4:8] + SHAPES[:4] + [SPARE, needing((0,), (1, 2)), needing((1, 2), (3,)), needing((4,), (0, 1))]
    )
    assert seen(found)["share with several minimal circuits"] == pytest.approx(1 / 3)
    assert not met(found)


def test_a_quarter_with_the_same_circuits_for_every_replacement_is_too_many():
    mean = models().counts[1].tolist()
    for same, expected in ((2, True), (3, False)):
        alike = mean[:same]
        found = models(zero=alike + SHAPES[4:8] * 3, mean=mean, resample=alike + SHAPES[:4] * 3)
        found = of(*(each[:12] for each in (found.counts[0].tolist(), mean, found.counts[2].tolist())))
        assert seen(found)["with the same ones for every replacement"] == pytest.approx(same / 12)
        assert (seen(found)["with the same ones for every replacement"] < 1 / 4) == expected


def test_half_with_a_needed_part_that_is_cheap_is_not_enough():
    dear = [[11 * n for n in each] for each in SHAPES]
    for cheap, expected in ((7, True), (6, False)):
        found = models(zero=(SHAPES + SHAPES)[:cheap] + (dear + dear)[cheap:12])
        assert seen(found)["with a needed part that costs at most a tenth, rarest"] == pytest.approx(cheap / 12)
        assert met(found) == expected


def test_a_tenth_of_the_digits_is_not_more_than_a_tenth():
    found = models(zero=[[10 * n for n in each] for each in SHAPES + SHAPES[:4]])
    assert seen(found)["with a needed part that costs at most a tenth, rarest"] == pytest.approx(8 / 12)


def test_a_shape_that_a_quarter_has_is_common():
    zero = [*SHAPES, *SHAPES[:4]]
    for like, expected in ((2, True), (3, False)):
        found = models(zero=[CHEAP] * like + [each for each in zero if each != CHEAP][: 12 - like])
        assert (seen(found)["share that has the commonest shape of circuit"] < 1 / 4) == expected


def test_where_no_set_suffices_there_is_no_circuit_to_name():
    found = of(*([[1] * 32] * 3 for _ in KINDS))
    assert not met(found)
    assert seen(found)["with the same ones for every replacement"] == 0


def test_the_models_of_both_splits_are_judged(monkeypatch):
    loaded = []

    def load(name, *, trained=True):
        loaded.append((name, trained))
        return models()

    monkeypatch.setattr(rules_part_4, "load_lattices", load)
    assert len(rules_part_4.swept(True).seeds) == 24
    rules_part_4.swept(False)
    assert loaded == [("seeds-c-ordered", True), ("seeds-c-shuffled", True), ("seeds-c-ordered", False)]
