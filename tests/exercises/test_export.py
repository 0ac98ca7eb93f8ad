"""What a page gets judges as Python does, and says no answer."""

import json

from tests.exercises.solved import ALL, answer
from tinycircuits.exercises.export import GOALS, as_json, for_page, sum_of
from tinycircuits.exercises.table import exercises


def test_sums_take_the_right_answers_and_no_planted_wrong_one() -> None:
    page = for_page()["exercises"]
    tried = 0
    for name, solution in ALL:
        if page.get(name, {}).get("judged") in ("choice", "number"):
            said = sum_of(name, answer(name, solution))
            assert (said in page[name]["sums"]) == solution.startswith("right_"), (name, solution)
            tried += 1
    assert tried > 25


def test_every_claim_and_design_is_there_and_no_answer_is() -> None:
    page = json.loads(as_json())
    wanted = {name for name, each in exercises().items() if each.kind != "code"}
    assert set(page["exercises"]) == wanted >= set(GOALS)
    assert all(each["sums"] for each in page["exercises"].values() if each["judged"] in ("choice", "number"))
    assert all(exercises()[name].idea not in as_json() for name in wanted)
