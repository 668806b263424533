"""`doubletime quantize`: a checkpoint with its matrices quantized, as a new folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from doubletime.models.source import Source

MB = 1e6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a folder, a cached hub name or random:NAME")
    parser.add_argument("out", metavar="OUT", type=Path, help="the new folder")
    parser.add_argument(
        "--scheme",
        choices=("int8", "int4"),
        default="int8",
        help="int8, or int4 with embedding and head in int8 (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    """Writes OUT, matrix by matrix; says how many bytes the weights took and take."""
    from doubletime.models.load import open_source
    from doubletime.models.save import save_quantized
    from doubletime.progress import Progress
    from doubletime.shapes import parameters, tensors

    source = open_source(args.model, "float32", quantize=args.scheme)
    folder = _folder(args.model)
    with Progress("quantizing", len(tensors(source.shape)), shown=not args.json) as bar:
        after = save_quantized(source, _config(args.model, folder), args.scheme, args.out, bar.advance, _beside(folder))
    facts = {"out": str(args.out), "scheme": args.scheme, "bytes_before": _bytes(source), "bytes_after": after}
    print(json.dumps(facts) if args.json else _sentence(facts, parameters(source.shape)))
    return 0


def _folder(model: str) -> Path | None:
    """The model's folder; None for random weights."""
    from doubletime.shapes.locate import RANDOM, is_gguf, locate

    if is_gguf(model):
        raise ValueError(f"{model} is a GGUF file, which is loaded as it is: quantize a Hugging Face checkpoint")
    return None if model.startswith(RANDOM) else locate(model)


def _config(model: str, folder: Path | None) -> dict[str, Any]:
    from doubletime.models.archive import read_json
    from doubletime.shapes import PUBLISHED
    from doubletime.shapes.locate import RANDOM

    return PUBLISHED[model.removeprefix(RANDOM).lower()] if folder is None else read_json(folder / "config.json")


def _beside(folder: Path | None) -> list[Path]:
    """Everything of a checkpoint but its weights and config.json: tokenizer, generation settings, licence."""
    if folder is None:
        return []
    kept = (".json", ".jinja", ".txt", ".model", ".md")
    files = [path for path in folder.iterdir() if path.suffix in kept or path.name == "LICENSE"]
    return [path for path in files if path.name != "config.json" and not path.name.endswith(".index.json")]


def _bytes(source: Source) -> int:
    from doubletime.shapes import parameters
    from doubletime.shapes.formats import ELEMENT_BYTES

    return int(parameters(source.shape) * ELEMENT_BYTES[source.shape.dtype])


def _sentence(facts: dict[str, Any], numbers: int) -> str:
    before, after = facts["bytes_before"], facts["bytes_after"]
    return (
        f"{facts['out']}: {after / MB:,.1f} MB of weights ({after * 8 / numbers:.2f} bits each), "
        f"{before / MB:,.1f} MB before ({before / after:.2f} times as many)"
    )
