"""How one engine is cut over devices, and in which number formats it computes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from doubletime.hardware.machine import ELEMENT_BYTES
from doubletime.shapes import ModelShape
from doubletime.shapes.parallel import Parallel, check_split


@dataclass(frozen=True, slots=True)
class Layout:
    """`tp` ranks share each layer, `pp` stages share the layers, the experts of a layer are spread over `ep` ranks.

    With ep > tp, the engine has ep / tp data-parallel `ranks`: each computes the attention of its own sequences; all
    run in step and send each other the tokens of their experts.
    `weights`, `kv` and `activations` are number formats: of the layers' matrices, of the cache, and of all else.
    """

    tp: int = 1
    pp: int = 1
    ep: int = 1
    weights: str = "bfloat16"
    kv: str = "bfloat16"
    activations: str = "bfloat16"

    def __post_init__(self) -> None:
        for name in ("tp", "pp", "ep"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("weights", "kv", "activations"):
            if getattr(self, name) not in ELEMENT_BYTES:
                known = ", ".join(ELEMENT_BYTES)
                raise ValueError(f"unknown number format {getattr(self, name)!r} of {name}; known: {known}")

    @property
    def devices(self) -> int:
        """Of one engine."""
        return self.tp * self.pp * self.ranks

    @property
    def ranks(self) -> int:
        """Data-parallel ranks of the attention."""
        return max(1, self.ep // self.tp)

    @property
    def split(self) -> Parallel:
        return Parallel(self.tp, self.ep)

    def apply(self, shape: ModelShape) -> ModelShape:
        """`shape` in this layout's number formats. Raises ValueError, saying what does not divide, if it cannot be cut.

        Experts that were published in a format of their own keep it, unless the layers are asked for in a smaller one.
        """
        check_split(shape, self.split)
        if shape.layers % self.pp:
            raise ValueError(f"pp {self.pp} does not divide the model's {shape.layers} layers")
        moe = shape.moe
        if moe is not None and moe.weights and ELEMENT_BYTES[self.weights] < ELEMENT_BYTES[moe.weights]:
            moe = replace(moe, weights=self.weights)
        return replace(shape, dtype=self.activations, weights=self.weights, moe=moe)
