from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from doubletime.lab.hit_curve import hash_ids, hit_rate

DATA = Path(os.environ.get("DOUBLETIME_DATA", Path(__file__).parents[3] / "shared" / "data"))
TRACE = DATA / "traces" / "mooncake_conversation.jsonl.gz"


def test_what_came_before_is_found() -> None:
    assert hit_rate([(1, 2), (1, 2, 3), (1, 4)], 10) == 3 / 7
    assert hit_rate([(1, 2), (5, 2)], 10) == 0, "2 behind another block is another prefix, or no prefix at all"
    assert hit_rate([], 10) == 0


def test_the_least_recently_used_goes_first_and_of_one_prompt_its_end() -> None:
    assert hit_rate([(1, 2, 3), (4,), (1, 2, 3)], 3) == 2 / 7, "4 took the place of 3"
    assert hit_rate([(1,), (2,), (1,), (3,), (1,)], 2) == 2 / 5, "3 took the place of 2"


def test_of_a_prompt_larger_than_the_cache_the_beginning_is_kept() -> None:
    assert hit_rate([(1, 2, 3, 4), (1, 2, 3, 4)], 2) == 2 / 8


def test_a_file_tells_each_block_of_a_prompt_once(tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl"
    file.write_text("".join(json.dumps({"hash_ids": ids}) + "\n" for ids in ([0, 1, 1], [0, 2])))
    assert list(hash_ids(file)) == [(0, 1), (0, 2)]


def test_the_curve_of_mooncakes_conversation_trace() -> None:
    if not TRACE.exists():
        pytest.skip(f"needs {TRACE.name}, which the repository does not carry")
    prompts = list(hash_ids(TRACE))
    assert sum(map(len, prompts)) == 288_500
    found = {blocks: hit_rate(prompts, blocks) for blocks in (1_000, 30_000, 200_000)}
    assert found == pytest.approx({1_000: 0.045, 30_000: 0.326, 200_000: 0.366}, abs=0.001)
