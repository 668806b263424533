"""The header of a GGUF file, as the gguf package writes it, and what is refused."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("gguf")

import gguf
import numpy as np

from doubletime.shapes.gguf import BadGGUF, TensorType, read_gguf, shape_from_gguf

ROW = np.arange(64, dtype=np.float32)


def writer(path: Path, **options: int) -> gguf.GGUFWriter:
    made = gguf.GGUFWriter(path, "llama", **options)
    made.add_uint32("llama.block_count", 1)
    return made


def finish(made: gguf.GGUFWriter) -> None:
    made.write_header_to_file()
    made.write_kv_data_to_file()
    made.write_tensors_to_file()
    made.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with two tensors, to read or to spoil."""
    made = writer(tmp_path / "model.gguf")
    made.add_tensor("one", ROW.reshape(2, 32))
    made.add_tensor("two", ROW.astype(np.float16).reshape(4, 2, 8))
    finish(made)
    return tmp_path / "model.gguf"


def test_metadata_of_every_type(tmp_path: Path) -> None:
    made = writer(tmp_path / "model.gguf")
    values = {
        "u8": (1, made.add_uint8), "i8": (-1, made.add_int8), "u16": (2, made.add_uint16), "i16": (-2, made.add_int16),
        "i32": (-3, made.add_int32), "u64": (2**63, made.add_uint64), "i64": (-(2**62), made.add_int64),
        "f32": (0.5, made.add_float32), "f64": (0.1, made.add_float64), "yes": (True, made.add_bool),
        "text": ("zwölf 😀", made.add_string),
        "ints": ([1, -2, 3], made.add_array), "texts": (["a", "", "ß"], made.add_array),
        "flags": ([True, False], made.add_array), "nested": ([[1, 2], [3]], made.add_array),
    }  # fmt: skip
    for key, (value, add) in values.items():
        add(f"some.{key}", value)
    finish(made)
    metadata = read_gguf(tmp_path / "model.gguf").metadata
    assert {key: metadata[f"some.{key}"] for key in values} == {key: value for key, (value, _) in values.items()}


def test_tensors_have_their_shape_type_and_place(path: Path) -> None:
    tensors = read_gguf(path).tensors
    assert {name: (info.kind, info.shape) for name, info in tensors.items()} == {
        "one": (TensorType.F32, (2, 32)),
        "two": (TensorType.F16, (4, 2, 8)),
    }
    data = path.read_bytes()
    for name, dtype in (("one", np.float32), ("two", np.float16)):
        info = tensors[name]
        assert np.array_equal(np.frombuffer(data[info.offset : info.offset + info.size], dtype), ROW.astype(dtype))


def test_a_file_may_have_another_alignment(tmp_path: Path) -> None:
    made = writer(tmp_path / "model.gguf")
    made.add_custom_alignment(256)
    made.add_tensor("one", ROW)
    finish(made)
    assert read_gguf(tmp_path / "model.gguf").tensors["one"].offset % 256 == 0


def test_parts_are_read_together_whichever_is_named(tmp_path: Path) -> None:
    made = writer(tmp_path / "model.gguf", split_max_tensors=2)
    for number in range(5):
        made.add_tensor(f"t{number}", ROW + number)
    finish(made)
    for number in (1, 3):
        file = read_gguf(tmp_path / f"model-0000{number}-of-00003.gguf")
        assert sorted(file.tensors) == ["t0", "t1", "t2", "t3", "t4"]
        assert file.metadata["llama.block_count"] == 1
    (tmp_path / "model-00002-of-00003.gguf").unlink()
    with pytest.raises(BadGGUF, match="one of 3 parts, and model-00002-of-00003"):
        read_gguf(tmp_path / "model-00001-of-00003.gguf")


def test_a_file_cut_anywhere_is_refused(path: Path) -> None:
    data = path.read_bytes()
    for length in range(len(data) - 96):  # the last tensor may be padded
        path.write_bytes(data[:length])
        with pytest.raises(BadGGUF, match=r"truncated or damaged"):
            read_gguf(path)


def edit(path: Path, at: int, new: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[at : at + len(new)] = new
    path.write_bytes(data)


def place_of(path: Path, text: bytes) -> int:
    """Where what follows `text` begins."""
    return path.read_bytes().index(text) + len(text)


def test_another_format_is_refused(path: Path) -> None:
    edit(path, 0, b"GGML")
    with pytest.raises(BadGGUF, match="it is no GGUF file"):
        read_gguf(path)


@pytest.mark.parametrize(
    ("version", "why"), [(b"\x01\0\0\0", r"version 1 is not supported"), (b"\0\0\0\x03", "big-endian")]
)
def test_other_versions_and_big_endian_files_are_refused(path: Path, version: bytes, why: str) -> None:
    edit(path, 4, version)
    with pytest.raises(BadGGUF, match=why):
        read_gguf(path)


@pytest.mark.parametrize(("number", "name"), [(16, "IQ2_XXS"), (34, "TQ1_0"), (99, "number 99, unknown here")])
def test_other_tensor_types_are_refused_by_name(path: Path, number: int, name: str) -> None:
    edit(path, place_of(path, b"one") + 4 + 16, struct.pack("<I", number))
    with pytest.raises(BadGGUF, match=rf"one: tensor type {name} is not supported \(supported: F32, F16"):
        read_gguf(path)


def test_a_tensor_twice_is_refused(path: Path) -> None:
    edit(path, place_of(path, b"two") - 3, b"one")
    with pytest.raises(BadGGUF, match="the tensor one twice"):
        read_gguf(path)


def test_a_metadata_key_twice_is_refused(tmp_path: Path) -> None:
    made = writer(tmp_path / "model.gguf")
    made.add_uint32("llama.block_couns", 1)
    finish(made)
    edit(tmp_path / "model.gguf", place_of(tmp_path / "model.gguf", b"block_couns") - 1, b"t")
    with pytest.raises(BadGGUF, match=r"'llama\.block_count' twice"):
        read_gguf(tmp_path / "model.gguf")


def test_rows_that_are_no_whole_blocks_are_refused(path: Path) -> None:
    at = place_of(path, b"one") + 4
    edit(path, at, struct.pack("<QQI", 16, 4, 8))
    with pytest.raises(BadGGUF, match=r"one is \[4, 16\]: rows of Q8_0 are blocks of 32"):
        read_gguf(path)


def test_too_many_dimensions_are_refused(path: Path) -> None:
    edit(path, place_of(path, b"one"), struct.pack("<I", 5))
    with pytest.raises(BadGGUF, match="one has 5 dimensions"):
        read_gguf(path)


def test_a_tensor_beyond_the_end_is_refused(path: Path) -> None:
    edit(path, place_of(path, b"one") + 4 + 16 + 4, struct.pack("<Q", 1 << 40))
    with pytest.raises(BadGGUF, match="one runs past the end"):
        read_gguf(path)


def test_names_that_are_no_text_are_refused(path: Path) -> None:
    edit(path, place_of(path, b"one") - 3, b"\xff\xff\xff")
    with pytest.raises(BadGGUF, match="a tensor's name is not UTF-8"):
        read_gguf(path)


def test_a_wild_alignment_is_refused(tmp_path: Path) -> None:
    made = writer(tmp_path / "model.gguf")
    made.add_uint32("general.alignment", 24)
    finish(made)
    with pytest.raises(BadGGUF, match=r"general\.alignment is 24"):
        read_gguf(tmp_path / "model.gguf")


Edit = tuple[float, int]
EDITS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4)
WHOLE = Path(__file__).parents[2] / "models/gguf/fixtures/llama.gguf"


@given(edits=EDITS, keep=st.one_of(st.just(1.0), st.floats(0, 1)))
def test_a_damaged_file_never_gives_anything_but_a_value_error(
    tmp_path_factory: pytest.TempPathFactory, edits: list[Edit], keep: float
) -> None:
    data = bytearray(WHOLE.read_bytes())
    header = 2080  # bytes; what follows are the tensors
    for where, value in edits:
        data[int(where * header)] = value
    path = tmp_path_factory.mktemp("damaged") / "model.gguf"
    path.write_bytes(data[: int(keep * len(data))])
    with contextlib.suppress(ValueError):
        shape_from_gguf(read_gguf(path))
