"""Specifications: frozen, validated descriptions of everything that changes a number."""

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError


class Spec(BaseModel):
    """A frozen description whose fields, with its class name, say all that a result depends on.

    Unknown fields, wrong types and non-finite numbers are refused. What does not change a number
    (device, progress bar, folder) is never a field. A field that came later than stored results is named in ``LATER``:
    it is described only where it differs from its default, so that the results made without it keep their keys.
    Raises ``ValueError`` in one line that names the field, what is allowed and what was given.
    """

    LATER: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    if not TYPE_CHECKING:  # type checkers take the signature from the fields

        def __init__(self, **fields: Any) -> None:
            try:
                super().__init__(**fields)
            except ValidationError as error:
                said = "; ".join(
                    f"{'.'.join(map(str, one['loc']))}: {one['msg']}, got {one['input']!r}" for one in error.errors()
                )
                raise ValueError(f"{type(self).__name__}: {said}") from None

    def described(self) -> dict[str, Any]:
        """The spec as plain JSON values, every nested spec with its class name under ``"type"``.

        The class names keep two specs with equal fields apart, so that they cannot share a stored result.
        """
        fields = {
            name: _plain(getattr(self, name))
            for name, field in type(self).model_fields.items()
            if name not in self.LATER or getattr(self, name) != field.default
        }
        return {"type": type(self).__name__, **fields}


def _plain(value: Any) -> Any:
    if isinstance(value, Spec):
        return value.described()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


LARGEST_SEED = 2**64 - 1
"""The largest seed that torch's generator holds."""


def checked_seed(seed: int) -> int:
    """``seed``, if a generator can hold it; raises ``ValueError`` that names the range."""
    if not 0 <= seed <= LARGEST_SEED:
        raise ValueError(f"seed must lie in 0 .. 2^64 - 1, got {seed}")
    return seed
