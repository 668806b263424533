from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest

from doubletime.decoding.tokenizer import Tokenizer
from doubletime.server.app import create_app
from doubletime.server.prompts import ServedModel
from doubletime.server.run import Server, base_url, listen
from tests.decoding.conftest import byte_level
from tests.server.fake import FakeClient

TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}<a>{% endif %}"
)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer with a chat template."""
    path = tmp_path_factory.mktemp("checkpoint")
    byte_level().save(str(path / "tokenizer.json"))
    config = {"bos_token": "<bos>", "eos_token": "<eos>", "chat_template": TEMPLATE}
    (path / "tokenizer_config.json").write_text(json.dumps(config))
    return path


@pytest.fixture(scope="session")
def model(folder: Path) -> ServedModel:
    return ServedModel(("tiny", "alias"), 64, 401, 1_700_000_000, Tokenizer(folder))


@pytest.fixture(scope="session")
def only_engine() -> FakeClient:
    return FakeClient()


@pytest.fixture
def engine(only_engine: FakeClient) -> FakeClient:
    """The engine behind `url`, with nothing left of other tests."""
    only_engine.reset()
    return only_engine


@pytest.fixture(scope="session")
def url(model: ServedModel, only_engine: FakeClient) -> Iterator[str]:
    """A server that listens for as long as the tests run."""
    listening = listen("127.0.0.1", 0)
    server = Server(create_app(model, only_engine))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield base_url(listening)
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=10) as client:
        yield client


@pytest.fixture(scope="session")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=10) as client:
        yield client
