"""The tables of the calibration, on a made-up one counted by hand."""

import pytest
import torch

from tests.results.test_calibrating import COUNTERS, IDLE, NAN, WORKS
from tinycircuits.models.errors import share_interval
from tinycircuits.results.calibrated import Calibration
from tinycircuits.results.summaries.trust import FALSE, MISSED, chance, error_rates, method_table, misjudged


def three() -> Calibration:
    """A half pair, a cancelling pair, a bright idle head; two methods, of which the second says nothing of a unit."""
    return Calibration(
        models=(("half pair", "heads", 0), ("cancelling pair", "heads", 0), ("bright idle", "heads", 0)),
        methods=("one", "two"),
        role=torch.tensor([[WORKS, WORKS, IDLE], [COUNTERS, COUNTERS, WORKS], [IDLE, WORKS, IDLE]]),
        planted=torch.tensor([[1, 1, 0], [1, 1, 0], [1, 0, 0]]).bool(),
        head=torch.ones(3, 3, dtype=torch.bool),
        score=torch.tensor([[[0.0, 1, 2], [1, NAN, 2]], [[0, 1, 2], [0, 1, 2]], [[0, 1, 2], [0, 1, 2]]]).double(),
        named=torch.tensor([[[1, 0, 0], [1, 0, 0]], [[1, 0, 1], [1, 1, 1]], [[0, 1, 0], [1, 1, 0]]], dtype=torch.bool),
        top=torch.tensor([[[1, 0, 1], [0, 0, 1]], [[0, 0, 1], [0, 0, 1]], [[0, 1, 0], [0, 1, 0]]]).bool(),
        auroc=torch.tensor([[0.25, 0.5], [NAN, NAN], [0.5, 1.0]]).double(),
    )


def test_rates_are_shares_of_their_own_kind_with_exact_intervals():
    rates = error_rates(three()).set_index(["method", "error"])
    assert rates.share.to_dict() == pytest.approx(
        {("one", FALSE): 0, ("one", MISSED): 1 / 4, ("two", FALSE): 1 / 3, ("two", MISSED): 0}
    )
    assert tuple(rates.loc[("two", FALSE), ["low", "high"]]) == pytest.approx(share_interval(1, 3))
    assert tuple(rates.loc[("one", MISSED), ["low", "high"]]) == pytest.approx(share_interval(1, 4))


def test_the_table_of_methods_has_the_counts():
    one, two = method_table(three()).values.tolist()
    assert one == ["one", "0 of 3", "1 of 4", "1 of 2", "1 of 3", "0.375"]
    assert two == ["two", "1 of 3", "0 of 3", "2 of 2", "1 of 3", "0.750"]


def test_a_planted_part_is_misjudged_where_it_works_unnamed_or_is_named_without_working():
    found = misjudged(three())
    assert found.loc["one", ["half pair", "cancelling pair", "bright idle"]].tolist() == [0.5, 0.5, 0]
    assert found.loc["two", ["half pair", "cancelling pair", "bright idle"]].tolist() == [0, 1, 1]


def test_random_rankings_are_worth_a_coin():
    mean, low, high = chance(three(), seed=0, draws=2_000)
    assert mean == pytest.approx(0.5, abs=0.03)
    assert 0 <= low < 0.5 < high <= 1
