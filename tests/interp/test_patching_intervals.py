"""Bootstrap intervals hold the true recovery in about nineteen of twenty samples, no more and no fewer."""

import numpy as np
import pytest
import torch

from tinycircuits.interp.patching import Patching

N, SAMPLES, RESAMPLES = 60, 300, 200


def sample(rng, *, spread):
    """Per-input metrics whose true recovery is 0.4; the runs move together, as those of one input do."""
    shared = spread * rng.standard_normal(N)
    noise = 0.3 * rng.standard_normal((3, N))
    corrupted, clean, patched = (
        torch.from_numpy(level + shared + each) for level, each in zip((0, 5, 2), noise, strict=True)
    )
    other = torch.from_numpy(1 + rng.standard_normal(N))
    metrics = {"logit difference": torch.stack([patched, other]), "loss": torch.stack([other, patched])}
    ends = [dict.fromkeys(metrics, each) for each in (clean, corrupted)]
    return Patching("denoise", ("one", "two"), *ends, metrics, {})


@pytest.mark.parametrize(("level", "least", "most", "spread"), [(None, 0.915, 0.975, 3.0), (0.8, 0.73, 0.86, 0.0)])
def test_an_interval_covers_as_often_as_it_says(level, least, most, spread):
    """Of 300 samples the share at 95 % has a standard error of 0.013, that at 80 % one of 0.023."""
    rng = np.random.default_rng(0)
    options = {} if level is None else {"confidence": level}
    inside = below = 0
    for seed in range(SAMPLES):
        found = sample(rng, spread=spread).intervals(seed=seed, resamples=RESAMPLES, **options)["one"]
        inside += found.low <= 0.4 <= found.high
        below += found.high < 0.4
        assert found.low < found.value < found.high
    assert least <= inside / SAMPLES <= most
    assert 0.2 < below / (SAMPLES - inside) < 0.8, "it misses on both sides"


def test_each_run_and_metric_has_an_interval_of_its_own():
    patching = sample(np.random.default_rng(1), spread=1.0)
    difference, loss = (patching.intervals(metric, seed=0) for metric in ("logit difference", "loss"))
    assert list(difference) == ["one", "two"]
    assert difference["one"] == loss["two"]
    assert difference["two"] == loss["one"]
    assert abs(difference["two"].value - difference["one"].value) > 0.1
    assert difference["two"].high - difference["two"].low > 1.5 * (difference["one"].high - difference["one"].low)
