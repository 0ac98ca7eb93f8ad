"""Interchange over all pairs against the plain way: each source's value put into every base, by TransformerLens."""

import itertools

import pytest
import torch

from tests.circuits import SPECS, hand_built, scrambled
from tinycircuits.interp.activations import Component, activations, components
from tinycircuits.interp.all_pairs import KEPT, all_pairs, embedding_pairs, neuron_pairs
from tinycircuits.interp.interchange import interchange
from tinycircuits.models.build import ModelSpec
from tinycircuits.results.analyses import stored
from tinycircuits.results.runs import load
from tinycircuits.tasks import ReverseIncrement, ShuffledAnswers

TASK = ReverseIncrement(n_digits=3)
SMALL = ReverseIncrement(n_digits=2, modulus=3, increment=2)
ATTN, MLP = Component(0, "attn"), Component(0, "mlp")
SHAPES = {
    "one layer": SPECS["one layer"],
    "no LayerNorm, two heads": ModelSpec(n_layers=1, d_model=4, n_heads=2, d_head=2, d_mlp=8, layer_norm=False),
}


@torch.no_grad()
def put(model, task, hook, slot=...):
    """What the whole model says, ``[base source answer]``, with the source's value of ``hook`` at the answer's row."""
    tokens, rows = task.inputs(task.sequences()), list(task.predicting_rows)
    kept = activations(model, tokens, [hook])[hook]
    said = torch.zeros(len(tokens), len(tokens), len(rows), dtype=torch.int64)
    for source, (i, row) in itertools.product(range(len(tokens)), enumerate(rows)):

        def swap(value, hook, source=source, row=row):
            value = value.clone()
            value[:, row, slot] = kept[source, row, slot]
            return value

        said[:, source, i] = model.run_with_hooks(tokens, fwd_hooks=[(hook, swap)])[:, row].argmax(-1)
    return said


def check(found, said, task):
    """Every count of ``found``, pair by pair."""
    sequences = task.sequences()
    right, n, m = task.answers(sequences), len(sequences), task.modulus
    expected = torch.zeros_like(found.said)
    follows = torch.zeros_like(found.follows)
    for i in range(task.n_answers):
        exceptions = []
        for base, source in itertools.product(range(n), range(n)):
            token = int(said[base, source, i])
            expected[i, right[base, i], right[source, i], token] += 1
            if token != right[source, i]:
                exceptions.append([base, source, token, int(right[source, i])])
            for digit in range(task.n_digits):
                follows[i, digit] += token == (int(sequences[source, 1 + digit]) + task.increment) % m
        assert int(found.exceptions[i]) == len(exceptions)
        assert int(found.exceptions_of_two[i]) == sum(base != source for base, source, *_ in exceptions)
        assert found.first[i].tolist() == (exceptions + [[-1] * 4] * KEPT)[:KEPT]
    assert torch.equal(found.said, expected)
    assert torch.equal(found.follows, follows)
    own = torch.stack([said[s, s] for s in range(n)])
    assert torch.equal(found.itself, (own == right).sum(0))
    assert found.near.tolist() == [0] * task.n_answers
    assert (found.n_pairs, found.n_inputs) == (n * n, n)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("site", "hook"), [(ATTN, ATTN.hook), (MLP, MLP.hook), ("embed", "blocks.0.hook_resid_pre")])
def test_every_count_of_one_layer_is_that_of_pairs_run_one_by_one(shape, site, hook):
    model, task = scrambled(SHAPES[shape], SMALL), SMALL
    given = model, task.sequences(), task
    found = embedding_pairs(*given) if site == "embed" else all_pairs(*given, site)
    check(found, put(model, task, hook), task)


def test_three_digits_and_every_neuron():
    model = scrambled(ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=4, d_mlp=3), SMALL, seed=1)
    each = neuron_pairs(model, SMALL.sequences(), SMALL)
    assert [found.site for found in each] == ["L0N0", "L0N1", "L0N2"]
    for neuron, found in enumerate(each):
        check(found, put(model, SMALL, "blocks.0.mlp.hook_post", neuron), SMALL)


@pytest.mark.parametrize("component", [Component(0, "attn"), Component(1, "attn"), Component(1, "mlp")])
def test_two_layers_are_run_pair_by_pair(component):
    model = scrambled(SPECS["two layers"], SMALL)
    check(all_pairs(model, SMALL.sequences(), SMALL, component), put(model, SMALL, component.hook), SMALL)


@pytest.mark.parametrize("spec", ["one layer", "two layers"])
def test_the_sampled_interchange_over_all_pairings_counts_the_same(spec):
    model, sequences = scrambled(SPECS[spec], TASK), TASK.sequences()
    for component in components(model):
        found = all_pairs(model, sequences, TASK, component)
        other = interchange(model, sequences, TASK, component, seed=0, pairings=63)
        n, own = len(sequences), found.itself
        assert torch.equal(found.as_source, other.as_source + own)
        assert torch.equal(found.as_base, other.as_base + own), "a pair with itself says what the base says"
        assert torch.equal(found.as_source_distinct, other.as_source_distinct)
        assert torch.equal(found.coincide, other.coincide + n)
        assert torch.equal(found.exceptions_of_two, other.n_pairs - other.as_source)


def test_the_cases_add_up_to_all_pairs():
    found = all_pairs(scrambled(SPECS["one layer"], TASK), TASK.sequences(), TASK, ATTN)
    assert (found.as_source + found.as_base_distinct + found.neither == 64**2).all()
    assert (found.coincide + found.distinct == 64**2).all()
    assert torch.equal(found.as_source - found.as_source_distinct, found.as_base - found.as_base_distinct)
    assert torch.equal(found.follows.flip(1).diagonal(), found.as_source)
    rows = found.rows()
    assert rows["follows the source"].tolist() == pytest.approx((found.as_source / 64**2).tolist())
    assert (rows[["source's", "base's only", "neither"]].sum(axis=1) == 64**2).all()
    assert found.by_digit().loc["y_0", "x_1"] == int(found.follows[0, 1]) / 64**2
    assert (found.neither > 0).all(), "so that the sums say something"


def test_the_circuit_set_by_hand_has_no_exception_where_the_digit_is():
    """Attention brings the digit and the MLP writes the answer; the embedding has the digit at the first row only."""
    model, sequences = hand_built(TASK, mlp=True), TASK.sequences()
    for component in (ATTN, MLP):
        found = all_pairs(model, sequences, TASK, component)
        assert found.exceptions.tolist() == [0, 0, 0]
        assert (found.first == -1).all()
        off = found.by_digit().to_numpy()[:, ::-1] - torch.eye(3).numpy()
        assert (off[~torch.eye(3, dtype=torch.bool).numpy()] == 0.25).all(), "a wrong algorithm scores a quarter"
    embedded = embedding_pairs(model, sequences, TASK)
    assert embedded.as_base.tolist() == [4**5, 4**6, 4**6]
    assert embedded.exceptions.tolist() == [0, 3 * 4**5, 3 * 4**5]
    alone = all_pairs(hand_built(TASK, mlp=False), sequences, TASK, ATTN)
    assert alone.exceptions.tolist() == [0, 0, 0]


def test_all_renamings_of_the_digit_score_the_same():
    """The algorithm whose variable is name(x), and which undoes the name, asks for the same answers."""
    found = all_pairs(scrambled(SPECS["one layer"], TASK), TASK.sequences(), TASK, ATTN)
    table = found.said[..., :4].sum(1)  # [answer, source's answer, said]
    for name in itertools.permutations(range(4)):
        renamed = torch.stack([table[:, name.index(v)] for v in range(4)], dim=1)
        wanted = torch.tensor([name.index(v) for v in range(4)])
        assert torch.equal(renamed[:, range(4), wanted].sum(1), found.as_source)


def test_a_task_without_a_rule_is_counted_by_its_own_answers():
    task = ShuffledAnswers(n_digits=2, seed=0)
    model = scrambled(SPECS["one layer"], task)
    for component in (ATTN, MLP):
        found = all_pairs(model, task.sequences(), task, component)
        check(found, put(model, task, component.hook), task)
        assert not torch.equal(found.follows.flip(1).diagonal(), found.as_source)


@torch.no_grad()
def test_the_published_model_run_whole_on_some_pairs():
    """The first exceptions of every site, through TransformerLens; and the stored counts are found anew."""
    run = load("reversal-8d-1l")
    task, model, sequences = run.study.task, run.model, run.study.task.sequences()
    kept = [(ATTN.hook, stored(all_pairs, run, component=ATTN)), (MLP.hook, stored(all_pairs, run, component=MLP))]
    kept.append(("blocks.0.hook_resid_pre", stored(embedding_pairs, run)))
    assert torch.equal(all_pairs(model, sequences, task, ATTN).said, kept[0][1].said)
    for hook, found in kept:
        seen = 0
        for i, row in enumerate(task.predicting_rows):
            for base, source, said, wanted in found.first[i].tolist():
                if base < 0:
                    continue
                pair = sequences[[base, source]]
                value = activations(model, task.inputs(pair), [hook])[hook]

                def swap(here, hook, row=row, value=value):
                    here = here.clone()
                    here[0, row] = value[1, row]
                    return here

                logits = model.run_with_hooks(task.inputs(pair), fwd_hooks=[(hook, swap)])
                assert (int(logits[0, row].argmax()), int(task.answers(pair)[1, i])) == (said, wanted)
                seen += 1
        assert seen >= KEPT


def test_what_cannot_be_counted_is_refused():
    two = scrambled(SPECS["two layers"], TASK)
    for function in (embedding_pairs, neuron_pairs):
        with pytest.raises(ValueError, match="model must have one layer, got 2"):
            function(two, TASK.sequences(), TASK)
    long = ReverseIncrement(n_digits=7)
    with pytest.raises(ValueError, match="sequences must be at most 4096 where every pair is run, got 16384"):
        all_pairs(scrambled(SPECS["two layers"], long), long.sequences(), long, ATTN)
    with pytest.raises(ValueError, match="component must be one of"):
        all_pairs(two, TASK.sequences(), TASK, Component(2, "attn"))
