"""Prefill and decodes in one unsplit call."""

from __future__ import annotations

import pytest

from doubletime.hardware.estimate import Basis
from doubletime.hardware.machine import AttentionShape
from doubletime.hardware.ops.attention_mixed import Decodes, Mixed, terms
from doubletime.hardware.ops.attention_prefill import Uniform
from doubletime.hardware.specs import SPECS
from doubletime.hardware.store import Store

SHAPE, CHUNK = AttentionShape(32, 8, 128), Uniform(1, 512, 0)


def mixed(machine: str) -> Mixed:
    data = Store(machine).own("attention_mixed")
    assert data is not None
    return Mixed.from_json(data, SPECS[machine])


def test_the_longest_decode_may_be_the_longest_block() -> None:
    spec = SPECS["rtx4090"]
    even, skewed = (terms(SHAPE, CHUNK, Decodes(8, 1000, longest), spec) for longest in (1000, 16000))
    assert skewed.decode_serial == 16 * even.decode_serial
    assert skewed._replace(decode_serial=0) == even._replace(decode_serial=0)


def test_a_window_clips_the_decodes() -> None:
    spec, shape = SPECS["rtx4090"], SHAPE._replace(window=1024)
    assert terms(shape, CHUNK, Decodes(8, 1024, 1024), spec) == terms(shape, CHUNK, Decodes(8, 9000, 20000), spec)


@pytest.mark.parametrize("machine", ["rtx4090", "rtxpro6000"])
def test_skewed_decodes_take_longer(machine: str) -> None:
    model = mixed(machine)
    even = model.estimate(SHAPE, CHUNK, Decodes(8, 2000, 2000)).seconds
    assert model.estimate(SHAPE, CHUNK, Decodes(8, 2000, 12000)).seconds > even


def test_cards_that_were_measured_answer_for_themselves_and_others_are_transferred() -> None:
    decodes = Decodes(64, 1000, 1000)
    own, other = (mixed(machine).estimate(SHAPE, CHUNK, decodes) for machine in ("rtxpro6000", "a100"))
    assert own.basis == Basis.INTERPOLATED
    assert other.basis == Basis.TRANSFERRED
    assert other.error > 2 * own.error
