"""The data of a training: batches from a listed training set, or from all inputs of a task too large to list."""

import torch

from tinycircuits.tasks import OrderedSplit, ReverseIncrement, SampledSplit
from tinycircuits.training.data import Data


def test_a_batch_of_a_listed_task_is_of_its_training_set():
    task = ReverseIncrement(n_digits=2)
    data = Data.of(task, OrderedSplit(n_train=12))
    assert data.n_train == 12
    assert torch.equal(data.batch(torch.tensor([11, 0])), task.sequences()[[11, 0]])
    assert torch.equal(data.measured, task.sequences())


def test_a_batch_of_an_unlisted_task_is_of_all_its_inputs_for_one_lane_or_many():
    task = ReverseIncrement(n_digits=16)
    data = Data.of(task, SampledSplit(n_train=3, n_holdout=2, seed=0))
    assert data.n_train == 4**16
    drawn = torch.tensor([[0, 4**16 - 1, 5], [4**15, 7, 1]])
    batch = data.batch(drawn)
    assert batch.shape == (2, 3, 33)
    assert torch.equal(batch[1, 0], task.sequences_at(torch.tensor([4**15]))[0])
    assert torch.equal(data.batch(drawn[0]), batch[0])
    assert (len(data.measured), data.train.tolist(), data.holdout.tolist()) == (5, [0, 1, 2], [3, 4])
