"""The tables of the chapter on clock and pizza hold what is stored, model by model."""

import pytest
import torch

from tinycircuits.results.summaries.phases import phase_table
from tinycircuits.results.summaries.recovered import dictionaries
from tinycircuits.results.summaries.torus import (
    COSINE,
    MEMORISED,
    NUMBERS,
    RIGHT,
    SYMMETRICITY,
    machines,
    trained_numbers,
)
from tinycircuits.results.torus import load_torus


def test_a_row_for_each_machine_with_its_own_numbers():
    rows, found = machines(), load_torus("set by hand.torus")
    assert len(rows) == len(found.of)
    for index in (0, 4, 9):
        row = rows.iloc[index]
        assert (row.spread, row.noise) == (found.of[index].spread, found.of[index].noise)
        assert row["wrong pairs"] == found.wrong[index]
        assert row[SYMMETRICITY] == pytest.approx(float(found.symmetricity[index, 0]))
        assert row[RIGHT] == pytest.approx(float(found.irrelevance[index, 0]))
        of_a, of_b = found.phase[index, 0].double().unbind(1)
        assert row[COSINE] == pytest.approx(float((of_a - of_b).cos().mean()), abs=1e-6)
    assert set(NUMBERS) < set(rows.columns)


def test_every_model_has_both_numbers_and_only_machines_without_a_mistake_are_poles():
    rows = trained_numbers()
    counts = rows.groupby(["models", "number"]).size()
    assert counts["D", RIGHT] == counts["D", SYMMETRICITY] == 5
    assert counts["E", RIGHT] == 10
    right = machines().query("spread == 0 and `wrong pairs` == 0")
    assert counts["pizza by hand", RIGHT] == len(right) < len(machines().query("spread == 0"))
    assert rows[(rows.models == "E") & (rows.number == RIGHT)].value.tolist() == pytest.approx(
        load_torus("addition-97-2l.torus").irrelevance[:, 0].tolist()
    )


def test_phases_are_those_of_the_layer_and_none_before_training():
    rows, found = phase_table().set_index(["models", "seed", "layer"]), load_torus("addition-113-3l.torus")
    small, large = "one layer, modulo 59", "one layer, modulo 113"
    memorisers = {f"{name}, {MEMORISED}" for name in ("D", "E", small)}
    assert set(rows.index.get_level_values("models")) == {"D", "E", large, small, *memorisers}
    assert rows[rows.index.isin(memorisers, level="models")].neurons.sum() == 0
    for layer in range(3):
        one = rows.loc[("D", 2, f"L{layer}")]
        fitted = found.share[2, layer] >= 0.5
        of_a, of_b = found.phase[2, layer, fitted].double().unbind(1)
        assert one.neurons == int(fitted.sum())
        assert one["mean cosine"] == pytest.approx(float(torch.cos(of_a - of_b).mean()))


def test_random_encoders_stand_beside_every_fit():
    found = dictionaries()
    assert {machine for machine, _ in found} == {"clock", "pizza"}
    assert {len(each) for each in found.values()} == {2}
    assert {name for _, name in found} == {
        f"{how}, {what}" for how in ("summed", "averaged") for what in ("trained", "random encoder", "shuffled sums")
    }
    assert all(one.residues == 0 for (_, name), each in found.items() if "shuffled" in name for one in each)
