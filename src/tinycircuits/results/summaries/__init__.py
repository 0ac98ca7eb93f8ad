"""Stored results as tables, one row for each run, seed or fit; what is measured elsewhere is only laid out here.

Numbers stay plain, for ``display`` to format; only counts of a whole that differs from row to row stand as text,
``0 of 5``.
"""
