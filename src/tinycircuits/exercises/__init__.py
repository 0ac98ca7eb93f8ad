"""Exercises that check themselves: a table of them, what an answer must do, and what a reader has done."""

from tinycircuits.exercises.notebook import check

__all__ = ["check"]
