"""A made-up engine behind the live page: it keeps the contract of /live, and its load is the same on every run."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

SEATS, BUDGET, BLOCK, DEPTH = 6, 64, 16, 12
BLOCKS = 160
STEP_S = 0.021
ENGINE = {
    "model": "tiny", "policy": "layered", "device": "cpu", "dtype": "float32", "kernels": "native",
    "max_model_len": 1024, "kv_blocks": [BLOCKS], "version": "0.0.test",
}  # fmt: skip


@dataclass
class Job:
    """A request on its way: `waited` in seconds by reason."""

    id: str
    arrived: float
    prompt: int
    output: int
    tenant: str = ""
    prefilled: int = 0
    depth: int = 0
    done: int = 0
    first: float | None = None
    ended: float | None = None
    waited: dict[str, float] = field(default_factory=dict)
    reason: str | None = None

    @property
    def state(self) -> str:
        if self.ended is not None:
            return "finished"
        return "running" if self.reason is None else "waiting"

    @property
    def blocks(self) -> int:
        return -(-(self.prefilled + self.done) // BLOCK) if self.state == "running" else 0

    def to_json(self, now: float) -> dict[str, Any]:
        end = now if self.ended is None else self.ended
        tpot = (end - self.first) / (self.done - 1) if self.first is not None and self.done > 1 else None
        return {
            "id": self.id, "state": self.state, "finish_reason": "length" if self.ended is not None else None,
            "arrived_s": 1_700_000_000 + self.arrived, "age_s": end - self.arrived, "prompt_tokens": self.prompt,
            "prefilled_tokens": self.prefilled, "output_tokens": self.done, "max_tokens": self.output, "choices": 1,
            "cached_tokens": 0, "blocks": [self.blocks], "preemptions": 0,
            "waited_s": {"total": sum(self.waited.values()), "by_reason": self.waited},
            "waits_for": {"reason": self.reason, "note": None} if self.reason else None,
            "ttft_s": None if self.first is None else self.first - self.arrived, "tpot_s": tpot,
            "priority": 0, "tenant": self.tenant,
        }  # fmt: skip


class ScriptedEngine:
    """`rate` requests a second arrive."""

    def __init__(self, rate: float = 1.5, seed: int = 0) -> None:
        self.now = 0.0
        self.jobs: list[Job] = []
        self.told = 100  # steps that a frame has at most
        self._rate = rate
        self._dice = random.Random(seed)
        self._steps = self._output = self._prompt = 0
        self._due = self._dice.expovariate(rate) if rate else float("inf")

    def add(self, name: str, prompt: int = 40, output: int = 30) -> Job:
        self.jobs.append(Job(name, self.now, prompt, output))
        return self.jobs[-1]

    def frame(self, seconds: float) -> dict[str, Any]:
        """What happened in so many seconds of its own time."""
        until = self.now + seconds
        steps, before = [], (self._output, self._prompt)
        while self.now < until:
            steps += self._step()
        live = [job for job in self.jobs if job.ended is None]
        ended = [job for job in self.jobs if job.ended is not None][-40:]
        waiting = [job.reason for job in live if job.reason]
        running = sum(job.blocks for job in live)
        cached = min(BLOCKS - running, 3 * len(self.jobs))
        return {
            "time_s": self.now, "engine": ENGINE, "depth": DEPTH, "prefix_hit_rate": 0.25 if self.jobs else None,
            "throughput": {
                "prompt_tokens_per_s": (self._prompt - before[1]) / seconds,
                "output_tokens_per_s": (self._output - before[0]) / seconds,
                "requests_per_s": sum(job.ended is not None and job.ended > self.now - 5 for job in self.jobs) / 5,
            },
            "totals": {
                "requests": len(self.jobs), "prompt_tokens": self._prompt, "output_tokens": self._output,
                "cached_tokens": 0, "preemptions": 0, "steps": self._steps,
            },
            "queue": {
                "running": len(live) - len(waiting), "waiting": len(waiting),
                "waiting_by_reason": {reason: waiting.count(reason) for reason in sorted(set(waiting))},
            },
            "kv": [{
                "group": 0, "total": BLOCKS, "running": running, "held": 0, "cached": cached,
                "free": BLOCKS - running - cached,
            }],
            "steps": steps[-self.told :],
            "requests": [job.to_json(self.now) for job in (*live, *ended)],
        }  # fmt: skip

    def _step(self) -> list[dict[str, Any]]:
        """One step of the engine, or a pause."""
        while self._due <= self.now:
            size = self._dice.choice([24, 60, 120, 300])
            self.add(f"cmpl-{self._dice.getrandbits(48):012x}", size, self._dice.choice([20, 60, 120]))
            self._due += self._dice.expovariate(self._rate)
        runs = self._admit()
        if not runs:
            self.now += STEP_S
            return []
        start, slabs, prefill = self.now, [], 0
        budget = BUDGET
        for job in runs:
            if job.prefilled == job.prompt:
                slabs.append(_slab(job, job.prompt + job.done, 1, 0, DEPTH))
            elif budget > 0:
                prefill += self._prefill(job, slabs)
                budget -= BUDGET
        took = 0.006 + 0.002 * len(slabs) + 0.0002 * prefill
        self.now += took
        self._steps += 1
        self._deliver(slabs)
        decodes = len([slab for slab in slabs if slab["tokens"] == 1])
        told = {"step": self._steps, "steps": 1, "start_s": start, "duration_s": took, "decodes": decodes}
        return [told | {"prefill_tokens": prefill, "slabs": [slab | {"request": slab["request"].id} for slab in slabs]}]

    def _admit(self) -> list[Job]:
        live = [job for job in self.jobs if job.ended is None]
        for at, job in enumerate(live):
            was = job.reason
            job.reason = None if at < SEATS else ("seats" if at < SEATS + 3 else "blocks")
            if was:
                job.waited[was] = job.waited.get(was, 0.0) + STEP_S
        return live[:SEATS]

    def _prefill(self, job: Job, slabs: list[dict[str, Any]]) -> int:
        """A third of the depth of the next chunk."""
        tokens, top = min(BUDGET, job.prompt - job.prefilled), job.depth
        job.depth += DEPTH // 3
        slabs.append(_slab(job, job.prefilled, tokens, top, job.depth))
        if job.depth == DEPTH:
            job.depth, job.prefilled = 0, job.prefilled + tokens
            self._prompt += tokens
        return tokens

    def _deliver(self, slabs: list[dict[str, Any]]) -> None:
        for slab in slabs:
            job = slab["request"]
            if job.prefilled < job.prompt or slab["bottom"] < DEPTH:
                continue
            job.done += 1
            self._output += 1
            job.first = job.first or self.now
            if job.done == job.output:
                job.ended = self.now


def _slab(job: Job, start: int, tokens: int, top: int, bottom: int) -> dict[str, Any]:
    return {"request": job, "choice": 0, "start": start, "tokens": tokens, "top": top, "bottom": bottom}
