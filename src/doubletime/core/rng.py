"""Counter-based random numbers: the same (seed, choice, position, purpose) gives the same number, on any machine."""

from __future__ import annotations

from enum import IntEnum

_MASK = (1 << 64) - 1


class Purpose(IntEnum):
    """What a number is drawn for; each purpose has its own stream."""

    SAMPLE = 1
    SEED = 2
    POLICY = 3
    LENGTH = 4


def mix(value: int) -> int:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection of 64-bit integers."""
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)


def bits(seed: int, choice: int, position: int, purpose: int) -> int:
    """64 random bits keyed by the four counters (each taken modulo 2**64)."""
    state = 0
    for word in (seed, choice, position, purpose):
        state = mix((state + 0x9E3779B97F4A7C15 + (word & _MASK)) & _MASK)
    return mix((state + 0x9E3779B97F4A7C15) & _MASK)


def uniform(seed: int, choice: int, position: int, purpose: int) -> float:
    """A float in [0, 1) with 53 random bits."""
    return (bits(seed, choice, position, purpose) >> 11) * 2.0**-53
