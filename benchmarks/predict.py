"""Does the rehearsal predict this machine? Real runs of `bench` on the CPU executor against `rehearse` of the same.

    OMP_NUM_THREADS=1 python -m benchmarks.predict --profile profile.json --page docs/predictions.md

The runs are those of `predict_runs`, drawn before anything was profiled. Needs a quiet machine with two cores: one for
torch, one for the engine's thread and the client. `--truth FILE` takes the real runs from an earlier result.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.predict_bench import KV_MEMORY, LENGTH, bench, folder_of
from benchmarks.predict_page import page
from benchmarks.predict_runs import PUBLISHED, SHIPPED, Run, runs
from doubletime.engine.sources import shipped_model
from doubletime.lab.rehearsal.design import Design
from doubletime.lab.rehearsal.run import rehearse
from doubletime.lab.workload.open import open_workload

Json = dict[str, Any]
LATENCIES = ("ttft_s", "tpot_s", "e2e_s")
POINTS = ("p50", "p90", "p99")


class Figure(NamedTuple):
    """One figure of one run: seconds, or per second."""

    run: str
    name: str
    real: float
    predicted: float

    @property
    def error(self) -> float:
        """Relative."""
        return self.predicted / self.real - 1

    @property
    def barred(self) -> bool:
        """Whether it must be within 15 %: throughput, and every p50."""
        return self.name.endswith("p50") or self.name in ("requests_per_s", "output_tokens_per_s")


def main() -> int:
    args = _arguments()
    chosen = [run for at, run in enumerate(runs(), start=1) if not args.only or at in args.only]
    real = _real(chosen, args)
    predicted, figures = compare(chosen, real, args.profile, args.models)
    others = [_other(path, summary(compare(chosen, real, path, args.models)[1])) for path in args.also]
    text = page(chosen, figures, real, json.loads(args.profile.read_text()), others)
    print(text)
    if args.page:
        args.page.write_text(text)
    if args.json:
        found = [{"run": run.to_json(), "real": real[run.name], "predicted": predicted[run.name]} for run in chosen]
        args.json.write_text(json.dumps({"runs": found, "summary": summary(figures)}, indent=1))
    return 0


def compare(
    chosen: list[Run], real: dict[str, Json], profile: Path, models: Path
) -> tuple[dict[str, Json], list[Figure]]:
    """What the rehearsal predicts for each run, and all figures beside the real ones."""
    predicted = {run.name: predict(run, profile, models) for run in chosen}
    return predicted, [one for run in chosen for one in figures_of(run.name, real[run.name], predicted[run.name])]


def _other(path: Path, found: Json) -> Json:
    """A line for a profile made at another time: its own held-out error of whole steps, and what came of it."""
    return {"name": path.stem, "held_out": json.loads(path.read_text())["errors"]["whole"][0]} | found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", type=Path, required=True, help="what `doubletime profile --threads 1` wrote")
    parser.add_argument(
        "--models", type=Path, default=Path("build/predict-models"), help="where random models are kept"
    )
    parser.add_argument(
        "--also", type=Path, nargs="*", default=[], help="profiles made at other times: a line for each"
    )
    parser.add_argument("--only", type=int, nargs="*", help="numbers of runs")
    parser.add_argument("--truth", type=Path, help="real results that an earlier --keep wrote")
    parser.add_argument("--keep", type=Path, help="write the real results there")
    parser.add_argument("--json", type=Path, help="write everything there")
    parser.add_argument("--page", type=Path, help="write the page of the documentation there")
    return parser.parse_args()


def _real(chosen: list[Run], args: argparse.Namespace) -> dict[str, Json]:
    """What an earlier result holds, and the rest by running it; kept after every run."""
    real: dict[str, Json] = json.loads(args.truth.read_text()) if args.truth else {}
    for run in chosen:
        if run.name not in real:
            print(f"running {run.name}", file=sys.stderr)
            real[run.name] = bench(run, args.models)
            if args.keep:
                args.keep.write_text(json.dumps(real, indent=1))
    return real


def predict(run: Run, profile: Path, models: Path) -> Json:
    """The rehearsal's result for one run."""
    design = Design(
        model=_model(run, models),
        hardware=str(profile),
        policy=run.policy,
        dtype="float32",
        kv_memory=KV_MEMORY,
        max_model_len=LENGTH,
    )
    return rehearse(design, open_workload(run.trace, seed=run.seed), seed=run.seed).result


def _model(run: Run, models: Path) -> str:
    if run.model == SHIPPED:
        return str(shipped_model())
    return PUBLISHED if run.model == PUBLISHED else str(folder_of(run, models))


def figures_of(name: str, real: Json, predicted: Json) -> Iterator[Figure]:
    for rate in ("requests_per_s", "output_tokens_per_s"):
        yield Figure(name, rate, real["throughput"][rate], predicted["throughput"][rate])
    for latency in LATENCIES:
        for point in POINTS:
            if real[latency] and predicted[latency]:
                yield Figure(name, f"{latency[:-2]} {point}", real[latency][point], predicted[latency][point])


def summary(figures: list[Figure]) -> Json:
    """Median of the absolute errors, and the worst figure of those that must be within 15 %."""
    worst = max((figure for figure in figures if figure.barred), key=lambda figure: abs(figure.error))
    return {
        "figures": len(figures),
        "median_error": median(abs(figure.error) for figure in figures),
        "beyond": sum(figure.barred and abs(figure.error) > 0.15 for figure in figures),
        "worst": {"run": worst.run, "figure": worst.name, "error": worst.error},
    }


if __name__ == "__main__":
    sys.exit(main())
