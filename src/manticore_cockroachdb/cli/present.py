"""The library's values as results: what status, history and the like print. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..migrations.report import Attempt, HistoryRow, LeaseStatus, Pending, Status
from ..migrations.states import State
from .index import Exit
from .render import Result, plain, safe, took, when
from .terminal import Style, columns, one_line, redacted

# Columns of the history that concern a reader; the undo text and the fencing token do not.
HISTORY = (
    "version",
    "description",
    "applied_at",
    "mode",
    "duration_ms",
    "applied_by",
    "applied_from",
    "checksum",
)
SHOWN = 40


@dataclass(frozen=True, slots=True)
class Page:
    """How to lay text out: colours, the terminal's width (None: no terminal), all or a part."""

    style: Style = field(default_factory=Style)
    width: int | None = None
    everything: bool = False


def status(found: Status, where: str, directory: str, page: Page, *, exit_code: bool) -> Result:
    """The status of a directory against a database; ``exit_code`` as the option says."""
    bold = page.style
    current = "none" if found.current is None else str(found.current)
    if found.applied:
        current += f"  {one_line(found.applied[-1].description)}"
    lines = [
        f"{bold('database', 'bold')}   {safe(where)}  ({one_line(found.server)})",
        f"{bold('directory', 'bold')}  {safe(directory)}",
        f"{bold('current', 'bold')}    {current}",
        f"{bold('applied', 'bold')}    {len(found.applied):,}",
        f"{bold('pending', 'bold')}    {len(found.pending):,}",
    ]
    if found.skipped:
        lines.append(f"{bold('skipped', 'bold')}    {len(found.skipped):,}")
    if found.pending:
        rows = [(str(p.version), p.description, _mode(p), p.reason) for p in found.pending]
        lines += ["", bold("Pending", "bold"), *_listed(rows, page)]
    if found.skipped:
        elsewhere = [(str(p.version), p.description) for p in found.skipped]
        title = "Skipped: meant for other environments"
        lines += ["", bold(title, "bold"), *_listed(elsewhere, page)]
    if found.problems:
        lines += ["", bold("Problems", "red", "bold")]
        for one in found.problems:
            lines.append(f"  {safe(one.message)}")
            if one.hint:
                lines.append(f"    {bold('hint:', 'cyan')} {safe(one.hint)}")
    if found.clean:
        lines += ["", bold("Everything is applied.", "green")]
    data = {
        "current": found.current,
        "applied": found.applied,
        "pending": found.pending,
        "skipped": found.skipped,
        "problems": found.problems,
        "server": found.server,
        "database": where,
        "directory": directory,
    }
    return Result(data, lines, code=verdict(found) if exit_code else Exit.OK)


def verdict(found: Status) -> int:
    """The exit code that says what a status amounts to."""
    if found.problems or any(p.state is State.PARTIAL or p.mode is None for p in found.pending):
        return Exit.PERSON
    return Exit.PENDING if found.pending else Exit.OK


def current(version: int | None) -> Result:
    """The newest applied version; nothing at all where there is none."""
    return Result({"current": version}, [] if version is None else [str(version)])


def history(rows: Sequence[Mapping[str, object]], page: Page) -> Result:
    """What is applied: version, when, duration, by whom, from where, what."""
    data = [{name: row.get(name) for name in HISTORY} for row in rows]
    cells = [
        (
            str(row["version"]),
            when(row["applied_at"]),
            _duration(row["duration_ms"]),
            _who(row["applied_by"], row["applied_from"]),
            str(row["description"] or ""),
        )
        for row in data
    ]
    if not cells:
        return Result(data, ["Nothing is applied."])
    head = ("version", "applied at (UTC)", "took", "by", "description")
    return Result(data, _table(head, cells, page))


def attempts(rows: Sequence[Attempt], page: Page) -> Result:
    """Failed attempts, newest first."""
    rows = [replace(row, statement=row.statement and redacted(row.statement)) for row in rows]
    data = [plain(row) for row in rows]
    if not rows:
        return Result(data, ["No attempt has failed."])
    lines: list[str] = []
    for row in rows:
        verb = "rolling back " if row.direction == "down" else ""
        head = f"{when(row.failed_at)} UTC  {verb}{row.version}"
        lines.append(page.style(head, "bold"))
        by = _who(row.attempted_by, row.attempted_from)
        facts = [by, f"after {_duration(row.duration_ms)}" if row.duration_ms is not None else ""]
        facts += [f"SQLSTATE {row.sqlstate}" if row.sqlstate else "", row.outcome or ""]
        lines.append(f"  {safe(', '.join(one_line(f) for f in facts if f))}")
        if row.message:
            lines.append(f"  {safe(one_line(row.message))}")
        if row.statement:
            lines += [f"  | {safe(line)}" for line in row.statement.splitlines()]
    return Result(data, lines)


def lease(found: LeaseStatus) -> Result:
    """Who may migrate now."""
    data = {
        "owner": found.owner,
        "session": found.session,
        "acquired_at": found.acquired_at,
        "remaining": found.remaining,
        "expired": found.remaining is not None and found.remaining <= 0,
    }
    if found.owner is None or found.remaining is None:
        return Result(data, ["Nobody is migrating."])
    owner = safe(one_line(found.owner))
    since = f", since {when(found.acquired_at)} UTC" if found.acquired_at else ""
    if found.remaining <= 0:
        line = f"{owner} had the right to migrate{since}; it expired and can be taken."
    else:
        line = f"{owner} has the right to migrate{since}, for {found.remaining:.0f} s more."
    return Result(data, [line])


def applied_rows(found: Status, number: int | None, target: int | None) -> list[HistoryRow]:
    """The rows that a rollback would revert, newest first."""
    rows = list(reversed(found.applied))
    if target is not None:
        return [row for row in rows if row.version > target]
    return rows if number is None else rows[:number]


def versions(rows: Sequence[HistoryRow], page: Page) -> list[str]:
    """Versions and descriptions, a line each."""
    return _listed([(str(row.version), row.description) for row in rows], page)


def _mode(one: Pending) -> str:
    if one.mode is None:
        return "refused"
    if one.steps_done or one.state is State.PARTIAL:
        return f"{one.mode}, {one.steps_done} of {one.steps} done"
    if one.state is State.OUT_OF_ORDER:
        return f"{one.mode}, {one.state.value}"
    return one.mode


def _listed(rows: Sequence[Sequence[str]], page: Page) -> list[str]:
    part = rows if page.everything or page.width is None else rows[:SHOWN]
    lines = columns(part, limit=page.width)
    if len(part) < len(rows):
        lines.append(f"  … and {len(rows) - len(part):,} more (--verbose shows all)")
    return lines


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], page: Page) -> list[str]:
    first, *rest = columns([head, *rows], limit=page.width, indent="")
    return [page.style(first, "dim"), *rest]


def _who(by: object, host: object) -> str:
    return "@".join(str(part) for part in (by, host) if part)


def _duration(milliseconds: object) -> str:
    return took(milliseconds / 1000) if isinstance(milliseconds, int | float) else ""
