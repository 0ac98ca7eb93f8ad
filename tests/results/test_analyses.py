"""Analyses: what a function of the package finds is stored once, and comes back as it was."""

import dataclasses
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny import TINY, only_these
from tinycircuits.interp.ablation import ablation_table
from tinycircuits.interp.activations import Component, attention_heads, components
from tinycircuits.interp.all_pairs import all_pairs
from tinycircuits.interp.interchange import interchange
from tinycircuits.models.build import build
from tinycircuits.results import analyses, door, provenance, runs
from tinycircuits.results.analyses import stored, stored_fields
from tinycircuits.results.codec import decoded, encoded, plain
from tinycircuits.results.errors import MissingResult
from tinycircuits.results.sweeps import load_sweep
from tinycircuits.results.tables.analyses import ANALYSES, analysis
from tinycircuits.results.tables.profiles import SOURCES
from tinycircuits.results.tables.studies import study


@pytest.fixture
def run(house, monkeypatch):
    """A trained run whose table of ablations, before training and after, may be stored."""
    of = [
        analysis("tiny", "ablation.ablation_table", seed=0),
        analysis("tiny", "ablation.ablation_table", trained=False, seed=0),
        analysis("tiny", "interchange.interchange", component="part: L0 attn", seed=0),
        analysis("tiny", "ablation.ablation_table", model=1, seed=0),
    ]
    only_these(monkeypatch, studies=[TINY], analyses=of)
    return runs.run("tiny")


def equal(one, two):
    said, tensors = encoded(one)
    other, others = encoded(two)
    assert said == other
    assert all(torch.equal(tensors[name], others[name]) for name in tensors)


def test_what_is_stored_is_what_the_function_finds(run, monkeypatch):
    task, sequences = TINY.task, TINY.task.sequences()
    equal(stored(ablation_table, run, seed=0), ablation_table(run.model, sequences, task, seed=0))
    monkeypatch.setattr(analyses, "computed", lambda _: pytest.fail("computed again"))
    again = stored(ablation_table, run, seed=0)
    assert again.ablations[0].wrong.dtype == torch.bool
    assert again.ablations[0].component in components(run.model)


def test_before_training_it_is_the_model_of_seed_zero(run):
    fresh = build(TINY.model, TINY.task, seed=0, dtype="float64")
    expected = ablation_table(fresh, TINY.task.sequences(), TINY.task, seed=0)
    equal(stored(ablation_table, run, trained=False, seed=0), expected)


def test_another_seeds_analysis_is_that_of_its_model(run):
    other = runs.run("tiny", 1)
    expected = ablation_table(other.model, TINY.task.sequences(), TINY.task, seed=0)
    equal(stored(ablation_table, other, seed=0), expected)
    assert not torch.equal(expected.clean_wrong, stored(ablation_table, run, seed=0).clean_wrong)


def test_fields_are_those_of_what_is_stored_and_are_never_computed(run):
    with pytest.raises(MissingResult, match="make it with: tinycircuits retrain"):
        stored_fields("ablation.ablation_table", run, seed=0)
    table = stored(ablation_table, run, seed=0)
    fields = stored_fields("ablation.ablation_table", run, seed=0)
    assert fields.keys() == {each.name for each in dataclasses.fields(table)}
    assert torch.equal(fields["clean_wrong"], table.clean_wrong)
    one, found = fields["ablations"][0], table.ablations[0]
    assert (one["component"], one["kind"]) == (vars(found.component), found.kind)


def test_with_shuffled_answers_it_is_the_first_model_of_their_sweep():
    swept, of = load_sweep("shuffled-c", range(1)), runs.load("reversal-4d-2l")
    task, component = swept.sweep.task, Component(1, "mlp")
    expected = all_pairs(swept.model(0), task.sequences(), task, component)
    equal(stored(all_pairs, of, shuffled=True, component=component), expected)
    with pytest.raises(ValueError, match="must have models with shuffled answers, got addition-97-2l-gpt2"):
        _ = analysis("addition-97-2l-gpt2", "all_pairs.all_pairs", shuffled=True).spec


def test_where_no_model_with_shuffled_answers_is_kept_one_is_trained_anew(monkeypatch):
    chosen, asked = analysis("addition-97-2l", "adding.adding", shuffled=True), []
    trained = build(TINY.model, TINY.task, seed=0)
    monkeypatch.setattr(analyses, "trained_anew", lambda of: (asked.append(of), (trained, None))[1])
    monkeypatch.setattr(analyses.importlib, "import_module", lambda name: SimpleNamespace(adding=lambda task: task))
    assert analyses.computed(chosen) == SOURCES["E"].shuffled == chosen.spec.of.task
    assert asked == [study("addition-97-2l").spec(0).model_copy(update={"task": chosen.spec.of.task})]


@pytest.mark.parametrize(("whole", "device", "n"), [(True, "here", 1), (True, "elsewhere", 0), (False, "here", 0)])
def test_one_that_is_trained_anew_is_found_again_as_a_whole_and_on_its_own_processor_only(
    house, monkeypatch, whole, device, n
):
    chosen, found = analysis("addition-97-2l", "adding.adding", shuffled=True), []
    monkeypatch.setattr(analyses, "computed", lambda row: (found.append(row), torch.tensor([2]))[1])
    monkeypatch.setattr(provenance, "processor", lambda: "here")
    said, tensors = encoded(torch.tensor([1]))
    entry = analyses.entry(chosen)
    door.put(entry, door.Made({"result": said}, tensors), {"device": device})
    said = door.verified(entry, whole=whole)
    assert (found, said.startswith("DIFFERS")) == ([chosen] * n, n == 1)
    assert said.endswith("sums only") is not whole
    kept = analyses.entry(analysis("addition-97-2l", "adding.adding"))
    assert kept.sampled == ""


def test_a_part_of_the_model_is_an_argument_by_its_label(run):
    expected = interchange(run.model, TINY.task.sequences(), TINY.task, Component(0, "attn"), seed=0)
    equal(stored(interchange, run, component=Component(0, "attn"), seed=0), expected)


def test_what_stands_in_no_row_is_refused_and_says_what_to_do(run):
    with pytest.raises(ValueError, match=r"tiny.ablation_table\(seed=1\) is no row of .*; call ablation_table itself"):
        stored(ablation_table, run, seed=1)
    with pytest.raises(
        ValueError, match=r"function must be one of tinycircuits.interp or .proof, got tinycircuits.models"
    ):
        stored(build, run)
    with pytest.raises(ValueError, match="is no row"):
        stored(ablation_table, runs.run("tiny", 2), seed=0)


def test_a_function_of_the_model_is_an_argument_by_its_path():
    said = analyses._said(attention_heads)
    assert said == "of model: activations.attention_heads"
    model = build(TINY.model, TINY.task, seed=0)
    assert analyses._meant(said, model) == attention_heads(model)


def test_every_row_of_the_table_names_a_function_that_takes_its_arguments():
    for each in ANALYSES.values():
        analyses.entry(each)
        assert door.load(analyses.entry(each)).spec == each.spec.described()


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.tuples(st.text(), st.text()), inner),
)


@given(values)
def test_plain_values_come_back_as_they_were(value):
    assert decoded(*encoded(value)) == plain(*encoded(value)) == value


@given(st.lists(st.booleans(), max_size=40), st.lists(st.integers(-(2**40), 2**40), max_size=5))
def test_tensors_come_back_bit_by_bit(bits, numbers):
    for tensor in (torch.tensor(bits, dtype=torch.bool), torch.tensor(numbers, dtype=torch.int64)):
        again = decoded(*encoded({"here": (tensor,)}))["here"][0]
        assert torch.equal(again, tensor)
        assert again.dtype == tensor.dtype


def test_without_their_classes_results_are_dictionaries_wherever_they_stand():
    part = {"layer": 1, "kind": "attn"}
    assert plain(*encoded({"here": (Component(1, "attn"),), "there": Component(1, "attn")})) == {
        "here": (part,),
        "there": part,
    }


def test_truth_values_take_an_eighth_of_their_bytes_and_small_numbers_one():
    _, tensors = encoded((torch.ones(16, 3, dtype=torch.bool), torch.arange(200)))
    assert sorted(each.numel() * each.element_size() for each in tensors.values()) == [6, 200]


@dataclass(frozen=True)
class Foreign:
    """A class outside the package."""

    number: int = 1


def test_only_what_is_frozen_here_is_stored_and_only_that_is_made_again():
    with pytest.raises(TypeError, match="result must be a frozen result, a tensor or plain, got Foreign"):
        encoded(Foreign())
    for name in ("os:system", "tinycircuits.cli:main", "tinycircuits.results.codec:PACKAGE"):
        with pytest.raises(ValueError, match="is no dataclass of this package"):
            decoded({"class": name, "fields": {}}, {})
