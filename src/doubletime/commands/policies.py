"""`doubletime policies`: what there is, with roles, knobs and references; and the conformance check."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check", metavar="POLICY", help="run the conformance suite on a policy (a name or a .py file)"
    )
    parser.add_argument("--worlds", type=int, default=200, metavar="N", help="random runs of --check (default: 200)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    """Lists the policies, or checks one: 1 if it failed."""
    if args.check:
        return _check(args)
    from doubletime.policies import NAMES

    rows = [_describe(name) for name in NAMES]
    if args.json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        print(f"{row['name']:10}{' '.join(row['roles']):24}{row['reference']}")
        for knob, default in row["knobs"].items():
            print(f"{'':10}  {knob}={default}")
    return 0


def _describe(name: str) -> dict[str, Any]:
    from doubletime.core.policy import roles_of
    from doubletime.policies import knobs, policy_class

    cls = policy_class(name)
    defaults = {knob: parameter.default for knob, parameter in knobs(cls).items()}
    return {"name": name, "roles": roles_of(cls()), "reference": cls.reference, "knobs": defaults}


def _check(args: argparse.Namespace) -> int:
    from doubletime.lab.conformance import check
    from doubletime.progress import Progress

    with Progress(f"checking {args.check}", args.worlds, shown=not args.json) as bar:
        report = check(args.check, worlds=args.worlds, seed=args.seed, progress=bar.advance)
    if args.json:
        print(json.dumps({"policy": report.policy, "worlds": report.worlds, "failures": report.failures}
                         | {"longest_wait_s": report.longest_wait_s, "steps": report.steps}))  # fmt: skip
    else:
        print(f"{report.policy}: {report.worlds} random runs, {report.steps} steps, {len(report.failures)} failed")
        print(f"longest wait for a first slab under sustained overload: {report.longest_wait_s:.3f} s")
        print("\n".join(report.failures[:5]), file=sys.stderr)
    return 1 if report.failures else 0
