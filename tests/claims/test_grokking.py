"""The rule on grokking, on milestones written by hand: just met, and each part of it just missed."""

from dataclasses import replace

import pytest

from tinycircuits.claims.ledger import finding
from tinycircuits.claims.rules_part_3 import it_understands_late_and_its_waves_grow_before
from tinycircuits.results.summaries.grokking import Milestones

MET = Milestones(200, 51, 400, 500, 900, 1.0, 100)


def sees(*seeds):
    return bool(it_understands_late_and_its_waves_grow_before({"one": [MET], "other": list(seeds)}).met)


def test_it_is_met_at_the_borders():
    assert sees(MET, MET)


@pytest.mark.parametrize(
    "changed",
    [
        {"missed_when_known": 50},
        {"known": None, "missed_when_known": None},
        {"wrong_at_end": 1.5},
        {"half_of_waves": 500},
        {"half_of_waves": None},
        {"half": None},
    ],
    ids=str,
)
def test_one_seed_that_misses_a_part_is_enough_to_miss_it(changed):
    assert not sees(MET, replace(MET, **changed))


@pytest.mark.xdist_group("ledger")
def test_no_control_meets_it():
    found = finding("grokking")
    assert found.verdict == "holds"
    assert {each.name for each in found.controls} == {"no weight decay", "shuffled sums"}
    assert [each.met for each in found.controls] == [0, 0]
