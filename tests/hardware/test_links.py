"""How long KV is on its way."""

from __future__ import annotations

import pytest

from doubletime.hardware.links import Link, host_link, network_link, peer_link
from tests.hardware.fake import SPEC


def test_time_is_latency_and_size_over_bandwidth() -> None:
    assert Link(1e9, 1e-5).time(1_000_000) == 1_010_000


def test_nothing_takes_no_time() -> None:
    assert Link(1e9, 1e-5).time(0) == 0


def test_a_link_must_carry_something() -> None:
    with pytest.raises(ValueError, match="bandwidth above 0"):
        Link(0.0, 0.0)


def test_a_peer_is_nearer_than_the_host_and_the_host_than_another_node() -> None:
    size = 100_000_000
    assert peer_link(SPEC).time(size) < host_link(SPEC).time(size) < network_link(SPEC).time(size)
