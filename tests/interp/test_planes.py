"""States in a plane: with three digits the unembedding is flat, and in two dimensions nothing is lost."""

import pytest
import torch

from tests.circuits import scrambled
from tinycircuits.interp.activations import activations, components
from tinycircuits.interp.planes import flat_probe, readout_plane, replacements
from tinycircuits.models.build import ModelSpec
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=3, modulus=3)
SEQUENCES = TASK.sequences()


def model_of(d_model: int, *, layer_norm: bool = True):
    return scrambled(ModelSpec(n_layers=1, d_model=d_model, n_heads=1, d_head=2, d_mlp=5, layer_norm=layer_norm), TASK)


@torch.no_grad()
@pytest.mark.parametrize("layer_norm", [True, False])
def test_three_digits_have_all_their_logits_in_the_plane(layer_norm):
    model = model_of(4, layer_norm=layer_norm)
    plane = readout_plane(model, SEQUENCES, TASK, stage="L0 resid_post")
    logits = model(TASK.inputs(SEQUENCES))[:, list(TASK.predicting_rows), :3]
    torch.testing.assert_close(plane.points @ plane.tokens.T, logits - logits.mean(-1, keepdim=True))
    assert plane.share == pytest.approx(1)
    assert torch.equal(plane.answers, TASK.answers(SEQUENCES))


@torch.no_grad()
def test_with_four_digits_the_plane_has_the_largest_share_and_says_which():
    task = ReverseIncrement(n_digits=2)
    model = scrambled(ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=5), task)
    plane = readout_plane(model, task.sequences(), task, stage="L0 resid_mid")
    centred = model.W_U[:, :4] - model.W_U[:, :4].mean(1, keepdim=True)
    assert plane.share == pytest.approx(float(plane.tokens.square().sum() / centred.square().sum()))
    eigenvalues = torch.linalg.eigvalsh(centred @ centred.T)
    assert plane.share == pytest.approx(float(eigenvalues[-2:].sum() / eigenvalues.sum()))


def test_a_line_reads_classes_that_stand_apart_and_not_their_shuffled_labels():
    labels = torch.arange(3).repeat(40)
    corners = torch.tensor([[0.0, 0], [4, 0], [0, 4]])
    points = corners[labels] + 0.3 * torch.randn(120, 2, generator=torch.Generator().manual_seed(0))
    own, control = flat_probe(points, labels), flat_probe(points, labels, seed=0)
    assert own.correct == 120
    assert control.correct < 72
    assert torch.equal(control.labels.bincount(), labels.bincount())


@pytest.mark.parametrize("labels", [[0, 1, 0, 1], [0, 2, 3, 2]])
def test_too_few_classes_or_a_gap_among_them_is_refused(labels):
    with pytest.raises(ValueError, match="labels"):
        flat_probe(torch.zeros(4, 2), torch.tensor(labels))


@torch.no_grad()
@pytest.mark.parametrize("which", [0, 1])
def test_in_two_dimensions_the_plane_shows_how_far_every_replacement_moves(which):
    model = model_of(2)
    part, row = components(model)[which], TASK.predicting_rows[1]
    found = replacements(model, SEQUENCES, TASK, part, row=row, pair=(3, 20), seed=0)
    hooks = [part.input_hook, part.hook]
    resid, outputs = (each[:, 0] for each in activations(model, TASK.inputs(SEQUENCES), hooks, rows=[row]).values())
    ways = ["zero, bias stays", "zero, bias too", "mean", "resample", "random push"]
    assert list(found.replaced) == list(found.moved) == ways
    for way, replaced in found.replaced.items():
        assert float((replaced - found.output).norm()) == pytest.approx(found.moved[way])
    assert found.moved["zero, bias too"] == pytest.approx(float(outputs[3].norm()))
    assert found.moved["mean"] == pytest.approx(float((outputs.mean(0) - outputs[3]).norm()))
    assert found.moved["resample"] == pytest.approx(float((outputs[20] - outputs[3]).norm()))
    assert found.moved["random push"] == pytest.approx(found.moved["resample"])
    assert float(found.before.norm()) == pytest.approx(float(resid[3].norm()))
    bias = (model.b_O, model.b_out)[which][0]
    assert float(found.replaced["zero, bias stays"].norm()) == pytest.approx(float(bias.norm()))
    assert found.share == pytest.approx(1)


def test_a_replacement_needs_two_inputs():
    model = model_of(2)
    with pytest.raises(ValueError, match="pair"):
        replacements(model, SEQUENCES, TASK, components(model)[0], row=3, pair=(3,), seed=0)
