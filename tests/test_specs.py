"""Specs: what enters a key, and what is refused."""

import pytest
from pydantic import ValidationError

from tinycircuits.models.build import ModelSpec
from tinycircuits.results.store import key
from tinycircuits.results.tables.studies import STUDIES, RunSpec
from tinycircuits.specs import Spec
from tinycircuits.tasks import ModularAddition, OrderedSplit, ReverseIncrement


class Cat(Spec):
    legs: int = 4


class Dog(Spec):
    legs: int = 4


def test_two_specs_with_equal_fields_have_different_keys():
    assert key(Cat().described()) != key(Dog().described())


def test_a_later_field_enters_the_description_only_where_it_is_used():
    plain = ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4)
    assert set(plain.described()) == {
        "type",
        "n_layers",
        "d_model",
        "n_heads",
        "d_head",
        "d_mlp",
        "act_fn",
        "layer_norm",
    }
    assert plain.model_copy(update={"tied": True}).described()["tied"] is True
    assert plain.model_copy(update={"attention": False}).described()["attention"] is False


def test_a_description_names_the_class_of_every_nested_spec():
    described = STUDIES["reversal-4d-2l"].spec(0).described()
    assert described["type"] == "RunSpec"
    assert described["task"]["type"] == "ReverseIncrement"
    assert described["train"]["split"] == {"type": "OrderedSplit", "n_train": 200}
    assert described["train"]["batches"]["type"] == "IndependentBatches"


def test_the_published_keys_have_not_changed_by_accident():
    keys = {name: key(study.spec(study.published_seed).described()) for name, study in STUDIES.items() if study.article}
    assert keys == {
        "reversal-8d-2l": "81aeb48fa79922c0",
        "reversal-8d-1l": "1b0dfb0463415b5c",
        "reversal-4d-2l": "0e0e03e1134570c8",
        "addition-113-3l": "732c1178990e4a8e",
        "addition-97-2l": "9f19b0368b621457",
    }


def test_a_run_of_any_task_is_described_with_that_tasks_fields():
    base = STUDIES["reversal-4d-2l"].spec(0)
    described = RunSpec(**{**dict(base), "task": ModularAddition(modulus=7, plus_sign=True)}).described()
    assert described["task"] == {"type": "ModularAddition", "modulus": 7, "plus_sign": True}
    assert {**described, "task": None} == {**base.described(), "task": None}


@pytest.mark.parametrize("change", [{"n_digits": 5}, {"modulus": 5}, {"increment": 2}])
def test_every_field_enters_the_key(change):
    base = ReverseIncrement(n_digits=4)
    assert key(base.model_copy(update=change).described()) != key(base.described())


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: ReverseIncrement(n_digits=0), "n_digits"),
        (lambda: ReverseIncrement(n_digits=4, modulus=1), "modulus"),
        (lambda: ReverseIncrement(n_digits="4"), "n_digits"),
        (lambda: OrderedSplit(n_train=0), "n_train"),
        (lambda: ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4, act_fn="rleu"), "act_fn"),
        (
            lambda: ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4, attention_dir="casual"),
            "attention_dir",
        ),
    ],
)
def test_bad_fields_are_refused_by_name(build, named):
    with pytest.raises(ValueError, match=named) as refused:
        build()
    assert "\n" not in str(refused.value)


def test_a_spec_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Cat().legs = 3
