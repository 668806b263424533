"""`doubletime serve`: an OpenAI-compatible server."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from doubletime.engine.config import EngineConfig
from doubletime.server.monitor.settings import MonitorSettings
from doubletime.server.settings import ServerSettings
from doubletime.units import parse_bytes

API_KEY = "DOUBLETIME_API_KEY"
TOOL_PARSERS = ("auto", "hermes", "llama3", "mistral", "none")
REASONING_PARSERS = ("auto", "think", "none")
KV_DTYPES = ("auto", "float32", "bfloat16", "float16", "int8")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options whose default is None are settled by the engine, which prints what it chose."""
    parser.add_argument("model", nargs="?", metavar="MODEL", help="a checkpoint, or random:NAME (default: ships along)")
    _server_arguments(parser.add_argument_group("server"))
    _monitor_arguments(parser.add_argument_group("log and metrics (docs/monitoring.md)"))
    _guard_arguments(parser.add_argument_group("limits and access (docs/deploying.md)"))
    engine_arguments(parser.add_argument_group("engine"))


def _server_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this machine)")
    group.add_argument("--port", type=_port, default=8000, help="0: any free one (default: %(default)s)")
    group.add_argument("--served-model-name", metavar="NAME", help="what clients call the model (default: MODEL)")
    group.add_argument(
        "--tool-parser", choices=TOOL_PARSERS, default="auto",
        help="how the model writes calls of tools (default: as its chat template shows; docs/tools.md)",
    )  # fmt: skip
    group.add_argument(
        "--reasoning-parser", choices=REASONING_PARSERS, default="auto",
        help="whether it writes thoughts between <think> and </think> (default: as its chat template shows)",
    )  # fmt: skip
    group.add_argument(
        "--grace", type=_seconds, default=5.0, metavar="S",
        help="seconds that requests in progress have when the server is told to stop (default: %(default)g)",
    )  # fmt: skip


def _monitor_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--log-interval", type=_interval, default=10.0, metavar="S",
        help="seconds from line to line of what happens; 0: no such lines (default: %(default)g)",
    )  # fmt: skip
    group.add_argument("--metrics-compat", choices=("vllm",), help="/metrics has vLLM's names beside our own")


def _guard_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--api-key", action="append", default=[], metavar="KEY",
        help=f"refuse who sends none of the keys; may be given again (or in the environment: {API_KEY})",
    )  # fmt: skip
    group.add_argument("--api-key-file", type=Path, metavar="FILE", help="keys, one a line: unlike options, not public")
    group.add_argument(
        "--allow-origin", action="append", default=[], metavar="ORIGIN",
        help="web pages from there may use the server, e.g. https://example.com; * is any (default: only its own)",
    )  # fmt: skip
    group.add_argument("--max-queue", type=_count, metavar="N", help="429 while N requests wait (default: no limit)")
    group.add_argument(
        "--request-timeout", type=_seconds, metavar="S", help="504 for what takes longer (default: no limit)"
    )
    group.add_argument(
        "--max-body", type=_bytes, default=8 << 20, metavar="SIZE", help="413 for longer bodies (default: 8MiB)"
    )


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

    launch(engine_config(args), server_settings(args, os.environ))
    return 0


def server_settings(args: argparse.Namespace, environment: Mapping[str, str]) -> ServerSettings:
    """The settings that the server's arguments and the environment name. Raises OSError or ValueError."""
    return ServerSettings(
        host=args.host,
        port=args.port,
        served_model_name=args.served_model_name,
        api_keys=_keys(args, environment),
        max_queue=args.max_queue,
        request_timeout=args.request_timeout,
        max_body=args.max_body,
        origins=tuple(args.allow_origin),
        grace=args.grace,
        tool_parser=args.tool_parser,
        reasoning_parser=args.reasoning_parser,
        monitor=MonitorSettings(args.log_interval, vllm_names=args.metrics_compat == "vllm"),
    )


def _keys(args: argparse.Namespace, environment: Mapping[str, str]) -> tuple[str, ...]:
    """A wish for keys that names none must not open the server to everybody."""
    keys = list(args.api_key)
    if args.api_key_file is not None:
        keys += _file_keys(args.api_key_file)
    if API_KEY in environment:
        keys.append(environment[API_KEY])
    keys = [key.strip() for key in keys]
    if not all(keys):
        raise ValueError("an API key is empty: give one, or leave --api-key and $DOUBLETIME_API_KEY out")
    return tuple(keys)


def _file_keys(path: Path) -> list[str]:
    """Empty lines and those that begin with # are comments."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise ValueError(f"{path} holds no API key: write one a line")
    return keys


def engine_config(args: argparse.Namespace) -> EngineConfig:
    """The settings that the engine arguments name."""
    return EngineConfig(**{name: getattr(args, name) for name in EngineConfig.__slots__})


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of seconds more than 0, not {text}")
    return number


def _interval(text: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of seconds, or 0 for none, not {text}")
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
