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


def page(
    chosen: Sequence[Run], figures: Sequence[Figure], real: dict[str, Json], profile: Json, others: Sequence[Json]
) -> str:
    by_run = {run.name: {figure.name: figure for figure in figures if figure.run == run.name} for run in chosen}
    parts = [
        _head(profile),
        _verdict(figures),
        _errors(by_run),
        _values(by_run),
        _loads(chosen, real),
        _others(others),
        _TAIL,
    ]
    return "\n".join(parts)


def _head(profile: Json) -> str:
    machine = profile["machine"]
    where = f"{machine['cpu']}, {machine['cores']} cores, torch {machine['torch']} on {machine['threads']} thread"
    return f"""# Predictions: this machine, real runs against rehearsed ones

Each run below was done twice: by `doubletime bench` on the torch executor, in a process of its own, and by the
rehearsal of the same engine with the same policy and load, from a profile of the machine. Models, loads and policies
were drawn by the seeded generator `benchmarks/predict_runs.py` (seed {SEED}), committed before the profile was made;
the profile runs models, lengths and loads of its own. All figures are here, also the bad ones.

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


def _others(others: Sequence[Json]) -> str:
    rows = [
        [
            other["name"],
            f"{other['held_out']:.1%}",
            f"{other['median_error']:.1%}",
            str(other["beyond"]),
            f"{other['worst']['figure']} of {other['worst']['run']}: {other['worst']['error']:+.1%}",
        ]
        for other in others
    ]
    head = ["profile", "own held-out error", "median error", "beyond 15 %", "worst of throughput and p50"]
    return "## The same runs from profiles made at other times\n\n" + _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


_TAIL = """- 14:56: nothing else ran when it began.
- 15:03: right before the real runs; another process was busy for the first half minute.
- 15:23 and 15:28: another process was busy on the second core all the time. 15:39: the machine was overloaded, and the
  overheads of the engine, which are wall-clock times, came out several times too long.

## How to read this

- The tables above are from the profile of 15:03, because it was made right before the real runs (15:04 to 15:11). All
  profiles are shown; which of them agrees best is not known beforehand. During the real runs all other processes
  together took 1 to 2 % of a core (`others` in the result).
- The machine is not steady. It is a virtual one: its share of the last-level cache changes with its neighbours. The
  shipped model (14 MB of weights) fits into that cache or does not: run 02 had a median TPOT of 6.1, 6.4 and 9.9 ms at
  three times within an hour; runs 06, 08 and 12 differed by 5 to 10 %.
- A first comparison with these real runs (same profile) had a median error of 7.5 %, and 8 figures beyond 15 %. Then
  the fit was changed: products from the cache and from memory have a coefficient each, those of measured kernels are
  drawn to 1, and a second model with experts is measured (only the last profile has it). Variants were chosen by the
  held-out error on the profile's own models, but with the errors of these runs in view; the measurements of all
  profiles were fitted again with the final code. So these 14 runs are not untouched any more.
- Where it is weakest: prefills of mixtures of experts (too fast by a fifth), steps of two and more decodes of
  llama-100m (too fast by a tenth), tails under bursts.

How the profile is made, and what the model of a step is: [profile.md](profile.md).
"""
