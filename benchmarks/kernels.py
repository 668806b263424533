"""The native kernels, each beside the ceiling that it runs against, measured in the same run.

    python -m benchmarks.kernels [--threads 2] [--only linear] [--seconds 0.3] [--json FILE]

"of memory" compares with reading as many bytes, "of arithmetic" with running the same instructions in registers.
DOUBLETIME_KERNELS=avx2 measures another level than the best. A busy machine shows: compare ratios within one run.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from os import cpu_count
from pathlib import Path

from benchmarks.kernel_bench import attention, experts, linear, sampling
from benchmarks.kernel_bench.ceilings import Ceilings, measure_ceilings
from benchmarks.kernel_bench.record import Record
from doubletime.kernels.cpu.binding import level, set_threads

FAMILIES: dict[str, Callable[[Ceilings, float], Iterator[Record]]] = {
    "linear": linear.measure,
    "experts": experts.measure,
    "attention": attention.measure,
    "sampling": sampling.measure,
}


def main() -> None:
    args = _arguments()
    set_threads(args.threads)
    ceilings = measure_ceilings()
    print(f"{level()}, {args.threads} threads: {ceilings.bandwidth / 1e9:.1f} GB/s")
    for kind, rate in ceilings.operations.items():
        print(f"  {kind.name:5} {rate / 1e9:7.1f} GOP/s")
    records = []
    for name in args.only or FAMILIES:
        for each in FAMILIES[name](ceilings, args.seconds):
            records.append(each)
            print(each.line(), flush=True)
    if args.json:
        rates = {kind.name: rate for kind, rate in ceilings.operations.items()}
        result = {"level": level(), "threads": args.threads, "bandwidth": ceilings.bandwidth, "operations": rates}
        kernels = [asdict(each) | {"fraction": each.fraction} for each in records]
        args.json.write_text(json.dumps(result | {"kernels": kernels}, indent=1))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=cpu_count() or 1)
    parser.add_argument("--only", nargs="+", choices=list(FAMILIES), help="families of kernels")
    parser.add_argument("--seconds", type=float, default=0.3, help="for each kernel and shape")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
