"""What has happened since the engine began, as sums and as histograms. Nothing here grows."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from doubletime.core.vocabulary import Finish, Nanoseconds
from doubletime.engine.monitor.histogram import Histogram

REFUSED = "refused"
OUTCOMES = (*(finish.value for finish in Finish), REFUSED)

# The edges that vLLM's dashboards know are among each of these.
FIRST_TOKEN = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
    160.0, 640.0, 2560.0,
)  # fmt: skip
TOKEN = (
    0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75,
    1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
)  # fmt: skip
REQUEST = (
    0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0,
    120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0,
)  # fmt: skip
TOKENS = tuple(float(digit * 10**power) for power in range(6) for digit in (1, 2, 5))
STEP_TOKENS = tuple(float(1 << power) for power in range(15))
CHOICES = (1.0, 2.0, 5.0, 10.0, 20.0)


_first_token = partial(Histogram.of, *FIRST_TOKEN)
_token = partial(Histogram.of, *TOKEN)
_request = partial(Histogram.of, *REQUEST)
_tokens = partial(Histogram.of, *TOKENS)
_step_tokens = partial(Histogram.of, *STEP_TOKENS)
_choices = partial(Histogram.of, *CHOICES)


@dataclass(slots=True)
class Tallies:
    """Tokens, requests, steps; times in nanoseconds, those of the histograms in seconds.

    Requests count by how their first choice ended; those that the client gave up or that broke have no e2e time.
    `prompt_tokens` and `cached_tokens` are of the prompts that have been computed: what a preempted request found again
    is not in them.
    """

    ended: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    prefill_tokens: float = 0.0  # computed, a slab that is not of full depth by its share
    preemptions: int = 0
    recomputed_tokens: int = 0  # of KV that preemptions threw away, of requests that have ended
    steps: int = 0
    busy_ns: Nanoseconds = 0
    faults: int = 0  # steps that the default planned, because the policy failed or was too slow
    last_fault: str = ""

    ttft: Histogram = field(default_factory=_first_token)
    itl: Histogram = field(default_factory=_token)
    tpot: Histogram = field(default_factory=_token)
    e2e: Histogram = field(default_factory=_request)
    queue: Histogram = field(default_factory=_request)  # arrival to first slab
    prefill: Histogram = field(default_factory=_request)  # first slab to first token
    decode: Histogram = field(default_factory=_request)  # first token to last
    inference: Histogram = field(default_factory=_request)  # first slab to last token
    prompt_size: Histogram = field(default_factory=_tokens)
    output_size: Histogram = field(default_factory=_tokens)  # of all choices together
    longest_output: Histogram = field(default_factory=_tokens)
    limit: Histogram = field(default_factory=_tokens)
    choices: Histogram = field(default_factory=_choices)
    step_s: Histogram = field(default_factory=_token)
    step_tokens: Histogram = field(default_factory=_step_tokens)
