"""Results as tables: the rows behind what a chapter draws, sets and says, in named columns.

Nothing is measured here: that is done by ``interp`` and ``claims``. Numbers stay plain, for ``display`` to format; only
counts of a whole that differs from row to row stand as text, ``0 of 5``.
"""
