"""Bounds of boxes of cases: by how much the right answer wins at least, in every case of the box.

All nonlinear parts are replaced by linear ones that lie below them on the whole box, or above. What is left is one
linear form of the state after attention for each wrong token, whose least value is found exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from tinycircuits.proof.cases import Boxes
from tinycircuits.proof.forms import affine, least, lightest
from tinycircuits.proof.tables import Tables

SLACK = 1e-11
"""Of a form's sum of absolute values: far more than its rounding here, so that a checker that rounds outward agrees."""

Lowest = Callable[[ndarray], ndarray]
"""From forms to their least values on the boxes at hand."""


@dataclass(frozen=True, eq=False)
class Bounds:
    """What is known of boxes; a case is right when its margin exceeds mu for each wrong token."""

    right: Bool[ndarray, " box"]
    """Every case is right."""
    wrong: Bool[ndarray, " box"]
    """No case is right: one and the same wrong token keeps it from that, if only by a tie."""
    lower: Float[ndarray, "box wrong"]
    """No case has (margin_j - mu) sqrt(|m|^2 + eps) below this; without LayerNorm, margin_j - mu."""
    hints: Float[ndarray, "box form"]
    """The least value of each form that was needed, in this order; a checker may take any, these close the box."""
    at: Int[ndarray, "box digit"]
    """The case where the bound of the nearest wrong token is reached."""
    center: Float[ndarray, "box d"]
    """The middle of the states after attention."""


@np.errstate(all="ignore")
def bounds(tables: Tables, boxes: Boxes, mu: float = 0.0) -> Bounds:
    """The bounds of boxes, of margin_j - mu and of mu - margin_j.

    Both are forms of the state m after the MLP (``at_the_end``), these of the state after attention (``Relaxed``).
    """
    terms = tables.terms_of(boxes)
    hints: list[ndarray] = []

    def lowest(forms: ndarray) -> ndarray:
        found = least(forms, terms, boxes.allowed)
        hints.append(found.lam)
        return found.value

    d = terms.shape[-1] - 1
    low, high = ends(lowest(along_axes(len(boxes), d)))
    center = (low + high) / 2
    mlp = Relaxed.of(tables, low, high, lowest)
    if tables.has_mlp and tables.eps is not None:
        low, high = ends(mlp.after(lowest)(along_axes(len(boxes), d)))
    c, constant, lost = at_the_end(tables, tables.right_of(boxes), mu, low, high)
    forms, less = mlp.forms(c, constant)
    last = least(forms, terms, boxes.allowed)
    inside = np.abs(terms) * boxes.allowed[..., None]
    slack = SLACK * (np.abs(forms) @ inside.max(2).sum(1)[:, :, None])[..., 0] / lightest(terms, boxes.allowed)[:, None]
    lower, against = np.split(last.value - less - lost - slack, 2, axis=1)
    nearest = np.where(np.isnan(lower), -np.inf, lower).argmin(1)
    at, lam = last.at[np.arange(len(boxes)), nearest], last.lam[:, : lower.shape[1]]
    known = np.isfinite(lower).all(1) & np.isfinite(against).all(1)  # what is not a number decides nothing
    right, wrong = known & (lower > 0).all(1), known & (against >= 0).any(1)
    return Bounds(right, wrong, lower, np.concatenate([*hints, lam], axis=1), at, center)


def at_the_end(
    tables: Tables, right: ndarray, mu: float, low: ndarray, high: ndarray
) -> tuple[ndarray, ndarray, ndarray]:
    """Forms c.m + constant below margin_j - mu, then below mu - margin_j, times the root; what to take off them.

    The final LayerNorm needs no division: margin_j > mu exactly if u_j.m + (beta_j - mu) s(m) > 0, where s, the root,
    is convex. Its tangent t + m_0.(m - m_0)/t lies below it, and that plus |m - m_0|^2 / 2t above. On each box m lies
    between ``low`` and ``high``.
    """
    u, beta = tables.u[right], tables.beta[right] - mu
    c, tilt = np.concatenate([u, -u], axis=1), np.concatenate([beta, -beta], axis=1)
    if tables.eps is None:
        return c, tilt, np.zeros(tilt.shape)
    m_0, reach = _middle(low, high)
    t = np.sqrt((m_0**2).sum(-1) + tables.eps)[:, None]
    c = c + tilt[..., None] * (m_0 / t)[:, None]
    return c, tilt * tables.eps / t, np.maximum(-tilt, 0) * (reach[:, None] / (2 * t))


@dataclass(frozen=True, eq=False)
class Relaxed:
    """LayerNorm and MLP between straight lines, on each of some boxes.

    g(y) = g + J y + an error of length at most ``error``, as |g''[h, h]| <= 2/sqrt(3) |h|^2 / s^2. Each ReLU lies above
    ``below`` * pre and below ``above`` * pre + ``lift``.
    """

    tables: Tables
    g: Float[ndarray, "box d"]
    J: Float[ndarray, "box d d"]
    error: Float[ndarray, " box"]
    below: Float[ndarray, "box d_mlp"]
    above: Float[ndarray, "box d_mlp"]
    lift: Float[ndarray, "box d_mlp"]

    @classmethod
    def of(cls, tables: Tables, low: ndarray, high: ndarray, lowest: Lowest) -> "Relaxed":
        """The lines for boxes on which the state after attention lies between ``low`` and ``high``."""
        n_boxes, d = low.shape
        g, J, error = np.zeros((n_boxes, d)), np.broadcast_to(np.eye(d), (n_boxes, d, d)), np.zeros(n_boxes)
        if not tables.has_mlp:
            none = np.zeros((n_boxes, 0))
            return cls(tables, g, J, error, none, none, none)
        if tables.eps is not None:
            g, J, error = normed(low, high, tables.eps, lowest)
        pre = affine(tables.G @ J, g @ tables.G.T + tables.g_0)
        lost = np.linalg.norm(tables.G, axis=1) * error[:, None]
        bottom, top = ends(lowest(np.concatenate([pre, -pre], axis=1)) - np.concatenate([lost, lost], axis=1))
        bent = (bottom < 0) & (top > 0)
        above = np.where(bent, top / np.where(bent, top - bottom, 1), bottom >= 0)
        below = np.where(bent, top > -bottom, bottom >= 0).astype(float)
        return cls(tables, g, J, error, below, above, np.where(bent, -above * bottom, 0.0))

    def forms(self, c: ndarray, constant: ndarray) -> tuple[ndarray, ndarray]:
        """c.m + constant from below by forms of the state y before the MLP; what to take off their least values."""
        tables = self.tables
        if not tables.has_mlp:
            return affine(c, constant), np.zeros(c.shape[:2])
        k = c @ tables.W_out.T
        q = np.where(k >= 0, k * self.below[:, None], k * self.above[:, None])
        constant = constant + c @ tables.b_out + q @ tables.g_0 + (np.minimum(k, 0) * self.lift[:, None]).sum(-1)
        q = q @ tables.G
        constant = constant + (q @ self.g[:, :, None])[..., 0]
        return affine(c + q @ self.J, constant), np.linalg.norm(q, axis=-1) * self.error[:, None]

    def after(self, lowest: Lowest) -> Lowest:
        """The least values of forms of the state after the MLP, from those of the state before it."""

        def found(forms: ndarray) -> ndarray:
            before, less = self.forms(forms[..., :-1], forms[..., -1])
            least_: ndarray = lowest(before) - less
            return least_

        return found


def normed(low: ndarray, high: ndarray, eps: float, lowest: Lowest) -> tuple[ndarray, ndarray, ndarray]:
    """The tangent g + J y of the normed direction at the middle, and the largest length of what it leaves out."""
    y_0, reach = _middle(low, high)
    size = (y_0**2).sum(-1)
    toward = y_0 / np.sqrt(np.where(size > 0, size, 1))[:, None]
    near = np.minimum(lowest(affine(toward[:, None], 0.0))[:, 0], np.sqrt(size))
    s = np.sqrt(size + eps)[:, None]
    J = (np.eye(y_0.shape[1]) - y_0[:, :, None] * y_0[:, None] / s[..., None] ** 2) / s[..., None]
    return y_0 * size[:, None] / s**3, J, reach / (np.sqrt(3) * (np.maximum(near, 0) ** 2 + eps))


def _middle(low: ndarray, high: ndarray) -> tuple[ndarray, ndarray]:
    """The middle of a range and the square of its largest distance from it."""
    return (low + high) / 2, ((high - low) ** 2).sum(-1) / 4


def along_axes(n_boxes: int, d: int) -> Float[ndarray, "box form size"]:
    """The forms whose least values are the ends of the coordinates, as ``ends`` takes them."""
    axes = np.concatenate([np.eye(d), -np.eye(d)])
    return affine(np.broadcast_to(axes, (n_boxes, 2 * d, d)), 0.0)


def ends(values: ndarray) -> tuple[ndarray, ndarray]:
    """Lower and upper ends from the least values of forms and of their negatives."""
    half = values.shape[1] // 2
    return values[:, :half], -values[:, half:]
