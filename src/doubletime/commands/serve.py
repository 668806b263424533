"""`doubletime serve`: an OpenAI-compatible server."""

from __future__ import annotations

import argparse

from doubletime.units import parse_bytes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options whose default is None are settled by the engine, which prints what it chose."""
    parser.add_argument("model", nargs="?", metavar="MODEL", help="a checkpoint, or random:NAME (default: ships along)")
    _server_arguments(parser.add_argument_group("server"))
    _engine_arguments(parser.add_argument_group("engine"))


def _server_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this machine)")
    group.add_argument("--port", type=_port, default=8000, help="0: any free one (default: %(default)s)")
    group.add_argument("--served-model-name", metavar="NAME", help="what clients call the model (default: MODEL)")
    group.add_argument("--record", metavar="FILE", help="write the event log and one line a step")


def _engine_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--dtype", choices=("auto", "float32", "bfloat16", "float16"), default="auto")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    group.add_argument(
        "--policy", default="fcfs", metavar="A+B", help="see `doubletime policies` (default: %(default)s)"
    )
    group.add_argument("--kv-memory", type=_bytes, metavar="SIZE", help="for KV blocks, e.g. 64MB or 2GiB")
    group.add_argument("--max-model-len", type=_count, metavar="N", help="most tokens of prompt and output together")
    group.add_argument("--max-seats", type=_count, metavar="N", help="most sequences that run at once")
    group.add_argument("--max-rows", type=_count, metavar="N", help="most tokens computed in a step")
    group.add_argument("--in-flight", type=_count, metavar="N", help="steps planned ahead: 1 synchronous, 2 overlapped")
    group.add_argument("--seed", type=int, default=0, help="of all requests that bring none (default: %(default)s)")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"must be from 0 to 65535, not {number}")
    return number


def _bytes(text: str) -> int:
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
