"""The globe has the logits of the model, counts what the model says, and its regions have the areas of geometry."""

import json
import re
from dataclasses import replace

import pytest
import torch

from tests.circuits import SPECS, answering, scrambled
from tinycircuits.interp.globe import AXES, Globe, everywhere, globe
from tinycircuits.interp.logits import logit_lens
from tinycircuits.models.errors import teacher_forced
from tinycircuits.results.runs import load
from tinycircuits.sphinxext.pages.live import SCRIPT
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=3)
SEQUENCES = TASK.sequences()
NARROW = pytest.mark.parametrize("spec", [SPECS["one layer"], SPECS["two layers"]], ids=["one layer", "two layers"])


def capped(height: float) -> Globe:
    """A globe of two tokens, of which the first is said above a height."""
    directions = torch.tensor([[0.0, 0, 1], [0, 0, 0]], dtype=torch.float64)
    offsets = torch.tensor([0, height], dtype=torch.float64)
    return Globe(("top", "rest"), torch.zeros(1, 1, 3).double(), torch.zeros(1, 1).long(), directions, offsets)


@NARROW
@torch.no_grad()
def test_the_logits_are_linear_on_the_globe(spec):
    model = scrambled(spec, TASK)
    found = globe(model, TASK)
    logits = model(TASK.inputs(SEQUENCES))[:, list(TASK.predicting_rows)]
    torch.testing.assert_close(found.points @ found.directions.T + found.offsets, logits, rtol=0, atol=1e-9)
    assert torch.equal(found.says(found.points), logits.argmax(-1))
    assert torch.equal(found.answers, TASK.answers(SEQUENCES))
    assert found.tokens == TASK.token_names


@NARROW
def test_a_state_lies_on_the_sphere_but_for_eps(spec):
    model = scrambled(spec, TASK)
    found = globe(model, TASK)
    _, cache = model.run_with_cache(TASK.inputs(SEQUENCES))
    resid = cache["resid_post", spec.n_layers - 1][:, list(TASK.predicting_rows)]
    variance = resid.var(-1, unbiased=False)
    expected = variance / (variance + model.cfg.eps)
    torch.testing.assert_close(found.points.square().sum(-1), expected, rtol=0, atol=1e-12)


def test_the_axes_are_at_right_angles_and_those_of_the_page():
    axes = torch.tensor(AXES, dtype=torch.float64)
    assert torch.equal(axes @ axes.T, torch.eye(3).double())
    assert not axes.sum(1).any()
    said = re.search(r"const AXES = (\[.*?\]);", (SCRIPT / "globe.js").read_text(), re.S)
    assert json.loads(re.sub(r",\s*\]", "]", said[1])) == [list(axis) for axis in AXES]


@NARROW
def test_the_counts_are_those_of_the_model_and_of_every_stage_of_the_lens(spec):
    model = answering(spec, TASK)
    found = globe(model, TASK)
    wrong = teacher_forced(model, TASK, SEQUENCES).wrong
    assert 0 < int(found.counts.diagonal().sum()) == wrong.numel() - int(wrong.sum())
    assert found.counts.sum(1).tolist() == TASK.answers(SEQUENCES).flatten().bincount(minlength=5).tolist()
    lens = logit_lens(model, SEQUENCES, TASK, layer_norm=True)
    for stage, predicted in zip(lens.stages, lens.predicted, strict=True):
        assert globe(model, TASK, stage=stage).counts.sum(0).tolist() == predicted.sum(0).tolist()
    rows = found.rows()
    assert rows["states"].tolist() == found.counts.sum(0).tolist()
    assert rows["right"].tolist() == found.counts.diagonal().tolist()
    assert rows["share of the sphere"].sum() == pytest.approx(1)


def test_in_the_counts_a_row_is_the_right_answer_and_a_column_the_region():
    up, down = torch.tensor([0, 0, 1.0]).double(), torch.tensor([0, 0, -1.0]).double()
    found = replace(capped(0.5), points=torch.stack([up, up, down])[:, None], answers=torch.tensor([[1], [0], [1]]))
    assert found.counts.tolist() == [[1, 0], [1, 1]]


@pytest.mark.parametrize("height", [-0.9, 0.0, 0.5])
def test_a_cap_has_the_area_of_geometry_and_its_middle_at_the_top(height):
    found = capped(height)
    assert found.areas.tolist() == pytest.approx([(1 - height) / 2, (1 + height) / 2], abs=2e-3)
    assert found.middle(0).tolist() == pytest.approx([0, 0, 1], abs=0.01)
    assert found.middle(1).tolist() == pytest.approx([0, 0, -1], abs=0.01)


def test_places_are_spread_evenly():
    places = everywhere()
    torch.testing.assert_close(places.norm(dim=-1), torch.ones(len(places)).double())
    assert places.mean(0).abs().max() < 1e-3
    torch.testing.assert_close(places.T @ places / len(places), torch.eye(3).double() / 3, rtol=0, atol=1e-3)


def test_a_token_that_is_said_nowhere_has_no_middle():
    with pytest.raises(ValueError, match="token must be one with a region, got 'top'"):
        capped(2.0).middle(0)


@pytest.mark.parametrize(
    ("name", "says"), [("no LayerNorm", "got None, d_model 4"), ("three layers, two heads, gelu", "got LN, d_model 6")]
)
def test_another_model_has_no_globe(name, says):
    with pytest.raises(ValueError, match=f"model must have LayerNorm and d_model 4 for a globe, {says}"):
        globe(scrambled(SPECS[name], TASK), TASK)


def test_an_unknown_stage_is_refused():
    with pytest.raises(ValueError, match="stage must be one of embed, L0 resid_mid, L0 resid_post, got 'L9'"):
        globe(scrambled(SPECS["one layer"], TASK), TASK, stage="L9")


def test_in_the_published_model_of_four_digits_every_state_lies_in_the_region_of_its_answer():
    run = load("reversal-4d-2l")
    found = globe(run.model, run.study.task)
    assert found.counts.tolist() == torch.diag(torch.tensor([256, 256, 256, 256, 0])).tolist()


@pytest.mark.slow
def test_in_the_published_one_layer_model_the_mlp_brings_every_state_into_the_region_of_its_answer():
    run = load("reversal-8d-1l")
    before, after = (globe(run.model, run.study.task, stage=f"L0 resid_{stage}") for stage in ("mid", "post"))
    assert after.counts.tolist() == torch.diag(torch.tensor([131_072] * 4 + [0])).tolist()
    assert before.counts.diagonal().tolist() == [32_768, 112_640, 42_428, 0, 0]
