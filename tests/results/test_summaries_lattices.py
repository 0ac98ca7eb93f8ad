"""Summaries of lattices, on three models of three units whose counts are written down."""

import torch

from tinycircuits.results.lattices import SweptLattices
from tinycircuits.results.summaries.lattices import alike, by_single_removal, circuit_counts, repaired, shapes

# The bits: attention, then two neurons of the layer.
SPARE = [8, 8, 8, 0, 8, 0, 8, 0]  # attention with either neuron
BOTH = [8, 8, 8, 1, 8, 1, 8, 0]  # all three; each neuron costs one
ODD = [8, 0, 8, 4, 8, 8, 8, 0]  # attention alone, though removing one part from the whole fails
FOUND = SweptLattices(
    ("L0 attn", "L0N0", "L0N1"),
    ("zero", "mean"),
    torch.tensor([0, 1, 2]),
    torch.tensor([[SPARE, BOTH, ODD], [SPARE, SPARE, ODD]]),
    8,
)


def test_models_are_counted_by_their_number_of_minimal_circuits():
    rows = circuit_counts(FOUND).set_index(["kind", "minimal circuits"])
    assert rows.loc["zero", "models"].tolist() == [2, 1, 0, 0, 0]
    assert rows.loc["mean", "models"].tolist() == [1, 2, 0, 0, 0]
    assert rows.loc[("mean", "2"), "share of models"] == 2 / 3
    assert rows.index.get_level_values(1)[-1] == "5 or more"


def test_a_table_of_single_removals_is_held_against_the_circuits():
    rows = by_single_removal(FOUND, {"any": 0.0, "an eighth": 0.125}).set_index(["kind", "named if it costs"])
    any_ = rows.loc[("zero", "any")]
    assert any_["named"] == 1 + 3 + 3
    assert (any_["named in no circuit"], any_["named in no circuit, models"]) == (2, 1)  # the neurons of the odd one
    assert (any_["named, dispensable"], any_["needed, not named"]) == (2, 0)
    assert (any_["in a circuit, not named"], any_["in a circuit, not named, models"]) == (2, 1)  # the spare ones
    eighth = rows.loc[("zero", "an eighth")]
    assert (eighth["needed, not named"], eighth["needed, not named, models"]) == (2, 1)  # one of eight is no more
    assert rows.loc[("mean", "an eighth"), "in a circuit, not named, models"] == 2


def test_circuits_of_models_are_compared_by_shape_for_neurons_can_change_places():
    rows = shapes(FOUND)
    zero = rows[rows["kind"] == "zero"]
    assert sorted(zero["circuit"]) == ["L0 attn", "L0 attn, 1 of L0", "L0 attn, 2 of L0"]
    assert zero["models"].tolist() == [1, 1, 1]  # a model with two circuits of one shape counts once
    first = rows[rows["kind"] == "mean"].iloc[0]
    assert (first["circuit"], first["models"], first["share"]) == ("L0 attn, 1 of L0", 2, 2 / 3)


def test_models_are_alike_where_every_replacement_has_the_same_circuits():
    assert alike(FOUND).tolist() == [True, False, True]


def test_a_repair_is_a_step_down_after_which_fewer_are_wrong():
    rows = repaired(FOUND).set_index("kind")
    assert (rows.loc["zero", "models"], rows.loc["zero", "most"]) == (1, 8)
    assert (rows.loc["mean", "models"], rows.loc["mean", "most"]) == (1, 8)


FORKED = [8, 0, 8, 8, 8, 8, 0, 0]
"""Attention alone, or both neurons alone; with one neuron beside attention all goes wrong."""


def of(*kinds):
    return SweptLattices(
        FOUND.units, ("zero", "mean", "resample"), torch.tensor([0]), torch.tensor([[each] for each in kinds]), 8
    )


def test_a_part_of_some_circuit_is_in_one_even_if_another_circuit_spares_it():
    row = by_single_removal(of(FORKED, FORKED, FORKED), {"any": 0.0}).iloc[0]
    assert (row["named"], row["named, dispensable"], row["named in no circuit"]) == (2, 2, 0)


def test_two_replacements_that_agree_are_not_all_three():
    assert alike(of(SPARE, SPARE, BOTH)).tolist() == alike(of(SPARE, BOTH, SPARE)).tolist() == [False]
    assert alike(of(SPARE, SPARE, SPARE)).tolist() == [True]
