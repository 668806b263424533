"""What a user asks of an embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

Pooling = Literal["last", "mean"]


@dataclass(frozen=True, slots=True)
class PoolingParams:
    """How the final hidden states of a prompt become one vector. Raises ValueError or TypeError that names the field.

    pooling: that of the last token, or the mean over all tokens. dimensions: only the first so many numbers, None for
    all. normalize: to length 1, after the cut.
    """

    n: ClassVar[int] = 1
    max_tokens: ClassVar[int] = 0  # nothing is generated

    pooling: Pooling = "last"
    dimensions: int | None = None
    normalize: bool = True

    def __post_init__(self) -> None:
        if self.pooling not in get_args(Pooling):
            raise ValueError(f"pooling must be {' or '.join(get_args(Pooling))}, not {self.pooling!r}")
        if not isinstance(self.normalize, bool):
            raise TypeError(f"normalize must be true or false, not {self.normalize!r}")
        if self.dimensions is None:
            return
        if isinstance(self.dimensions, bool) or not isinstance(self.dimensions, int):
            raise TypeError(f"dimensions must be a whole number, not {self.dimensions!r}")
        if self.dimensions < 1:
            raise ValueError(f"dimensions must be at least 1, not {self.dimensions}")
