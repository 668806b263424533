from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubletime.decoding.keys import KeyChain, block_key, root_key

tokens = st.lists(st.integers(0, 2**31 - 1), max_size=60)


@given(tokens, st.lists(st.integers(0, 60)), st.integers(1, 9))
def test_keys_do_not_depend_on_how_the_tokens_arrive(ids: list[int], cuts: list[int], size: int) -> None:
    chain, keys = KeyChain(size), ()
    edges = [0, *sorted(min(cut, len(ids)) for cut in cuts), len(ids)]
    for start, end in itertools.pairwise(edges):
        keys += chain.extend(ids[start:end])
    assert keys == KeyChain(size).extend(ids)
    assert len(keys) == len(ids) // size


@given(tokens, tokens)
def test_keys_agree_exactly_on_the_shared_blocks(left: list[int], right: list[int]) -> None:
    a, b = KeyChain(4).extend(left), KeyChain(4).extend(right)
    for at in range(min(len(a), len(b))):
        assert (a[at] == b[at]) == (left[: 4 * at + 4] == right[: 4 * at + 4])


def test_keys_are_128_bits_and_the_same_on_every_machine() -> None:
    assert KeyChain(2, b"tenant").extend([1, 2, 3, 4, 5]) == (
        block_key(root_key(b"tenant"), [1, 2]),
        block_key(block_key(root_key(b"tenant"), [1, 2]), [3, 4]),
    )
    assert f"{KeyChain(2).extend([1, 2])[0]:032x}" == "a71e128eb83b324dc621fea10f30b040"


def test_extras_separate_equal_tokens() -> None:
    assert KeyChain(2, b"a").extend([1, 2]) != KeyChain(2, b"b").extend([1, 2])


def test_a_copy_goes_its_own_way() -> None:
    chain = KeyChain(2)
    chain.extend([1, 2, 3])
    twin = chain.copy()
    assert chain.extend([4]) != twin.extend([5])
    assert chain.extend([6, 7]) == KeyChain(2).extend([1, 2, 3, 4, 6, 7])[2:]


def test_a_key_covers_at_least_a_token() -> None:
    with pytest.raises(ValueError, match="at least 1 token"):
        KeyChain(0)
