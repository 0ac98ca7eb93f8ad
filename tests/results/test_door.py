"""The door: one way in for every kind. What an error names mends it; frozen, nothing is made."""

import dataclasses
import shlex
import shutil
import time
from contextlib import contextmanager

import pytest
import torch
import torch._dynamo

from tests.test_cli import call
from tests.tiny import COURSE, REMOVED, SAE, SOURCE, SWEPT, TINY, only_these
from tinycircuits.models.build import ModelSpec
from tinycircuits.results import catalogue, door, profiling, runs
from tinycircuits.results.door import Made
from tinycircuits.results.errors import CorruptResult, MissingResult, StoreError
from tinycircuits.results.profiles import profile
from tinycircuits.results.rows import entries_stored
from tinycircuits.results.store import Store
from tinycircuits.results.tables.courses import CourseRow
from tinycircuits.results.tables.fits import EVERY_STAGE, Fit
from tinycircuits.tasks import ModularAddition, OrderedSplit
from tinycircuits.training.dictionaries import ProbeSpec
from tinycircuits.training.recipe import IndependentBatches, TrainSpec

BATCHES = IndependentBatches(steps=4, batch_size=4, round_steps=2)
SUMS = dataclasses.replace(
    TINY,
    name="sums",
    task=ModularAddition(modulus=5, plus_sign=False),
    model=ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4),
    train=TrainSpec(split=OrderedSplit(n_train=20), batches=BATCHES, lr=1e-2),
)
PROBE = Fit("probe", "sums", "tiny", EVERY_STAGE, ProbeSpec(steps=3, lr=1e-2, fit_share=0.5), 1)
SINGLE = dataclasses.replace(SWEPT, name="single", n_seeds=2, lanes=1)
COURSES = [COURSE, CourseRow("sums", (0,)), CourseRow("single", (1,))]
ROWS = ["tiny", "sums", "swept", "sae", "probe", "profiles of T, trained", "profiles of T, untrained", REMOVED.name]
ROWS += [each.name for each in COURSES]
FILES = ["spec.json", "metrics.json", "model.safetensors", "provenance.json"]


@pytest.fixture(scope="module")
def all_made(tmp_path_factory):
    """A folder with results of every row."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        few_rows(patch, folder)
        for row in catalogue.rows():
            for each in row.committed:
                door.get(each)
    return folder


@pytest.fixture
def tables(house, monkeypatch):
    """Small rows of every kind and nothing else."""
    few_rows(monkeypatch, house)
    yield house
    forget()


@pytest.fixture
def stored(all_made, tables):
    """All of them made."""
    shutil.copytree(all_made / "results", tables / "results")
    return tables


def few_rows(patch, folder):
    for name in ("results", "checkpoints"):
        patch.setenv(f"TINYCIRCUITS_{name.upper()}", str(folder / name))
    patch.setenv("TINYCIRCUITS_FROZEN", "0")
    patch.setattr(torch._dynamo.config, "disable", True)
    kept = {"studies": [TINY, SUMS], "sweeps": [SWEPT, SINGLE], "courses": COURSES, "fits": [SAE, PROBE]}
    only_these(patch, **kept, sources={"T": SOURCE}, analyses=[REMOVED])
    forget()


def forget():
    for cached in (profile, profiling._states, profiling._block):
        cached.cache_clear()


def entry_of(name):
    (row,) = catalogue.rows([name])
    return row.committed[-1]


def run_line(monkeypatch, capsys, command):
    program, *arguments = shlex.split(command)
    assert program == "tinycircuits"
    return call(monkeypatch, capsys, *arguments)


@pytest.mark.parametrize("name", ROWS)
def test_frozen_nothing_of_any_kind_is_made(tables, monkeypatch, name):
    monkeypatch.setenv("TINYCIRCUITS_FROZEN", "1")
    each = entry_of(name)
    with pytest.raises(MissingResult, match="make it with: tinycircuits"):
        door.get(each)
    with pytest.raises(StoreError, match="nothing is made while TINYCIRCUITS_FROZEN=1 is set"):
        door.remake(each)
    assert not (tables / "results").exists()


@pytest.mark.parametrize("name", ROWS)
def test_what_is_missing_is_made_by_the_command_that_the_error_names(stored, monkeypatch, capsys, name):
    each = entry_of(name)
    before = door.load(each)
    each.path.rename(stored / "away")
    with pytest.raises(MissingResult) as error:
        door.load(each)
    code, _, _ = run_line(monkeypatch, capsys, str(error.value).split("make it with: ")[1])
    assert code == 0
    same(door.load(each), before)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", ROWS)
def test_what_is_damaged_is_mended_by_exactly_the_command_that_the_error_names(stored, monkeypatch, capsys, name, file):
    each = entry_of(name)
    before = door.load(each)
    damaged = each.path / file
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(bytes(content))
    others = [one for row in catalogue.rows() for one in row.committed if one.path != each.path]
    untouched = {one.path: (one.path / "provenance.json").read_bytes() for one in others}
    with pytest.raises(CorruptResult) as error:
        door.get(each)
    code, out, _ = run_line(monkeypatch, capsys, str(error.value).split("make it anew with: ")[1])
    assert code == 0
    assert "damaged" in out
    same(door.load(each), before)
    assert untouched == {path: (path / "provenance.json").read_bytes() for path in untouched}


def same(one, two):
    assert one.spec == two.spec
    assert one.metrics == two.metrics
    assert one.tensors.keys() == two.tensors.keys()
    assert all(torch.equal(one.tensors[name], two.tensors[name]) for name in one.tensors)


@pytest.mark.parametrize("name", ROWS)
def test_whatever_is_stored_is_listed_verified_and_made_anew_under_its_name(stored, monkeypatch, capsys, name):
    assert f"\n{name} " in call(monkeypatch, capsys, "list", name)[1]
    code, out, _ = call(monkeypatch, capsys, "verify", name, "--whole")
    assert code == 0, out
    (row,) = catalogue.rows([name])
    labels = [each.label for each in row.committed]
    assert [line.split(":")[0].removeprefix("ok      ") for line in out.splitlines()] == labels
    code, out, _ = call(monkeypatch, capsys, "retrain", name)
    assert (code, out.strip()) == (0, f"0 numbers changed in {len(labels)} entries made anew.")


@pytest.mark.parametrize("name", ROWS)
def test_verify_evaluates_what_it_finds(stored, monkeypatch, capsys, name):
    """A result with another number and right sums is found out."""
    (row,) = catalogue.rows([name])
    each, found = row.committed[0], door.load(row.committed[0])
    door.put(each, other(found), found.provenance)
    code, out, _ = call(monkeypatch, capsys, "verify", name)
    assert code == 1
    assert out.startswith("DIFFERS")


def other(found):
    """The same result with one count or loss changed."""
    if "stages" in found.metrics:
        stage, counts = next(iter(found.metrics["stages"].items()))
        changed = {**found.metrics["stages"], stage: {**counts, "held out": counts["held out"] + 2}}
        return Made({**found.metrics, "stages": changed}, found.tensors)
    if "result" in found.metrics:
        name = next(iter(found.tensors))
        return Made(found.metrics, {**found.tensors, name: found.tensors[name] ^ 1})
    for number in ("n_parameters", "dead"):
        if number in found.metrics:
            return Made({**found.metrics, number: found.metrics[number] + 1}, found.tensors)
    name = next(name for name in found.tensors if name.startswith(("wrong", "train_wrong_digits")))
    return Made(found.metrics, {**found.tensors, name: found.tensors[name] + 1})


def test_without_whole_one_seed_of_each_kind_of_profiles_is_measured_again(stored, monkeypatch, capsys):
    seeds = []
    real = profiling._measured
    monkeypatch.setattr(profiling, "_measured", lambda *a, **k: seeds.append(a[2]) or real(*a, **k))
    _, out, _ = call(monkeypatch, capsys, "verify", "profiles")
    assert seeds == [0, 0, 0]  # trained, published, untrained
    first, second, *_ = out.splitlines()
    assert first.endswith("; seed 0 measured again")
    assert second.endswith("; sums only")
    call(monkeypatch, capsys, "verify", "profiles of T, trained", "--whole")
    assert seeds[3:] == [0, 1, 2, 3]


def test_other_seeds_than_the_tables_are_stored_verified_and_made_anew_too(stored, monkeypatch, capsys):
    call(monkeypatch, capsys, "train", "tiny", "--seed", "7")
    (row,) = catalogue.rows(["tiny"])
    assert [each.seeds[0] for each in entries_stored(row)] == [0, 7]
    assert "ok      tiny seed 7" in call(monkeypatch, capsys, "verify", "tiny")[1]
    assert "in 2 entries" in call(monkeypatch, capsys, "retrain", "tiny")[1]
    assert "in 1 entries" in call(monkeypatch, capsys, "retrain", "tiny", "--seeds", "7")[1]


def test_what_no_row_describes_is_stale(stored, monkeypatch, capsys):
    runs.entry(TINY, 0).path.rename(stored / "results" / "tiny" / ("0" * 16))
    code, out, _ = call(monkeypatch, capsys, "verify", "tiny")
    assert code == 1
    assert "MISSING tiny seed 0" in out
    assert f"STALE   {stored / 'results' / 'tiny' / ('0' * 16)}" in out


def test_a_break_keeps_the_last_checkpoint_however_young(tables, monkeypatch):
    each = runs.entry(TINY, 3)
    real = runs.train

    def broken(*args, on_round, **kwargs):
        def stop(checkpoint):
            on_round(checkpoint)
            if len(checkpoint.history) == 3:
                raise KeyboardInterrupt

        return real(*args, on_round=stop, **kwargs)

    monkeypatch.setattr(runs, "train", broken)
    with pytest.raises(KeyboardInterrupt):
        door.get(each)
    assert (each.rounds_done, each.held) == (2, False)
    assert len(list((tables / "checkpoints").rglob("provenance.json"))) == 1


def test_the_seconds_of_a_resumed_run_are_those_of_all_its_parts(tables, monkeypatch):
    each = runs.entry(TINY, 3)
    real = runs.train

    def broken(*args, on_round, **kwargs):
        def stop(checkpoint):
            time.sleep(0.3)
            on_round(checkpoint)
            raise KeyboardInterrupt

        return real(*args, on_round=stop, **kwargs)

    monkeypatch.setattr(runs, "train", broken)
    with pytest.raises(KeyboardInterrupt):
        door.get(each)
    monkeypatch.setattr(runs, "train", real)
    monkeypatch.setattr(door.time, "monotonic", lambda: 100.0)  # the second part takes no time at all
    assert door.get(each).provenance["seconds"] >= 0.3


def test_a_damaged_checkpoint_names_what_removes_it(tables, monkeypatch):
    each = runs.entry(TINY, 3)
    test_a_break_keeps_the_last_checkpoint_however_young(tables, monkeypatch)
    file = next((tables / "checkpoints").rglob("model.safetensors"))
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CorruptResult, match=r"begin anew with: rm -r .* && tinycircuits train tiny --seed 3"):
        door.get(each)


def test_a_checkpoint_is_written_when_the_last_one_is_old_enough(tables, monkeypatch):
    """A kill, unlike a break, leaves no time to write."""
    each, seen, real = runs.entry(TINY, 3), [], runs.train

    def watched(*args, on_round, **kwargs):
        def look(checkpoint):
            on_round(checkpoint)
            seen.append(each.rounds_done)

        return real(*args, on_round=look, **kwargs)

    monkeypatch.setattr(runs, "train", watched)
    monkeypatch.setattr(door, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    door.get(each)
    assert seen == [1, 2, 3]
    assert each.rounds_done is None
    monkeypatch.setattr(door, "SECONDS_BETWEEN_CHECKPOINTS", 60.0)
    door.remake(each)
    assert seen[3:] == [None] * 3


def test_who_has_waited_for_another_process_takes_what_that_one_made(tables, monkeypatch):
    each = runs.entry(TINY, 3)
    made = door.get(each)
    each.path.rename(tables / "away")

    @contextmanager
    def waited(*_):
        (tables / "away").rename(each.path)
        yield

    monkeypatch.setattr(Store, "locked", waited)
    monkeypatch.setattr(runs, "train", lambda *_, **__: pytest.fail("trained again"))
    again = door.get(each)
    assert again.provenance == made.provenance
    same(again, made)
