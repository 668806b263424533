"""What `simulate`, `compare` and `plan` are told alike: the design beside its hardware, and lists of values."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

from doubletime.core.vocabulary import SECOND, SLO
from doubletime.lab.rehearsal.design import Design
from doubletime.units import parse_bytes

T = TypeVar("T")


def engine_arguments(group: argparse._ArgumentGroup) -> None:
    """The fields of a Design that are neither hardware, layout nor policy."""
    group.add_argument("--dtype", metavar="FORMAT", help="of the weights: bfloat16, fp8 … (default: as published)")
    group.add_argument(
        "--kv-dtype", metavar="FORMAT", help="of the KV cache (default: as the weights, 16 bit at least)"
    )
    group.add_argument("--max-seats", type=whole, default=256, metavar="N", help="most sequences at once (%(default)s)")
    group.add_argument("--max-rows", type=whole, default=2048, metavar="N", help="most tokens a step (%(default)s)")
    group.add_argument("--max-model-len", type=whole, metavar="N", help="most tokens of prompt and output together")
    group.add_argument("--block-tokens", type=whole, default=16, metavar="N", help="of a KV block (%(default)s)")
    group.add_argument("--kv-memory", type=size, metavar="SIZE", help="of an engine's KV (default: what is left)")
    group.add_argument("--memory-share", type=share, default=0.9, metavar="S", help="of each device (%(default)s)")
    group.add_argument("--in-flight", type=whole, default=2, metavar="N", help="1 synchronous, 2 overlapped (default)")
    group.add_argument("--no-prefix-cache", action="store_true", help="every prompt is computed in full")


def base_design(args: argparse.Namespace, *, hardware: str, policy: str) -> Design:
    """The design that the engine arguments describe, on one device."""
    return Design(
        model=args.model,
        hardware=hardware,
        policy=policy,
        dtype=args.dtype,
        kv_dtype=args.kv_dtype,
        max_seats=args.max_seats,
        max_rows=args.max_rows,
        max_model_len=args.max_model_len,
        block_tokens=args.block_tokens,
        kv_memory=args.kv_memory,
        memory_share=args.memory_share,
        in_flight=args.in_flight,
        prefix_cache=not args.no_prefix_cache,
    )


def listed(read: Callable[[str], T]) -> Callable[[str], list[T]]:
    """A type for argparse: values joined by commas."""

    def values(text: str) -> list[T]:
        return [read(part.strip()) for part in text.split(",") if part.strip()]

    return values


def policies(text: str) -> list[str]:
    """Policies joined by commas; a part with = goes on with the knobs of the one before: sarathi:tbt=0.05,x=1,fcfs."""
    found: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        if found and "=" in part and ":" not in part:
            found[-1] += f",{part}"
        else:
            found.append(part)
    return found


def whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text}")
    return number


def share(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 1, not {text}")
    return number


def size(text: str) -> int:
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def slo(text: str) -> SLO:
    """ttft=1,tpot=0.05 in seconds, either or both."""
    targets: dict[str, int] = {}
    for item in text.split(","):
        name, _, value = item.partition("=")
        if name not in ("ttft", "tpot") or name in targets:
            raise argparse.ArgumentTypeError(f"must be ttft=SECONDS,tpot=SECONDS or one of them, not {text!r}")
        targets[name] = round(positive(value) * SECOND)
    return SLO(**targets)
