"""Figures, tables and numbers of the book: each result is computed once and shown on the page and in print."""

from tinycircuits.display.bars import bars
from tinycircuits.display.curves import lines
from tinycircuits.display.dots import dots
from tinycircuits.display.entries import Code, Entries, Entry, Evidence, Files
from tinycircuits.display.explorer import pair_explorer
from tinycircuits.display.figure import Figure
from tinycircuits.display.grids import heatmap
from tinycircuits.display.numbers import count, listed, number, of, publish, share, span
from tinycircuits.display.table import Table

__all__ = [
    "Code",
    "Entries",
    "Entry",
    "Evidence",
    "Figure",
    "Files",
    "Table",
    "bars",
    "count",
    "dots",
    "heatmap",
    "lines",
    "listed",
    "number",
    "of",
    "pair_explorer",
    "publish",
    "share",
    "span",
]
