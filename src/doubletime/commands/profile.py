"""`doubletime profile`: measures this machine, so that `--hardware FILE` rehearses on it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

DEFAULT_OUT = "profile.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", default=DEFAULT_OUT, metavar="FILE.json", help="(default: %(default)s)")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="(default: %(default)s)")
    parser.add_argument(
        "--threads", type=int, metavar="N", help="of torch (default: OMP_NUM_THREADS, or as torch does)"
    )
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes, for a trial: larger errors")
    parser.add_argument("--json", action="store_true", help="print a summary as JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    """Measures for a few minutes, writes the profile and prints what it found."""
    out = Path(args.out)
    if out.suffix != ".json":
        raise ValueError(f"--out {out}: a profile's name ends in .json, so that --hardware knows it for a file")
    if not out.parent.is_dir():
        raise ValueError(f"--out {out}: there is no folder {out.parent}")
    threads = _threads(args.threads)
    from doubletime.engine.profile.run import FAST, FULL, profile
    from doubletime.progress import Progress

    effort = FAST if args.quick else FULL
    with Progress("measuring", effort.stages, shown=not args.json) as bar:
        found = profile(effort, args.dtype, threads, lambda what: bar.advance())
    out.write_text(json.dumps(found) + "\n", encoding="utf-8")
    summary = summary_of(found)
    if args.json:
        print(json.dumps(summary))
    else:
        _show(summary, out)
    return 0


def _threads(asked: int | None) -> int:
    """What was asked for, else the environment's, else torch's own choice. Raises ValueError for less than one."""
    if asked is None:
        import torch

        named = os.environ.get("OMP_NUM_THREADS", "")
        return int(named) if named.isdecimal() and int(named) else torch.get_num_threads()
    if asked < 1:
        raise ValueError(f"--threads must be at least 1, not {asked}")
    return asked


def summary_of(found: dict[str, Any]) -> dict[str, Any]:
    """The figures for people."""
    return {
        "machine": found["machine"]["name"],
        "gflops": found["peak"] / 1e9,
        "weights_gb_per_s": found["machine"]["bandwidth"] / 1e9,
        "measured": {name: len(rows) for name, rows in found["tables"].items()},
        "overheads_us": {name: seconds * 1e6 for name, seconds in found["engine"].items()},
        "jitter": found["jitter"],
        "held_out_error": {name: list(pair) for name, pair in found["errors"].items()},
    }


def _show(summary: dict[str, Any], out: Path) -> None:
    errors = summary["held_out_error"]
    print(summary["machine"])
    print(
        f"peak              {summary['gflops']:.0f} GFLOP/s, weights from memory {summary['weights_gb_per_s']:.1f} GB/s"
    )
    print("measured points   " + ", ".join(f"{count} {name}" for name, count in summary["measured"].items()))
    print("overheads         " + ", ".join(f"{name} {us:.0f} µs" for name, us in summary["overheads_us"].items() if us))
    print(f"step to step      {summary['jitter']:.1%}")
    for name, (inside, beyond) in errors.items():
        print(f"{f'error, {name}':<17} {inside:.1%} between what was measured, {beyond:.1%} beyond")
    print(f"written to {out}: simulate, compare and plan take it as --hardware {out}", file=sys.stderr)
