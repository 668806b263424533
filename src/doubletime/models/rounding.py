"""Rounding groups of numbers to few levels: the codes, and the scales that fit them best.

4 bits are few, so their scales are searched. Several first guesses give codes; to each, least squares give the scale
(and min) that fits best; the guess that explains most of the group's squares is kept. A guess below 1 cuts off the
largest numbers of a group for finer steps between the others.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

GUESSES = (1.0, 1.1, 0.95, 0.9, 0.85, 0.8, 0.7)


def round_symmetric8(groups: Tensor) -> tuple[Tensor, Tensor]:
    """Groups [..., group] → codes 1…255 (as floats), scales [...]: value = scale × (code − 128)."""
    scales = half(groups.abs().amax(-1) / 127)
    return _signed(groups, scales, -127, 127).add_(128), scales


def round_symmetric4(groups: Tensor) -> tuple[Tensor, Tensor]:
    """Groups [..., group] → codes 0…15 (as floats), scales [...]: value = scale × (code − 8).

    The first guess 1 gives the largest number of a group code 0, as levels go from −8 to 7: scales may be negative.
    """
    low, high = groups.aminmax(dim=-1)
    largest = torch.where(high > -low, high, low) / -8

    def attempt(guess: float) -> tuple[Tensor, ...]:
        codes = _signed(groups, largest * guess, -8, 7)
        cross, squares = (groups * codes).sum(-1), codes.square_().sum(-1)
        scales = _divide(cross, squares)
        return scales * cross, scales

    (scales,) = map(half, _best(attempt))
    return _signed(groups, scales, -8, 7).add_(8), scales


def round_asymmetric4(groups: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Groups [..., group] → codes 0…15 (as floats), scales [...], mins [...]: value = scale × code − min."""
    low, high = groups.aminmax(dim=-1)
    width, middle = high - low, (high + low) / 2
    mean = groups.mean(-1)

    def attempt(guess: float) -> tuple[Tensor, ...]:
        codes = _above(groups, width * (guess / 15), width * (guess / 2) - middle)
        centre = codes.mean(-1)
        cross = (groups * codes).mean(-1) - mean * centre
        scales = _divide(cross, codes.square_().mean(-1) - centre.square())
        return scales * cross, scales, scales * centre - mean

    scales, mins = map(half, _best(attempt))
    return _above(groups, scales, mins), scales, mins


def half(numbers: Tensor) -> Tensor:
    """The nearest float16, kept as float32; itself where that is off by more than float16's own precision."""
    rounded = numbers.half().float()
    return torch.where((rounded - numbers).abs() <= numbers.abs() * 2.0**-10, rounded, numbers)


def _best(attempt: Callable[[float], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """What `attempt` gives beside the squares that it explains, of the guess that explains most, group by group."""
    most, *best = attempt(GUESSES[0])
    for guess in GUESSES[1:]:
        explained, *found = attempt(guess)
        better = explained > most
        most = torch.where(better, explained, most)
        best = [torch.where(better, new, old) for new, old in zip(found, best, strict=True)]
    return tuple(best)


def _signed(groups: Tensor, scales: Tensor, least: int, most: int) -> Tensor:
    """Levels on both sides of 0."""
    return (groups * _divide(1.0, scales)[..., None]).round_().clamp_(least, most)


def _above(groups: Tensor, scales: Tensor, mins: Tensor) -> Tensor:
    """Levels 0…15."""
    return (groups + mins[..., None]).mul_(_divide(1.0, scales)[..., None]).round_().clamp_(0, 15)


def _divide(above: Tensor | float, below: Tensor) -> Tensor:
    """0 where `below` is 0, or so small that the quotient is no number."""
    return torch.nan_to_num(above / below, nan=0.0, posinf=0.0, neginf=0.0)
