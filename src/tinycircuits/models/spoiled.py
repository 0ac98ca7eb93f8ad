"""A model of digits made wrong on purpose, for controls: each change makes it wrong on some inputs."""

from collections.abc import Callable

from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.models.weights import named_weights, with_weights


def rolled(model: TransformerBridge) -> TransformerBridge:
    """The model that says, for each token, what belongs to the one before."""
    return with_weights(model, {"W_U": named_weights(model)["W_U"].roll(1, 1)})


def moved_position(model: TransformerBridge) -> TransformerBridge:
    """The model with the vector of one position in the place of another's."""
    positions = named_weights(model)["W_pos"]
    positions[12] = positions[10]
    return with_weights(model, {"W_pos": positions})


def bos_as_a_digit(model: TransformerBridge) -> TransformerBridge:
    """The model that says BOS as loudly as the digit 1, so that every such answer is a tie."""
    unembedding, shift = named_weights(model)["W_U"], named_weights(model)["b_U"]
    unembedding[:, model.cfg.d_vocab - 1], shift[model.cfg.d_vocab - 1] = unembedding[:, 1], shift[1]
    return with_weights(model, {"W_U": unembedding, "b_U": shift})


SPOILED: dict[str, Callable[[TransformerBridge], TransformerBridge]] = {
    "rolled unembedding": rolled,
    "a position's vector replaced": moved_position,
    "BOS imitates a digit": bos_as_a_digit,
}
"""Three ways to make the published model wrong on some inputs."""
