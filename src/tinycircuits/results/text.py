"""Numbers and tables in plain text, as the command line prints them."""

from collections.abc import Sequence


def of(part: int, whole: int) -> str:
    """``12 of 1,000``."""
    return f"{part:,} of {whole:,}"


def aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows of equally many cells as lines of text, each column as wide as its widest cell, two blanks apart.

    Raises ``ValueError`` for rows of different lengths.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
