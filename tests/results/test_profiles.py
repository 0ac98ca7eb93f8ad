"""Profiles: what is stored of many models is what the analyses say about each of them."""

from dataclasses import replace

import pytest
import torch

from tinycircuits.interp.attention import attention_summary
from tinycircuits.results import door, profiling, provenance
from tinycircuits.results.digits import digit_profile
from tinycircuits.results.door import Work
from tinycircuits.results.profiles import places, profile
from tinycircuits.results.runs import load
from tinycircuits.results.tables.profiles import OTHER_START, SOURCES
from tinycircuits.results.tables.studies import study
from tinycircuits.tasks import ModularAddition, Task

pytestmark = pytest.mark.xdist_group("ledger")


def entries(article, kind):
    return profiling.row_of(article, kind).committed


def made(entry):
    return entry.make(Work(entry, "cpu", False)).tensors


@pytest.mark.parametrize("kind", ["published", "untrained"])
def test_measuring_again_gives_the_stored_numbers(kind):
    for each in entries("C", kind):
        again, stored = made(each), door.load(each).tensors
        assert again.keys() == stored.keys()
        for name, numbers in again.items():
            torch.testing.assert_close(numbers, stored[name], equal_nan=True, rtol=1e-6, atol=1e-6)


def test_a_row_holds_what_the_analysis_says():
    run = load("reversal-4d-2l")
    found = attention_summary(run.model, run.study.task.sequences(), run.study.task, layer=0)
    torch.testing.assert_close(profile("C", "published")["attention.weight"][0], found.source_weight)


def test_every_profile_is_stored_and_has_a_row_for_each_seed():
    missing = [each.label for row in profiling.rows() for each in row.committed if not each.held]
    assert not missing
    for article, source in SOURCES.items():
        for kind in source.kinds:
            found = profile(article, kind)
            assert {len(numbers) for numbers in found.numbers.values()} == {len(found.seeds)}


@pytest.mark.parametrize(
    ("kind", "whole", "device", "every"),
    [
        ("shuffled answers", True, "here", True),
        ("shuffled answers", True, "elsewhere", False),
        ("shuffled answers", False, "here", False),
        ("trained", True, "elsewhere", True),
    ],
)
def test_models_that_are_not_kept_are_measured_again_on_their_own_processor_only(
    monkeypatch, kind, whole, device, every
):
    (entry, *_), again = entries("E", kind), []
    monkeypatch.setattr(provenance, "processor", lambda: "here")
    monkeypatch.setattr(profiling, "_differing", lambda source, place, stored, seed: again.append(seed) or [])
    stored = replace(door.load(entry), provenance={"device": device})
    assert entry.check(stored, whole) == []
    assert again == (list(entry.seeds) if every else [])


def test_an_unknown_number_and_an_unknown_kind_are_named():
    with pytest.raises(KeyError, match=r"'attention.wieght' was not measured; there are .*attention.weight"):
        profile("C", "published")["attention.wieght"]
    with pytest.raises(ValueError, match=r"kind must be one of trained, .* for article D, got 'random encoder'"):
        places("D", "random encoder")


def test_an_unknown_part_and_another_task_are_refused():
    run = load("reversal-4d-2l")
    split = run.study.train.split.indices(256)
    with pytest.raises(ValueError, match=r"parts must be among errors, .*, got heads"):
        digit_profile(run.model, run.study.task, split, ("errors", "heads"))
    with pytest.raises(ValueError, match="task must be a ReverseIncrement, got ModularAddition"):
        digit_profile(run.model, ModularAddition(modulus=5, plus_sign=False), split)


# What is stored, measured anew.


def trained_when_measured(article, kind):
    """Of these models only the profile is stored."""
    source = SOURCES[article]
    return source.alternative is not None or (kind == "shuffled answers" and isinstance(source.shuffled, Task))


KINDS = [(article, kind) for article, source in SOURCES.items() for kind in source.kinds]
FROM_THE_STORE = [each for each in KINDS if not trained_when_measured(*each)]
SAMPLED = [
    (article, kind)
    for article in (*"ABDE", OTHER_START, "E, latents, summed", f"{OTHER_START}, latents")
    for kind in SOURCES[article].kinds
    if kind != "published" and not trained_when_measured(article, kind)
]
"""A model of each: of articles A to C the tests of pinned numbers look at the published ones, and above C is whole."""


def agree(anew, stored):
    """The same numbers, but for what another processor rounds otherwise: two of a thousand."""
    assert anew.keys() == stored.keys()
    for name, numbers in anew.items():
        torch.testing.assert_close(
            numbers.double(),
            stored[name].double(),
            equal_nan=True,
            rtol=2e-3,
            atol=2e-3,
            msg=lambda why, n=name: n + why,
        )


@pytest.mark.parametrize(("article", "kind"), SAMPLED)
def test_one_model_of_each_kind_measured_again_has_its_stored_row(article, kind, monkeypatch):
    source, stored = SOURCES[article], profile(article, kind)
    if source.fit is None:
        cheap = ("attention",)
        monkeypatch.setitem(SOURCES, article, replace(source, parts=cheap, many_parts=cheap))
    place = places(article, kind)[-1]
    seed = place.seeds[-1]
    assert seed == stored.seeds[-1]
    anew = profiling._measured(SOURCES[article], place, seed)
    agree(anew, {name: stored[name][-1] for name in anew})


@pytest.mark.parametrize("article", [name for name, source in SOURCES.items() if "published" in source.kinds])
def test_the_published_row_is_that_of_the_published_seed(article):
    source = SOURCES[article]
    shown, chosen = profile(article, "published"), study(source.study)
    assert shown.seeds.tolist() == [chosen.published_seed]
    assert shown["wrong.all"].sum() == load(chosen.name).errors().wrong_digits
    if source.trained is None and "trained" in source.kinds:  # the published model is one of the trained ones
        of = profile(article, "trained")
        (row,) = (of.seeds == chosen.published_seed).nonzero().flatten().tolist()
        for name, numbers in shown.numbers.items():
            assert torch.equal(of[name][row], numbers[0])
