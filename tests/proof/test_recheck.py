"""The second program confirms certificates, and refuses all that was changed, also what is sealed anew."""

import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load as arrays
from safetensors.numpy import save

from tests.circuits import SPECS, adder, scrambled
from tinycircuits.proof.certificate import sealed
from tinycircuits.proof.certificates import certificate_file, certified, shape_of
from tinycircuits.proof.machines import MACHINES
from tinycircuits.proof.recheck import Refused, _confirmed, is_certificate, recheck
from tinycircuits.proof.subject import bytes_of
from tinycircuits.results.runs import load
from tinycircuits.tasks import ModularAddition, ReverseIncrement

TASK = ReverseIncrement(n_digits=4)


def file_of(model, task, names=("real", "float64", "float32")):
    found = certified(model, task, [MACHINES[name] for name in names])
    return certificate_file(found, shape_of(model), task, bytes_of(model))


def resealed(data, **changed):
    kept = {**arrays(data), **changed}
    del kept["seal"]
    kept = {name: np.ascontiguousarray(each) for name, each in kept.items()}
    return save({**kept, "seal": np.frombuffer(bytes.fromhex(sealed(kept)), dtype=np.uint8)})


@pytest.fixture(scope="module")
def four():
    return file_of(load("reversal-4d-2l").model, TASK)


def test_a_certificate_is_one_line_with_counts_task_and_both_sums(four):
    line = recheck(four)
    assert "\n" not in line
    assert line.startswith(
        "checked: real 1,024 right, 0 wrong, 0 undecided; float64 1,024 right, 0 wrong, 0 undecided; "
    )
    assert "float32 1,023 right, 0 wrong, 1 undecided; of 1,024, y_0 y_1 .. from x_3 x_2 x_1 x_0 + [1] mod 4" in line
    assert "sha256 of the weights ff1b6cf4e3d7d74dd9fefc5b2d5367bfcadf701f5f6943e5c9f67ceaf7a08901" in line
    assert line.endswith(arrays(four)["seal"].tobytes().hex())
    assert is_certificate(four)
    assert not is_certificate(b"no file")


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_both_programs_find_the_same_of_models_at_random(spec):
    """With and without each part, several heads, GELU: one more right or wrong answer would be refused."""
    task = ReverseIncrement(n_digits=3)
    data = file_of(scrambled(spec, task, seed=2), task)
    assert recheck(data).startswith("checked")
    counts = arrays(data)["counts"]
    assert (counts[:2, :2] > 0).all()
    for at in (0, 1):
        for verdict in (0, 1):
            more = counts.copy()
            more[at, verdict] += 1
            more[at, 1 - verdict] -= 1
            with pytest.raises(Refused, match="are right for certain"):
                recheck(resealed(data, counts=more))


def test_sums_are_confirmed():
    task = ModularAddition(modulus=5, plus_sign=True)
    assert "of 25, a + b mod 5" in recheck(file_of(adder(task), task, ["real", "float64"]))
    task = ModularAddition(modulus=5, plus_sign=False)
    assert "25 right" in recheck(file_of(adder(task), task, ["float64"]))


def test_a_turned_bit_is_refused(four):
    draw = np.random.default_rng(0)
    for at in [*draw.integers(4000, len(four), size=30), len(four) - 1]:
        turned = bytearray(four)
        turned[at] ^= 1 << int(draw.integers(8))
        with pytest.raises(Refused, match=r"not as it was sealed|no certificate"):
            recheck(bytes(turned))


def test_a_turned_bit_of_a_weight_is_refused_though_sealed_anew(four):
    weights = arrays(arrays(four)["weights"].tobytes())
    weights["blocks.0.attn.v.weight"] = weights["blocks.0.attn.v.weight"].copy()
    weights["blocks.0.attn.v.weight"].view(np.uint64)[0, 1] ^= np.uint64(1) << np.uint64(52)
    with pytest.raises(Refused, match=r"larger than its bound|right for certain"):
        recheck(resealed(four, weights=np.frombuffer(save(weights), dtype=np.uint8)))


def test_a_turned_bit_of_a_bound_is_refused_though_sealed_anew(four):
    name = "norms.float64.blocks.1.mlp.in"
    smaller = arrays(four)[name].copy()
    smaller.view(np.uint64)[0, 0] ^= np.uint64(1) << np.uint64(52)
    smaller = np.minimum(smaller, arrays(four)[name] * 0.999)
    with pytest.raises(Refused, match="a matrix is larger than its bound"):
        recheck(resealed(four, **{name: smaller}))


def test_another_label_is_refused(four):
    answer = arrays(four)["answer"].copy()
    answer[2, 1] = (answer[2, 1] + 1) % 4
    with pytest.raises(Refused, match="are right for certain"):
        recheck(resealed(four, answer=answer))


def test_the_certificate_of_another_seed_is_refused(four):
    other = np.frombuffer(bytes_of(load("reversal-4d-2l", 0).model), dtype=np.uint8)
    with pytest.raises(Refused, match="refused: "):
        recheck(resealed(four, weights=other))


@pytest.mark.parametrize("u", [2.0**-11, 2.0**-8, 2.0**-60, np.nan])
def test_the_roundoff_of_tf32_or_of_no_machine_is_refused(four, u):
    with pytest.raises(Refused, match="no machine of roundoff"):
        recheck(resealed(four, roundoff=np.array([0.0, 2.0**-53, u])))


def test_a_claim_for_a_coarser_machine_is_refused(four):
    data = resealed(four, counts=np.array([[1024, 0, 0]] * 3))
    with pytest.raises(Refused, match="float32: only 1,023 answers are right for certain"):
        recheck(data)


def test_counts_must_add_up_and_the_spare_be_true(four):
    kept = arrays(four)
    with pytest.raises(Refused, match="do not add up to 1,024 answers"):
        recheck(resealed(four, counts=kept["counts"] - np.array([[0, 0, 0], [1, 0, 0], [0, 0, 0]])))
    with pytest.raises(Refused, match="are right for certain"):
        recheck(resealed(four, spare=kept["spare"] * 1.01))


@pytest.mark.parametrize("W", [np.diag([3.0, 1.0]), np.random.default_rng(0).normal(size=(20, 6)), np.ones((1, 5))])
def test_a_bound_is_confirmed_just_above_the_largest_singular_value_and_refused_just_below(W):
    true = np.linalg.norm(W, 2)
    assert _confirmed(W, true * (1 + 1e-6)) == true * (1 + 1e-6)
    for bound in (true * (1 - 1e-6), 0.0, np.nan):
        with pytest.raises(Refused, match="larger than its bound"):
            _confirmed(W, bound)
    assert _confirmed(np.zeros((2, 2)), 0.0) == 0


def test_neither_torch_nor_the_other_program_is_loaded_by_the_checker():
    loaded = "import sys, tinycircuits.proof.recheck; print([m for m in sys.modules if 'torch' in m or 'nearby' in m])"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout == "[]\n"
