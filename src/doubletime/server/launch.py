"""`doubletime serve`, start to end: port, engine process, web stack, ready."""

from __future__ import annotations

import time
from pathlib import Path

from doubletime.engine.config import EngineConfig
from doubletime.engine.sources import tokenizer_of
from doubletime.server.bridge import EngineBridge


def launch(config: EngineConfig, host: str, port: int, served_name: str | None) -> None:
    """Serves until interrupted. Raises OSError for a taken port, ValueError for an engine that cannot start."""
    bridge = EngineBridge(config)  # it loads while this process imports the rest
    try:
        _serve(bridge, config, host, port, served_name)
    finally:
        bridge.shut_down()


def _serve(bridge: EngineBridge, config: EngineConfig, host: str, port: int, served_name: str | None) -> None:
    from doubletime.server.app import create_app
    from doubletime.server.prompts import ServedModel
    from doubletime.server.run import base_url, curl, listen, serve

    began = time.monotonic()
    listening = listen(host, port)
    tokenizer = tokenizer_of(config)
    ready = bridge.wait_ready()
    names = (served_name,) if served_name else _names(config)
    model = ServedModel(names, ready.max_model_len, ready.vocab_size, int(time.time()), tokenizer)
    example = curl(base_url(listening), names[0], "What does" if tokenizer else [1, 2, 3])
    greeting = (
        f"ready in {time.monotonic() - began:.1f} s: {ready.summary}\n"
        f"listening on {base_url(listening)}/v1 as {names[0]!r}. Try:\n  {example}"
    )
    serve(create_app(model, bridge), listening, greeting)


def _names(config: EngineConfig) -> tuple[str, ...]:
    """What the model is called: as it was given, and the last part of a path."""
    if config.model is None:
        return ("help-small",)
    folder = Path(config.model)
    return tuple(dict.fromkeys((config.model, folder.resolve().name))) if folder.exists() else (config.model,)
