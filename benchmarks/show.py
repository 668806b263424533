"""Three published effects, reproduced in virtual time: a prefix cache's hit curve, what a router does, disaggregation.

python -m benchmarks.show [--only hits,routers,disaggregation,published] [--trace FILE] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.distserve_cost import serve
from doubletime.cluster.replica import Role
from doubletime.core.vocabulary import SECOND, SLO
from doubletime.lab.capacity import find_capacity
from doubletime.lab.hit_curve import hash_ids, hit_rate
from doubletime.lab.rehearsal.design import Design
from doubletime.lab.rehearsal.run import rehearse
from doubletime.lab.workload.open import open_workload

Json = dict[str, Any]
Rows = list[Json]

# ---- the hit curve of Mooncake's conversation trace (FAST 2025), least recently used first out

CURVE = {1_000: 0.045, 10_000: 0.211, 30_000: 0.326, 50_000: 0.355, 100_000: 0.364, 200_000: 0.366}
"""Blocks of 512 tokens → hit rate from a separate program; 200,000 are more than the trace has."""


def hits(trace: Path) -> Rows:
    prompts = list(hash_ids(trace))
    return [{"blocks": size, "hit_rate": hit_rate(prompts, size), "expected": CURVE[size]} for size in CURVE]


# ---- routers on the same trace

FLEET = Design("llama-3.1-8b", "a100", replicas=8, block_tokens=512)
ROUTERS = ("round-robin", "least-outstanding", "longest-prefix", "prefix-aware", "least-ttft", "kv-aware")


def routers(trace: Path) -> Rows:
    return [_routed(router, trace) for router in ROUTERS]


def _routed(router: str, trace: Path) -> Json:
    found = rehearse(replace(FLEET, router=router), open_workload(str(trace))).result
    shares = [part["requests"]["sent"] for part in found["by_replica"].values()]
    return {
        "router": router,
        "hit_rate": found["prefix_hit_rate"],
        "ttft_s": found["ttft_s"],
        "tpot_p50_s": found["tpot_s"]["p50"],
        "most_on_one": max(shares) / sum(shares),
    }


# ---- DistServe's opening example (OSDI 2024, figure 1): OPT-13B on A100, prompts of 512 tokens, answers of 64

ENGINE = Design("opt-13b", "a100", max_model_len=2048, in_flight=1)  # no overlap: no engine had it then
THEN = str(Path(__file__).with_name("prefill_first.py"))
TARGETS = SLO(ttft=SECOND // 5, tpot=SECOND // 25)
SPLIT = replace(ENGINE, replicas=3, prefill_replicas=2, router="least-outstanding")
SETUPS: tuple[tuple[str, Design, int, SLO, float | None], ...] = (
    ("one GPU, prompts before decodes", replace(ENGINE, policy=THEN), 64, TARGETS, 1.6),
    ("one GPU, mixed steps (fcfs)", ENGINE, 64, TARGETS, None),
    ("one GPU, chunks of 512 (sarathi)", replace(ENGINE, policy="sarathi:budget=512"), 64, TARGETS, None),
    ("one GPU, prefill only", ENGINE, 1, SLO(ttft=TARGETS.ttft), 5.6),
    ("two prefill, one decodes", SPLIT, 64, TARGETS, 3.3),
)
"""Name, design, output tokens, targets, and the paper's requests a second for each GPU."""


def disaggregation(requests: int = 2000) -> Rows:
    return [_goodput(*setup, requests) for setup in SETUPS]


def published(requests: int = 2000) -> Rows:
    """The same with the step times that the paper's authors published."""
    together, apart = (Role.BOTH,), (Role.PREFILL, Role.PREFILL, Role.DECODE)
    rows = []
    for name, policy, roles in ((SETUPS[0][0], THEN, together), (SETUPS[-1][0], "fcfs", apart)):

        def at_rate(rate: float, limit: int | None, policy: str = policy, roles: tuple[Role, ...] = roles) -> Json:
            spec = f"poisson:rate={rate},prompt=512,output=64,n={requests},seed=0"
            return serve(spec, limit, TARGETS, policy, roles)

        found = find_capacity(at_rate, TARGETS, 0.9, requests=requests, start=4.0)
        assert found.rate is not None
        paper = {1: 1.6, 3: 3.3}[len(roles)]
        rows.append({"name": name, "gpus": len(roles), "per_gpu": found.rate / len(roles), "paper": paper})
    return rows


def _goodput(name: str, design: Design, output: int, slo: SLO, paper: float | None, requests: int) -> Json:
    def at_rate(rate: float, limit: int | None) -> Json:
        spec = f"poisson:rate={rate},prompt=512,output={output},n={requests},seed=0"
        return rehearse(design, open_workload(spec, limit=limit), slo=slo).result

    found = find_capacity(at_rate, slo, 0.9, requests=requests, start=4.0)
    assert found.rate is not None
    return {"name": name, "gpus": design.devices, "per_gpu": found.rate / design.devices, "paper": paper}


# ---- tables


def show_hits(rows: Rows) -> None:
    print("Hit rate of one LRU prefix cache on Mooncake's conversation trace, blocks of 512 tokens")
    print(f"{'blocks':>10}{'hit rate':>10}{'expected':>10}")
    for row in rows:
        print(f"{row['blocks']:>10,}{row['hit_rate']:>10.3f}{row['expected']:>10.3f}")


def show_routers(rows: Rows) -> None:
    print(f"The same trace on {FLEET.replicas} replicas of {FLEET.model}, one {FLEET.hardware} each; TTFT in seconds")
    print(
        f"{'router':18}{'hit rate':>9}{'mean':>11}{'p50':>11}{'p90':>11}{'p99':>11}{'TPOT p50':>10}{'most on one':>13}"
    )
    for row in rows:
        ttft = row["ttft_s"]
        times = f"{ttft['mean']:>11,.2f}{ttft['p50']:>11,.2f}{ttft['p90']:>11,.2f}{ttft['p99']:>11,.2f}"
        rest = f"{row['tpot_p50_s']:>10.4f}{row['most_on_one']:>13.0%}"
        print(f"{row['router']:18}{row['hit_rate']:>9.3f}{times}{rest}")


def show_disaggregation(rows: Rows) -> None:
    print("OPT-13B on A100, 512 tokens in and 64 out: requests a second for each GPU with 90 % within")
    print("TTFT 0.2 s and TPOT 0.04 s")
    print(f"{'':34}{'GPUs':>5}{'here':>8}{'DistServe':>11}{'against the first':>19}")
    for row in rows:
        paper = "" if row["paper"] is None else f"{row['paper']:.1f}"
        against = row["per_gpu"] / rows[0]["per_gpu"]
        print(f"{row['name']:34}{row['gpus']:>5}{row['per_gpu']:>8.2f}{paper:>11}{against:>18.2f}x")


def show_published(rows: Rows) -> None:
    print("The same with the step times that DistServe's authors published")
    show_disaggregation(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--trace", type=Path, default=Path("../shared/data/traces/mooncake_conversation.jsonl.gz"))
    parser.add_argument("--only", default="hits,routers,disaggregation,published")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    parts: dict[str, tuple[Callable[[], Rows], Callable[[Rows], None]]] = {
        "hits": (lambda: hits(args.trace), show_hits),
        "routers": (lambda: routers(args.trace), show_routers),
        "disaggregation": (disaggregation, show_disaggregation),
        "published": (published, show_published),
    }
    found: dict[str, Rows] = {}
    for name in args.only.split(","):
        run, show = parts[name]
        found[name] = run()
        show(found[name])
        print(flush=True)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
