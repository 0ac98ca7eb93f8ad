"""What a reader of the live model loads, as a server sends it."""

import gzip
import json

from tinycircuits.results.courses import load_course
from tinycircuits.results.live import live_model
from tinycircuits.sphinxext.pages.live import bundle


def sent(text: str) -> int:
    return len(gzip.compress(text.encode()))


def test_the_script_is_small() -> None:
    assert 10_000 < sent(bundle()) <= 40_000


def test_a_model_with_every_round_of_its_training_is_small() -> None:
    name = "reversal-8d-1l"
    course = load_course(name)
    data = live_model(name, course)
    assert len(data["course"]["rounds"]) == len(course.rounds) > 20
    assert sent(json.dumps(data, separators=(",", ":"))) <= 60_000
