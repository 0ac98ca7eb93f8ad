"""No machine is farther from ours than its bound: real float32 in random orders, and machines that err all they may."""

import numpy as np
import pytest

from tests.proof.machine import Rounding
from tinycircuits.proof.machines import U, gamma
from tinycircuits.proof.nearby import Map, Near, activated, added, attended, length, linear, normed, whole
from tinycircuits.proof.norms import norm_bound

SINGLE, COARSE = 2.0**-24, 2.0**-13
MACHINES = {
    "float32": (SINGLE, lambda seed: Rounding("single", seed)),
    "errs up": (COARSE, lambda seed: Rounding("adverse", seed, COARSE, up=True)),
    "errs as it falls": (COARSE, lambda seed: Rounding("adverse", seed, COARSE)),
}
N = 300
"""Cases of one draw."""


@pytest.fixture(params=MACHINES)
def kind(request):
    return MACHINES[request.param]


def drawn(seed, *shape):
    draw = np.random.default_rng(seed)
    return draw.normal(size=shape) * 10.0 ** draw.uniform(-1, 1, size=(*shape[:-1], 1))


def near(x, u, share):
    """Vectors, how far a machine's are, and one machine's: that far away, for half of them along the vector."""
    x = x.astype(np.float32).astype(np.float64)
    r = share * length(x)
    away = np.random.default_rng(len(x)).normal(size=x.shape)
    away[::2] = -x[::2]
    moved = x + away / length(away)[..., None] * (r * (1 - 1e-3))[..., None]
    if u == SINGLE:
        moved = np.where(r[..., None] > 0, moved.astype(np.float32), x)
    return Near(x, r[None]), moved


def within(found, true):
    far = length(found.x - true.astype(np.float64))
    assert np.isfinite(found.r).all()
    assert (far <= found.r[0]).all()
    return far / np.maximum(found.r[0], 1e-300)


@pytest.mark.parametrize("share", [0.0, 0.01])
@pytest.mark.parametrize("seed", range(3))
def test_sums(kind, seed, share):
    u, machine = kind
    (a, a_m), (b, b_m) = near(drawn(seed, N, 8), u, share), near(drawn(seed + 9, N, 8), u, share)
    assert within(added(a, b, np.array([u])), machine(seed).add(a_m, b_m)).max() > 0.4


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5])
@pytest.mark.parametrize(("n", "out"), [(4, 4), (16, 5), (64, 16)])
def test_linear_maps(kind, n, out, share):
    u, machine = kind
    for seed in range(3):
        W, b = (each.astype(np.float32).astype(np.float64) for each in (drawn(seed, out, n), drawn(seed, 1, out)[0]))
        if seed == 0:
            W = abs(W)
        f = Map(W, b, *(np.array([norm_bound(each)]) for each in (W, W, abs(W))), gain=1.0)
        at, x_m = near(abs(drawn(seed + 5, N, n)) if seed == 0 else drawn(seed + 5, N, n), u, share)
        assert within(whole(linear(f, at, np.array([u]))), machine(seed).linear(W, b, x_m)).max() <= 1


def test_distances_after_a_gain_are_folded_into_the_map():
    """The vector before the gain is off by r, after it by e more: W (w * dz + e)."""
    draw = np.random.default_rng(3)
    W, w, z = draw.normal(size=(6, 5)), draw.normal(size=5) * [9, 1, 1, 0.1, 0.1], draw.normal(size=(2000, 5))
    f = Map(W, np.zeros(6), *(np.array([norm_bound(each)]) for each in (W * w, W, abs(W))), gain=float(abs(w).max()))
    dz, e = draw.normal(size=z.shape), draw.normal(size=z.shape)
    best = np.linalg.svd(W * w)[2][0]
    dz[:50], e[:50] = best, 0.001
    dz, e = 0.01 * dz / length(dz)[:, None], 0.02 * e / length(e)[:, None]
    found = linear(f, Near(z * w, np.full((1, 2000), 0.01), np.full((1, 2000), 0.02)), np.array([U]))
    far = length(((z + dz) * w + e) @ W.T - found.x[:, 0])
    assert (far <= found.r[0, :, 0]).all()
    assert (far > 0.3 * found.r[0, :, 0]).any()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3])
@pytest.mark.parametrize("n", [3, 4, 64])
@pytest.mark.parametrize("mean", [0.0, 30.0])
def test_layer_norms(kind, n, share, mean):
    u, machine = kind
    if mean and share == 0.3:
        share = 0.003  # else nothing is left of the centred vector
    for seed in range(2):
        w, b = drawn(seed, 1, n)[0].astype(np.float32), np.zeros(n, dtype=np.float32)
        x = drawn(seed + 3, N, n) + mean * 10.0
        x[:20] = x[:20].mean(1, keepdims=True) + (x[:20] - x[:20].mean(1, keepdims=True)) * 0.05
        at, x_m = near(x, u, share)
        unit = normed(at, np.ones(n), b, np.array([u]))
        z_m = machine(seed).norm(np.ones(n, dtype=np.float32), b, x_m)
        bound, far = (unit.r + unit.e)[0], length(unit.x - z_m)
        assert (far <= bound).all()
        found = normed(at, w.astype(float), b, np.array([u]))
        y_m = machine(seed).norm(w, b, x_m)
        assert (length(found.x - y_m) <= abs(w).max() * found.r[0] + found.e[0]).all()


def test_a_layer_norm_of_a_machine_that_errs_all_it_may_comes_near_its_bound():
    """Both sums err by n u in the worst direction: of the entries, which moves the mean, and of their squares."""
    for n in (64, 1024):
        x, u = np.tile([1.0, -1.0], n // 2)[None], 1e-9
        found = normed(Near(x, np.zeros((1, 1))), np.ones(n), np.zeros(n), np.array([u]))
        machine = Rounding("adverse", 0, u, up=True)
        machine.sum = lambda terms, n=n, u=u: (terms * (1 + np.sign(terms) * (n - 1) * u)).sum(-1)
        far = length(found.x - machine.norm(np.ones(n), np.zeros(n), x))
        assert 0.6 * found.r[0] < far <= found.r[0] + found.e[0]


def test_the_slope_of_a_layer_norm_grows_where_a_machine_comes_nearer_to_zero():
    x = np.array([[1.0, -1.0]])
    found = normed(Near(x, np.array([[0.7]])), np.ones(2), np.zeros(2), np.array([U]))
    exact = Rounding("none")
    for r in (0.1, 0.5, 0.699):
        for direction in ([1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]):
            other = x + r * np.array(direction) / np.sqrt(2)
            assert length(exact.norm(np.ones(2), np.zeros(2), other) - found.x)[0] <= found.r[0, 0]
    assert np.isinf(normed(Near(x, np.array([[1.5]])), np.ones(2), np.zeros(2), np.array([U])).r).all()
    one = normed(Near(np.array([[1.0, -1.0]]) * 0.02, np.array([[0.02]])), np.ones(2), np.zeros(2), np.array([U]))
    worst = exact.norm(np.ones(2), np.zeros(2), np.array([[1.0, -1.0]]) * (0.02 - 0.0199 / np.sqrt(2)))
    assert length(worst - one.x)[0] <= one.r[0, 0]


@pytest.mark.parametrize("share", [0.0, 0.003])
@pytest.mark.parametrize("scale", [0.3, 2.0])
def test_attention(kind, share, scale):
    u, machine = kind
    mask = np.tril(np.ones((6, 6), dtype=bool))
    for seed in range(4):
        parts = [scale * np.random.default_rng((seed, i)).normal(size=(40, 6, 2, 3)) for i in range(3)]
        if seed == 3:
            parts[2] += 20.0  # values far from 0 and near each other
        pairs = [near(each.reshape(-1, 3), u, share) for each in parts]
        ours = [Near(each.x.reshape(40, 6, 2, 3), each.r.reshape(1, 40, 6, 2)) for each, _ in pairs]
        found = attended(*ours, mask, np.array([u]))
        true = machine(seed).attention(*(each.reshape(40, 6, 2, 3) for _, each in pairs), mask)
        assert within(found, true).max() <= 1


def test_one_key_is_all_that_the_first_row_sees_so_that_scores_do_not_matter():
    q, k, v = (np.random.default_rng(i).normal(size=(5, 1, 1, 3)) for i in range(3))
    r = np.full((1, 5, 1, 1), 0.01)
    found = attended(Near(q, r), Near(k, r), Near(v, 0 * r), np.ones((1, 1), dtype=bool), np.array([U]))
    assert found.r.max() < 1e-13
    np.testing.assert_allclose(found.x, v)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_each_of_query_key_and_value_moves_attention_by_less_than_its_bound_and_by_a_tenth_of_it(part):
    """Two keys, real arithmetic, and the worst of many directions."""
    draw = np.random.default_rng(part)
    q, k, v = (draw.normal(size=(1, 2, 1, 2)) for _ in range(3))
    mask, r = np.ones((2, 2), dtype=bool), [np.zeros((1, 1, 2, 1)) for _ in range(3)]
    r[part] = np.full((1, 1, 2, 1), 1e-4)
    found = attended(*(Near(x, each) for x, each in zip((q, k, v), r, strict=True)), mask, np.array([0.0]))
    exact, worst = Rounding("none"), 0.0
    for _ in range(300):
        moved = [q, k, v]
        step = draw.normal(size=(1, 2, 1, 2))
        moved[part] = moved[part] + 1e-4 * step / length(step)[..., None]
        far = length(exact.attention(*moved, mask).astype(float) - found.x)
        assert (far <= found.r[0]).all()
        worst = max(worst, float((far / found.r[0]).max()))
    assert worst > 0.1


def test_weights_of_attention_that_err_all_they_may_move_the_mean_by_less_than_the_bound():
    """One of two weights is e^u too large and the other too small: rounding of exp alone, u coarse."""
    u = 1e-3
    zero, mask = np.zeros((1, 1, 2, 1)), np.ones((1, 2), dtype=bool)
    v = Near(np.array([0.0, 1.0]).reshape(1, 2, 1, 1), zero)
    for score in (0.0, 3.0, 12.0):
        q, k = Near(np.ones((1, 1, 1, 1)), zero[:, :, :1]), Near(np.array([score, 0.0]).reshape(1, 2, 1, 1), zero)
        found = attended(q, k, v, mask, np.array([u]))
        b_far = np.exp(-score * (1 + 3 * u)) * (1 - 8 * u)
        a_far = 1 + 8 * u
        truth = 1 / (np.exp(score) + 1)
        assert abs(b_far / (a_far + b_far) - truth) <= found.r[0, 0, 0, 0]


@pytest.mark.parametrize("name", ["relu", "gelu"])
@pytest.mark.parametrize("share", [0.0, 0.05])
def test_activations(kind, name, share):
    u, machine = kind
    for seed in range(3):
        at, x_m = near(drawn(seed, N, 8), u, share)
        assert within(activated(at, name, np.array([u])), machine(seed).act(name, x_m)).max() <= 1


def test_the_steepest_place_of_gelu_is_bounded():
    x = np.full((1, 1), np.sqrt(2.0))
    found = activated(Near(x, np.full((1, 1), 1e-3)), "gelu", np.array([0.0]))
    assert length(Rounding("none").act("gelu", x + 1e-3) - found.x)[0] <= found.r[0, 0]


def test_real_arithmetic_differs_from_ours_by_our_own_rounding():
    x, u = drawn(0, N, 16), np.array([0.0])
    W = drawn(1, 8, 16)
    f = Map(W, np.zeros(8), *(np.array([norm_bound(each)]) for each in (W, W, abs(W))), gain=1.0)
    at, exact = Near(x, np.zeros((1, N))), Rounding("none")
    for ours, true in (
        (whole(linear(f, at, u)), exact.linear(W, np.zeros(8), x)),
        (added(at, Near(x[::-1], at.r), u), exact.add(x, x[::-1])),
    ):
        far = length((ours.x - true).astype(float))
        assert far.max() > 0
        assert (far <= ours.r[0]).all()


def test_gamma_is_what_n_roundings_can_do():
    assert gamma(10, 0.01) == pytest.approx(0.1 / 0.9)
    assert gamma(10, 0.01) >= (1 + 0.01) ** 10 - 1
    assert np.isinf(gamma(100, 0.01))
    assert gamma(100, 0.0) == 0


def test_scores_so_large_that_our_own_weights_are_not_certain_bound_nothing():
    q, k, v = (np.random.default_rng(i).normal(size=(2, 3, 1, 4)) * scale for i, scale in enumerate((1e5, 1e5, 1.0)))
    zero = np.zeros((1, 2, 3, 1))
    found = attended(Near(q, zero), Near(k, zero), Near(v, zero), np.ones((3, 3), dtype=bool), np.array([U]))
    assert np.isinf(found.r).all()
