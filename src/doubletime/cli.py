"""The command line. Only the module of the command that was named is imported, so `--help` needs no torch.

A command is a module with `add_arguments(parser)` and `run(args) -> exit status`; it imports what is heavy in `run`.
An error that the user can mend is a `ValueError` or `OSError` whose text says how; it is printed without a traceback.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NamedTuple

from doubletime import __version__


class Command(NamedTuple):
    module: str
    help: str


COMMANDS = {
    "serve": Command("doubletime.commands.serve", "start an OpenAI-compatible server"),
    "generate": Command("doubletime.commands.generate", "generate offline, without a server"),
    "bench": Command("doubletime.commands.bench", "put a model or a server under load and measure"),
    "simulate": Command(
        "doubletime.commands.simulate", "rehearse a model, hardware, policy and traffic in virtual time"
    ),
    "compare": Command("doubletime.commands.compare", "rehearse many policies, rates and clusters side by side"),
    "plan": Command("doubletime.commands.plan", "find the cheapest hardware and layout that meet the SLO on a trace"),
    "profile": Command("doubletime.commands.profile", "measure the operators of this machine for the rehearsal"),
    "calibrate": Command(
        "doubletime.commands.calibrate", "fit the overheads of a rehearsal to a log of your own engine"
    ),
    "hardware": Command("doubletime.commands.hardware", "list known hardware and how well its fit predicts it"),
    "models": Command("doubletime.commands.models", "list known model shapes with their sizes"),
    "quantize": Command("doubletime.commands.quantize", "write a checkpoint with 8 or 4 bit weights"),
    "quality": Command("doubletime.commands.quality", "the yardstick: what a model knows, recalls and predicts"),
    "replay": Command("doubletime.commands.replay", "run a recording again and check that every plan is the same"),
    "policies": Command("doubletime.commands.policies", "list the scheduling policies, or check one of your own"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. The exit status: 0, 1 if it failed, 2 if the command line is wrong, 130 if interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(arguments[0] if arguments else "")
    args = parser.parse_args(arguments)
    if args.command is None:
        parser.print_help()
        return 2
    try:
        return int(_load(args.command).run(args))
    except (ValueError, OSError) as error:
        print(f"doubletime {args.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser(named: str) -> argparse.ArgumentParser:
    """A parser in which only the command `named` knows its arguments."""
    parser = argparse.ArgumentParser("doubletime", description="Serves language models, and rehearses serving them.")
    parser.add_argument("--version", action="version", version=f"doubletime {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=command.help, description=command.help)
        if name == named:
            _load(name).add_arguments(sub)
    return parser


def _load(name: str) -> ModuleType:
    return importlib.import_module(COMMANDS[name].module)
