"""The data of the live model: one trained model whole, as JSON that a page computes with."""

import base64
from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.models.weights import Course, flat_weights, named_weights
from tinycircuits.tasks import ModularAddition, ReverseIncrement, Task

FORMAT = 1


def live_data(
    model: TransformerBridge,
    task: Task,
    *,
    name: str,
    study: str,
    seed: int,
    title: str = "",
    python: Sequence[str] = (),
    course: Course | None = None,
) -> dict[str, Any]:
    """The model and its task as plain JSON values.

    ``parameters`` are pairs of TransformerLens' name and shape; ``weights`` all their numbers, each parameter row by
    row, one after another: little-endian ``dtype`` (that of the model) in base85 (RFC 1924). A ``course`` is in
    float32: its last round differs from ``weights`` by rounding. ``tokens`` are the printed names of the tokens in
    order of their index; ``positions`` those of a whole sequence, ``n_ctx`` of them, of which the model reads all but
    the last. ``python`` are lines of a program that have made ``model`` and ``task`` from what is stored.

    A digit task says ``sources`` and ``increment``: y_i = (x[sources[i]] + increment) mod modulus. Modular addition
    says at which positions of the input ``a`` and ``b`` stand, and which token stands at each other (``signs``, by
    position); the sum is read at the last position. ``gelu`` is the exact one, x Phi(x).

    Raises ``ValueError`` for a task that the page cannot compute.
    """
    cfg = model.cfg
    named = named_weights(model)
    flat = flat_weights(model)
    found: dict[str, Any] = {
        "format": FORMAT,
        "name": name,
        "title": title or name,
        "study": study,
        "seed": seed,
        "python": [*python],
    }
    found |= {
        "n_layers": cfg.n_layers,
        "n_heads": cfg.n_heads,
        "d_model": cfg.d_model,
        "d_head": cfg.d_head,
        "d_mlp": None if cfg.attn_only else cfg.d_mlp,
        "act_fn": cfg.act_fn,
        "layer_norm": cfg.normalization_type == "LN",
        "eps": cfg.eps,
    }
    found |= _task(task)
    found["parameters"] = [[each, list(weight.shape)] for each, weight in named.items()]
    found |= {"dtype": str(flat.dtype).removeprefix("torch."), "weights": _base85(flat)}
    if course is not None:
        found["course"] = {
            "rounds": list(course.rounds),
            "wrong": course.wrong.tolist(),
            "weights": _base85(course.weights.float()),
        }
    return found


def wave_data(
    frequencies: Sequence[int],
    heights: Sequence[float],
    cos: Float[Tensor, "wave c"],
    sin: Float[Tensor, "wave c"],
    mean: Float[Tensor, " c"],
) -> dict[str, Any]:
    """The waves of a sum as plain JSON values; what is not one number a wave in float32, as the weights are written."""
    told = {"cos": cos, "sin": sin, "mean": mean}
    packed = {name: _base85(values.float()) for name, values in told.items()}
    return {"frequencies": [*frequencies], "heights": [*heights], **packed}


def _task(task: Task) -> dict[str, Any]:
    shared = {"n_ctx": task.n_ctx, "tokens": list(task.token_names), "positions": list(task.position_names)}
    if type(task) is ReverseIncrement:
        sources = [column - 1 for column in task.source_columns]
        return {
            "task": "digits",
            "n_digits": task.n_digits,
            "modulus": task.modulus,
            "sources": sources,
            "increment": task.increment,
            **shared,
        }
    if type(task) is ModularAddition:
        a, b = task.operand_columns
        token = {"+": task.plus, "=": task.equals}
        signs = {str(at): token[said] for at, said in enumerate(task.position_names) if said in token}
        return {"task": "addition", "modulus": task.modulus, "a": a, "b": b, "signs": signs, **shared}
    raise ValueError(f"task must be ReverseIncrement or ModularAddition, got {type(task).__name__}")


def _base85(values: Float[Tensor, "..."]) -> str:
    numbers = values.detach().contiguous().numpy()
    return base64.b85encode(numbers.astype(numbers.dtype.newbyteorder("<")).tobytes()).decode()
