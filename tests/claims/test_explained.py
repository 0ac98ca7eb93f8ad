"""The rules of the chapters that explain a model to the end, on made-up models that just meet them or just miss."""

import pandas as pd
import pytest
import torch

from tinycircuits.claims import rules_part_4
from tinycircuits.results.lattices import SweptLattices

KINDS = ("zero", "mean", "resample")
ONE, TWO = [1, 0, 1, 0], [1, 0, 0, 0]
"""Counts of a model of two units with one minimal circuit, and of one where either unit is enough."""


def of(mean):
    """Models with these counts for the mean, and with one circuit for the other replacements."""
    others = [ONE] * len(mean)
    return SweptLattices(("L0N0", "L0N1"), KINDS, torch.arange(len(mean)), torch.tensor([others, mean, others]), 4)


def judged(monkeypatch, several, same, missed, commonest):
    """The rule on twelve models, of which so many are as it says; what counts them has tests of its own."""
    missing = pd.DataFrame({"needed, not named, models": [12, missed, 12]})
    monkeypatch.setattr(rules_part_4, "alike", lambda found: torch.arange(12) < same)
    monkeypatch.setattr(rules_part_4, "by_single_removal", lambda found, shares: missing)
    monkeypatch.setattr(rules_part_4, "shapes", lambda found: pd.DataFrame({"share": [1 / 12, commonest / 12]}))
    return rules_part_4.there_is_no_one_circuit(of([TWO] * several + [ONE] * (12 - several)))


@pytest.mark.parametrize(
    ("several", "same", "missed", "commonest", "met"),
    [
        (5, 2, 7, 2, True),
        (4, 2, 7, 2, False),  # a third is not more than a third
        (5, 3, 7, 2, False),
        (5, 2, 6, 2, False),
        (5, 2, 7, 3, False),
    ],
)
def test_each_bound_of_the_lattice_can_be_missed_alone(monkeypatch, several, same, missed, commonest, met):
    found = judged(monkeypatch, several, same, missed, commonest)
    assert found.met.tolist() == [met]
    expected = [several / 12, same / 12, missed / 12, commonest / 12]
    assert [float(value) for value in found.values.values()] == pytest.approx(expected)


def test_where_no_set_suffices_there_is_no_circuit_to_name():
    found = rules_part_4.there_is_no_one_circuit(
        SweptLattices(("L0N0",), KINDS, torch.arange(2), torch.ones(3, 2, 2).long(), 4)
    )
    assert found.met.tolist() == [False]
    assert float(found.values["with the same ones for every replacement"]) == 0


def test_the_models_of_both_splits_are_judged(monkeypatch):
    loaded = []

    def load(name, *, trained=True):
        loaded.append((name, trained))
        return of([ONE] * 3)

    monkeypatch.setattr(rules_part_4, "load_lattices", load)
    looked_up = rules_part_4.swept.__wrapped__  # what is cached is that of the real models
    assert len(looked_up(True).seeds) == 6
    looked_up(False)
    assert loaded == [("seeds-c-ordered", True), ("seeds-c-shuffled", True), ("seeds-c-ordered", False)]
