"""manticore plan: for people, for programs, as SQL."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import click

from ...analysis.cost import Work
from ...analysis.undo import Undo
from ...errors import ConfigError
from ..call import Call
from ..index import Exit
from ..options import (
    ALLOWANCES,
    FLEET,
    MIGRATIONS,
    OUTPUT,
    SETTINGS,
    VARIABLES,
    complete_versions,
)
from ..result import Result
from ..terminal.layout import SHOWN, Layout
from ..terminal.text import count, one_line, safe
from ..verb import verb

if TYPE_CHECKING:
    from ...analysis.catalog import Size
    from ...preview.model import Plan, PlannedHook, PlannedMigration, PlannedStatement

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


@verb(*(MIGRATIONS, SETTINGS, VARIABLES, ALLOWANCES, FLEET, OUTPUT))
@click.option(
    "--to",
    "target",
    metavar="VERSION",
    shell_complete=complete_versions,
    help="The last one to apply, or to keep.",
)
@click.option("--rollback", is_flag=True, help="What `rollback` would do.")
@click.option(
    "--count",
    "number",
    metavar="N",
    type=click.IntRange(min=1),
    help="With --rollback: the last N.",
)
@click.option("--sql", is_flag=True, help="Print the script that a person could run by hand.")
@click.option(
    "--exit-code",
    is_flag=True,
    help="Exit with 3 when something would run, 4 when some of it is dangerous, 6 when it would"
    " be refused.",
)
def command(
    call: Call, target: str | None, rollback: bool, number: int | None, sql: bool, exit_code: bool
) -> Result:
    """Show what would run, in order, what it costs and what it destroys.

    Nothing is changed, and nobody waits. Sizes are those of the server's statistics; a table that
    the plan itself makes counts as empty.
    """
    if number is not None and (not rollback or target is not None):
        raise ConfigError(
            "--count is for --rollback, and excludes --to.",
            hint="`manticore plan --rollback --count 2`, or `manticore plan --to VERSION`",
        )
    return show(call, target, rollback=rollback, number=number, sql=sql, exit_code=exit_code)


def show(
    call: Call,
    target: str | None,
    *,
    rollback: bool = False,
    number: int | None = None,
    sql: bool = False,
    exit_code: bool = False,
) -> Result:
    """The plan as `plan` and `migrate --dry-run` show it."""
    if call.fleet.fleet is not None:
        return _of_fleet(call, target, number or 1, rollback=rollback, sql=sql, exit_code=exit_code)
    from ...migrations.directory import nothing_in
    from ..arguments import Versioned, known_version

    with call.migration() as migration:
        if target is not None:
            known: list[Versioned] = [*migration.load_migrations()]
            known += migration.status().applied if rollback else ()
            known_version(target, known, migration.migrations_dir)
        plan = migration.plan(target, rollback=rollback, count=number or 1)
        nothing = None if plan.changes or rollback else nothing_in(migration.migrations_dir)
        where, directory = migration.db.settings.display(), str(migration.migrations_dir)
    code = _exit_code(plan) if exit_code else Exit.OK
    if sql:
        return _as_sql(plan, where, directory, code)
    return presented(plan, where, directory, call.layout(), code, nothing)


def _of_fleet(
    call: Call, target: str | None, number: int, *, rollback: bool, sql: bool, exit_code: bool
) -> Result:
    """A plan for each group of targets that have the same to do, with the costs in the first."""
    from .. import fleets

    fleets.refuse(sql=sql)
    chosen, layout = call.fleet, call.layout()
    with fleets.fleet_of(call) as fleet:
        found = fleet.plan(target, rollback=rollback, count=number, **chosen.whom)
        where, directory = fleet.where, str(fleet.migrations_dir)
    due = sum(len(group.names) for group in found.groups)
    targets = due + len(found.idle) + len(found.failed)
    lines = [f"{safe(where)}: {count(targets, 'target')}, {due:,} with something to do"]
    for group in found.groups:
        names = fleets.names_of(group.names, everything=layout.everything)
        lines += ["", layout.style(safe(names), "bold")]
        lines += _lines(group.plan, group.names[0], directory, layout, None)
    lines += fleets.error_lines("Cannot be planned", found.failed, layout)
    code = Exit.OK
    if found.failed:
        code = fleets.code_of_errors(error for _, error in found.failed)
    elif exit_code:
        code = max((_exit_code(group.plan) for group in found.groups), default=Exit.OK)
    data = {
        "fleet": chosen.fleet,
        "targets": targets,
        "nothing_to_do": list(found.idle),
        "groups": [
            {"targets": list(g.names), "plan": _data(g.plan, g.names[0], directory)}
            for g in found.groups
        ],
        "failed": [fleets.failed(name, error) for name, error in found.failed],
    }
    return Result(data, lines, code)


def _exit_code(plan: Plan) -> int:
    """What ``--exit-code`` ends with."""
    if plan.refused or plan.refused_hooks:
        return Exit.PERSON
    if plan.dangerous:
        return Exit.DANGEROUS
    return Exit.PENDING if plan.changes else Exit.OK


def presented(
    plan: Plan,
    where: str,
    directory: str,
    layout: Layout,
    code: int = Exit.OK,
    nothing: str | None = None,
) -> Result:
    """The plan as a command's result; ``nothing`` is said of a directory without migrations."""
    data = partial(_data, plan, where, directory)
    return Result(data, [*_lines(plan, where, directory, layout, nothing)], code)


def _as_sql(plan: Plan, where: str, directory: str, code: int = Exit.OK) -> Result:
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
        "repeatable": plan.repeatable,
        "hooks": plan.hooks,
        "server": plan.server,
        "database": where,
        "directory": directory,
    }


def _lines(
    plan: Plan, where: str, directory: str, layout: Layout, nothing: str | None
) -> Iterator[str]:
    style = layout.style
    yield f"{style('database', 'bold')}   {safe(where)}  ({one_line(plan.server)})"
    yield f"{style('directory', 'bold')}  {safe(directory)}"
    if nothing is not None:
        yield from ("", *layout.wrapped(nothing, ""))
        return
    if not plan.changes:
        done = "everything is applied" if plan.direction == "up" else "nothing is applied"
        yield from ("", style(f"Nothing to do: {done}.", "green"))
        return
    for migration in plan.migrations:
        yield ""
        yield from _migration(migration, layout)
    if plan.repeatable:
        yield from ("", style("Repeatable files", "bold"))
        yield from layout.listed([(one.name, one.reason) for one in plan.repeatable])
    if plan.hooks:
        yield from ("", style("Hooks", "bold"))
        yield from layout.listed([(one.name, _often(one), one.when) for one in plan.hooks])
    for hook in plan.refused_hooks:
        place = hook.path if hook.line is None else f"{hook.path}:{hook.line}"
        yield from layout.wrapped(f"{hook.name} {style('refused', 'red', 'bold')}", "  ")
        yield from layout.wrapped(hook.reason, "    ")
        yield from layout.wrapped(f"--> {place}", "    ")
        if hook.hint:
            yield from layout.wrapped(f"hint: {hook.hint}", "    ", "cyan")
    yield ""
    yield from layout.wrapped(_summary(plan), "")


def _often(one: PlannedHook) -> str:
    return "once" if one.runs == 1 else f"{one.runs:,} times" if one.runs else "does not run"


def _migration(one: PlannedMigration, layout: Layout) -> Iterator[str]:
    from ...migrations.plan import ORDINARY

    style = layout.style
    title = style(f"{one.version} {one_line(one.description)}".rstrip(), "bold")
    if one.mode == "refused":
        yield f"{title}  {style('refused', 'red', 'bold')}"
        yield from layout.wrapped(f"{one.reason}", "  ")
        if one.path:
            place = one.path if one.line is None else f"{one.path}:{one.line}"
            yield from layout.wrapped(f"--> {place}", "  ")
        if one.hint:
            yield from layout.wrapped(f"hint: {one.hint}", "  ", "cyan")
        return
    how = "in one transaction" if one.mode == "transaction" else f"in {count(one.steps, 'step')}"
    own = one.mode in ("backfill", "python")
    told = one.reason if own else f"{how}: {one.reason}"
    yield title
    # What is said of nearly every migration would hide the others.
    yield from layout.wrapped(how if one.reason in ORDINARY else told, "  ", "dim")
    shown = one.statements if layout.everything else one.statements[:SHOWN]
    for statement in shown:
        yield from _statement(statement, layout, has_undo=one.has_undo)
    if len(shown) < len(one.statements):
        rest = len(one.statements) - len(shown)
        yield f"  … and {count(rest, 'statement')} more (--verbose shows all)"
    if one.undo is not None:
        colour = {Undo.YES: "green", Undo.NO: "red"}.get(one.undo, "yellow")
        text = _UNDO[one.undo] if one.has_undo else "has no undo part"
        yield from layout.wrapped(text, "  ", colour)


def _statement(one: PlannedStatement, layout: Layout, *, has_undo: bool) -> Iterator[str]:
    times = f"  × {one.times:,}" if one.times > 1 else ""
    done = "  (done by an earlier run)" if one.done else ""
    yield from layout.wrapped(f"{one.verb} {one.object}".rstrip() + times + done, "  - ", hang=4)
    facts = [_size(one.size)] if one.size is not None else []
    facts += [_WORK[w] for w in (one.work if Work.REWRITE not in one.work else (Work.REWRITE,))]
    if one.lock is not None and (one.blocks or one.work):
        on = f" on {one.lock_on}" if one.size is None and one.lock_on else ""
        who = f"blocks {one.blocks}" if one.blocks else "blocks nobody"
        facts.append(f"{one.lock}{on} {who}")
    if facts:
        yield from layout.wrapped("; ".join(facts), "    ", "dim")
    for why in one.why:
        yield from layout.wrapped(why, "    ", "dim")
    for danger in one.dangers:
        yield from layout.wrapped(f"danger: {danger}", "    ", "red")
    if has_undo and one.undo is Undo.NO:
        yield from layout.wrapped("the undo part does not take it back", "    ", "yellow")


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
    if plan.repeatable:
        text += f", {count(len(plan.repeatable), 'repeatable file')}"
    dangerous = sum(s.dangerous for s in plan.statements())
    parts = [f"{dangerous:,} dangerous" if dangerous else "none dangerous"]
    if lasting := sum(m.undo is Undo.NO for m in plan.migrations):
        parts.append(f"{count(lasting, 'migration')} cannot be undone")
    if refused := len(plan.refused) + len(plan.refused_hooks):
        parts.append(f"{refused:,} refused, so nothing would run")
    return "; ".join((text, *parts))
