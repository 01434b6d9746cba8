"""A plan as SQL that a person can run by hand, history included.

It is what the executor sends, without what only concurrent runners and lost connections need:
lease, fence and journal. Afterwards history and catalog are what `migrate` leaves, and `migrate`
goes on from there. Statements that no transaction covers stand alone, so the script is for a
client that sends one statement after another, such as ``psql -v ON_ERROR_STOP=1 -f``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..backfill.by_hand import ByHand
from ..backfill.job import name_of
from ..backfill.tables import BackfillTables
from ..errors import Refused
from ..migrations.script import MigrationPlan, Mode, Step
from ..own_tables import HISTORY, STEPS
from ..parser import nodes as n
from ..parser.quoting import literal, quote
from ..runner.bookkeeping import Tables
from ..runner.script_table import create, upsert

if TYPE_CHECKING:
    from ..backfill.catalog import Table
    from ..migrations.backfill import Backfill
    from .model import Frame, Plan

HOST = "plan --sql"


def script(plan: Plan) -> str:
    """The whole script; the empty text when there is nothing to run. Raises Refused."""
    if plan.refused:
        first = plan.refused[0]
        raise Refused(
            f"Migration {first.version} would be refused, so there is no script: {first.reason}",
            version=first.version,
            path=first.path,
            line=first.line,
            hint=first.hint,
        )
    if plan.refused_hooks:
        hook = plan.refused_hooks[0]
        raise Refused(
            f"The hook {hook.name} would be refused, so there is no script: {hook.reason}",
            path=hook.path,
            line=hook.line,
            hint=hook.hint,
        )
    for one in plan.frame.plans:
        if one.script.is_program:
            raise Refused(
                f"Migration {one.version} is Python and cannot be written as SQL.",
                version=one.version,
                path=one.script.path,
                hint="a script up to the migration before it: --to; itself it runs with"
                " `manticore migrate`",
            )
    if not plan.changes:
        return ""
    return "\n".join(_lines(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    frame = plan.frame
    what = "Apply" if plan.direction == "up" else "Roll back"
    count = len(plan.migrations)
    also = " and repeatable files" if plan.repeatable else ""
    yield f"-- {what} {count} migration{'' if count == 1 else 's'}{also}, for {plan.server}."
    yield "-- Let nobody else migrate meanwhile, and stop at the first error:"
    yield "--   psql -v ON_ERROR_STOP=1 -f this_file.sql"
    yield ""
    yield from (f"{line};" for line in frame.setup)
    yield from (f"{line};" for line in frame.prepare)
    done, walked = dict(frame.done), dict(frame.walked)
    if frame.hooks:
        yield from ("", f"{create(frame.tables)};")
    yield from _hook(frame, "before_migrate")
    for one in frame.plans:
        yield from _hook(frame, "before_each", one.version)
        yield ""
        yield f"-- {one.version} {' '.join(one.script.description.split())}"
        yield from _migration(one, frame.tables, done.get(one.version), walked.get(one.version))
        if one.changes_session:
            yield from (f"{line};" for line in (*_restore(one, frame.tables), *frame.setup))
        yield from _hook(frame, "after_each", one.version)
    if frame.repeatable:
        yield from ("", "-- repeatable files")
        yield from (f"{line};" for line in frame.repeatable)
    yield from _hook(frame, "after_migrate")


def _hook(frame: Frame, name: str, version: int | None = None) -> Iterator[str]:
    """A hook, with what records it."""
    plan, tables = frame.hooks.get(name), frame.tables
    if plan is None:
        return
    row = ("hook", name, frame.hook_files[name].checksum, json.dumps({"version": version}))
    record = f"{upsert(tables, [row], HOST, 0)};"
    yield from ("", f"-- the hook {name}")
    if plan.mode is Mode.TRANSACTION:
        yield from (f"{tables.begin};", f"{plan.step_sql(plan.steps[0])};", record, "COMMIT;")
    else:
        for step in plan.steps:
            yield from _step(plan, step, tables)
        yield record
    if plan.changes_session:
        yield from (f"{line};" for line in (*_restore(plan, tables), *frame.setup))


def _migration(
    plan: MigrationPlan, tables: Tables, done: frozenset[int] | None, table: Table | None
) -> Iterator[str]:
    record = [f"{_record(plan, tables)};"]
    if done is not None:
        record.append(f"{tables.clear_steps(plan.version)};")
    if plan.script.backfill is not None and table is not None:
        yield from _by_hand(plan, plan.script.backfill, table, tables).lines()
    elif plan.script.backfill is not None:
        spec = plan.script.backfill
        yield "-- Its table is made above, so here it is one transaction over all rows; `manticore"
        yield "-- migrate` runs it in batches."
        condition = f"({spec.where})" if spec.where is not None else "true"
        yield f"{tables.begin};"
        yield from (f"{one.fill(lambda _: condition)};" for one in spec.templates)
        yield from record
        yield "COMMIT;"
    elif plan.mode is Mode.TRANSACTION and done is None:
        yield f"{tables.begin};"
        yield f"{plan.step_sql(plan.steps[0])};"
        yield from record
        yield "COMMIT;"
    else:
        for step in plan.steps:
            if done is not None and step.ordinal in done:
                yield f"-- step {step.ordinal + 1} is done"
                continue
            yield from _step(plan, step, tables)
        yield f"{tables.begin};"
        yield from record
        yield "COMMIT;"


def _by_hand(plan: MigrationPlan, spec: Backfill, table: Table, tables: Tables) -> ByHand:
    version, direction, step = plan.version, plan.script.direction, plan.steps[0]
    name, ours = name_of(version, direction), BackfillTables(tables.schema, tables.cockroachdb)
    applied = f"SELECT count(*) AS c FROM {tables.name(HISTORY)} WHERE version = {version}"
    record = [_record(plan, tables), tables.clear_steps(version)]
    if direction == "up":
        guard = f"SELECT 1 / (1 - c) AS not_applied_yet FROM ({applied}) AS h"
    else:
        half = ours.incomplete((version,))
        guard = (
            f"SELECT c / (1 - (SELECT count(*) FROM ({half}) AS b)) / c AS applied_as_a_whole"
            f" FROM ({applied}) AS h"
        )
        record += [*ours.forget(name_of(version, "up")), *ours.forget(name)]
    return ByHand(
        name,
        version,
        direction,
        table,
        spec,
        ours,
        guard,
        tables.start_step(version, direction, step.ordinal, plan.step_hash(step), None, 0),
        f"SELECT 1 FROM {tables.name(STEPS)} WHERE version = {version} AND direction ="
        f" {literal(direction)} AND history = {tables.identity}",
        [f"{one};" for one in record],
    )


def _step(plan: MigrationPlan, step: Step, tables: Tables) -> Iterator[str]:
    body = f"{plan.step_sql(step)};"
    if step.atomic:
        yield from (f"{tables.begin};", body, "COMMIT;")
    else:
        yield body


def _record(plan: MigrationPlan, tables: Tables) -> str:
    script = plan.script
    if script.direction == "down":
        return tables.delete_history(plan.version, *script.squashes)
    return tables.insert_history(
        tables.history_row(
            version=plan.version,
            description=script.description,
            checksum=script.checksum,
            undo=script.undo,
            mode=plan.mode.value,
            host=HOST,
            token=None,
        )
    )


def _restore(plan: MigrationPlan, tables: Tables) -> Sequence[str]:
    """What gives the next migration the session that a new connection has."""
    if not tables.cockroachdb:
        return ("RESET SESSION AUTHORIZATION", "RESET ALL")
    nodes = plan.script.nodes()
    names = [x.name for x in nodes if isinstance(x, n.SetVar) and x.scope == "session"]
    return [f"RESET {'.'.join(map(quote, name.split('.')))}" for name in dict.fromkeys(names)]
