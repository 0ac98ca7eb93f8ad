"""The command line: a user's mistake is one line and exit code 2; nothing is lost."""

import errno
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.tiny import REMOVED, SAE, SOURCE, SWEPT, TINY, only_these
from tinycircuits import cli
from tinycircuits.claims import ledger
from tinycircuits.results import runs
from tinycircuits.results.tables.studies import STUDIES


def call(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["tinycircuits", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    captured = capsys.readouterr()
    return stopped.value.code or 0, captured.out, captured.err


@pytest.fixture
def only_tiny(house, monkeypatch):
    only_these(monkeypatch, studies=[TINY])
    return house


def damage(folder, name="model.safetensors"):
    file = next((folder / "results").rglob(name))
    file.write_bytes(file.read_bytes()[:-1])


BIG = str(2**64)
MISTAKES = {
    # what does not exist
    "unknown command": (("trian",), "No such command"),
    "unknown option": (("train", "tiny", "--sed", "1"), "--sed"),
    "option of another command": (("list", "--device", "cpu"), "--device"),
    "unknown study": (("train", "tinny"), "unknown study 'tinny'; known are tiny"),
    "sweep as a study": (("train", "swept"), "unknown study 'swept'"),
    "empty study": (("train", ""), "unknown study ''"),
    "study with a blank": (("train", " tiny"), "unknown study ' tiny'"),
    "study in other letters": (("train", "Tiny"), "unknown study 'Tiny'"),
    "study as a path": (("train", "../tiny"), "unknown study '../tiny'"),
    "unknown sweep": (("sweep", "tiny"), "unknown sweep 'tiny'; known are swept"),
    "unknown fit": (("fit", "tiny"), "unknown fit 'tiny'"),
    "unknown claim": (("claims", "--id", "A99"), "unknown claim 'A99'"),
    "empty claim": (("claims", "--id", ""), "unknown claim ''"),
    "unknown claim to check": (("claims", "--check", "--id", "a1"), "unknown claim 'a1'"),
    "unknown claim as json": (("claims", "--json", "--id", "Z"), "unknown claim 'Z'"),
    "unknown name to retrain": (("retrain", "tinny"), "unknown name 'tinny'; known are tiny"),
    "one unknown name of two": (("retrain", "tiny", "tinny"), "unknown name 'tinny'"),
    "unknown name to verify": (("verify", "tinny"), "unknown name 'tinny'"),
    "empty name to verify": (("verify", ""), "unknown name ''"),
    "unknown name to list": (("list", "tinny"), "unknown name 'tinny'"),
    "unknown device": (("train", "tiny", "--device", "tpu"), "device must be cpu, cuda or auto, got 'tpu'"),
    "device in capitals": (("train", "tiny", "--device", "CPU"), "device must be cpu, cuda or auto, got 'CPU'"),
    "device with a number": (("train", "tiny", "--device", "cuda:9"), "device must be cpu, cuda or auto"),
    "empty device": (("train", "tiny", "--device", ""), "device must be cpu, cuda or auto, got ''"),
    "unknown device of a sweep": (("sweep", "swept", "--device", "gpu"), "device must be cpu, cuda or auto"),
    "unknown device to retrain": (("retrain", "tiny", "--seeds", "0", "--device", "tpu"), "device must be cpu, cuda"),
    "unknown backend": (("sweep", "swept", "--backend", "dusk"), "dusk"),
    # what is missing
    "no study": (("train",), "Missing argument"),
    "no sweep": (("sweep",), "Missing argument"),
    "no fit": (("fit",), "Missing argument"),
    "nothing to retrain": (("retrain",), "Missing argument"),
    "no task": (("new-task",), "Missing argument"),
    "seed without a number": (("train", "tiny", "--seed"), "--seed"),
    "claim without an id": (("claims", "--id"), "--id"),
    "no address of the cluster": (("sweep", "swept", "--backend", "dask"), "address of a scheduler"),
    # what is too much
    "two studies": (("train", "tiny", "tiny"), "unexpected extra argument"),
    "two sweeps": (("sweep", "swept", "swept"), "unexpected extra argument"),
    "two tasks": (("new-task", "one", "two"), "unexpected extra argument"),
    "a claim without --id": (("claims", "A1"), "unexpected extra argument"),
    "seed and search": (("train", "tiny", "--seed", "7", "--until-solved"), "exclude each other"),
    "check and json": (("claims", "--check", "--json"), "exclude each other"),
    "address without a cluster": (("sweep", "swept", "--scheduler", "tcp://x:1"), "--scheduler needs --backend dask"),
    "value of a switch": (("claims", "--check=yes"), "--check"),
    # numbers
    "negative seed": (("train", "tiny", "--seed", "-1"), "seed must lie in 0 .. 2^64 - 1, got -1"),
    "seed that is no number": (("train", "tiny", "--seed", "x"), "valid integer"),
    "seed that is no whole number": (("train", "tiny", "--seed", "1.5"), "valid integer"),
    "seed with an exponent": (("train", "tiny", "--seed", "1e3"), "valid integer"),
    "empty seed": (("train", "tiny", "--seed", ""), "valid integer"),
    "seed that no generator holds": (("train", "tiny", "--seed", BIG), f"0 .. 2^64 - 1, got {BIG}"),
    "seed of a thousand digits": (("train", "tiny", "--seed", "9" * 1000), "0 .. 2^64 - 1"),
    "seed of ten thousand digits": (("train", "tiny", "--seed", "9" * 10_000), "exceeded maximum size"),
    "negative seed of a fit": (("fit", "sae", "--seed", "-1"), "seed must lie in 0 .. 2^64 - 1"),
    "large seed of a fit": (("fit", "sae", "--seed", BIG), "seed must lie in 0 .. 2^64 - 1"),
    "falling seeds": (("sweep", "swept", "--seeds", "9..1"), "seeds must look like 0..999 or 7"),
    "negative seeds": (("sweep", "swept", "--seeds=-3..1"), "seeds must look like 0..999 or 7"),
    "seeds with a dash": (("sweep", "swept", "--seeds", "0-3"), "seeds must look like 0..999 or 7"),
    "seeds with three dots": (("sweep", "swept", "--seeds", "0...3"), "seeds must look like 0..999 or 7"),
    "seeds without an end": (("sweep", "swept", "--seeds", "0.."), "seeds must look like 0..999 or 7"),
    "seeds in a list": (("sweep", "swept", "--seeds", "1,2"), "seeds must look like 0..999 or 7"),
    "seeds with a blank": (("sweep", "swept", "--seeds", "0 ..3"), "seeds must look like 0..999 or 7"),
    "empty seeds": (("sweep", "swept", "--seeds", ""), "seeds must look like 0..999 or 7"),
    "seeds in other digits": (("sweep", "swept", "--seeds", "٣"), "seeds must look like 0..999 or 7"),
    "seeds that no generator holds": (("sweep", "swept", "--seeds", f"{BIG}..{BIG}"), "0 .. 2^64 - 1"),
    "seeds of ten thousand digits": (("sweep", "swept", "--seeds", "9" * 10_000), "seeds must look like"),
    "falling seeds to retrain": (("retrain", "tiny", "--seeds", "9..1"), "seeds must look like 0..999 or 7"),
    "seeds that no profile has": (("retrain", "profiles", "--seeds", "7"), "no entry holds these seeds"),
    "seeds of what has none": (("retrain", REMOVED.name, "--seeds", "7"), "no entry holds these seeds"),
    "too many seeds to retrain": (("retrain", "tiny", "--seeds", f"0..{BIG}"), "0 .. 2^64 - 1"),
    # names of tasks
    "capitals in a task": (("new-task", "Shifted"), "lower-case words joined by hyphens"),
    "keyword as a task": (("new-task", "lambda"), "lambda"),
    "path as a task": (("new-task", "../x"), "lower-case words joined by hyphens"),
    "empty task": (("new-task", ""), "lower-case words joined by hyphens"),
    # characters
    "line break in a name": (("train", "ti\nny"), "unknown study"),
    "escape in a name": (("train", "\x1b[31mtiny"), "unknown study"),
    "name of a thousand letters": (("train", "x" * 1000), "unknown study"),
    "broken name of a file": (("train", "\udcff"), "unknown study"),
}


def everything(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


@pytest.fixture
def a_few(only_tiny, monkeypatch):
    """One row of each kind, the study's result made."""
    only_these(monkeypatch, studies=[TINY], sweeps=[SWEPT], fits=[SAE], sources={"T": SOURCE}, analyses=[REMOVED])
    runs.run("tiny")
    assert ledger.RULES, "imported before the tables are emptied: its rules are made of their rows"
    return only_tiny


def test_there_are_sixty_wrong_uses_and_more():
    assert len(MISTAKES) >= 60


@pytest.mark.parametrize(("arguments", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_code_2_and_changes_nothing(a_few, monkeypatch, capsys, arguments, said):
    before = everything(a_few)
    code, out, err = call(monkeypatch, capsys, *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert "\x1b" not in err
    assert len(err) < 500
    assert everything(a_few) == before


def test_a_full_disk_is_one_line_and_code_2(only_tiny, monkeypatch, capsys):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tinycircuits.results.store.os.fsync", full)
    code, _, err = call(monkeypatch, capsys, "train", "tiny")
    assert code == 2
    assert "No space left on device; nothing was changed" in err
    assert err.count("\n") == 1


def test_a_folder_without_write_permission_is_one_line_and_code_2(only_tiny, monkeypatch, capsys):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    code, _, err = call(monkeypatch, capsys, "train", "tiny")
    assert code == 2
    assert "Permission denied" in err
    assert err.count("\n") == 1


def test_a_damaged_result_is_one_line_that_says_what_mends_it(only_tiny, monkeypatch, capsys):
    call(monkeypatch, capsys, "train", "tiny")
    damage(only_tiny)
    code, _, err = call(monkeypatch, capsys, "train", "tiny")
    assert code == 2
    assert "model.safetensors is damaged" in err
    assert err.count("\n") == 1


def test_ctrl_c_before_the_first_round_says_that_it_stopped_and_promises_nothing(only_tiny, monkeypatch, capsys):
    monkeypatch.setattr(runs, "train", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    code, out, err = call(monkeypatch, capsys, "train", "tiny")
    assert (code, out, err) == (130, "", "\ntinycircuits: stopped\n")


def test_ctrl_c_later_says_up_to_where_the_work_is_kept(only_tiny, monkeypatch, capsys):
    real = runs.train

    def broken(*args, on_round, **kwargs):
        def stop(checkpoint):
            on_round(checkpoint)
            if len(checkpoint.history) == 3:
                signal.raise_signal(signal.SIGINT)

        return real(*args, on_round=stop, **kwargs)

    monkeypatch.setattr(runs, "train", broken)
    code, _, err = call(monkeypatch, capsys, "train", "tiny")
    said = "tiny seed 0 is kept up to round 2; the same command goes on from there"
    assert (code, err) == (130, f"\ntinycircuits: {said}\n")
    monkeypatch.setattr(runs, "train", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    assert said in call(monkeypatch, capsys, "train", "tiny")[2]  # broken again before another round


STOPPED_AT = """
import signal, sys

class Stop:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Stop())
from tinycircuits.cli import main
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("module", ["tinycircuits.results.runs", "torch", "transformer_lens", "transformers"])
def test_ctrl_c_in_the_first_seconds_is_at_most_two_lines(tmp_path, module):
    environment = {**os.environ, "TINYCIRCUITS_FROZEN": "0"}
    environment |= {f"TINYCIRCUITS_{name}": str(tmp_path / name) for name in ("RESULTS", "CHECKPOINTS")}
    command = [sys.executable, "-c", STOPPED_AT.format(module=module), "train", "reversal-8d-1l", "--seed", "5"]
    process = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert process.returncode == 130, process.stderr
    assert "Traceback" not in process.stderr
    assert len([line for line in process.stderr.splitlines() if line.startswith("tinycircuits: ")]) == 1
    assert process.stdout == ""


def test_train_prints_counts_and_list_shows_the_state(only_tiny, monkeypatch, capsys):
    assert "not trained" in call(monkeypatch, capsys, "list")[1]
    _, trained, _ = call(monkeypatch, capsys, "train", "tiny")
    assert "of 32 digits wrong" in trained
    _, table, _ = call(monkeypatch, capsys, "list")
    key = runs.load("tiny").key
    assert key in table
    assert key in trained
    assert "stored" in table
    damage(only_tiny, "metrics.json")
    assert "damaged" in call(monkeypatch, capsys, "list")[1]


def test_list_shows_an_unfinished_run(only_tiny, monkeypatch, capsys):
    real = runs.train

    def broken(*args, on_round, **kwargs):
        def stop(checkpoint):
            on_round(checkpoint)
            raise KeyboardInterrupt

        return real(*args, on_round=stop, **kwargs)

    monkeypatch.setattr(runs, "train", broken)
    call(monkeypatch, capsys, "train", "tiny")
    assert "unfinished, 1 of 3 rounds" in call(monkeypatch, capsys, "list")[1]


def test_verify_passes_on_sound_results_and_fails_on_every_kind_of_unsound_one(only_tiny, monkeypatch, capsys):
    assert call(monkeypatch, capsys, "verify")[0] == 1  # nothing published yet
    call(monkeypatch, capsys, "train", "tiny")
    code, out, _ = call(monkeypatch, capsys, "verify")
    assert code == 0
    assert out.startswith("ok")
    real = runs.measure
    monkeypatch.setattr(runs, "measure", lambda *a: {**real(*a), "n_parameters": 1})
    code, out, _ = call(monkeypatch, capsys, "verify")
    assert code == 1
    assert "DIFFERS" in out
    monkeypatch.setattr(runs, "measure", real)
    damage(only_tiny, "spec.json")
    code, out, _ = call(monkeypatch, capsys, "verify")
    assert code == 1
    assert "DAMAGED" in out


def test_retraining_replaces_every_stored_run_and_lists_the_numbers_that_changed(only_tiny, monkeypatch, capsys):
    call(monkeypatch, capsys, "train", "tiny")
    call(monkeypatch, capsys, "train", "tiny", "--seed", "1")
    assert call(monkeypatch, capsys, "retrain", "tiny")[1].strip() == "0 numbers changed in 2 entries made anew."
    before = runs.load("tiny", 1)
    real = runs.train

    def other_seed(*args, seed, **kwargs):
        return real(*args, seed=7 if seed == 1 else seed, **kwargs)

    monkeypatch.setattr(runs, "train", other_seed)
    code, table, _ = call(monkeypatch, capsys, "retrain", "tiny")
    after = runs.load("tiny", 1)
    assert code == 0
    old, new = (each.metrics["loss"]["all"] for each in (before, after))
    assert f"| `tiny` | 1 | loss.all | {old:.6g} | {new:.6g} |" in table
    assert "history.train_loss (last round)" in table
    assert "| `tiny` | 0 |" not in table
    assert "n_parameters" not in table
    monkeypatch.setattr(runs, "train", real)
    assert call(monkeypatch, capsys, "verify")[0] == 0


def test_verify_misses_each_seed_that_a_study_keeps(only_tiny, monkeypatch, capsys):
    call(monkeypatch, capsys, "train", "tiny")
    monkeypatch.setitem(STUDIES, "tiny", replace(STUDIES["tiny"], n_seeds=2))
    code, out, _ = call(monkeypatch, capsys, "verify")
    assert code == 1
    assert "make it with: tinycircuits train tiny --seed 1" in out


def test_help_is_shown_without_a_command(monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys)
    assert code == 0
    assert all(command in out for command in ("list", "train", "verify"))
