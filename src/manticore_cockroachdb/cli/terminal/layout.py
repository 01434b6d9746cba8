"""How a result is laid out: lists, tables and changes, in the width and colours of stdout. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from .stream import Style
from .text import columns, one_line, safe, wrapped

SHOWN = 40
_SIGNS = {"+": "green", "-": "red", "~": "yellow"}


@dataclass(frozen=True, slots=True)
class Layout:
    """How to lay text out: colours, the terminal's width (None: no terminal), all or a part."""

    style: Style = field(default_factory=Style)
    width: int | None = None
    everything: bool = False

    def listed(self, rows: Sequence[Sequence[str]], *, whole: bool = False) -> list[str]:
        """The rows in columns; on a terminal only the first of many. ``whole``: the last column
        is not cut."""
        part = rows if self.everything or self.width is None else rows[:SHOWN]
        lines = columns(part, limit=self.width, whole=whole)
        if len(part) < len(rows):
            lines.append(f"  … and {len(rows) - len(part):,} more (--verbose shows all)")
        return lines

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
        """The rows in columns under their heads."""
        first, *rest = columns([head, *rows], limit=self.width, indent="")
        return [self.style(first, "dim"), *rest]

    def changes(self, text: str) -> list[str]:
        """The lines of a difference, a colour for each sign."""
        return [self._signed(safe(line)) for line in text.split("\n")]

    def _signed(self, line: str) -> str:
        colour = _SIGNS.get(line.lstrip()[:1])
        return self.style(line, *((colour,) if colour else ()))

    def hint(self, text: str, indent: str) -> Iterable[str]:
        """What to do, after its label, in lines no wider than the terminal."""
        first, *rest = self.wrapped(f"hint: {text}", indent, hang=len(indent) + len("hint: "))
        return [first.replace("hint:", self.style("hint:", "cyan"), 1), *rest]

    def wrapped(
        self, text: str, indent: str, *colours: str, hang: int | None = None
    ) -> Iterable[str]:
        """A text in lines no wider than the terminal, coloured one by one; ``hang``: how far the
        lines after the first are indented."""
        below = indent if hang is None else " " * hang
        lines = _folded(text, self.width, indent, below)
        if not self.style.enabled:
            return lines
        leads = [len(line) - len(line.lstrip()) for line in lines]
        return [
            line[:lead] + self.style(line[lead:], *colours)
            for line, lead in zip(lines, leads, strict=True)
        ]


@lru_cache(maxsize=64)
def _folded(text: str, width: int | None, indent: str, below: str) -> list[str]:
    """The lines of a text; the same few sentences are said of many migrations."""
    return wrapped(safe(one_line(text)), width, indent, below)
