"""The changes of the live page: the plain way finds the same logits, the tables of ablations the same counts."""

import random

import pytest
import torch
from torch.nn import functional

from tests.circuits import SPECS, hand_built, scrambled
from tinycircuits.interp.ablation import ablation_table
from tinycircuits.interp.activations import Component, Head, attention_heads, components
from tinycircuits.interp.removals import neuron_wrong
from tinycircuits.interp.touches import Hold, Touch, Touches, Weight, Zero
from tinycircuits.models.build import ModelSpec
from tinycircuits.models.errors import teacher_forced
from tinycircuits.models.weights import flat_weights, named_weights
from tinycircuits.results.runs import load
from tinycircuits.tasks import ModularAddition, ReverseIncrement

TASK = ReverseIncrement(n_digits=3)
TOKENS = TASK.inputs(TASK.sequences())
OTHER = (3, 0, 2)
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


def every_site(spec: ModelSpec, positions: int) -> list[str]:
    """One of every kind of site in every layer, at its last head, neuron, row and an early key."""
    sites = ["embed"]
    for layer in range(spec.n_layers):
        head = spec.n_heads - 1
        sites += [f"attn.{layer}", f"head.{layer}.{head}", f"edge.{layer}.{head}.{positions - 1}.1"]
        sites += [f"mlp.{layer}", f"neuron.{layer}.{spec.d_mlp - 1}"] if spec.d_mlp else []
    return sites


def drawn(model, spec: ModelSpec, positions: int, draw: random.Random) -> Touches:
    """One to five touches of any kind; an edge may be any."""
    touches: list[Touch] = []
    for _ in range(draw.randint(1, 5)):
        name = draw.choice(list(named_weights(model)))
        site = draw.choice(every_site(spec, positions))
        if site.startswith("edge"):
            row = draw.randrange(positions)
            site = f"{site.rsplit('.', 2)[0]}.{row}.{draw.randint(0, row)}"
        pos = None if site.startswith("edge") or draw.random() < 0.3 else draw.randrange(positions)
        hold = Hold(site, pos, draw.choice(["zero", "mean", "other"]))
        weight = Weight(name, draw.randrange(named_weights(model)[name].numel()), draw.gauss(0, 2))
        touches.append(draw.choices([hold, weight, Zero(name)], [6, 3, 1])[0])
    return Touches(tuple(touches))


class Plain:
    """The forward pass by the book, with values held at sites of the page."""

    def __init__(self, model, weights: dict[str, torch.Tensor]):
        self.cfg, self.w, self.seen = model.cfg, weights, {}

    def norm(self, x, name):
        if f"{name}.w" not in self.w:
            return x
        return functional.layer_norm(x, x.shape[-1:], self.w[f"{name}.w"], self.w[f"{name}.b"], self.cfg.eps)

    def held(self, x, site, holds):
        """``x [batch pos ...]``, written over at the positions where the site is held; what was there is noted."""
        self.seen[site] = x
        out = x.clone()
        for pos, value in holds.get(site, []):
            out[:, pos] = value
        return out

    def logits(self, tokens, holds):
        n = tokens.shape[1]
        x = self.held(self.w["W_E"][tokens] + self.w["W_pos"][:n], "embed", holds)
        for layer in range(self.cfg.n_layers):
            w = {name.removeprefix(f"blocks.{layer}."): each for name, each in self.w.items()}
            state, out = self.norm(x, f"blocks.{layer}.ln1"), w["attn.b_O"].expand_as(x)
            for h in range(self.cfg.n_heads):
                q, k, v = (state @ w[f"attn.W_{c}"][h] + w[f"attn.b_{c}"][h] for c in "QKV")
                scores = (q @ k.mT / self.cfg.d_head**0.5).masked_fill(torch.ones(n, n).triu(1).bool(), -torch.inf)
                pattern = scores.softmax(-1)
                for row in range(n):
                    for key in range(row + 1):
                        edge = self.held(pattern[:, row, key, None], f"edge.{layer}.{h}.{row}.{key}", holds)
                        pattern = pattern.clone()
                        pattern[:, row, key] = edge[:, 0]
                out = out + self.held(pattern @ v @ w["attn.W_O"][h], f"head.{layer}.{h}", holds)
            x = x + self.held(out, f"attn.{layer}", holds)
            if self.cfg.attn_only:
                continue
            act = functional.relu if self.cfg.act_fn == "relu" else functional.gelu
            post = act(self.norm(x, f"blocks.{layer}.ln2") @ w["mlp.W_in"] + w["mlp.b_in"])
            each = [self.held(post[..., k], f"neuron.{layer}.{k}", holds) for k in range(self.cfg.d_mlp)]
            x = x + self.held(torch.stack(each, -1) @ w["mlp.W_out"] + w["mlp.b_out"], f"mlp.{layer}", holds)
        return self.norm(x, "ln_final") @ self.w["W_U"] + self.w["b_U"]


@torch.no_grad()
def plainly(model, touches: Touches) -> torch.Tensor:
    """The logits of the changed model on all inputs, without a hook."""
    weights = named_weights(model)
    for touch in touches.touches:
        if isinstance(touch, Weight):
            shape, flat = weights[touch.name].shape, weights[touch.name].flatten().clone()
            flat[touch.index] = touch.value
            weights[touch.name] = flat.reshape(shape)
        if isinstance(touch, Zero):
            weights[touch.name] = torch.zeros_like(weights[touch.name])
    clean, second = Plain(model, weights), Plain(model, weights)
    clean.logits(TOKENS, {})
    second.logits(TASK.inputs(TASK.sequences_of(torch.tensor([OTHER]))), {})
    holds: dict[str, list] = {}
    for touch in touches.touches:
        if isinstance(touch, Hold):
            pos = slice(None) if touch.pos is None else touch.pos
            value = {
                "zero": torch.zeros(()).double(),
                "mean": clean.seen[touch.site].mean(0)[pos],
                "other": second.seen[touch.site][0][pos],
            }[touch.by]
            holds.setdefault(touch.site, []).append((pos, value))
    return Plain(model, weights).logits(TOKENS, holds)


def gap(model, touches: Touches) -> float:
    """How far the logits of the hooked copy are from the plain ones."""
    with Touches(touches.touches, OTHER).on(model, TASK) as touched:
        return float((touched(TOKENS) - plainly(model, touches)).abs().max())


@every_spec
@pytest.mark.parametrize("by", ["zero", "mean", "other"])
def test_every_kind_of_hold_is_the_plain_forward_pass_with_that_value(spec, by):
    model = scrambled(spec, TASK)
    clean = plainly(model, Touches(()))
    for site in every_site(spec, 6):
        for pos in [None] if site.startswith("edge") else [None, 4]:
            touches = Touches((Hold(site, pos, by),))
            assert gap(model, touches) < 1e-9, touches
            if not site.startswith("neuron"):  # which may be silent on all inputs
                assert (plainly(model, touches) - clean).abs().max() > 1e-6, touches


@every_spec
def test_every_parameter_can_be_set_in_any_number_or_to_zero(spec):
    model, draw = scrambled(spec, TASK), random.Random(2)
    sizes = {name: weight.numel() for name, weight in named_weights(model).items()}
    for _ in range(2):
        touches = [Weight(name, draw.randrange(size), draw.gauss(0, 1)) for name, size in sizes.items()]
        assert gap(model, Touches(tuple(touches))) < 1e-9
    for zero in [tuple(sizes)[start::4] for start in range(4)]:
        assert gap(model, Touches(tuple(map(Zero, zero)))) < 1e-9, zero


@every_spec
def test_many_changes_at_once_are_made_in_their_order(spec):
    model, draw = scrambled(spec, TASK), random.Random(4)
    for _ in range(12):
        touches = drawn(model, spec, 6, draw)
        assert gap(model, touches) < 1e-8, touches.written()


def test_a_later_change_of_a_place_prevails_and_means_are_those_of_the_changed_weights():
    model, spec = scrambled(SPECS["two layers"], TASK), SPECS["two layers"]
    one, other = Hold("mlp.0", None, "zero"), Hold("mlp.0", 4, "mean")
    assert gap(model, Touches((one, other))) < 1e-9
    assert gap(model, Touches((other, one))) < 1e-9
    apart = [plainly(model, Touches(order)) for order in ((one, other), (other, one))]
    assert (apart[0] - apart[1]).abs().max() > 1e-3
    moved = Touches((Hold("mlp.1", None, "mean"), Weight("blocks.0.mlp.b_out", 2, 3.0)))
    assert gap(model, moved) < 1e-9
    assert spec.n_layers == 2


@every_spec
def test_the_model_that_is_given_stays_as_it_is(spec):
    model = scrambled(spec, TASK)
    before, logits = flat_weights(model), model(TOKENS)
    touches = Touches((Zero("W_E"), Hold("attn.0", None, "mean"), Weight("b_U", 1, 9.0)))
    touches.wrong(model, TASK)
    assert torch.equal(flat_weights(model), before)
    assert torch.equal(model(TOKENS), logits)
    assert not any(point.fwd_hooks for point in model.hook_dict.values())


def test_without_a_change_the_counts_are_those_of_the_model_and_a_batch_does_not_matter(monkeypatch):
    model = hand_built(TASK, mlp=True)
    assert Touches.read("").wrong(model, TASK).tolist() == [0, 0, 0]
    touches = Touches.read("neuron.0.1~mean_attn.0@4~other", OTHER)
    whole = touches.wrong(model, TASK)
    monkeypatch.setattr("tinycircuits.interp.touches.batches", lambda values: values.split(7))
    assert touches.wrong(model, TASK).tolist() == whole.tolist()
    assert whole.sum() > 0


def test_what_is_not_a_number_is_wrong():
    assert (
        Touches.read("W_U~0~1e308_b_U~0~1e308_W_E~0~1e308").wrong(scrambled(SPECS["two layers"], TASK), TASK).min() > 0
    )
    infinite = Touches((Weight("b_U", 0, torch.inf), Weight("W_U", 0, -torch.inf)))
    assert infinite.wrong(hand_built(TASK, mlp=True), TASK).tolist() == [64, 64, 64]


def test_modular_addition_is_counted_over_all_pairs():
    task = ModularAddition(modulus=5, plus_sign=True)
    model = scrambled(SPECS["three layers, two heads, gelu"], task)
    clean = teacher_forced(model, task, task.sequences()).wrong.sum(0)
    assert Touches.read("").wrong(model, task).tolist() == clean.tolist()
    with Touches.read("embed~other", (3, 4)).on(model, task) as touched:
        logits = touched(task.inputs(task.sequences()))
    torch.testing.assert_close(logits, model(task.inputs(task.sequences_of(torch.tensor([[3, 4]])))).expand_as(logits))


def site_of(part: Component | Head) -> str:
    """A part as the page names it."""
    return f"{part.kind}.{part.layer}" if isinstance(part, Component) else f"head.{part.layer}.{part.head}"


def test_the_counts_of_one_part_are_those_of_the_table_of_ablations_and_of_each_neuron():
    run = load("reversal-4d-2l")
    model, task = run.model, run.study.task
    parts = (*components(model), *attention_heads(model))
    for each in ablation_table(
        model, task.sequences(), task, kinds=["zero", "mean"], only=parts, seed=0, draws=0
    ).ablations:
        touches = Touches((Hold(site_of(each.component), None, each.kind),))
        assert touches.wrong(model, task).tolist() == each.wrong.sum(0).tolist(), touches.written()
    table = ablation_table(model, task.sequences(), task, kinds=["zero_weights"], seed=0, draws=0)
    for each in table.ablations:
        leaf = "attn.W_O" if each.component.kind == "attn" else "mlp.W_out"
        touches = Touches((Zero(f"blocks.{each.component.layer}.{leaf}"),))
        assert touches.wrong(model, task).tolist() == each.wrong.sum(0).tolist(), touches.written()
    for kind in ("zero", "mean"):
        for layer in range(2):
            counts = neuron_wrong(model, task.sequences(), task, layer=layer, kind=kind)
            for neuron, expected in enumerate(counts.tolist()):
                touches = Touches((Hold(f"neuron.{layer}.{neuron}", None, kind),))
                assert touches.wrong(model, task).tolist() == expected, touches.written()


@pytest.mark.slow
def test_the_counts_of_the_published_one_layer_model_are_those_of_its_table_of_ablations():
    run = load("reversal-8d-1l")
    model, task = run.model, run.study.task
    for each in ablation_table(
        model, task.sequences(), task, kinds=["zero_weights", "mean"], seed=0, draws=0
    ).ablations:
        leaf = "attn.W_O" if each.component.kind == "attn" else "mlp.W_out"
        touch = Hold(site_of(each.component), None, "mean") if each.kind == "mean" else Zero(f"blocks.0.{leaf}")
        assert Touches((touch,)).wrong(model, task).tolist() == each.wrong.sum(0).tolist(), touch


def test_the_text_of_the_page_is_read_and_written_back():
    text = "blocks.0.mlp.b_out~0_attn.0@9~mean_ln_final.w~2~-1e-7_W_E~3~0.5_edge.0.0.9.8~other_b_U~1~2.0"
    touches = Touches.read(text, other="13020123")
    assert touches.other == (1, 3, 0, 2, 0, 1, 2, 3)
    assert touches.touches == (
        Zero("blocks.0.mlp.b_out"),
        Hold("attn.0", 9, "mean"),
        Weight("ln_final.w", 2, -1e-7),
        Weight("W_E", 3, 0.5),
        Hold("edge.0.0.9.8", None, "other"),
        Weight("b_U", 1, 2.0),
    )
    assert Touches.read(touches.written()).touches == touches.touches


def test_a_later_change_of_the_same_place_takes_the_place_of_an_earlier_one():
    found = Touches.read("attn.0~zero_mlp.0~zero_attn.0~mean_attn.0@3~zero_W_E~1~2_W_E~0_W_E~1~3")
    assert found.written() == "mlp.0~zero_attn.0~mean_attn.0@3~zero_W_E~0_W_E~1~3.0"


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "attn.0",
        "attn.0~half",
        "attn.0@~zero",
        "W_E~1~",
        "W_E~-1~2",
        "W_E~1~nan",
        "W_E~1~1_000",
        "attn.0~zero_",
    ],
)
def test_a_text_that_says_nothing_the_page_could_say_is_refused(text):
    with pytest.raises(ValueError, match=r"text must say SITE~zero, ~mean or ~other, NAME~0 or NAME~INDEX~VALUE, got "):
        Touches.read(text)


@pytest.mark.parametrize(
    ("spec", "text", "says"),
    [
        ("one layer", "attn.1~zero", "LAYER of 'attn.1' must be less than 1, got 1"),
        ("one layer", "attn~zero", "a site is written attn.LAYER, got 'attn'"),
        ("one layer", "head.0.1~zero", "HEAD of 'head.0.1' must be less than 1, got 1"),
        ("one layer", "neuron.0.16~zero", "NEURON of 'neuron.0.16' must be less than 16, got 16"),
        ("one layer", "edge.0.0.6.0~zero", "ROW of 'edge.0.0.6.0' must be less than 6, got 6"),
        ("one layer", "edge.0.0.3.4~zero", "from a ROW to a KEY at most as far, without @, got 'edge.0.0.3.4'"),
        ("one layer", "edge.0.0.4.3@1~zero", "from a ROW to a KEY at most as far, without @, got 'edge.0.0.4.3@1'"),
        ("one layer", "embed@6~zero", "a position lies in 0..5, got 'embed@6'"),
        ("one layer", "W_E~20~1", "an index of W_E lies in 0..19, got 20"),
        ("one layer", "W_X~0", "the parameters of this model are W_E, W_pos, .*, got 'W_X'"),
        ("no LayerNorm", "ln_final.w~0", "the parameters of this model are .*, got 'ln_final.w'"),
        ("attention only", "mlp.0~zero", "a model without MLPs has no mlp, got 'mlp.0'"),
        ("attention only", "neuron.0.0~zero", "NEURON of 'neuron.0.0' must be less than 0, got 0"),
    ],
)
def test_a_change_of_what_the_model_does_not_have_is_refused(spec, text, says):
    with pytest.raises(ValueError, match=f"^touches: .*{says}$"):
        Touches.read(text).wrong(scrambled(SPECS[spec], TASK), TASK)


@pytest.mark.parametrize(("other", "says"), [("", "length 3, got 0"), ("0123", "length 3, got 4"), ("014", "in 0..3")])
def test_a_second_input_that_is_none_is_refused(other, says):
    with pytest.raises(ValueError, match=f"^other must be an input of the task: digits must .*{says}"):
        Touches.read("attn.0~other", other).wrong(scrambled(SPECS["one layer"], TASK), TASK)
