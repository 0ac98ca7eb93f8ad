from functools import cache

import numpy as np

from tinycircuits.exercises.subjects import arrays_of


def _step(name, at, by):
    change = np.zeros_like(arrays_of("reversal-8d-1l")[name])
    change[at] = by
    return {name: change}


@cache
def _most_tender(name):
    """The entry of ``W_E`` or ``W_pos`` that breaks the model by the smallest step, of all and both signs."""
    from tinycircuits.exercises.kinds import Wrong
    from tinycircuits.exercises.table import check_of

    check = check_of("smallest-break")
    for at in np.ndindex(arrays_of("reversal-8d-1l")[name].shape):
        for by in (0.008, -0.008):
            try:
                check(_step(name, at, by))
            except Wrong:
                continue
            return _step(name, at, by)
    raise AssertionError(name)


def right_one_number_of_the_tokens():
    return _most_tender("W_E")


def right_two_numbers():
    return _most_tender("W_E") | {"blocks.0.attn.b_K": np.full((1, 4), 1e-3)}


def wrong_nothing():
    return {"W_E": np.zeros((5, 4))}


def wrong_too_long():
    return _step("W_E", (0, 0), 5.0)


def wrong_without_effect():
    return _step("blocks.0.attn.b_K", (0, 0), 0.015)


def wrong_too_short():
    return _step("W_E", (0, 0), 1e-9)


def wrong_name():
    return {"W_X": np.ones((5, 4))}


def wrong_shape():
    return {"W_E": np.ones((4, 5)) * 1e-3}


def wrong_infinite():
    return _step("W_E", (0, 0), np.inf)


def wrong_just_too_long():
    return _step("blocks.0.attn.W_V", (0, 0, 0), 0.5)
