"""Rows about adding models, from a made-up one whose numbers are plain."""

import math
from dataclasses import replace

import pytest
import torch

from tinycircuits.interp.adding import Adding, PartWaves, Phases
from tinycircuits.interp.frequencies import Cuts
from tinycircuits.interp.waves import SPANS
from tinycircuits.results.codec import encoded, plain
from tinycircuits.results.summaries import adding, waves
from tinycircuits.results.summaries.adding import (
    CUTS,
    adding_rows,
    cut_rows,
    explained,
    part_rows,
    phase_rows,
)
from tinycircuits.results.summaries.waves import wave_rows


def part(name, fits, phases=None):
    of = {span: torch.tensor(fits) for span in SPANS}
    follows = {"a": 0.1, "b": 0.2, "a + b": 0.6, "a - b": 0.05, "rest": 0.05}
    return PartWaves(name, len(fits), follows, of, {span: 2 * value for span, value in of.items()}, phases)


PHASES = Phases(12, torch.linspace(0, 1, 12).double(), torch.tensor([1.5, 1.6, 1.4]).double())
NONE = Phases(9, torch.ones(9).double(), torch.ones(1).double())


def counts(*values):
    return torch.tensor(values)


MADE = Adding(
    of_embedding=torch.tensor([0.7, 0.3]).double(),
    embedding_floor=0.6,
    keys=(1,),
    of_logits=torch.tensor([0.5, 0.3]).double(),
    logits_floor=0.4,
    alphas=torch.tensor([2.0, 1.0]).double(),
    profile=torch.tensor([3.0, -1.0, -1.0, -1.0, -1.0]).double(),
    parts=(part("L0 attn", [0.1, 0.3]), part("L0 mlp", [0.4, 0.86, 0.85], PHASES), part("L1 mlp", [0.2, 0.3], NONE)),
    wrong_of_first=counts(5, 0),
    wrong_of_drawn=counts(20),
    cuts=Cuts(
        keys=(1,), whole=1, only=10, without=21, without_each=counts(21), followed=8, stayed=2,
        alphas_without=torch.tensor([[0.5, 0.05]]).double(), drawn_only=counts(22, 20), drawn_without=counts(2, 3),
        drawn_followed=counts(0, 1), drawn_stayed=counts(25, 24),
    ),
)  # fmt: skip


@pytest.fixture(autouse=True)
def one_model(monkeypatch):
    monkeypatch.setattr(adding, "addings", lambda kind="trained": {"D 0": MADE})
    monkeypatch.setattr(waves, "models", lambda kind: {"D 0": "the run"})
    monkeypatch.setattr(waves, "stored_fields", lambda analysis, of, trained, shuffled: plain(*encoded(MADE)))


def test_a_wave_of_the_logits_is_gone_below_a_tenth_of_its_factor():
    assert explained(MADE) == {1: (2,)}


def test_a_model_is_a_row_with_the_hardest_draw_of_each_control():
    (row,) = adding_rows().to_dict("records")
    assert (row["model"], row["article"], row["pairs"]) == ("D 0", "D", 25)
    assert (row["wrong"], row["wrong without"], row["without others"]) == (1, 21, 3)
    assert (row["wrong with only"], row["with only others"]) == (10, 20)
    assert (row["followed"], row["others followed"], row["rebuilt wrong"]) == (8, 1, 0)
    assert (row["keys gone"], row["logit keys"], row["sum in last MLP"]) == (1, (1, 2), 0.6)
    assert (row["phase error"], row["one frequency"]) == (pytest.approx(5 / 11), pytest.approx(1 / 3))


def test_cuts_are_shares_of_what_is_right_or_has_moved_on():
    rows = cut_rows()
    of = {cut: rows[(rows.cut == cut) & (rows.waves == "key")]["share of all pairs"].tolist() for cut in CUTS}
    assert of == {CUTS[0]: [4 / 25], CUTS[1]: [15 / 25], CUTS[2]: [8 / 25]}
    drawn = rows[(rows.cut == CUTS[0]) & (rows.waves == "others")]["share of all pairs"].tolist()
    assert drawn == [23 / 25, 22 / 25]


def test_parts_are_rows_with_means_over_their_values():
    rows = part_rows(MADE).set_index("part")
    assert rows.loc["L0 mlp", "one"] == pytest.approx((0.4 + 0.86 + 0.85) / 3)
    assert rows.loc["L0 mlp", "two"] == pytest.approx(2 * (0.4 + 0.86 + 0.85) / 3)
    assert rows.loc["L0 mlp", ["single", "alive"]].tolist() == [1, 3]


@pytest.mark.parametrize(("n", "told"), [(9, False), (10, True)])
def test_phases_of_few_neurons_have_no_median(monkeypatch, n, told):
    few = replace(MADE, parts=(MADE.parts[0], replace(MADE.parts[1], phases=replace(PHASES, n_neurons=n))))
    monkeypatch.setattr(waves, "stored_fields", lambda analysis, of, trained, shuffled: plain(*encoded(few)))
    assert math.isnan(wave_rows()["phase error"].item()) is not told


def test_every_model_has_the_distance_of_its_phases_beside_chance():
    (row,) = phase_rows().to_dict("records")
    assert (row["distance"], row["control"]) == (pytest.approx(5 / 11), 1.5)
