"""Keys and values in blocks, one tensor a KV group."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from doubletime.core.plan import Copy
from doubletime.core.vocabulary import KVGroup
from doubletime.models import AnyModel, NativeModel

_POISON = 255  # bytes that are NaN in every format of floats


class KVCache:
    """One tensor a group, `[layers, 2, kv heads, slots, …]`, with a padding block of zeros at its end.

    A slot holds head dim numbers; for the native kernels, bytes whose order within a block is theirs. Memory is not
    touched before it is written. With `poison`, freed blocks become NaN, so that a stale read shows.
    """

    def __init__(
        self, model: AnyModel, groups: tuple[KVGroup, ...], blocks: tuple[int, ...], poison: bool = False
    ) -> None:
        self.groups = groups
        self.blocks = blocks
        self.poison = poison
        self.tensors = tuple(_storage(model, group, count) for group, count in zip(groups, blocks, strict=True))

    @property
    def nbytes(self) -> int:
        """Bytes of all groups, padding included."""
        return sum(tensor.nbytes for tensor in self.tensors)

    def padding_slot(self, group: int) -> int:
        return self.blocks[group] * self.groups[group].block_tokens

    def copy(self, copies: Iterable[Copy]) -> None:
        for group, source, target in copies:
            self._block(group, target).copy_(self._block(group, source))

    def free(self, frees: Iterable[tuple[int, int]]) -> None:
        if self.poison:
            for group, block in frees:
                block_of = self._block(group, block)
                block_of.fill_(_POISON if block_of.dtype is torch.uint8 else float("nan"))

    def _block(self, group: int, block: int) -> Tensor:
        size = self.groups[group].block_tokens
        return self.tensors[group][:, :, :, block * size : (block + 1) * size]


def _storage(model: AnyModel, group: KVGroup, blocks: int) -> Tensor:
    shape, tokens = model.shape, group.block_tokens
    width, dtype = (model.slot_bytes, torch.uint8) if isinstance(model, NativeModel) else (shape.head_dim, model.dtype)
    size = (len(group.layers), 2, shape.kv_heads, (blocks + 1) * tokens, width)
    tensor = torch.empty(size, dtype=dtype, device=model.device)
    tensor[:, :, :, blocks * tokens :] = 0
    return tensor
