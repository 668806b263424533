"""Rates of an engine that Python calls, in that engine's own environment: a job on standard input, a line a point.

    python python_worker.py doubletime|vllm|transformers < JOB

JOB is JSON: the keyword arguments of the engine's constructor under "options", and "points" as [kind, batch, context].
Needs nothing but the engine.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

Prompts = list[list[int]]
Generate = Callable[[Prompts, int], list[int]]
"""(prompts, new tokens of each) → tokens that each got."""
HEAD = 4  # tokens decoded by the shorter of the two runs


def main(engine: str) -> None:
    job = json.load(sys.stdin)
    generate = ENGINES[engine](job["options"])
    draw = random.Random(0)
    _seconds(generate, _prompts(draw, 1, 64), 8)  # whatever is made on first use
    for kind, batch, context in job["points"]:
        rate = (_decode if kind == "decode" else _prefill)(generate, draw, batch, context, job["new"])
        print("RATE", json.dumps([kind, batch, context, rate]), flush=True)


def _decode(generate: Generate, draw: random.Random, batch: int, context: int, new: int) -> float:
    """From two runs of the same prompts: what differs is `new` tokens a sequence. A first one fills prefix caches."""
    prompts = _prompts(draw, batch, context)
    _seconds(generate, prompts, 1)
    short = min(_seconds(generate, prompts, HEAD) for _ in range(2))
    return batch * new / max(_seconds(generate, prompts, HEAD + new) - short, 1e-9)


def _prefill(generate: Generate, draw: random.Random, batch: int, context: int, new: int) -> float:
    """From prompt to first token, with prompts that no cache knows."""
    return batch * context / min(_seconds(generate, _prompts(draw, batch, context), 1) for _ in range(2))


def _seconds(generate: Generate, prompts: Prompts, new: int) -> float:
    began = time.perf_counter()
    got = generate(prompts, new)
    took = time.perf_counter() - began
    assert got == [new] * len(prompts), f"asked for {new} tokens each, got {got}"
    return took


def _prompts(draw: random.Random, batch: int, context: int) -> Prompts:
    return [[draw.randrange(300, 31_000) for _ in range(context)] for _ in range(batch)]


def doubletime(options: dict[str, Any]) -> Generate:
    from doubletime import LLM, SamplingParams

    llm = LLM(**options)

    def generate(prompts: Prompts, new: int) -> list[int]:
        params = SamplingParams(max_tokens=new, temperature=0.0, ignore_eos=True)
        done = llm.generate([{"prompt_token_ids": ids} for ids in prompts], params, progress=False)
        return [len(each.outputs[0].token_ids) for each in done]

    return generate


def vllm(options: dict[str, Any]) -> Generate:
    package = import_module("vllm")
    llm = package.LLM(**options)

    def generate(prompts: Prompts, new: int) -> list[int]:
        params = package.SamplingParams(max_tokens=new, temperature=0.0, ignore_eos=True, detokenize=False)
        done = llm.generate([{"prompt_token_ids": ids} for ids in prompts], params, use_tqdm=False)
        return [len(each.outputs[0].token_ids) for each in done]

    return generate


def transformers(options: dict[str, Any]) -> Generate:
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(options["threads"])
    model: Any = AutoModelForCausalLM.from_pretrained(options["model"], dtype=getattr(torch, options["dtype"]))
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0

    def generate(prompts: Prompts, new: int) -> list[int]:
        ids = torch.tensor(prompts)
        with torch.inference_mode():
            done = model.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, min_new_tokens=new, do_sample=False
            )
        return [done.shape[1] - ids.shape[1]] * len(prompts)

    return generate


ENGINES = {"doubletime": doubletime, "vllm": vllm, "transformers": transformers}

if __name__ == "__main__":
    main(sys.argv[1])
