"""Every block format against the gguf package, over random bytes: all scales, minima and codes that a file can hold."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("gguf")

import gguf
import numpy as np
import torch

from doubletime.models.gguf.formats import FORMATS
from doubletime.models.gguf.read import read_dense, read_quantized
from doubletime.shapes.gguf import BadGGUF, TensorInfo, TensorType

ROWS = 6


def stored(path: Path, kind: TensorType, shape: tuple[int, ...], raw: np.ndarray) -> TensorInfo:
    """A tensor at byte 8 of a file."""
    path.write_bytes(bytes(8) + raw.tobytes() + b"more")
    return TensorInfo("w", kind, shape, path, 8, raw.nbytes)


def finite(kind: TensorType, count: int) -> np.ndarray:
    """Random blocks whose float16 numbers are neither infinite nor NaN, [count, bytes of a block]."""
    raw = np.random.RandomState(kind.number).randint(0, 256, (count, kind.block_bytes)).astype(np.uint8)
    at = {TensorType.Q2_K: (80, 82), TensorType.Q3_K: (108,), TensorType.Q6_K: (208,)}
    for first in at.get(kind, (0, 2) if FORMATS[kind].mins else (0,)):
        raw[:, first + 1] &= 0xBB  # the top bits of the exponent
    return raw


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_values_are_bit_for_bit_those_of_the_gguf_package(kind: TensorType, tmp_path: Path) -> None:
    raw = finite(kind, ROWS * 2)
    expected = gguf.quants.dequantize(raw, gguf.GGMLQuantizationType[kind.name]).reshape(ROWS, 2 * kind.block)
    matrix = read_quantized(stored(tmp_path / "w", kind, expected.shape, raw))
    assert (matrix.bits, matrix.group, matrix.shape) == (FORMATS[kind].bits, FORMATS[kind].group, expected.shape)
    assert np.isfinite(expected).all()
    assert np.array_equal(matrix.dequantize().numpy(), expected)


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_one_expert_of_a_stack_is_read_alone(kind: TensorType, tmp_path: Path) -> None:
    raw = finite(kind, 3 * ROWS)
    info = stored(tmp_path / "w", kind, (3, ROWS, kind.block), raw)
    every = gguf.quants.dequantize(raw, gguf.GGMLQuantizationType[kind.name]).reshape(info.shape)
    for expert in range(3):
        assert np.array_equal(read_quantized(info, expert).dequantize().numpy(), every[expert])


@pytest.mark.parametrize("kind", [TensorType.F32, TensorType.F16, TensorType.BF16], ids=lambda kind: kind.name)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dense_tensors_come_in_the_dtype_that_was_asked_for(
    kind: TensorType, dtype: torch.dtype, tmp_path: Path
) -> None:
    values = np.random.RandomState(0).standard_normal((2, 3, 5)).astype(np.float32)
    raw = gguf.quants.quantize(values, gguf.GGMLQuantizationType[kind.name])
    info = stored(tmp_path / "w", kind, values.shape, raw)
    expected = torch.from_numpy(gguf.quants.dequantize(raw, gguf.GGMLQuantizationType[kind.name]).copy()).to(dtype)
    assert torch.equal(read_dense(info, dtype), expected.view(values.shape))
    assert torch.equal(read_dense(info, dtype, 1), expected.view(values.shape)[1])


def test_large_tensors_are_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = finite(TensorType.Q6_K, 40)
    info = stored(tmp_path / "w", TensorType.Q6_K, (10, 1024), raw)
    whole = read_quantized(info).dequantize()
    monkeypatch.setattr("doubletime.models.gguf.read._AT_ONCE", 1000)  # not a multiple of a block
    assert torch.equal(read_quantized(info).dequantize(), whole)


def test_a_file_that_shrank_is_an_error(tmp_path: Path) -> None:
    info = stored(tmp_path / "w", TensorType.F32, (64,), np.zeros(64, np.float32))
    info.path.write_bytes(bytes(100))
    with pytest.raises(BadGGUF, match="ends inside w: it has changed"):
        read_dense(info, torch.float32)
