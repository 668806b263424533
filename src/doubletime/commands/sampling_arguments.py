"""The options of `doubletime generate` that say how to sample."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from doubletime.decoding.params import SamplingParams
    from doubletime.decoding.structured.spec import Structured


def sampling_arguments(group: argparse._ArgumentGroup) -> None:
    """How tokens are drawn, and when an output ends."""
    add = group.add_argument
    add("--max-tokens", type=int, default=64, metavar="N", help="(default: %(default)s)")
    add("--min-tokens", type=int, default=0, metavar="N", help="nothing ends an output before it has so many")
    add("--temperature", type=float, default=0.0, help="0 is greedy (default: %(default)s)")
    add("--top-p", type=float, default=1.0)
    add("--top-k", type=int, default=0)
    add("--min-p", type=float, default=0.0, help="only tokens at least this fraction as likely as the likeliest")
    add("--presence-penalty", type=float, default=0.0)
    add("--frequency-penalty", type=float, default=0.0)
    add("--repetition-penalty", type=float, default=1.0)
    add("--logit-bias", type=_bias, action="append", metavar="ID=BIAS", help="may be given several times")
    add("--n", type=int, default=1, help="choices per prompt")
    add("--stop", action="append", metavar="TEXT", help="may be given several times")
    add("--stop-token-id", type=int, action="append", metavar="ID", help="may be given several times")
    add("--include-stop", action="store_true", help="what ends an output belongs to it")
    add("--ignore-eos", action="store_true")
    add("--keep-special-tokens", action="store_true", help="special tokens appear in the text")
    add("--logprobs", type=int, metavar="N", help="of each token and the N likeliest; shown by --json")


def structured_arguments(group: argparse._ArgumentGroup) -> None:
    """What the output must look like: at most one."""
    one = group.add_mutually_exclusive_group()
    one.add_argument("--json-schema", metavar="FILE", help="JSON that this schema allows; - is standard input")
    one.add_argument("--json-object", action="store_true", help="any JSON object")
    one.add_argument("--regex", metavar="PATTERN", help="a text that the pattern matches as a whole")
    one.add_argument("--choice", action="append", metavar="TEXT", help="one of these; may be given several times")
    one.add_argument("--grammar", metavar="FILE", help="a text of this Lark grammar; - is standard input")


def sampling_params(args: argparse.Namespace) -> SamplingParams:
    """What the options ask for. Raises ValueError that names a wrong one."""
    from doubletime.decoding.params import SamplingParams

    return SamplingParams(
        n=args.n,
        temperature=args.temperature,
        top_p=args.top_p,
        top_k=args.top_k,
        min_p=args.min_p,
        presence_penalty=args.presence_penalty,
        frequency_penalty=args.frequency_penalty,
        repetition_penalty=args.repetition_penalty,
        logit_bias=dict(args.logit_bias) if args.logit_bias else None,
        max_tokens=args.max_tokens,
        min_tokens=args.min_tokens,
        stop=args.stop,
        stop_token_ids=args.stop_token_id or (),
        include_stop_str_in_output=args.include_stop,
        ignore_eos=args.ignore_eos,
        logprobs=args.logprobs,
        skip_special_tokens=not args.keep_special_tokens,
        structured=_structured(args),
    )


def _structured(args: argparse.Namespace) -> Structured | None:
    from doubletime.decoding.structured.spec import Structured

    if args.json_schema is not None:
        return Structured("json", _read(args.json_schema))
    if args.json_object:
        return Structured("json_object")
    if args.regex is not None:
        return Structured("regex", args.regex)
    if args.choice is not None:
        return Structured("choice", choices=args.choice)
    return None if args.grammar is None else Structured("grammar", _read(args.grammar))


def _read(file: str) -> str:
    return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")


def _bias(text: str) -> tuple[int, float]:
    token, _, bias = text.partition("=")
    try:
        return int(token), float(bias)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a token id, =, and a number") from error
