"""A policy of your own: shortest prompt first.

doubletime policies --check examples/shortest.py
doubletime serve --policy sarathi+examples/shortest.py
"""

from __future__ import annotations

from doubletime.core.policy import Policy, SequenceView


class Shortest(Policy):
    """Supplies the order role alone; steps are filled by whatever it is combined with."""

    name = "shortest"

    def key(self, seq: SequenceView) -> int:
        return seq.prompt
