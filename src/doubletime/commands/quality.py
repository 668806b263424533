"""`doubletime quality`: the yardstick."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from doubletime.commands.serve import engine_arguments
from doubletime.engine.config import EngineConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", nargs="?", metavar="MODEL", help="a checkpoint with a chat template (default: ships along)"
    )
    parser.add_argument("--quick", action="store_true", help="fewer questions, shorter contexts")
    parser.add_argument("--json", action="store_true")
    engine_arguments(parser.add_argument_group("engine"))


def run(args: argparse.Namespace) -> int:
    """Prints the scores. A dtype other than float32 is also compared to the same checkpoint in float32."""
    from doubletime.engine.sources import checkpoint_folder
    from doubletime.engine.subject import EngineSubject
    from doubletime.lab.quality import FULL, QUICK, measure
    from doubletime.llm import LLM

    names = EngineConfig.__slots__
    config = EngineConfig(**{name: getattr(args, name) for name in names})
    with LLM(**{name: getattr(args, name) for name in names}) as llm:
        lossy = str(llm.model.dtype) != "torch.float32" or args.quantize or args.kv_dtype not in ("auto", "float32")
        subject = EngineSubject(llm, str(checkpoint_folder(config)) if lossy else None)
        scores = measure(subject, QUICK if args.quick else FULL, _progress)
    print(json.dumps(scores) if args.json else _table(scores))
    return 0


def _progress(part: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{part:24}", end="", file=sys.stderr, flush=True)


def _table(scores: dict[str, Any]) -> str:
    rows = [
        ("help, phrasings seen in training", scores["help"]),
        ("help, phrasings held out", scores["help_held_out"]),
        ("name from sentence, phrasings seen", scores["reverse"]),
        ("name from sentence, phrasings held out", scores["reverse_held_out"]),
        *((f"recall at {length} tokens (chance {scores['chance']:.3f})", v) for length, v in scores["recall"].items()),
    ]
    lines = [f"{name:44}{value:8.1%}" for name, value in rows]
    lines.append(f"{'perplexity of held-out modules':44}{scores['perplexity']:8.2f}")
    for name, value in scores.get("agreement", {}).items():
        lines.append(f"{'agreement with float32: ' + name:44}{value:8.5f}")
    return "\n".join(lines)
