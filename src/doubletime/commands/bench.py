"""`doubletime bench`: load for an engine in this process, or for any OpenAI-compatible server."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doubletime.commands.rehearsal_options import positive, slo
from doubletime.commands.serve import engine_arguments, engine_config
from doubletime.core.vocabulary import SLO

if TYPE_CHECKING:
    from doubletime.lab.bench.drive import Measured
    from doubletime.lab.bench.strain import Strain
    from doubletime.lab.bench.target import Target
    from doubletime.lab.workload.job import Workload

DEFAULT_REQUESTS = 100
LOWEST_ID = 16  # of random prompts for a URL: the ids below are often special


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", nargs="?", metavar="URL|MODEL", help="http://HOST:PORT of a server, or a model (default: ships along)"
    )
    _load_arguments(parser.add_argument_group("load"))
    parser.add_argument("--slo", type=slo, default=SLO(), metavar="ttft=S,tpot=S", help="asked of every request")
    parser.add_argument("--timeout", type=positive, default=600.0, metavar="S", help="(default: %(default)g s)")
    parser.add_argument("--json", metavar="FILE", help="write the result there; - prints it instead of the table")
    _url_arguments(parser.add_argument_group("for a URL"))
    engine_arguments(parser.add_argument_group("engine, for a model"))


def _load_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--trace", metavar="TRACE", help="a file, or e.g. poisson:rate=2,prompt=512,output=128,n=1000")
    group.add_argument("--rate", metavar="R", help="requests a second, as a Poisson process")
    group.add_argument(
        "--burstiness", type=positive, metavar="B",
        help="with --rate: gaps are gamma distributed with this shape; 1 is Poisson, less comes in bursts",
    )  # fmt: skip
    group.add_argument("--concurrency", metavar="N", help="so many users, each waits for the answer and asks again")
    group.add_argument("--prompt", metavar="LENGTH", help="tokens: 512, uniform:100:900, lognormal:512:0.8 …")
    group.add_argument("--output", metavar="LENGTH", help="tokens, like --prompt")
    group.add_argument("--limit", type=int, metavar="N", help="most requests (default: all; 100 without --trace)")


def _url_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--endpoint", choices=("completions", "chat"), help="(default: completions)")
    group.add_argument("--served-model-name", metavar="NAME", help="(default: the first that the server lists)")
    group.add_argument("--api-key", metavar="KEY", help="(default: the environment's OPENAI_API_KEY)")
    group.add_argument("--vocab", type=int, metavar="N", help="random token ids are below it (default: 256)")


def run(args: argparse.Namespace) -> int:
    """Runs the load and prints what came of it: 1 if not a single request was completed, 130 if interrupted."""
    trace = trace_of(args)
    target: Target
    if _is_url(args.target):
        _refuse_engine_options(args)
        from doubletime.lab.bench.dialect import Endpoint
        from doubletime.lab.bench.url import UrlTarget
        from doubletime.lab.workload.prompts import Prompts

        workload = _workload(args, trace, None)
        key = args.api_key or os.environ.get("OPENAI_API_KEY")
        prompts = Prompts(LOWEST_ID, args.vocab or 256, args.seed)
        endpoint, name = Endpoint(args.endpoint or "completions"), args.served_model_name
        target = UrlTarget(args.target, endpoint=endpoint, model=name, key=key, prompts=prompts)
    else:
        _refuse_url_options(args)
        _workload(args, trace, None)  # a wrong trace is told before a model is loaded
        from doubletime.engine.target import EngineTarget

        args.model = args.target
        engine = EngineTarget(engine_config(args))
        _say(engine.summary)
        target, workload = engine, _workload(args, trace, engine.encode)
    return _bench(args, target, workload)


def trace_of(args: argparse.Namespace) -> str:
    """The TRACE that --trace or the shortcuts name. Raises ValueError for none, and for what contradicts."""
    if args.rate and args.concurrency:
        raise ValueError("--rate and --concurrency exclude each other")
    if args.burstiness and not (args.rate and args.trace is None):
        raise ValueError("--burstiness goes with --rate and no --trace; a spec says it itself: gamma:rate=2,cv=1.5")
    how = f"rate={args.rate}" if args.rate else f"concurrency={args.concurrency}" if args.concurrency else ""
    if args.trace is None:
        if not how:
            raise ValueError("say how much load: --rate 2, --concurrency 8, or --trace TRACE")
        lengths = [f"{key}={value}" for key in ("prompt", "output") if (value := getattr(args, key))]
        return f"{_arrivals(args)}:" + ",".join([how, *_variation(args), *lengths, f"n={_requests(args)}"])
    if args.prompt or args.output:
        raise ValueError("--trace has lengths of its own: write prompt= and output= into a spec, not beside it")
    if how and not Path(args.trace).is_file():
        raise ValueError("--rate and --concurrency go with a trace file; a spec says itself when requests come")
    return f"replay:path={args.trace},{how}" if how else str(args.trace)


def _arrivals(args: argparse.Namespace) -> str:
    if args.concurrency:
        return "closed"
    return "gamma" if args.burstiness else "poisson"


def _variation(args: argparse.Namespace) -> list[str]:
    """A gamma distribution of shape B has the coefficient of variation 1 / √B."""
    return [f"cv={args.burstiness**-0.5:.6g}"] if args.burstiness else []


def _requests(args: argparse.Namespace) -> int:
    return DEFAULT_REQUESTS if args.limit is None else args.limit


def _workload(args: argparse.Namespace, trace: str, encode: Any) -> Workload:
    from doubletime.lab.workload.open import open_workload

    return open_workload(trace, seed=args.seed, encode=encode, limit=args.limit)


def _bench(args: argparse.Namespace, target: Target, workload: Workload) -> int:
    from doubletime.lab.bench.drive import drive
    from doubletime.lab.bench.strain import Strain
    from doubletime.lab.result import result
    from doubletime.progress import Progress

    try:
        with Progress("requests", workload.requests, shown=args.json != "-") as bar:
            measured = drive(workload, target, args.slo, timeout_s=args.timeout, screen=bar)
        facts, strain = target.facts(), Strain.of(measured, target)
    finally:
        target.close()
    found = result(
        measured.scores, facts,
        clock="real", policy=target.policy, config=target.config | {"trace": workload.name, "limit": args.limit},
        seed=workload.seed, began=measured.began, client_lag_s=strain.lag_s,
    )  # fmt: skip
    if strain.cpu is not None:
        found["client_cpu"] = round(strain.cpu, 4)  # share of one core
    _report(args.json, found, measured, strain)
    if measured.interrupted:
        return 130
    return 0 if found["requests"]["completed"] else 1


def _report(where: str | None, found: dict[str, Any], measured: Measured, strain: Strain) -> None:
    if where == "-":
        print(json.dumps(found))
    else:
        from doubletime.lab.table import show

        show(found)
        if where:
            Path(where).write_text(json.dumps(found, indent=1) + "\n")
    for error, times in measured.errors.most_common(3):
        _say(f"{times} of: {error}")
    for warning in strain.warnings():
        _say(warning)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _is_url(target: str | None) -> bool:
    return target is not None and "://" in target


def _refuse_engine_options(args: argparse.Namespace) -> None:
    """A running server has its own."""
    parser = argparse.ArgumentParser()
    engine_arguments(parser.add_argument_group("engine"))
    defaults = vars(parser.parse_args([]))
    for name, default in defaults.items():
        if name != "seed" and getattr(args, name) != default:
            raise ValueError(f"--{name.replace('_', '-')} is for an engine in this process; {args.target} has its own")


def _refuse_url_options(args: argparse.Namespace) -> None:
    for name in ("endpoint", "served_model_name", "api_key", "vocab"):
        if getattr(args, name) is not None:
            raise ValueError(f"--{name.replace('_', '-')} is for the URL of a server")
