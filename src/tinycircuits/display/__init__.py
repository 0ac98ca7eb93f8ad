"""Figures, tables and numbers of the book: each result is computed once and shown on the page and in print."""

from tinycircuits.display.bars import bars
from tinycircuits.display.curves import lines
from tinycircuits.display.dots import dots
from tinycircuits.display.entries import Code, Entries, Entry, Evidence, Files
from tinycircuits.display.explorer import pair_explorer
from tinycircuits.display.figure import Figure
from tinycircuits.display.grids import heatmap
from tinycircuits.display.numbers import count, fixed, listed, number, of, publish, share, signed, span
from tinycircuits.display.slider import slider
from tinycircuits.display.table import Table
from tinycircuits.display.workbench import Live

__all__ = [
    "Code",
    "Entries",
    "Entry",
    "Evidence",
    "Figure",
    "Files",
    "Live",
    "Table",
    "bars",
    "count",
    "dots",
    "fixed",
    "heatmap",
    "lines",
    "listed",
    "number",
    "of",
    "pair_explorer",
    "publish",
    "share",
    "signed",
    "slider",
    "span",
]
