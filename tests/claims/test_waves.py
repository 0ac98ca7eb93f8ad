"""The rule on waves, on made-up models that just meet it or just miss."""

import math

import pandas as pd
import pytest

from tinycircuits.claims.rules_waves import few_waves_carry_the_addition


def rows(**change):
    """Two models, with one number of the first or of the second changed."""
    found = pd.DataFrame(
        {
            "article": ["D", "E"],
            "pairs": [100, 100],
            "wrong": [0, 1],
            "wrong without": [51, 52],
            "without others": [49, 50],
            "sum in last MLP": [0.9, 0.9],
            "one frequency": [0.49, 0.1],
            "phase error": [math.pi / 4 - 0.01, math.pi / 4],
        }
    )
    for name, (row, value) in change.items():
        found.loc[row, name.replace("_", " ")] = value
    return found


def test_the_claim_on_waves_is_just_met():
    found = few_waves_carry_the_addition(rows())
    assert found.met.tolist() == [True]
    assert [float(value) for value in found.values.values()][:3] == pytest.approx([0.51, 0.49, 0.9])


@pytest.mark.parametrize(
    "change",
    [
        {"wrong_without": (0, 50)},
        {"wrong_without": (1, 51)},
        {"without_others": (0, 50)},
        {"without_others": (1, 51)},
        {"one_frequency": (1, 0.5)},
        {"phase_error": (0, math.pi / 4)},
        {"phase_error": (0, math.nan)},
        {"phase_error": (1, math.pi / 4 - 0.01)},
    ],
    ids=str,
)
def test_each_part_of_the_claim_on_waves_can_be_missed_alone(change):
    assert few_waves_carry_the_addition(rows(**change)).met.tolist() == [False]


def test_the_claim_on_waves_asks_the_last_mlp():
    found = rows()
    found.loc[1, "sum in last MLP"] = 0.899
    assert few_waves_carry_the_addition(found).met.tolist() == [False]
