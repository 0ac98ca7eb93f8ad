"""Sweeps: stored in whole blocks, resumed after a kill, the same on a cluster as here."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch._dynamo

from tests.test_cli import call
from tests.tiny import only_these
from tinycircuits.models.build import ModelSpec
from tinycircuits.models.errors import teacher_forced
from tinycircuits.results import door, sweeps
from tinycircuits.results.errors import CorruptResult, MissingResult
from tinycircuits.results.store import key
from tinycircuits.results.summaries.sweeps import OUTCOMES, seed_table, share_table
from tinycircuits.results.tables.sweeps import SWEEPS, Sweep
from tinycircuits.tasks import OrderedSplit, ReverseIncrement
from tinycircuits.training.recipe import IndependentBatches, TrainSpec

TINY = Sweep(
    name="tiny-sweep",
    title="two digits, for tests",
    task=ReverseIncrement(n_digits=2),
    model=ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4),
    train=TrainSpec(
        split=OrderedSplit(n_train=12),
        batches=IndependentBatches(steps=12, batch_size=4, round_steps=4),
        lr=1e-2,
        dtype="float32",
    ),
    n_seeds=6,
    lanes=3,
)
LONG = replace(
    TINY,
    n_seeds=12,
    train=TINY.train.model_copy(update={"batches": IndependentBatches(steps=200, batch_size=4, round_steps=10)}),
)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A table with one tiny sweep, stores in an empty folder, and no compiler in the way."""
    monkeypatch.setitem(SWEEPS, TINY.name, TINY)
    monkeypatch.setenv("TINYCIRCUITS_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("TINYCIRCUITS_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("TINYCIRCUITS_FROZEN", "0")
    with torch._dynamo.config.patch(disable=True):
        yield tmp_path


def same(one, two):
    assert torch.equal(one.weights, two.weights)
    assert torch.equal(one.solved, two.solved)
    assert torch.equal(one.history.train_loss, two.history.train_loss)
    assert torch.equal(one.train_loss, two.train_loss)


def test_blocks_cover_the_seeds_and_no_others():
    assert TINY.blocks(range(2, 4)) == [range(0, 3), range(3, 6)]
    assert TINY.blocks(range(3, 6)) == [range(3, 6)]
    for nonsense in (range(0), range(4, 2), range(0, 4, 2)):
        with pytest.raises(ValueError, match="rising range"):
            TINY.blocks(nonsense)


def test_the_second_call_loads_what_the_first_one_trained(house, monkeypatch):
    first = sweeps.run_sweep(TINY.name)
    assert first.seeds.tolist() == [0, 1, 2, 3, 4, 5]
    monkeypatch.setattr(sweeps, "train_lanes", lambda *_, **__: pytest.fail("trained again"))
    same(sweeps.run_sweep(TINY.name), first)
    part = sweeps.run_sweep(TINY.name, range(2, 4))
    assert part.seeds.tolist() == [2, 3]
    assert torch.equal(part.weights, first.weights[2:4])
    assert part.history.train_loss.shape == (2, len(part.history.step))


def test_every_stored_count_is_that_of_the_transformerlens_model(house):
    result = sweeps.run_sweep(TINY.name)
    sequences = TINY.task.sequences()
    split = TINY.train.split.indices(len(sequences))
    for row, seed in enumerate(result.seeds.tolist()):
        scores = teacher_forced(result.model(seed), TINY.task, sequences)
        assert int(result.holdout_wrong_sequences[row]) == scores.errors(split.holdout).wrong_sequences
        assert result.train_wrong_digits[row].tolist() == scores.wrong[split.train].sum(0).tolist()
        assert float(result.train_loss[row]) == pytest.approx(scores.mean_loss(split.train), rel=1e-12)
        assert bool(result.solved[row]) == (scores.errors().wrong_sequences == 0)
        assert float(result.accuracy[row]) == pytest.approx(scores.errors().accuracy)
        for part, index in (("train", split.train), ("holdout", split.holdout)):
            assert float(result.course(part)[row, -1]) == pytest.approx(scores.errors(index).accuracy)
        assert bool(result.faultless[row, -1]) == bool(result.solved[row])
    with pytest.raises(ValueError, match="seed 9 is not among the 6"):
        result.model(9)


def test_a_missing_and_a_damaged_block_name_the_command_that_mends_them(house):
    with pytest.raises(MissingResult, match=r"tinycircuits sweep tiny-sweep --seeds 0\.\.2"):
        sweeps.load_sweep(TINY.name)
    sweeps.run_sweep(TINY.name)
    weights = next((house / "results").rglob("model.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(CorruptResult, match=r"tinycircuits retrain tiny-sweep --seeds (0\.\.2|3\.\.5)$"):
        sweeps.run_sweep(TINY.name)


def test_a_sweep_broken_off_after_any_round_goes_on_to_the_same_end(house, monkeypatch):
    whole = sweeps.run_sweep(TINY.name)
    (house / "results").rename(house / "away")
    monkeypatch.setattr(door, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    real, left = sweeps.train_lanes, [5]

    def broken(*args, on_round, **kwargs):
        def stop(checkpoint):
            on_round(checkpoint)
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt

        return real(*args, on_round=stop, **kwargs)

    monkeypatch.setattr(sweeps, "train_lanes", broken)
    with pytest.raises(KeyboardInterrupt):
        sweeps.run_sweep(TINY.name)
    assert [each.held for each in sweeps.row_of(TINY).committed] == [True, False]
    resumed = []
    monkeypatch.setattr(
        sweeps, "train_lanes", lambda *a, resume, **k: resumed.append(resume) or real(*a, resume=resume, **k)
    )
    same(sweeps.run_sweep(TINY.name), whole)
    assert [checkpoint.rounds for checkpoint in resumed] == [2]
    assert not list((house / "checkpoints").rglob("*.safetensors"))


def runner() -> list[str]:
    code = (
        "import torch\n"
        "torch.set_num_threads(1)\n"
        "from tests.results.test_sweeps import LONG\n"
        "from tinycircuits.results import door, sweeps\n"
        "from tinycircuits.results.tables.sweeps import SWEEPS\n"
        "SWEEPS[LONG.name] = LONG\n"
        "door.SECONDS_BETWEEN_CHECKPOINTS = 0.0\n"
        "sweeps.run_sweep(LONG.name)\n"
    )
    return [sys.executable, "-c", code]


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "TINYCIRCUITS_RESULTS": str(folder / "results"),
        "TINYCIRCUITS_CHECKPOINTS": str(folder / "checkpoints"),
        "TORCH_COMPILE_DISABLE": "1",
        "TINYCIRCUITS_FROZEN": "0",
    }


@contextmanager
def stored_in(folder: Path) -> Iterator[None]:
    """The long sweep is in the table, and its results in this folder."""
    with pytest.MonkeyPatch.context() as patch, torch._dynamo.config.patch(disable=True):
        patch.setitem(SWEEPS, LONG.name, LONG)
        for name in ("TINYCIRCUITS_RESULTS", "TINYCIRCUITS_CHECKPOINTS", "TINYCIRCUITS_FROZEN"):
            patch.setenv(name, environment(folder)[name])
        yield


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> sweeps.SweepResult:
    with stored_in(tmp_path_factory.mktemp("unbroken")):
        return sweeps.run_sweep(LONG.name)


@pytest.mark.slow
@pytest.mark.xdist_group("long sweep")
def test_a_sweep_killed_in_the_middle_of_a_block_ends_as_an_unbroken_one(tmp_path, unbroken):
    killed = tmp_path / "killed"
    process = subprocess.Popen(runner(), env=environment(killed))
    deadline = time.monotonic() + 300
    for folder in (killed / "results", killed / "checkpoints"):  # one block is done, and another begun
        while not list(folder.rglob("provenance.json")) and time.monotonic() < deadline:
            time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    stored = list((killed / "results").rglob("provenance.json"))
    assert 0 < len(stored) < 4
    with stored_in(killed):
        same(sweeps.run_sweep(LONG.name), unbroken)


@pytest.mark.slow
@pytest.mark.xdist_group("long sweep")
@pytest.mark.filterwarnings("ignore:Sending large graph", "ignore::ResourceWarning")
def test_a_cluster_that_loses_a_worker_half_way_stores_what_is_stored_here(tmp_path, monkeypatch, unbroken):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("TORCH_COMPILE_DISABLE", "1")
    with (
        stored_in(tmp_path / "cluster"),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
    ):
        pids = [worker.process.process.pid for worker in cluster.workers.values()]

        def kill_one_after_the_first_block() -> None:
            deadline = time.monotonic() + 300
            while not list((tmp_path / "cluster/results").rglob("provenance.json")) and time.monotonic() < deadline:
                time.sleep(0.01)
            os.kill(pids[0], signal.SIGKILL)

        killer = threading.Thread(target=kill_one_after_the_first_block)
        killer.start()
        result = sweeps.run_sweep(LONG.name, backend="dask", scheduler=cluster.scheduler_address)
        killer.join()
        with distributed.Client(cluster) as client:
            client.wait_for_workers(2, timeout=120)  # a cluster that ends while it starts a worker may never end
        assert [worker.process.process.pid for worker in cluster.workers.values()] != pids
    same(result, unbroken)


def test_a_cluster_needs_an_address_at_which_something_answers(house):
    with pytest.raises(ValueError, match="give the address of a scheduler"):
        sweeps.run_sweep(TINY.name, backend="dask")


def test_the_command_line_trains_loads_lists_and_verifies(house, monkeypatch, capsys):
    only_these(monkeypatch, sweeps=[TINY])
    code, out, _ = call(monkeypatch, capsys, "sweep", TINY.name, "--seeds", "0..2")
    assert (code, out.count("\n")) == (0, 1)
    assert "of 3 seeds make no mistake on any input" in out
    assert "3 of 6" in call(monkeypatch, capsys, "list")[1]
    code, out, _ = call(monkeypatch, capsys, "verify", TINY.name)
    assert (code, out.startswith("ok      tiny-sweep seeds 0..2")) == (1, True)  # the other block is missing
    monkeypatch.setattr("tinycircuits.results.sweeps.measure", lambda *_: {"train_loss": torch.zeros(3).double()})
    code, out, _ = call(monkeypatch, capsys, "verify", TINY.name)
    assert (code, "DIFFERS" in out) == (1, True)
    for arguments, said in (
        (("sweep", "tinny"), "unknown sweep 'tinny'; known are tiny-sweep"),
        (("sweep", TINY.name, "--seeds", "9..1"), "seeds must look like 0..999 or 7"),
        (("sweep", TINY.name, "--backend", "dusk"), "dusk"),
        (("sweep", TINY.name, "--device", "tpu", "--seeds", "3..5"), "device must be cpu, cuda or auto"),
    ):
        code, _, err = call(monkeypatch, capsys, *arguments)
        assert (code, err.count("\n"), said in err) == (2, 1, True), err


def test_every_row_of_the_table_has_whole_blocks_and_a_key_of_its_own():
    keys = [key(row.spec(row.blocks(range(row.n_seeds))[0]).described()) for row in SWEEPS.values()]
    assert len(set(keys)) == len(keys)
    assert all(row.n_seeds % row.lanes == 0 for row in SWEEPS.values())


def test_the_first_key_has_not_changed_by_accident():
    row = SWEEPS["seeds-c-ordered"]
    assert key(row.spec(range(250)).described()) == "556304a8ed1dabdf"


def test_all_stored_sweeps_take_at_most_forty_megabytes():
    folders = [door.results().root / name for name in SWEEPS]
    assert sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file()) <= 40e6


def test_models_in_turn_are_the_models_one_by_one(house):
    result = sweeps.run_sweep(TINY.name)
    tokens = TINY.task.inputs(TINY.task.sequences())
    asked = [4, 0, 4]
    for seed, model in zip(asked, result.models(asked), strict=True):
        assert torch.equal(model(tokens), result.model(seed)(tokens))
    with pytest.raises(ValueError, match="seed 6 is not among the 6 stored ones"):
        list(result.models([6]))


def test_wrong_answers_add_up_to_the_stored_counts(house):
    result = sweeps.run_sweep(TINY.name)
    chosen = torch.tensor([True, False, True, True, False, False])
    wrong = result.wrong(chosen)
    assert wrong.shape == (3, 16, 2)
    assert wrong.sum((1, 2)).tolist() == result.wrong_digits[chosen].tolist()
    held = TINY.train.split.indices(16).holdout
    assert torch.equal(wrong[:, held].sum(1), result.holdout_wrong_digits[chosen])


def test_tables_count_what_the_sweep_holds(house):
    result = sweeps.run_sweep(TINY.name)
    fooled = replace(
        result,
        train_wrong_digits=torch.tensor([[0, 0], [1, 0], [0, 0], [0, 0], [2, 2], [0, 0]]),
        holdout_wrong_digits=torch.tensor([[0, 0], [0, 0], [0, 0], [0, 3], [0, 0], [0, 0]]),
        train_wrong_sequences=torch.tensor([0, 1, 0, 0, 2, 0]),
        holdout_wrong_sequences=torch.tensor([0, 0, 0, 3, 0, 0]),
    )
    row = share_table({"one": fooled, "two": result}, "recipe").iloc[0]
    assert (row.recipe, row.seeds, row.faultless, row.share) == ("one", 6, 3, 0.5)
    assert row.low < 0.5 < row.high
    assert row["best accuracy"] == 1
    seeds = seed_table({"one": fooled}, "recipe")
    assert seeds.outcome.tolist() == [OUTCOMES[0]] * 3 + [OUTCOMES[1]] * 3
    assert seeds.set_index("seed")["wrong digits"].to_dict() == {0: 0, 2: 0, 5: 0, 1: 1, 3: 3, 4: 4}
    assert seeds.set_index("seed").accuracy[3] == pytest.approx(1 - 3 / 32)
