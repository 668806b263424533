"""Prometheus' text format, version 0.0.4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from doubletime.engine.monitor.histogram import Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]


class Exposition:
    """Metric families, one after another. `labels` are those of every sample."""

    def __init__(self, labels: Labels | None = None) -> None:
        self._labels = dict(labels or {})
        self._lines: list[str] = []

    def gauge(self, name: str, about: str, value: float) -> None:
        self._family(name, "gauge", about)
        self._sample(name, {}, value)

    def gauges(self, name: str, about: str, rows: Iterable[tuple[Labels, float]]) -> None:
        self._family(name, "gauge", about)
        for labels, value in rows:
            self._sample(name, labels, value)

    def counter(self, name: str, about: str, value: float) -> None:
        """`name` without the `_total` that counters end in."""
        self.counters(name, about, [({}, value)])

    def counters(self, name: str, about: str, rows: Iterable[tuple[Labels, float]]) -> None:
        self._family(f"{name}_total", "counter", about)
        for labels, value in rows:
            self._sample(f"{name}_total", labels, value)

    def histogram(self, name: str, about: str, values: Histogram, edges: Sequence[float] | None = None) -> None:
        """`edges`: some of the histogram's own, None for all."""
        self._family(name, "histogram", about)
        for edge, count in values.cumulative(edges):
            self._sample(f"{name}_bucket", {"le": repr(float(edge))}, count)
        self._sample(f"{name}_bucket", {"le": "+Inf"}, values.count)
        self._sample(f"{name}_sum", {}, values.sum)
        self._sample(f"{name}_count", {}, values.count)

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    def _family(self, name: str, kind: str, about: str) -> None:
        self._lines.append(f"# HELP {name} {_escaped(about)}")
        self._lines.append(f"# TYPE {name} {kind}")

    def _sample(self, name: str, labels: Labels, value: float) -> None:
        both = {**self._labels, **labels}
        told = ",".join(f'{label}="{_quoted(text)}"' for label, text in both.items())
        self._lines.append(f"{name}{{{told}}} {_number(value)}" if told else f"{name} {_number(value)}")


def _number(value: float) -> str:
    """Whole numbers as such, others so that they read back the same."""
    return repr(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
