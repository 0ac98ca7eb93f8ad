"""The rules about programs and about rewritten weights, on made-up models that just meet them or just miss."""

import pytest
import torch

from tinycircuits.claims import rules_part_4
from tinycircuits.claims.ledger import RULES
from tinycircuits.claims.rules_part_4 import Programs, an_instrument_reads_how_weights_are_written
from tinycircuits.results.numbers import OfDigits

N_RUNGS, N_ANSWERS = 6, 2


def seeds(*shortest, solved=None):
    """Faultless models of which each needs one kind of program, by its index, at one of two answers."""
    changed = torch.zeros(len(shortest), N_RUNGS, N_ANSWERS, dtype=torch.int64)
    for row, rung in zip(changed, shortest, strict=True):
        row[:rung, 1] = 5
    wrong = torch.zeros(len(shortest), N_ANSWERS, dtype=torch.int64)
    if solved is not None:
        wrong[solved:] = 1
    return OfDigits("trained", torch.arange(len(shortest)), {"program.changed": changed, "wrong.all": wrong})


def published(together=0, alone=0, pushed=1, wrong_digit=9):
    numbers = {
        "program.changed": torch.tensor([[[9, 9], [9, 9], [0, together], [0, 0], [0, 0], [0, 0]]]),
        "program.changed, wrong digit": torch.full((1, N_RUNGS, N_ANSWERS), wrong_digit),
        "account.alone": torch.tensor([[[0, 0], [0, alone]]]),
        "account.pushed": torch.tensor([[[3, 0], [0, pushed]]]),
    }
    return OfDigits("published", torch.tensor([0]), numbers)


MANY = (*[2] * 2, *[3] * 17, *[4] * 2, *[5] * 8, 6)
"""Of thirty: two with a matrix for each place, nineteen with one for each digit at most, one with none."""


@pytest.mark.parametrize(
    ("model", "shortest", "met"),
    [
        ({}, MANY, True),
        ({"together": 1}, MANY, False),
        ({"alone": 1, "pushed": 2}, MANY, False),
        ({"pushed": 0}, MANY, False),
        ({}, (*[2] * 3, *MANY[3:]), False),  # a tenth of the seeds is the same program
        ({}, (*[2] * 2, *[3] * 13, *[5] * 14, 6), False),  # half of them need no more than a matrix for each digit
        ({}, (*MANY[:27], 6, 6, 6), False),  # a tenth is told by no table
    ],
)
def test_the_model_is_a_short_program_and_few_others_are(model, shortest, met):
    found = rules_part_4.the_model_is_a_short_program(Programs(published(**model), seeds(*shortest), False))
    assert found.met.tolist() == [met]


def test_only_faultless_seeds_count():
    found = rules_part_4.the_model_is_a_short_program(Programs(published(), seeds(*MANY, 2, 2, 2, solved=30), False))
    assert found.met.tolist() == [True]
    assert float(found.values["share of seeds with a matrix for each place"]) == pytest.approx(2 / 30)


def test_a_longer_program_that_fails_where_a_shorter_holds_counts_as_told():
    of = seeds(*MANY)
    of.numbers["program.changed"][0, 3:] = 5  # the first seed's longer tables change answers again
    values = rules_part_4.the_model_is_a_short_program(Programs(published(), of, False)).values
    assert float(values["with any table"]) == pytest.approx(29 / 30)


def test_the_tables_of_a_wrong_digit_are_the_control():
    found = rules_part_4.the_model_is_a_short_program(Programs(published(), seeds(*MANY), True))
    assert found.met.tolist() == [False]
    assert float(found.values["answers changed by the program"]) == 18
    assert [view().wrong_digit for view in RULES["program"].controls.values()] == [True]
    assert RULES["program"].models().wrong_digit is False


def rewritten(changed=0, cosine=0.6, weights=52.0, still=0.0):
    moved = {
        "attention weights": still,
        "wrong without a part (zero)": 0.0,
        "wrong without a part (mean)": 0.0,
        "cosine with W_E": cosine,
        "wrong without its weights": weights,
    }
    numbers = {f"rewritten.moved.{name}": torch.tensor([[0.0, value]]) for name, value in moved.items()}
    numbers |= {"rewritten.changed": torch.tensor([[0, changed]]), "rewritten.pushed": torch.tensor([[0, 40]])}
    return OfDigits("published", torch.tensor([2]), numbers)


@pytest.mark.parametrize(
    ("model", "met"),
    [
        ({}, True),
        ({"changed": 1}, False),
        ({"cosine": 0.5}, False),
        ({"weights": 51.0}, False),  # a twentieth of 1,024 answers is more
        ({"still": 1e-5}, False),
    ],
)
def test_an_instrument_moves_with_the_writing_where_no_answer_does(monkeypatch, model, met):
    monkeypatch.setattr(rules_part_4, "digits", lambda source, kind: rewritten(**model))
    assert an_instrument_reads_how_weights_are_written(by_push=False).met.tolist() == [met]


def test_weights_pushed_as_far_change_answers(monkeypatch):
    monkeypatch.setattr(rules_part_4, "digits", lambda source, kind: rewritten())
    found = an_instrument_reads_how_weights_are_written(by_push=True)
    assert found.met.tolist() == [False]
    assert float(found.values["answers changed"]) == 40
