"""What a measurement found: values that `page` and `plot` render, made by `rows`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """A measured value held against what was set as the bar."""

    what: str
    value: float
    limit: float
    unit: str
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the bar is reached."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a heading; the first column is what the others are about."""

    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Named lengths, drawn as bars; those named in `ours` stand out."""

    name: str
    title: str
    unit: str
    bars: tuple[tuple[str, float], ...]
    ours: frozenset[str]


@dataclass(frozen=True, slots=True)
class Section:
    """One row of the list of bars: how it was measured, what came out."""

    name: str
    title: str
    text: str
    bars: tuple[Bar, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    notes: tuple[str, ...] = ()


def seconds(value: float) -> str:
    """A duration for people."""
    if value < 0.1:
        return f"{value * 1000:.1f} ms"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s"


def megabytes(value: float) -> str:
    """A size for people, in MB of 1,000,000 bytes."""
    return f"{value / 1e6:.0f} MB"


def measure(value: float, unit: str) -> str:
    """A bar's value with its unit."""
    if unit == "s":
        return seconds(value)
    if unit == "bytes":
        return megabytes(value)
    if unit == "times":
        return f"{value:.2f} ×"
    if unit == "%":
        return f"{value:+.0f} %"
    return f"{value:,.0f} {unit}" if value >= 100 or value == int(value) else f"{value:.1f} {unit}"
