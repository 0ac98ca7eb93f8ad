"""What holds for every drawing: readable on a phone and in print, in light and in dark; a wrong input has a name."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg

from tests.display.drawings.reading import arrows, ends, faces, written
from tinycircuits.display import Figure
from tinycircuits.display.drawings.ablation import ablations
from tinycircuits.display.drawings.architecture import architecture
from tinycircuits.display.drawings.attention import attention_row, softmax_bars
from tinycircuits.display.drawings.circuit import hand_circuit
from tinycircuits.display.drawings.corners import corners
from tinycircuits.display.drawings.digits import one_hot_permutation, reversal, xor_plane
from tinycircuits.display.drawings.globe import hemispheres
from tinycircuits.display.drawings.kit import WIDTH
from tinycircuits.display.drawings.lattice import lattice_dots, small_lattice
from tinycircuits.display.drawings.lens import logit_lens
from tinycircuits.display.drawings.norm import layer_norm_plane
from tinycircuits.display.drawings.pizza import clock_and_pizza
from tinycircuits.display.drawings.planes import planes
from tinycircuits.display.drawings.planted import planted_patterns
from tinycircuits.display.drawings.probe import probe
from tinycircuits.display.drawings.stream import journey
from tinycircuits.display.drawings.swaps import interchange, patching_pipes
from tinycircuits.display.theme import FULL, INK, PAGE_WIDTH, print_style
from tinycircuits.interp.branches import Neuron
from tinycircuits.interp.globe import Globe
from tinycircuits.interp.lattice import Lattice
from tinycircuits.interp.planes import ReadoutPlane, flat_probe
from tinycircuits.models.planted import NOMINAL

PHONE = 312
"""Pixels that the page leaves a figure on a narrow phone, of 360 pixels."""
RANDOM = np.random.default_rng(0)
QUERY, KEYS, VALUES = RANDOM.normal(size=2), RANDOM.normal(size=(3, 2)), RANDOM.normal(size=(3, 2))
SCORES = KEYS @ QUERY / np.sqrt(2)
WEIGHTS = np.exp(SCORES) / np.exp(SCORES).sum()
ROW = {"query": QUERY, "keys": KEYS, "scores": SCORES, "weights": WEIGHTS, "values": VALUES, "name": "a"}
ROW["z"] = WEIGHTS @ VALUES
WRITES = {"token": [1.0, -2.0], "position": [0.5, 0.25], "attention": [-1.0, 4.0]}
STATES = {"before": [1.5, -1.75], "after": [0.5, 2.25]}
JOURNEY = {"states": STATES, "final": [1.0, -1.0], "logits": [0.5, 2.0, -1.0], "tokens": ["0", "1", "BOS"], "name": "a"}
STEPS = {"input": [0, 1, 3], "read backwards": [3, 1, 0], "plus one": [0, 2, 1]}
XOR = ([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0])
SLOTS = {"token": ["0", "1"], "position": ["x_0", "y_0"], "copied": ["0", "1"], "answer": ["0", "1"]}
SOURCE, BEFORE, AFTER = [1, 0, 1, 0, 0, 0, 0, 0], [0, 1, 0, 1, 0, 0, 0, 0], [0, 1, 0, 1, 0, 0, 0, 1]
CIRCUIT = {"places": ("x_0", "y_0"), "weight": 0.75, "name": "a"}
LENS = (["pre", "post"], ["attention"], ["0", "1"], [[0.25, 0.75], [0.9, 0.1]])
RUNS = {"swapped": "attention", "answer": "y_1", "before": 3, "after": 2, "wanted": 2, "name": "a"}
SIZES = {"n_layers": 12, "n_heads": 12, "d_model": 128, "d_head": 32, "d_mlp": 512, "d_vocab": 115, "n_ctx": 17}
WAYS = {"zero": [0.0, 0.0], "mean": [1.0, 1.0]}
POINTS, LABELS = torch.from_numpy(RANDOM.normal(size=(30, 2))), torch.arange(3).repeat(10)
READERS = {"its own labels": flat_probe(POINTS, LABELS), "shuffled labels": flat_probe(POINTS, LABELS, seed=1)}
PLANE = ReadoutPlane(
    1.0, torch.eye(2).double(), torch.from_numpy(RANDOM.normal(size=(9, 5, 2))), torch.ones(9, 5).long()
)
PLACES = torch.nn.functional.normalize(torch.from_numpy(RANDOM.normal(size=(60, 5, 3))), dim=-1)
QUARTERS = torch.tensor([[1.0, 0, 0], [0, 1.1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, 1.5]], dtype=torch.float64)
GLOBE = Globe(
    ("0", "1", "2", "3", "BOS"),
    PLACES,
    torch.arange(300).view(60, 5) % 4,
    QUARTERS,
    torch.tensor([0.1, 0, 0, 0, -0.6]).double(),
)
"""Four quarters around a pole, of which that of 0 is the largest, and a cap for BOS."""

SAID = torch.tensor([[1, 2, 3, 0]] * 5)
MOVED = torch.stack([torch.ones(5, 4, 2), torch.tensor([[0.0, 2], [-2, 0], [0, -2], [2, 0]]).expand(5, 4, 2)])
"""Four digits that begin in one place and go to the quarters of what is said, at five answers."""
TEN = tuple(Neuron(layer, n) for layer in range(2) for n in range(5))
LATTICE = Lattice(TEN, "zero", torch.tensor([1023 - (mask | 3) for mask in range(1024)]), 1024)
THREE = {(): 4, "a": 4, "b": 4, "c": 4, "ab": 0, "ac": 0, "bc": 3, "abc": 0}

DRAWINGS: dict[str, Callable[[], Figure]] = {
    "attention_row": lambda: attention_row(["x_0", "x_1", "y_0"], **ROW),
    "softmax_bars": lambda: softmax_bars(["x_0", "x_1", "y_0"], SCORES, WEIGHTS, right="x_1", name="a"),
    "layer_norm_plane": lambda: layer_norm_plane({"a": [3.0, 1.0, -1.0], "b": [0.0, -2.0, 1.0]}, name="a"),
    "logit_lens": lambda: logit_lens(*LENS, right="0", name="a"),
    "probe": lambda: probe(READERS, name="a"),
    "architecture": lambda: architecture(**SIZES, name="a"),
    "attention only": lambda: architecture(**SIZES | {"d_mlp": None, "n_layers": 1, "n_heads": 1}, name="a"),
    "ablations": lambda: ablations([1.0, 0.0], [2.0, 1.0], WAYS, {"zero": 2.24, "mean": 1.5}, name="a"),
    "interchange": lambda: interchange([0, 1, 2], [3, 3, 1], ["attention", "MLP"], **RUNS),
    "patching_pipes": lambda: patching_pipes({"one": 1.0, "two": 0.98}, {"left": 0.25, "right": -0.1}, name="a"),
    "reversal": lambda: reversal(STEPS, name="a"),
    "one_hot_permutation": lambda: one_hot_permutation([1, 2, 3, 0], digit=3, name="a"),
    "xor_plane": lambda: xor_plane(*XOR, [1.0, 1.0], 0.5, name="a"),
    "journey": lambda: journey(WRITES, **JOURNEY),
    "hand_circuit": lambda: hand_circuit(SLOTS, SOURCE, {"before": BEFORE, "after": AFTER}, **CIRCUIT),
    "planes": lambda: planes({"before": PLANE, "after": PLANE}, name="a"),
    "corners": lambda: corners(MOVED, SAID, name="a"),
    "lattice_dots": lambda: lattice_dots(LATTICE, name="a"),
    "small_lattice": lambda: small_lattice(THREE, name="a"),
    "planted_patterns": lambda: planted_patterns(NOMINAL, name="a"),
    "clock_and_pizza": lambda: clock_and_pizza((1, 4), (2, 8), hours=12, name="a"),
    "hemispheres": lambda: hemispheres(GLOBE, name="a"),
    "hemispheres of two stages": lambda: hemispheres({"before": GLOBE, "after": GLOBE}, name="a"),
}

REFUSED: dict[str, Callable[[], Figure]] = {
    "found: at most 12 units": lambda: lattice_dots(Lattice(TEN + TEN, "zero", torch.zeros(4).long(), 1), name="a"),
    "wrong: a count for every set": lambda: small_lattice({(): 1, "ab": 0}, name="a"),
    "pair and blind must hold hours 0..11, got 12": lambda: clock_and_pizza((1, 12), (2, 8), hours=12, name="a"),
    "blind must be two opposite hours": lambda: clock_and_pizza((1, 4), (2, 7), hours=12, name="a"),
    "tokens": lambda: attention_row(["x_0"], **ROW),
    "query: at most 4": lambda: attention_row(["x_0", "x_1", "y_0"], **ROW | {"query": np.ones(5)}),
    "keys: shape": lambda: attention_row(["x_0", "x_1", "y_0"], **ROW | {"keys": np.ones((3, 3))}),
    "scores: keys @ query / sqrt(d_head)": lambda: attention_row(
        ["x_0", "x_1", "y_0"], **ROW | {"scores": KEYS @ QUERY}
    ),
    "weights: softmax(scores)": lambda: attention_row(["x_0", "x_1", "y_0"], **ROW | {"weights": WEIGHTS[::-1]}),
    "z: weights @ values": lambda: attention_row(["x_0", "x_1", "y_0"], **ROW | {"z": VALUES.sum(0)}),
    "probabilities: softmax(scores)": lambda: softmax_bars(["a", "b"], [1.0, 2.0], [0.5, 0.5], name="a"),
    "right: one of a, b": lambda: softmax_bars(["a", "b"], [1.0, 1.0], [0.5, 0.5], right="c", name="a"),
    "states: 3 numbers": lambda: layer_norm_plane({"a": [1.0, 2.0]}, name="a"),
    "states: three equal numbers": lambda: layer_norm_plane({"a": [2.0, 2.0, 2.0]}, name="a"),
    "parts: 1 labels": lambda: logit_lens(["pre", "post"], ["attention", "MLP"], *LENS[2:], right="0", name="a"),
    "probabilities: rows that sum to 1": lambda: logit_lens(*LENS[:3], [[0.5, 0.5], [0.5, 0.6]], right="0", name="a"),
    "right: one of 0, 1": lambda: logit_lens(*LENS, right="7", name="a"),
    "sizes": lambda: architecture(**SIZES | {"n_layers": 0}, name="a"),
    "readers": lambda: probe({"one": READERS["its own labels"]}, name="a"),
    "before": lambda: ablations([1.0], [2.0, 1.0], WAYS, {"zero": 1.0, "mean": 1.0}, name="a"),
    "moved": lambda: ablations([1.0, 0.0], [2.0, 1.0], WAYS, {"zero": 1.0}, name="a"),
    "source: as many digits": lambda: interchange([0, 1], [3], ["attention"], **RUNS),
    "swapped": lambda: interchange([0, 1], [3, 2], ["MLP"], **RUNS),
    "series": lambda: patching_pipes({"one": 1.0}, {"left": 0.25, "right": 0.8}, name="a"),
    "parallel": lambda: patching_pipes({"one": 1.0, "two": 1.0}, {"left": 0.25, "right": np.nan}, name="a"),
    "steps: three rows": lambda: reversal({"input": [0, 1], "read backwards": [1, 0]}, name="a"),
    "steps: the second row": lambda: reversal({**STEPS, "read backwards": [1, 3, 0]}, name="a"),
    "renamed": lambda: one_hot_permutation([1, 2, 2, 0], digit=3, name="a"),
    "digit": lambda: one_hot_permutation([1, 2, 3, 0], digit=4, name="a"),
    "points": lambda: xor_plane([[0, 0], [0, 1]], XOR[1], [1.0, 1.0], 0.5, name="a"),
    "answers": lambda: xor_plane(XOR[0], [0, 1, 1, 1], [1.0, 1.0], 0.5, name="a"),
    "weights: a line": lambda: xor_plane(*XOR, [0.0, 0.0], 0.5, name="a"),
    "writes": lambda: journey({**WRITES, "mlp": [1.0]}, **JOURNEY),
    "states: 2 labels": lambda: journey(WRITES, **JOURNEY | {"states": {"after": [0.5, 2.25]}}),
    "states['after']: the sum": lambda: journey(WRITES, **JOURNEY | {"states": {**STATES, "after": [0.5, 2.0]}}),
    "tokens: 3 labels": lambda: journey(WRITES, **JOURNEY | {"tokens": ["0", "1"]}),
    "slots": lambda: hand_circuit({"token": ["0"]}, [1], {"before": [1], "after": [1]}, **CIRCUIT),
    "states: two or three": lambda: hand_circuit(SLOTS, SOURCE, {"after": AFTER}, **CIRCUIT),
    "source: 8 numbers": lambda: hand_circuit(SLOTS, SOURCE[:5], {"before": BEFORE, "after": AFTER}, **CIRCUIT),
    "states: a one in the slot answer": lambda: hand_circuit(SLOTS, SOURCE, {"a": BEFORE, "b": BEFORE}, **CIRCUIT),
    "groups": lambda: planes({}, name="a"),
    "steps: at least two stages of four digits": lambda: corners(MOVED[:1], SAID, name="a"),
    "pair: 1 to 3 parts": lambda: planted_patterns({"pair": [0.5] * 4}, name="a"),
    "full pair": lambda: planted_patterns({"full pair": [1.0, np.inf]}, name="a"),
    "stages: nothing to draw": lambda: hemispheres({}, name="a"),
    "stages: globes of one read-out": lambda: hemispheres(
        {"a": GLOBE, "b": replace(GLOBE, offsets=GLOBE.offsets + 1)}, name="a"
    ),
    "stages: at most 5 tokens": lambda: hemispheres(
        replace(GLOBE, tokens=(*"012345",), directions=torch.ones(6, 3), offsets=torch.ones(6)), name="a"
    ),
}


@pytest.fixture(params=DRAWINGS)
def drawing(request: pytest.FixtureRequest) -> Figure:
    return DRAWINGS[request.param]()


@pytest.mark.parametrize("argument", REFUSED)
def test_what_cannot_be_drawn_is_refused_by_name(argument: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - its words are compared below
        REFUSED[argument]()
    assert str(refusal.value).startswith(argument)


def test_type_is_large_enough_in_print_and_on_a_phone(drawing: Figure) -> None:
    for face in faces(drawing):
        assert min(text.get_fontsize() for text in written(face)) >= 7
        assert face.get_figwidth() * 72 == pytest.approx(WIDTH)
    widths = re.search(r'class="tc-wide" style="max-width:(\d+)px(?:;min-width:(\d+)px)?"', drawing.html())
    assert widths
    assert int(widths[1]) == round(PAGE_WIDTH * WIDTH / 72 / FULL)
    shown = int(widths[2] or PHONE)
    assert shown <= PHONE, "the page does not scroll it"
    assert (widths[2] is None) == ('class="tc-narrow"' in drawing.html())
    assert min(text.get_fontsize() for text in written(faces(drawing)[-1])) * shown / WIDTH >= 6, "pixels"


def test_texts_stay_on_the_canvas_and_apart_from_each_other(drawing: Figure) -> None:
    for face in faces(drawing):
        canvas = FigureCanvasAgg(face)
        with print_style():
            boxes = [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in written(face)]
        outside = [
            text for text, box in boxes if not (face.bbox.contains(*box.p0) and face.bbox.contains(*box.p1)) and text
        ]
        assert outside == []
        assert [
            (one, two) for (one, a), (two, b) in combinations(boxes, 2) if one and two and a.padded(-1).overlaps(b)
        ] == []


def test_the_ink_follows_the_page_and_no_ground_is_painted(drawing: Figure) -> None:
    page = drawing.html()
    assert "currentColor" in page
    assert INK not in page
    assert drawing.mpl_fig.get_facecolor()[3] == 0


def test_the_same_numbers_give_the_same_bytes(request: pytest.FixtureRequest, drawing: Figure) -> None:
    again = DRAWINGS[request.node.callspec.params["drawing"]]()
    assert (again.svg(), again.csv()) == (drawing.svg(), drawing.csv())


def test_corners_have_an_arrow_from_each_digit_into_the_quarter_of_its_answer() -> None:
    figure = corners(MOVED, SAID, name="a")
    assert len(figure.mpl_fig.axes) == 1 + 5
    assert [f"y_{i}" for i in range(5)] == list(dict.fromkeys(figure.data["answer"]))
    for panel in range(1, 6):
        drawn = arrows(figure, panel)
        assert len(drawn) == 4
        for arrow, end, said in zip(drawn, MOVED[1, panel - 1], SAID[panel - 1], strict=True):
            start, reached = ends(arrow)
            assert start == pytest.approx([1, 1])
            assert reached == pytest.approx(end.tolist())
            quarter = "0123"[(0 if end[0] > 0 else 2) if abs(end[0]) > abs(end[1]) else (1 if end[1] > 0 else 3)]
            assert quarter == str(int(said))
    assert figure.data["says"].tolist() == SAID.flatten().tolist()


def test_the_hand_ends_at_the_sum_and_the_middle_lies_half_way() -> None:
    rows = clock_and_pizza((1, 4), (2, 8), hours=12, name="a").data.set_index(["panel", "point"])
    places = {key: np.array([row.x, row.y]) for key, row in rows.iterrows()}
    five, two_and_a_half = (np.array([np.sin(x * np.pi / 6), np.cos(x * np.pi / 6)]) for x in (5, 2.5))
    np.testing.assert_allclose(places["turn the hand on", "sum"], five, atol=1e-9)
    middle = places["average the two points", "middle"]
    np.testing.assert_allclose(middle / np.linalg.norm(middle), two_and_a_half, atol=1e-9)
    assert abs(places["two opposite points", "middle"]).max() == 0
