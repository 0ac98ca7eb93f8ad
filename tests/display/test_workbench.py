"""The place of a live model in a chapter."""

import json
import re

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from tinycircuits.display import Figure, Live
from tinycircuits.display.figure import FIGURE_MIME


def model(name: str = "B", **more) -> dict:
    return {"name": name, "title": "one layer", **more}


@pytest.fixture
def still() -> Figure:
    drawn, axes = plt.subplots()
    axes.plot([0, 1], [1, 0])
    plt.close(drawn)
    return Figure("still", None, drawn, pd.DataFrame({"x": [0, 1]}))


def described(live: Live) -> dict[str, str]:
    """What the script finds at the place."""
    return dict(re.findall(r' data-([a-z]+)="([^"]*)"', live.html().partition(">")[0]))


def test_a_page_has_the_drawing_and_what_the_script_needs(still: Figure) -> None:
    live = Live(still, [model(), model("A")], parts=("attn", "map"), state="y=3&t=mlp.0~zero")
    found = described(live)
    assert json.loads(found["models"].replace("&quot;", '"')) == {"B": "one layer", "A": "one layer"}
    assert found["show"] == "attn map"
    assert found["state"] == "y=3&amp;t=mlp.0~zero"
    assert still.html() in live.html()


def test_each_model_is_a_script_of_its_own(still: Figure) -> None:
    files = Live(still, [model(), model("A")]).files()
    assert list(files) == ["model-B.js", "model-A.js"]
    assert files["model-B.js"] == 'tinyModel({"name":"B","title":"one layer"})\n'


def test_other_weights_make_another_version(still: Figure) -> None:
    versions = {described(Live(still, [model(weights=text)]))["version"] for text in ("a", "b")}
    assert len(versions) == 2


def test_a_large_file_is_announced(still: Figure) -> None:
    found = described(Live(still, [model(weights="0" * 1_460_000)]))
    assert '"one layer, 1.5 MB"' in found["models"].replace("&quot;", '"')


def test_a_notebook_and_print_see_the_drawing(still: Figure) -> None:
    bundle, metadata = Live(still, [model()])._repr_mimebundle_()
    alone, _ = still._repr_mimebundle_()
    assert bundle[FIGURE_MIME]["pdf"] == alone[FIGURE_MIME]["pdf"]
    assert bundle["image/svg+xml"] == alone["image/svg+xml"]
    assert set(bundle[FIGURE_MIME]["files"]) == {"model-B.js"}
    assert metadata["image/svg+xml"] == {"fallback_of": "still"}


@pytest.mark.parametrize(
    ("models", "parts", "says"),
    [
        ([], (), "models: one or more"),
        (["B", "B"], (), "models: one or more"),
        (["B"], ("head",), "parts: some of .*got head"),
    ],
)
def test_what_cannot_be_shown_is_refused(still: Figure, models: list[str], parts: tuple[str, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Live(still, [model(name) for name in models], parts=parts)


def test_a_certificate_stands_alone(still: Figure) -> None:
    assert described(Live(still, [model()], parts=("certificate",)))["show"] == "certificate"
    with pytest.raises(ValueError, match="got certificate"):
        Live(still, [model()], parts=("certificate", "attn"))


def test_the_waves_of_a_sum_stand_alone(still: Figure) -> None:
    found = described(Live(still, [model()], parts=("waves",), state="a=5&b=8&n=3"))
    assert (found["show"], found["state"]) == ("waves", "a=5&amp;b=8&amp;n=3")
    with pytest.raises(ValueError, match="got waves"):
        Live(still, [model()], parts=("waves", "attn"))
