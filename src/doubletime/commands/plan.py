"""`doubletime plan`: the cheapest hardware, layout, number of replicas and policy that meet an SLO on a trace."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from doubletime.commands import rehearsal_options as options
from doubletime.core.vocabulary import SLO

if TYPE_CHECKING:
    from doubletime.lab.plan.space import Space

_WORDS = options.listed(str)
_WHOLE = options.listed(options.whole)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, metavar="MODEL", help="a folder, a config.json or a published name")
    parser.add_argument(
        "--trace", required=True, metavar="TRACE", help="a file, or e.g. poisson:rate=2,prompt=512,output=128,n=1000"
    )
    parser.add_argument("--limit", type=options.whole, metavar="N", help="most requests (default: all)")
    parser.add_argument(
        "--slo", type=options.slo, default=SLO(), metavar="ttft=S,tpot=S", help="asked of every request"
    )
    parser.add_argument(
        "--attainment", type=options.share, default=0.9, metavar="S", help="of the requests (default: %(default)s)"
    )
    _space(parser.add_argument_group("what is searched (lists joined by commas)"))
    parser.add_argument("--jobs", type=options.whole, metavar="N", help="rehearsals at a time (default: one a core)")
    parser.add_argument("--json", metavar="FILE", help="write the plan there; - prints it instead of the table")
    parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    parser.add_argument("--calibration", metavar="FILE", help="written by `doubletime calibrate`")
    options.engine_arguments(parser.add_argument_group("engine"))


def _space(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--hardware", type=_WORDS, metavar="A,B", help="(default: all known GPUs)")
    group.add_argument("--price", type=_prices, default={}, metavar="h100=2.5,…", help="dollars an hour of one device")
    group.add_argument("--max-gpus", type=options.whole, default=16, metavar="N", help="(default: %(default)s)")
    group.add_argument("--tp", type=_WHOLE, default=[1, 2, 4, 8], metavar="1,2", help="(default: 1,2,4,8)")
    group.add_argument("--pp", type=_WHOLE, default=[1], metavar="1,2", help="(default: 1)")
    group.add_argument(
        "--policies", type=options.policies, default=["fcfs", "sarathi"], metavar="A,B", help="(fcfs,sarathi)"
    )
    group.add_argument("--router", default="round-robin", help="(default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Searches and prints. 1: nothing meets the SLO."""
    from dataclasses import replace

    from doubletime.cluster.routers import load_router
    from doubletime.lab.plan.search import plan, to_json
    from doubletime.lab.plan.trial import Goal
    from doubletime.policies import load
    from doubletime.progress import Progress

    for policy in args.policies:
        load(policy)
    load_router(args.router)
    space = _searched(args)
    base = options.base_design(args, hardware=next(iter(space.prices)), policy=args.policies[0])
    base = replace(base, router=args.router, calibration=args.calibration)
    goal = Goal(args.trace, args.slo, args.attainment, args.seed, args.limit)
    with Progress("engines", None, shown=args.json != "-") as bar:
        found = plan(space, base, goal, jobs=args.jobs or os.cpu_count() or 1, progress=bar.advance)
    if args.json == "-":
        print(json.dumps(to_json(found)))
    else:
        from doubletime.lab.plan.table import show

        show(found)
        if args.json:
            Path(args.json).write_text(json.dumps(to_json(found), indent=1) + "\n")
    return 0 if found.winner else 1


def _searched(args: argparse.Namespace) -> Space:
    """Raises ValueError where a machine has no price."""
    from doubletime.hardware.known import machine
    from doubletime.hardware.specs import SPECS
    from doubletime.lab.plan.space import Space

    names = args.hardware or list(SPECS)
    if unknown := set(args.price) - set(names):
        raise ValueError(f"--price: {', '.join(sorted(unknown))} is not searched; --hardware is {','.join(names)}")
    prices = {name: args.price.get(name) or machine(name).spec.dollars_per_hour for name in names}
    if free := [name for name, price in prices.items() if not price]:
        raise ValueError(f"{', '.join(free)} has no known price: give --price {free[0]}=DOLLARS_AN_HOUR")
    return Space(prices, args.tp, args.pp, args.policies, args.max_gpus)


def _prices(text: str) -> dict[str, float]:
    prices = {}
    for item in filter(None, text.split(",")):
        name, equals, value = item.partition("=")
        if not equals:
            raise argparse.ArgumentTypeError(f"must be NAME=DOLLARS,NAME=DOLLARS, not {text!r}")
        prices[name.strip()] = options.positive(value)
    return prices
