"""Small files of every format, told apart by their columns or keys."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from doubletime.core.vocabulary import SECOND
from doubletime.lab.workload.formats import FORMATS
from doubletime.lab.workload.job import Session
from doubletime.lab.workload.open import open_workload


def read(path: Path, text: str, **options: object) -> list[Session]:
    file = path / "trace"
    file.write_text(text)
    return list(open_workload(str(file), **options).sessions())  # type: ignore[arg-type]


def jsonl(*items: object) -> str:
    return "".join(json.dumps(item) + "\n" for item in items)


def test_azure_times_have_any_precision_and_zone(tmp_path: Path) -> None:
    header = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    rows = "2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:47.6805901,1,0\n2023-11-16 18:15:50,3,9\n"
    sessions = read(tmp_path, header + rows)
    assert [session.start for session in sessions] == [0, SECOND + 100, 3_319_410_000]
    assert [(session.jobs[0].prompt, session.jobs[0].output) for session in sessions] == [(374, 44), (1, 1), (3, 9)]
    zoned = read(tmp_path, header + "2024-05-10 00:00:00.009930+00:00,5,6\n2024-05-10 00:00:01+00:00,5,6\n")
    assert zoned[1].start == 990_070_000


def test_burstgpt(tmp_path: Path) -> None:
    text = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,API\n"
    (session,) = read(tmp_path, text + "45.5,GPT-4,1087,230,1317,API\n")[1:]
    assert (session.start, session.jobs[0].prompt, session.jobs[0].output) == (40_500_000_000, 1087, 230)


def test_lengths_with_and_without_times(tmp_path: Path) -> None:
    plain = read(tmp_path, "num_prefill_tokens,num_decode_tokens,num_total_tokens,pd_ratio\n3772,54,3826,69.8\n")
    timed = read(tmp_path, "arrived_at,num_prefill_tokens,num_decode_tokens\n1.5,3,4\n2.0,5,6\n")
    assert [session.start for session in plain + timed] == [0, 0, SECOND // 2]


def test_hashes_are_shared_prefixes(tmp_path: Path) -> None:
    rows = [
        {"timestamp": 1000, "input_length": 1030, "output_length": 5, "hash_ids": [0, 1, 2]},
        {"timestamp": 1500, "input_length": 1536, "output_length": 5, "hash_ids": [0, 1, 7]},
    ]
    one, two = read(tmp_path, jsonl(*rows))
    assert two.start == SECOND // 2
    assert one.jobs[0].key_tokens == 512
    assert len(one.jobs[0].keys) == 2  # the third block is not full
    assert two.jobs[0].keys[:2] == one.jobs[0].keys
    assert two.jobs[0].keys[2] not in one.jobs[0].keys


def test_bailian_has_small_blocks_and_seconds(tmp_path: Path) -> None:
    row = {"chat_id": 1, "parent_chat_id": -1, "timestamp": 2.5, "input_length": 40, "output_length": 5}
    one, two = read(tmp_path, jsonl(row, row | {"timestamp": 4.0, "hash_ids": [3, 4, 5], "type": "text"}))
    assert two.start == 1_500_000_000
    assert one.jobs[0].keys == ()
    assert (two.jobs[0].key_tokens, len(two.jobs[0].keys), two.jobs[0].program) == (16, 2, "text")


def test_agent_sessions_wait_and_think(tmp_path: Path) -> None:
    calls = [
        {"t": 0.0, "in": 200, "out": 10, "think": 0.0, "api": 1.0, "hash_runs": [[1, 3]]},
        {"t": 9.0, "in": 260, "out": 20, "think": 2.5, "api": None, "hash_runs": [[1, 3], [9, 1]], "sub": 0},
    ]
    line = {"session_id": "a", "block_size": 64, "tool_tokens": 1, "system_tokens": 1, "requests": calls}
    one, two = read(tmp_path, jsonl(line, line | {"session_id": "b"}))
    assert [job.think for job in one.jobs] == [0, 2_500_000_000]
    assert one.jobs[1].keys[:3] == one.jobs[0].keys
    assert not set(one.jobs[0].keys) & set(two.jobs[0].keys)  # ids are local to a session


def test_agent_lengths_come_at_their_time_in_the_session(tmp_path: Path) -> None:
    line = {"agent": "x", "session_id": "a", "t_ms": 0.0, "in_chars": 1024, "out_chars": 40, "hash_runs": [[0, 4]]}
    one, two = read(tmp_path, jsonl(line, line | {"t_ms": 1500.0}, line | {"session_id": "b"}))
    assert [(job.prompt, job.output, job.offset) for job in one.jobs] == [(256, 10, 0), (256, 10, 1_500_000_000)]
    assert two.jobs[0].keys == one.jobs[0].keys  # ids are global
    assert len(two.jobs[0].keys) == 4


def test_servegen_keeps_each_clients_rate(tmp_path: Path) -> None:
    days = {"0": {"input_tokens": {"10": 0.5, "30": 0.5}, "output_tokens": {"7": 1.0}}}
    windows = [[0, 5.0, 2.0, "Gamma", 0.25, 0.8], [600, 5.0, 1.5, "Weibull", 0.6, 0.1]]
    clients = [{"client": n, "trace": windows, "dataset": days} for n in range(3)]
    sessions = read(tmp_path, jsonl(*clients, {"client": 3, "trace": windows, "dataset": {}}))
    assert len(sessions) == pytest.approx(3 * 5 * 1200, rel=0.08)
    assert {session.jobs[0].tenant for session in sessions} == {"client-0", "client-1", "client-2"}
    assert sum(session.jobs[0].prompt for session in sessions) / len(sessions) == pytest.approx(20, rel=0.05)


def test_openai_batches_take_text_chat_and_token_ids(tmp_path: Path) -> None:
    def line(**body: object) -> dict[str, object]:
        return {"custom_id": "1", "method": "POST", "url": "/v1/completions", "body": {"model": "m"} | body}

    chat = [{"role": "user", "content": [{"type": "text", "text": "What?"}]}]
    text = jsonl(line(prompt="x" * 40, max_tokens=9), line(messages=chat), line(prompt=[1, 2, 3], max_tokens=2))
    sessions = read(tmp_path, text)
    assert [session.jobs[0].prompt for session in sessions] == [10, 4, 3]
    assert [session.jobs[0].output for session in sessions] == [9, 256, 2]
    assert [session.jobs[0].text for session in sessions] == ["x" * 40, "user: What?\n\n", None]
    assert sessions[2].jobs[0].tokens == (1, 2, 3)


def test_conversations_grow_turn_by_turn_even_in_one_json_array(tmp_path: Path) -> None:
    said = [("human", "How? " * 20), ("gpt", "So. " * 20), ("human", "Why?"), ("gpt", "Because."), ("human", "!")]
    talk = {"id": "t", "conversations": [{"from": who, "value": what} for who, what in said]}
    (session, other) = read(tmp_path, json.dumps([talk, {"id": "u", "conversations": talk["conversations"]}], indent=2))
    one, two = session.jobs
    assert (one.turn, two.turn) == (0, 1)
    assert two.text is not None
    assert two.text.startswith(one.text or "?")
    assert two.keys[: len(one.keys)] == one.keys
    assert one.output == 20
    assert other.jobs[0].keys == one.keys  # from the text, whoever says it


def test_a_tokenizer_makes_lengths_exact(tmp_path: Path) -> None:
    text = jsonl({"custom_id": "1", "body": {"prompt": "a b c d", "max_tokens": 1}})
    (session,) = read(tmp_path, text, encode=lambda words: [len(word) for word in words.split()])
    assert session.jobs[0].tokens == (1, 1, 1, 1)


def test_gzip_is_recognised_by_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "plain-name.csv"
    file.write_bytes(gzip.compress(b"num_prefill_tokens,num_decode_tokens\n1,2\n"))
    assert [session.jobs[0].output for session in open_workload(str(file)).sessions()] == [2]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", '{"what": 1}\n', "[3]", "{broken", "\x00\x01"])
def test_an_unknown_file_is_told_what_is_known(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="Known columns or keys") as caught:
        read(tmp_path, text)
    assert all(known.name in str(caught.value) for known in FORMATS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,374,x\n", "row 1: .*'x'"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,374,1\n", "row 1: .*yesterday"),
        (jsonl({"timestamp": 1, "input_length": 3, "output_length": 4}) + "{oops\n", "line 2 is not JSON"),
        (jsonl({"custom_id": "1", "body": {"max_tokens": 1}}), "row 1: there is no 'prompt'"),
        ('[{"conversations": []}, {"conversations"', "breaks off"),
        (jsonl({"client": 1, "trace": [], "dataset": {}}), "no client has"),
    ],
)
def test_a_broken_file_is_told_where(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read(tmp_path, text)
