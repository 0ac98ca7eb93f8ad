"""The models: causal, reproducible, and the bare twin that training uses computes the same."""

import math

import pytest
import torch
from torch import nn

from tinycircuits.models.build import (
    ModelSpec,
    bare,
    build,
    named_parameters,
    parameter_count,
    short_name,
    without_hooks,
)
from tinycircuits.results.tables.studies import STUDIES
from tinycircuits.tasks import ModularAddition, ReverseIncrement

TASK = ReverseIncrement(n_digits=3)
SHAPES = {
    "published shapes": ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=2, d_mlp=4),
    "two heads": ModelSpec(n_layers=1, d_model=6, n_heads=2, d_head=3, d_mlp=5),
    "attention only": ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=4, d_mlp=None),
    "no normalisation": ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4, layer_norm=False),
    "MLP only": ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=2, d_mlp=4, attention=False),
    "tied": ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4, tied=True),
    "gelu": ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4, act_fn="gelu"),
    "PyTorch's start": ModelSpec(n_layers=2, d_model=4, n_heads=2, d_head=2, d_mlp=6, start="torch"),
    "unscaled start": ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=2, d_mlp=4, start="hooked"),
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


@pytest.mark.parametrize("start", ["gpt2", "hooked", "torch"])
def test_without_attention_every_attention_writes_nothing_and_learns_nothing_whatever_the_start(start):
    spec = SHAPES["MLP only"].model_copy(update={"start": start})
    model = build(spec, TASK, seed=1, dtype="float64")
    with torch.no_grad():
        cache = model.run_with_cache(TASK.inputs(TASK.sequences()))[1]
    for layer in range(2):
        assert cache[f"blocks.{layer}.hook_attn_out"].abs().max() == 0
    trained = {name for name, parameter in named_parameters(model).items() if parameter.requires_grad}
    assert {name for name in named_parameters(model) if ".attn." in name or ".ln1." in name}.isdisjoint(trained)


@shapes
def test_short_names_are_those_of_the_library(spec):
    model = build(spec, TASK, seed=3)
    for name, parameter in named_parameters(model).items():
        short = short_name(name)
        if short is None:
            assert ".ln" in name or name.startswith("ln_out")
            continue
        of_library = getattr(model, short)
        layer = of_library[int(name.split(".")[1])] if name.startswith("layers.") else of_library
        assert layer.numel() == parameter.numel()
        torch.testing.assert_close(layer.flatten().sort().values, parameter.flatten().sort().values)


@shapes
def test_a_bare_module_starts_as_the_model_does(spec):
    model, module = named_parameters(build(spec, TASK, seed=3)), named_parameters(bare(spec, TASK, seed=3))
    assert model.keys() == module.keys()
    assert all(torch.equal(model[name], module[name]) for name in model)


class ArticleE(nn.Module):
    """Article E's class written out in plain PyTorch, with the default start of its modules."""

    def __init__(self, vocabulary=100, d_model=128, n_heads=4, d_ff=256, n_layers=2, n_positions=4):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, d_model), nn.Embedding(n_positions, d_model)
        self.blocks = nn.ModuleList(Block(d_model, n_heads, d_ff) for _ in range(n_layers))
        self.norm, self.head = nn.LayerNorm(d_model), nn.Linear(d_model, vocabulary, bias=False)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class Block(nn.Module):
    def __init__(self, d_model, n_heads, d_ff):
        super().__init__()
        self.n_heads, self.norms = n_heads, nn.ModuleList(nn.LayerNorm(d_model) for _ in range(2))
        self.qkv, self.out = nn.Linear(d_model, 3 * d_model), nn.Linear(d_model, d_model)
        self.mlp = nn.Sequential(nn.Linear(d_model, d_ff), nn.GELU(), nn.Linear(d_ff, d_model))

    def forward(self, x):
        q, k, v = (
            part.unflatten(2, (self.n_heads, -1)).transpose(1, 2) for part in self.qkv(self.norms[0](x)).chunk(3, -1)
        )
        z = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(z.transpose(1, 2).flatten(2))
        return x + self.mlp(self.norms[1](x))


@torch.no_grad()
@pytest.mark.parametrize("seed", [42, 0])
def test_article_es_class_starts_and_computes_as_printed_on_all_pairs(seed):
    study = STUDIES["addition-97-2l"]
    torch.manual_seed(seed)
    printed = ArticleE()
    tokens = study.task.inputs(study.task.sequences())
    ours = build(study.model, study.task, seed=seed, dtype="float64")
    assert tokens[0].tolist() == [0, 0, 97]
    assert sum(p.numel() for p in printed.parameters()) == parameter_count(ours)
    torch.testing.assert_close(ours(tokens), printed.double()(tokens), rtol=0, atol=1e-12)


def test_the_embeddings_can_start_at_another_size_with_nothing_else_changed():
    task = ModularAddition(modulus=97, plus_sign=False)
    one = ModelSpec(n_layers=1, d_model=64, n_heads=2, d_head=8, d_mlp=4, start="torch")
    small = one.model_copy(update={"embed_std": 0.25})
    before, after = (named_parameters(build(spec, task, seed=1)) for spec in (one, small))
    assert before["tok_embed.weight"].std().item() == pytest.approx(1, abs=0.03)
    for name in before:
        scale = 0.25 if name in ("tok_embed.weight", "pos.weight") else 1
        torch.testing.assert_close(after[name], scale * before[name], rtol=1e-6, atol=0)
    gpt2 = one.model_copy(update={"start": "gpt2"})
    same = gpt2.model_copy(update={"embed_std": 0.8 / math.sqrt(64)})
    torch.testing.assert_close(build(same, task, seed=1).W_E, build(gpt2, task, seed=1).W_E, rtol=1e-6, atol=0)


def test_the_older_start_differs_from_the_present_one_in_the_output_maps_only():
    now = ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=2, d_mlp=4)
    then = now.model_copy(update={"start": "hooked"})
    before, after = (named_parameters(build(spec, TASK, seed=1)) for spec in (now, then))
    for name in before:
        scale = 2.0 if name.endswith(("attn.o.weight", "mlp.fc_out.weight")) else 1.0  # sqrt(2 * 2 layers)
        torch.testing.assert_close(after[name], scale * before[name], rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("reversal-8d-2l", 528),
        ("reversal-8d-1l", 360),
        ("reversal-4d-2l", 280),
        ("addition-113-3l", 625_152),
        ("addition-97-2l", 291_328),
        ("addition-97-2l-gpt2", 290_816),
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
