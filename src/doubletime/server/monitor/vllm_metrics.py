"""The same numbers under the names that dashboards and autoscalers made for vLLM ask for (its `v1/metrics`)."""

from __future__ import annotations

from doubletime.engine.about import About
from doubletime.engine.monitor.messages import Snapshot
from doubletime.engine.monitor.reasons import BUSY
from doubletime.engine.monitor.tallies import CHOICES, FIRST_TOKEN, TOKENS, Tallies
from doubletime.server.monitor.exposition import Exposition

TOKEN = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
)  # fmt: skip
REQUEST = (
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0,
    1920.0, 7680.0,
)  # fmt: skip
STEP_TOKENS = (1.0, *(float(1 << power) for power in range(3, 15)))
_FINISHES = {"stop": "stop", "length": "length", "abort": "cancel", "error": "error"}


def vllm_metrics(model: str, about: About, snapshot: Snapshot) -> str:
    """With vLLM's labels: model_name, engine."""
    page = Exposition({"model_name": model, "engine": "0"})
    _gauges(page, about, snapshot)
    _counters(page, snapshot.tallies)
    _times(page, snapshot.tallies)
    _sizes(page, about, snapshot.tallies)
    return page.text()


def _gauges(page: Exposition, about: About, snapshot: Snapshot) -> None:
    deferred = snapshot.waiting_for[BUSY]
    usage = max((row.running + row.held) / row.total for row in snapshot.kv)
    page.gauge("vllm:num_requests_running", "Requests in the running batch.", snapshot.running)
    page.gauge("vllm:num_requests_waiting", "Requests that wait to be processed.", snapshot.waiting)
    page.gauges(
        "vllm:num_requests_waiting_by_reason",
        "Waiting requests: for room (capacity), or for something that must come first (deferred).",
        [({"reason": "capacity"}, snapshot.waiting - deferred), ({"reason": "deferred"}, deferred)],
    )
    page.gauge("vllm:kv_cache_usage_perc", "KV memory in use, as a share: 1 is all of it.", usage)
    labels = {"block_size": str(about.block_tokens), "num_gpu_blocks": str(sum(about.kv_blocks))}
    page.gauges("vllm:cache_config_info", "The KV memory.", [(labels, 1)])


def _counters(page: Exposition, sums: Tallies) -> None:
    finishes = [({"finished_reason": theirs}, sums.ended[ours]) for theirs, ours in _FINISHES.items()]
    page.counters("vllm:request_success", "Requests that have ended.", finishes)
    page.counter("vllm:prompt_tokens", "Prompt tokens processed.", sums.prompt_tokens)
    page.counter("vllm:prompt_tokens_cached", "Prompt tokens found in the cache.", sums.cached_tokens)
    page.counter("vllm:generation_tokens", "Tokens generated.", sums.output_tokens)
    page.counter("vllm:num_preemptions", "Preemptions.", sums.preemptions)
    page.counter("vllm:prefix_cache_queries", "Prompt tokens looked up in the cache.", sums.prompt_tokens)
    page.counter("vllm:prefix_cache_hits", "Prompt tokens found in the cache.", sums.cached_tokens)


def _times(page: Exposition, sums: Tallies) -> None:
    page.histogram("vllm:time_to_first_token_seconds", "Time to first token.", sums.ttft, FIRST_TOKEN)
    page.histogram("vllm:inter_token_latency_seconds", "Time between tokens.", sums.itl, TOKEN)
    page.histogram(
        "vllm:request_time_per_output_token_seconds", "Mean time per output token of a request.", sums.tpot, TOKEN
    )
    requests = (
        ("vllm:e2e_request_latency_seconds", "End to end latency.", sums.e2e),
        ("vllm:request_queue_time_seconds", "Time in the queue.", sums.queue),
        ("vllm:request_inference_time_seconds", "Time from the first step to the last token.", sums.inference),
        ("vllm:request_prefill_time_seconds", "Time from the first step to the first token.", sums.prefill),
        ("vllm:request_decode_time_seconds", "Time from the first token to the last.", sums.decode),
    )
    for name, told, values in requests:
        page.histogram(name, told, values, REQUEST)


def _sizes(page: Exposition, about: About, sums: Tallies) -> None:
    edges = [edge for edge in TOKENS if edge <= about.max_model_len]
    tokens = (
        ("vllm:request_prompt_tokens", "Prompt tokens of a request.", sums.prompt_size),
        ("vllm:request_generation_tokens", "Tokens generated for a request.", sums.output_size),
        ("vllm:request_max_num_generation_tokens", "Tokens of the longest choice.", sums.longest_output),
        ("vllm:request_params_max_tokens", "The max_tokens of requests.", sums.limit),
    )
    for name, told, values in tokens:
        page.histogram(name, told, values, edges)
    page.histogram("vllm:request_params_n", "The n of requests.", sums.choices, CHOICES)
    page.histogram("vllm:iteration_tokens_total", "Tokens computed in a step.", sums.step_tokens, STEP_TOKENS)
