from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import threading

import pytest

from doubletime.server.app import create_app
from doubletime.server.prompts import ServedModel
from doubletime.server.run import Server, base_url, curl, listen, serve
from tests.server.fake import FakeClient


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_the_curl_that_is_printed_works(model: ServedModel, capsys: pytest.CaptureFixture[str]) -> None:
    engine = FakeClient()
    listening = listen("127.0.0.1", 0)
    server = Server(create_app(model, engine), curl(base_url(listening), "tiny", "it's"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not (command := capsys.readouterr().out):
            assert thread.is_alive()
        done = subprocess.run([*shlex.split(command), "--silent"], capture_output=True, timeout=10, check=True)
    finally:
        server.should_exit = True
        thread.join(10)
    assert json.loads(done.stdout)["choices"][0]["text"] == "Hello wörld"
    assert engine.asked[0][0] == model.text_tokenizer.encode("it's")
    assert engine.state == "closed"


def test_an_engine_that_cannot_start_is_an_error(model: ServedModel) -> None:
    class Broken(FakeClient):
        async def start(self) -> None:
            raise RuntimeError("no memory")

    with listen("127.0.0.1", 0) as listening, pytest.raises(SystemExit):
        serve(create_app(model, Broken()), listening)


def test_a_taken_port_is_told_before_anything_is_loaded() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(OSError, match=r"cannot listen on 127\.0\.0\.1:\d+: "):
        listen("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "reached"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("::", "[::1]")]
)
def test_the_address_that_is_told_can_be_reached(host: str, reached: str) -> None:
    try:
        listening = listen(host, 0)
    except OSError:
        pytest.skip("no IPv6 here")
    with listening:
        assert base_url(listening) == f"http://{reached}:{listening.getsockname()[1]}"
