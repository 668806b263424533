"""Fits prefill chunks and decodes in one call: on the two cards where it was measured, and from them for the others.

What is transferred: the machine's own constants of prefill; d, q and u, and the trees on what is left, from both cards
(each with its own constants of prefill). How wrong that is was measured from one card to the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from doubletime.hardware.machine import Spec
from doubletime.hardware.ops import attention_mixed
from doubletime.hardware.ops.attention_mixed import PREFILL_CONSTANTS
from doubletime.hardware.specs import SPECS
from tools.fitting import attention_alone, protocol
from tools.fitting import attention_tables as rows
from tools.fitting.attention_alone import TREES
from tools.fitting.attention_tables import CONTEXT, DECODES, LONGEST, TOKENS, chunks_of, decodes_of, heads_of
from tools.fitting.boost import boost, predict
from tools.fitting.bounded import Bounds, base_of, fit_bounded
from tools.fitting.protocol import Constants, Fitted, Floats, Mask, Operator, Table
from tools.fitting.tables import CARDS

# d, q, u
EXTRA = Bounds(
    start=(64, 1.0, 1.0, 1e-7, 7e-5, 2.0),
    low=(4, 0.1, 0.2, 1e-9, 1e-5, 0.5),
    high=(200, 10, 5, 1e-5, 1e-3, 8.0),
)
BOTH = Bounds(*(prefill + extra for prefill, extra in zip(attention_alone.PREFILL, EXTRA, strict=True)))
FAR = 8193  # tokens of context
HELD_LEVELS = 6  # of each grid axis, one in so many


def fit(data: Path, machine: str, alone: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """`alone`: the fits of single kinds on this machine."""
    for source, table in rows.cards(data, machine):
        both = stack(together(table), together(rows.skewed(data, machine)))
        return {"attention_mixed": fit_card(both, SPECS[machine], source)}
    prefill = alone.get("attention_prefill_bfloat16")
    if prefill is None or prefill["kernel"] != "flash2":
        return {}
    return {"attention_mixed": transfer(data, tuple(prefill["constants"]))}


def together(table: Table) -> Table:
    """Calls that hold both kinds."""
    return table.take((table.shapes[:, TOKENS] > 0) & (table.shapes[:, DECODES] > 0))


def stack(*parts: Table) -> Table:
    return Table(np.concatenate([part.shapes for part in parts]), np.concatenate([part.seconds for part in parts]))


def fit_card(table: Table, spec: Spec, source: str) -> dict[str, Any]:
    operator = operator_of(spec)
    errors = protocol.held_out(table, operator, splits(table))
    about = {"source": source, "rows": len(table.seconds)}
    found = protocol.as_json(protocol.fit(table, operator), errors, inside="levels", outside="far", about=about)
    return {"transferred": False, **found}


def splits(table: Table) -> dict[str, Mask]:
    """Of equal decodes: rows; whole levels of chunk, decodes and context; heads; long contexts. And skewed rows."""
    shapes = table.shapes
    equal = shapes[:, LONGEST] == shapes[:, CONTEXT]
    levels = np.zeros(len(shapes), dtype=bool)
    rng = np.random.default_rng(protocol.SEED)
    for axis in (TOKENS, DECODES, CONTEXT):
        inner = np.unique(shapes[equal, axis])[1:-1]
        levels |= np.isin(shapes[:, axis], rng.choice(inner, max(1, len(inner) // HELD_LEVELS), replace=False))
    held = protocol.random_rows(len(shapes))
    found = {"rows": held & equal, "skewed": held & ~equal, "levels": levels, "far": shapes[:, CONTEXT] > FAR}
    if len(np.unique(shapes[:, :2], axis=0)) > 1:
        found["heads"] = protocol.random_groups(shapes[:, :2], share=0.25)
    return found


def operator_of(spec: Spec, prefill: Constants | None = None) -> Operator:
    """With the constants of prefill given, only d, q and u are fitted."""

    def terms(row: Floats) -> attention_mixed.Terms:
        return attention_mixed.terms(heads_of(row, "bfloat16"), chunks_of(row), decodes_of(row), spec)

    def evaluate(shapes: Floats, constants: Constants) -> tuple[Floats, Floats]:
        found = [terms(row) for row in shapes]
        x = [
            attention_mixed.features(heads_of(row, "bfloat16"), chunks_of(row), decodes_of(row), term)
            for row, term in zip(shapes, found, strict=True)
        ]
        return base_of(attention_mixed.base, found, constants), np.array(x)

    def constants(table: Table) -> Constants:
        found = [terms(row) for row in table.shapes]
        if prefill is None:
            return fit_bounded(attention_mixed.base, found, table.seconds, BOTH)
        own = prefill[:PREFILL_CONSTANTS]
        return own + fit_bounded(lambda x, extra: attention_mixed.base(x, (*own, *extra)), found, table.seconds, EXTRA)

    return Operator(constants, evaluate, lambda shapes: np.zeros(len(shapes)), TREES)


class Card:
    """One measured card, seen through its own constants of prefill."""

    def __init__(self, data: Path, machine: str) -> None:
        ((_, table),) = rows.cards(data, machine)
        ((kv, kernel, _, prefills),) = rows.alone(data, machine, "prefill")
        spec = SPECS[machine]
        self.prefill = attention_alone.operator_of("prefill", kv, kernel, spec, attention_alone.PREFILL).constants(
            prefills
        )
        self.table = together(table)  # skewed decodes are left to the physics
        self.operator = operator_of(spec, self.prefill)

    def sample(self, count: int) -> Table:
        chosen = np.zeros(len(self.table.seconds), dtype=bool)
        chosen[np.random.default_rng(protocol.SEED).permutation(len(chosen))[:count]] = True
        return self.table.take(chosen)


SHARE = 8000  # rows of each card, so that neither outweighs the other


def learn(cards: list[Card]) -> Fitted:
    """Mean d, q, u, and trees on what they leave over. The constants are those three."""
    samples = [card.sample(SHARE) for card in cards]
    extras = [card.operator.constants(sample)[PREFILL_CONSTANTS:] for card, sample in zip(cards, samples, strict=True)]
    extra = tuple(float(value) for value in np.exp(np.log(np.array(extras)).mean(axis=0)))
    x, off = [], []
    for card, sample in zip(cards, samples, strict=True):
        base, features = card.operator.evaluate(sample.shapes, card.prefill + extra)
        x.append(features)
        off.append(np.log(sample.seconds / base))
    features = np.concatenate(x)
    return Fitted(extra, boost(features, np.concatenate(off), **TREES), features.min(axis=0), features.max(axis=0))


def missed(learned: Fitted, card: Card) -> float:
    """Mean relative error on a card that was not learned from."""
    sample = card.sample(SHARE)
    base, x = card.operator.evaluate(sample.shapes, card.prefill + learned.constants)
    found = base * np.exp(predict(learned.trees, np.clip(x, learned.low, learned.high)))
    return float(np.abs(found / sample.seconds - 1).mean())


def transfer(data: Path, prefill: Constants) -> dict[str, Any]:
    cards = [Card(data, machine) for machine in CARDS]
    across = {
        f"to {to}": round(missed(learn([card for card in cards if card is not seen]), seen), 4)
        for to, seen in zip(CARDS, cards, strict=True)
    }
    learned = learn(cards)
    worst = {"worst": max(across.values())}
    about = {"source": "transferred from " + " and ".join(CARDS), "rows": sum(len(c.table.seconds) for c in cards)}
    found = protocol.as_json(
        learned._replace(constants=prefill + learned.constants),
        across | worst,
        inside="worst",
        outside="worst",
        about=about,
    )
    return {"transferred": True, **found}
