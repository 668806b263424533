"""The recorder of a serving engine: what happens is counted as it happens, everything else is worked out when asked."""

from __future__ import annotations

import time
from itertools import islice

from doubletime.core.events import Arrive, Cancel, Event, Result
from doubletime.core.plan import Plan
from doubletime.core.scheduler import Scheduler
from doubletime.core.sequence import Sequence
from doubletime.core.vocabulary import SECOND, Nanoseconds
from doubletime.engine.monitor.kv import kv_rows
from doubletime.engine.monitor.messages import Inspect, Rates, RequestRow, Snapshot
from doubletime.engine.monitor.rows import live_row, past_row
from doubletime.engine.monitor.tally import Tally
from doubletime.engine.monitor.tracks import Track, Tracks
from doubletime.engine.monitor.trail import Trail
from doubletime.engine.monitor.waits import Waits

_MOST_LATE = 32


class Monitor:
    """A `Recorder` of one scheduler, told by the host what the core does not know. Lives in the engine thread."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._waits = Waits()
        self._tracks = Tracks()
        self._trail = Trail()
        self._tally = Tally(scheduler)
        self._fresh: dict[int, Track] = {}  # requests that have not run yet
        self._names: dict[int, str] = {}  # of requests on their way into the core
        self._late: list[Result] = []  # of steps that repeat the one before, not counted yet
        self._now: Nanoseconds = 0
        self._epoch = 0.0  # known when somebody first looks

    # ---- told by the host

    def named(self, request: int, name: str) -> None:
        """What the API calls a request that will arrive."""
        self._names[request] = name

    def refused(self, request: int) -> None:
        """The core did not take a request."""
        self._catch_up()
        self._tally.refused()
        self._waits.ended_all(self._tracks.drop(request).seqs, self._now)
        self._fresh.pop(request, None)

    def ended(self, seq: Sequence) -> None:
        """A sequence has ended."""
        self._catch_up()
        waited = self._waits.ended(seq.id, self._now)
        track = self._tracks.live.get(seq.request.id)
        if track is None:
            return
        track.take_waited(waited)
        track.ended.append(seq)
        if len(track.ended) == track.request.n:
            self._fresh.pop(seq.request.id, None)
            self._tally.ended(track, self._now)
            self._tracks.close(track, past_row(track, self._now))

    # ---- the recorder

    def event(self, step: int, event: Event) -> None:
        self._now = event.time
        if isinstance(event, Result) and self._trail.repeats(len(self._late)) and _plain(event):
            self._late.append(event)
            if len(self._late) == _MOST_LATE:
                self._catch_up()
            return
        self._catch_up()
        match event:
            case Result():
                self._result(event)
            case Arrive():
                self._arrive(event)
            case Cancel(request=request):
                track = self._tracks.live.get(request)
                self._trail.void(track.seqs if track else ())

    def plan(self, scheduler: Scheduler, plan: Plan) -> None:
        if plan.fault or plan.preempted:
            self._tally.planned(plan)
        if not scheduler.repeated:
            self._waits.planned(scheduler, plan)
        if not plan.idle:
            self._dispatched(plan, scheduler.repeated)

    def _dispatched(self, plan: Plan, repeats: bool) -> None:
        """What is before the first slab of a request was hit."""
        if self._fresh:
            for slab in plan.work:
                if track := self._fresh.pop(slab.seq, None):
                    track.cached = slab.start
        self._trail.dispatched(plan, repeats)

    def _catch_up(self) -> None:
        """Counts what is late. Together it costs a fraction: what counting needs is in the processor's cache."""
        late, self._late = self._late, []
        for result in late:
            self._tally.landed(self._trail.landed(result), result, self._tracks)

    def _arrive(self, event: Arrive) -> None:
        request = event.request
        name = self._names.pop(request.id, "") or f"request-{request.id}"
        self._fresh[request.id] = self._tracks.open(request, name, self._now)
        self._waits.arrived(request.id, request.n, self._now)

    def _result(self, result: Result) -> None:
        flying = self._trail.landed(result)
        self._tally.landed(flying, result, self._tracks)
        plan = flying.plan
        if result.failed:
            self._trail.void((*plan.decode_seqs, *(slab.seq for slab in plan.work)))
        elif result.rows and (ended := [row.seq for row in result.rows if row.finish]):
            self._trail.void(ended)

    # ---- looking

    def snapshot(self, ask: Inspect, now: Nanoseconds) -> Snapshot:
        """The engine at this moment."""
        self._catch_up()
        waits, tally = self._waits, self._tally
        self._epoch = self._epoch or time.time() - now / SECOND
        alive = len(self._scheduler.roster.sequences)
        steps = tuple(self._trail.rows(ask.after))
        seqs = {seq for row in steps for seq in (*row.decode_seqs, *(slab.seq for slab in row.work))}
        names = self._tracks.names
        return Snapshot(
            query=ask.query,
            time=now,
            epoch=self._epoch,
            running=alive - waits.count - waits.forking,
            waiting=waits.count,
            forking=waits.forking,
            waiting_for=tuple(waits.clock.counts),
            spent=waits.clock.spent(now),
            kv=kv_rows(self._scheduler),
            rates=Rates(*tally.window.rates(now)),
            tallies=tally.sums,
            live=len(self._tracks.live),
            requests=self._rows(ask, now),
            steps=steps,
            names={seq: names[seq] for seq in seqs if seq in names},
        )

    def _rows(self, ask: Inspect, now: Nanoseconds) -> tuple[RequestRow, ...]:
        """Live ones first, as they came; then those that have ended, the latest first."""
        tracks = self._tracks
        live = (track for track in tracks.live.values() if not ask.name or track.name == ask.name)
        past = (row for row in reversed(tracks.past) if not ask.name or row.name == ask.name)
        rows = [live_row(self._scheduler, self._waits, tracks, track, now) for track in islice(live, ask.requests)]
        return (*rows, *islice(past, ask.requests - len(rows)))


def _plain(result: Result) -> bool:
    """The step ran to its end, and nobody's last token was in it."""
    if result.reached is not None or result.revoked or result.failed:
        return False
    return not any(row.finish for row in result.rows)
