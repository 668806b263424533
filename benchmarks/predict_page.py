"""The page of the documentation that shows every prediction, the bad ones too."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.predict_runs import SEED, Run

if TYPE_CHECKING:
    from benchmarks.predict import Figure

Json = dict[str, Any]
COLUMNS = (
    "requests_per_s",
    "output_tokens_per_s",
    *(f"{a} {p}" for a in ("ttft", "tpot", "e2e") for p in ("p50", "p90", "p99")),
)
TITLES = ("req/s", "tok/s", *(f"{a} {p}" for a in ("TTFT", "TPOT", "E2E") for p in ("p50", "p90", "p99")))


def page(chosen: Sequence[Run], figures: Sequence[Figure], real: dict[str, Json], profile: Json) -> str:
    by_run = {run.name: {figure.name: figure for figure in figures if figure.run == run.name} for run in chosen}
    parts = [_head(profile), _verdict(figures), _errors(by_run), _values(by_run), _loads(chosen, real), _TAIL]
    return "\n".join(parts)


def _head(profile: Json) -> str:
    machine = profile["machine"]
    where = f"{machine['cpu']}, {machine['cores']} cores, torch {machine['torch']} on {machine['threads']} thread"
    return f"""# Predictions: this machine, real runs against rehearsed ones

Each run below was done twice: by `doubletime bench` on the torch executor, in a process of its own, and by the
rehearsal of the same engine with the same policy and load, from a profile of the machine. Models, loads and policies
were drawn by the seeded generator `benchmarks/predict_runs.py` (seed {SEED}) before anything was profiled; the profile
saw none of them. All figures are here, also the bad ones.

Machine: {where}, {machine["dtype"]}.

```
$ OMP_NUM_THREADS=1 doubletime profile --threads 1 --out profile.json
$ OMP_NUM_THREADS=1 python -m benchmarks.predict --profile profile.json --page docs/predictions.md
```
"""


def _verdict(figures: Sequence[Figure]) -> str:
    errors = [abs(figure.error) for figure in figures]
    barred = [figure for figure in figures if figure.barred]
    worst = max(barred, key=lambda figure: abs(figure.error))
    over = sum(abs(figure.error) > 0.15 for figure in barred)
    lines = [
        f"- Median error of all {len(figures)} figures: **{median(errors):.1%}** (the bar is 5 %).",
        f"- Throughput and p50: {len(barred)} figures, {over} of them off by more than 15 % (the bar is none); "
        f"the worst is {worst.name} of {worst.run}: **{worst.error:+.1%}**.",
    ]
    for title, names in (
        ("throughput", COLUMNS[:2]),
        ("TTFT", COLUMNS[2:5]),
        ("TPOT", COLUMNS[5:8]),
        ("E2E", COLUMNS[8:]),
    ):
        own = [abs(figure.error) for figure in figures if figure.name in names]
        lines.append(f"- {title}: median {median(own):.1%}, mean {sum(own) / len(own):.1%}, worst {max(own):.1%}.")
    return "\n".join(lines) + "\n"


def _errors(by_run: dict[str, dict[str, Figure]]) -> str:
    rows = [
        [name, *(f"{own[column].error:+.1%}" if column in own else "-" for column in COLUMNS)]
        for name, own in by_run.items()
    ]
    return "## Errors: predicted / real - 1\n\n" + _table(["run", *TITLES], rows)


def _values(by_run: dict[str, dict[str, Figure]]) -> str:
    rows = [
        [name, *(_pair(own[column]) if column in own else "-" for column in COLUMNS)] for name, own in by_run.items()
    ]
    return "## Values: real → predicted (latencies in ms)\n\n" + _table(["run", *TITLES], rows)


def _pair(figure: Figure) -> str:
    scale = 1.0 if figure.name.endswith("_per_s") else 1e3
    return f"{figure.real * scale:.3g} → {figure.predicted * scale:.3g}"


def _loads(chosen: Sequence[Run], real: dict[str, Json]) -> str:
    rows = [
        [
            run.name,
            f"`{run.trace}`",
            str(run.seed),
            f"{real[run.name]['duration_s']:.0f}",
            f"{real[run.name]['steps']:,}",
        ]
        for run in chosen
    ]
    return "## Loads\n\n" + _table(["run", "`--trace`", "seed", "seconds", "steps"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


_TAIL = """How the profile is made, and what the model of a step is: [profile.md](profile.md).
"""
