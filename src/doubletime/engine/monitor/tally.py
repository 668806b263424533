"""Counts what steps and requests did, as their results come."""

from __future__ import annotations

from doubletime.core.events import Result
from doubletime.core.plan import Plan
from doubletime.core.scheduler import Scheduler
from doubletime.core.sequence import Sequence
from doubletime.core.vocabulary import SECOND, Finish, Nanoseconds, Slab
from doubletime.engine.monitor.rows import first_token, time_per_token
from doubletime.engine.monitor.tallies import REFUSED, Tallies
from doubletime.engine.monitor.tracks import Track, Tracks
from doubletime.engine.monitor.trail import Flying
from doubletime.engine.monitor.window import Window

_PROMPT, _OUTPUT, _REQUESTS = range(3)


class Tally:
    """Results are counted before the core has taken them: a sequence's `last` is then its token before.

    Those of steps that repeat the one before look at no sequence, and may be counted later.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self.sums = Tallies()
        self.window = Window(3)
        self._depth = scheduler.limits.depth.total
        self._sequences = scheduler.roster.sequences
        self._batch: tuple[int, ...] = ()  # who decoded in the step before this one
        self._last: Nanoseconds = 0  # when that one ended

    # ---- steps

    def planned(self, plan: Plan) -> None:
        """A plan that preempts, or that the default had to make."""
        self.sums.preemptions += len(plan.preempted)
        if plan.fault:
            self.sums.faults += 1
            self.sums.last_fault = plan.fault

    def landed(self, flying: Flying, result: Result, tracks: Tracks) -> None:
        """A step has ended."""
        plan, batch, now = flying.plan, flying.plan.decode_seqs, result.time
        ran = not (result.revoked or result.failed)
        whole = ran and result.reached is None
        before, self._batch = self._batch, batch if whole else ()
        gap, self._last = now - self._last, now
        self._step(result.duration, plan.rows)
        for slab in plan.work if ran else ():
            self._prefilled(slab, result)
            if whole and slab.samples:
                self._sampled(slab.seq, tracks, now)
        if whole and batch:
            alike = before and (flying.repeats or batch == before)
            self._decoded(flying, gap if alike else None, now)

    def _step(self, duration: Nanoseconds, tokens: int) -> None:
        self.sums.steps += 1
        self.sums.busy_ns += duration
        self.sums.step_s.add(duration / SECOND)
        self.sums.step_tokens.add(tokens)

    def _prefilled(self, slab: Slab, result: Result) -> None:
        bottom = slab.bottom if result.reached is None else min(slab.bottom, result.reached)
        tokens = slab.tokens * max(0, bottom - slab.top) / self._depth
        self.sums.prefill_tokens += tokens
        self.window.add(_PROMPT, tokens, result.time)

    def _decoded(self, flying: Flying, gap: Nanoseconds | None, now: Nanoseconds) -> None:
        """One token for everybody. Where these are of the step before, so are all the gaps."""
        count, itl = flying.decodes, self.sums.itl
        self._output(count, now)
        if gap is not None:
            itl.add(gap / SECOND, count)
            return
        for seq_id in flying.plan.decode_seqs:
            seq = self._sequences.get(seq_id)
            if seq is not None and seq.last is not None:
                itl.add((now - seq.last) / SECOND)

    def _sampled(self, seq_id: int, tracks: Tracks, now: Nanoseconds) -> None:
        """The token at the end of a prefill: a request's first, or the next one after a preemption."""
        seq = self._sequences.get(seq_id)
        if seq is None:
            return
        sums = self.sums
        if seq.first is None and not seq.choice:
            sums.prompt_tokens += seq.prompt
            sums.cached_tokens += tracks.live[seq.request.id].cached or 0
        if not seq.request.generates:
            return
        self._output(1, now)
        if seq.last is not None:
            sums.itl.add((now - seq.last) / SECOND)
        elif not seq.choice:
            sums.ttft.add((now - seq.arrived) / SECOND)

    def _output(self, tokens: int, now: Nanoseconds) -> None:
        self.sums.output_tokens += tokens
        self.window.add(_OUTPUT, tokens, now)

    # ---- requests

    def refused(self) -> None:
        self.sums.ended[REFUSED] += 1

    def ended(self, track: Track, now: Nanoseconds) -> None:
        """All choices of a request have ended."""
        sums, seqs = self.sums, track.ended
        lead = min(seqs, key=lambda seq: seq.choice)
        assert lead.finish is not None
        sums.ended[lead.finish.value] += 1
        sums.recomputed_tokens += sum(seq.recomputed for seq in seqs)
        self.window.add(_REQUESTS, 1, now)
        if lead.finish in (Finish.STOP, Finish.LENGTH):
            self._completed(track, lead)

    def _completed(self, track: Track, lead: Sequence) -> None:
        sums, seqs, request = self.sums, track.ended, track.request
        first = first_token(seqs)
        last = max((seq.last for seq in seqs if seq.last is not None), default=None)
        began = lead.first_slab
        if began is None or first is None or last is None:
            return
        sums.prompt_size.add(lead.prompt)
        sums.queue.add((began - track.arrived) / SECOND)
        sums.e2e.add((last - track.arrived) / SECOND)
        sums.prefill.add((first - began) / SECOND)
        sums.decode.add((last - first) / SECOND)
        sums.inference.add((last - began) / SECOND)
        if request.generates:
            sums.output_size.add(sum(seq.output for seq in seqs))
            sums.longest_output.add(max(seq.output for seq in seqs))
            sums.limit.add(request.limit)
            sums.choices.add(request.n)
        if (tpot := time_per_token(seqs)) is not None:
            sums.tpot.add(tpot / SECOND)
