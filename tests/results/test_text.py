"""Tables for a terminal: columns stand one below the other and no line ends in blanks."""

import pytest

from tinycircuits.results.text import aligned


def test_every_column_is_as_wide_as_its_widest_cell_and_nothing_trails():
    assert aligned([("name", "n", ""), ("a", "1,000", "x"), ("longer", "2", "")]) == (
        "name    n\na       1,000  x\nlonger  2"
    )


def test_rows_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="longer"):
        aligned([("a", "b"), ("a", "b", "c")])
