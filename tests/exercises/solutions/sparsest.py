import numpy as np

A, M = "blocks.0.attn.", "blocks.0.mlp."
SPARE = [A + "b_K", "blocks.0.ln2.b", "ln_final.b"]


def _zeroed(weights, names):
    return {name: np.zeros_like(weights[name]) for name in names}


def _values_into_output(weights):
    """The weights of a row add up to one: the bias of the values may stand in the output's bias."""
    moved = weights[A + "b_O"] + np.einsum("he,hed->d", weights[A + "b_V"], weights[A + "W_O"])
    return {A + "b_V": np.zeros_like(weights[A + "b_V"]), A + "b_O": moved}


def _head_in_a_basis(weights):
    """Values in the basis in which the output matrix is the identity: twelve zeros."""
    mixed = weights[A + "W_V"] @ weights[A + "W_O"]
    return {A + "W_V": mixed, A + "W_O": np.eye(4)[None]}


def right_biases_and_basis(weights):
    return _zeroed(weights, SPARE) | _values_into_output(weights) | _head_in_a_basis(weights)


def right_basis_of_the_values(weights):
    after = weights | _zeroed(weights, SPARE) | _values_into_output(weights)
    mix = np.linalg.inv(after[A + "W_V"][0])
    return after | {A + "W_V": np.eye(4)[None], A + "W_O": (np.linalg.inv(mix) @ after[A + "W_O"][0])[None]}


def wrong_as_given(weights):
    return weights


def wrong_too_few(weights):
    return _zeroed(weights, SPARE)


def wrong_all(weights):
    return _zeroed(weights, weights)


def wrong_small_ones(weights):
    return {name: np.where(abs(weight) < 0.1, 0, weight) for name, weight in weights.items()}


def wrong_values_forgotten(weights):
    return _zeroed(weights, [*SPARE, A + "b_V"]) | _head_in_a_basis(weights)


def wrong_both_that_stand_in(weights):
    return _zeroed(weights, [*SPARE, M + "b_out"]) | _head_in_a_basis(weights)


def wrong_nothing_given(weights):
    return {}


def wrong_one_neuron_less(weights):
    out = weights[M + "W_out"].copy()
    out[:8] = 0
    return {M + "W_out": out} | right_biases_and_basis(weights)
