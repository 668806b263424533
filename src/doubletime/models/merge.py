"""Several matrices with the same input as one, so that one product serves them all."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from doubletime.kernels.cpu.abi import TILE
from doubletime.models.quantized import CENTRE, Quantized, unpack
from doubletime.models.weights import Linear

Matrix = Tensor | Quantized


def stack(linears: Sequence[Linear]) -> Linear:
    """The rows of all, one after the other."""
    weight = _stack([linear.weight for linear in linears])
    if all(linear.bias is None for linear in linears):
        return Linear(weight, None, linears[0].dtype)
    biases = [torch.zeros(_rows(each.weight)) if each.bias is None else each.bias.float() for each in linears]
    return Linear(weight, torch.cat(biases), linears[0].dtype)


def interleave(gate: Linear, up: Linear) -> Linear:
    """Rows of both by turns, a tile of each: padded to whole tiles with rows of zeros."""
    both = _pad(stack([gate, up]).weight)
    count = _rows(gate.weight)
    rows = torch.arange(-(-count // TILE) * TILE)
    zero = 2 * count  # the row that was added
    order = torch.stack([torch.where(rows < count, rows + first, zero) for first in (0, count)]).view(2, -1, TILE)
    order = order.transpose(0, 1).reshape(-1)
    return Linear(both.rows(order) if isinstance(both, Quantized) else both[order], None, gate.dtype)


def _stack(parts: list[Matrix]) -> Matrix:
    quantized = [part for part in parts if isinstance(part, Quantized)]
    if len(quantized) < len(parts):
        return torch.cat([part.dequantize() if isinstance(part, Quantized) else part for part in parts])
    alike = _alike(quantized)
    mins = None
    if any(part.mins is not None for part in alike):
        mins = torch.cat([part.mins if part.mins is not None else part.scales * CENTRE[part.bits] for part in alike])
    codes, scales = (torch.cat([getattr(part, name) for part in alike]) for name in ("codes", "scales"))
    return Quantized(alike[0].bits, alike[0].group, codes, scales, mins)


def _alike(parts: list[Quantized]) -> list[Quantized]:
    """The same values with as many bits as the widest has, in groups as small as the smallest."""
    group = min(part.group for part in parts)
    bits = max(part.bits for part in parts)
    return [_widened(_regrouped(part, group), bits) for part in parts]


def _regrouped(part: Quantized, group: int) -> Quantized:
    if part.group == group:
        return part
    times = part.group // group
    mins = None if part.mins is None else part.mins.repeat_interleave(times, dim=1)
    return Quantized(part.bits, group, part.codes, part.scales.repeat_interleave(times, dim=1), mins)


def _widened(part: Quantized, bits: int) -> Quantized:
    if part.bits == bits:
        return part
    mins = part.scales * CENTRE[part.bits] if part.mins is None else part.mins
    return Quantized(bits, part.group, unpack(part.codes), part.scales, mins)


def _pad(weight: Matrix) -> Matrix:
    """One more row, of zeros."""
    if not isinstance(weight, Quantized):
        return F.pad(weight, (0, 0, 0, 1))
    codes, scales = F.pad(weight.codes, (0, 0, 0, 1)), F.pad(weight.scales, (0, 0, 0, 1))
    return Quantized(
        weight.bits, weight.group, codes, scales, None if weight.mins is None else F.pad(weight.mins, (0, 0, 0, 1))
    )


def _rows(weight: Matrix) -> int:
    return weight.shape[0]
