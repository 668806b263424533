"""The conditions under which tokens must not change, and tables of them: all pairs, or all there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations, product
from typing import Any

from doubletime.core.rng import Purpose, bits

POLICIES = (
    "fcfs:budget=64",
    "fcfs:budget=7",
    "tests/one_token.py",
    "sarathi:budget=32",
    "sarathi:budget=64,tbt=0.004+priority",
    "layered:batch=200,per_group=1",  # every layer a group
    "layered:batch=40,per_group=20",  # two groups
    "layered:batch=64,per_group=8192",  # all layers one group
    "flow:batch=64",
)


@dataclass(frozen=True)
class Condition:
    """`arrivals`: "together"; "spread", each in the middle of a step; "stops", which each ends that step; or "alone".

    `memory`: "tight" is little more than one sequence needs. `hold`: running sequences are held back now and then.
    `hits`: prompts may start from cached prefixes. `forks`: every third request has n = 3.
    """

    family: str = "llama"
    policy: str = "fcfs:budget=64"
    in_flight: int = 1
    memory: str = "ample"
    arrivals: str = "together"
    hold: bool = False
    hits: bool = True
    forks: bool = False
    kernels: str = "torch"

    def __str__(self) -> str:
        flags = [name for name in ("hold", "hits", "forks") if getattr(self, name)]
        settings = [self.family, self.kernels, self.policy, f"in_flight={self.in_flight}", self.memory, self.arrivals]
        return " ".join([*settings, *flags])


FACTORS: dict[str, Sequence[Any]] = {
    "policy": POLICIES,
    "family": ("llama", "qwen3", "gemma3", "qwen3_moe"),
    "arrivals": ("together", "spread", "stops"),
    "in_flight": (1, 2),
    "memory": ("ample", "tight"),
    "hold": (False, True),
    "hits": (True, False),
    "forks": (False, True),
    "kernels": ("torch", "native"),
}


def full() -> Iterator[Condition]:
    """Every combination."""
    return (Condition(**dict(zip(FACTORS, values, strict=True))) for values in product(*FACTORS.values()))


def pairwise() -> list[Condition]:
    """A small table in which every two values of two factors meet. The same on every call."""
    missing = _all_pairs()
    rows: list[Condition] = []
    while missing:
        row = _row(missing, len(rows))
        missing -= _pairs(row)
        rows.append(Condition(**row))
    return rows


def covers_all_pairs(table: Sequence[Condition]) -> bool:
    return not _all_pairs().difference(*(_pairs(asdict(condition)) for condition in table))


_Pair = tuple[tuple[str, Any], tuple[str, Any]]


def _row(missing: set[_Pair], number: int) -> dict[str, Any]:
    """A row that begins with the first missing pair.

    Each other value is the one that meets most missing pairs; where that leaves a choice, numbers are drawn.
    """
    row: dict[str, Any] = dict(min(missing, key=_order))
    for at, (factor, values) in enumerate(FACTORS.items()):
        if factor not in row:
            news = [len(_pairs({**row, factor: value}) & missing) for value in values]
            lots = [bits(number, at, choice, Purpose.POLICY) for choice in range(len(values))]
            row[factor] = max(zip(news, lots, values, strict=True))[2]
    return row


def _order(pair: _Pair) -> tuple[int, ...]:
    return tuple(index for factor, value in pair for index in _place(factor, value))


def _place(factor: str, value: Any) -> tuple[int, int]:
    return list(FACTORS).index(factor), list(FACTORS[factor]).index(value)


def _all_pairs() -> set[_Pair]:
    return {
        ((one, a), (other, b))
        for one, other in combinations(FACTORS, 2)
        for a, b in product(FACTORS[one], FACTORS[other])
    }


def _pairs(row: Mapping[str, Any]) -> set[_Pair]:
    items = [(factor, row[factor]) for factor in FACTORS if factor in row]
    return set(combinations(items, 2))
