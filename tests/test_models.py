"""The models: causal, reproducible, and the bare twin that training uses computes the same."""

import pytest
import torch

from tinycircuits.models import ModelSpec, build, parameter_count, without_hooks
from tinycircuits.studies import STUDIES
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=3)
SHAPES = {
    "published shapes": ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=2, d_mlp=4),
    "two heads": ModelSpec(n_layers=1, d_model=6, n_heads=2, d_head=3, d_mlp=5),
    "attention only": ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=4, d_mlp=None),
    "no normalisation": ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4, layer_norm=False),
    "MLP only": ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=2, d_mlp=4, attention=False),
    "tied": ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4, tied=True),
    "gelu": ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4, act_fn="gelu"),
}
shapes = pytest.mark.parametrize("spec", SHAPES.values(), ids=SHAPES)


def randomised(spec, seed=0):
    """A model none of whose parameters is zero or one."""
    model = build(spec, TASK, seed=seed, dtype="float64")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model


@shapes
@torch.no_grad()
def test_every_model_is_causal(spec):
    model, tokens = randomised(spec), TASK.inputs(TASK.sequences())
    logits = model(tokens)
    for position in range(1, tokens.shape[1]):
        changed = tokens.clone()
        changed[:, position] = (changed[:, position] + 1) % TASK.modulus
        difference = (model(changed) - logits).abs()
        assert difference[:, :position].max() == 0
        assert difference[:, position:].max() > 0


@shapes
@torch.no_grad()
def test_the_bare_twin_shares_parameters_and_computes_the_same_logits(spec):
    model, tokens = randomised(spec), TASK.inputs(TASK.sequences())
    bare = without_hooks(model, spec, TASK)
    torch.testing.assert_close(bare(tokens), model(tokens), rtol=0, atol=1e-12)
    for parameter in bare.parameters():
        parameter.mul_(0.5)
    torch.testing.assert_close(bare(tokens), model(tokens), rtol=0, atol=1e-12)
    assert parameter_count(bare) == parameter_count(model)


def test_the_same_seed_draws_the_same_weights_in_both_precisions():
    spec = SHAPES["published shapes"]
    single, double = (build(spec, TASK, seed=5, dtype=dtype) for dtype in ("float32", "float64"))
    for one, two in zip(single.parameters(), double.parameters(), strict=True):
        assert torch.equal(one.double(), two)
    assert not torch.equal(build(spec, TASK, seed=6).W_E, single.W_E)


def test_building_a_model_leaves_the_global_random_state_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    build(SHAPES["two heads"], TASK, seed=1)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("reversal-8d-2l", 528),
        ("reversal-8d-1l", 360),
        ("reversal-4d-2l", 280),
        ("addition-113-3l", 625_152),
        ("addition-97-2l", 290_816),
    ],
)
def test_the_parameters_of_the_published_models_can_be_counted_by_hand(name, expected):
    study = STUDIES[name]
    m, t = study.model, study.task
    heads = m.n_heads * m.d_head
    attention = 3 * (m.d_model * heads + heads) + heads * m.d_model + m.d_model
    mlp = 2 * m.d_model * m.d_mlp + m.d_mlp + m.d_model
    norms = 2 * m.d_model
    by_hand = (t.d_vocab + t.n_ctx) * m.d_model + m.n_layers * (attention + mlp + 2 * norms) + norms
    by_hand += m.d_model * t.d_vocab
    assert parameter_count(build(m, t, seed=0)) == by_hand == expected
