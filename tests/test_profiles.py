"""Profiles: what is stored of many models is what the analyses say about each of them."""

import pytest
import torch

from tinycircuits.claims.digits import digit_profile
from tinycircuits.claims.profiles import SOURCES, blocks, every_block, profile
from tinycircuits.interp import attention_summary
from tinycircuits.runs import load
from tinycircuits.tasks import ModularAddition


@pytest.mark.parametrize("kind", ["published", "untrained"])
def test_measuring_again_gives_the_stored_numbers(kind):
    for block in blocks("C", kind):
        again = block.measure()
        stored = block.load()
        assert again.keys() == stored.keys()
        for name, numbers in again.items():
            torch.testing.assert_close(numbers, stored[name], equal_nan=True, rtol=1e-6, atol=1e-6)


def test_a_row_holds_what_the_analysis_says():
    run = load("reversal-4d-2l")
    found = attention_summary(run.model, run.study.task.sequences(), run.study.task, layer=0)
    torch.testing.assert_close(profile("C", "published")["attention.weight"][0], found.source_weight)


def test_every_profile_is_stored_and_has_a_row_for_each_seed():
    missing = [block.label for block in every_block() if not block.stored]
    assert not missing
    for article, source in SOURCES.items():
        for kind in source.kinds:
            found = profile(article, kind)
            assert {len(numbers) for numbers in found.numbers.values()} == {len(found.seeds)}


def test_an_unknown_number_and_an_unknown_kind_are_named():
    with pytest.raises(KeyError, match=r"'attention.wieght' was not measured; there are .*attention.weight"):
        profile("C", "published")["attention.wieght"]
    with pytest.raises(ValueError, match=r"kind must be one of trained, .* for article D, got 'random encoder'"):
        blocks("D", "random encoder")


def test_an_unknown_part_and_another_task_are_refused():
    run = load("reversal-4d-2l")
    split = run.study.train.split.indices(256)
    with pytest.raises(ValueError, match=r"parts must be among errors, .*, got heads"):
        digit_profile(run.model, run.study.task, split, ("errors", "heads"))
    with pytest.raises(ValueError, match="task must be a ReverseIncrement, got ModularAddition"):
        digit_profile(run.model, ModularAddition(modulus=5, plus_sign=False), split)
