"""A policy for `--policy …+rude.py`: every arrival stops the step that runs."""

from __future__ import annotations

from doubletime.core.policy import FlightView, Policy, SequenceView
from doubletime.core.vocabulary import Nanoseconds


class Rude(Policy):
    name = "rude"

    def interrupt(self, newcomer: SequenceView, flight: FlightView, now: Nanoseconds) -> bool:
        return True
