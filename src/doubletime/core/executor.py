"""What the core expects of whoever carries its plans out (real: torch; in tests: scripted; in rehearsal: virtual)."""

from __future__ import annotations

from typing import Protocol

from doubletime.core.plan import Plan


class Executor(Protocol):
    """Runs plans in the order of dispatch and answers each with exactly one `Result` event, in the same order.

    Tokens never pass through the core: whoever turns requests into events hands them to the executor beforehand
    (a new sequence before its Arrive, more tokens before their Append, a cut before its Truncate), in one order with
    the dispatches.

    Rules of a stop. The executor polls one flag at each preemption point. A stopped step reports the depth p it
    has reached: slabs that end at or before p are complete, slabs that begin before p and end after it stay open
    at p, slabs that begin at or after p have not run (an open one stays open where it was). From then on it
    revokes every plan whose `generation` is smaller than the number of steps it has stopped: it applies the
    bookkeeping (see `Plan`), runs no slab, and answers with `revoked`.
    A stop for a step that has already ended, or ends first, does nothing.
    """

    def dispatch(self, plan: Plan) -> None:
        """Takes a plan that is not idle. Never blocks on the forward pass."""

    def stop(self, step: int) -> None:
        """Asks that step `step` stop at its next preemption point."""
