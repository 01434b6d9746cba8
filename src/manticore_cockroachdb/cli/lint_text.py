"""Findings as lines for people.

warning[drop-column]: Dropping users.fax destroys its data.
  --> migrations/20250102000000_drop_fax.sql:1:19
  | ALTER TABLE users DROP COLUMN fax;
  |                   ^
  help: drop it when no running code names it any more
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ..dialect import Server
from ..lint import Finding, Level, at_least
from ..lint.index import GROUPS, load
from ..lint.model import LEVELS
from ..parser.split import excerpt
from .render import count, safe
from .terminal import Style, wrapped

_COLOURS: Mapping[Level, str] = {"error": "red", "warning": "yellow", "info": "cyan"}


def lines(
    findings: Sequence[Finding], texts: Mapping[str, str], style: Style, width: int | None
) -> Iterator[str]:
    """Each finding, an empty line after it."""
    for one in findings:
        name = f"{one.level}[{one.rule}]:"
        first, *rest = wrapped(f"{name} {safe(one.message)}", width, "", "  ")
        yield style(name, _COLOURS[one.level], "bold") + first.removeprefix(name)
        yield from rest
        yield f"  {style('-->', 'cyan')} {safe(f'{one.path}:{one.line}:{one.column}')}"
        if texts.get(one.path, "").strip():
            for line in excerpt(texts.get(one.path, ""), one.start).split("\n"):
                yield f"  {style('|', 'cyan')} {safe(line)}".rstrip()
        first, *rest = wrapped(f"help: {safe(one.help)}", width, "  ", "        ")
        yield first.replace("help:", style("help:", "cyan"), 1)
        yield from rest
        yield ""


def summary(
    findings: Sequence[Finding], threshold: Level, files: int, server: Server, style: Style
) -> str:
    """One line: how many of each level, in how many files, for which server."""
    shown = Counter(one.level for one in findings if at_least(one.level, threshold))
    where = f"in {count(files, 'file')} for {server}"
    if not shown:
        text = style(f"No findings {where}.", "green")
    else:
        parts = [
            count(shown[level], level) if level != "info" else f"{shown[level]:,} for information"
            for level in reversed(LEVELS)
            if shown[level]
        ]
        text = f"{', '.join(parts)} {where}."
    hidden = Counter(one.level for one in findings if not at_least(one.level, threshold))
    if hidden:
        lowest = min(hidden, key=LEVELS.index)
        text += f" {sum(hidden.values()):,} below that: --level {lowest} shows them."
    return text


def rules(style: Style) -> Iterator[str]:
    """Every rule with its levels and what it says."""
    for title, names in GROUPS.items():
        yield style(title, "bold")
        for name in names:
            rule = load(name).rule
            levels = f"{rule.cockroachdb or '-':<8} {rule.postgresql or '-':<8}"
            yield f"  {name:<28} {levels} {rule.summary}"
        yield ""
    yield "Levels are those on CockroachDB, then on PostgreSQL; --explain RULE tells more."
