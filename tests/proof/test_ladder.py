"""The coarser bounds are bounds too, and no better than those that know what belongs together."""

import numpy as np
import pytest

from tests.proof.models import published, random_boxes, root_of_final, some_cases, subjects
from tinycircuits.proof.bounds import bounds
from tinycircuits.proof.cases import Boxes, roots
from tinycircuits.proof.ladder import Interval, exact_means, intervals, sure_margin, tree
from tinycircuits.proof.search import search
from tinycircuits.proof.subject import rule_of, tables_of

RUNGS = pytest.mark.parametrize("rung", [intervals, exact_means])


@RUNGS
@pytest.mark.parametrize("name", list(subjects()))
@pytest.mark.parametrize(("share", "mu"), [(0.3, 0.0), (0.6, 2.0), (1.0, 0.0)])
def test_no_case_lies_below_the_bounds_of_its_box(rung, name, share, mu):
    tables = subjects()[name]
    boxes = random_boxes(tables.rule, 80, 0, share)
    index, row, digits = some_cases(boxes, 30, 0)
    found, margins = rung(tables, boxes, mu), tables.margins(row, digits) - mu
    root = root_of_final(tables, tables.state(row, digits))[:, None]
    assert (found.lower[index] <= margins * root + 1e-9 * (1 + abs(margins)) * root).all()
    assert (margins.min(1) > 0)[found.right[index]].all()
    assert (margins.min(1) < 0)[found.wrong[index]].all()


@RUNGS
def test_a_case_alone_has_its_margin_as_its_bound(rung):
    tables = subjects()["trained 0"]
    _, row, digits = some_cases(random_boxes(tables.rule, 40, 1, 1.0), 2, 1)
    single = Boxes(row, np.arange(tables.rule.modulus) == digits[..., None])
    expected = tables.margins(row, digits) * root_of_final(tables, tables.state(row, digits))[:, None]
    np.testing.assert_allclose(rung(tables, single).lower, expected, rtol=1e-6, atol=1e-6)


def test_exact_means_are_never_worse_than_intervals():
    tables = subjects()["trained 51"]
    boxes = random_boxes(tables.rule, 200, 2, 0.6)
    assert (exact_means(tables, boxes).lower >= intervals(tables, boxes).lower - 1e-9).all()


def test_each_rung_of_the_ladder_proves_the_published_model_in_fewer_boxes():
    model = published()
    tables = tables_of(model.model, rule_of(model.study.task))
    verdicts = [search(tables, bound=rung) for rung in (intervals, exact_means, bounds)]
    assert [verdict.word for verdict in verdicts] == ["proved"] * 3
    boxes = [verdict.n_boxes for verdict in verdicts]
    assert boxes == sorted(boxes, reverse=True)
    assert len(set(boxes)) == 3
    assert all(sum(verdict.right.sizes) == tables.rule.n_cases for verdict in verdicts)


def test_products_quotients_and_roots_hold_every_number_of_their_intervals():
    rng = np.random.default_rng(0)
    ends = np.sort(rng.normal(size=(2, 50, 3)), axis=0)
    below = np.sort(rng.uniform(0.1, 2, size=(2, 50, 1)), axis=0)
    matrix = rng.normal(size=(3, 4))
    a, b = Interval(*ends), Interval(*below)
    found = [a.times(matrix), a.over(b), a.root(0.1)]
    for share in rng.uniform(size=(200, 1, 1)):
        x, y = ends[0] + share * (ends[1] - ends[0]), below[0] + rng.uniform() * (below[1] - below[0])
        for each, value in zip(found, [x @ matrix, x / y, np.sqrt((x**2).sum(-1, keepdims=True) + 0.1)], strict=True):
            assert (each.low - 1e-9 <= value).all()
            assert (value <= each.high + 1e-9).all()


@pytest.mark.parametrize("bound", [intervals, exact_means, bounds])
def test_the_sure_margin_of_a_box_is_below_that_of_its_cases_and_near_where_it_stops(bound):
    tables = subjects()["trained 0"]
    for index in (0, 20, 100):
        box = roots(tables.rule)[[index]]
        _, row, digits = some_cases(box, 500, 0)
        sure = sure_margin(tables, box, bound)
        assert sure <= tables.margins(row, digits).min() + 1e-9
        assert bound(tables, box, sure).right[0] == (sure > -np.inf)
        assert not bound(tables, box, sure + 1e-6).right[0]


def test_the_leaves_of_a_tree_are_closed_and_hold_every_case_of_its_root_once():
    tables = subjects()["trained 0"]
    deepest = []
    for index in range(len(roots(tables.rule))):
        root = roots(tables.rule)[[index]]
        nodes = list(tree(tables, root, intervals))
        leaves = [box for _, box, closed in nodes if closed]
        assert sum(box.sizes[0] for box in leaves) == root.sizes[0]
        assert len(nodes) == 2 * len(leaves) - 1
        assert all(intervals(tables, box).right[0] for box in leaves)
        deepest.append(max(depth for depth, _, _ in nodes))
    assert deepest.count(0) > 0 < max(deepest)
