"""How a claim is judged: spreads, intervals and thresholds as numpy and scipy have them, and who counts."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import stats

from tinycircuits.claims import ledger
from tinycircuits.claims.judge import Measure, Observed, Spread, judge, verdict
from tinycircuits.claims.ledger import RULES
from tinycircuits.claims.rules_part_1 import once
from tinycircuits.models.errors import share_interval
from tinycircuits.results import numbers
from tinycircuits.results.numbers import OfDigits
from tinycircuits.results.tables.profiles import SOURCES

pytestmark = pytest.mark.xdist_group("ledger")


@pytest.mark.parametrize("n", [1, 2, 10, 101])
def test_a_spread_is_the_median_and_the_middle_nine_tenths_as_numpy_has_them(n):
    values = torch.randn(n, generator=torch.Generator().manual_seed(n)).exp()
    found = Spread.of(values)
    expected = [np.median(values.double().numpy()), *np.quantile(values.double().numpy(), [0.05, 0.95])]
    assert [found.median, found.low, found.high] == pytest.approx(expected)
    with_gaps = torch.cat([values, torch.tensor([float("nan")])])
    assert Spread.of(with_gaps) == found


def test_nine_tenths_of_a_hundred_models_lie_in_a_spread():
    values = torch.randperm(100, generator=torch.Generator().manual_seed(0)).double()
    found = Spread.of(values)
    assert sum(found.low <= value <= found.high for value in values.tolist()) == 90
    assert found.low == pytest.approx(4.95)
    assert (found.low + found.high) / 2 == found.median == 49.5


def test_a_spread_of_counts_and_of_truths_is_that_of_numbers():
    assert Spread.of(torch.tensor([1, 2, 3, 10])).median == 2.5
    assert Spread.of(torch.tensor([True, False, False])).median == 0
    assert all(np.isnan(value) for value in vars(Spread.of(torch.tensor([float("nan")]))).values())


@pytest.mark.parametrize(("part", "whole"), [(0, 5), (5, 5), (1, 1), (3, 10), (217, 1000), (96, 100)])
def test_the_interval_of_a_share_is_that_of_the_beta_distribution(part, whole):
    for confidence in (0.95, 0.5):
        tail = (1 - confidence) / 2
        low = stats.beta.ppf(tail, part, whole - part + 1) if part else 0
        high = stats.beta.ppf(1 - tail, part + 1, whole - part) if part < whole else 1
        assert share_interval(part, whole, confidence) == pytest.approx((low, high))
    assert share_interval(part, whole) == share_interval(part, whole, 0.95)


def test_the_interval_misses_the_true_share_in_at_most_one_of_twenty_cases():
    share, n = 0.3, 20
    outside = [k for k in range(n + 1) if not (lambda ends: ends[0] <= share <= ends[1])(share_interval(k, n))]
    assert 0.01 < stats.binom.pmf(outside, n, share).sum() <= 0.05


def expected_verdict(met, n):
    return "holds" if met / n >= 0.9 else "holds for some seeds" if met / n >= 0.1 else "does not hold"


@pytest.mark.parametrize("n", [1, 5, 9, 10, 11, 20, 97])
def test_nine_tenths_and_one_tenth_are_the_thresholds_at_every_number_of_models(n):
    for met in range(n + 1):
        models = [True] * met + [False] * (n - met)
        for how in ("seeds", "every seed", "published"):
            assert judge(how, models) == judge(how, models[::-1]) == verdict(models) == expected_verdict(met, n)
        assert judge("majority", models) == ("holds" if met >= n / 2 else expected_verdict(met, n))
        assert judge("any", models) == ("holds" if met else "does not hold")
        assert judge("all", models) == ("holds" if met == n else "does not hold")


# Who counts.

TEN = OfDigits(
    "trained",
    torch.arange(10),
    {"wrong.all": torch.tensor([[0, 0]] * 6 + [[0, 3], [1, 0], [2, 2], [9, 0]]), "value": torch.arange(10).double()},
)
SHOWN = OfDigits("published", torch.tensor([4]), {"wrong.all": torch.zeros(1, 2), "value": torch.tensor([2.0])})
CONTROL = OfDigits("untrained", torch.arange(4), {"wrong.all": torch.ones(4, 1), "value": torch.arange(4).double() * 5})


def large(of):
    """The value is three or more."""
    return Observed(of["value"] >= 3, {"value": of["value"], "wrong": of["wrong.all"].sum(1)})


def judged(monkeypatch, counted):
    measure = Measure(large, lambda: TEN, {"untrained": lambda: CONTROL}, lambda: SHOWN, counted)
    monkeypatch.setitem(RULES, "A2", measure)
    return ledger.finding.__wrapped__("A2")


def test_models_that_make_a_mistake_are_measured_but_do_not_count(monkeypatch):
    found = judged(monkeypatch, lambda of: of.solved)
    assert (found.met, found.judged, found.n_seeds) == (3, 6, 10)  # of the values 0 .. 5 three are large enough
    assert found.verdict == "holds for some seeds"
    assert found.interval == share_interval(3, 6)
    assert found.values["value"] == Spread.of(torch.arange(6).double())
    assert found.rows.met.tolist() == [False] * 3 + [True] * 3
    assert found.rows.values["wrong"].tolist() == [0] * 6
    assert found.observed == ("value", found.values["value"])
    assert (found.published, found.published_met) == ({"value": 2.0, "wrong": 0.0}, False)


def test_where_every_seed_counts_and_in_a_control_no_model_is_left_out(monkeypatch):
    found = judged(monkeypatch, None)
    assert (found.met, found.judged, found.n_seeds) == (7, 10, 10)
    (control,) = judged(monkeypatch, lambda of: of.solved).controls
    assert (control.name, control.met, control.judged) == ("untrained", 3, 4)
    assert control.values["value"] == Spread.of(torch.tensor([0.0, 5, 10, 15]))
    assert control.verdict == "holds for some seeds"


def test_without_a_model_that_counts_nothing_can_be_said(monkeypatch):
    found = judged(monkeypatch, lambda of: of.solved & False)
    assert (found.verdict, found.judged, found.interval) == ("not testable as stated", 0, (0.0, 1.0))


@pytest.mark.parametrize("judged_by", ["seeds", "any", "majority"])
def test_a_control_is_judged_as_the_claim_is(monkeypatch, judged_by):
    stated = ledger.claim("A2").model_copy(update={"judged": judged_by})
    monkeypatch.setattr(ledger, "claim", lambda name: stated)
    found = judged(monkeypatch, lambda of: of.solved)
    (control,) = found.controls
    assert found.verdict == judge(judged_by, [True] * 3 + [False] * 3)
    assert control.verdict == judge(judged_by, [True] * 3 + [False])


@pytest.mark.parametrize(
    ("own", "control", "expected"),
    [
        ("holds", "holds", True),
        ("holds", "holds for some seeds", False),
        ("holds for some seeds", "holds", True),
        ("holds for some seeds", "holds for some seeds", True),
        ("holds for some seeds", "does not hold", False),
        ("does not hold", "does not hold", False),
    ],
)
def test_a_claim_says_nothing_if_some_control_holds_as_much(monkeypatch, own, control, expected):
    found = judged(monkeypatch, None)
    beside = dataclasses.replace(found.controls[0], verdict="does not hold")
    as_much = dataclasses.replace(found.controls[0], verdict=control)
    assert dataclasses.replace(found, verdict=own, controls=(beside, as_much)).says_nothing == expected
    assert not dataclasses.replace(found, verdict=own, controls=(dataclasses.replace(as_much, judged=0),)).says_nothing


def test_a_verdict_that_no_longer_follows_is_named_and_another_is_not(monkeypatch):
    found = judged(monkeypatch, None)
    stated = found.claim.model_copy(update={"verdict": "holds"})
    kept = {"A2": dataclasses.replace(found, claim=stated), "A3": dataclasses.replace(found, claim=stated)}
    kept["A3"] = dataclasses.replace(kept["A3"], verdict="holds")
    monkeypatch.setattr(ledger, "finding", kept.get)
    assert ledger.contradicted(["A2", "A3"]) == [
        "A2: stored 'holds', measured 'holds for some seeds' (7 of 10)",
    ]


@pytest.mark.parametrize("name", ["A2", "B3", "C4", "D3", "E2", "C5", "attention", "D1", "A1"])
def test_each_claim_looks_at_the_models_of_its_article(monkeypatch, name):
    """Trained ones where it speaks of models, the published one where it is judged by that alone; all controls."""
    asked = []
    measure, article = RULES[name], {"attention": "B"}.get(name, name[0])
    by_published = name in ("C5", "attention")
    views = {"models": measure.models, "published": measure.published, **measure.controls}
    for role, view in views.items():
        assert view.func is (numbers.digits if article in "ABC" else numbers.pairs)
        asked.append((role, *view.args))
    shown = (article, "published" if by_published else "trained")
    assert asked == [
        ("models", *shown),
        ("published", article, "published"),
        *((kind, article, kind) for kind in SOURCES[article].kinds if kind not in ("trained", "published")),
    ]
    if by_published or name in ("A1", "D1"):
        assert measure.counted is None
    else:
        assert measure.counted(TEN).tolist() == [True] * 6 + [False] * 4


def test_what_is_seen_once_is_one_row():
    seen = once(torch.tensor(True), {"share": 0.25, "count": torch.tensor(3)})
    assert seen.met.tolist() == [True]
    assert {name: value.tolist() for name, value in seen.values.items()} == {"share": [0.25], "count": [3.0]}
