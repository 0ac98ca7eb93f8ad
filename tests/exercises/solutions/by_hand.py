import numpy as np

N = 3


def _one_hot():
    token, position, answer = 0, 5, 11
    d = 16
    W = {"W_E": np.zeros((5, d)), "W_pos": np.zeros((6, d)), "W_U": np.zeros((d, 5))}
    W["W_E"][range(5), range(5)] = 1
    W["W_pos"][range(6), range(position, position + 6)] = 1
    W["W_Q"], W["W_K"], W["W_V"] = (np.zeros((d, 6)) for _ in range(3))
    for i in range(N):
        W["W_Q"][position + N + i, N - i] = 1_000
    W["W_K"][range(position, position + 6), range(6)] = 1
    W["W_V"][range(token, token + 5), range(5)] = 1
    W["W_O"] = np.zeros((6, d))
    for digit in range(4):
        W["W_O"][digit, answer + (digit + 1) % 4] = 1
    W["W_U"][range(answer, answer + 5), range(5)] = 1
    return W


def right_one_hot():
    return _one_hot()


def right_on_a_circle():
    """Digits and positions as points on circles; the answer is a turn by a quarter."""
    d = 6  # digit (2), position (2), answer (2)
    turn = lambda angle: np.stack([np.cos(angle), np.sin(angle)], -1)  # noqa: E731
    W = {"W_E": np.zeros((5, d)), "W_pos": np.zeros((6, d)), "W_U": np.zeros((d, 5))}
    W["W_E"][:4, :2] = turn(np.arange(4) * np.pi / 2)
    W["W_pos"][:, 2:4] = turn(np.arange(6) * np.pi / 3)
    W["W_Q"], W["W_K"] = np.zeros((d, 2)), np.zeros((d, 2))
    # row n + i looks at column n - i: the angle of the column is minus that of the row
    W["W_Q"][2:4] = 1_000 * np.diag([1, -1])
    W["W_K"][2:4] = np.eye(2)
    W["W_V"] = np.zeros((d, 2))
    W["W_V"][:2] = np.eye(2)
    W["W_O"] = np.zeros((2, d))
    W["W_O"][:, 4:] = [[0, 1], [-1, 0]]
    W["W_U"][4:, :4] = turn(np.arange(4) * np.pi / 2).T
    return W


def wrong_not_raised():
    W = _one_hot()
    W["W_O"] = np.roll(W["W_O"], -1, 0)
    W["W_O"][:] = 0
    W["W_O"][range(4), range(11, 15)] = 1
    return W


def wrong_looks_one_row_too_low():
    W = _one_hot()
    W["W_Q"] = np.roll(W["W_Q"], 1, 0)
    return W


def wrong_not_reversed():
    W = _one_hot()
    W["W_Q"][:] = 0
    for i in range(N):
        W["W_Q"][5 + N + i, 1 + i] = 1_000
    return W


def wrong_even_attention():
    W = _one_hot()
    W["W_Q"][:] = 0
    return W


def wrong_all_ties():
    return {name: np.zeros_like(weight) for name, weight in _one_hot().items()}


def wrong_without_unembedding():
    W = _one_hot()
    del W["W_U"]
    return W


def wrong_shape():
    W = _one_hot()
    W["W_pos"] = W["W_pos"][:5]
    return W


def wrong_too_wide():
    W = _one_hot()
    return {name: np.pad(w, [(0, 60 if s == 16 else 0) for s in w.shape]) for name, w in W.items()}


def wrong_own_token_leaks():
    W = _one_hot()
    W["W_U"][range(5), range(5)] = 2
    return W
