"""Checks of the exercises on how a model adds: waves of neurons, two machines, and what grows before it shows."""

from typing import Any

import numpy as np

from tinycircuits.exercises.asking import Floats, array, ask, brief, function, number, whole, wholes
from tinycircuits.exercises.kinds import Wrong

NEAR = 1e-9
PIZZA, MOST_SLICES, LEAST_LOUD = 59, 3, 0.7
"""Hours of the clock, frequencies at most, and how loud the loudest of them must be for every difference."""


def one_wave(given: Any) -> None:
    """``wave(values)``: the frequency of a neuron over (a, b), and the share of its variance in waves of a and of b."""
    find = function(given, "wave")
    draw = np.random.default_rng(9)

    def told(values: Floats, of: str) -> tuple[int, float]:
        found = ask(find, values, of=of)
        if not isinstance(found, tuple | list) or len(found) != 2:
            raise Wrong(f"{of}: wave(values) must give two things, a frequency and a share; got {brief(found)}")
        k, share = whole(found[0], "the frequency"), number(found[1], "the share")
        if not -NEAR <= share <= 1 + NEAR:
            raise Wrong(f"{of}: a share must lie in 0 .. 1, got {share:.4g}")
        return k, share

    for p in (5, 11, 13):
        a, b = np.arange(p)[:, None], np.arange(p)[None, :]
        for k in range(1, p // 2 + 1):
            w, (x, y) = 2 * np.pi * k / p, draw.uniform(0, 2 * np.pi, 2)
            of_a, of_b = 2 * np.cos(w * a + x) + 0 * b, np.cos(w * b + y) + 0 * a
            together = np.cos(w * (a + b) + x)
            for values, of, wanted in (
                (of_a, f"a wave of a with frequency {k} (p = {p})", 1.0),
                (of_b - 3, f"a wave of b with frequency {k}, moved (p = {p})", 1.0),
                (of_a + of_b, f"waves of a and of b with frequency {k} (p = {p})", 1.0),
                (of_a + of_b + together, f"waves of a and of b, and one of a + b, with frequency {k} (p = {p})", 5 / 6),
                (of_a + of_b + 0.5 * together.T, "the same with less of a + b", 20 / 21),
            ):
                found, share = told(values, of)
                if found != k:
                    raise Wrong(f"{of}: you find the frequency {found}")
                if abs(share - wanted) > 1e-6:
                    raise Wrong(f"{of}: the share is {share:.4f}, and {wanted:.4f} of the variance is in such waves")
            far = 1 + k % (p // 2)
            if far != k:
                weak = 0.5 * np.cos(2 * np.pi * far * a / p) + 0 * b
                found, share = told(of_a + weak, f"a wave with frequency {k} and a weaker one with {far} (p = {p})")
                if found != k or abs(share - 16 / 17) > 1e-6:
                    raise Wrong(
                        f"a wave with frequency {k} and one of a quarter of its height with {far} (p = {p}): you find "
                        f"{found} with a share of {share:.4f}"
                    )


def no_blind_spot(given: Any) -> None:
    """Three frequencies at most of which one is loud for every difference a - b."""
    if not isinstance(given, list | tuple | set | frozenset | np.ndarray):
        raise Wrong("frequencies must be a list of whole numbers")
    listed = list(given)
    if not 1 <= len(listed) <= MOST_SLICES:
        raise Wrong(f"frequencies must be 1 .. {MOST_SLICES} numbers, got {len(listed)}")
    waves = wholes(listed, len(listed), "frequencies")
    if not all(1 <= k <= PIZZA // 2 for k in waves):
        raise Wrong(f"a frequency must lie in 1 .. {PIZZA // 2}, got {waves}")
    loud = np.abs(np.cos(np.pi * np.outer(waves, np.arange(PIZZA)) / PIZZA)).max(0)
    at = int(loud.argmin())
    if loud[at] < LEAST_LOUD:
        raise Wrong(
            f"for a - b = {at} the loudest of your frequencies has {loud[at]:.4f}; every difference needs {LEAST_LOUD}"
        )


def of_the_sum(given: Any) -> None:
    """``restricted(logits, k)``: of a table over (a, b, c) only what goes as a wave of a + b with frequency k."""
    restrict = function(given, "restricted")
    draw = np.random.default_rng(10)
    for p in (5, 7, 13):
        a, b = np.arange(p)[:, None, None], np.arange(p)[None, :, None]
        heights = draw.normal(size=4)
        for k in range(1, p // 2 + 1):
            other = 1 + k % (p // 2)
            w = 2 * np.pi * k / p
            here = np.cos(w * (a + b)) * heights + np.sin(w * (a + b)) * heights[::-1]

            def told(logits: Floats, of: str, k: int = k, p: int = p) -> Floats:
                return array(ask(restrict, logits, k, of=of), (p, p, 4), f"restricted(logits, {k}) for {of}")

            said = f"a wave of a + b with frequency {k} (p = {p})"
            if np.abs(told(here, said) - here).max() > 1e-6:
                raise Wrong(f"{said} must stay as it is")
            for rest, of in (
                (np.ones((p, p, 1)) * heights, "what is the same for all pairs"),
                (np.cos(w * a) * heights + 0 * b, f"a wave of a with frequency {k}"),
                (np.sin(w * b) * heights + 0 * a, f"a wave of b with frequency {k}"),
                (np.cos(w * (a - b) + 1) * heights, f"a wave of a - b with frequency {k}"),
                (np.cos(2 * np.pi * other * (a + b) / p) * heights * (other != k), f"a wave with frequency {other}"),
            ):
                if np.abs(told(rest, f"{of} (p = {p})")).max() > 1e-6:
                    raise Wrong(f"k = {k}, p = {p}: of {of} nothing must be left")
                if np.abs(told(here + 2 * rest, f"both (p = {p})") - here).max() > 1e-6:
                    raise Wrong(f"k = {k}, p = {p}: {of} must go, and the wave of a + b beside it must stay as it is")
