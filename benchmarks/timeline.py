"""The picture of a backfill beside a foreground, over time: ``python -m benchmarks.timeline``.

    python -m benchmarks.timeline --write docs/backfill.svg

A server of our own, a table of two million rows, and 200 small changes a second, each at its time.
After some seconds a backfill of every row begins, and then, for comparison, one UPDATE of all rows.
Three strips over the same seconds: rows a second and rows a batch, as the backfill tells them, and
the 99th percentile of the small changes of each half second. No replica is there, so no lag is
drawn.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from manticore_cockroachdb import Database, Migration
from manticore_cockroachdb.local.place import Engine
from manticore_cockroachdb.runner.events import BackfillProgress, Event

from .foreground import foreground, percentile
from .rows.backfill import FILE, RATE, clean, fill, update
from .servers import ENGINES, Place, server

QUIET = 4.0
"""Seconds of the foreground alone, before, between and after."""
STEP = 0.5
"""Seconds of one point."""
WIDTH, LEFT, STRIP, GAP, TOP = 800, 90, 110, 34, 64
_STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .axis { stroke: #d0d7de; stroke-width: 1 }
  .span { fill: #0969da; opacity: .08 } .other { fill: #cf222e; opacity: .08 }
  .line { fill: none; stroke: #0969da; stroke-width: 2 }
  .end { text-anchor: end } .middle { text-anchor: middle }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .axis { stroke: #30363d }
    .span { fill: #4493f8; opacity: .14 } .other { fill: #f85149; opacity: .14 }
    .line { stroke: #4493f8 }
  }
"""

Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Story:
    """What happened: points over seconds, and when the backfill and the UPDATE ran."""

    title: str
    rates: Points
    sizes: Points
    p99: Points
    backfill: tuple[float, float]
    update: tuple[float, float]

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.update[1] + QUIET


def measure(engine: Engine, rows: int) -> Story:
    """Let it happen."""
    with server(engine) as here, here.database() as place:
        fill(place, engine, rows)
        told: list[tuple[float, int, int]] = []
        with foreground(place.url(sslmode="disable"), rows, RATE) as seen:
            began = time.monotonic()
            time.sleep(QUIET)
            ran = _backfill(place, began, told)
            time.sleep(QUIET)
            if engine == "postgresql":
                with place.connect() as connection:
                    clean(connection)
            first = time.monotonic() - began
            update(place)
            other = first, time.monotonic() - began
            time.sleep(QUIET)
        last = other[1] + QUIET
        took: dict[int, list[float]] = {}
        for due, seconds in seen.times:
            took.setdefault(int(due / STEP), []).append(seconds)
        p99 = [
            ((step + 0.5) * STEP, percentile(took[step], 0.99) * 1000)
            for step in sorted(took)
            if (step + 1) * STEP <= last
        ]
        title = (
            f"{rows:,} rows beside {RATE:.0f} small changes a second ({here.version()},"
            f" {os.cpu_count()} processors)"
        )
        sizes = [(at, float(size)) for at, _, size in told]
        return Story(title, _rates(told, ran), sizes, p99, ran, other)


def _backfill(
    place: Place, began: float, told: list[tuple[float, int, int]]
) -> tuple[float, float]:
    def hear(event: Event) -> None:
        if isinstance(event, BackfillProgress):
            told.append((time.monotonic() - began, event.rows, event.size))

    with tempfile.TemporaryDirectory() as directory, Database.from_url(place.url()) as db:
        (Path(directory) / "1_items.sql").write_text(FILE.format(batch="workers 1"))
        first = time.monotonic() - began
        Migration(db, directory, on_event=hear).migrate()
        return first, time.monotonic() - began


def _rates(told: Sequence[tuple[float, int, int]], ran: tuple[float, float]) -> Points:
    """Rows a second of each step, from rows done at some times."""
    found: Points = []
    at, rows = ran[0], 0
    for now, done, _ in told:
        if now - at >= STEP:
            found.append(((at + now) / 2, (done - rows) / (now - at)))
            at, rows = now, done
    return found


def svg(story: Story) -> str:
    """The picture, as the text of an SVG file that reads well on light and on dark."""
    strips = (
        ("rows a second", story.rates),
        ("rows a batch", story.sizes),
        ("foreground p99, ms", story.p99),
    )
    height = TOP + len(strips) * (STRIP + GAP)

    def x(seconds: float) -> float:
        return LEFT + seconds / story.seconds * (WIDTH - LEFT - 10)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="{escape(story.title)}">',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="0" y="20">{escape(story.title)}</text>',
    ]
    for name, (first, last), kind in (
        ("backfill", story.backfill, "span"),
        ("one UPDATE", story.update, "other"),
    ):
        width, tall = x(last) - x(first), height - TOP - GAP + 8
        lines.append(
            f'<rect class="{kind}" x="{x(first):.1f}" y="{TOP - 8}" width="{width:.1f}"'
            f' height="{tall}"/>'
        )
        middle = (x(first) + x(last)) / 2
        lines.append(f'<text class="middle" x="{middle:.1f}" y="{TOP - 14}">{name}</text>')
    for number, (name, points) in enumerate(strips):
        top = TOP + number * (STRIP + GAP)
        most = max((value for _, value in points), default=1.0) or 1.0
        line = " ".join(f"{x(at):.1f},{top + STRIP * (1 - v / most):.1f}" for at, v in points)
        lines += [
            f'<line class="axis" x1="{LEFT}" y1="{top + STRIP}" x2="{WIDTH - 10}"'
            f' y2="{top + STRIP}"/>',
            f'<text class="end" x="{LEFT - 8}" y="{top + 10}">{most:,.0f}</text>',
            f'<text class="end" x="{LEFT - 8}" y="{top + STRIP}">0</text>',
            f'<text x="0" y="{top - 4}">{name}</text>',
            f'<polyline class="line" points="{line}"/>',
        ]
    for second in range(0, int(story.seconds) + 1, 5):
        lines.append(
            f'<text class="middle" x="{x(second):.1f}" y="{height - 14}">{second} s</text>'
        )
    return "\n".join([*lines, "</svg>", ""])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.timeline")
    parser.add_argument("--engine", choices=ENGINES, default="postgresql")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--write", type=Path, metavar="FILE", default=Path("backfill.svg"))
    options = parser.parse_args(arguments)
    story = measure(options.engine, options.rows)
    options.write.write_text(svg(story), encoding="utf-8")
    parts = {
        "alone": (0.0, story.backfill[0]),
        "beside the backfill": story.backfill,
        "beside the UPDATE": story.update,
    }
    for name, (first, last) in parts.items():
        worst = max((ms for at, ms in story.p99 if first <= at <= last), default=0.0)
        print(f"{name}: {last - first:.1f} s, p99 of a half second at worst {worst:,.1f} ms")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
