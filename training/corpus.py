"""Raw text: the sources of the standard library, with some modules kept out for perplexity."""

from __future__ import annotations

import pydoc_data.topics
import sysconfig
from pathlib import Path

HELD_OUT_MODULES = ("sched", "shlex", "netrc", "fileinput", "quopri", "plistlib")
SKIPPED_FOLDERS = {
    "test",
    "tests",
    "idlelib",
    "lib2to3",
    "site-packages",
    "dist-packages",
    "turtledemo",
    "tkinter",
    "encodings",
    "distutils",
    "ensurepip",
    "msilib",
    "pydoc_data",
    "__pycache__",
    "idle_test",
}
SKIPPED_FILES = {"_pydecimal.py", "turtle.py", "antigravity.py", "this.py", "entities.py", "stringprep.py"}
HELD_OUT_CHARS = 14_000


def _root() -> Path:
    return Path(sysconfig.get_path("stdlib"))


def _kept(path: Path) -> bool:
    parts = path.relative_to(_root()).parts
    skipped = SKIPPED_FOLDERS.intersection(parts) or path.name in SKIPPED_FILES
    generated = path.name.startswith(("_sysconfigdata", "config-"))
    return not skipped and not generated and path.stem not in HELD_OUT_MODULES


def training_texts() -> list[str]:
    """Every kept source file, then the interpreter's own help topics."""
    files = sorted(p for p in _root().rglob("*.py") if _kept(p))
    sources = [p.read_text(encoding="utf-8", errors="ignore") for p in files]
    return [s for s in sources if len(s) > 200] + list(pydoc_data.topics.topics.values())


def held_out_texts() -> dict[str, str]:
    """The beginning of each held-out module, cut at a line."""
    texts = {m: (_root() / f"{m}.py").read_text(encoding="utf-8") for m in HELD_OUT_MODULES}
    return {m: t[:HELD_OUT_CHARS].rsplit("\n", 1)[0] + "\n" for m, t in texts.items()}
