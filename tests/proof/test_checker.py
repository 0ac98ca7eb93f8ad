"""The checker accepts proofs, and nothing that was changed: neither a bit, nor a whole that is sealed anew."""

import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load, save

from tests.circuits import scrambled
from tests.proof.models import SPECS, TASK, digits_of, of_sweep, published, subjects
from tests.proof.test_search import EIGHT
from tinycircuits.models.by_hand import hand_built
from tinycircuits.models.spoiled import moved_position, rolled
from tinycircuits.proof.balls import ball
from tinycircuits.proof.certificate import certificate, sealed
from tinycircuits.proof.checker import Refused, check
from tinycircuits.proof.enclosed import terms
from tinycircuits.proof.search import search, smallest_margin
from tinycircuits.proof.subject import bytes_of, rule_of, tables_of
from tinycircuits.tasks import ReverseIncrement


def proof_of(model, task, mu=0.0):
    return certificate(search(tables_of(model, rule_of(task)), mu=mu), bytes_of(model))


@pytest.fixture(scope="module")
def proof():
    return proof_of(published().model, EIGHT, 5.3)


def resealed(proof, **changed):
    """The proof with other arrays, and a seal that fits them."""
    kept = {**load(proof), **changed}
    del kept["seal"]
    kept = {name: np.ascontiguousarray(each) for name, each in kept.items()}
    return save({**kept, "seal": np.frombuffer(bytes.fromhex(sealed(kept)), dtype=np.uint8)})


def test_a_proof_is_one_line_with_both_sums(proof):
    line = check(proof)
    assert "\n" not in line
    assert line.startswith("checked: 524,288 cases right by more than 5.3, ")
    assert "y_0 y_1 .. from x_7 x_6 x_5 x_4 x_3 x_2 x_1 x_0 + 1 mod 4" in line
    assert f"sha256 of the weights {'7e318c58c8968428a372f6ea7e8a67a82734d1f9166138aff747599205f996cd'}" in line
    assert line.endswith(load(proof)["seal"].tobytes().hex())


@pytest.mark.parametrize("seed", [0, 51, 59])
def test_proofs_of_trained_models_are_confirmed(seed):
    assert check(proof_of(of_sweep("seeds-b", seed), EIGHT)).startswith("checked")


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_models_at_random_are_confirmed_just_below_their_smallest_margin(spec):
    """Negative margins: with every part of the formulas at work, and with none of them at rest."""
    model = scrambled(spec, TASK, seed=3)
    tables = tables_of(model, rule_of(TASK))
    low = smallest_margin(tables, tolerance=1e-6).low
    proof = proof_of(model, TASK, low)
    assert check(proof).startswith("checked")
    with pytest.raises(Refused, match="is not closed"):
        check(resealed(proof, mu=np.array([low + 3e-6 * abs(low)])))


def test_sixteen_digits_are_confirmed():
    task = ReverseIncrement(n_digits=16)
    assert "68,719,476,736 cases" in check(proof_of(hand_built(task, mlp=True), task))


def test_any_bit_that_is_turned_is_refused(proof):
    draw = np.random.default_rng(0)
    for at in [*draw.integers(2000, len(proof), size=60), len(proof) - 1]:
        turned = bytearray(proof)
        turned[at] ^= 1 << int(draw.integers(8))
        with pytest.raises(Refused, match="not as it was sealed"):
            check(bytes(turned))


def test_a_changed_weight_is_refused_though_sealed_anew(proof):
    weights = load(load(proof)["weights"].tobytes())
    weights["unembed.weight"] = weights["unembed.weight"].copy()
    weights["unembed.weight"].view(np.uint64)[2, 1] ^= np.uint64(1) << np.uint64(52)  # the last bit of the exponent
    with pytest.raises(Refused, match="is not closed"):
        check(resealed(proof, weights=np.frombuffer(save(weights), dtype=np.uint8)))


@pytest.mark.parametrize("spoil", [rolled, moved_position])
def test_the_proof_of_another_model_is_refused(proof, spoil):
    with pytest.raises(Refused, match="is not closed"):
        check(resealed(proof, weights=np.frombuffer(bytes_of(spoil(published().model)), dtype=np.uint8)))


def test_a_removed_box_is_refused(proof):
    kept = load(proof)
    for at in (0, 50, len(kept["row"]) - 1):
        fewer = {name: np.delete(kept[name], at, axis=0) for name in ("row", "allowed", "hints")}
        with pytest.raises(Refused, match="do not add up"):
            check(resealed(proof, **fewer))


def test_a_box_twice_in_the_place_of_another_is_refused(proof):
    kept = load(proof)
    sizes = kept["allowed"].sum(2).prod(1)
    one = int(np.flatnonzero(kept["row"] == 3)[0])
    (other, *_) = [k for k in np.flatnonzero((kept["row"] == 3) & (sizes == sizes[one])) if k != one]
    swapped = {name: kept[name].copy() for name in ("row", "allowed", "hints")}
    for each in swapped.values():
        each[other] = each[one]
    with pytest.raises(Refused, match="share a case"):
        check(resealed(proof, **swapped))


def test_a_widened_box_is_refused(proof):
    allowed = load(proof)["allowed"].copy()
    at, digit, value = np.argwhere((allowed == 0) & (allowed.sum(2, keepdims=True) == 2))[0]
    allowed[at, digit, value] = 1
    with pytest.raises(Refused, match="do not add up"):
        check(resealed(proof, allowed=allowed))


def test_a_box_with_two_right_answers_is_refused(proof):
    allowed = load(proof)["allowed"].copy()
    allowed[0, 7] = 1
    with pytest.raises(Refused, match="has not one value"):
        check(resealed(proof, allowed=allowed))


def test_boxes_of_a_row_that_is_missing_are_refused(proof):
    kept = load(proof)
    others = {name: kept[name][kept["row"] != 5] for name in ("row", "allowed", "hints")}
    with pytest.raises(Refused, match="boxes of row 5 do not add up"):
        check(resealed(proof, **others))


def test_hints_may_be_anything_and_bad_ones_close_nothing(proof):
    hints = load(proof)["hints"]
    for bad in (hints * 0, hints + 10.0, hints - 10.0, hints * np.nan, hints + np.inf):
        with pytest.raises(Refused, match="is not closed"):
            check(resealed(proof, hints=bad))
    with pytest.raises(Refused, match="no proof of the kind that is known"):
        check(resealed(proof, hints=hints[:, :-1]))
    assert check(resealed(proof, hints=hints * (1 + 1e-9), mu=np.array([0.0]))).startswith("checked")


def test_another_rule_is_refused(proof):
    answer = load(proof)["answer"]
    with pytest.raises(Refused, match="is not closed"):
        check(resealed(proof, answer=(answer + 1) % 4))


@pytest.mark.parametrize("mu", [np.nan, np.inf, 5.402])
def test_a_margin_that_is_not_there_is_refused(proof, mu):
    with pytest.raises(Refused, match="is not closed"):
        check(resealed(proof, mu=np.array([mu])))


def test_weights_that_are_not_numbers_are_refused(proof):
    weights = load(load(proof)["weights"].tobytes())
    for name in ("unembed.bias", "blocks.0.mlp.in.bias", "blocks.0.attn.q.bias", "embed.weight"):
        for number in (np.nan, np.inf, 1e200):
            spoiled = {**weights, name: np.full_like(weights[name], number)}
            with pytest.raises(Refused):
                check(resealed(proof, weights=np.frombuffer(save(spoiled), dtype=np.uint8)))


@pytest.mark.parametrize("data", [b"", b"x" * 100, save({"a": np.zeros(3)}), save({"seal": np.zeros(3)})])
def test_what_is_no_proof_is_refused(data):
    with pytest.raises(Refused, match="refused"):
        check(data)


def test_only_a_proof_is_written():
    with pytest.raises(ValueError, match="verdict must be proved, got refuted"):
        proof_of(of_sweep("seeds-b", 54), EIGHT)


@pytest.mark.parametrize("name", ["random, with both, 0", "trained 0"])
def test_its_tables_hold_those_of_the_search(name):
    tables = subjects()[name]
    model, task = (
        (scrambled(SPECS["with both"], TASK, seed=0), TASK) if "random" in name else (of_sweep("seeds-b", 0), EIGHT)
    )
    weights = {key: ball(each) for key, each in load(bytes_of(model)).items()}
    for row in range(task.n_digits):
        found = terms(weights, np.array(tables.rule.source), tables.rule.answer, row)
        assert (found.low - 1e-12 <= tables.terms[row]).all()
        assert (tables.terms[row] <= found.high + 1e-12).all()
        assert found.r.max() < 1e-10
    assert len(digits_of(TASK)) == 64


def test_neither_torch_nor_the_search_is_imported():
    code = (
        "import sys, tinycircuits.proof.checker; "
        "print([name for name in sys.modules if name.split('.')[0] == 'torch' or name.startswith('tinycircuits.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = ["proof", "proof.balls", "proof.enclosed", "proof.checker"]
    assert set(eval(done.stdout)) == {f"tinycircuits.{name}" for name in ours}
