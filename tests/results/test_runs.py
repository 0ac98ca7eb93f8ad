"""Runs: loaded or trained, never half of either; the published models are what the table says."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from tests.test_cli import call
from tests.tiny import TINY
from tinycircuits.models.build import build
from tinycircuits.models.errors import teacher_forced
from tinycircuits.models.weights import flat_weights
from tinycircuits.results import provenance, runs
from tinycircuits.results.errors import CorruptResult, MissingResult
from tinycircuits.results.tables.studies import STUDIES, Study, studies_of
from tinycircuits.tasks import ModularAddition, Task
from tinycircuits.training.loop import train

MODES = ("teacher_forced", "free_running")


def test_the_second_call_loads_what_the_first_one_trained(house, monkeypatch):
    first = runs.run("tiny")
    monkeypatch.setattr(runs, "train", lambda *_, **__: pytest.fail("trained again"))
    second = runs.run("tiny")
    assert second.metrics == first.metrics
    assert first.history["step"] == [0, 4, 8, 12]
    tokens = TINY.task.inputs(TINY.task.sequences())
    with torch.no_grad():
        assert torch.equal(first.model(tokens), second.model(tokens))
    assert set(first.provenance) >= {"commit", "date", "device", "seconds", "torch", "transformer_lens"}


def test_a_frozen_house_trains_nothing(house, monkeypatch):
    monkeypatch.setenv("TINYCIRCUITS_FROZEN", "1")
    with pytest.raises(MissingResult, match="tinycircuits train tiny --seed 3"):
        runs.run("tiny", 3)
    assert not (house / "results").exists()


def test_a_damaged_result_is_never_retrained_silently(house, monkeypatch):
    runs.run("tiny")
    weights = next((house / "results").rglob("model.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1])
    monkeypatch.setattr(runs, "train", lambda *_, **__: pytest.fail("trained again"))
    with pytest.raises(CorruptResult, match=r"model.safetensors is damaged.*tinycircuits retrain tiny --seeds 0"):
        runs.run("tiny")


def test_a_result_made_by_another_recipe_is_not_taken_for_this_one(house, monkeypatch):
    runs.run("tiny")
    other = TINY.train.model_copy(update={"recipe": 2})
    monkeypatch.setitem(STUDIES, "tiny", Study(**{**TINY.__dict__, "train": other}))
    monkeypatch.setenv("TINYCIRCUITS_FROZEN", "1")
    with pytest.raises(MissingResult, match="1 of other seeds or recipes"):
        runs.run("tiny")
    assert runs.stored_seeds("tiny") == []


def test_a_broken_run_goes_on_from_its_last_round(house, monkeypatch):
    whole = runs.run("tiny", 5).metrics
    (house / "results").rename(house / "away")
    real = runs.train

    def interrupted(*args, on_round, **kwargs):
        def stop(checkpoint):
            on_round(checkpoint)
            if len(checkpoint.history) == 3:
                raise KeyboardInterrupt

        return real(*args, on_round=stop, **kwargs)

    monkeypatch.setattr(runs, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runs.run("tiny", 5)
    assert runs.entry(TINY, 5).rounds_done == 2
    assert runs.stored_seeds("tiny") == []
    resumed = []
    monkeypatch.setattr(runs, "train", lambda *a, resume, **k: resumed.append(resume) or real(*a, resume=resume, **k))
    assert runs.run("tiny", 5).metrics == whole
    assert len(resumed[0].history) == 3
    assert runs.entry(TINY, 5).rounds_done is None


@pytest.mark.parametrize(("name", "seed", "said"), [("tinny", None, "known are"), ("tiny", -1, "seed must lie in 0")])
def test_unknown_studies_and_seeds_are_refused(house, name, seed, said):
    with pytest.raises(ValueError, match=said):
        runs.run(name, seed)


def test_every_seed_that_a_study_keeps_is_loaded_or_missed(house, monkeypatch):
    monkeypatch.setitem(STUDIES, "tiny", Study(**{**TINY.__dict__, "n_seeds": 2}))
    runs.run("tiny", 0)
    with pytest.raises(MissingResult, match="tinycircuits train tiny --seed 1"):
        runs.every_seed("tiny")
    runs.run("tiny", 1)
    assert [run.seed for run in runs.every_seed("tiny")] == [0, 1]


def test_a_study_keeps_its_published_seed_and_all_smaller_ones():
    assert list(Study(**{**TINY.__dict__, "published_seed": 3}).seeds) == [0, 1, 2, 3]


def test_single_precision_is_measured_in_double(house, monkeypatch):
    single = TINY.train.model_copy(update={"dtype": "float32"})
    study = Study(**{**TINY.__dict__, "train": single})
    monkeypatch.setitem(STUDIES, "tiny", study)
    run = runs.run("tiny")
    assert run.model.W_E.dtype == torch.float32
    sequences = TINY.task.sequences()
    double = build(TINY.model, TINY.task, seed=0, dtype="float64")
    double.load_state_dict(run.model.state_dict())
    expected = teacher_forced(double, TINY.task, sequences).mean_loss()
    assert run.metrics["loss"]["all"] == expected != teacher_forced(run.model, TINY.task, sequences).mean_loss()


def test_studies_are_found_by_their_task():
    assert set(studies_of(ModularAddition)) == {"addition-113-3l", "addition-97-2l", "addition-97-2l-gpt2"}
    assert set(studies_of(Task)) == set(STUDIES)


def test_a_study_whose_article_prints_a_seed_publishes_that_one_and_passes_none_over(house):
    printed = Study(**{**TINY.__dict__, "published_seed": 42, "printed_seed": 42, "n_seeds": 2})
    assert printed.seeds == (0, 1, 42)
    assert STUDIES["addition-97-2l"].printed_seed == STUDIES["addition-97-2l"].published_seed == 42
    assert runs.smaller_seeds("addition-97-2l") == []


@pytest.mark.parametrize("name", STUDIES)
def test_the_published_model_is_the_smallest_seed_without_a_mistake_or_the_printed_one(name):
    published = runs.load(name)
    assert published.errors().wrong_digits == 0
    assert published.errors().n_sequences == len(published.study.task.sequences())
    passed_over = 0 if published.study.printed_seed is not None else published.seed
    assert [run.errors(on="holdout").wrong_digits > 0 for run in runs.smaller_seeds(name)] == [True] * passed_over


@pytest.mark.slow
def test_a_killed_training_of_four_digits_ends_with_the_stored_metrics(tmp_path, monkeypatch, capsys):
    """Guards the recipe number: a change of the loop that changes the outcome must raise ``TrainSpec.recipe``.

    Another processor rounds differently, and training amplifies the last bit: there only the start can agree.
    """
    published = runs.load("reversal-4d-2l")
    folders = {"TINYCIRCUITS_RESULTS": "results", "TINYCIRCUITS_CHECKPOINTS": "checkpoints"}
    environment = {name: str(tmp_path / folder) for name, folder in folders.items()} | {"TINYCIRCUITS_FROZEN": "0"}
    arguments = ("train", "reversal-4d-2l")
    command = [sys.executable, "-m", "tinycircuits.cli", *arguments]
    process = subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "checkpoints").rglob("provenance.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list((tmp_path / "results").rglob("provenance.json"))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    status, said, _ = call(monkeypatch, capsys, *arguments)
    assert status == 0
    assert "of 1,024 digits wrong" in said
    stored = json.loads(next((tmp_path / "results").rglob("metrics.json")).read_text())
    rounds = slice(None) if published.provenance["device"] == provenance.processor() else slice(2)
    for column, values in published.history.items():
        assert stored["history"][column][rounds] == pytest.approx(values[rounds], rel=1e-6), column
    if rounds == slice(None):
        assert {mode: stored[mode] for mode in MODES} == {mode: published.metrics[mode] for mode in MODES}
        assert stored["loss"] == pytest.approx(published.metrics["loss"], rel=1e-6)


def test_a_run_that_is_not_kept_is_trained_to_the_weights_of_one_that_is():
    of = TINY.spec(3)
    model, last = runs.trained_anew(of)
    kept, history = train(of.task, of.model, of.train, seed=3)
    assert torch.equal(flat_weights(model), flat_weights(kept))
    assert last == history[-1]
