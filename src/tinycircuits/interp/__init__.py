"""The analyses, one a module: pure functions of a model and its inputs that return frozen results.

A result that fills a table has ``rows()``, a frame; one that fills a single row beside others has ``row()``, a dict.
"""
