"""What is rehearsed: a model on hardware, cut into engines, under a policy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from doubletime.hardware.memory import DoesNotFit

__all__ = ["Design", "DoesNotFit"]


@dataclass(frozen=True, slots=True)
class Design:
    """`model`: a folder, a config.json or a published name; `hardware`: a known machine, or a file of `profile`.

    One engine spans tp x pp devices, or ep x pp where its experts are spread wider; `replicas` of them stand behind the
    `router`. `dtype` is the weights' number format (None: as published), `kv_dtype` that of the cache (None: as the
    weights, at least 16 bit). `kv_memory`: bytes of KV an engine (None: what the devices have left over).
    `calibration`: a file of `calibrate`.
    `jitter`: relative spread of step times (None: as measured on the hardware; 0: policies predict as an oracle does).

    `prefill_replicas` of the replicas only prefill, the others only decode, if wanted on other hardware or with another
    tp; `handoff`: bytes of KV that may wait in a prefill engine to be taken over (None: a tenth of its KV memory).
    `scaler` changes the number of replicas as the load does. `failures`: (replica, second at which it dies, seconds
    until another takes its place; None: never).
    """

    model: str
    hardware: str
    policy: str = "fcfs"
    tp: int = 1
    pp: int = 1
    ep: int = 1
    replicas: int = 1
    router: str = "round-robin"
    dtype: str | None = None
    kv_dtype: str | None = None
    max_seats: int = 256
    max_rows: int = 2048
    max_model_len: int | None = None
    block_tokens: int = 16
    kv_memory: int | None = None
    memory_share: float = 0.9
    in_flight: int = 2
    prefix_cache: bool = True
    calibration: str | None = None
    jitter: float | None = None
    prefill_replicas: int = 0
    decode_hardware: str | None = None
    decode_tp: int | None = None
    handoff: int | None = None
    scaler: str | None = None
    failures: tuple[tuple[int, float, float | None], ...] = ()

    @property
    def devices(self) -> int:
        """Of all replicas that there are at first."""
        decoding = self.replicas - self.prefill_replicas if self.prefill_replicas else 0
        decode_tp = self.tp if self.decode_tp is None else self.decode_tp
        tp, decode_tp = max(self.tp, self.ep), max(decode_tp, self.ep)
        return self.pp * (tp * (self.replicas - decoding) + decode_tp * decoding)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
