"""Facts: dotted names of the standard library and the first sentence of their documentation."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from types import ModuleType

from training.corpus import HELD_OUT_MODULES

# Asked for most; the others follow in alphabetical order with a share each.
FIRST_MODULES = (
    "builtins itertools functools collections math os.path os json re random datetime pathlib time sys shutil "
    "subprocess statistics operator heapq bisect copy csv string textwrap hashlib base64 struct pickle io glob fnmatch "
    "tempfile contextlib dataclasses enum inspect logging argparse threading queue asyncio socket urllib.parse "
    "urllib.request typing decimal fractions secrets uuid zlib gzip zipfile tarfile sqlite3 html ast dis traceback "
    "warnings weakref types platform getpass calendar locale unicodedata difflib pprint email.utils email.message "
    "http.client xml.etree.ElementTree concurrent.futures multiprocessing unittest unittest.mock importlib "
    "importlib.util importlib.resources configparser signal select timeit cmath array codecs keyword linecache"
).split()
SKIPPED = {
    "antigravity",
    "this",
    "idlelib",
    "lib2to3",
    "turtledemo",
    "turtle",
    "tkinter",
    "test",
    "ensurepip",
    "venv",
    "distutils",
    "msilib",
    "nt",
    "nturl2path",
    "pydoc_data",
    "posixpath",
    "ntpath",
    "genericpath",
    "sre_compile",
    "sre_parse",
    "sre_constants",
    "posix",
}
# Methods that read too much like those of other classes.
SKIPPED_NAMES = ("bytearray.", "inspect.BlockFinder", "decimal.Context.", "socket.CMSG", "io.BytesIO.")
FIRST_CAP, OTHER_CAP = 60, 14
MAX_WORDS, MIN_WORDS = 25, 3

SIGNATURE = re.compile(r"^[\w.\[\]]+\(.*?\)(\s*->.*)?$", re.S)
SENTENCE_END = re.compile(r"(?<!e\.g)(?<!i\.e)(?<!etc)(?<!vs)[.!?](?=\s+[\"'(`A-Z]|\s*$)")


def first_sentence(doc: str) -> str | None:
    """The first sentence on one line, ending in punctuation; None if there is none of a usable length."""
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(doc)):
        if not SIGNATURE.match(paragraph.strip()):
            break
    else:
        return None
    text = " ".join(paragraph.split())
    end = SENTENCE_END.search(text)
    sentence = text[: end.end()] if end else text.rstrip(":;,") + "."
    usable = MIN_WORDS <= len(sentence.split()) <= MAX_WORDS and sentence.isascii() and sentence[0].isalpha()
    return sentence if usable and ">>>" not in sentence and "->" not in sentence else None


def _module(name: str) -> ModuleType | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except Exception:  # a module for another platform
        return None


def _belongs(value: object, module: str) -> bool:
    """Whether a public name of `module` is documented there rather than imported from elsewhere."""
    home = getattr(value, "__module__", None) or module
    package = module.split(".")[0]
    return home.lstrip("_").split(".")[0] in {
        package,
        "posix",
        "posixpath",
        "genericpath",
        "collections",
        "io",
    } or home.startswith("_")


def _callables(module: ModuleType, name: str) -> Iterator[tuple[str, object]]:
    """(dotted name, object) of each function and class, then of the public methods of the classes."""
    prefix = "" if name == "builtins" else name + "."
    public = [n for n in getattr(module, "__all__", dir(module)) if not n.startswith("_")]
    values = [(n, getattr(module, n, None)) for n in sorted(public)]
    values = [(n, v) for n, v in values if callable(v) and _belongs(v, name)]
    plain = [(n, v) for n, v in values if not (inspect.isclass(v) and issubclass(v, BaseException))]
    yield from ((prefix + n, v) for n, v in plain)
    for n, v in plain:
        if inspect.isclass(v):
            for method, member in sorted(vars(v).items()):
                member = getattr(member, "__func__", member)
                if not method.startswith("_") and callable(member):
                    yield f"{prefix}{n}.{method}", member


def module_names() -> list[str]:
    rest = sorted(n for n in sys.stdlib_module_names if not n.startswith("_"))
    names = dict.fromkeys([*FIRST_MODULES, *rest])
    return [n for n in names if n.split(".")[0] not in SKIPPED | set(HELD_OUT_MODULES)]


def collect(limit: int) -> list[tuple[str, str]]:
    """The first `limit` facts (name, sentence); every name and every object occurs once."""
    facts: list[tuple[str, str]] = []
    seen: set[int] = set()
    for name in module_names():
        module, taken = _module(name), 0
        cap = 10_000 if name == "builtins" else FIRST_CAP if name in FIRST_MODULES else OTHER_CAP
        for dotted, value in _callables(module, name) if module else ():
            doc = getattr(value, "__doc__", None)
            sentence = first_sentence(doc) if isinstance(doc, str) else None
            if sentence is None or id(value) in seen or taken >= cap or dotted.startswith(SKIPPED_NAMES):
                continue
            seen.add(id(value))
            facts.append((dotted, sentence))
            taken += 1
    return facts[:limit]


def reversible(facts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The facts whose sentence belongs to one name only, so that "Which function …?" has one answer."""
    counts = Counter(sentence.lower() for _, sentence in facts)
    return [(name, sentence) for name, sentence in facts if counts[sentence.lower()] == 1]
