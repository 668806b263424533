"""`python -m tests.parity [--full] [--device cuda]` runs the conditions and prints the matrix; 1 if a token differs."""

from __future__ import annotations

import argparse
import sys

from tests.parity.conditions import FACTORS, Condition, full, pairwise
from tests.parity.matrix import MOST_TIES, Matrix, check


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.parity")
    parser.add_argument("--full", action="store_true", help="every combination, not every pair of values")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    alone = [Condition(family, arrivals="alone", hits=False) for family in FACTORS["family"]]
    matrix, failures = Matrix(), []
    for condition in [*alone, *(full() if args.full else pairwise())]:
        try:
            matrix.add(condition, *check(condition, device=args.device))
        except AssertionError as error:
            failures.append(f"{condition}: {error}")
    print(*matrix.lines(), *failures, sep="\n")
    return 1 if failures or matrix.total.ties > 1 + MOST_TIES * matrix.total.positions else 0


sys.exit(main())
