"""Runs the tests against a random sample of mutants of the core, each in a copy of the repository.

A mutant is killed when a test fails, or when the tests take much longer than they take without it.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from tools.mutants.mutations import Mutant, all_mutants

ROOT = Path(__file__).parents[2]
COPIED = ("src", "tests", "pyproject.toml")
PYTEST = ("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=mutants")


@dataclass(frozen=True)
class Trial:
    """Runs the tests in copies of the repository that no one else edits. `limit` is in seconds."""

    copies: Queue[Path]
    tests: tuple[str, ...]
    limit: float

    def outcome(self, mutant: Mutant) -> str:
        """killed, timeout or survived."""
        copy = self.copies.get()
        file = copy / mutant.path
        source = file.read_bytes()
        try:
            file.write_bytes(mutant.apply(source))
            return run_tests(copy, self.tests, self.limit)
        finally:
            file.write_bytes(source)
            self.copies.put(copy)


def run_tests(copy: Path, tests: tuple[str, ...], limit: float) -> str:
    environment = os.environ | {"PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *PYTEST, *tests]
    try:
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return "timeout"
    if done.returncode not in (0, 1, 2):  # 2: not even an import worked
        raise RuntimeError(f"pytest ended with {done.returncode}: {done.stdout.decode()[-2000:]}")
    return "killed" if done.returncode else "survived"


def copy_repository(target: Path) -> Path:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
        else:
            shutil.copy(source, target / name)
    return target


def time_without_mutants(copy: Path, tests: tuple[str, ...]) -> float:
    """Seconds. Raises SystemExit if the tests fail as it is."""
    started = time.monotonic()
    if run_tests(copy, tests, 3600) != "survived":
        raise SystemExit("the tests fail without a mutant")
    return time.monotonic() - started


def report(outcomes: list[tuple[Mutant, str]], total: int, seed: int) -> float:
    """Prints the counts and the survivors; returns the share that was killed."""
    counts = Counter(outcome for _, outcome in outcomes)
    killed = 1 - counts["survived"] / max(1, len(outcomes))
    for mutant in sorted(mutant for mutant, outcome in outcomes if outcome == "survived"):
        print(f"survived  {mutant}")
    print(f"{len(outcomes)} of {total} mutants (seed {seed}): {dict(counts)}, {killed:.1%} killed")
    return killed


def main() -> int:
    parser = argparse.ArgumentParser("mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--least", type=float, default=0.9, help="share to kill (default: %(default)s)")
    parser.add_argument("--source", nargs="+", default=["src/doubletime/core"])
    parser.add_argument("--tests", nargs="+", default=["tests/core", "tests/policies"])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return 0 if try_sample(args, Path(folder)) >= args.least else 1


def try_sample(args: argparse.Namespace, folder: Path) -> float:
    copies: Queue[Path] = Queue()
    for job in range(args.jobs):
        copies.put(copy_repository(folder / str(job)))
    base = folder / "0"
    mutants = all_mutants(base, (base / source for source in args.source))
    sample = random.Random(args.seed).sample(mutants, min(args.sample, len(mutants)))
    tests = tuple(args.tests)
    trial = Trial(copies, tests, limit=10 + 4 * args.jobs * time_without_mutants(base, tests))
    outcomes = []
    with ThreadPoolExecutor(args.jobs) as pool:
        for mutant, outcome in zip(sample, pool.map(trial.outcome, sample), strict=True):
            outcomes.append((mutant, outcome))
            print(f"{len(outcomes):4d}  {outcome:9s} {mutant}", flush=True)
    return report(outcomes, len(mutants), args.seed)


if __name__ == "__main__":
    sys.exit(main())
