import numpy as np

C = np.arange(4)


def right_zigzag():
    """f = s - 4 relu(s - 3) + 4 relu(s - 4), scores 2 c f - c^2."""
    f = np.array([1.0, -4.0, 4.0])
    return {
        "W_in": np.ones((2, 3)),
        "b_in": np.array([0.0, -3.0, -4.0]),
        "W_out": np.outer(f, 2 * C),
        "b_out": -(C**2.0),
    }


def right_a_bend_at_each_sum():
    """Each score is a tent over the sum, from bends at 0 .. 6, by solving for them."""
    sums = np.arange(7)
    W_in, b_in = np.ones((2, 7)), -(sums - 1.0)
    hidden = np.maximum(0, sums[:, None] + b_in)
    wanted = np.eye(4)[sums % 4]
    return {"W_in": W_in, "b_in": b_in, "W_out": np.linalg.solve(hidden, wanted), "b_out": np.zeros(4)}


def wrong_no_rollover():
    mlp = right_zigzag()
    mlp["W_out"][1:] = 0
    return mlp


def wrong_bend_too_late():
    mlp = right_zigzag()
    mlp["b_in"] = mlp["b_in"] - 1
    return mlp


def wrong_no_offset():
    mlp = right_zigzag()
    mlp["b_out"] = np.zeros(4)
    return mlp


def wrong_too_many_neurons():
    sums = np.arange(9)
    return {"W_in": np.ones((2, 9)), "b_in": -(sums - 1.0), "W_out": np.ones((9, 4)), "b_out": np.zeros(4)}


def wrong_difference():
    mlp = right_zigzag()
    mlp["W_in"][1] = -1
    return mlp


def wrong_all_ties():
    return {"W_in": np.zeros((2, 1)), "b_in": np.zeros(1), "W_out": np.zeros((1, 4)), "b_out": np.zeros(4)}


def wrong_shapes():
    mlp = right_zigzag()
    mlp["W_out"] = mlp["W_out"].T
    return mlp


def wrong_sum_plus_one():
    mlp = right_zigzag()
    return mlp | {"W_out": np.roll(mlp["W_out"], 1, 1), "b_out": np.roll(mlp["b_out"], 1)}
