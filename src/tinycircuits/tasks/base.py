"""What a task is: a finite set of token sequences whose last tokens are to be predicted."""

from abc import abstractmethod

from jaxtyping import Int
from torch import Tensor

from tinycircuits.specs import Spec


class Task(Spec):
    """A finite next-token task: every sequence is given, its last ``n_answers`` tokens are scored.

    The model reads all tokens but the last. The answer token at position ``p`` of a sequence is
    predicted at position ``p - 1`` of the input, so the *predicting rows* start one before the first answer.
    """

    @property
    @abstractmethod
    def d_vocab(self) -> int:
        """Number of different tokens."""

    @property
    @abstractmethod
    def n_ctx(self) -> int:
        """Length of a whole sequence, answers included."""

    @property
    @abstractmethod
    def n_answers(self) -> int:
        """Number of tokens at the end of a sequence that are scored."""

    @property
    @abstractmethod
    def token_names(self) -> tuple[str, ...]:
        """Printed name of each token, in order of its index."""

    @property
    @abstractmethod
    def position_names(self) -> tuple[str, ...]:
        """Printed name of each position of a sequence, ``n_ctx`` of them."""

    @abstractmethod
    def sequences(self) -> Int[Tensor, "batch n_ctx"]:
        """Every sequence of the task, once, in a fixed order."""

    @property
    def n_sequences(self) -> int:
        """Number of all sequences."""
        return len(self.sequences())

    def sequences_at(self, index: Int[Tensor, " some"]) -> Int[Tensor, "some n_ctx"]:
        """The sequences at these places of ``sequences()``."""
        return self.sequences()[index]

    @property
    def predicting_rows(self) -> range:
        """Positions of the input at which the answers are predicted."""
        return range(self.n_ctx - 1 - self.n_answers, self.n_ctx - 1)

    def inputs(self, sequences: Int[Tensor, "batch n_ctx"]) -> Int[Tensor, "batch pos"]:
        """What the model reads: all tokens but the last."""
        return sequences[:, :-1]

    def answers(self, sequences: Int[Tensor, "batch n_ctx"]) -> Int[Tensor, "batch answer"]:
        """What the model must say, in the order of ``predicting_rows``."""
        return sequences[:, -self.n_answers :]
