"""The command line: a user's mistake is one line and exit code 2; nothing is lost."""

import errno
from dataclasses import replace

import pytest

from tests.tiny import TINY, only_these
from tinycircuits import cli
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


MISTAKES = {
    "unknown study": (("train", "tinny"), "unknown study 'tinny'; known are tiny"),
    "negative seed": (("train", "tiny", "--seed", "-1"), "seed must be 0 or larger, got -1"),
    "seed that is no number": (("train", "tiny", "--seed", "x"), "valid integer"),
    "unknown option": (("train", "tiny", "--sed", "1"), "--sed"),
    "no name": (("train",), "Missing argument"),
    "unknown command": (("trian",), "No such command"),
    "unknown device": (("train", "tiny", "--device", "tpu"), "device must be cpu, cuda or auto, got 'tpu'"),
    "unknown name to retrain": (("retrain", "tinny"), "unknown name 'tinny'; known are tiny"),
    "seeds that nobody holds": (("retrain", "tiny", "--seeds", "9..1"), "seeds must look like 0..999 or 7"),
    "unknown name to list": (("list", "tinny"), "unknown name 'tinny'"),
    "nothing to retrain": (("retrain",), "Missing argument"),
    "unknown name to verify": (("verify", "tinny"), "unknown name 'tinny'"),
}


@pytest.mark.parametrize(("arguments", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_code_2(only_tiny, monkeypatch, capsys, arguments, said):
    code, out, err = call(monkeypatch, capsys, *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


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


def test_ctrl_c_says_how_to_go_on(only_tiny, monkeypatch, capsys):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "train", interrupt)
    code, _, err = call(monkeypatch, capsys, "train", "tiny")
    assert code == 130
    assert "the same command goes on from it" in err


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
