"""A statement leads to a state of the live model: the model is the article's, and each change is one that it has."""

import pytest

from tinycircuits.claims.statements import claims
from tinycircuits.interp.touches import Touches
from tinycircuits.results.courses import load_course
from tinycircuits.results.runs import load

STUDIES = {"A": "reversal-8d-2l", "B": "reversal-8d-1l", "C": "reversal-4d-2l"}
STATES = {one.id: dict(part.split("=", 1) for part in one.live.split("&")) for one in claims().values() if one.live}


def test_statements_of_every_article_with_a_live_model_have_one() -> None:
    assert {claims()[name].source for name in STATES} == set(STUDIES)
    assert len(STATES) >= 15


@pytest.mark.parametrize("name", STATES)
def test_the_state_is_one_that_the_page_can_show(name: str) -> None:
    state, run = STATES[name], load(STUDIES[claims()[name].source])
    task = run.study.task
    assert state.pop("m") == claims()[name].source
    assert int(state.pop("y", "0")) < task.n_answers
    assert set(state.get("x", "")) <= set(map(str, range(task.modulus)))
    assert len(state.pop("x", "0" * task.n_digits)) == task.n_digits
    assert int(state.pop("r", "0")) < len(load_course(run.study.name).rounds)
    touches = Touches.read(state.pop("t", ""))
    assert state == {}
    with touches.on(run.model, task):
        pass
