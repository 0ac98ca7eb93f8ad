"""What lies in the store is what the tables describe: nothing is left over, and every key of old is found."""

import json

import pytest

from tests.tiny import TINY, only_these
from tinycircuits.results import catalogue, door
from tinycircuits.results.door import results
from tinycircuits.results.rows import entries_stored
from tinycircuits.results.store import key


def test_every_stored_result_is_one_that_the_tables_describe():
    assert catalogue.left_over() == []
    folders = [path.name for path in results().root.iterdir() if path.is_dir()]
    assert sorted(folders) == sorted({row.folder for row in catalogue.rows()})


def test_tables_that_a_test_empties_come_back_in_their_order(monkeypatch):
    names = [row.name for row in catalogue.rows()]
    with monkeypatch.context() as patch:
        only_these(patch, studies=[TINY])
        assert [row.name for row in catalogue.rows()] == ["tiny"]
    assert [row.name for row in catalogue.rows()] == names


def test_every_row_has_a_name_of_its_own():
    names = [row.name for row in catalogue.rows()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kind", ["study", "sweep", "course", "proof", "fit", "profile", "calibration", "torus"])
def test_every_entry_is_loaded_from_the_key_that_it_was_stored_under(kind):
    entries = [each for row in catalogue.rows() if row.kind == kind for each in row.committed]
    assert entries
    for each in entries:
        spec = json.loads((each.path / "spec.json").read_text())
        assert each.path.name == key(spec) == key(each.spec.described())
        assert door.load(each).spec == spec


def test_the_seeds_of_an_entry_are_those_of_its_description():
    for row in catalogue.rows():
        for each in entries_stored(row):
            spec = each.spec.described()
            if "seed" in spec:
                assert each.seeds == range(spec["seed"], spec["seed"] + 1)
            if "first_seed" in spec:
                assert each.seeds == range(spec["first_seed"], spec["first_seed"] + spec["lanes"])
