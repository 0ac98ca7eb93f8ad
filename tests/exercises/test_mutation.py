"""Every exercise takes different right solutions and refuses its stub and planted wrong ones, and gives none away."""

import re
from functools import cache

import pytest

from tests.exercises.solved import ALL, TARGETS, answer, counts, is_function
from tinycircuits.exercises.kinds import Outcome, Wrong
from tinycircuits.exercises.table import check_of, exercises, judged
from tinycircuits.exercises.tested import tested as stored_counts


@cache
def outcome(name: str, solution: str) -> Outcome:
    return judged(name, answer(name, solution))


@pytest.mark.parametrize(("name", "solution"), ALL, ids=[f"{name}-{solution}" for name, solution in ALL])
def test_right_solutions_are_taken_and_wrong_ones_refused_in_words(name: str, solution: str) -> None:
    found = outcome(name, solution)
    assert found.passed == solution.startswith("right_"), found.said
    assert found.said


@pytest.mark.parametrize("name", exercises())
def test_the_stub_is_refused(name: str) -> None:
    chosen, there = exercises()[name], {}
    exec(chosen.stub, there)
    with pytest.raises(Wrong):
        check_of(name)(there[chosen.asks])


NOTHING = [None, 0, "", [], {}, float("nan"), object(), lambda *given: None, lambda: 1 / 0, max, True]


@pytest.mark.parametrize("name", exercises())
def test_what_is_no_answer_is_refused_in_words(name: str) -> None:
    for given in NOTHING:
        with pytest.raises(Wrong):
            check_of(name)(given)


def test_there_are_enough_of_each() -> None:
    for name, found in counts().items():
        assert all(n >= least for n, least in zip(found, TARGETS.values(), strict=True)), name
    right, wrong = map(sum, zip(*counts().values(), strict=True))
    assert right >= 50
    assert wrong >= 130
    assert 22 <= len(exercises()) <= 36


def test_the_appendix_says_how_many_there_are() -> None:
    assert stored_counts() == counts(), "python -m tests.exercises.solved"


def test_a_refused_claim_does_not_say_what_is_right() -> None:
    claims = [name for name, each in exercises().items() if each.kind == "claim"]
    for name in claims:
        right = [answer(name, solution) for each, solution in ALL if each == name and solution.startswith("right_")]
        for solution in [solution for each, solution in ALL if each == name and solution.startswith("wrong_")]:
            said, given = outcome(name, solution).said, str(answer(name, solution))
            for each in right:
                told = re.search(rf"(?<![\w.]){re.escape(str(each))}(?![\w.])", said)
                assert not told or str(each) in given or "one of" in said, said
    assert len(claims) >= 5


def test_a_functions_answer_that_asks_for_one_is_a_function() -> None:
    assert all(is_function(name) for name, each in exercises().items() if each.kind == "code")
