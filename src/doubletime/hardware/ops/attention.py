"""Attention of any batch on one machine: chooses the fit that answers, and combines the two kinds of work.

- Only chunks, or only decodes: their own fits, by KV format.
- Both, with an unsplit kernel: the fit of mixed calls (attention_mixed).
- Both, with FlashAttention 3: one launch with the blocks of the two calls: their sum less one launch.
- Both, with paired kernels or latent attention: two launches: the sum.

Mixed calls were measured with unsplit kernels on two cards; elsewhere they are reported as transferred.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from doubletime.hardware.estimate import Basis, Estimate, total
from doubletime.hardware.machine import AttentionBatch, AttentionShape, Spec
from doubletime.hardware.ops import attention_latent as latent
from doubletime.hardware.ops.attention_decode import Decode
from doubletime.hardware.ops.attention_mixed import Decodes, Mixed
from doubletime.hardware.ops.attention_prefill import Prefill, Uniform, uniform
from doubletime.hardware.store import Found, Loaded, Store

SHARED_ERROR = 0.25  # of a mixed call with a kernel whose mixed calls nobody measured: assumed
PAIRED_ERROR = 0.15
STAND_IN = {"float16": "bfloat16", "float32": "bfloat16", "int8": "fp8"}  # KV formats read by the same kernels
BUILD: dict[str, Callable[[dict[str, Any], Spec], Any]] = {
    "prefill": Prefill.from_json,
    "decode": Decode.from_json,
    "mixed": Mixed.from_json,
    "latent_prefill": Prefill.from_json,
    "latent_decode": Decode.from_json,
}
NOTHING = Estimate(0.0, 0.0, Basis.TABLE)


class Attention:
    """All kinds of calls on one machine; fits are loaded when they are first asked for."""

    def __init__(self, find: Callable[[str], Found | None], spec: Spec) -> None:
        self._find = find
        self._spec = spec
        self._loaded: dict[tuple[str, str], Loaded[Any]] = {}

    @classmethod
    def load(cls, store: Store, spec: Spec) -> Attention:
        """The machine's own fits, or those of the nearest one that has any."""
        return cls(store.find, spec)

    @classmethod
    def from_json(cls, data: dict[str, dict[str, Any]], spec: Spec) -> Attention:
        """`data`: this machine's fits by file stem."""
        return cls(lambda stem: Found(data[stem], spec.name) if stem in data else None, spec)

    def estimate(self, shape: AttentionShape, batch: AttentionBatch) -> Estimate:
        """Seconds of one call; nothing for an empty batch. Raises ValueError where nobody measured such attention."""
        chunks = uniform(batch.prefills) if batch.prefills else None
        decodes = _decodes(batch) if batch.decodes else None
        if chunks is None:
            return NOTHING if decodes is None else self._decode(shape, decodes)
        if decodes is None:
            return self._prefill(shape, chunks)
        return self._both(shape, chunks, decodes)

    def _prefill(self, shape: AttentionShape, chunks: Uniform) -> Estimate:
        loaded = self._prefill_fit(shape)
        if shape.latent:
            return loaded.judge(latent.prefill(loaded.model, shape, chunks, self._spec))
        return loaded.judge(loaded.model.estimate(shape, chunks))

    def _decode(self, shape: AttentionShape, decodes: Decodes) -> Estimate:
        loaded = self._fit("latent_decode" if shape.latent else "decode", shape.kv)
        if shape.latent:
            shape = latent.decode_shape(shape)
        return loaded.judge(loaded.model.skewed(shape, *decodes))

    def _both(self, shape: AttentionShape, chunks: Uniform, decodes: Decodes) -> Estimate:
        """At least as long as either kind alone."""
        prefill, decode = self._prefill(shape, chunks), self._decode(shape, decodes)
        model: Prefill = self._prefill_fit(shape).model
        if not model.kernel.one_call:
            return _transferred(total([prefill, decode]), PAIRED_ERROR)
        if model.kernel.always_packs:
            both = _transferred(total([prefill, decode]), SHARED_ERROR)
            both = both._replace(seconds=both.seconds - model.launch)
        else:
            loaded = self._fit("mixed")
            both = loaded.judge(loaded.model.estimate(shape, chunks, decodes))
        return both._replace(seconds=max(both.seconds, prefill.seconds, decode.seconds))

    def _prefill_fit(self, shape: AttentionShape) -> Loaded[Any]:
        return self._fit("latent_prefill" if shape.latent else "prefill", shape.kv)

    def _fit(self, kind: str, kv: str = "") -> Loaded[Any]:
        if (kind, kv) not in self._loaded:
            self._loaded[kind, kv] = self._load(kind, kv)
        return self._loaded[kind, kv]

    def _load(self, kind: str, kv: str) -> Loaded[Any]:
        """Own measurements of this format, then own ones of two bytes, then those of the nearest machine."""
        found = [(stem, self._find(stem)) for stem in _stems(kind, kv)]
        for own in (True, False):
            for at, (_, fit) in enumerate(found):
                if fit is not None and (fit.machine == self._spec.name or not own):
                    return Loaded(BUILD[kind](fit.data, self._spec), own and at == 0)
        known = " or ".join(f"{stem}.json" for stem, _ in found)
        raise ValueError(
            f"{self._spec.name}: no machine has {known} among its fits, so this attention cannot be priced"
        )


def _stems(kind: str, kv: str) -> list[str]:
    if not kv:
        return [f"attention_{kind}"]
    return list(dict.fromkeys([f"attention_{kind}_{STAND_IN.get(kv, kv)}", f"attention_{kind}_bfloat16"]))


def _decodes(batch: AttentionBatch) -> Decodes:
    mean = batch.context / batch.decodes
    return Decodes(batch.decodes, mean, max(mean, batch.longest))


def _transferred(found: Estimate, error: float) -> Estimate:
    return found._replace(error=max(found.error, error), basis=Basis.TRANSFERRED)
