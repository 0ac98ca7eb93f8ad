"""Every stored number has one name and the shape that its name says; what was not measured is named."""

from contextlib import suppress
from typing import get_type_hints

import pytest
import torch

from tinycircuits.results.numbers import OfDigits, OfLatents, OfPairs, digits, latents, pairs
from tinycircuits.results.pairs import READ
from tinycircuits.results.profiles import Profile
from tinycircuits.results.tables.profiles import SOURCES

pytestmark = pytest.mark.xdist_group("ledger")


def reader(name):
    source = SOURCES[name]
    return latents if source.fit else digits if source.study.startswith("reversal") else pairs


def named(of):
    """The attributes of a profile whose numbers were measured."""
    names = get_type_hints(type(of)).keys() - get_type_hints(Profile).keys()
    measured = {}
    for name in names:
        with suppress(KeyError):
            measured[name] = getattr(of, name)
    return measured


@pytest.mark.parametrize("name", SOURCES)
def test_every_stored_number_is_an_attribute_of_the_shape_that_it_states(name):
    hints = {cls: get_type_hints(cls) for cls in (OfDigits, OfPairs, OfLatents)}
    for kind in SOURCES[name].kinds:
        of = reader(name)(name, kind)
        found = named(of)
        for attribute, number in found.items():
            assert isinstance(number, hints[type(of)][attribute]), (attribute, number.shape, number.dtype)
        by_argument = {key for key in of.numbers if key.startswith(("ablated.", "read-out.", "rewritten.moved."))}
        reached = {id(number) for number in found.values()}
        assert {id(number) for key, number in of.numbers.items() if key not in by_argument} == reached


def test_numbers_with_an_argument_are_read_by_it():
    of = digits("B", "published")
    assert of.without("L0 mlp") is of["ablated.L0 mlp.zero_weights"]
    assert of.without("L0 attn", "mean") is of["ablated.L0 attn.mean"]
    with pytest.raises(KeyError, match=r"'ablated.L0 mlp.gone' was not measured; there are .*wrong.all"):
        of.without("L0 mlp", "gone")
    moved = digits("C, rewritten", "published")
    assert moved.moved_by_rewriting("cosine with W_E") is moved["rewritten.moved.cosine with W_E"]
    pair = pairs("E", "published")
    for number in READ:
        assert pair.read_out(number, shuffled=True) is pair[f"read-out.{number}, shuffled"]
    torch.testing.assert_close(pair.sum_read(), pair["read-out.a + b"][:, :, :, -1].mean(1))


def test_a_number_cannot_be_set_and_some_seeds_keep_their_kind_of_profile():
    of = digits("C", "trained")
    with pytest.raises(AttributeError):
        of.weight = torch.zeros(1)
    few = of.of_seeds(torch.tensor([3]))
    assert isinstance(few, OfDigits)
    assert torch.equal(few.weight, of.weight[3:4])


def test_the_shortest_program_is_the_first_that_changes_nothing_or_one_past_the_last():
    changed = torch.tensor([[[0, 4, 4], [0, 0, 4], [2, 3, 1]]])  # [seed rung answer]
    of = OfDigits("trained", torch.tensor([0]), {"program.changed": changed})
    assert of.shortest_program.tolist() == [[0, 1, 3]]
