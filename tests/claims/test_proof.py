"""The rule on proofs, on made-up ones that just meet it or just miss; and its controls."""

from dataclasses import replace

import pytest
import torch

from tinycircuits.claims.rules_part_4 import (
    N_ANSWERS_OF_B,
    Provings,
    a_proof_is_shorter_than_a_list_and_knows_more,
    provings,
)
from tinycircuits.models.spoiled import SPOILED
from tinycircuits.results.proofs import PARTS, Proofs, load_proofs


def proofs(proved, refuted, wrong, tried=None):
    n = len(proved)
    zeros = torch.zeros(n, dtype=torch.int64)
    seen = torch.zeros(n, PARTS, dtype=torch.int64)
    if tried:
        seen[:, -1] = torch.tensor(tried)
    said = [torch.tensor(each, dtype=torch.bool) for each in (proved, refuted)]
    cases = torch.zeros(n, 0, 0, dtype=torch.int64)
    return Proofs(*said, zeros, torch.tensor(wrong), zeros, zeros.double(), zeros, seen, cases)


MET = Provings(
    True,
    N_ANSWERS_OF_B // 1_000,
    proofs([1, 0], [0, 1], [0, 3]),
    torch.tensor([0, 3]),
    (proofs([1], [0], [0]), proofs([0], [1], [1], [0])),
)


def test_the_claim_on_proofs_is_just_met():
    found = a_proof_is_shorter_than_a_list_and_knows_more(MET)
    assert found.met.tolist() == [True]
    assert [float(value) for value in found.values.values()][1:] == [2, 1, 1]


@pytest.mark.parametrize(
    "change",
    [
        {"proved": False},
        {"boxes": N_ANSWERS_OF_B // 1_000 + 1},
        {"recorded": torch.tensor([0, 4])},
        {"seeds": proofs([1, 0], [0, 0], [0, 3])},
        {"large": (proofs([0], [1], [1], [0]),)},
        {"large": (proofs([1, 0], [0, 1], [0, 1], [0, 1]),)},
    ],
    ids=["not proved", "too long", "another count", "undecided", "none proved", "seen by the test"],
)
def test_each_part_of_the_claim_on_proofs_can_be_missed_alone(change):
    assert a_proof_is_shorter_than_a_list_and_knows_more(replace(MET, **change)).met.tolist() == [False]


def test_the_published_model_is_proved_and_each_spoiled_one_is_wrong_where_it_was_spoiled():
    stored = load_proofs("reversal-8d-1l")
    assert stored.proved.tolist() == [True, False, False, False]
    assert stored.refuted.tolist() == [False, True, True, True]
    wrong = dict(zip(SPOILED, stored.wrong[1:].tolist(), strict=True))
    assert wrong["BOS imitates a digit"] == 8 * 4**7, "a tie in every answer that is 1"
    assert wrong["rolled unembedding"] > 0.9 * N_ANSWERS_OF_B
    assert 0 < wrong["a position's vector replaced"] < N_ANSWERS_OF_B
    assert not provings("BOS imitates a digit").proved
    assert provings().proved
