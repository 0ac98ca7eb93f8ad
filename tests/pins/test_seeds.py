"""The published numbers of part II, pinned: counts of seeds are exact, fingerprints to what float64 gives anywhere."""

from collections import Counter

import pytest
import torch

from tinycircuits.interp.agreement import families, fingerprint, reading_layers
from tinycircuits.interp.ov import digit_writing, shift
from tinycircuits.models.errors import best_from_own_token
from tinycircuits.results import sweeps
from tinycircuits.results.tables.sweeps import SWEEPS
from tinycircuits.tasks import IncrementInPlace, ReverseAddNeighbour, ReverseIncrement

SHOWN = [name for name in SWEEPS if name.split("-")[0] in ("seeds", "attention", "mlp", "tied", "neighbour")]


@pytest.mark.parametrize("name", SHOWN)
def test_faultless_seeds(name, data_regression):
    result = sweeps.load_sweep(name)
    failed = ~result.solved
    data_regression.check(
        {
            "seeds": len(result.seeds),
            "faultless": int(result.solved.sum()),
            "faultless at some point": int(result.faultless.any(1).sum()),
            "right on the training set only": int((failed & (result.train_wrong_sequences == 0)).sum()),
            "right on the holdout": int((result.holdout_wrong_sequences == 0).sum()),
            "most wrong digits": int(result.wrong_digits.max()),
            "fewest wrong digits": int(result.wrong_digits.min()),
        }
    )


def test_where_the_ordered_split_fails(num_regression):
    result = sweeps.load_sweep("seeds-c-ordered")
    wrong = result.wrong(~result.solved).double().mean(0)
    first = result.sweep.task.sequences()[:, 1]
    num_regression.check(
        {f"x_0 = {digit}": wrong[first == digit].mean(0).numpy() for digit in range(4)},
        default_tolerance={"atol": 1e-3, "rtol": 0},
    )


@pytest.mark.parametrize("name", [name for name in SWEEPS if name.startswith("tied")])
def test_what_attention_writes_with_tied_embeddings(name, data_regression):
    result = sweeps.load_sweep(name)
    models = result.models(result.seeds[result.solved].tolist())
    found = Counter(shift(digit_writing(model, result.sweep.task)) for model in models)
    data_regression.check({str(step): n for step, n in sorted(found.items(), key=str)})


def test_fingerprints_and_families(num_regression, data_regression):
    result = sweeps.load_sweep("seeds-c-shuffled")
    task = result.sweep.task
    seeds = result.seeds[result.solved].tolist()[:40]
    found = [fingerprint(m, task.sequences(), task, seed=0) for m in result.models(seeds)]
    vectors = torch.stack([each.vector for each in found])
    columns = {f"feature {i}": column.numpy() for i, column in enumerate(vectors.T)}
    num_regression.check(columns, default_tolerance={"atol": 5e-3, "rtol": 0})
    data_regression.check(
        {
            "families": families(vectors, apart=0.3).bincount().tolist(),
            "layers that look": dict(Counter(" ".join(reading_layers(each.source_weight)) for each in found)),
        }
    )


def test_what_a_model_without_attention_can_reach():
    shares = {
        ReverseIncrement(n_digits=4): (1 + 3 / 4) / 4,
        ReverseIncrement(n_digits=8): (1 + 7 / 4) / 8,
        IncrementInPlace(n_digits=4): 1 / 4,
        ReverseAddNeighbour(n_digits=4): 1 / 4,
    }
    for task, share in shares.items():
        assert best_from_own_token(task) == pytest.approx(share)
