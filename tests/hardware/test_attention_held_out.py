"""The published bars of reference measurements: what the fits miss on calls that they have not seen.

The ordinary run takes samples of two machines and keeps the shipped constants of the base; `slow` fits everything anew.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from doubletime.hardware.machine import AttentionBatch  # noqa: E402
from doubletime.hardware.ops.attention import Attention  # noqa: E402
from doubletime.hardware.specs import SPECS  # noqa: E402
from doubletime.hardware.store import Store  # noqa: E402
from tools.fitting import attention_alone, attention_cross, attention_mixed, protocol  # noqa: E402
from tools.fitting import attention_tables as rows  # noqa: E402

Profile = Callable[[str], Path]
ALONE = {
    "prefill": {"rows": 0.04, "heads": 0.06, "far": 0.08},
    "decode": {"rows": 0.03, "heads": 0.06, "far": 0.08},
}
MIXED = {"rows": 0.05, "levels": 0.05, "heads": 0.06, "skewed": 0.06}
SAMPLE = 8000
SPARSE = 1.35  # by which a sample of the rows may miss a bar that all rows meet


def sample(table: protocol.Table, count: int) -> protocol.Table:
    return table.take(np.random.default_rng(1).random(len(table.seconds)) < count / len(table.seconds))


def alone(data: Path, machine: str, kind: str, kv: str = "bfloat16") -> tuple[str, protocol.Table]:
    return next((kernel, table) for found, kernel, _, table in rows.alone(data, machine, kind) if found == kv)


def cards(data: Path, machine: str) -> protocol.Table:
    ((_, table),) = rows.cards(data, machine)
    return table


def shipped(machine: str, stem: str) -> protocol.Constants:
    data = Store(machine).own(stem)
    assert data is not None
    return tuple(data["constants"])


def above(found: dict[str, float], bars: dict[str, float], slack: float = 1.0) -> dict[str, float]:
    return {name: found[name] for name, bar in bars.items() if found[name] > slack * bar}


@pytest.mark.parametrize("kind", ["prefill", "decode"])
def test_calls_of_one_kind_meet_the_bars_on_a_sample(profile: Profile, kind: str) -> None:
    kernel, table = alone(profile("aiconfigurator").parent, "h100", kind)
    bounds = attention_alone.BOUNDS[kind]
    operator = attention_alone.operator_of(kind, "bfloat16", kernel, SPECS["h100"], bounds)
    constants = shipped("h100", f"attention_{kind}_bfloat16")
    few = sample(table, SAMPLE)
    found = protocol.held_out(few, operator._replace(constants=lambda _: constants), attention_alone.splits(few, kind))
    assert above(found, ALONE[kind], SPARSE) == {}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["prefill", "decode"])
@pytest.mark.parametrize("machine", ["h100", "h200", "a100", "l40s"])
def test_calls_of_one_kind_meet_the_bars(profile: Profile, machine: str, kind: str) -> None:
    kernel, table = alone(profile("aiconfigurator").parent, machine, kind)
    bounds = attention_alone.BOUNDS[kind]
    fitted = attention_alone.fit_kind(table, kind, "bfloat16", kernel, SPECS[machine], "", bounds)
    assert above(fitted["about"]["held_out"], ALONE[kind]) == {}


def test_adding_the_two_kinds_fails(profile: Profile) -> None:
    """The shipped fits of each kind alone are good; their sum is not the call that holds both."""
    table = cards(profile("llmservingsim").parent, "rtxpro6000")
    attention = Attention.load(Store("rtxpro6000"), SPECS["rtxpro6000"])
    off = []
    for shape, seconds in zip(*sample(attention_mixed.together(table), 1000), strict=True):
        heads, chunks, decodes = rows.heads_of(shape, "bfloat16"), rows.chunks_of(shape), rows.decodes_of(shape)
        prefill = attention.estimate(heads, AttentionBatch(((int(chunks.tokens), int(chunks.start)),)))
        decode = attention.estimate(
            heads, AttentionBatch((), int(decodes.number), int(decodes.number * decodes.context))
        )
        off.append(abs((prefill.seconds + decode.seconds) / seconds - 1))
    assert np.mean(off) > 0.25


def test_mixed_calls_meet_the_bars_on_a_sample(profile: Profile) -> None:
    data = profile("llmservingsim").parent
    equal = sample(attention_mixed.together(cards(data, "rtxpro6000")), SAMPLE)
    skewed = sample(attention_mixed.together(rows.skewed(data, "rtxpro6000")), SAMPLE // 2)
    few = attention_mixed.stack(equal, skewed)
    constants = shipped("rtxpro6000", "attention_mixed")
    operator = attention_mixed.operator_of(SPECS["rtxpro6000"])._replace(constants=lambda _: constants)
    found = protocol.held_out(few, operator, attention_mixed.splits(few))
    assert above(found, MIXED, SPARSE) == {}


def test_skewed_decodes_alone_meet_the_bar(profile: Profile) -> None:
    """The skewed tables were not fitted, but for the one number that all cards share."""
    data = profile("llmservingsim").parent
    for machine in ("rtx4090", "rtxpro6000"):
        attention = Attention.load(Store(machine), SPECS[machine])
        table = rows.skewed(data, machine)
        off = []
        for shape, seconds in zip(*table.take(table.shapes[:, rows.TOKENS] == 0), strict=True):
            count, mean, longest = rows.decodes_of(shape)
            batch = AttentionBatch((), int(count), round(count * mean), int(longest))
            off.append(abs(attention.estimate(rows.heads_of(shape, "bfloat16"), batch).seconds / seconds - 1))
        assert np.mean(off) < 0.06


@pytest.mark.slow
def test_mixed_calls_meet_the_bars(profile: Profile) -> None:
    data = profile("llmservingsim").parent
    table = attention_mixed.stack(
        *(attention_mixed.together(t) for t in (cards(data, "rtxpro6000"), rows.skewed(data, "rtxpro6000")))
    )
    fitted = attention_mixed.fit_card(table, SPECS["rtxpro6000"], "")
    assert above(fitted["about"]["held_out"], MIXED) == {}


@pytest.mark.slow
def test_mixed_calls_carry_over_from_one_card_to_the_other(profile: Profile) -> None:
    data = profile("llmservingsim").parent
    four, six = attention_mixed.Card(data, "rtx4090"), attention_mixed.Card(data, "rtxpro6000")
    assert attention_mixed.missed(attention_mixed.learn([four]), six) < 0.15
    assert attention_mixed.missed(attention_mixed.learn([six]), four) < 0.15


def test_a_cached_prefix_that_others_measured_is_predicted_without_having_been_seen(
    profile: Profile, record_property: Callable[[str, object], None]
) -> None:
    found = attention_cross.compare(profile("llmservingsim/H100/Llama-3.1-70B_tp4_attention.csv.gz"))
    record_property("prefix h100", str(found))
    print(f"prefix h100: {found.error:.1%} mean error over {found.rows} rows, {found.bias:+.1%} mean")
    assert found.error < 0.5
