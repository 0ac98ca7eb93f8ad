"""Stored fingerprints of many seeds as the models' fingerprints again."""

from collections.abc import Sequence

from tinycircuits.interp.agreement import Fingerprint
from tinycircuits.results.numbers import OfDigits


def fingerprints(of: OfDigits, parts: Sequence[str]) -> list[Fingerprint]:
    """The fingerprint of each model of a profile; ``parts`` are the labels of the models' components, in order."""
    rows = zip(of.reads, of.kept, of.kept_control, of.carries, of.carries_control, strict=True)
    return [Fingerprint(tuple(parts), *row) for row in rows]
