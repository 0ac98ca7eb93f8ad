import numpy as np

A, M = "blocks.0.attn.", "blocks.0.mlp."


def _heads(weights, mix):
    back = np.linalg.inv(mix)
    return {
        A + "W_V": weights[A + "W_V"] @ mix,
        A + "b_V": weights[A + "b_V"] @ mix,
        A + "W_O": back @ weights[A + "W_O"],
    }


def right_permuted_and_turned(weights):
    order = np.random.default_rng(0).permutation(16)
    mix = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    return _heads(weights, mix) | {
        M + "W_in": weights[M + "W_in"][:, order],
        M + "b_in": weights[M + "b_in"][order],
        M + "W_out": weights[M + "W_out"][order],
    }


def right_louder_and_softer(weights):
    return _heads(weights, 2 * np.eye(4)) | {
        M + "W_in": weights[M + "W_in"] * 3,
        M + "b_in": weights[M + "b_in"] * 3,
        M + "W_out": weights[M + "W_out"] / 3,
    }


def wrong_as_given(weights):
    return weights


def wrong_biases_forgotten(weights):
    changed = right_permuted_and_turned(weights)
    return {name: weight for name, weight in changed.items() if ".b_" not in name}


def wrong_neurons_only(weights):
    changed = right_louder_and_softer(weights)
    return {name: weight for name, weight in changed.items() if ".mlp." in name}


def wrong_negative_scale(weights):
    return _heads(weights, 2 * np.eye(4)) | {
        M + "W_in": -weights[M + "W_in"],
        M + "b_in": -weights[M + "b_in"],
        M + "W_out": -weights[M + "W_out"],
    }


def wrong_transposed_instead_of_inverse(weights):
    mix = np.triu(np.ones((4, 4)))
    changed = right_louder_and_softer(weights) | _heads(weights, mix)
    return changed | {A + "W_O": mix.T @ weights[A + "W_O"]}


def wrong_noise(weights):
    draw = np.random.default_rng(0)
    return {name: weight + 0.3 * draw.normal(size=weight.shape) for name, weight in weights.items()}


def wrong_too_little(weights):
    return {name: weight * (1 + 1e-9) for name, weight in weights.items()}


def wrong_order_of_inputs_only(weights):
    changed = right_permuted_and_turned(weights)
    return changed | {M + "W_out": weights[M + "W_out"][::-1]}
