"""The settings of one engine: resolved once, printed once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What a user may choose. None means: the engine decides, and says what it chose.

    `model`: a folder, a hub name in the local cache, or random:NAME; None is the model that ships with the package.
    `tokenizer`: a folder with a tokenizer.json, None for the model's own. `quantize`: None, int8 or int4.
    `kv_dtype`: auto, float32, bfloat16, float16 or int8. `kernels`: auto, native or torch. `kv_memory`: bytes.
    """

    model: str | None = None
    tokenizer: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    quantize: str | None = None
    kv_dtype: str = "auto"
    kernels: str = "auto"
    threads: int | None = None
    policy: str = "fcfs"
    kv_memory: int | None = None
    max_model_len: int | None = None
    max_seats: int | None = None
    max_rows: int | None = None
    in_flight: int | None = None
    seed: int = 0
    record: str | None = None


DEFAULT_SEATS = 256
DEFAULT_ROWS = 2048
DEFAULT_IN_FLIGHT = 2
