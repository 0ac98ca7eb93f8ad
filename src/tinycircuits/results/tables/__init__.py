"""The tables: which results there are."""
