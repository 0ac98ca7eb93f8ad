"""Fingerprints do not see what is only a change of basis; families are those that were planted."""

import math

import pytest
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from tests.circuits import SPECS, ablate, hand_built, parameters, scrambled
from tinycircuits.interp.activations import components
from tinycircuits.interp.agreement import (
    carriers,
    families,
    fingerprint,
    middle_of,
    nearest,
    pairwise_distance,
    reading_layers,
    shuffled_features,
)
from tinycircuits.interp.attention import attention_pattern
from tinycircuits.interp.interchange import interchange
from tinycircuits.interp.ov import digit_writing, shift
from tinycircuits.models.build import ModelSpec
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=3)
SEQUENCES = TASK.sequences()
RAW = SPECS["no LayerNorm"]


def rotated(model, spec):
    """The model without LayerNorm whose residual stream is written in another orthonormal basis."""
    draws = torch.randn(spec.d_model, spec.d_model, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    basis = torch.linalg.qr(draws)[0]
    for name, weight in parameters(model).items():
        reads = any(part in name for part in ("embed", "pos", ".q.w", ".k.w", ".v.w", "fc_in.w", "head.w"))
        writes = any(part in name for part in (".o.", "fc_out"))
        if reads:
            weight.copy_(weight @ basis)
        if writes:
            weight.copy_(basis.T @ weight)


def rebased_head(model, spec):
    """The same for the values and the output of the head, in any basis, and for queries and keys."""
    generator = torch.Generator().manual_seed(2)
    for layer in range(spec.n_layers):
        named = {name: weight for name, weight in parameters(model).items() if f"layers.{layer}.attn" in name}
        for inward, outward in (("v", "o"), ("q", "k")):
            basis = torch.randn(spec.d_head, spec.d_head, generator=generator, dtype=torch.float64)
            inverse = torch.linalg.inv(basis)
            for leaf in ("weight", "bias"):
                values = named[f"layers.{layer}.attn.{inward}.{leaf}"]
                values.copy_(basis @ values)
            weight = named[f"layers.{layer}.attn.{outward}.weight"]
            weight.copy_(weight @ inverse if outward == "o" else inverse.T @ weight)
            if outward == "k":
                bias = named[f"layers.{layer}.attn.k.bias"]
                bias.copy_(inverse.T @ bias)


def permuted_neurons(model, spec):
    """The same neurons in another order, each scaled by a positive number and back."""
    order = torch.arange(spec.d_mlp).flip(0)
    for name, weight in parameters(model).items():
        if "fc_in" in name:
            weight.copy_(weight[order] * 3)
        if "fc_out.weight" in name:
            weight.copy_(weight[:, order] / 3)


def relabelled(model, spec):
    """Every digit called one more, in what is read and in what is written."""
    order = torch.tensor([3, 0, 1, 2, 4])
    for name, weight in parameters(model).items():
        if name in ("tok_embed.weight", "head.weight"):
            weight.copy_(weight[order])


SYMMETRIES = {"rotated": rotated, "rebased head": rebased_head, "permuted": permuted_neurons, "relabelled": relabelled}


@pytest.mark.parametrize("change", SYMMETRIES.values(), ids=SYMMETRIES)
def test_a_symmetry_changes_the_weights_and_not_the_fingerprint(change):
    plain, other = scrambled(RAW, TASK), scrambled(RAW, TASK)
    with torch.no_grad():
        change(other, RAW)
    assert any(not torch.allclose(a, b) for a, b in zip(plain.parameters(), other.parameters(), strict=True))
    before, after = (fingerprint(model, SEQUENCES, TASK, seed=0) for model in (plain, other))
    if change is relabelled:  # pairs are drawn by the order of the inputs, which relabelling changes
        torch.testing.assert_close(before.reads, after.reads)
        torch.testing.assert_close(before.kept, after.kept)
    else:
        torch.testing.assert_close(before.vector, after.vector)


def test_another_model_has_another_fingerprint():
    one, two = (fingerprint(scrambled(RAW, TASK, seed=seed), SEQUENCES, TASK, seed=0) for seed in (0, 1))
    assert pairwise_distance(torch.stack([one.vector, two.vector]))[0, 1] > 0.05


@pytest.mark.parametrize("mlp", [True, False])
def test_the_circuit_set_by_hand(mlp):
    found = fingerprint(hand_built(TASK, mlp=mlp), SEQUENCES, TASK, seed=0)
    assert found.parts == (("L0 attn", "L0 mlp") if mlp else ("L0 attn",))
    assert found.source_weight.tolist() == [[1, 1, 1]]
    assert found.carries.tolist() == [[1, 1, 1]] * len(found.parts)
    assert (found.kept < 0.5).all(), "every part is needed"
    assert (found.carries_control < 0.5).all()
    assert found.reads.sum() == 3


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_fingerprint_holds_shares_for_every_shape(spec):
    found = fingerprint(scrambled(spec, TASK), SEQUENCES, TASK, seed=0)
    assert found.vector.min() >= 0
    assert found.vector.max() <= 1
    assert found.reads.shape == (spec.n_layers, 3, 3)
    assert len(found.kept) == len(found.kept_control) == len(found.carries) == len(found.parts)


def test_reading_layers():
    weight = torch.tensor([[0.9, 0.1, 0.5, 0.2], [0.2, 0.7, 0.5, 0.2]])
    assert reading_layers(weight) == ("0", "1", "0+1", "-")
    assert reading_layers(weight, at_least=0.8) == ("0", "-", "-", "-")


def test_planted_families_are_found_and_ordered_by_size():
    generator = torch.Generator().manual_seed(0)
    centres = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]]).double()
    planted = torch.tensor([1] * 5 + [0] * 9 + [2] * 3)
    vectors = centres[planted] + 0.02 * torch.randn(17, 2, generator=generator, dtype=torch.float64)
    found = families(vectors, apart=0.3)
    assert found.tolist() == [1] * 5 + [0] * 9 + [2] * 3
    assert families(vectors, apart=10).tolist() == [0] * 17
    assert len(families(vectors, apart=0).unique()) == 17


def test_distances_are_the_plain_ones():
    vectors = torch.rand(4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = pairwise_distance(vectors)
    slow = [[math.sqrt(sum((float(x) - float(y)) ** 2 for x, y in zip(a, b, strict=True)) / 6) for b in vectors] for a in vectors]  # fmt: skip # noqa: E501
    torch.testing.assert_close(found, torch.tensor(slow).double())
    assert nearest(found).tolist() == [min(v for j, v in enumerate(row) if j != i) for i, row in enumerate(found.tolist())]  # fmt: skip # noqa: E501
    assert middle_of(torch.tensor([[0.0], [5.0], [0.4], [1.0]]).double(), [0, 2, 3]) == 2


def test_shuffling_keeps_every_features_values():
    vectors = torch.rand(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    dealt = shuffled_features(vectors, seed=0)
    assert torch.equal(dealt.sort(0).values, vectors.sort(0).values)
    assert not torch.equal(dealt, vectors)


def test_shuffling_takes_planted_families_apart():
    generator = torch.Generator().manual_seed(0)
    planted = torch.arange(40) % 2
    vectors = planted[:, None].double().expand(-1, 8) + 0.01 * torch.randn(40, 8, generator=generator)
    plain, dealt = (nearest(pairwise_distance(each)).median() for each in (vectors, shuffled_features(vectors, seed=0)))
    assert dealt > 5 * plain


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="vectors must hold at least two models, got 1"):
        pairwise_distance(torch.zeros(1, 3))
    with pytest.raises(ValueError, match=r"apart must be 0 or larger, got -1"):
        families(torch.zeros(3, 3), apart=-1)
    with pytest.raises(ValueError, match="head must be one of L0H0, got 'L0H1'"):
        digit_writing(hand_built(TASK, mlp=False), TASK, head=1)


@pytest.mark.parametrize("increment", [0, 1, 3])
def test_the_hand_built_attention_writes_the_raised_digit(increment):
    task = ReverseIncrement(n_digits=3, increment=increment)
    writing = digit_writing(hand_built(task, mlp=False), task)
    assert shift(writing) == increment
    torch.testing.assert_close(writing.sum(0), torch.zeros(4, dtype=torch.float64))
    torch.testing.assert_close(writing.sum(1), torch.zeros(4, dtype=torch.float64))


def test_with_an_mlp_the_hand_built_attention_writes_nothing_for_the_unembedding():
    assert digit_writing(hand_built(TASK, mlp=True), TASK).abs().max() == 0


def test_writing_is_what_moving_attention_does_without_a_norm():
    """All attention on one digit instead of another changes the logits by the difference of two rows."""
    spec = ModelSpec(n_layers=1, d_model=5, n_heads=1, d_head=3, d_mlp=None, layer_norm=False)
    model = scrambled(spec, TASK)
    writing = digit_writing(model, TASK)
    state = model.W_E[:4] + model.W_pos[1:4].mean(0)
    full = (state @ model.W_V[0, 0] + model.b_V[0, 0]) @ model.W_O[0, 0] + model.b_O[0]
    logits = (full @ model.W_U)[:, :4]
    moved = (logits[2] - logits[1]) - (logits[2] - logits[1]).mean()
    torch.testing.assert_close(writing[2] - writing[1], moved)


def test_the_writing_is_the_same_in_another_basis():
    plain, other = scrambled(RAW, TASK), scrambled(RAW, TASK)
    with torch.no_grad():
        rotated(other, RAW)
        rebased_head(other, RAW)
    torch.testing.assert_close(digit_writing(plain, TASK), digit_writing(other, TASK))


def test_no_shift():
    assert shift(torch.tensor([[1.0, 0.0], [1.0, 0.0]])) is None
    assert shift(torch.tensor([[0.0, 1.0], [1.0, 0.0]])) == 1


@pytest.mark.parametrize("name", ["three layers, two heads, gelu", "attention only"])
def test_a_fingerprint_is_made_of_the_analyses_that_it_names(name):
    """Attention is the mean over heads, ablation by the mean, and each control the push and not the thing itself."""
    model = scrambled(SPECS[name], TASK)
    found = fingerprint(model, SEQUENCES, TASK, seed=4)
    for layer in range(SPECS[name].n_layers):
        heads = [attention_pattern(model, TASK.inputs(SEQUENCES), layer=layer, head=head) for head in range(2)]
        torch.testing.assert_close(found.reads[layer], (sum(heads) / 2).mean(0)[3:6, 1:4])
    for i, part in enumerate(components(model)):
        gone = ablate(model, SEQUENCES, TASK, part, "mean", seed=4, draws=0)
        torch.testing.assert_close(found.kept[i], 1 - gone.wrong.double().mean(0))
        swapped = interchange(model, SEQUENCES, TASK, part, seed=4)
        apart = (64 - swapped.coincide).double()
        torch.testing.assert_close(found.carries[i], swapped.as_source_distinct / apart)
        torch.testing.assert_close(found.carries_control[i], swapped.control_as_source_distinct / apart)


def test_a_push_of_the_same_size_hurts_the_hand_built_circuit_less_than_the_ablation():
    found = fingerprint(hand_built(TASK, mlp=True), SEQUENCES, TASK, seed=0)
    assert (found.kept_control > found.kept.mean(1) + 0.1).all()
    assert (found.carries_control < found.carries - 0.5).all()


def test_a_chain_of_neighbours_is_no_family():
    """Average linkage: two clusters that a bridge of single models joins stay two."""
    line = torch.tensor([0.0, 0.1, 0.2, 0.3, 1.0, 1.4, 1.8, 2.5, 2.6, 2.7]).double()[:, None]
    found = families(line, apart=0.75)
    condensed = pdist(line.numpy())
    expected = fcluster(linkage(condensed, "average"), 0.75, "distance")
    pairs = [(found[i] == found[j], expected[i] == expected[j]) for i in range(10) for j in range(10)]
    assert all(bool(ours) == bool(theirs) for ours, theirs in pairs)
    assert len(found.unique()) == 3
    assert found.bincount().tolist() == sorted(found.bincount().tolist(), reverse=True)


def test_the_middle_is_nearest_on_average_and_not_in_the_median():
    assert middle_of(torch.tensor([[0.0], [0.1], [0.2], [5.0], [9.0]]).double(), range(5)) == 2
    assert middle_of(torch.tensor([[0.0], [0.1], [0.25], [6.0], [6.1]]).double(), range(5)) == 2


def test_what_carries_all_answers_is_named_by_its_layer():
    first, second = torch.tensor([0.9, 0.5, 0.7]), torch.tensor([0.1, 0.4, 0.2])
    crossed = torch.tensor([0.9, 0.1, 0.7]), torch.tensor([0.1, 0.8, 0.2])
    missing = torch.tensor([0.9, 0.1, 0.7]), torch.tensor([0.1, 0.4, 0.9])
    models = [(first, second), (second, first), (first, first), crossed, missing]
    carries = torch.stack([torch.stack(layers) for layers in models])
    assert carriers(carries) == ["layer 0", "layer 1", "several layers", "divided", "none"]
    assert carriers(carries[:1], at_least=0.6) == ["none"]


def test_every_feature_is_dealt_out_by_itself():
    dealt = shuffled_features(torch.arange(30).double()[:, None].expand(-1, 5).clone(), seed=0)
    orders = {tuple(column.tolist()) for column in dealt.T}
    assert len(orders) == 5
