"""Lattices of many models: kept as they are counted, for the faultless models of a sweep, and seen when they change."""

import pytest
import torch
import torch._dynamo

from tests.tiny import SWEPT, only_these
from tinycircuits.interp.lattice import attentions_and_neurons, lattice
from tinycircuits.models.build import ModelSpec, build
from tinycircuits.results import door, latticing, sweeps
from tinycircuits.results.errors import MissingResult
from tinycircuits.results.lattices import SweptLattices, joined, labels, load_lattices, packed, place, unpacked
from tinycircuits.results.tables.lattices import LATTICES, LatticesRow, lattices_row

ROW, UNTRAINED = LatticesRow("swept"), LatticesRow("swept", trained=False)


@pytest.fixture
def small(house, monkeypatch):
    """A house with a trained sweep of four tiny models, of which the second and third are called faultless."""
    monkeypatch.setattr(torch._dynamo.config, "disable", True)
    only_these(monkeypatch, sweeps=[SWEPT], lattices=[ROW, UNTRAINED])
    sweeps.run_sweep("swept")
    solved = torch.tensor([False, True, True, False])
    monkeypatch.setattr(sweeps.SweepResult, "solved", property(lambda found: solved[found.seeds]))
    load_lattices.cache_clear()
    yield house
    load_lattices.cache_clear()


def made(row):
    return [door.get(latticing.entry(row, block)) for block in row.blocks]


def test_each_faultless_model_has_the_lattices_that_it_has_alone(small):
    made(ROW)
    found = load_lattices("swept")
    assert found.seeds.tolist() == [1, 2]
    sequences = SWEPT.task.sequences()
    for at, seed in enumerate((1, 2)):
        model = sweeps.load_sweep("swept").model(seed)
        for kind in ("zero", "mean", "resample"):
            alone = lattice(model, sequences, SWEPT.task, kind=kind)
            assert torch.equal(found.wrong(kind)[at], alone.wrong)
            assert found.minimal(kind)[at].nonzero()[:, 0].tolist() == list(alone.minimal)
            assert torch.equal(found.single(kind)[at], alone.single)
            assert tuple(found.necessary(kind)[at].nonzero()[:, 0].tolist()) == alone.necessary
            assert tuple(found.used(kind)[at].nonzero()[:, 0].tolist()) == alone.used
    assert (found.units, found.n_answers) == (alone.labels, alone.n_answers)


def test_models_before_training_are_those_that_build_gives(small):
    made(UNTRAINED)
    found = load_lattices("swept", trained=False)
    assert found.seeds.tolist() == [0, 1, 2, 3, 4]
    model = build(SWEPT.model, SWEPT.task, seed=3, dtype="float64")
    expected = lattice(model, SWEPT.task.sequences(), SWEPT.task, kind="mean").wrong
    assert torch.equal(found.wrong("mean")[3], expected)


def test_a_making_that_was_broken_off_goes_on_with_the_next_model(small, monkeypatch):
    (block,) = UNTRAINED.blocks
    entry, counted = latticing.entry(UNTRAINED, block), latticing.lattice
    calls = []

    def broken(*arguments, **more):
        calls.append(more["kind"])
        if len(calls) == 8:
            raise KeyboardInterrupt
        return counted(*arguments, **more)

    monkeypatch.setattr(latticing, "lattice", broken)
    with pytest.raises(KeyboardInterrupt):
        door.get(entry)
    assert entry.rounds_done == 2
    door.get(entry)
    assert len(calls) == 8 + 3 * 3  # three models of three kinds were left
    monkeypatch.setattr(latticing, "lattice", counted)
    assert door.verified(entry, whole=True).startswith("ok")


def test_verify_sees_another_count_and_whole_looks_at_every_model(small):
    (stored,) = made(UNTRAINED)
    entry = latticing.entry(UNTRAINED, UNTRAINED.blocks[0])
    counts = unpacked(stored.tensors["packed"], 3, 1 << 5)
    counts[4, 1, 7] += 1
    tensors = {**stored.tensors, "packed": packed(counts)}
    door.put(entry, door.Made(stored.metrics, tensors), stored.provenance)
    assert door.verified(entry).startswith("ok")
    assert "wrong of seed 4" in door.verified(entry, whole=True)
    door.put(entry, door.Made(stored.metrics, {**tensors, "seed": tensors["seed"] + 1}), stored.provenance)
    assert door.verified(entry).startswith("DIFFERS")


def test_what_is_missing_names_its_command_and_what_is_not_kept_is_refused(small):
    with pytest.raises(MissingResult, match=r"make it with: tinycircuits retrain swept.lattices --seeds 0..1"):
        load_lattices("swept")
    with pytest.raises(ValueError, match=r"known are swept.lattices, swept.lattices, untrained"):
        lattices_row("other")


def test_counts_come_back_as_they_were_packed():
    counts = torch.randint(0, 1 << 16, (5, 3, 16), generator=torch.Generator().manual_seed(0))
    assert torch.equal(unpacked(packed(counts), 3, 16), counts)
    with pytest.raises(ValueError, match=r"got 0\.\.65536"):
        packed(torch.tensor([[[0, 1 << 16]]]))


@pytest.mark.parametrize("d_mlp", [3, None])
def test_the_labels_of_a_shape_are_those_of_its_units(d_mlp):
    spec = ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=2, d_mlp=d_mlp)
    units = attentions_and_neurons(build(spec, SWEPT.task, seed=0))
    assert labels(spec) == tuple(unit.label for unit in units)


def test_models_of_several_sweeps_stand_one_after_the_other():
    one, two = (
        SweptLattices(("a",), ("zero",), torch.tensor(seeds), torch.full((1, len(seeds), 2), seeds[0]), 4)
        for seeds in ([1, 2], [5])
    )
    both = joined([one, two])
    assert (both.seeds.tolist(), both.wrong("zero")[:, 0].tolist()) == ([1, 2, 5], [1, 1, 5])
    with pytest.raises(ValueError, match="one shape"):
        joined([one, SweptLattices(("b",), ("zero",), two.seeds, two.counts, 4)])


@pytest.mark.parametrize("row", LATTICES.values(), ids=lambda row: row.name)
def test_the_whole_of_a_kept_lattice_is_the_model(row):
    found = load_lattices(row.source, trained=row.trained)
    assert door.load(place(row, row.blocks[0])).metrics["models"] > 0
    assert (found.counts[:, :, -1] == 0).all() == row.trained
    if row.trained:
        swept = sweeps.load_sweep(row.source)
        assert found.seeds.tolist() == swept.seeds[swept.solved].tolist()
