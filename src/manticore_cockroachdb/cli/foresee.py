"""A plan as a result: for people, for programs, as SQL. Pure, but for asking the library."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from ..analysis.catalog import Size
from ..analysis.cost import Work
from ..analysis.undo import Undo
from ..preview.report import Plan, PlannedMigration, PlannedStatement
from .index import Exit
from .render import Result, count, safe
from .terminal import one_line, wrapped

if TYPE_CHECKING:
    from .present import Page

_WORK = {
    "backfill": "reads all rows and writes an index or a column",
    "validate": "reads and checks all rows",
    "rewrite": "writes the whole table anew",
}
_UNDO = {
    Undo.YES: "can be undone",
    Undo.WITHOUT_DATA: "can be undone, but lost data do not come back",
    Undo.UNKNOWN: "has an undo part; whether it takes everything back cannot be told",
    Undo.NO: "cannot be undone in full",
}


def exit_code(plan: Plan) -> int:
    """What ``--exit-code`` ends with."""
    if plan.refused:
        return Exit.PERSON
    if plan.dangerous:
        return Exit.DANGEROUS
    return Exit.PENDING if plan.changes else Exit.OK


def result(plan: Plan, where: str, directory: str, page: Page, code: int = Exit.OK) -> Result:
    """The plan as a command's result."""
    data = partial(_data, plan, where, directory)
    return Result(data, [*_lines(plan, where, directory, page)], code)


def as_sql(plan: Plan, where: str, directory: str, code: int = Exit.OK) -> Result:
    """The plan as the script that a person could run. Raises Refused."""
    text = plan.sql()
    data = {**_data(plan, where, directory), "sql": text}
    return Result(data, text.removesuffix("\n").split("\n") if text else [], code)


def _data(plan: Plan, where: str, directory: str) -> dict[str, object]:
    return {
        "direction": plan.direction,
        "changes": plan.changes,
        "dangerous": plan.dangerous,
        "refused": [m.version for m in plan.refused],
        "migrations": plan.migrations,
        "server": plan.server,
        "database": where,
        "directory": directory,
    }


def _lines(plan: Plan, where: str, directory: str, page: Page) -> Iterator[str]:
    style = page.style
    yield f"{style('database', 'bold')}   {safe(where)}  ({one_line(plan.server)})"
    yield f"{style('directory', 'bold')}  {safe(directory)}"
    if not plan.changes:
        done = "everything is applied" if plan.direction == "up" else "nothing is applied"
        yield from ("", style(f"Nothing to do: {done}.", "green"))
        return
    for migration in plan.migrations:
        yield ""
        yield from _migration(migration, page)
    yield ""
    yield from _wrapped(_summary(plan), page, "")


def _migration(one: PlannedMigration, page: Page) -> Iterator[str]:
    style = page.style
    title = style(f"{one.version} {one_line(one.description)}".rstrip(), "bold")
    if one.mode == "refused":
        yield f"{title}  {style('refused', 'red', 'bold')}"
        yield from _wrapped(f"{one.reason}", page, "  ")
        if one.path:
            place = one.path if one.line is None else f"{one.path}:{one.line}"
            yield from _wrapped(f"--> {place}", page, "  ")
        if one.hint:
            yield from _wrapped(f"hint: {one.hint}", page, "  ", "cyan")
        return
    how = "in one transaction" if one.mode == "transaction" else f"in {count(one.steps, 'step')}"
    yield title
    yield from _wrapped(f"{how}: {one.reason}", page, "  ", "dim")
    shown = one.statements if page.everything else one.statements[:_SHOWN]
    for statement in shown:
        yield from _statement(statement, page, has_undo=one.has_undo)
    if len(shown) < len(one.statements):
        rest = len(one.statements) - len(shown)
        yield f"  … and {count(rest, 'statement')} more (--verbose shows all)"
    if one.undo is not None:
        colour = {Undo.YES: "green", Undo.NO: "red"}.get(one.undo, "yellow")
        text = _UNDO[one.undo] if one.has_undo else "has no undo part"
        yield from _wrapped(text, page, "  ", colour)


_SHOWN = 40


def _statement(one: PlannedStatement, page: Page, *, has_undo: bool) -> Iterator[str]:
    times = f"  × {one.times:,}" if one.times > 1 else ""
    done = "  (done by an earlier run)" if one.done else ""
    yield from _wrapped(f"{one.verb} {one.object}".rstrip() + times + done, page, "  - ", hang=4)
    facts = [_size(one.size)] if one.size is not None else []
    facts += [_WORK[w] for w in (one.work if Work.REWRITE not in one.work else (Work.REWRITE,))]
    if one.lock is not None and (one.blocks or one.work):
        on = f" on {one.lock_on}" if one.size is None and one.lock_on else ""
        who = f"blocks {one.blocks}" if one.blocks else "blocks nobody"
        facts.append(f"{one.lock}{on} {who}")
    if facts:
        yield from _wrapped("; ".join(facts), page, "    ", "dim")
    for why in one.why:
        yield from _wrapped(why, page, "    ", "dim")
    for danger in one.dangers:
        yield from _wrapped(f"danger: {danger}", page, "    ", "red")
    if has_undo and one.undo is Undo.NO:
        yield from _wrapped("the undo part does not take it back", page, "    ", "yellow")


def _size(size: Size) -> str:
    if size.new:
        return "a new table"
    rows = "rows unknown" if size.rows is None else f"about {count(size.rows, 'row')}"
    return f"{rows}, {_bytes(size.bytes)}" if size.bytes is not None else rows


def _bytes(number: int) -> str:
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def _summary(plan: Plan) -> str:
    what = "to apply" if plan.direction == "up" else "to roll back"
    statements = sum(s.times for s in plan.statements())
    text = f"{count(len(plan.migrations), 'migration')} {what}, {count(statements, 'statement')}"
    dangerous = sum(s.dangerous for s in plan.statements())
    parts = [f"{dangerous:,} dangerous" if dangerous else "none dangerous"]
    if lasting := sum(m.undo is Undo.NO for m in plan.migrations):
        parts.append(f"{count(lasting, 'migration')} cannot be undone")
    if plan.refused:
        parts.append(f"{len(plan.refused):,} refused, so nothing would run")
    return "; ".join((text, *parts))


@lru_cache(maxsize=64)
def _folded(text: str, width: int | None, indent: str, below: str) -> list[str]:
    """The lines of a text; the same few sentences are said of many migrations."""
    return wrapped(safe(one_line(text)), width, indent, below)


def _wrapped(
    text: str, page: Page, indent: str, *colours: str, hang: int | None = None
) -> list[str]:
    """A text in lines no wider than the terminal, coloured one by one."""
    below = indent if hang is None else " " * hang
    lines = _folded(text, page.width, indent, below)
    if not page.style.enabled:
        return lines
    leads = [len(line) - len(line.lstrip()) for line in lines]
    return [
        line[:lead] + page.style(line[lead:], *colours)
        for line, lead in zip(lines, leads, strict=True)
    ]
