"""What the source articles print: the figures that the book sets its own beside. Quoted, never computed."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Article:
    """One published toy study. ``cite`` is its key in the bibliography."""

    key: str
    title: str
    cite: str


ARTICLES = {
    "A": Article("A", "A Tiny Transformer Learns Modular Reversal", "article-a"),
    "B": Article("B", "From Zero to (Mechanistic) Interpretability", "article-b"),
    "C": Article(
        "C", 'Mechanistic Interpretability in a Tiny Transformer: A "Reverse + Increment" Toy Task', "article-c"
    ),
    "D": Article("D", "Reverse Engineering Modular Addition mod 113", "article-d"),
    "E": Article("E", "Case Study 2: Mechanistic Analysis of a Transformer", "article-e"),
}


@dataclass(frozen=True)
class GrokkingStudy:
    """What Nanda et al. 2023 (arXiv 2301.05217) print of their main run; steps are optimizer steps."""

    keys: tuple[int, ...] = (14, 35, 41, 42, 52)
    """Key frequencies, modulo 113; their other seeds have three or four."""
    memorised: int = 1_400
    """Memorisation ends, circuit formation begins."""
    formed: int = 9_400
    """Circuit formation ends, clean-up begins."""
    cleaned: int = 14_000
    neurons: int = 433
    """Neurons of ``d_mlp`` with more than ``least`` of their variance on one frequency, products included."""
    d_mlp: int = 512
    least: float = 0.85


WORKED_EXAMPLE = (0, 1, 2, 3, 2, 0, 3, 1)
"""The input of the articles' worked example, eight digits."""

ABLATED_ACCURACY = {"none": 1.0, "L0 mlp": 0.1767, "L0 attn": 0.2919}
"""Article B, zeroed weights, share of right digits on its holdout."""

ABLATED_MLP_RANGE = (0.20, 0.25)
"""Article A, zeroed MLP output weights of either layer, share of right digits on its holdout."""

ATTENTION_PEAKS: dict[int, tuple[tuple[int, float], ...]] = {
    0: ((7, 0.953),),
    1: ((6, 0.935),),
    2: ((5, 0.633), (2, 0.221)),
    3: ((4, 0.904),),
    4: (),
    5: ((3, 0.084), (2, 0.065)),
    6: ((1, 0.904),),
    7: ((0, 0.897),),
}
"""Article B, one sample: for each y_i the (j, weight) of the x_j that stand out; y_4 has none above 0.0022."""

READ_OUT_SAMPLE = (3, 2, 2, 2, 1, 2, 0, 0)
"""Article B, digits of the sample whose read-out it prints."""

READ_OUT_ARG_MAX = {8: (1, 1), 11: (0, 2), 13: (0, 3), 15: (0, 0)}
"""Article B, input position: arg-max of the read-out before and after the MLP."""

ADDITION_EXAMPLES = ((5, 8), (90, 90), (50, 0))
"""Article D, the sums a + b whose attention it draws."""

PATCHING_RECOVERY = {"L0 attn": 0.7, "L1 mlp": 0.9}
"""Article E, clean output of one component put into the run with shuffled b: share of the loss that comes back."""

PROBE_ACCURACY = {"embed": 1 / 97, "L0 resid_post": 0.05, "L1 resid_post": 0.85}
"""Article E, linear probes for the sum at "=": held-out share of right answers."""

ACCURACY_AT_STEP = {0: (0.2712, 0.1518), 1000: (0.8675, 0.6696), 2000: (1.0, 1.0)}
"""Article C, step: share of right digits on the training set and on the holdout."""

Status = Literal["printed", "worded", "open"]
"""How an article fixes a choice: by a number or by code, by a word that names no number, or not at all."""

Value = int | float | str | tuple[int, int]


@dataclass(frozen=True)
class Given:
    """What an article gives for one choice: ``says`` as it stands there, ``allows`` the values that fit it.

    Two of them where the article says two things. None where it is open, or where what it says fits every value.
    """

    status: Status
    says: str
    allows: tuple[Value, ...] = ()


def _printed(*allows: Value, says: str | None = None) -> Given:
    return Given("printed", says if says is not None else plainly(allows[0]), allows)


def _words(says: str, *allows: Value) -> Given:
    return Given("worded", says, allows)


def plainly(value: Value) -> str:
    """A value as text: ``60,000 / 5,536``."""
    if isinstance(value, tuple):
        return " / ".join(map(plainly, value))
    return value if isinstance(value, str) else f"{value:,}"


OPEN = Given("open", "")

CHOICES = (
    "layers",
    "heads in a layer",
    "d_model",
    "d_head",
    "d_mlp",
    "activation",
    "LayerNorm",
    "positions",
    "biases of the maps",
    "bias of the unembedding",
    "start of the weights",
    "vocabulary",
    "context",
    "answers that count",
    "training set / holdout",
    "order before the split",
    "seed of the split",
    "batch",
    "drawing of batches",
    "length",
    "optimizer",
    "learning rate",
    "decay of the rate",
    "warm-up",
    "weight decay",
    "gradient clipping",
    "precision",
    "seed of the model",
    "models shown",
    "inputs looked at",
)
"""What has to be chosen before such a model can be trained, in the order of the table."""

_REVERSED = {
    "heads in a layer": _printed(1),
    "d_model": _printed(4),
    "vocabulary": _printed(5),
    "models shown": _words("one"),
}
_EIGHT = {
    "context": _printed(17),
    "answers that count": _printed(8),
    "training set / holdout": _printed((60_000, 5_536)),
    "d_mlp": _printed(16),
    "gradient clipping": _words("yes, at no given norm", "clipped"),
    "decay of the rate": _words("cosine", "cosine"),
}

_SAID: dict[str, dict[str, Given]] = {
    "A": {
        **_REVERSED,
        **_EIGHT,
        "layers": _printed(2),
        "d_head": _printed(2),
        "order before the split": _words("shuffled", "shuffled"),
        "length": _printed("40 epochs"),
        "drawing of batches": _words("in epochs", "in epochs"),
        "warm-up": _words("yes, of no given length", "yes"),
    },
    "B": {
        **_REVERSED,
        **_EIGHT,
        "layers": _printed(1),
        "d_head": _printed(4),
        "activation": _printed("ReLU"),
        "LayerNorm": _printed("yes"),
        "order before the split": _words("shuffled, while its code is not", "shuffled", "ordered"),
        "length": _printed("30 epochs"),
        "drawing of batches": _words("in epochs", "in epochs"),
        "inputs looked at": _printed(says="4 held-out ones"),
    },
    "C": {
        **_REVERSED,
        "layers": _printed(2),
        "d_head": _printed(2),
        "d_mlp": _printed(4),
        "activation": _printed("ReLU"),
        "LayerNorm": _printed("yes"),
        "context": _printed(9),
        "answers that count": _printed(4),
        "training set / holdout": _printed((200, 56)),
        "order before the split": _printed("ordered"),
        "seed of the split": _printed("none"),
        "batch": _printed(16),
        "drawing of batches": _printed("each anew", says="each anew, no sequence twice in one"),
        "length": _printed("4,000 steps", says="4,000 steps, there called epochs"),
        "optimizer": _printed("AdamW"),
        "learning rate": _printed(0.01),
        "decay of the rate": _printed("none"),
        "warm-up": _printed("no"),
        "weight decay": _words("PyTorch's default", 0.01),
        "gradient clipping": _printed("none"),
        "models shown": _words("one, “in many runs”"),
        "inputs looked at": _printed(says="4 held-out ones"),
    },
    "D": {
        "layers": _printed(3),
        "heads in a layer": _printed(4),
        "vocabulary": _words("the numbers, plus and equals", 115),
        "context": _words("a + b =, and the answer", 5),
        "answers that count": _words("one, at equals", 1),
        "training set / holdout": _words("some held out"),
        "length": _printed("50 epochs"),
        "drawing of batches": _words("in epochs", "in epochs"),
        "models shown": _words("one"),
        "inputs looked at": _printed(says="3 sums"),
    },
    "E": {
        "layers": _printed(2),
        "heads in a layer": _printed(4),
        "d_model": _printed(128),
        "d_head": _words("128 for four heads", 32),
        "d_mlp": _printed(256),
        "activation": _printed("GELU"),
        "LayerNorm": _printed("yes"),
        "positions": _printed("learned"),
        "biases of the maps": _printed("yes"),
        "bias of the unembedding": _printed("no"),
        "start of the weights": _printed("PyTorch's"),
        "vocabulary": _printed(100),
        "context": _printed(4),
        "answers that count": _words("one, at equals", 1),
        "training set / holdout": _words("80 % / 20 %", (7_527, 1_882)),
        "order before the split": _printed("shuffled"),
        "seed of the split": _printed(0),
        "seed of the model": _printed(42),
        "models shown": _words("one"),
        "inputs looked at": _printed(says="200, and 100 for patching"),
    },
}


def given(article: str, choice: str) -> Given:
    """What an article gives for one of ``CHOICES``; raises ``KeyError`` for an unknown article or choice."""
    if choice not in CHOICES:
        raise KeyError(choice)
    return _SAID[article].get(choice, OPEN)
