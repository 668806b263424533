"""`doubletime serve` as its users meet it: a process, the openai client, a signal."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytest.importorskip("transformers")
pytest.importorskip("openai")

import openai

from doubletime import LLM, SamplingParams
from doubletime.completion import CompletionOutput
from doubletime.lab.replay import replay
from tests.served import COMMAND, ENVIRONMENT, checkpoint

PROMPT = "The quick brown fox"
IGNORE_EOS = {"ignore_eos": True}
PATIENCE = 60  # seconds until a process that should end counts as hung


class Served:
    """A running server."""

    def __init__(self, *options: str) -> None:
        command = [*COMMAND, "serve", str(checkpoint()), "--port", "0", "--kv-memory", "4MB", *options]
        self.process = subprocess.Popen(
            [*command, "--max-model-len", "1000"], env=ENVIRONMENT, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.greeting = ""
        while "curl" not in self.greeting and (line := self.process.stdout.readline()):
            self.greeting += line
        found = re.search(r"http://\S+/v1", self.greeting)
        assert found, self.greeting + self.errors()
        self.url = found[0]
        self.client = openai.OpenAI(base_url=self.url, api_key="none", timeout=PATIENCE, max_retries=0)

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def children(self) -> list[int]:
        """All processes that descend from the server."""
        found, todo = [], [self.process.pid]
        while todo:
            for task in Path(f"/proc/{todo.pop()}/task").iterdir():
                own = [int(pid) for pid in (task / "children").read_text().split()]
                found += own
                todo += own
        return found

    def end(self, by: signal.Signals) -> int:
        """Sends a signal and waits until the server and all that it started are gone; its exit status."""
        handles = [os.pidfd_open(pid) for pid in self.children()]
        assert handles
        self.process.send_signal(by)
        status = self.process.wait(PATIENCE)
        for handle in handles:
            assert select.select([handle], [], [], PATIENCE)[0], "an orphan"
            os.close(handle)
        return status


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    server = Served("--served-model-name", "tiny", "--policy", "sarathi+priority")
    yield server
    server.end(signal.SIGTERM)


@pytest.fixture(scope="module")
def expected() -> CompletionOutput:
    """Greedy, of the engine in this process."""
    with LLM(str(checkpoint()), kv_memory="4MB", max_model_len=1000) as llm:
        return llm.generate(PROMPT, SamplingParams(temperature=0, max_tokens=24, ignore_eos=True))[0].outputs[0]


def test_the_greeting_tells_what_runs(served: Served) -> None:
    assert "llama, 3 layers" in served.greeting
    assert "policy sarathi+priority" in served.greeting
    assert [model.id for model in served.client.models.list()] == ["tiny"]


def test_a_completion(served: Served, expected: CompletionOutput) -> None:
    reply = served.client.completions.create(
        model="tiny", prompt=PROMPT, max_tokens=24, temperature=0, extra_body=IGNORE_EOS
    )
    assert reply.choices[0].text == expected.text
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 24


def test_the_monitor_knows_a_request_by_the_id_of_its_reply(served: Served) -> None:
    site = served.url.removesuffix("/v1")
    reply = served.client.completions.create(
        model="tiny", prompt=PROMPT, max_tokens=7, extra_body=IGNORE_EOS | {"timings": True}
    )
    found = httpx.get(f"{site}/requests/{reply.id}").json()
    assert (found["id"], found["state"], found["output_tokens"]) == (reply.id, "finished", 7)
    assert reply.usage is not None
    assert found["prompt_tokens"] == reply.usage.prompt_tokens
    assert (reply.model_extra or {})["timings"]["predicted_n"] == 7
    assert found in httpx.get(f"{site}/live").json()["requests"]
    with httpx.stream("GET", f"{site}/live?stream=1") as stream:
        event = next(line for line in stream.iter_lines() if line.startswith("data: "))
    assert json.loads(event.removeprefix("data: "))["engine"]["policy"] == "sarathi+priority"
    assert 'doubletime_info{model="tiny"' in httpx.get(f"{site}/metrics").text


def test_a_streamed_completion_is_the_same_in_pieces(served: Served, expected: CompletionOutput) -> None:
    stream = served.client.completions.create(
        model="tiny", prompt=PROMPT, max_tokens=24, temperature=0, stream=True, extra_body=IGNORE_EOS
    )
    pieces = [chunk.choices[0] for chunk in stream]
    assert "".join(piece.text for piece in pieces) == expected.text
    assert len(pieces) > 5
    assert [piece.finish_reason for piece in pieces] == [None] * (len(pieces) - 1) + ["length"]


def test_a_stop_string_ends_the_text_before_it(served: Served, expected: CompletionOutput) -> None:
    at = next(at for at in range(4, len(expected.text) - 1) if expected.text[at : at + 2].isprintable())
    stop = expected.text[at : at + 2]
    reply = served.client.completions.create(
        model="tiny", prompt=PROMPT, max_tokens=24, temperature=0, stop=stop, extra_body=IGNORE_EOS
    )
    assert reply.choices[0].text == expected.text[: expected.text.index(stop)]
    assert reply.choices[0].finish_reason == "stop"


def test_a_seed_reproduces_and_choices_differ(served: Served) -> None:
    texts = []
    for seed in (7, 7, 8):
        reply = served.client.completions.create(
            model="tiny", prompt=PROMPT, max_tokens=12, n=2, seed=seed, extra_body=IGNORE_EOS
        )
        texts.append([choice.text for choice in sorted(reply.choices, key=lambda choice: choice.index)])
    assert texts[0] == texts[1] != texts[2]
    assert texts[0][0] != texts[0][1]


def test_a_chat(served: Served) -> None:
    messages = [{"role": "user", "content": "The dog"}]
    ask = {"model": "tiny", "messages": messages, "max_tokens": 12, "temperature": 0, "extra_body": IGNORE_EOS}
    reply = served.client.chat.completions.create(**ask)
    stream = served.client.chat.completions.create(**ask, stream=True)
    pieces = [chunk.choices[0].delta.content or "" for chunk in stream]
    assert reply.choices[0].message.role == "assistant"
    assert reply.choices[0].message.content == "".join(pieces)
    assert reply.choices[0].finish_reason == "length"


def test_a_call_that_is_demanded_is_valid_whatever_the_model_is(served: Served) -> None:
    when = {"enum": ["now", "later"]}
    parameters = {"type": "object", "properties": {"when": when}, "required": ["when"]}
    with served.client.chat.completions.stream(
        model="tiny",
        messages=[{"role": "user", "content": "hi"}],
        tools=[{"type": "function", "function": {"name": "go", "parameters": parameters}}],
        tool_choice="required",
        parallel_tool_calls=False,
    ) as answer:
        choice = answer.get_final_completion().choices[0]
    (call,) = choice.message.tool_calls or ()
    assert call.function.name == "go"
    assert json.loads(call.function.arguments)["when"] in when["enum"]
    assert choice.finish_reason == "tool_calls"


def test_what_is_wrong_is_named(served: Served) -> None:
    with pytest.raises(openai.BadRequestError, match="best_of"):
        served.client.completions.create(model="tiny", prompt=PROMPT, best_of=2)
    with pytest.raises(openai.BadRequestError, match="1000 tokens"):
        served.client.completions.create(model="tiny", prompt=PROMPT, max_tokens=1000)
    with pytest.raises(openai.NotFoundError, match="other"):
        served.client.completions.create(model="other", prompt=PROMPT)


def test_a_client_that_hangs_up_frees_its_seat(tmp_path: Path) -> None:
    """One seat: the second request runs because the first one's client went away."""
    record = tmp_path / "log"
    server = Served("--max-seats", "1", "--record", str(record), "--served-model-name", "tiny")
    stream = server.client.completions.create(
        model="tiny", prompt=PROMPT, max_tokens=900, stream=True, extra_body=IGNORE_EOS
    )
    next(iter(stream))
    stream.close()
    reply = server.client.completions.create(model="tiny", prompt=PROMPT, max_tokens=3, extra_body=IGNORE_EOS)
    assert reply.choices[0].finish_reason == "length"
    server.end(signal.SIGINT)
    with record.open() as lines:
        report = replay(lines)
    assert (report.complete, report.requests, report.cancels) == (True, 2, 1)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_server_and_engine_quietly(by: signal.Signals, tmp_path: Path) -> None:
    record = tmp_path / "log"
    server = Served("--record", str(record))
    os.kill(server.children()[-1], by)  # a whole process group may get it: the engine leaves it to the server
    assert server.end(by) == 0
    assert server.errors() == ""
    with record.open() as lines:
        assert replay(lines).complete


def test_a_killed_server_leaves_no_engine_behind() -> None:
    assert Served().end(signal.SIGKILL) == -signal.SIGKILL


def test_a_dead_engine_is_told_and_started_again_and_a_second_death_ends_the_server() -> None:
    server = Served("--served-model-name", "tiny")
    health = server.url.replace("/v1", "/health")
    ask = {"model": "tiny", "prompt": PROMPT, "extra_body": IGNORE_EOS}
    for death in range(2):
        stream = server.client.completions.create(**ask, max_tokens=900, stream=True)
        next(iter(stream))
        os.kill(server.children()[-1], signal.SIGKILL)
        with pytest.raises(openai.APIError, match="the engine process died"):
            list(stream)
        if death == 0:
            with pytest.raises(openai.InternalServerError) as caught:
                server.client.completions.create(**ask)
            assert caught.value.response.headers["retry-after"]
            while httpx.get(health).status_code == 503:
                time.sleep(0.1)
            assert server.client.completions.create(**ask, max_tokens=3).choices[0].finish_reason == "length"
    assert server.process.wait(PATIENCE) == 1
    told = server.errors()
    assert "the engine process died; it is being started again" in told
    assert told.splitlines()[-1] == "doubletime serve: the engine process died, for the second time within 10 minutes"
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("options", "told"),
    [(["/nowhere"], "nowhere"), ([str(Path(__file__).parent)], "config.json"), (["random:nothing"], "nothing")],
)
def test_a_model_that_is_none_ends_with_the_reason(options: list[str], told: str) -> None:
    done = subprocess.run(
        [*COMMAND, "serve", *options, "--port", "0"],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
