"""Checkpoints of other quantizers: what their own code dequantizes to is what is read; what is not read is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from safetensors.torch import load_file, save_file

from doubletime.models import BadCheckpoint, load_model
from doubletime.models.checkpoint import SafetensorsSource
from doubletime.models.quantized import Quantized
from doubletime.models.words import assemble, fitting_group

FIXTURES = Path(__file__).parent / "fixtures"
FORMATS = sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())
FILE = "model.safetensors"
QUERY = "model.layers.0.self_attn.q_proj"


def copy(name: str, folder: Path, **settings: object) -> Path:
    """A fixture to spoil, its quantization_config changed."""
    shutil.copytree(FIXTURES / name, folder)
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] |= settings
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def change(folder: Path, **tensors: Any) -> None:
    """Replaces parts of the query matrix."""
    found = load_file(folder / FILE)
    save_file(found | {f"{QUERY}.{name}": tensor for name, tensor in tensors.items()}, folder / FILE)


DENSE = pytest.mark.filterwarnings("ignore:.*held dense")


@DENSE
@pytest.mark.parametrize("name", FORMATS)
def test_values_are_those_of_the_packer(name: str) -> None:
    source = SafetensorsSource(FIXTURES / name, torch.float32)
    expected = load_file(FIXTURES / name / "values.safetensors")
    assert len(expected) == 2
    for matrix, values in expected.items():
        found = source.read(matrix)
        dense = found.dequantize() if isinstance(found, Quantized) else found
        if values.dtype == torch.float16 or name == "gptq_v2_8bit":  # that packer computes in float16
            torch.testing.assert_close(dense, values, rtol=2.0**-11, atol=0)
        else:
            assert torch.equal(dense, values)


@DENSE
@pytest.mark.parametrize("name", FORMATS)
def test_codes_are_kept_where_groups_are_neighbours(name: str) -> None:
    source = SafetensorsSource(FIXTURES / name, torch.float32)
    found = source.read(f"{QUERY}.weight")
    if name == "gptq_desc_act":
        assert isinstance(found, torch.Tensor)
        return
    assert isinstance(found, Quantized)
    assert (found.bits, found.group) == (8 if "8bit" in name else 4, 32)
    assert (found.mins is None) == ("8bit" in name)  # the 8 bit ones are symmetric


@DENSE
@pytest.mark.parametrize("name", FORMATS)
def test_they_make_a_model(name: str) -> None:
    assert load_model(str(FIXTURES / name)).dtype == torch.float32


def test_activation_order_costs_memory_and_says_so() -> None:
    source = SafetensorsSource(FIXTURES / "gptq_desc_act", torch.bfloat16)
    with pytest.warns(UserWarning, match="desc_act.*dense"):
        found = source.read(f"{QUERY}.weight")
    assert isinstance(found, torch.Tensor)
    assert found.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("awq", {"quant_method": "bitsandbytes"}, r"'bitsandbytes' are not supported; supported: .*gptq, awq"),
        ("awq", {"version": "gemv"}, "AWQ version 'gemv'"),
        ("awq", {"bits": 8}, "of 8 bits is not supported"),
        ("gptq_v1", {"bits": 3}, "GPTQ of 3 bits"),
        ("gptq_v1", {"checkpoint_format": "marlin"}, "checkpoint_format 'marlin'"),
        ("compressed_4bit", {"format": "float-quantized"}, "format 'float-quantized'"),
        (
            "compressed_4bit",
            {"config_groups": {"group_0": {"input_activations": {"num_bits": 8}}}},
            "'group_0' quantizes activations",
        ),
    ],
)
def test_what_is_not_read_is_named(tmp_path: Path, name: str, settings: dict[str, object], message: str) -> None:
    folder = copy(name, tmp_path / "model", **settings)
    (folder / FILE).unlink()  # said before any weight is looked for
    with pytest.raises(BadCheckpoint, match=message):
        load_model(str(folder))


def test_a_lost_part_is_named(tmp_path: Path) -> None:
    folder = copy("gptq_v1", tmp_path / "model")
    tensors = load_file(folder / FILE)
    del tensors[f"{QUERY}.qzeros"]
    save_file(tensors, folder / FILE)
    with pytest.raises(BadCheckpoint, match=r"lacks 1 tensors: .*q_proj\.qzeros"):
        load_model(str(folder))


@pytest.mark.parametrize(
    ("name", "part", "size"),
    [("gptq_v1", "qweight", (7, 64)), ("awq", "qweight", (64, 7)), ("compressed_4bit", "weight_packed", (64, 7)),
     ("gptq_v1", "scales", (2, 63)), ("awq", "scales", (7, 64)), ("compressed_4bit", "weight_scale", (64, 7))],
)  # fmt: skip
def test_misshaped_parts_are_named(tmp_path: Path, name: str, part: str, size: tuple[int, ...]) -> None:
    folder = copy(name, tmp_path / "model")
    change(folder, **{part: torch.zeros(size, dtype=torch.float16 if "scale" in part else torch.int32)})
    with pytest.raises(BadCheckpoint, match=r"q_proj"):
        load_model(str(folder))


def test_zeros_for_a_bias_that_the_model_lacks_are_let_through(tmp_path: Path) -> None:
    folder = copy("gptq_v1", tmp_path / "model")
    change(folder, bias=torch.zeros(64))
    load_model(str(folder))
    change(folder, bias=torch.ones(64))
    with pytest.raises(BadCheckpoint, match=r"q_proj\.bias"):
        load_model(str(folder))


def test_quantizing_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="quantized already"):
        load_model(str(FIXTURES / "awq"), quantize="int8")


@pytest.mark.parametrize(
    ("bits", "columns", "group", "expected"),
    [(4, 256, 256, 128), (4, 96, 96, 32), (4, 48, 48, None), (8, 48, 48, 48), (8, 96, 48, 16), (8, 256, 128, 128)],
)
def test_groups_of_other_sizes_are_cut(bits: int, columns: int, group: int, expected: int | None) -> None:
    assert fitting_group(bits, columns, group) == expected


def test_groups_that_do_not_fit_come_out_dense() -> None:
    torch.manual_seed(0)
    codes, zeros, scales = torch.randint(0, 16, (3, 48), dtype=torch.uint8), torch.full((3, 2), 5.0), torch.rand(3, 2)
    with pytest.warns(UserWarning, match="4 bit groups of 24 columns"):
        found = assemble(codes, zeros, scales, 4)
    assert isinstance(found, torch.Tensor)
    torch.testing.assert_close(found[:, 24:], (codes[:, 24:].float() - 5) * scales[:, 1:])
    cut = assemble(codes[:, :32].repeat(1, 8), zeros, scales, 4)  # two groups of 128
    assert isinstance(cut, Quantized)
    assert cut.group == 128
    torch.testing.assert_close(
        cut.dequantize(), (codes[:, :32].repeat(1, 8).float() - 5) * scales.repeat_interleave(128, 1)
    )
