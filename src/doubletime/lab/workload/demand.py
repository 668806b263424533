"""What a workload asks for in sum, counted in one pass."""

from __future__ import annotations

from dataclasses import dataclass

from doubletime.core.vocabulary import SECOND
from doubletime.lab.workload.job import Job, Workload


@dataclass(frozen=True, slots=True)
class Demand:
    """`span_s`: from the start to the last arrival that is known beforehand. Tokens are sums over all requests.

    `sure_tokens` must be computed whatever a prefix cache finds: answers, and prompts that share nothing.
    """

    requests: int
    prompt_tokens: int
    output_tokens: int
    sure_tokens: int
    longest: int
    span_s: float

    @property
    def rate(self) -> float | None:
        """Requests a second; None where no time passes between arrivals (a closed loop, a file without times)."""
        return self.requests / self.span_s if self.span_s > 0 else None


def demand(workload: Workload) -> Demand:
    requests = prompts = outputs = sure = longest = last = 0
    for session in workload.sessions():
        for job in session.jobs:
            requests += 1
            prompts += job.prompt
            outputs += job.output
            sure += _sure(job)
            longest = max(longest, job.prompt + job.output)
            last = max(last, session.start + job.offset)
    timed = workload.timed and workload.concurrency is None
    return Demand(requests, prompts, outputs, sure, longest, last / SECOND if timed else 0.0)


def _sure(job: Job) -> int:
    """The last token of an answer is never computed on; a prompt with known content may be found in the cache."""
    return job.output - 1 + (job.prompt if job.content is None else 0)
