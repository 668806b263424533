from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from doubletime.decoding.stop import StopMatcher

texts = st.text("ab\n", max_size=40)
stop_lists = st.lists(st.text("ab\n", min_size=1, max_size=5), max_size=4)


def naive(text: str, stops: list[str], least: int = 0) -> tuple[str, str | None]:
    """Looks at every prefix of the whole text: the first that ends in a stop string is cut before the longest.

    It has more than `least` characters.
    """
    for end in range(least + 1, len(text) + 1):
        ending = [stop for stop in stops if text[:end].endswith(stop)]
        if ending:
            longest = max(ending, key=len)
            return text[: end - len(longest)], longest
    return text, None


@given(texts, stop_lists, st.lists(st.integers(0, 40)))
@example("aab", ["aab", "ab"], [1, 2])
def test_the_stream_gives_what_a_search_of_the_whole_text_gives(text: str, stops: list[str], cuts: list[int]) -> None:
    matcher, pieces = StopMatcher(stops), []
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    for start, end in itertools.pairwise(edges):
        pieces.append(matcher.push(text[start:end]))
    assert ("".join(pieces) + matcher.flush(), matcher.matched) == naive(text, stops)


@given(texts, stop_lists)
def test_nothing_is_passed_on_that_must_be_taken_back_and_nothing_is_held_without_need(
    text: str, stops: list[str]
) -> None:
    matcher, passed = StopMatcher(stops), ""
    for at, char in enumerate(text, start=1):
        passed += matcher.push(char)
        if matcher.matched:
            break
        held = text[len(passed) : at]
        assert not held or any(stop.startswith(held) for stop in stops)
    assert naive(text, stops)[0].startswith(passed)


@given(texts, stop_lists, st.integers(0, 40), st.booleans())
def test_what_is_complete_before_the_matcher_is_armed_is_text_and_what_matches_may_be_included(
    text: str, stops: list[str], least: int, included: bool
) -> None:
    matcher, passed = StopMatcher(stops, included), ""
    for at, char in enumerate(text):
        passed += matcher.push(char, armed=at >= least)
    expected, stop = naive(text, stops, least)
    assert passed + matcher.flush() == expected + ((stop or "") if included else "")
    assert matcher.matched == stop


def test_text_after_a_match_is_dropped() -> None:
    matcher = StopMatcher(["###"])
    assert matcher.push("one#") == "one"
    assert matcher.push("##two") == ""
    assert (matcher.push("three"), matcher.flush(), matcher.matched) == ("", "", "###")


def test_an_empty_stop_string_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        StopMatcher([""])
