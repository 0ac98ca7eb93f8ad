"""What the page counts and what the package counts: the engine of the live model, run by node, and hooks agree."""

import json
import random
import shutil
import subprocess

import pytest

from tests.interp.test_touches import drawn
from tests.tools import missing
from tinycircuits.interp.touches import Hold, Touches, Weight, Zero
from tinycircuits.models.live import live_data
from tinycircuits.models.weights import named_weights
from tinycircuits.results.runs import load
from tinycircuits.sphinxext.pages.live import bundle

_ASKED = """
const E = ENGINE();
const { data, cases } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const model = E.modelOf(data);
console.log(JSON.stringify(cases.map(({ text, other }) => {
  const touches = E.readTouches(model, text);
  const { model: changed, holds } = E.applied(model, touches, other);
  return { wrong: E.count(changed, { holds }).wrong, written: E.written(touches) };
})));
"""


def counted(run, cases: list[Touches]) -> list[dict]:
    """What the engine makes of the text of each case: the counts, and the text that it writes back."""
    node = shutil.which("node")
    if node is None:
        missing("node is not installed")
    engine = bundle().partition("const ENGINE = ")[2].partition("\n};\nconst {")[0]
    data = live_data(run.model, run.study.task, name="T", study=run.study.name, seed=run.seed)
    asked = {"data": data, "cases": [{"text": each.written(), "other": each.other} for each in cases]}
    script = f"const ENGINE = {engine}\n}};\n{_ASKED}"
    found = subprocess.run([node, "-e", script], input=json.dumps(asked), capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def cases(run, number: int, *, seed: int) -> list[Touches]:
    """Lists of changes drawn at random, each with a second input."""
    draw, task = random.Random(seed), run.study.task
    drawings = [drawn(run.model, run.study.model, task.n_ctx - 1, draw) for _ in range(number)]
    return [Touches(each.touches, tuple(draw.choices(range(4), k=task.n_digits))) for each in drawings]


def agree(run, asked: list[Touches]) -> None:
    """Both sides count the same for each case, and the page's text is read to the same changes."""
    for case, found in zip(asked, counted(run, asked), strict=True):
        assert case.wrong(run.model, run.study.task).tolist() == found["wrong"], case
        assert Touches.read(found["written"]).touches == Touches.read(case.written()).touches


def test_page_and_package_count_the_same_for_lists_of_changes_drawn_at_random():
    run = load("reversal-4d-2l")
    asked = cases(run, 60, seed=8)
    agree(run, asked)
    assert len({tuple(each["wrong"]) for each in counted(run, asked)}) > 30


def test_page_and_package_count_the_same_for_each_parameter_at_zero():
    run = load("reversal-4d-2l")
    agree(run, [Touches((Zero(name),)) for name in named_weights(run.model)])


def test_the_page_takes_a_later_change_of_a_place_for_an_earlier_one_as_the_package_does():
    run = load("reversal-4d-2l")
    text = "attn.0~zero_W_E~1~2_attn.0@3~zero_W_E~0_attn.0~mean_W_E~1~-3e-7"
    raw = Touches(tuple(touch for each in text.split("_attn") for touch in Touches.read(_again(each)).touches))
    (found,) = counted(run, [Touches(raw.touches, (0, 1, 2, 3))])
    assert Touches.read(found["written"]) == Touches.read(text)
    assert Touches.read(text).wrong(run.model, run.study.task).tolist() == found["wrong"]


def _again(text: str) -> str:
    return f"attn{text}" if text.startswith(".") else text


@pytest.mark.slow
def test_page_and_package_count_the_same_for_the_published_one_layer_model():
    run = load("reversal-8d-1l")
    held = Touches((Hold("attn.0", 9, "mean"), Zero("blocks.0.mlp.b_out")), (1, 3, 0, 2, 0, 1, 2, 3))
    weights = Touches(
        (Weight("W_U", 3, 1.5), Hold("head.0.0", None, "other"), Hold("neuron.0.3", 12, "mean")), (3,) * 8
    )
    agree(run, [held, weights, *cases(run, 3, seed=1)])
