"""Tallies of tries, and the table that is printed and written into the documentation."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from faults.harness import KINDS
from faults.harness_walk import Result

BEGIN = "<!-- table: written by python -m faults --write -->"
END = "<!-- end of table -->"


@dataclass(slots=True)
class Cell:
    """The tries of one kind, engine, mode and colour."""

    tries: int = 0
    lost: int = 0
    doubled: int = 0
    false: int = 0
    other: int = 0
    person: int = 0

    def add(self, cell: Cell) -> None:
        """Count another cell's tries too."""
        for name in ("tries", "lost", "doubled", "false", "other", "person"):
            setattr(self, name, getattr(self, name) + getattr(cell, name))


@dataclass(slots=True)
class Table:
    """Every try so far; `note` may be called from any thread."""

    cells: dict[tuple[str, str, str, str], Cell] = field(default_factory=dict)
    bad: list[Result] = field(default_factory=list)
    people: list[Result] = field(default_factory=list)
    missed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, result: Result) -> None:
        """Count a try."""
        one = result.one
        with self._lock:
            if result.bad:
                self.bad.append(result)
            elif result.person:
                self.people.append(result)
            if not result.struck and not result.bad:
                self.missed += 1
                return
            # What Python sends is in one transaction too, without being known beforehand.
            mode = "transaction" if result.mode == "python" else result.mode
            key = (one.kind, one.engine, mode, one.colour)
            cell = self.cells.setdefault(key, Cell())
            cell.tries += 1
            for name in ("lost", "doubled", "false", "other", "person"):
                setattr(cell, name, getattr(cell, name) + bool(getattr(result, name)))

    def sum(self, kind: str = "", engine: str = "", mode: str = "", colour: str = "") -> Cell:
        """The tries of everything that is named."""
        total = Cell()
        for key, cell in self.cells.items():
            if all(w in ("", h) for w, h in zip((kind, engine, mode, colour), key, strict=True)):
                total.add(cell)
        return total

    def markdown(self, titles: Mapping[str, str]) -> str:
        """The table: a row for each kind and engine; tries are given as sync + async."""
        lines = [
            "| fault | server | in a transaction | step by step | lost | doubled |"
            " falsely recorded | otherwise wrong | needing a person |",
            "|---|---|---:|---:|---:|---:|---:|---:|---:|",
        ]
        for kind in KINDS.values():
            for engine, title in titles.items():
                if self.sum(kind.name, engine).tries:
                    lines.append(self._row(kind.title, title, kind.name, engine))
        lines.append(self._row("**all**", "", "", ""))
        return "\n".join(lines)

    def _row(self, title: str, server: str, kind: str, engine: str) -> str:
        tries = " | ".join(
            " + ".join(str(self.sum(kind, engine, mode, c).tries) for c in ("sync", "async"))
            for mode in ("transaction", "steps")
        )
        cell = self.sum(kind, engine)
        counts = (cell.lost, cell.doubled, cell.false, cell.other, cell.person)
        return f"| {title} | {server} | {tries} | {' | '.join(map(str, counts))} |"

    def kills(self) -> int:
        """How many processes were killed."""
        return sum(c.tries for key, c in self.cells.items() if "kill" in key[0])


def around(path: Path) -> tuple[str, str]:
    """What a page has before and after its table. Raises SystemExit where there is none."""
    page = path.read_text(encoding="utf-8") if path.is_file() else ""
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{path} is no page with a place for a table: {BEGIN} … {END}")
    return before, after


def write(path: Path, text: str) -> None:
    """Put a table between the two marks in a page."""
    before, after = around(path)
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
