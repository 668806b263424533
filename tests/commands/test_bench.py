"""`doubletime bench`: a tiny model in this process, and a server of our own that answers as we please."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from doubletime import cli
from doubletime.commands.bench import trace_of
from doubletime.core.events import Arrive
from doubletime.core.log import LoggedEvent, read_log
from doubletime.engine.target import EngineTarget
from doubletime.lab.bench.target import News
from doubletime.lab.replay import replay
from tests.served import checkpoint

FAST = ["--prompt", "20", "--output", "4"]


def bench(*args: str | Path, status: int = 0) -> dict[str, Any]:
    """The result of one run, through a file."""
    where = checkpoint().parent / "bench.json"
    where.unlink(missing_ok=True)
    assert cli.main(["bench", *map(str, args), "--json", str(where)]) == status
    found: dict[str, Any] = json.loads(where.read_text())
    return found


# ---- an engine in this process


def test_a_rate_on_the_real_engine(capsys: pytest.CaptureFixture[str]) -> None:
    found = bench(
        checkpoint(), "--rate", "40", *FAST, "--limit", "20", "--slo", "ttft=20,tpot=20", "--policy", "sarathi"
    )
    assert found["requests"] == {"sent": 20, "completed": 20, "failed": 0, "refused": 0, "cancelled": 0}
    assert (found["clock"], found["policy"], found["seed"]) == ("real", "sarathi", 0)
    assert found["slo"]["attainment"] == 1.0
    tokens = found["throughput"]["output_tokens_per_s"] * found["duration_s"]
    assert round(tokens) == 80  # the end token does not cut an answer short
    for key in ("ttft_s", "tpot_s", "itl_s", "e2e_s", "queue_s"):
        assert 0 <= found[key]["p50"] <= found[key]["p99"] <= found[key]["max"]
    assert found["queue_s"]["max"] < found["ttft_s"]["max"] < found["e2e_s"]["max"]
    assert found["steps"] >= 4
    assert found["scheduler_us_per_step"] > 0
    assert found["preemptions"] == found["recomputed_tokens"] == 0
    told = capsys.readouterr()
    assert "20 sent, 20 completed" in told.out
    assert "policy sarathi" in told.err


def test_shared_prefixes_and_conversations_hit(tmp_path: Path) -> None:
    record = tmp_path / "run.jsonl"
    spec = "closed:concurrency=2,prompt=100,output=20,prefix=64,turns=3,more=10,n=12,tenants=2,classes=a:9:-:1+b:-:9:1"
    found = bench(checkpoint(), "--trace", spec, "--record", record)
    assert found["requests"]["completed"] == 12
    # from the second request on 64 tokens are shared; turns bring 119 and 149 known tokens of 130 and 160 along
    assert found["prefix_hit_rate"] > 0.6
    assert set(found["by_class"]) <= {"a", "b"}
    assert found["config"]["trace"] == spec
    with record.open() as lines:
        assert replay(lines).complete
    with record.open() as lines:
        logged = [item.event for item in read_log(lines) if isinstance(item, LoggedEvent)]
    tenants = {event.request.tenant for event in logged if isinstance(event, Arrive)}
    assert {"tenant-0", "tenant-1"} <= tenants  # the policy sees who asks


def test_memory_that_is_short_shows_as_preemptions() -> None:
    spec = "closed:concurrency=6,prompt=40,output=60,n=8"
    found = bench(checkpoint(), "--trace", spec, "--kv-memory", "100KB", "--max-model-len", "128")
    assert found["requests"]["completed"] == 8
    assert found["preemptions"] > 0
    assert found["rehit_rate"] is not None


def test_what_can_never_run_is_refused_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    spec = "constant:rate=100,prompt=2000,n=3"
    found = bench(checkpoint(), "--trace", spec, "--slo", "ttft=5", status=1)
    assert found["requests"] == {"sent": 3, "completed": 0, "failed": 0, "refused": 3, "cancelled": 0}
    assert found["slo"]["attainment"] == 0.0
    assert found["ttft_s"] is None
    assert "3 of: " in (told := capsys.readouterr().err)
    assert "maximum length" in told


def test_text_is_tokenized_by_the_model(tmp_path: Path) -> None:
    batch = tmp_path / "batch.jsonl"
    lines = [{"custom_id": str(n), "body": {"prompt": "Who is there? " * n, "max_tokens": 3}} for n in (1, 2)]
    batch.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = bench(checkpoint(), "--trace", batch)
    assert found["requests"]["completed"] == 2


def test_json_goes_to_the_terminal_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", str(checkpoint()), "--concurrency", "2", *FAST, "--limit", "3", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["requests"]["sent"] == 3


def test_an_interrupt_keeps_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    beats = iter(range(10**6))

    def poll(target: EngineTarget, timeout_s: float | None) -> list[News]:
        if next(beats) == 60:
            raise KeyboardInterrupt
        return real(target, timeout_s)

    real = EngineTarget.poll
    monkeypatch.setattr(EngineTarget, "poll", poll)
    found = bench(checkpoint(), "--trace", "closed:concurrency=1,prompt=9,output=20,n=90", status=130)
    assert found["requests"]["completed"] >= 1
    assert found["requests"]["cancelled"] == 1
    assert found["requests"]["sent"] < 90


def test_a_request_that_takes_too_long_has_failed() -> None:
    spec = "closed:concurrency=2,prompt=9,output=900,n=2"
    found = bench(checkpoint(), "--trace", spec, "--timeout", "0.05", status=1)
    assert found["requests"]["failed"] == 2
    assert found["itl_s"] is None


# ---- a server


class Fake(BaseHTTPRequestHandler):
    """Answers `max_tokens` words. What the server of a test dislikes or does is in its `manners`."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        server: Any = self.server
        self._reply(*server.models)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server: Any = self.server
        server.bodies.append(body)
        problem = server.manners(len(server.bodies), body)
        if isinstance(problem, tuple):
            self._reply(*problem)
        else:
            self._stream(body, cut=problem == "cut", pause=problem == "pause")

    def _reply(self, status: int, data: Any) -> None:
        text = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _stream(self, body: dict[str, Any], *, cut: bool, pause: bool) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if "messages" in body:
            self._event({"choices": [{"delta": {"role": "assistant", "content": ""}, "finish_reason": None}]})
        for at in range(body["max_tokens"]):
            time.sleep(1.5 if pause and at else 0.002)
            if cut and at == 2:
                self.close_connection = True
                return
            last = at == body["max_tokens"] - 1
            said: dict[str, Any] = {"text": f" w{at}"}
            if "messages" in body:
                said = {"delta": {"content": f" w{at}"}}
            self._event({"choices": [said | {"finish_reason": "length" if last else None}]})
        if body.get("stream_options"):
            usage: dict[str, Any] = {"prompt_tokens": 33, "completion_tokens": body["max_tokens"]}
            if "messages" in body:
                usage |= {"prompt_tokens_details": {"cached_tokens": 11}}
            self._event({"choices": [], "usage": usage})
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _event(self, data: Any) -> None:
        self._chunk(b": a comment\n\ndata: " + json.dumps(data).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


MODELS = (200, {"data": [{"id": "fake"}]})


@contextmanager
def fake(manners: Any = lambda count, body: None, models: Any = MODELS) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The URL of a server, and the bodies that it gets."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Fake)
    server.daemon_threads, server.manners, server.bodies, server.models = True, manners, [], models
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.bodies
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def refuse(text: str) -> tuple[int, dict[str, Any]]:
    return 400, {"error": {"message": text}}


def test_a_rate_on_a_server() -> None:
    with fake() as (url, bodies):
        found = bench(url, "--rate", "100", "--prompt", "20", "--output", "4", "--limit", "12", "--slo", "ttft=5")
    assert found["requests"]["completed"] == 12
    assert found["policy"] is None
    assert found["config"] | {"trace": ""} == {
        "url": url, "endpoint": "completions", "model": "fake", "prompts": "token ids", "ignore_eos": True,
        "tokens_counted_by": "server", "trace": "", "limit": 12,
    }  # fmt: skip
    assert found["queue_s"] is found["steps"] is found["preemptions"] is found["prefix_hit_rate"] is None
    assert 0.001 < found["tpot_s"]["p50"] < 1
    assert round(found["throughput"]["prompt_tokens_per_s"] * found["duration_s"]) == 12 * 33  # as the server counted
    assert len(bodies) == 13  # and one to see what it takes
    assert all(len(body["prompt"]) == 20 and body["max_tokens"] == 4 for body in bodies[1:])
    assert len({tuple(body["prompt"]) for body in bodies}) == 13


def test_a_server_that_takes_only_plain_text() -> None:
    def manners(count: int, body: dict[str, Any]) -> Any:
        if not isinstance(body["prompt"], str):
            return refuse("prompt must be a string")
        return refuse("what?") if {"ignore_eos", "stream_options"} & set(body) else None

    with fake(manners) as (url, bodies):
        found = bench(url + "/v1/", "--concurrency", "3", *FAST, "--limit", "6", "--served-model-name", "mine")
    assert found["requests"]["completed"] == 6
    assert (found["config"]["prompts"], found["config"]["ignore_eos"]) == ("words", False)
    assert found["config"]["tokens_counted_by"].startswith("client")
    assert round(found["throughput"]["output_tokens_per_s"] * found["duration_s"]) == 24
    assert len(bodies[-1]["prompt"].split()) == 20
    assert bodies[-1]["model"] == "mine"


def test_a_chat_of_several_turns_on_a_server() -> None:
    """The role's chunk is no token; a turn brings what was really answered."""
    with fake() as (url, bodies):
        spec = "closed:concurrency=1,prompt=20,output=4,turns=2,more=5,n=2"
        found = bench(url, "--endpoint", "chat", "--trace", spec)
    assert found["requests"]["completed"] == 2
    assert (found["config"]["endpoint"], found["config"]["prompts"]) == ("chat", "messages")
    assert [len(body["messages"]) for body in bodies] == [1, 1, 3]  # the first asks what the server takes
    assert bodies[2]["messages"][:2] == [*bodies[1]["messages"], {"role": "assistant", "content": " w0 w1 w2 w3"}]
    assert 0 <= found["client_cpu"] < 2
    assert found["prefix_hit_rate"] == 1 / 3  # as the server told


def test_every_way_of_failing_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    troubles = {2: (503, {"error": "overloaded"}), 3: refuse("too long"), 4: "cut", 5: "pause"}
    with fake(lambda count, body: troubles.get(count)) as (url, _):
        found = bench(url, "--trace", "constant:rate=50,prompt=9,output=4,n=8", "--timeout", "1", "--slo", "tpot=1")
    assert found["requests"] == {"sent": 8, "completed": 4, "failed": 3, "refused": 1, "cancelled": 0}
    assert found["slo"]["attainment"] == 0.5
    told = capsys.readouterr().err
    assert told.count("1 of: ") == 3  # of four kinds, the most frequent


@pytest.mark.parametrize(
    ("manners", "told"),
    [
        (lambda count, body: refuse("no completions here"), "takes no streamed request at /v1/completions: .*no compl"),
        (
            lambda count, body: (401, {"error": {"message": "bad key"}}),
            "wants an API key: --api-key KEY .*401: bad key",
        ),
        (lambda count, body: (404, {"error": {"message": "no such model"}}), "with 404: no such model"),
    ],
)
def test_a_server_that_cannot_be_measured_is_told(manners: Any, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with fake(manners) as (url, _):
        assert cli.main(["bench", url, "--rate", "9"]) == 1
    assert re.search(told, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("models", "told"),
    [((401, {"error": "who?"}), "wants an API key: --api-key KEY"), ((404, {}), "does not list its models: name one")],
)
def test_a_server_that_does_not_tell_its_models(models: Any, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with fake(models=models) as (url, _):
        assert cli.main(["bench", url, "--rate", "9"]) == 1
    assert told in capsys.readouterr().err


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "http://127.0.0.1:9", "--rate", "9"]) == 1
    assert "nobody listens at 127.0.0.1:9" in capsys.readouterr().err


# ---- the command line


def arguments(text: str) -> Any:
    return cli._parser("bench").parse_args(["bench", *text.split()])


@pytest.mark.parametrize(
    ("text", "trace"),
    [
        ("--rate 2", "poisson:rate=2,n=100"),
        ("--rate 2 --prompt uniform:1:9 --output 5 --limit 7", "poisson:rate=2,prompt=uniform:1:9,output=5,n=7"),
        ("--rate 2 --burstiness 0.25", "gamma:rate=2,cv=2,n=100"),
        ("--concurrency 8", "closed:concurrency=8,n=100"),
        ("--trace gamma:rate=1,cv=2", "gamma:rate=1,cv=2"),
        (f"--trace {__file__} --rate 3", f"replay:path={__file__},rate=3"),
    ],
)
def test_shortcuts_are_specs(text: str, trace: str) -> None:
    assert trace_of(arguments(text)) == trace


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "say how much load"),
        ("--rate 2 --concurrency 3", "exclude each other"),
        ("--trace poisson:rate=2 --prompt 5", "lengths of its own"),
        ("--trace poisson:rate=2 --rate 5", "a spec says itself"),
        ("--rate fast", "rate=fast: must be a number"),
        ("--rate 2 --limit 0", "n=0: must be"),
        ("--rate 2 --api-key k", "--api-key is for the URL"),
        ("--rate 2 --endpoint chat", "--endpoint is for the URL"),
        ("--concurrency 2 --burstiness 2", "--burstiness goes with --rate"),
        ("--trace poisson:rate=2 --burstiness 2", "--burstiness goes with --rate"),
        ("http://127.0.0.1:9 --rate 2 --policy sarathi", "--policy is for an engine in this process"),
        ("http://127.0.0.1:9 --rate 2 --kv-memory 64MB", "--kv-memory is for an engine"),
        ("ftp://127.0.0.1 --rate 2", "no http:// or https:// URL"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", *text.split()]) == 1
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("slo", ["ttft", "ttft=0", "ttft=x", "speed=1", "ttft=1,ttft=2"])
def test_a_wrong_slo_is_a_usage_error(slo: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments(f"--rate 1 --slo {slo}")
    assert "--slo" in capsys.readouterr().err
