"""manticore rollback"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from ...errors import ConfigError
from .. import ask
from ..call import Call
from ..options import (
    DEADLINE,
    FLEET,
    LEASE,
    MIGRATIONS,
    MISSING,
    OUTPUT,
    REPORTS,
    ROLLOUT,
    SETTINGS,
    VARIABLES,
    YES,
    complete_versions,
)
from ..result import Result
from ..terminal.stream import is_interactive
from ..terminal.text import count, one_line, safe
from ..verb import verb

if TYPE_CHECKING:
    from ...database import Database
    from ...preview.model import Plan
    from ...runner.deadline import When

_SHOWN = 40
# One name of a list, quoted or not, schema and all.
_NAME = re.compile(r'(?:"(?:[^"]|"")*"|[^",])+')


@verb(
    *(
        MIGRATIONS,
        SETTINGS,
        VARIABLES,
        LEASE,
        DEADLINE,
        MISSING,
        YES,
        REPORTS,
        FLEET,
        ROLLOUT,
        OUTPUT,
    )
)
@click.option("--count", "number", metavar="N", type=click.IntRange(min=1), help="The last N.")
@click.option(
    "--to",
    "target",
    metavar="VERSION",
    shell_complete=complete_versions,
    help="All whose version is higher.",
)
@click.option("--all", "everything", is_flag=True, help="All of them.")
def command(
    call: Call,
    number: int | None,
    target: str | None,
    everything: bool,
    deadline: When | None,
) -> Result:
    """Revert applied migrations, last applied first; the last one unless told otherwise.

    Says on which database and what. On a terminal it asks before a table with rows is dropped,
    and before it reverts more than one; elsewhere one is reverted as told, and more need --yes.
    When one of them has no undo part or no file here, none is touched.
    """
    if (number is not None) + (target is not None) + everything > 1:
        raise ConfigError(
            "--count, --to and --all exclude each other.", hint="name how far to go back once"
        )
    number = sys.maxsize if everything else number or 1
    if call.fleet.fleet is not None:
        from .. import fleets

        return fleets.rollback(call, number, target, deadline)
    with call.migration(progress=True) as migration:
        where, version = migration.db.settings.display(), None
        if target is not None:
            from ..arguments import Versioned, known_version

            known: list[Versioned] = [*migration.load_migrations(), *migration.status().applied]
            version = known_version(target, known, migration.migrations_dir)
        plan = migration.plan(version, rollback=True, count=number)
        if not plan.changes:
            call.console.info(f"database {safe(where)}")
        if not plan.refused:  # otherwise the rollback says why, and does nothing
            _agree(call, migration.db, plan, where)
        shown = [one.version for one in plan.migrations]
        done = migration.rollback(number, target_version=version, shown=shown, deadline=deadline)
    if not done:
        what = "nothing" if version is None else f"nothing newer than {version}"
        return Result({"rolled_back": []}, [f"Nothing to do: {what} is applied."], quiet=True)
    return Result(call.progress.data(), [f"{call.progress.summary()}."], quiet=True)


def _agree(call: Call, database: Database, plan: Plan, where: str) -> None:
    """Say what will be reverted, and ask where that is to be asked. Raises Declined."""
    lines = [
        f"database {safe(where)}",
        f"{count(len(plan.migrations), 'migration')} will be rolled back:",
        *_lines(plan, everything=call.console.verbose),
    ]
    several = len(plan.migrations) > 1
    interactive = is_interactive() and not call.yes
    lost = [*_with_rows(database, plan)] if interactive else []
    if lost:
        lines.append(f"there are rows in {safe(', '.join(lost))}")
    if (several or lost) and not call.yes:
        ask.permission(
            call,
            lines,
            "Roll them back?" if several else "Roll it back?",
            refused="Rolling back more than one migration needs an answer.",
        )
    elif plan.changes:
        for line in lines:
            call.console.info(line)


def _lines(plan: Plan, *, everything: bool) -> Iterator[str]:
    shown = plan.migrations if everything else plan.migrations[:_SHOWN]
    for one in shown:
        yield f"  {one.version}  {safe(one_line(one.description))}".rstrip()
        for statement in one.statements:
            if statement.destroys and not statement.done:
                yield f"    destroys {safe(one_line(statement.destroys))}"
    if len(shown) < len(plan.migrations):
        yield f"  … and {len(plan.migrations) - len(shown):,} more (--verbose shows all)"


def _with_rows(database: Database, plan: Plan) -> Iterator[str]:
    """What is dropped or emptied and holds rows, or may. Statistics do not know of a few."""
    for statement in plan.statements():
        if not statement.destroys or statement.done:
            continue
        if statement.verb in ("DROP SCHEMA", "DROP DATABASE"):
            yield statement.object
        if statement.verb not in ("DROP TABLE", "TRUNCATE"):
            continue
        for name in (found.strip() for found in _NAME.findall(statement.object)):
            if _has_rows(database, name):
                yield name


def _has_rows(database: Database, table: str) -> bool:
    import psycopg

    try:
        return bool(database.execute(f"SELECT 1 FROM {table} LIMIT 1"))
    except psycopg.errors.UndefinedTable:
        return False
    except psycopg.Error:  # no right to look
        return True
