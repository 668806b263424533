"""The server's own metrics. Names, units and meanings are in docs/monitoring.md."""

from __future__ import annotations

from doubletime.core.vocabulary import SECOND
from doubletime.engine.about import About
from doubletime.engine.monitor.messages import Snapshot
from doubletime.engine.monitor.reasons import REASONS
from doubletime.engine.monitor.tallies import Tallies
from doubletime.server.monitor.exposition import Exposition


def own_metrics(model: str, about: About, snapshot: Snapshot) -> str:
    """All of them, as text for Prometheus."""
    page = Exposition()
    _engine(page, model, about, snapshot)
    _waiting(page, snapshot)
    _memory(page, snapshot)
    _counters(page, snapshot.tallies)
    _histograms(page, snapshot.tallies)
    return page.text()


def _engine(page: Exposition, model: str, about: About, snapshot: Snapshot) -> None:
    names = ("policy", "device", "dtype", "kernels", "version")
    labels = {"model": model} | {name: getattr(about, name) for name in names}
    page.gauges("doubletime_info", "What serves; the value is always 1.", [(labels, 1)])
    page.gauge("doubletime_start_time_seconds", "When the engine began, in seconds since 1970.", snapshot.epoch)
    page.gauge("doubletime_uptime_seconds", "Since the engine began.", snapshot.time / SECOND)


def _waiting(page: Exposition, snapshot: Snapshot) -> None:
    reasons = [{"reason": reason} for reason in REASONS]
    page.gauge("doubletime_requests_live", "Requests that have not ended.", snapshot.live)
    page.gauge("doubletime_sequences_running", "Sequences that a planned step computes.", snapshot.running)
    page.gauge("doubletime_sequences_waiting", "Sequences that no planned step computes.", snapshot.waiting)
    page.gauges(
        "doubletime_sequences_waiting_by_reason",
        "Waiting sequences by what they wait for.",
        zip(reasons, snapshot.waiting_for, strict=True),
    )
    page.counters(
        "doubletime_waited_seconds",
        "Time that sequences have spent waiting, by reason, those that wait now included.",
        zip(reasons, (spent / SECOND for spent in snapshot.spent), strict=True),
    )


def _memory(page: Exposition, snapshot: Snapshot) -> None:
    rows = [
        ({"group": str(at), "state": state}, getattr(row, state))
        for at, row in enumerate(snapshot.kv)
        for state in ("running", "held", "cached", "free")
    ]
    page.gauges("doubletime_kv_blocks", "KV blocks by group and by who keeps them.", rows)


def _counters(page: Exposition, sums: Tallies) -> None:
    ended = [({"outcome": outcome}, count) for outcome, count in sums.ended.items()]
    page.counters("doubletime_requests", "Requests that have ended, by how.", ended)
    page.counter("doubletime_prompt_tokens", "Tokens of the prompts that have been computed.", sums.prompt_tokens)
    page.counter("doubletime_cached_tokens", "Of these, those that were found in the cache.", sums.cached_tokens)
    page.counter("doubletime_prefilled_tokens", "Prompt tokens computed, again after preemptions.", sums.prefill_tokens)
    page.counter("doubletime_output_tokens", "Tokens sampled.", sums.output_tokens)
    page.counter("doubletime_preemptions", "Times that a sequence had to give way.", sums.preemptions)
    page.counter("doubletime_steps", "Steps of the engine.", sums.steps)
    page.counter("doubletime_busy_seconds", "Time that steps took.", sums.busy_ns / SECOND)
    page.counter("doubletime_policy_faults", "Steps in which the policy failed or was too slow.", sums.faults)


def _histograms(page: Exposition, sums: Tallies) -> None:
    rows = (
        ("ttft_seconds", "From arrival to the first token.", sums.ttft),
        ("itl_seconds", "From a token to the next of the same sequence.", sums.itl),
        ("tpot_seconds", "Mean time from token to token of a request.", sums.tpot),
        ("e2e_seconds", "From arrival to the last token.", sums.e2e),
        ("queue_seconds", "From arrival to the first step.", sums.queue),
        ("request_prompt_tokens", "Tokens of a prompt.", sums.prompt_size),
        ("request_output_tokens", "Tokens of a request's choices together.", sums.output_size),
        ("step_seconds", "How long a step took.", sums.step_s),
        ("step_tokens", "Tokens that a step computed.", sums.step_tokens),
    )
    for name, about, values in rows:
        page.histogram(f"doubletime_{name}", about, values)
