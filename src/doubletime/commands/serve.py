"""`doubletime serve`: an OpenAI-compatible server."""

from __future__ import annotations

import argparse

from doubletime.engine.config import EngineConfig
from doubletime.units import parse_bytes

KV_DTYPES = ("auto", "float32", "bfloat16", "float16", "int8")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options whose default is None are settled by the engine, which prints what it chose."""
    parser.add_argument("model", nargs="?", metavar="MODEL", help="a checkpoint, or random:NAME (default: ships along)")
    _server_arguments(parser.add_argument_group("server"))
    engine_arguments(parser.add_argument_group("engine"))


def _server_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this machine)")
    group.add_argument("--port", type=_port, default=8000, help="0: any free one (default: %(default)s)")
    group.add_argument("--served-model-name", metavar="NAME", help="what clients call the model (default: MODEL)")


def engine_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--tokenizer", metavar="FOLDER", help="a folder with tokenizer.json (default: the model's own)")
    group.add_argument("--dtype", choices=("auto", "float32", "bfloat16", "float16"), default="auto")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    group.add_argument(
        "--quantize", choices=("int8", "int4"), help="round the weights at load: see docs/quantization.md"
    )
    group.add_argument(
        "--kv-dtype", choices=KV_DTYPES, default="auto", help="of keys and values (default: the weights')"
    )
    group.add_argument("--kernels", choices=("auto", "native", "torch"), default="auto", help="(default: %(default)s)")
    group.add_argument("--threads", type=_count, metavar="N", help="of the kernels on a CPU (default: one a core)")
    group.add_argument(
        "--policy", default="fcfs", metavar="A+B", help="see `doubletime policies` (default: %(default)s)"
    )
    group.add_argument("--kv-memory", type=_bytes, metavar="SIZE", help="for KV blocks, e.g. 64MB or 2GiB")
    group.add_argument("--max-model-len", type=_count, metavar="N", help="most tokens of prompt and output together")
    group.add_argument("--max-seats", type=_count, metavar="N", help="most sequences that run at once")
    group.add_argument("--max-rows", type=_count, metavar="N", help="most tokens computed in a step")
    group.add_argument("--in-flight", type=_count, metavar="N", help="steps planned ahead: 1 synchronous, 2 overlapped")
    group.add_argument("--record", metavar="FILE", help="write the event log and one line a step; see replay")
    group.add_argument("--seed", type=int, default=0, help="of all requests that bring none (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Takes the port, starts the engine process, loads the web stack beside it, and serves until interrupted."""
    from doubletime.server.launch import launch

    launch(engine_config(args), args.host, args.port, args.served_model_name)
    return 0


def engine_config(args: argparse.Namespace) -> EngineConfig:
    """The settings that the engine arguments name."""
    return EngineConfig(**{name: getattr(args, name) for name in EngineConfig.__slots__})


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
