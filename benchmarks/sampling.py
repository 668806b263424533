"""What adjusted logits cost a step, in microseconds: by wish, rows in the batch, and how many of them ask.

    python benchmarks/sampling.py [--vocab N] [--steps N] [--json FILE]

"draw" is drawing a token for every row when nobody asks (native kernels where there are any); the other columns are
the stage before it, when nobody, one row or all rows ask. Prompts of 500 tokens, outputs of 200. Grammars are those of
the shipped model's tokenizer, so they are measured with its 4,096 tokens only. Medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from doubletime.decoding.sampling import Adjust, Sampling
from doubletime.decoding.sampling_adjust import Asked, adjust
from doubletime.decoding.sampling_history import History
from doubletime.decoding.sampling_torch import sample
from doubletime.decoding.structured.compiler import Compiler
from doubletime.decoding.structured.spec import Structured
from doubletime.decoding.tokenizer import Tokenizer
from doubletime.engine.sources import shipped_model
from doubletime.kernels.cpu import binding

BATCHES = (1, 16, 64)
PROMPT, OUTPUT = 500, 200
PLAIN = Sampling(temperature=0.8, top_p=0.95)
WISHES = {
    "penalties": Adjust(repetition=1.1, frequency=0.2, presence=0.2),
    "logit_bias": Adjust(bias=tuple((token * 31, 1.0) for token in range(20))),
    "min_tokens": Adjust(min_tokens=1000, ends=(0, 2)),
    "min_p": Adjust(min_p=0.05),
}
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}
SPECS = {
    "JSON schema": (Structured.schema(PERSON), '{"name": "Ada", "age": 36, "tags": ["math'),
    "any JSON": (Structured("json_object"), '{"name": {"first": "Ad'),
    "regex": (Structured("regex", r"(\w+ ){50}"), "one two thr"),
}


def median(call: Callable[[], object], prepare: Callable[[], Any], steps: int) -> float:
    """Microseconds of `call`, with what `prepare` does left out."""
    taken = []
    for _ in range(steps + 3):
        prepare()
        began = time.perf_counter_ns()
        call()
        taken.append((time.perf_counter_ns() - began) / 1e3)
    return statistics.median(taken[3:])


def history_of(wish: Adjust, vocab: int, tokens: list[int] | None = None) -> History:
    history = History([token * 7 % vocab for token in range(PROMPT)], wish)
    history.extend([token * 13 % vocab for token in range(OUTPUT)] if tokens is None else tokens)
    return history


def random_logits(batch: int, vocab: int) -> torch.Tensor:
    return torch.randn(batch, vocab, generator=torch.Generator().manual_seed(0)) * 3


def draw_cost(batch: int, vocab: int, steps: int) -> float:
    """Microseconds of drawing for a batch."""
    logits, native = random_logits(batch, vocab), binding.available()
    samplings = [replace(PLAIN, seed=row) for row in range(batch)]
    return median(lambda: sample(logits, samplings, [700] * batch, native=native), lambda: None, steps)


def adjust_cost(batch: int, asking: int, wish: Adjust, tokens: list[int] | None, vocab: int, steps: int) -> float:
    """Microseconds of the stage for a batch in which the first `asking` rows have the wish."""
    raw = random_logits(batch, vocab)
    logits = raw.clone()
    asked: list[Asked] = []

    def prepare() -> None:
        logits.copy_(raw)
        asked[:] = [Asked(row, history_of(wish, vocab, tokens), 0.8) for row in range(asking)]

    return median(lambda: adjust(logits, asked), prepare, steps)


def adjusts(vocab: int) -> dict[str, tuple[Adjust, list[int] | None]]:
    """The wishes by name, with the tokens of the output where they matter."""
    found: dict[str, tuple[Adjust, list[int] | None]] = {name: (wish, None) for name, wish in WISHES.items()}
    tokenizer = Tokenizer(shipped_model())
    if vocab != tokenizer.backend.get_vocab_size():
        return found
    compiler = Compiler(tokenizer, vocab, tokenizer.eos_ids)
    for name, (spec, text) in SPECS.items():
        wish = Adjust(grammar=compiler.compile(spec))
        found[name] = (wish, tokenizer.encode(text, add_special_tokens=False))
    return found


def measure(vocab: int, steps: int) -> list[dict[str, Any]]:
    rows = []
    draws = {batch: draw_cost(batch, vocab, steps) for batch in BATCHES}
    for name, (wish, tokens) in adjusts(vocab).items():
        for batch in BATCHES:
            costs = [adjust_cost(batch, asking, wish, tokens, vocab, steps) for asking in (0, 1, batch)]
            rows.append({"wish": name, "batch": batch, "draw_us": draws[batch], "adjust_us": costs})
            print(f"{name:12}{batch:6}{draws[batch]:10.0f}" + "".join(f"{cost:10.1f}" for cost in costs), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocab", type=int, default=4096, metavar="N")
    parser.add_argument("--steps", type=int, default=100, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    torch.set_num_threads(1)  # as the engine does beside the native kernels
    heads = "".join(f"{name:>10}" for name in ("draw", "none asks", "one", "all"))
    print(f"{'':12}{'batch':>6}{heads}   µs a step, {args.vocab:,} tokens")
    rows = measure(args.vocab, args.steps)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
