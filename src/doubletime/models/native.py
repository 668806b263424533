"""A model for the native kernels: its weights packed, its layers as the structs that they read."""

from __future__ import annotations

from array import array
from ctypes import byref, c_int32, c_void_p, pointer

import torch
from torch import Tensor

from doubletime.kernels.cpu import abi
from doubletime.kernels.cpu.binding import library, locked_library
from doubletime.kernels.cpu.pack import Packed, pack
from doubletime.kernels.reference import frequencies
from doubletime.models.layer import Layer
from doubletime.models.merge import interleave, stack
from doubletime.models.mlp import ExpertMLP, GatedMLP
from doubletime.models.model import layers
from doubletime.models.norm import Norm, norm
from doubletime.models.source import Source
from doubletime.models.state import State
from doubletime.models.weights import Linear, Weights
from doubletime.shapes import POINTS_PER_LAYER, Activation

KV_KINDS = {
    torch.float32: abi.Kind.F32,
    torch.float16: abi.Kind.F16,
    torch.bfloat16: abi.Kind.BF16,
    torch.int8: abi.Kind.Q8,
}
_SHORT = 64  # rows that are embedded in microseconds
_SCALE_BYTES = 4  # beside each int8 key and value
_ACTIVATIONS = {Activation.SILU: 0, Activation.GELU_TANH: 1}


class NativeModel:
    """What executors need of a model, on a CPU. Activations are float32 between operators, whatever the weights are.

    `kv_dtype` None: that of the weights, float16 where these are quantized. Each layer's weights are freed when they
    are packed.
    """

    device = torch.device("cpu")

    def __init__(self, source: Source, kv_dtype: torch.dtype | None = None) -> None:
        self.shape = source.shape
        self.dtype = source.dtype
        self.quantized = False
        self._keep: list[object] = []  # what the structs point to
        weights = Weights(source)
        self._ropes = sorted({self.shape.rope_of(layer) for layer in range(self.shape.layers)}, key=repr)
        ends = self._ends(weights)  # first: the largest matrices, while the memory to make them in is still free
        self.native = self._model(weights, ends, [self._layer(layer) for layer in layers(self.shape, weights)])
        self.kv_dtype = kv_dtype or (torch.float16 if self.quantized else source.dtype)

    @property
    def depth(self) -> int:
        """Operators from the embedding to the head."""
        return self.shape.layers * POINTS_PER_LAYER

    @property
    def slot_bytes(self) -> int:
        """What one key, or one value, of one head takes in the cache."""
        extra = _SCALE_BYTES if self.kv_dtype is torch.int8 else 0
        return self.shape.head_dim * self.kv_dtype.itemsize + extra

    @property
    def kv_bytes(self) -> float:
        """Bytes of KV for each number in it."""
        return self.slot_bytes / self.shape.head_dim

    @property
    def work_width(self) -> int:
        """Numbers that a row carries between two operators, at most."""
        shape = self.shape
        wide = shape.heads * shape.head_dim, shape.intermediate
        sparse = shape.hidden + 2 * shape.moe.top_k if shape.moe else 0
        return -(-max(*wide, sparse) // abi.TILE) * abi.TILE

    def width_at(self, depth: int) -> int:
        """Numbers that a row carries beside its hidden state, `depth` operators down."""
        shape, (layer, point) = self.shape, divmod(depth, POINTS_PER_LAYER)
        if point in (1, 2):
            return shape.heads * shape.head_dim
        if point == 4:
            sparse = shape.moe is not None and shape.is_sparse(layer)
            return shape.hidden + 2 * shape.moe.top_k if shape.moe and sparse else shape.intermediate
        return 0

    def embed(self, tokens: array[int], hidden: Tensor) -> State:
        """Token ids [T] (int64) → the state at depth 0, in `hidden` [T, hidden]."""
        native = library() if len(tokens) > _SHORT else locked_library()
        native.dt_embed(byref(self.native), tokens.buffer_info()[0], len(tokens), hidden.data_ptr())
        return State(hidden)

    def run(
        self, state: State, work: Tensor, batch: abi.Batch, span: tuple[int, int], stop: c_int32
    ) -> tuple[State, int]:
        """Operators [first, last) over the rows of `state`, until `stop` is set. Returns the depth reached too.

        `work` [T, work_width]: memory for what rows carry beside their hidden state; the new state may lie in it.
        """
        first, last = span
        hidden = state.hidden.clone() if first else state.hidden  # what is kept of an open slab may share its rows
        if state.extra:
            work[:, : state.extra[0].shape[1]] = state.extra[0]
        depth: int = library().dt_run(
            byref(self.native),
            byref(batch),
            hidden.data_ptr(),
            work.data_ptr(),
            self.work_width,
            first,
            last,
            byref(stop),
        )
        if depth < 0:
            raise LookupError(f"slab {-1 - depth} of the step has no KV block to write to")
        width = self.width_at(depth)
        return State(hidden, (work[:, :width],) if width else ()), depth

    def final(self, hidden: Tensor) -> Tensor:
        """Hidden rows [N, hidden] at full depth → what the head sees of them, [N, hidden] in float32."""
        return self._final_norm(hidden)

    def logits(self, hidden: Tensor) -> Tensor:
        """Hidden rows [N, hidden] at full depth → logits [N, vocab] in float32."""
        hidden = hidden.contiguous()
        out = torch.empty(hidden.shape[0], self.shape.vocab)
        library().dt_logits(byref(self.native), hidden.data_ptr(), hidden.shape[0], out.data_ptr())
        return out

    def _layer(self, layer: Layer) -> abi.Layer:
        attention, mlp = layer.attention, layer.mlp
        own = abi.Layer(
            before=self._norm(attention.before),
            query_norm=self._norm(attention.query_norm),
            key_norm=self._norm(attention.key_norm),
            after=self._norm(attention.after),
            qkv=self._matrix(stack([attention.query, attention.key, attention.value])),
            out=self._matrix(attention.out),
            group=attention.place.group,
            index=attention.place.index,
            rope=self._ropes.index(attention.rope),
            scale=attention.scale,
            activation=_ACTIVATIONS[mlp.activation],
            mlp_before=self._norm(mlp.before),
        )
        if isinstance(mlp, ExpertMLP):
            self._sparse(own, mlp)
        else:
            self._dense(own, mlp)
        return own

    def _dense(self, own: abi.Layer, mlp: GatedMLP) -> None:
        own.mlp_after = self._norm(mlp.after)
        own.gate_up = self._matrix(interleave(mlp.gate_proj, mlp.up_proj))
        own.down = self._matrix(mlp.down_proj)

    def _sparse(self, own: abi.Layer, mlp: ExpertMLP) -> None:
        own.experts, own.top_k, own.normalize = mlp.moe.experts, mlp.moe.top_k, mlp.moe.normalize
        own.router = self._matrix(mlp.router)
        gate_ups, downs = (abi.Matrix * own.experts)(), (abi.Matrix * own.experts)()
        for expert, (gate, up, down) in enumerate(mlp.experts.projections):
            gate_ups[expert] = self._matrix(interleave(gate, up))
            downs[expert] = self._matrix(down)
        own.gate_ups, own.downs = gate_ups, downs
        self._keep += (gate_ups, downs)

    def _ends(self, weights: Weights) -> tuple[abi.Matrix, abi.Matrix]:
        """The embedding and the head."""
        embedding = self._matrix(Linear(weights.matrix("model.embed_tokens.weight"), None, self.dtype))
        if self.shape.tied:
            return embedding, embedding
        return embedding, self._matrix(Linear(weights.matrix("lm_head.weight"), None, self.dtype))

    def _model(self, weights: Weights, ends: tuple[abi.Matrix, abi.Matrix], packed: list[abi.Layer]) -> abi.Model:
        shape = self.shape
        rotations = [frequencies(rope, shape.head_dim).contiguous() for rope in self._ropes]
        pointers = (c_void_p * len(rotations))(*(each.data_ptr() for each in rotations))
        own_layers = (abi.Layer * len(packed))(*packed)
        self._keep += (rotations, pointers, own_layers)
        self._final_norm = norm(weights, "model.norm", shape)
        self._final_norm.weight = self._final_norm.weight.float()
        return abi.Model(
            layers=shape.layers,
            hidden=shape.hidden,
            heads=shape.heads,
            kv_heads=shape.kv_heads,
            head_dim=shape.head_dim,
            vocab=shape.vocab,
            ropes=len(rotations),
            layer=own_layers,
            frequencies=pointers,
            embedding=pointer(ends[0]),
            head=pointer(ends[1]),
            final_norm=self._norm(self._final_norm),
            embedding_scale=float(torch.tensor(shape.embedding_scale, dtype=self.dtype)),
        )

    def _matrix(self, linear: Linear) -> abi.Matrix:
        packed: Packed = pack(linear.weight, linear.bias)
        self._keep.append(packed)
        self.quantized |= packed.matrix.kind in (abi.Kind.Q8, abi.Kind.Q4)
        return packed.matrix

    def _norm(self, own: Norm | None) -> abi.Norm:
        if own is None:
            return abi.Norm()
        weight = own.weight.float().contiguous()
        self._keep.append(weight)
        return abi.Norm(weight=weight.data_ptr(), eps=own.eps)
