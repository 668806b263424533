"""What a machine is to the cost model: its data sheet, and the time of each operator on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from doubletime.hardware.estimate import Estimate
from doubletime.shapes.formats import ELEMENT_BYTES as ELEMENT_BYTES

GRAPH_SIZES = (1, 2, 4, *range(8, 256, 8), *range(256, 513, 16))  # batch sizes that vLLM captures (V1, 0.19)


@dataclass(frozen=True, slots=True)
class Spec:
    """One device by its data sheet. `flops` by number format (dense), bytes, bytes/s one way, seconds, watts."""

    name: str
    flops: dict[str, float]
    bandwidth: float
    capacity: int
    units: int  # streaming multiprocessors, or cores
    link: float  # to a peer in the node
    pcie: float
    network: float  # to another node
    node: int  # devices in one node
    reserved: int  # bytes that are not the model's: context, collectives
    watts: float = 0.0
    dollars_per_hour: float = 0.0


class AttentionShape(NamedTuple):
    """What one rank computes. `latent`: width of the latent KV (MLA: rank + rope), 0 for ordinary heads."""

    heads: int
    kv_heads: int
    head_dim: int
    window: int = 0  # tokens; 0: all
    kv: str = "bfloat16"  # number format of K and V
    latent: int = 0


class AttentionBatch(NamedTuple):
    """One call: prefill chunks of `tokens` after `start` cached ones, and decodes that read `context` tokens in sum."""

    prefills: tuple[tuple[int, int], ...] = ()  # (tokens, start)
    decodes: int = 0
    context: int = 0
    longest: int = 0  # of the decodes; 0: all are equal


class ExpertShape(NamedTuple):
    """One rank's share of a mixture of experts: `experts` live here, of `total`; `inner` is already divided by tp."""

    hidden: int
    inner: int
    experts: int
    total: int
    top_k: int
    weights: str = "bfloat16"


@dataclass(frozen=True, slots=True)
class Overheads:
    """Seconds that no kernel accounts for. `calibrate` fits them; the defaults are the machine's.

    `step`: between two steps on the device; `host`: planning, sampling and output of a step on the CPU, hidden behind
    the device where steps overlap; `sequence`: per sequence that samples; `layer`: per layer where nothing captures
    launches (eager); `api`: per request, before it arrives and after its first token together.
    """

    step: float
    host: float
    sequence: float
    layer: float
    api: float


class Machine(Protocol):
    """Times of operators as one device runs them."""

    @property
    def spec(self) -> Spec: ...
    @property
    def overheads(self) -> Overheads: ...
    @property
    def jitter(self) -> float: ...  # relative standard deviation of equal steps' times
    @property
    def graph_sizes(self) -> tuple[int, ...]: ...  # numbers of decodes whose launches are captured; () where none are

    def linear(self, m: int, n: int, k: int, weights: str) -> Estimate:
        """C[m, n] = A[m, k] · B[k, n]; m is tokens; `weights` is the number format."""
        ...

    def attention(self, shape: AttentionShape, batch: AttentionBatch) -> Estimate:
        """Prefill chunks and decodes in one call, over paged KV."""
        ...

    def experts(self, tokens: int, shape: ExpertShape) -> Estimate:
        """A fused mixture-of-experts layer without its router; `tokens` are those of all ranks that send here."""
        ...

    def collective(self, kind: str, size: int, ranks: int) -> Estimate:
        """`kind`: all_reduce, all_gather, reduce_scatter, alltoall or send; `size` in bytes of one rank's buffer."""
        ...

    def elementwise(self, size: float, launches: int = 1) -> Estimate:
        """Norms, rope, activations, copies: `size` bytes moved by `launches` kernels."""
        ...
