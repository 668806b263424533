"""What a decode step takes beside its kernels: planning, bookkeeping, sampling, the way between threads.

    python -m benchmarks.overhead --model random:qwen3-0.6b --quantize int8 --batch 1,16
    python -m benchmarks.overhead --model random:llama-100m --json overhead.json

"outside" is the part of the time from one step to the next in which no native kernel runs (embedding, layers, head, and
the choice of tokens). Interpreter and kernels share the cores: use a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from doubletime import LLM, SamplingParams
from doubletime.kernels.cpu.binding import library, locked_library

KERNELS = ("dt_embed", "dt_run", "dt_logits", "dt_sample")
PROMPT, TOKENS, SKIPPED = 128, 256, 32  # tokens of a prompt; steps, of which the first are left out


class Clock:
    """Seconds in kernels and the starts of forward passes, by step."""

    def __init__(self) -> None:
        self.starts: list[float] = []
        self.kernels: list[float] = []

    def took(self, name: str, began: float, seconds: float) -> None:
        if name == "dt_embed":  # the first of a step
            self.starts.append(began)
            self.kernels.append(0.0)
        self.kernels[-1] += seconds


class Timed:
    """A function of the library that tells a clock. Types that are set later go through to it."""

    def __init__(self, name: str, function: Callable[..., Any], clock: Clock) -> None:
        self.__dict__.update(name=name, function=function, clock=clock)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self.__dict__["function"], name, value)

    def __call__(self, *arguments: object) -> Any:
        began = time.perf_counter()
        result = self.__dict__["function"](*arguments)
        self.__dict__["clock"].took(self.__dict__["name"], began, time.perf_counter() - began)
        return result


@contextmanager
def clocked() -> Iterator[Clock]:
    """Every call of a kernel passes through a clock meanwhile. Before the first draw: samplers remember functions."""
    clock = Clock()
    libraries = (library(), locked_library())
    kept = [(each, name, getattr(each, name)) for each in libraries for name in KERNELS]
    for each, name, function in kept:
        setattr(each, name, Timed(name, function, clock))
    try:
        yield clock
    finally:
        for each, name, function in kept:
            setattr(each, name, function)


def measure(llm: LLM, clock: Clock, batch: int) -> dict[str, float]:
    """Decodes `batch` sequences; medians over the steps, in seconds."""
    vocab = llm.model.shape.vocab
    prompts = [{"prompt_token_ids": [(row * 7919 + at * 31) % vocab for at in range(PROMPT)]} for row in range(batch)]
    clock.starts.clear()
    clock.kernels.clear()
    llm.generate(prompts, SamplingParams(temperature=0, max_tokens=TOKENS, ignore_eos=True), progress=False)
    steps = [later - start for start, later in zip(clock.starts, clock.starts[1:], strict=False)]
    step = statistics.median(steps[-TOKENS + SKIPPED :])
    kernels = statistics.median(clock.kernels[-TOKENS + SKIPPED : -1])
    return {"batch": batch, "step_s": step, "kernels_s": kernels, "outside": 1 - kernels / step}


def main() -> None:
    args = _arguments()
    with clocked() as clock:
        llm = LLM(args.model, quantize=args.quantize, kv_memory="1GB", max_model_len=PROMPT + TOKENS)
        found = [measure(llm, clock, batch) for batch in args.batch for _ in range(args.rounds)]
    print("batch   step ms  kernels ms  outside")
    for each in found:
        print(f"{each['batch']:5}{1e3 * each['step_s']:10.2f}{1e3 * each['kernels_s']:12.2f}{each['outside']:9.1%}")
    if args.json:
        args.json.write_text(json.dumps({"model": args.model, "quantize": args.quantize, "steps": found}, indent=1))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="random:qwen3-0.6b", help="(default: %(default)s)")
    parser.add_argument("--quantize", default=None, choices=("int8", "int4"))
    parser.add_argument("--batch", type=lambda text: [int(each) for each in text.split(",")], default=[1, 16])
    parser.add_argument("--rounds", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
