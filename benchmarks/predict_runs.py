"""The runs that `predict.py` predicts: drawn by a seeded generator, fixed before anything was profiled.

Models: the shipped one, llama-100m, and small random shapes of every family. Loads: open at a share of a crude guess of
capacity, and closed loops. Every policy comes up at least twice.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from doubletime.shapes import ModelShape, parameters, published_shape, shape_from_config

Config = dict[str, Any]

SEED = 4
SECONDS = 25  # of load in a run
POLICIES = ("fcfs", "sarathi", "layered", "flow", "priority")
SHIPPED, PUBLISHED = "help-small", "llama-100m"
FAMILIES = ("llama", "qwen3", "gemma3", "qwen3_moe", "llama", "qwen3")
CLASSES = "classes=chat:0.5:0.05:3+batch:-:-:1"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of `bench`. `config` is that of a random shape, None for a model with a name."""

    name: str
    model: str
    config: Config | None
    policy: str
    trace: str
    seed: int

    def to_json(self) -> Config:
        return asdict(self)


def runs(count: int = 14, seed: int = SEED) -> list[Run]:
    """The same list for the same arguments, on every machine."""
    dice = random.Random(seed)
    models: list[tuple[str, Config | None]] = [(SHIPPED, None)] * 4
    models += [(PUBLISHED, None)] * 3
    models += [(f"random-{family}-{at}", _config(dice, family)) for at, family in enumerate(FAMILIES)]
    models += [(f"random-llama-{at}", _config(dice, "llama")) for at in range(len(FAMILIES), count - 7)]
    policies = [POLICIES[at % len(POLICIES)] for at in range(count)]
    dice.shuffle(policies)
    shares = [0.15 + 0.7 * (at + dice.random()) / count for at in range(count)]  # of capacity, evenly
    dice.shuffle(shares)
    chosen = zip(models[:count], policies, shares, strict=True)
    return [_run(dice, at, model, config, policy, share) for at, ((model, config), policy, share) in enumerate(chosen)]


def _config(dice: random.Random, family: str) -> Config:
    """A small model of `family`."""
    head_dim, kv_heads, grouped = dice.choice((32, 48, 64, 96)), dice.choice((1, 2, 4)), dice.choice((2, 3, 4))
    hidden, layers = 32 * dice.randint(4, 20), dice.randint(3, 10)
    config = {
        "hidden_size": hidden,
        "intermediate_size": 16 * round(hidden * dice.uniform(2, 4) / 16),
        "num_hidden_layers": layers,
        "num_attention_heads": kv_heads * grouped,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
        "vocab_size": 1000 * dice.randint(1, 32),
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10_000.0,
        "eos_token_id": 2,
        "tie_word_embeddings": dice.random() < 0.5,
        "torch_dtype": "float32",
    }
    return config | _OF_FAMILY[family](dice)


def _gemma3(dice: random.Random) -> Config:
    return {
        "architectures": ["Gemma3ForCausalLM"],
        "sliding_window": 128 * dice.randint(1, 3),
        "sliding_window_pattern": 3,
        "query_pre_attn_scalar": 64,
        "rope_local_base_freq": 10_000.0,
        "tie_word_embeddings": True,
    }


def _qwen3_moe(dice: random.Random) -> Config:
    return {
        "architectures": ["Qwen3MoeForCausalLM"],
        "num_experts": dice.choice((8, 16)),
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 16 * dice.randint(6, 16),
        "norm_topk_prob": True,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
    }


_OF_FAMILY: dict[str, Callable[[random.Random], Config]] = {
    "llama": lambda dice: {"architectures": ["LlamaForCausalLM"]},
    "qwen3": lambda dice: {"architectures": ["Qwen3ForCausalLM"]},
    "gemma3": _gemma3,
    "qwen3_moe": _qwen3_moe,
}


def _run(dice: random.Random, at: int, model: str, config: Config | None, policy: str, share: float) -> Run:
    shape = shape_from_config(config) if config else published_shape(PUBLISHED) if model == PUBLISHED else None
    prompt, output = _lengths(dice, large=model == PUBLISHED)
    prefill, step = _guess(shape)
    more, turns = _extras(dice, prompt, policy)
    if at % 4 == 3:
        users = dice.choice((1, 2, 4, 8, 12))
        alone = prompt * prefill + output * step * (0.6 + 0.4 * users / 8) / users
        head, count = f"closed:concurrency={users}", 0.6 * SECONDS / alone
    else:
        rate = share / (prompt * prefill + output * step / 8)  # requests a second, at 8 decodes a step
        count = SECONDS * rate
        head = f"{dice.choice(('poisson', 'poisson', 'gamma'))}:rate={rate / turns:.3g}"
        head += f",cv={dice.uniform(0.5, 2):.2g}" if head.startswith("gamma") else ""
    lengths = [f"prompt={_spread(dice, prompt)}", f"output={_spread(dice, output)}"]
    trace = ",".join([head, *lengths, f"n={max(16, round(count))}", *more])
    return Run(f"{at + 1:02d}-{model}-{policy}", model, config, policy, trace, dice.randrange(1 << 16))


def _extras(dice: random.Random, prompt: int, policy: str) -> tuple[list[str], int]:
    """Classes for the policies that know them, shared prefixes, conversations; and the turns of a session."""
    more, turns = [CLASSES] if policy in ("flow", "priority") else [], 1
    if dice.random() < 0.4:
        more.append(f"prefix={16 * dice.randint(2, max(2, prompt // 24))},groups={dice.randint(1, 4)}")
    if dice.random() < 0.25:
        turns = 3
        more.append(f"turns={turns},more={dice.randint(20, 80)},think={dice.uniform(0.1, 0.5):.1g}")
    return more, turns


def _lengths(dice: random.Random, large: bool) -> tuple[int, int]:
    """Mean tokens of prompt and answer."""
    if large:
        return dice.randint(40, 250), dice.randint(10, 40)
    return round(60 * 10 ** dice.uniform(0, 0.9)), round(12 * 10 ** dice.uniform(0, 0.9))


def _spread(dice: random.Random, mean: int) -> str:
    """A length, or a distribution of lengths, around `mean`."""
    kind = dice.randrange(3)
    if kind == 0:
        return str(mean)
    return f"uniform:{mean // 2}:{mean * 3 // 2}" if kind == 1 else f"lognormal:{round(mean * 0.85)}:0.5"


def _guess(shape: ModelShape | None) -> tuple[float, float]:
    """Crude, for the load only: seconds of a prompt token, and of a step with 8 decodes, on one core. None: shipped."""
    if shape is None:
        return 1.1e-4, 6e-3
    size = parameters(shape)
    if shape.moe:
        spare = shape.moe.experts - shape.moe.top_k
        size -= shape.layers * spare * 3 * shape.hidden * shape.moe.intermediate
    per_token = 2 * size / 7e10 + shape.layers * 3e-6
    step = shape.layers * 8e-4 + 4 * parameters(shape) / 1.5e10 + 8 * 2 * size / 5e10
    return per_token, step
