"""Checks of the exercises on addition on a clock: waves, heads, read-outs, starts, features."""

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from tinycircuits.exercises.asking import Floats, array, ask, function, number, wholes
from tinycircuits.exercises.kinds import Wrong
from tinycircuits.results.profiles import profile
from tinycircuits.results.runs import load
from tinycircuits.results.summaries.readouts import stored_readouts
from tinycircuits.tasks import ModularAddition

NEAR = 1e-9
HOURS, MOST_WAVES, LEAST_MARGIN = 113, 5, 2.4
PARTS = ("L0 attn", "L0 mlp", "L1 attn", "L1 mlp")


def hands(given: Any) -> float:
    """Five frequencies at most whose waves, added, name every sum modulo 113; the least margin is the score."""
    if not isinstance(given, list | tuple | set | frozenset | np.ndarray):
        raise Wrong("frequencies must be a list of whole numbers")
    listed = list(given)
    if not 1 <= len(listed) <= MOST_WAVES:
        raise Wrong(f"frequencies must be 1 .. {MOST_WAVES} numbers, got {len(listed)}")
    waves = wholes(listed, len(listed), "frequencies")
    if not all(1 <= k <= HOURS // 2 for k in waves):
        raise Wrong(f"a frequency must lie in 1 .. {HOURS // 2}, got {waves}")
    if len(set(waves)) < len(waves):
        raise Wrong("the same frequency twice is one wave, louder: choose different ones")
    numbers = np.arange(HOURS)
    c = numbers[:, None, None] + numbers[None, :, None] - numbers  # a, b, c
    logits = np.sum([np.cos(2 * np.pi * k * c / HOURS) for k in waves], axis=0)
    right = np.take_along_axis(logits, ((numbers[:, None] + numbers) % HOURS)[..., None], -1)
    others = logits.copy()
    np.put_along_axis(others, ((numbers[:, None] + numbers) % HOURS)[..., None], -np.inf, -1)
    margin = float((right[..., 0] - others.max(-1)).min())
    if margin < LEAST_MARGIN:
        at = int(others[0, 0].argmax())
        raise Wrong(
            f"0 + 0: the right answer wins by {margin:.4f} only, before {at}; every sum must win by {LEAST_MARGIN}"
        )
    return margin


def follows(given: Any) -> None:
    """``shares(table)``: how much of a table over (a, b) follows a, b and their sum; parts that are known add up."""
    find = function(given, "shares")
    draw = np.random.default_rng(5)

    def told(table: Floats, of: str) -> Floats:
        found = array(ask(find, table, of=of), (3,), f"shares of {of}")
        if (found < -NEAR).any() or (found > 1 + NEAR).any():
            raise Wrong(f"{of}: a share must lie in 0 .. 1, got {np.round(found, 4).tolist()}")
        return found

    for p in (5, 13):
        f, g, h = draw.normal(size=(3, p))
        a, b = np.arange(p)[:, None], np.arange(p)[None, :]
        by_a, by_b, by_sum = f[a] + 0 * b, g[b] + 0 * a, h[(a + b) % p]
        for name, table, one in (("a", by_a, 0), ("b", by_b, 1), ("a + b", by_sum, 2)):
            found = told(table, f"a table that follows {name} alone (p = {p})")
            if np.abs(found - np.eye(3)[one]).max() > 1e-6:
                raise Wrong(f"a table that follows {name} alone (p = {p}) gives {np.round(found, 4).tolist()}")
        mixed = by_a + 2 * by_b - by_sum + 7
        found = told(mixed, f"a table made of all three (p = {p})")
        if abs(found.sum() - 1) > 1e-6:
            raise Wrong(f"a table made of all three (p = {p}): the shares add up to {found.sum():.4f}, and must to 1")
        for other, of, wanted in (
            (mixed.T, "the same with a and b exchanged", found[[1, 0, 2]]),
            (5 * mixed - 2, "the same, stretched and moved", found),
            (np.roll(mixed, 1, 0), "the same with every a one hour later", found),
        ):
            if np.abs((after := told(other, of)) - wanted).max() > 1e-6:
                raise Wrong(
                    f"a table made of all three (p = {p}) gives {np.round(found, 4).tolist()}; {of} must give "
                    f"{np.round(wanted, 4).tolist()}, and gives {np.round(after, 4).tolist()}"
                )
        noise = draw.normal(size=(p, p))
        rest = sum(float(told(noise, f"noise (p = {p})")[i]) for i in range(3))
        if rest > 0.9:
            raise Wrong(
                f"noise (p = {p}) follows nothing: its shares must stay well below one, got {rest:.2f} together"
            )


def sum_readable(given: Any) -> None:
    """The part of article E's model across which the sum becomes readable at ``=``."""
    if given not in PARTS:
        raise Wrong(f"answer must be one of {', '.join(PARTS)}")
    before, after = _read()[PARTS.index(given)]
    if max(b - a for a, b in _read()) > after - before:
        raise Wrong(
            f"before {given}, {before:.0%} of the held-out sums can be read at '=', and after it {after:.0%}; across "
            "another part more is gained"
        )


@cache
def _read() -> list[tuple[float, float]]:
    """How much of the held-out sums can be read before and after each part."""
    run = load("addition-97-2l")
    task = run.study.task
    assert isinstance(task, ModularAddition)
    at = stored_readouts(profile("E", "published").numbers, run.model, task).table("a + b")["="]
    values = [float(each) for each in at]
    return list(pairwise(values))


def depends(given: Any) -> None:
    """``varying(states)``: the share of the states' mean square that differs from input to input."""
    find = function(given, "varying")
    draw = np.random.default_rng(6)

    def told(states: Floats, of: str) -> float:
        found = number(ask(find, states, of=of), f"varying of {of}")
        if not -NEAR <= found <= 1 + NEAR:
            raise Wrong(f"{of}: a share must lie in 0 .. 1, got {found:.4g}")
        return found

    for n, width in ((2, 1), (10, 3), (50, 4)):
        states = draw.normal(size=(n, width))
        states -= states.mean(0)
        fixed = np.tile(draw.normal(size=width), (n, 1))
        turn = np.linalg.qr(draw.normal(size=(width, width)))[0]
        if told(fixed, f"{n} inputs with the same state") > NEAR:
            raise Wrong(f"{n} inputs with the same state: nothing varies, 0 expected")
        if told(states, f"{n} states whose mean is zero") < 1 - NEAR:
            raise Wrong(f"{n} states whose mean is zero: everything varies, 1 expected")
        both = states + fixed
        found = told(both, f"{n} states, {width} numbers")
        if abs(told(3 * both, "the same, three times as long") - found) > NEAR:
            raise Wrong("all states three times as long: the share must stay")
        if abs(told(both @ turn, "the same in a turned basis") - found) > NEAR:
            raise Wrong(f"{n} states of {width} numbers in a turned basis: the share must stay")
        odds = told(states + 2 * fixed, "the same with twice as much that is fixed")
        if abs((1 / odds - 1) - 4 * (1 / found - 1)) > 1e-6 / odds:
            raise Wrong(
                "with the fixed part twice as long, what is fixed must count four times as much: squares add up"
            )


def one_residue(given: Any) -> None:
    """``residues(activity, sums, p)``: each latent's favourite residue, and the share of its activity there."""
    find = function(given, "residues")
    draw = np.random.default_rng(7)
    for p in (3, 7, 11):
        sums = (np.arange(p)[:, None] + np.arange(p)).ravel() % p
        favourite = draw.permutation(p)
        pure = (sums[:, None] == favourite) * draw.uniform(1, 2, size=(p * p, p))
        even = np.ones((p * p, 2))
        half = (sums[:, None] == favourite[:2]) * 3.0 + (sums[:, None] == favourite[1:3]) * 1.0
        half = half[:, :1]
        for activity, of, wanted, share in (
            (pure, "latents that fire for one residue each", favourite, 1.0),
            (even, "latents that always fire", None, 1 / p),
            (half, "a latent that fires three times as loud for one residue as for another", favourite[:1], 0.75),
        ):
            found = ask(find, activity, sums, p, of=f"{of} (p = {p})")
            if not isinstance(found, tuple | list) or len(found) != 2:
                raise Wrong("residues(activity, sums, p) must give two things: the residues and the shares")
            n = activity.shape[1]
            who, how = wholes(found[0], n, "the residues"), array(found[1], (n,), "the shares")
            if wanted is not None and who != wanted.tolist():
                raise Wrong(f"{of} (p = {p}): the favourites are {who[:6]}, and these latents were made for others")
            if np.abs(how - share).max() > 1e-6:
                raise Wrong(f"{of} (p = {p}): the shares are {np.round(how[:4], 3).tolist()}, not {share:.3f} each")
        later = ask(find, pure, (sums + 1) % p, p, of="the same with every sum one hour later")
        if wholes(later[0], p, "the residues") != ((favourite + 1) % p).tolist():
            raise Wrong(f"with every sum one hour later (p = {p}) each favourite must be one hour later")
        order = draw.permutation(p)
        again = ask(find, pure[:, order], sums, p, of="the same latents in another order")
        if wholes(again[0], p, "the residues") != favourite[order].tolist():
            raise Wrong(f"the same latents in another order (p = {p}) must have the same favourites, in that order")
