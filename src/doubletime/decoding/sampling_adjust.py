"""Changes the logits of the rows that ask for it, before tokens are drawn. The other rows are not touched.

Every row depends on its own logits and its own tokens only. Definitions and their order: `decoding.sampling.Adjust`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from doubletime.decoding.sampling_history import History
from doubletime.decoding.structured.matcher import Matcher, masks, without

_FORBIDDEN = float("-inf")


class Asked(NamedTuple):
    """A row of the logits whose sequence asks for changes. Temperature 0 is greedy."""

    row: int
    history: History
    temperature: float


def adjust(logits: Tensor, asked: Sequence[Asked]) -> dict[int, str]:
    """Changes logits [N, vocab] in place. Returns why a row cannot be drawn, by row: its grammar has failed."""
    if not asked:
        return {}
    _add_biases(logits, [each for each in asked if len(each.history.bias_ids)])
    _penalize(logits, [each for each in asked if each.history.counts is not None])
    errors = _constrain(logits, [each for each in asked if each.history.matcher is not None])
    _go_on(logits, [each for each in asked if each.history.goes_on and each.history.matcher is None])
    _drop_unlikely(logits, [each for each in asked if each.history.adjust.min_p and each.temperature])
    return errors


def _add_biases(logits: Tensor, asked: Sequence[Asked]) -> None:
    if asked:
        places = _places(logits, asked, [each.history.bias_ids for each in asked])
        biases = np.concatenate([each.history.bias for each in asked])
        logits[places] = logits[places] + torch.from_numpy(biases).to(logits.device)


def _penalize(logits: Tensor, asked: Sequence[Asked]) -> None:
    """Presence and frequency over the output, repetition over prompt and output; the latter as in CTRL (1909.05858)."""
    if not asked:
        return
    counts = [each.history.counts for each in asked if each.history.counts is not None]
    places = _places(logits, asked, [own.ids for own in counts])
    columns = [(each.history.adjust.repetition, each.history.adjust.frequency, each.history.adjust.presence)
               for each in asked]  # fmt: skip
    wishes = np.repeat(np.array(columns, dtype=np.float32), [len(own.ids) for own in counts], axis=0)
    repetition, frequency, presence = torch.from_numpy(wishes.T.copy()).to(logits.device)
    count = torch.from_numpy(np.concatenate([own.counts for own in counts])).to(logits.device)
    values = logits[places]
    values = torch.where(values > 0, values / repetition, values * repetition)
    logits[places] = values - frequency * count - presence * (count > 0)


def _constrain(logits: Tensor, asked: Sequence[Asked]) -> dict[int, str]:
    """Only what the grammars allow."""
    if not asked:
        return {}
    matchers: list[Matcher] = [each.history.matcher for each in asked if each.history.matcher is not None]
    bits = masks(matchers, logits.shape[-1])
    for each, row in zip(asked, bits, strict=True):
        if each.history.goes_on:
            without(row, each.history.adjust.ends)
    forbidden = _unpacked(bits, logits)
    _change(logits, asked, lambda rows: rows.masked_fill_(forbidden, _FORBIDDEN))
    return {each.row: matcher.error for each, matcher in zip(asked, matchers, strict=True) if matcher.error}


def _go_on(logits: Tensor, asked: Sequence[Asked]) -> None:
    """No token that ends the output."""
    if asked:
        vocab = logits.shape[-1]
        ends = [np.array([end for end in each.history.adjust.ends if end < vocab], dtype=np.int64) for each in asked]
        logits[_places(logits, asked, ends)] = _FORBIDDEN


def _drop_unlikely(logits: Tensor, asked: Sequence[Asked]) -> None:
    """p < min_p · largest p, at the row's temperature: logit < largest logit + temperature · ln min_p."""
    if asked:
        below = [each.temperature * np.log(each.history.adjust.min_p) for each in asked]
        shift = torch.tensor(below, dtype=torch.float32, device=logits.device)[:, None]
        _change(logits, asked, lambda rows: rows.masked_fill_(rows < rows.amax(-1, keepdim=True) + shift, _FORBIDDEN))


def _places(logits: Tensor, asked: Sequence[Asked], ids: Sequence[NDArray[np.int64]]) -> tuple[Tensor, Tensor]:
    """Rows and columns of single logits: those of `ids[i]` in the row of `asked[i]`."""
    rows = np.repeat(np.array([each.row for each in asked]), [len(own) for own in ids])
    return torch.from_numpy(rows).to(logits.device), torch.from_numpy(np.concatenate(ids)).to(logits.device)


def _change(logits: Tensor, asked: Sequence[Asked], change: Callable[[Tensor], object]) -> None:
    """Changes whole rows in place, without a copy where all rows ask for it."""
    if len(asked) == len(logits):
        change(logits)
        return
    where = torch.tensor([each.row for each in asked], device=logits.device)
    rows = logits[where]
    change(rows)
    logits[where] = rows


def _unpacked(bits: NDArray[np.int32], logits: Tensor) -> Tensor:
    """Where the bits are not set, [N, vocab]. An accelerator gets the bits and unpacks them itself."""
    vocab = logits.shape[-1]
    octets = bits.view(np.uint8)
    if logits.device.type == "cpu":
        return torch.from_numpy(np.unpackbits(~octets, axis=1, count=vocab, bitorder="little")).view(torch.bool)
    return unpack(torch.from_numpy(octets).to(logits.device), vocab)


def unpack(octets: Tensor, vocab: int) -> Tensor:
    """Where bits, lowest first, are not set: [N, vocab] on the device of the bytes."""
    shifts = torch.arange(8, dtype=torch.uint8, device=octets.device)
    return ((octets[:, :, None] >> shifts) & 1).flatten(1)[:, :vocab] == 0
