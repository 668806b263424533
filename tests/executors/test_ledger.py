"""The ledger's histories follow its tokens, whatever becomes of those."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("numpy")

from hypothesis import given
from hypothesis import strategies as st

from doubletime.decoding.sampling import Adjust, Sampling
from doubletime.decoding.sampling_history import History
from doubletime.executors.ledger import Ledger

ASKING = Sampling(adjust=Adjust(repetition=1.5, min_tokens=3, ends=(1,)))
PROMPT = [5, 6, 5]
actions = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 12), st.integers(0, 9)),
        st.tuples(st.just("truncate"), st.integers(3, 12)),
        st.tuples(st.just("ask"), st.integers(3, 12)),
    ),
    max_size=30,
)


def facts(history: History) -> tuple[Any, ...]:
    assert history.counts is not None
    counts = dict(zip(history.counts.ids.tolist(), history.counts.counts.tolist(), strict=True))
    return history.length, history.prompt, history.goes_on, counts


@given(actions)
def test_a_history_is_that_of_the_tokens_there_are(steps: list[tuple[Any, ...]]) -> None:
    ledger, own = Ledger(), list(PROMPT)
    ledger.admit(0, PROMPT, ASKING)
    for step in steps:
        match step:
            case ("put", at, token) if 3 <= at <= len(own):
                ledger.put(0, at, token)
                own[at:] = [token]
            case ("truncate", kept):
                ledger.truncate(0, kept)
                del own[kept:]
            case ("ask", end) if end <= len(own):
                history = ledger.history(0, end)
                assert history is not None
                fresh = History(PROMPT, ASKING.adjust or Adjust())
                fresh.extend(own[3:end])
                assert facts(history) == facts(fresh)
    assert ledger.read(0, 0, len(own)) == own


def test_a_sequence_that_asks_for_nothing_has_none() -> None:
    ledger = Ledger()
    ledger.admit(0, PROMPT, Sampling())
    assert ledger.history(0, 3) is None


def test_tokens_that_are_given_later_belong_to_the_prompt() -> None:
    ledger = Ledger()
    ledger.admit(0, PROMPT, ASKING)
    ledger.append(0, [7])
    history = ledger.history(0, 4)
    assert history is not None
    assert (history.prompt, history.length) == (4, 4)


def test_a_sequence_that_is_forgotten_and_comes_again_starts_anew() -> None:
    ledger = Ledger()
    for tokens in (PROMPT, [8]):
        ledger.admit(0, tokens, ASKING)
        ledger.put(0, len(tokens), 9)
        history = ledger.history(0, len(tokens) + 1)
        assert history is not None
        assert history.prompt == len(tokens)
        ledger.forget(0)
    assert 0 not in ledger
