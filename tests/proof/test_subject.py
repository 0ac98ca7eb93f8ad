"""A file of weights with the names of the stored models: its architecture is read from the shapes, or it is refused."""

import hashlib

import pytest
import torch
from safetensors.torch import load, save

from tests.circuits import SPECS as OTHERS
from tests.circuits import scrambled
from tests.proof.models import SPECS, TASK, TASKS, published
from tinycircuits.models.build import ModelSpec, build
from tinycircuits.proof.subject import bytes_of, read_model, rule_of, tables_of
from tinycircuits.results import runs
from tinycircuits.tasks import ReverseAddNeighbour, ReverseIncrement


def written(tmp_path, weights):
    file = tmp_path / "weights.safetensors"
    file.write_bytes(weights if isinstance(weights, bytes) else save(weights))
    return file


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_every_shape_is_read_back(tmp_path, spec, task):
    model = scrambled(spec, task)
    other_size = type(task)(n_digits=8)
    read, sized, data = read_model(written(tmp_path, bytes_of(model)), other_size)
    assert (sized.n_digits, sized.modulus) == (task.n_digits, task.modulus)
    assert data == bytes_of(model)
    for name, each in model.state_dict().items():
        assert torch.equal(read.state_dict()[name], each)
    assert (read.cfg.attn_only, read.cfg.normalization_type) == (model.cfg.attn_only, model.cfg.normalization_type)


def test_single_precision_is_taken_as_it_is(tmp_path):
    model = build(SPECS["with both"], TASK, seed=0, dtype="float32")
    read, _, _ = read_model(written(tmp_path, bytes_of(model)), TASK)
    assert read.W_E.dtype == torch.float64
    assert torch.equal(read.W_E.float(), model.W_E)


def test_the_bytes_of_a_run_are_its_file():
    place = runs.entry(published().study, 0).path / "model.safetensors"
    assert hashlib.sha256(bytes_of(published().model)).digest() == hashlib.sha256(place.read_bytes()).digest()


def changed(**weights):
    kept = dict(load(bytes_of(scrambled(SPECS["with both"], TASK))))
    for name, each in weights.items():
        key = name.replace("__", ".")
        if each is None:
            del kept[key]
        else:
            kept[key] = each
    return kept


MISTAKES = {
    "no file of tensors": (b"hello", "is no safetensors file"),
    "empty": (b"", "is no safetensors file"),
    "names of another program": ({"wte": torch.zeros(5, 4)}, "must hold embed, pos_embed"),
    "no embedding": (changed(embed__weight=None), "must hold embed"),
    "a vector as embedding": (changed(embed__weight=torch.zeros(5)), "must hold embed"),
    "two layers": (bytes_of(scrambled(OTHERS["two layers"], TASK)), "must hold one layer, got blocks.1"),
    "a bias too little": (changed(unembed__bias=None), r"unembed.bias must have the shape \(5,\), got None"),
    "a tensor too much": (changed(extra=torch.zeros(2)), r"extra must have the shape None, got \(2,\)"),
    "another shape": (changed(unembed__weight=torch.zeros(5, 3)), r"unembed.weight must have the shape \(5, 4\)"),
    "an even number of positions": (changed(pos_embed__weight=torch.zeros(8, 4)), "BOS, digits and as many answers"),
    "too many digits": (changed(pos_embed__weight=torch.zeros(35, 4)), "1 to 16 digits modulo 2 to 64"),
    "half precision": (changed(unembed__bias=torch.zeros(5).half()), "must hold float32 or float64"),
    "whole numbers": (changed(unembed__bias=torch.zeros(5).long()), "must hold float32 or float64"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_no_such_model_is_refused_in_one_line(tmp_path, mistake):
    weights, said = MISTAKES[mistake]
    with pytest.raises(ValueError, match=said) as raised:
        read_model(written(tmp_path, weights), TASK)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot be read"):
        read_model(tmp_path / "none", TASK)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_refused(number):
    model = scrambled(SPECS["with both"], TASK)
    with torch.no_grad():
        model.W_pos[2, 1] = number
    with pytest.raises(ValueError, match=r"weights must be finite numbers, got others in pos_embed"):
        tables_of(model, rule_of(TASK))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (OTHERS["two layers"], "one layer and one head, got 2 and 1"),
        (ModelSpec(n_layers=1, d_model=4, n_heads=2, d_head=2, d_mlp=4), "one layer and one head, got 1 and 2"),
        (ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4, act_fn="gelu"), "ReLUs, got gelu"),
    ],
)
def test_other_architectures_are_refused(spec, said):
    with pytest.raises(ValueError, match=said):
        tables_of(scrambled(spec, TASK), rule_of(TASK))


def test_an_answer_of_two_digits_is_refused():
    with pytest.raises(ValueError, match="task must make each answer from one digit"):
        rule_of(ReverseAddNeighbour(n_digits=3))


def test_sixteen_digits_have_a_rule_and_no_list():
    task = ReverseIncrement(n_digits=16)
    assert rule_of(task).source == tuple(range(15, -1, -1))
    with pytest.raises(ValueError, match="n_digits must be small enough to list all inputs, got 16"):
        task.sequences()
