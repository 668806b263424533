"""`doubletime serve`, start to end: port, engine process, web stack, ready."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from doubletime.engine.config import EngineConfig
from doubletime.engine.sources import tokenizer_of
from doubletime.server.bridge import EngineBridge
from doubletime.server.settings import ServerSettings


def launch(config: EngineConfig, settings: ServerSettings) -> None:
    """Serves until told to stop. Raises OSError for a taken port or an engine that died for good, ValueError for one
    that cannot start."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until it serves: the engine is ended on the way out
    bridge = EngineBridge(config)  # it loads while this process imports the rest
    try:
        _serve(bridge, config, settings)
    finally:
        bridge.shut_down()
    if bridge.fatal:
        raise OSError(bridge.fatal)


def _serve(bridge: EngineBridge, config: EngineConfig, settings: ServerSettings) -> None:
    from doubletime.server.app import create_app
    from doubletime.server.guard import guarded
    from doubletime.server.prompts import ServedModel
    from doubletime.server.run import base_url, curl, listen, serve

    began = time.monotonic()
    listening = listen(settings.host, settings.port)
    tokenizer = tokenizer_of(config)
    ready = bridge.wait_ready()
    names = (settings.served_model_name,) if settings.served_model_name else _names(config)
    model = ServedModel(
        names, ready.max_model_len, ready.vocab_size, int(time.time()), tokenizer,
        priorities=_heeds_priorities(config.policy),
        tool_parser=settings.tool_parser, reasoning_parser=settings.reasoning_parser,
    )  # fmt: skip
    example = curl(base_url(listening), names[0], "What does" if tokenizer else [1, 2, 3], bool(settings.api_keys))
    greeting = (
        f"ready in {time.monotonic() - began:.1f} s: {ready.summary}\n"
        f"listening on {base_url(listening)}/v1 as {names[0]!r}. Try:\n  {example}"
    )
    if not (settings.api_keys or _is_local(settings.host)):
        greeting += f"\nanybody who reaches {settings.host} may use this server: --api-key-file keeps others out"
    app = guarded(create_app(model, bridge, settings.monitor), settings, bridge)
    serve(app, listening, greeting, bridge, settings.grace)


def _is_local(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _heeds_priorities(policy: str) -> bool:
    """Whether a policy may order by priority: the one that does, and any of the user's own."""
    names = [part.strip().partition(":")[0] for part in policy.split("+")]
    return any(name == "priority" or name.endswith(".py") for name in names)


def _names(config: EngineConfig) -> tuple[str, ...]:
    """What the model is called: as it was given, and the last part of a path."""
    if config.model is None:
        return ("help-small",)
    folder = Path(config.model)
    return tuple(dict.fromkeys((config.model, folder.resolve().name))) if folder.exists() else (config.model,)
