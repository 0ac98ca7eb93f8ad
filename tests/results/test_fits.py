"""Fits: kept like models. Loaded or made, never half of either; a missing one is a clear line."""

import dataclasses

import pytest
import torch

from tests.test_cli import call
from tests.tiny import only_these
from tinycircuits import reports
from tinycircuits.results import fits, runs
from tinycircuits.results.errors import CorruptResult, MissingResult
from tinycircuits.results.tables.fits import EVERY_STAGE, FITS, Fit, fit_named
from tinycircuits.results.tables.studies import STUDIES
from tinycircuits.training.dictionaries import ProbeSpec, SaeSpec

SAE = Fit("tiny-sae", "small", "for tests", "L0 mlp", SaeSpec(width=6, l1=0.1, lr=1e-2, epochs=2, batch_size=8), 2)
PROBE = Fit("tiny-probe", "small", "for tests", EVERY_STAGE, ProbeSpec(steps=3, lr=1e-2, fit_share=0.5), 1)


@pytest.fixture
def small(house, monkeypatch):
    """A house with one trained study of addition and two fits on it."""
    from tinycircuits.models.build import ModelSpec
    from tinycircuits.tasks import ModularAddition, OrderedSplit
    from tinycircuits.training.recipe import IndependentBatches, TrainSpec

    study = dataclasses.replace(
        STUDIES["tiny"],
        name="small",
        task=ModularAddition(modulus=5, plus_sign=False),
        model=ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4),
        train=TrainSpec(
            split=OrderedSplit(n_train=20), batches=IndependentBatches(steps=4, batch_size=4, round_steps=4), lr=1e-2
        ),
    )
    only_these(monkeypatch, studies=[study], fits=[SAE, PROBE])
    runs.run("small")
    return house


def test_a_fit_is_made_once_and_then_loaded(small, monkeypatch):
    first = fits.fit("tiny-sae", 1)
    monkeypatch.setattr(fits, "_make", lambda *_, **__: pytest.fail("made again"))
    second = fits.fit("tiny-sae", 1)
    assert second.metrics == first.metrics
    assert torch.equal(second.dictionary.W_dec, first.dictionary.W_dec)
    assert len(first.metrics["loss"]) == 2
    assert first.metrics["n_states"] == 25
    assert fits.measure_sae(SAE, second.dictionary).items() <= first.metrics.items()


def test_a_read_out_counts_every_stage_with_its_controls(small):
    metrics = fits.fit("tiny-probe", 0).metrics
    assert list(metrics["stages"]) == ["L0 resid_mid", "L0 resid_post", "embed"]
    assert (metrics["n_fit"], metrics["n_holdout"]) == (12, 13)
    for each in metrics["stages"].values():
        assert set(each) == {"fitted", "held out", "shuffled labels", "untrained model"}
        assert all(0 <= count <= 13 for count in each.values())
    with pytest.raises(ValueError, match="fit must be a sparse autoencoder, got tiny-probe"):
        _ = fits.load_fit("tiny-probe", 0).dictionary


def test_a_missing_fit_names_the_command_and_nothing_is_made_when_frozen(small, monkeypatch):
    monkeypatch.setenv("TINYCIRCUITS_FROZEN", "1")
    with pytest.raises(MissingResult, match="make it with: tinycircuits fit tiny-sae --seed 0"):
        fits.fit("tiny-sae", 0)
    with pytest.raises(ValueError, match="unknown fit 'tiny'; known are tiny-sae, tiny-probe"):
        fit_named("tiny")


def test_a_damaged_fit_is_never_remade_silently(small):
    fits.fit("tiny-sae", 0)
    weights = next((small / "results" / "tiny-sae").rglob("model.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(CorruptResult, match=r"model.safetensors is damaged.*tinycircuits retrain tiny-sae --seeds 0"):
        fits.fit("tiny-sae", 0)


def test_a_fit_on_another_run_is_another_fit():
    real = FITS["addition-97-2l-sae-summed"]
    assert real.spec(0).described() != real.spec(1).described()
    other = dataclasses.replace(real, study="addition-113-3l")
    assert real.spec(0).described()["run"] != other.spec(0).described()["run"]
    with pytest.raises(ValueError, match=r"seed must lie in 0 .. 2\^64 - 1, got -1"):
        real.spec(-1)


def test_the_command_line_fits_and_verifies(small, monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys, "fit", "tiny-sae")
    assert code == 0
    assert [line.split(":")[0] for line in out.splitlines()] == ["tiny-sae seed 0", "tiny-sae seed 1"]
    code, out, _ = call(monkeypatch, capsys, "fit", "tiny-probe", "--seed", "0")
    assert "of 13 held out read right" in out
    lines, sound = reports.verification(["tiny-sae", "tiny-probe"], whole=False, progress=False)
    assert sound
    assert len(lines) == 3
    code, _, err = call(monkeypatch, capsys, "fit", "tinny")
    assert (code, err.count("\n")) == (2, 1)
    assert "unknown fit 'tinny'; known are tiny-sae, tiny-probe" in err


def test_verify_sees_a_changed_number_and_a_missing_fit(small, monkeypatch):
    fits.fit("tiny-sae", 0)
    lines, sound = reports.verification(["tiny-sae"], whole=False, progress=False)
    assert not sound
    assert lines[-1].startswith("MISSING tiny-sae seed 1")
    monkeypatch.setattr(fits, "measure_sae", lambda *_: {"l0": 99.0})
    lines, _ = reports.verification(["tiny-sae"], whole=False, progress=False)
    assert lines[0].startswith("DIFFERS")
