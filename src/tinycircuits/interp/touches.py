"""The changes that the live page offers, in Python: parts held at another value, weights set, and what goes wrong then.

The page writes its changes into its address; here the same text makes the same changes, by hooks of TransformerLens.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.activations import activations, batches
from tinycircuits.models.weights import named_weights, with_weights
from tinycircuits.tasks import ModularAddition, ReverseIncrement

By = Literal["zero", "mean", "other"]
Index = tuple[int | slice, ...]
Values = dict[str, Float[Tensor, "..."]]
"""For each hook the values of one run, or the means of many: an activation without its axis of inputs."""

SITES = {
    "embed": ("embed", "blocks.0.hook_resid_pre"),
    "attn": ("attn.LAYER", "blocks.{}.hook_attn_out"),
    "head": ("head.LAYER.HEAD", "blocks.{}.attn.hook_z"),
    "mlp": ("mlp.LAYER", "blocks.{}.hook_mlp_out"),
    "neuron": ("neuron.LAYER.NEURON", "blocks.{}.mlp.hook_post"),
    "edge": ("edge.LAYER.HEAD.ROW.KEY", "blocks.{}.attn.hook_pattern"),
}
"""For each kind of site how it is written, and the hook at which TransformerLens has its value."""

_NUMBER = r"-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_HOLD = re.compile(rf"((?:{'|'.join(SITES)})(?:\.\d+)*)(?:@(\d+))?~(zero|mean|other)")
_ZERO = re.compile(r"([A-Za-z][\w.]*)~0")
_WEIGHT = re.compile(rf"([A-Za-z][\w.]*)~(\d+)~({_NUMBER})")
_NEXT = re.compile(rf"_(?={'|'.join(SITES)}|blocks|ln_final|W_|b_U)")
"""What stands between two changes: names hold underscores, so one begins where a known beginning stands."""


@dataclass(frozen=True)
class Hold:
    """A part held at another value than what the model computes there, at position ``pos`` or at all.

    By zero, by its mean over all inputs, or by its value on a second input. A head writes ``z @ W_O[head]``; the bias
    of its layer stays. An ``edge`` is the weight with which a head looks from ``ROW`` at ``KEY``; the others stay.
    """

    site: str
    pos: int | None
    by: By

    @property
    def place(self) -> str:
        """What is held; a later change of the same place replaces an earlier one."""
        return self.site if self.pos is None else f"{self.site}@{self.pos}"

    @property
    def hook(self) -> str:
        """TransformerLens' name of the activation that is written over."""
        kind, *numbers = self.site.split(".")
        return SITES[kind][1].format(*numbers[:1])

    @property
    def index(self) -> Index:
        """Where in the activation of one input."""
        kind, *numbers = self.site.split(".")
        at = slice(None) if self.pos is None else self.pos
        inner = tuple(map(int, numbers[1:]))
        return inner if kind == "edge" else (at, *inner)

    def __str__(self) -> str:
        return f"{self.place}~{self.by}"


@dataclass(frozen=True)
class Weight:
    """One number of a parameter, set: number ``index``, counted row by row, of ``name`` as in ``named_weights``."""

    name: str
    index: int
    value: float

    @property
    def place(self) -> str:
        """What is set."""
        return f"{self.name}[{self.index}]"

    def __str__(self) -> str:
        return f"{self.name}~{self.index}~{self.value!r}"


@dataclass(frozen=True)
class Zero:
    """A whole parameter, set to zero."""

    name: str

    @property
    def place(self) -> str:
        """What is set."""
        return f"{self.name}[]"

    def __str__(self) -> str:
        return f"{self.name}~0"


Touch = Hold | Weight | Zero


@dataclass(frozen=True)
class Touches:
    """Changes of a model, made one after the other; ``other`` are the digits of the second input.

    Means and the values of the second input are those of the model with its weights set and nothing held.

    Shows / does not show: what this model does without a part, or with another weight. Only a control, a change of the
    same size (``ablation_table``), says whether the content mattered.
    """

    touches: tuple[Touch, ...]
    other: tuple[int, ...] = ()

    @classmethod
    def read(cls, text: str, other: Iterable[Any] = ()) -> "Touches":
        """The changes that the page's address names after ``t=``; ``other``, a text of digits or numbers, after ``o=``.

        A part held is ``attn.0~zero``, at one position ``attn.0@9~mean``; a weight set is ``W_E~3~0.5``, a parameter
        set to zero ``W_E~0``; between two of them stands ``_``.

        Raises ``ValueError`` for a text that says anything else.
        """
        found: dict[str, Touch] = {}
        for touch in map(_read, _NEXT.split(text) if text else []):
            found.pop(touch.place, None)
            found[touch.place] = touch
        return cls(tuple(found.values()), tuple(map(int, other)))

    def written(self) -> str:
        """The text that ``read`` reads."""
        return "_".join(map(str, self.touches))

    def wrong(self, model: TransformerBridge, task: ReverseIncrement | ModularAddition) -> Int[Tensor, " answer"]:
        """For each answer, the inputs on which the changed model gets it wrong, of all inputs, teacher-forced.

        The guess is the first of the largest logits; where a logit is not a number, it is wrong. Raises as ``on`` does.
        """
        sequences = task.sequences()
        wrong = torch.zeros(task.n_answers, dtype=torch.int64)
        with self.on(model, task) as touched:
            for batch in batches(sequences):
                logits = touched(task.inputs(batch))[:, list(task.predicting_rows)]
                missed = (logits.argmax(-1) != task.answers(batch)) | logits.isnan().any(-1)
                wrong += missed.sum(0)
        return wrong

    @contextmanager
    def on(self, model: TransformerBridge, task: ReverseIncrement | ModularAddition) -> Iterator[TransformerBridge]:
        """A changed copy of the model, to be run in this block as one likes; the model itself stays as it is.

        Raises ``ValueError`` for a change of what the model does not have, and for an ``other`` that is no input.
        """
        for touch in self.touches:
            _check(model, touch)
        held = [touch for touch in self.touches if isinstance(touch, Hold)]
        changed = with_weights(model, _weights(model, self.touches))
        with torch.no_grad():
            values = {by: self._values(changed, task, held, by) for by in ("mean", "other")}
            with changed.hooks(fwd_hooks=[(name, _writing(places)) for name, places in _places(held, values).items()]):
                yield changed

    def _values(
        self, model: TransformerBridge, task: ReverseIncrement | ModularAddition, held: Sequence[Hold], by: str
    ) -> Values:
        """What stands at the hooks of what is held by the mean, or by the second input."""
        names = sorted({hold.hook for hold in held if hold.by == by})
        if not names:
            return {}
        if by == "mean":
            return _means(model, task.inputs(task.sequences()), names)
        try:
            second = task.sequences_of(torch.tensor([self.other], dtype=torch.int64))
        except ValueError as error:
            raise ValueError(f"other must be an input of the task: {error}") from error
        return {name: kept[0] for name, kept in activations(model, task.inputs(second), names).items()}


def _read(text: str) -> Touch:
    if found := _HOLD.fullmatch(text):
        return Hold(found[1], None if found[2] is None else int(found[2]), found[3])  # type: ignore[arg-type]
    if found := _ZERO.fullmatch(text):
        return Zero(found[1])
    if found := _WEIGHT.fullmatch(text):
        return Weight(found[1], int(found[2]), float(found[3]))
    raise ValueError(f"text must say SITE~zero, ~mean or ~other, NAME~0 or NAME~INDEX~VALUE, got {text!r}")


def _check(model: TransformerBridge, touch: Touch) -> None:
    """Raises ``ValueError`` when the model does not have what is touched."""
    if isinstance(touch, Hold):
        _check_site(model, touch)
        return
    shapes = {name: weight.numel() for name, weight in named_weights(model).items()}
    if touch.name not in shapes:
        raise ValueError(f"touches: the parameters of this model are {', '.join(shapes)}, got {touch.name!r}")
    if isinstance(touch, Weight) and not 0 <= touch.index < shapes[touch.name]:
        raise ValueError(f"touches: an index of {touch.name} lies in 0..{shapes[touch.name] - 1}, got {touch.index}")


def _check_site(model: TransformerBridge, hold: Hold) -> None:
    cfg = model.cfg
    neurons = 0 if cfg.attn_only else cfg.d_mlp
    kind, *numbers = hold.site.split(".")
    positions = cfg.n_ctx - 1
    limits = {"LAYER": cfg.n_layers, "HEAD": cfg.n_heads, "NEURON": neurons, "ROW": positions, "KEY": positions}
    form = SITES[kind][0] if kind in SITES else ", ".join(form for form, _ in SITES.values())
    words = form.split(".")[1:]
    if kind not in SITES or len(numbers) != len(words) or (kind == "mlp" and not neurons):
        has = "a model without MLPs has no mlp" if kind == "mlp" and not neurons else f"a site is written {form}"
        raise ValueError(f"touches: {has}, got {hold.site!r}")
    for word, number in zip(words, map(int, numbers), strict=True):
        if number >= limits[word]:
            raise ValueError(f"touches: {word} of {hold.site!r} must be less than {limits[word]}, got {number}")
    if kind == "edge" and (hold.pos is not None or int(numbers[3]) > int(numbers[2])):
        raise ValueError(f"touches: an edge goes from a ROW to a KEY at most as far, without @, got {hold.place!r}")
    if hold.pos is not None and not 0 <= hold.pos < positions:
        raise ValueError(f"touches: a position lies in 0..{positions - 1}, got {hold.place!r}")


def _weights(model: TransformerBridge, touches: Iterable[Touch]) -> dict[str, Float[Tensor, "..."]]:
    """The parameters that are touched, as they are then."""
    changes = [touch for touch in touches if not isinstance(touch, Hold)]
    named = {change.name for change in changes}
    weights = {name: weight.contiguous() for name, weight in named_weights(model).items() if name in named}
    for change in changes:
        if isinstance(change, Zero):
            weights[change.name].zero_()
        else:
            weights[change.name].view(-1)[change.index] = change.value
    return weights


def _means(model: TransformerBridge, tokens: Int[Tensor, "batch pos"], names: Sequence[str]) -> Values:
    """The mean of each activation over all inputs."""
    sums: Values = {}
    for batch in batches(tokens):
        for name, kept in activations(model, batch, names).items():
            sums[name] = sums[name] + kept.sum(0) if name in sums else kept.sum(0)
    return {name: total / len(tokens) for name, total in sums.items()}


def _places(held: Sequence[Hold], values: dict[str, Values]) -> dict[str, list[tuple[Index, Tensor | float]]]:
    """For each hook where it is written over, and with what, in order."""
    places: dict[str, list[tuple[Index, Tensor | float]]] = {}
    for hold in held:
        value = 0.0 if hold.by == "zero" else values[hold.by][hold.hook][hold.index]
        places.setdefault(hold.hook, []).append((hold.index, value))
    return places


def _writing(places: Sequence[tuple[Index, Tensor | float]]) -> Any:
    """A hook function that writes these values over the activation of every input."""

    def write(activation: Float[Tensor, "batch ..."], hook: object) -> Float[Tensor, "batch ..."]:
        activation = activation.clone()
        for index, value in places:
            activation[(slice(None), *index)] = value
        return activation

    return write
