"""Numbers and tables in plain text, as the command line prints them."""

from collections.abc import Sequence


def of(part: int, whole: int) -> str:
    """``12 of 1,000``."""
    return f"{part:,} of {whole:,}"


def aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows of equally many cells as lines with their columns under one another."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in padded)
