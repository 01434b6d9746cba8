"""manticore status"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from ..call import Call
from ..index import Exit
from ..options import ALLOWANCES, FLEET, MIGRATIONS, OUTPUT, SETTINGS, VARIABLES
from ..result import Result
from ..terminal.layout import Layout
from ..terminal.text import one_line, safe
from ..verb import verb

if TYPE_CHECKING:
    from ...migrations.results import HookStatus, Pending, Status


@verb(*(MIGRATIONS, SETTINGS, VARIABLES, ALLOWANCES, FLEET, OUTPUT))
@click.option(
    "--exit-code",
    is_flag=True,
    help="Exit with 3 when something is pending, 6 when somebody has to look.",
)
@click.option(
    "--require-complete",
    is_flag=True,
    help="Exit with 3 unless everything is applied and every backfill complete.",
)
def command(call: Call, exit_code: bool, require_complete: bool) -> Result:
    """Show what is applied, what is pending and how it would run, and what is wrong.

    Changes nothing, and waits for nobody.
    """
    if call.fleet.fleet is not None:
        from .. import fleets

        return fleets.status(call, exit_code=exit_code, require_complete=require_complete)
    from ...migrations.directory import nothing_in

    with call.migration() as migration:
        found = migration.status()
        where = migration.db.settings.display()
        nothing = nothing_in(migration.migrations_dir) if found.clean else None
    directory = str(migration.migrations_dir)
    result = presented(found, where, directory, call.layout(), nothing, exit_code=exit_code)
    if require_complete and result.code == Exit.OK and not (found.clean and not found.backfills):
        return replace(result, code=Exit.PERSON if found.problems else Exit.PENDING)
    return result


def presented(
    found: Status,
    where: str,
    directory: str,
    layout: Layout,
    nothing: str | None = None,
    *,
    exit_code: bool,
) -> Result:
    """The status of a directory against a database; ``exit_code`` as the option says, ``nothing``
    what to say of a directory without migrations."""
    bold = layout.style
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
    if found.runner is not None and (found.runner.remaining or 0) > 0:
        from .lock import at_work

        lines.append(f"{bold('at work', 'bold')}    {safe(one_line(found.runner.owner or ''))}")
        lines += [f"         {line}" for line in at_work(found.runner)]
    if found.skipped:
        lines.append(f"{bold('skipped', 'bold')}    {len(found.skipped):,}")
    if found.pending:
        rows = [(str(p.version), p.description, _mode(p), _why(p)) for p in found.pending]
        lines += ["", bold("Pending", "bold"), *layout.listed(rows, whole=True)]
    if found.skipped:
        elsewhere = [(str(p.version), p.description) for p in found.skipped]
        title = "Skipped: meant for other environments"
        lines += ["", bold(title, "bold"), *layout.listed(elsewhere)]
    if found.backfills:
        left = [(one.name, one.state, f"{one.rows:,} rows done") for one in found.backfills]
        lines += ["", bold("Backfills that are not complete", "bold"), *layout.listed(left)]
    if found.repeatable:
        due = len(found.repeatable_due)
        lines.insert(5, f"{bold('repeatable', 'bold')} {len(found.repeatable):,}, {due:,} to run")
        told = [one for one in found.repeatable if one.state != "applied"]
        if told:
            lines += ["", bold("Repeatable files", "bold")]
            lines += layout.listed([(one.name, one.state, one.reason) for one in told])
    if found.hooks:
        around = [(one.name, one.when, _ran(one)) for one in found.hooks]
        lines += ["", bold("Hooks", "bold"), *layout.listed(around)]
    if any(one.state != "applied" for one in found.squashes):
        whole = [
            (str(one.version), f"stands for {len(one.versions):,} migrations", one.state)
            for one in found.squashes
            if one.state != "applied"
        ]
        lines += ["", bold("Squashed", "bold"), *layout.listed(whole)]
    if found.problems:
        lines += ["", bold("Problems", "red", "bold")]
        for one in found.problems:
            lines += layout.wrapped(one.message, "  ")
            if one.hint:
                lines += layout.hint(one.hint, "    ")
    if nothing is not None:
        lines += ["", safe(nothing)]
    elif found.clean:
        lines += ["", bold("Everything is applied.", "green")]
    data = {
        "current": found.current,
        "applied": found.applied,
        "pending": found.pending,
        "skipped": found.skipped,
        "problems": found.problems,
        "backfills": found.backfills,
        "repeatable": found.repeatable,
        "runner": found.runner,
        "squashes": found.squashes,
        "hooks": found.hooks,
        "server": found.server,
        "database": where,
        "directory": directory,
    }
    return Result(data, lines, code=_exit_code(found) if exit_code else Exit.OK)


def _exit_code(found: Status) -> int:
    """The exit code that says what a status amounts to."""
    from ...migrations.states import State

    if found.problems or any(p.state is State.PARTIAL or p.mode is None for p in found.pending):
        return Exit.PERSON
    return Exit.PENDING if found.pending or found.repeatable_due else Exit.OK


def _ran(one: HookStatus) -> str:
    if one.ran_at is None:
        return "has not run"
    about = "" if one.version is None else f" for {one.version}"
    return f"ran {one.ran_at:%Y-%m-%d %H:%M:%S}{about}"


def _why(one: Pending) -> str:
    """The reason for the mode, where it is not the one of nearly every migration."""
    from ...migrations.plan import ORDINARY

    return "" if one.reason in ORDINARY else one.reason


def _mode(one: Pending) -> str:
    from ...migrations.states import State

    if one.mode is None:
        return "refused"
    if one.steps_done or one.state is State.PARTIAL:
        return f"{one.mode}, {one.steps_done} of {one.steps} done"
    if one.state is State.OUT_OF_ORDER:
        return f"{one.mode}, {one.state.value}"
    return one.mode
