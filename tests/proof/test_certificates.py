"""A certificate says what was found, in a file that tells its kind; its word is that of its weakest machine."""

import numpy as np
import pytest
from safetensors.numpy import load as arrays

from tests.circuits import SPECS, scrambled
from tests.proof.test_everywhere import parts_of
from tinycircuits.proof.certificates import EXIT_CODES, STEPS, certificate_file, certified, said, shape_of
from tinycircuits.proof.everywhere import Network
from tinycircuits.proof.machines import MACHINES, machine
from tinycircuits.proof.recheck import is_certificate
from tinycircuits.proof.subject import bytes_of
from tinycircuits.results.runs import load
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=4)


@pytest.fixture(scope="module")
def four():
    return load("reversal-4d-2l").model


def test_counts_are_those_of_the_verdicts_and_the_grid_holds_every_answer(four):
    found = certified(four, TASK, [MACHINES["float64"], MACHINES["float32"]])
    assert found.counts.tolist() == [[1024, 0, 0], [1023, 0, 1]]
    assert found.n_answers == 1024
    assert found.grid.sum((1, 2)).tolist() == [1024, 1024]
    assert (found.spare < found.margin).all() or found.spare[1] > 0
    single = found.grid[1]
    middle = (np.argwhere(single).mean(0) / STEPS).round()
    answers = Network(*parts_of(four, TASK)[:2]).answers(*parts_of(four, TASK)[2:], np.array([2.0**-24]))
    assert abs(middle[0] - 14 - np.log10(answers.error).mean()) < 1.5
    assert abs(middle[1] - 4 - np.log10(answers.margin).mean()) < 1.5


@pytest.mark.parametrize(
    ("names", "word"),
    [(["float64"], "certified"), (["real", "float64"], "certified"), (["real", "float32"], "undecided")],
)
def test_the_word_and_the_exit_code_are_those_of_the_weakest_machine(four, names, word):
    told = said(four, TASK, names)
    assert (told.word, told.exit_code) == (word, EXIT_CODES[word])
    assert any(line.startswith("checked: ") for line in told.lines)
    assert told.lines[-1].startswith(f"{word}: of 1,024 answers right for certain ")
    assert is_certificate(told.file)


def test_a_wrong_model_is_refuted():
    told = said(scrambled(SPECS["two layers"], TASK), TASK, ["float64"])
    assert (told.word, told.exit_code) == ("refuted", 1)
    assert told.found.counts[0, 1] > 500


def test_a_certificate_that_the_checker_refuses_is_none(four, monkeypatch):
    monkeypatch.setattr("tinycircuits.proof.everywhere.norm_bound", lambda W: 1e-3)
    told = said(four, TASK, ["float64"])
    assert (told.word, told.file) == ("undecided", b"")
    assert any("does not confirm" in line for line in told.lines)


def test_the_file_holds_weights_norms_and_task(four):
    kept = arrays(certificate_file(certified(four, TASK, [MACHINES["real"]]), shape_of(four), TASK, bytes_of(four)))
    assert kept["weights"].tobytes() == bytes_of(four)
    assert kept["source"].tolist() == [3, 2, 1, 0]
    assert {"norms.float64.blocks.0.attn.q", "norms.float64.blocks.1.mlp.out"} <= set(kept)


def test_an_unknown_machine_is_an_error_that_names_the_known_ones():
    with pytest.raises(ValueError, match="one of real, float64, float32, got 'tf32'"):
        machine("tf32")
