"""`doubletime generate`: offline generation."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from doubletime.commands.sampling_arguments import sampling_arguments, sampling_params, structured_arguments
from doubletime.commands.serve import engine_arguments
from doubletime.engine.config import EngineConfig

if TYPE_CHECKING:
    from doubletime.llm import LLM


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", metavar="MODEL", help="a checkpoint, or random:NAME (default: ships along)")
    parser.add_argument("--prompt", action="append", metavar="TEXT", help="may be given several times; - reads stdin")
    parser.add_argument("--prompt-tokens", action="append", metavar="IDS", help="token ids, e.g. 1,2,3")
    parser.add_argument("--chat", action="store_true", help="each prompt is a user's message for the chat template")
    parser.add_argument("--json", action="store_true", help="print one JSON object a prompt")
    sampling_arguments(parser.add_argument_group("sampling"))
    structured_arguments(parser.add_argument_group("structured output"))
    engine_arguments(parser.add_argument_group("engine"))


def run(args: argparse.Namespace) -> int:
    """Generates for every prompt and prints the texts (or token ids, where there is no tokenizer)."""
    from doubletime.llm import LLM

    params = sampling_params(args)
    names = EngineConfig.__slots__
    with LLM(**{name: getattr(args, name) for name in names}) as llm:
        outputs = llm.generate(_prompts(args, llm), params, progress=not args.json)
    for output in outputs:
        if args.json:
            print(json.dumps(asdict(output)))
            continue
        for choice in output.outputs:
            print(choice.text or " ".join(map(str, choice.token_ids)))
    return 0


def _prompts(args: argparse.Namespace, llm: LLM) -> list[str | dict[str, list[int]]]:
    texts = [sys.stdin.read() if text == "-" else text for text in args.prompt or ()]
    tokens = [[int(token) for token in ids.split(",")] for ids in args.prompt_tokens or ()]
    if not texts and not tokens:
        raise ValueError("give at least one --prompt or --prompt-tokens")
    asked = [llm.chat_prompt([{"role": "user", "content": text}]) if args.chat else text for text in texts]
    return asked + [{"prompt_token_ids": ids} for ids in tokens]
