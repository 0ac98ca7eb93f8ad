"""The numbers in a drawing are those that it was given: texts, lengths and places, read back from the print face."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.patches import Circle, Polygon, Rectangle

from tests.display.drawings.reading import arrows, bars, dots, ends, texts
from tests.display.drawings.test_drawings import (
    AFTER,
    BEFORE,
    CIRCUIT,
    DRAWINGS,
    GLOBE,
    KEYS,
    PLANE,
    POINTS,
    QUERY,
    READERS,
    SCORES,
    SLOTS,
    SOURCE,
    STATES,
    VALUES,
    WEIGHTS,
    WRITES,
)
from tinycircuits.display.drawings import kit
from tinycircuits.display.drawings.circuit import hand_circuit
from tinycircuits.display.drawings.digits import one_hot_permutation, reversal
from tinycircuits.display.drawings.globe import hemispheres
from tinycircuits.display.drawings.norm import layer_norm_plane
from tinycircuits.display.drawings.planted import planted_patterns
from tinycircuits.display.drawings.swaps import interchange
from tinycircuits.display.theme import SERIES, TOKENS


def test_numbers_have_a_sign_a_true_minus_and_no_negative_zero() -> None:
    assert [kit.signed(x, 1) for x in (1.25, -0.26, -0.04)] == ["+1.2", "\N{MINUS SIGN}0.3", "0.0"]
    assert kit.lettered("from x_0 to y_12, W_E and $") == "from x₀ to y₁₂, $\\mathrm{W}_{\\mathrm{E}}$ and \\$"


def test_a_row_of_attention_prints_every_number_and_bars_as_long_as_the_weights() -> None:
    drawn = DRAWINGS["attention_row"]()
    said = texts(drawn)
    for array in (QUERY, KEYS, VALUES, WEIGHTS @ VALUES):
        assert {kit.signed(x, 1) for x in array.flatten()} <= set(said)
    assert {*(kit.signed(x) for x in SCORES), *(f"{w:.2f}" for w in WEIGHTS)} <= set(said)
    lengths = np.array(bars(drawn))
    np.testing.assert_allclose(lengths / lengths.sum(), WEIGHTS)
    np.testing.assert_allclose(drawn.data["weight"], WEIGHTS)


def test_softmax_bars_are_scores_then_exponentials_then_shares() -> None:
    drawn = DRAWINGS["softmax_bars"]()
    lengths = np.array(bars(drawn)).reshape(3, 3)
    for column, expected in enumerate((SCORES, np.exp(SCORES), WEIGHTS)):
        np.testing.assert_allclose(lengths[:, column] / lengths[0, column], expected / expected[0])
    assert f"{np.exp(SCORES).sum():.2f}" in texts(drawn)


def test_layer_norm_ends_on_the_line_and_on_the_circle_where_pytorch_says() -> None:
    states = {"a": [3.0, 1.0, -1.0], "b": [0.0, -2.0, 1.0], "twice a, plus one": [7.0, 3.0, -1.0]}
    drawn = layer_norm_plane(states, name="a")
    side, above = (np.array([ends(arrow) for arrow in arrows(drawn, axes)]) for axes in (1, 2))
    means = np.array([np.mean(each) for each in states.values()])
    np.testing.assert_allclose(side[:, 0, 1], means)
    np.testing.assert_allclose(side[:, 1, 1], 0)
    np.testing.assert_allclose(np.linalg.norm(above[:, 1], axis=1), np.sqrt(3))
    np.testing.assert_allclose(above[0, 1], above[2, 1])
    circle = next(patch for patch in drawn.mpl_fig.axes[2].patches if isinstance(patch, Circle))
    assert circle.radius == pytest.approx(np.sqrt(3))
    given = torch.tensor(list(states.values()), dtype=torch.float64)
    normal = torch.nn.functional.layer_norm(given, (3,), eps=0.0)
    np.testing.assert_allclose(drawn.data.filter(like="normalised"), normal)


def test_the_lens_has_a_reading_for_each_stage_and_the_right_token_in_the_colour_of_right() -> None:
    drawn = DRAWINGS["logit_lens"]()
    heights = {}
    for patch in drawn.mpl_fig.axes[0].patches:
        if patch.get_alpha() == 0.75:
            heights.setdefault(patch.get_facecolor()[:3], []).append(patch.get_height() / 40)
    right, wrong = heights.values()
    np.testing.assert_allclose([right, wrong], [[0.25, 0.9], [0.75, 0.1]])
    assert {"0.25", "0.75", "0.90", "0.10", "pre", "post", "attention"} <= set(texts(drawn))


def test_a_probe_shows_its_points_and_the_area_of_each_class_is_where_it_is_guessed() -> None:
    drawn = DRAWINGS["probe"]()
    assert "30 read right" in " ".join(texts(drawn))
    for axes, reader in enumerate(READERS.values(), start=1):
        assert f"{reader.correct} of 30 read right" in texts(drawn)
        assert {tuple(each) for each in dots(drawn, axes)} == {tuple(each) for each in POINTS.numpy()}
        guessed = (POINTS @ reader.weights.T + reader.bias).argmax(1).numpy()
        patches = drawn.mpl_fig.axes[axes].patches
        areas = [each for each in patches if isinstance(each, Polygon) and each.get_facecolor()[3]]
        inside = np.array([each.get_path().contains_points(POINTS.numpy()) for each in areas])
        assert (inside.sum(0) == 1).all(), "the areas do not overlap"
        assert [len(set(guessed[each])) for each in inside] == [1] * len(areas)


def test_an_ablation_moves_the_arrow_to_the_replacement_and_says_how_far() -> None:
    drawn = DRAWINGS["ablations"]()
    whole, zero, mean = (np.array([ends(arrow) for arrow in arrows(drawn, axes)]) for axes in (1, 2, 3))
    true = [[1, 0], [3, 1]]
    np.testing.assert_allclose(whole, [true])
    np.testing.assert_allclose(zero, [true])  # as a shadow: nothing is added
    np.testing.assert_allclose(mean, [true, [[1, 0], [2, 1]]])
    assert {"moved by 2.24", "moved by 1.50"} <= set(texts(drawn))


@pytest.mark.parametrize(("after", "follows"), [(2, "follows"), (3, "does not follow")])
def test_an_interchange_says_whether_the_answer_followed(after: int, follows: str) -> None:
    run = {"swapped": "attention", "answer": "y_1", "before": 3, "after": after, "wanted": 2, "name": "a"}
    drawn = interchange([0, 1, 2], [3, 3, 1], ["attention", "MLP"], **run)
    assert {f"y₁ = {after}", "y₁ = 2", "(was 3)", "0 1 2", "3 3 1", f"the answer {follows} the source"} <= set(
        texts(drawn)
    )
    assert texts(drawn).count(kit.TIMES) == 1


def test_pipes_are_filled_as_far_as_they_recover_and_never_beyond_their_ends() -> None:
    drawn = DRAWINGS["patching_pipes"]()
    assert {"1.00", "0.98", "0.25", "\N{MINUS SIGN}0.10"} <= set(texts(drawn))
    widths = [patch.get_width() for patch in drawn.mpl_fig.axes[0].patches if isinstance(patch, Rectangle)]
    filled, whole = np.array(widths[::4]), np.array(widths[2::4])
    np.testing.assert_allclose(filled / whole, [1, 0.98, 0.25, 0])


def test_every_digit_goes_to_its_mirror_place_and_what_rolls_over_has_another_colour() -> None:
    drawn = reversal({"input": [0, 1, 3], "read backwards": [3, 1, 0], "plus one": [0, 2, 1]}, name="a")
    ways = np.array([ends(arrow) for arrow in arrows(drawn)])
    crossing, straight = ways[::2], ways[1::2]
    np.testing.assert_allclose(crossing[:, 1, 0], crossing[::-1, 0, 0])
    np.testing.assert_allclose(straight[:, 0, 0], straight[:, 1, 0])
    colours = [arrow.get_edgecolor()[:3] for arrow in arrows(drawn)[1::2]]
    assert colours[0] != colours[1] == colours[2]


def test_a_renaming_is_the_same_as_arrows_and_as_a_matrix() -> None:
    drawn = one_hot_permutation([2, 0, 1], digit=1, name="a")
    cells = "".join(text for text in texts(drawn) if text in "01")[-15:]
    ways = np.array([ends(arrow) for arrow in arrows(drawn)])
    steps = np.round((ways[:, 0, 1] - ways[:, 1, 1]) / 22).astype(int)
    assert (np.arange(3) + steps).tolist() == [2, 0, 1]
    assert cells[:6] == "010100", "the row of digit 1 and that of its new name"
    assert cells[6:] == "001100010"


def test_xor_counts_what_the_line_gets_right() -> None:
    drawn = DRAWINGS["xor_plane"]()
    assert "this line: 3 of 4 right" in texts(drawn)
    assert "0, wrong" in texts(drawn)
    centres = [line.get_xydata().tolist() for line in drawn.mpl_fig.axes[1].lines if line.get_marker() == "x"]
    assert centres == [[[0.5, 0.5]], [[0.5, 0.5]]]


def test_a_journey_prints_what_is_written_and_the_sums() -> None:
    drawn = DRAWINGS["journey"]()
    printed = [kit.signed(x) for row in (*WRITES.values(), *STATES.values()) for x in row]
    assert set(printed) <= set(texts(drawn))
    assert drawn.data["vector"].tolist() == [*WRITES, *STATES, "final LayerNorm"]
    heaviest = [text for text in drawn.mpl_fig.axes[0].texts if text.get_weight() == "bold"]
    assert [text.get_text() for text in heaviest] == ["1"], "the token with the largest logit"


@pytest.mark.parametrize("mlp", [False, True])
def test_the_circuit_points_from_place_to_place_and_from_digit_to_answer(mlp: bool) -> None:
    copied = [0, 1, 0, 1, 1, 0, 0, 0]
    states = {"before": BEFORE, **({"copied": copied, "end": [*copied[:7], 1]} if mlp else {"after": AFTER})}
    drawn = hand_circuit(SLOTS, SOURCE, states, **CIRCUIT)
    cells = {}
    for text in drawn.mpl_fig.axes[0].texts:
        if text.get_weight() == "bold":
            cells.setdefault(round(text.get_position()[1] + 0.3), []).append(text.get_position()[0])
    query, copy, *rename, _ = (ends(arrow)[:, 0] for arrow in arrows(drawn))
    assert query.tolist() == [cells[108][1], cells[34][1]]
    assert copy.tolist() == [cells[34][0], cells[182][2]]
    assert [each.tolist() for each in rename] == ([[cells[182][2], cells[256][3]]] if mlp else [])
    assert {"says 1", "query meets key, weight 0.75"} <= set(texts(drawn))
    assert ("MLP: rename" in texts(drawn)) == mlp


def test_planes_hold_every_point_in_the_colour_of_its_answer() -> None:
    drawn = DRAWINGS["planes"]()
    panels = drawn.mpl_fig.axes[1:]
    assert len(panels) == 10
    for i in range(5):
        np.testing.assert_array_equal(dots(drawn, 1 + i), PLANE.points[:, i].numpy())
    colours = {patch.get_edgecolor()[:3] for panel in panels for patch in panel.patches}
    assert colours == {to_rgb(SERIES[1])}
    assert len({panel.get_xlim() for panel in panels}) == 1


def hemisphere_views() -> dict[str, np.ndarray]:
    """Right, up and forward of each side of ``GLOBE``: between 0, the largest, and 1, the next a right angle away."""
    zero, one = GLOBE.middle(0).numpy(), GLOBE.middle(1).numpy()
    forward = (zero + one) / np.linalg.norm(zero + one)
    up = np.cross(zero, one) / np.linalg.norm(np.cross(zero, one))
    right = np.cross(up, forward)
    return {"one side": np.stack([right, up, forward]), "the other side": np.stack([-right, up, -forward])}


def test_hemispheres_hold_every_state_once_where_its_side_is_seen() -> None:
    drawn, points = hemispheres(GLOBE, name="a"), GLOBE.points.flatten(0, 1).numpy()
    assert drawn.data["states"].sum() == len(points)
    for (side, view), panel in zip(hemisphere_views().items(), (1, 2), strict=True):
        placed = points @ view.T
        seen = placed[:, 2] >= 0
        its = drawn.data[drawn.data["side"] == side]
        for answer in range(4):
            expected = placed[seen & (GLOBE.answers.flatten().numpy() == answer), :2]
            cells = its[its["right answer"] == str(answer)]
            found = np.repeat(cells[["x", "y"]].to_numpy(), cells["states"], axis=0)
            assert len(found) == len(expected)
            apart = np.linalg.norm(found[:, None] - expected, axis=-1)
            assert max(apart.min(0).max(), apart.min(1).max()) < 2 / 64, "not further than the corner of a cell"
        marked = {tuple(each) for each in dots(drawn, panel).round(6).tolist()}
        assert marked == {tuple(each) for each in its[["x", "y"]].to_numpy().round(6).tolist()}


def test_hemispheres_name_the_regions_where_they_lie_and_have_one_colour_for_each_token() -> None:
    drawn = hemispheres(GLOBE, name="a")
    for view, panel in zip(hemisphere_views().values(), drawn.mpl_fig.axes[1:], strict=True):
        assert [text.get_text() for text in panel.texts] != []
        for text in panel.texts:
            x, y = text.get_position()
            there = torch.from_numpy(np.array([x, y, np.sqrt(1 - x**2 - y**2)]) @ view)
            assert GLOBE.tokens[int(GLOBE.says(there))] == text.get_text()
        grounds = [to_rgb(each.get_facecolor()[0]) for each in panel.collections if len(each.get_facecolor())]
        assert set(grounds) <= {to_rgb(colour) for colour in TOKENS}
        assert len(set(grounds)) == len(grounds)
    assert {"0", "1", "2", "3"} <= {text.get_text() for panel in drawn.mpl_fig.axes[1:] for text in panel.texts}


def test_a_globe_that_is_full_of_states_is_a_small_file() -> None:
    places = torch.nn.functional.normalize(
        torch.randn(50_000, 5, 3, generator=torch.Generator().manual_seed(0)), dim=-1
    )
    full = replace(GLOBE, points=places.double(), answers=torch.arange(250_000).view(50_000, 5) % 4)
    assert len(hemispheres(full, name="a").pdf()) < 200_000


def test_a_planted_pattern_has_an_arrow_for_each_part_as_thick_as_what_it_writes() -> None:
    drawn = planted_patterns({"pair": [0.5, 1.0], "against": [1.0, -1.5, 0.0]}, name="a")
    assert [each.get_linewidth() for each in arrows(drawn)] == pytest.approx([1.5, 2.2, 2.2, 2.9, 1.1])
    colours = [to_rgb(each.get_edgecolor()) for each in arrows(drawn)]
    assert colours[0] == colours[1] == colours[2] == to_rgb(kit.RIGHT) != colours[3] != colours[4]
    assert texts(drawn).count("nothing") == 1
    assert {"+0.5", "+1.0", "\N{MINUS SIGN}1.5"} <= set(texts(drawn))
    assert drawn.data.to_numpy().tolist() == [
        ["pair", 1, 0.5],
        ["pair", 2, 1.0],
        ["against", 1, 1.0],
        ["against", 2, -1.5],
        ["against", 3, 0.0],
    ]
