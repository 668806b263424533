"""A layer as a list of operators: what ranks compute adds up to the model, however it is split."""

from __future__ import annotations

from typing import TypeVar

import pytest

from doubletime.shapes import PUBLISHED, WHOLE, Parallel, bytes_of_rank, parameters, published_shape
from doubletime.shapes.operators import (
    Attend,
    Collective,
    Elementwise,
    Linear,
    Mixture,
    Operator,
    entry_operators,
    exit_operators,
    layer_kinds,
    layer_operators,
)

Kind = TypeVar("Kind")
SPLITS = [WHOLE, Parallel(2), Parallel(4), Parallel(8)]


def linears(operators: tuple[Operator, ...]) -> dict[str, tuple[int, int]]:
    return {each.name: (each.n, each.k) for each in operators if isinstance(each, Linear)}


def one(kind: type[Kind], operators: tuple[Operator, ...]) -> Kind:
    (found,) = [each for each in operators if isinstance(each, kind)]
    return found


def test_llama_in_order() -> None:
    operators = layer_operators(published_shape("llama-3.1-8b"), 0, Parallel(tp=2))
    named = [getattr(each, "name", type(each).__name__) for each in operators]
    attention = ["attention_norm", "qkv", "rope", "kv_write", "Attend", "output", "reduce_attention"]
    assert named == [*attention, "mlp_norm", "gate_up", "activation", "down", "reduce_mlp"]
    assert linears(operators) == {
        "qkv": (3072, 4096),
        "output": (4096, 2048),
        "gate_up": (14_336, 4096),
        "down": (4096, 7168),
    }
    assert one(Attend, operators) == Attend(16, 4, 128, 0, 0)


def test_projections_one_by_one_are_the_merged_one() -> None:
    shape = published_shape("llama-3.1-8b")
    merged, single = (linears(layer_operators(shape, 0, merged=flag)) for flag in (True, False))
    assert set(single) == {"query", "key", "value", "output", "gate", "up", "down"}
    assert merged["qkv"][0] == sum(single[name][0] for name in ("query", "key", "value"))


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_matrices_of_one_rank_are_the_parameters(name: str) -> None:
    """All but norms and biases, which are less than a thousandth of a model."""
    shape = published_shape(name)
    operators = [each for layer in range(shape.layers) for each in layer_operators(shape, layer)]
    inside = sum(each.n * each.k for each in operators if isinstance(each, Linear))
    matrices = 3 if shape.gated else 2
    inside += sum(matrices * each.experts * each.hidden * each.inner for each in operators if isinstance(each, Mixture))
    tables = (shape.vocab * (1 if shape.tied else 2) + shape.learned_positions) * shape.hidden
    assert inside + tables == pytest.approx(parameters(shape), rel=1e-3)


@pytest.mark.parametrize("name", ["llama-3.1-70b", "mixtral-8x22b", "gpt-oss-120b", "opt-66b"])
@pytest.mark.parametrize("split", SPLITS)
def test_ranks_share_the_weights(name: str, split: Parallel) -> None:
    shape = published_shape(name)
    assert split.tp * bytes_of_rank(shape, split) == pytest.approx(bytes_of_rank(shape), rel=0.01)


def test_pipeline_stages_share_the_weights() -> None:
    shape = published_shape("llama-3.1-70b")
    stages = [range(20), range(20, 60), range(60, 80)]
    assert sum(bytes_of_rank(shape, layers=stage) for stage in stages) == bytes_of_rank(shape)


def test_kv_heads_are_copied_where_there_are_too_few() -> None:
    assert one(Attend, layer_operators(published_shape("qwen3-30b-a3b"), 0, Parallel(tp=8))).kv_heads == 1


def test_experts_are_split_or_shared_out() -> None:
    shape = published_shape("qwen3-30b-a3b")

    def mixture(tp: int, ep: int) -> Mixture:
        return one(Mixture, layer_operators(shape, 0, Parallel(tp, ep)))

    assert mixture(1, 1) == Mixture(2048, 768, 128, 128, 8, "bfloat16", 1)
    assert mixture(4, 1) == Mixture(2048, 192, 128, 128, 8, "bfloat16", 1)
    assert mixture(4, 4) == Mixture(2048, 768, 32, 128, 8, "bfloat16", 1)
    assert mixture(4, 2) == Mixture(2048, 384, 64, 128, 8, "bfloat16", 1)
    assert mixture(1, 8) == Mixture(2048, 768, 16, 128, 8, "bfloat16", 8)


def test_collectives() -> None:
    shape = published_shape("qwen3-30b-a3b")

    def kinds(tp: int, ep: int) -> list[tuple[str, int, float]]:
        operators = layer_operators(shape, 0, Parallel(tp, ep))
        return [(each.kind, each.ranks, each.size) for each in operators if isinstance(each, Collective)]

    assert kinds(1, 1) == []
    assert kinds(4, 1) == kinds(4, 4) == [("all_reduce", 4, 4096.0)] * 2
    assert kinds(1, 8) == [("alltoall", 8, 8 * 4096.0)] * 2
    assert kinds(1, 4) == [("alltoall", 4, 4 * 4096.0)] * 2
    assert [kind for kind, *_ in kinds(2, 8)] == ["all_reduce", "alltoall", "alltoall", "all_reduce"]


def test_latent_attention() -> None:
    operators = layer_operators(published_shape("deepseek-v3"), 5, Parallel(tp=8))
    found = linears(operators)
    assert found["qkv_a"] == (1536 + 512 + 64, 7168)
    assert found["q_b"] == (16 * 192, 1536)
    assert found["kv_b"] == (16 * 256, 512)
    assert found["output"] == (7168, 16 * 128)
    assert one(Attend, operators) == Attend(16, 1, 192, 0, 576)
    assert found["shared_gate_up"] == (2 * 2048 // 8, 7168)
    assert found["router"] == (256, 7168)


def test_latent_attention_without_compressed_queries() -> None:
    found = linears(layer_operators(published_shape("deepseek-v2-lite"), 0))
    assert found["query"] == (16 * 192, 2048)
    assert found["kv_a"] == (576, 2048)


def test_number_formats_as_published() -> None:
    def formats(name: str, layer: int) -> dict[str, str]:
        operators = layer_operators(published_shape(name), layer)
        found = {each.name: each.weights for each in operators if isinstance(each, Linear)}
        return found | {"experts": one(Mixture, operators).weights}

    assert formats("gpt-oss-120b", 0) == {
        "qkv": "bfloat16", "output": "bfloat16", "router": "bfloat16", "experts": "mxfp4"
    }  # fmt: skip
    deepseek = formats("deepseek-v3", 3)
    assert deepseek.pop("router") == "bfloat16"
    assert set(deepseek.values()) == {"fp8"}


def test_an_mlp_without_gate() -> None:
    found = linears(layer_operators(published_shape("opt-13b"), 0))
    assert found["up"] == (20_480, 5120)
    assert "gate_up" not in found


def test_layers_that_cost_the_same_go_together() -> None:
    assert layer_kinds(published_shape("llama-3.1-8b")) == (tuple(range(32)),)
    assert layer_kinds(published_shape("deepseek-v3")) == ((0, 1, 2), tuple(range(3, 61)))
    sliding, full = layer_kinds(published_shape("gpt-oss-20b"))
    assert (sliding, full) == (tuple(range(0, 24, 2)), tuple(range(1, 24, 2)))
    shape = published_shape("gemma-3-1b")
    for kind in layer_kinds(shape):
        assert len({layer_operators(shape, layer) for layer in kind}) == 1


def test_both_ends() -> None:
    shape = published_shape("llama-3.1-8b")
    entry, reduce = entry_operators(shape, Parallel(tp=4))
    assert entry == Elementwise("embedding", 16_384.0, 1)
    assert reduce == Collective("reduce_embedding", "all_reduce", 8192.0, 4)
    assert one(Linear, exit_operators(shape, Parallel(tp=4))) == Linear("head", 32_064, 4096, "bfloat16")
    assert one(Collective, exit_operators(shape, Parallel(tp=4))).kind == "all_gather"
    assert len(exit_operators(shape)) == 2


@pytest.mark.parametrize(
    ("name", "split", "error"),
    [
        ("llama-3.1-8b", Parallel(tp=3), "32 heads"),
        ("qwen2.5-0.5b", Parallel(tp=7), "2 KV heads"),
        ("llama-3.1-8b", Parallel(tp=2, ep=2), "needs a mixture"),
        ("mixtral-8x7b", Parallel(tp=1, ep=3), "8 experts"),
        ("qwen3-30b-a3b", Parallel(tp=0), "over 0"),
    ],
)
def test_what_cannot_be_split_is_refused(name: str, split: Parallel, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        layer_operators(published_shape(name), 0, split)
