"""A snapshot of the engine as the JSON of /live and /requests. Times in seconds since it began, but for arrived_s."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from doubletime.core.vocabulary import SECOND, Nanoseconds, Slab
from doubletime.engine.about import About
from doubletime.engine.monitor.messages import RequestRow, Snapshot, StepRow
from doubletime.engine.monitor.reasons import REASONS

Json = dict[str, Any]


def seconds(time: float | None) -> float | None:
    """From nanoseconds, to the microsecond."""
    return None if time is None else round(time / SECOND, 6)


def request_json(row: RequestRow, snapshot: Snapshot) -> Json:
    """One request, as it was at the time of the snapshot."""
    end = snapshot.time if row.ended is None else row.ended
    return {
        "id": row.name,
        "state": row.state,
        "finish_reason": row.finish,
        "arrived_s": round(snapshot.epoch + row.arrived / SECOND, 3),
        "age_s": seconds(end - row.arrived),
        "prompt_tokens": row.prompt,
        "prefilled_tokens": row.prefilled,
        "output_tokens": row.output,
        "max_tokens": row.limit,
        "choices": row.choices,
        "cached_tokens": row.cached or 0,
        "blocks": row.blocks,
        "preemptions": row.preemptions,
        "waited_s": {"total": seconds(sum(row.waited)), "by_reason": _by_reason(row.waited)},
        "waits_for": row.waits_for and {"reason": row.waits_for.reason, "note": row.waits_for.note or None},
        "ttft_s": None if row.first is None else seconds(row.first - row.arrived),
        "tpot_s": seconds(row.tpot),
        "priority": row.priority,
        "tenant": row.tenant,
    }


def _by_reason(times: Sequence[Nanoseconds]) -> Json:
    return {reason: seconds(time) for reason, time in zip(REASONS, times, strict=True)}


def live_json(model: str, about: About, snapshot: Snapshot, after: int) -> Json:
    """Everything but steps up to `after`."""
    return {
        "time_s": seconds(snapshot.time),
        "engine": engine_json(model, about),
        "throughput": _throughput(snapshot),
        "totals": _totals(snapshot),
        "queue": {
            "running": snapshot.running,
            "waiting": snapshot.waiting,
            "waiting_by_reason": dict(zip(REASONS, snapshot.waiting_for, strict=True)),
        },
        "kv": [{"group": at} | row._asdict() for at, row in enumerate(snapshot.kv)],
        "prefix_hit_rate": hit_rate(snapshot),
        "depth": about.depth,
        "steps": [_step(row, snapshot, about.depth) for row in snapshot.steps if row.step > after],
        "requests": [request_json(row, snapshot) for row in snapshot.requests],
    }


def engine_json(model: str, about: About) -> Json:
    """What the engine is. `model` is what clients call it."""
    names = ("policy", "device", "dtype", "kernels", "threads", "max_model_len", "kv_blocks", "block_tokens", "version")
    return {"model": model} | {name: getattr(about, name) for name in names}


def hit_rate(snapshot: Snapshot) -> float | None:
    """Share of the prompt tokens that were found in the cache; None before the first."""
    sums = snapshot.tallies
    return round(sums.cached_tokens / sums.prompt_tokens, 6) if sums.prompt_tokens else None


def _throughput(snapshot: Snapshot) -> Json:
    return {f"{name}_per_s": round(rate, 3) for name, rate in snapshot.rates._asdict().items()}


def _totals(snapshot: Snapshot) -> Json:
    sums = snapshot.tallies
    names = ("prompt_tokens", "output_tokens", "cached_tokens", "preemptions", "steps")
    return {"requests": sum(sums.ended.values())} | {name: getattr(sums, name) for name in names}


def _step(row: StepRow, snapshot: Snapshot, depth: int) -> Json:
    return {
        "step": row.step,
        "steps": row.steps,
        "start_s": seconds(row.start),
        "duration_s": seconds(row.duration),
        "decodes": row.decodes,
        "prefill_tokens": row.prefill_tokens,
        "slabs": list(_slabs(row, snapshot, depth)),
    }


def _slabs(row: StepRow, snapshot: Snapshot, depth: int) -> Iterable[Json]:
    """Those whose request is still known."""
    pairs = zip(row.decode_seqs, row.decode_starts, strict=True)
    decodes = (Slab(seq, start, row.steps, 0, depth) for seq, start in pairs)
    for seq, start, tokens, top, bottom, _ in (*row.work, *decodes):
        if seq in snapshot.names:
            request, choice = snapshot.names[seq]
            span = {"start": start, "tokens": tokens, "top": top, "bottom": bottom}
            yield {"request": request, "choice": choice} | span
