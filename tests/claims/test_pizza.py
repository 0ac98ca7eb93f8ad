"""The rule about clock and pizza is met by what it says, and by nothing less."""

from dataclasses import replace

import pytest
import torch

from tinycircuits.claims.rules_pizza import Ruler, ruler, the_numbers_do_not_say

JUST = Ruler((0.95, 0.05), 0.49, torch.tensor([0.9, 1.0]), torch.tensor([0.9, 1.0]), torch.tensor([0.95, 1.0]))


def met(**changed) -> bool:
    return bool(the_numbers_do_not_say(replace(JUST, **changed)).met)


def test_the_rule_is_just_met():
    assert met()
    found = the_numbers_do_not_say(JUST).values
    assert [round(float(each), 2) for each in found.values()] == [0.95, 0.05, 0.49, 0.9, 0.9, 0.95]


@pytest.mark.parametrize(
    "changed",
    [
        {"symmetricity": (0.94, 0.05)},
        {"symmetricity": (0.95, 0.06)},
        {"symmetricity": (0.95, -0.06)},
        {"perfect": 0.5},
        {"noisy": torch.tensor([0.89, 1.0])},
        {"irrelevance": torch.tensor([1.0, 0.89])},
        {"phases": torch.tensor([0.94, 1.0])},
    ],
)
def test_one_number_less_and_it_is_not(changed):
    assert not met(**changed)


def test_models_before_training_have_no_phases_to_agree():
    trained, fresh = ruler(), ruler(trained=False)
    assert (len(trained.irrelevance), len(fresh.irrelevance)) == (14, 4)  # one seed of E misses a pair
    assert the_numbers_do_not_say(trained).met
    assert not the_numbers_do_not_say(fresh).met
    assert trained.perfect == fresh.perfect
