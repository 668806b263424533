"""A strict reader of Prometheus' text format: what it does not refuse, Prometheus takes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_HEAD = re.compile(r"# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)")
_SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}

Key = tuple[str, tuple[tuple[str, str], ...]]


@dataclass
class Family:
    kind: str
    help: str
    samples: dict[Key, float] = field(default_factory=dict)


def families(text: str) -> dict[str, Family]:
    """By name. Raises AssertionError for anything that is not as the format says."""
    assert text.endswith("\n")
    found: dict[str, Family] = {}
    helps: dict[str, str] = {}
    for line in text[:-1].split("\n"):
        if head := _HEAD.fullmatch(line):
            what, name, rest = head.groups()
            if what == "HELP":
                assert name not in helps, f"{name} is described twice"
                helps[name] = rest
            else:
                assert rest in _SUFFIXES
                found[name] = Family(rest, helps[name])
            continue
        sample = _SAMPLE.fullmatch(line)
        assert sample, f"no sample: {line!r}"
        name, labels, value = sample.groups()
        family = list(found)[-1]  # its samples follow a family's head
        assert name in {family + suffix for suffix in _SUFFIXES[found[family].kind]}, line
        key = (name, _labels(labels or ""))
        assert key not in found[family].samples, f"twice: {line}"
        found[family].samples[key] = float(value)
    for name, family in found.items():
        _check(name, family)
    return found


def _labels(text: str) -> tuple[tuple[str, str], ...]:
    at, labels = 0, []
    while at < len(text):
        label = _LABEL.match(text, at)
        assert label, f"no label: {text[at:]!r}"
        labels.append((label.group(1), label.group(2)))
        at = label.end()
    assert len(dict(labels)) == len(labels)
    return tuple(labels)


def _check(name: str, family: Family) -> None:
    assert family.samples, f"{name} has no sample"
    if family.kind == "counter":
        assert name.endswith("_total")
        assert all(value >= 0 for value in family.samples.values())
    if family.kind == "histogram":
        rows = [(sample, dict(labels), value) for (sample, labels), value in family.samples.items()]
        buckets = [(labels["le"], value) for sample, labels, value in rows if sample.endswith("_bucket")]
        edges = [float(edge) for edge, _ in buckets]
        counts = [count for _, count in buckets]
        assert edges == sorted(set(edges))
        assert edges[-1] == float("inf")
        assert counts == sorted(counts)
        assert counts[-1] == next(value for sample, _, value in rows if sample.endswith("_count"))
