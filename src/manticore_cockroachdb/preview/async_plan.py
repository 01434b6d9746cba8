"""Ask a server what is needed to plan, and change nothing.

One message reads the history, one the journal, one or two what the statements' tables are like;
where the server can say what a schema change does (``EXPLAIN (DDL, SHAPE)``), one more for each
that is about a table it has. A right that is missing costs precision, never the plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg

from ..analysis.catalog import Catalog, SimulatedCatalog
from ..backfill.async_setup import async_table
from ..errors import MigrationError, Refused
from ..migrations.choose import VersionStatus
from ..migrations.file import MigrationFile
from ..migrations.plan import plan_script
from ..migrations.script import script_of
from ..runner.async_run import undo_script
from ..runner.async_session import AsyncSession, Rows
from ..runner.bookkeeping import ADDED
from . import facts as f
from .build import Planned, Read, Shape, build, named, read
from .model import Frame, Plan, PlannedHook
from .script import HOST
from .shape import may_be_explained, parse_shape

if TYPE_CHECKING:
    from ..backfill.catalog import Table
    from ..migrations.hooks import Hooks
    from ..migrations.repeatable import Repeatable
    from ..migrations.results import RepeatableStatus
    from ..migrations.status import Snapshot
    from ..migrations.values import Values

_FEW = 3  # tables whose sizes are asked for one by one
_COLUMNS = (
    "SELECT a.attname FROM pg_catalog.pg_attribute a"
    " JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relname = '_migrations' AND n.nspname = current_schema() AND a.attnum > 0"
)


async def async_plan_up(
    session: AsyncSession, snapshot: Snapshot, files: Sequence[MigrationFile]
) -> Plan:
    """What `migrate` would do with these files."""
    planned = []
    for file in files:
        try:
            script = script_of(file)
            plan = plan_script(script, session.caps)
        except MigrationError as error:
            planned.append(Planned(file.version, file.description, file.path, None, None, error))
        else:
            undo = tuple(script_of(file, down=True).nodes(session.caps.longest_name))
            about = (file.version, file.description, file.path, script, plan, None)
            known = () if file.is_program and file.has_undo else None
            reads = tuple(read(script, session.caps.longest_name))
            planned.append(Planned(*about, reads, undo or known))
    return await _plan(session, snapshot, planned, "up")


async def async_plan_down(
    session: AsyncSession,
    snapshot: Snapshot,
    chosen: Sequence[VersionStatus],
    values: Values | None = None,
) -> Plan:
    """What `rollback` would do with these migrations."""
    without = tuple(s.version for s in chosen if s.file is None or not s.file.has_undo)
    rows = await session.read(session.tables.read_undo(without)) if without else []
    stored = {int(version): undo for version, undo in rows if undo}
    planned = []
    for one in chosen:
        path = one.file.path if one.file else None
        try:
            script = undo_script(one, stored, values)
            plan = plan_script(script, session.caps)
        except MigrationError as error:
            planned.append(Planned(one.version, one.description, path, None, None, error))
        else:
            about = (one.version, one.description, path, script, plan, None)
            planned.append(Planned(*about, tuple(read(script, session.caps.longest_name))))
    return await _plan(session, snapshot, planned, "down")


async def async_plan_repeatable(
    session: AsyncSession, plan: Plan, files: Sequence[Repeatable], due: Sequence[RepeatableStatus]
) -> Plan:
    """The same plan with the repeatable files that would run after its migrations."""
    from ..migrations.objects import arranged, recorded_files
    from ..runner import script_table as t
    from ..runner.keeping import asking

    tables = session.tables
    objects = arranged(files)
    rows = await session.read(t.read(tables))
    recorded = recorded_files((name, c, d) for kind, name, c, _, d in rows if kind == "repeatable")
    found = objects.due(recorded, [one.name for one in due if one.state == "partial"])
    kept: dict[str, list[str]] = {}
    remade = objects.remade(found, recorded).values()
    if (query := asking(remade, cockroachdb=tables.cockroachdb)) is not None:
        for key, sql in (await session.fetch(query))[0]:
            kept.setdefault(str(key), []).append(str(sql))
    one = objects.round(found, recorded, kept)
    records = [("repeatable", f.name, f.checksum, f.detail) for f in one.files]
    record = [t.create(tables), t.upsert(tables, [*records], HOST, 0)]
    statements = [origin.sql for origin in one.script.origins]
    if session.caps.transactional_ddl:
        statements = [tables.begin, *statements, *record, "COMMIT"]
    else:
        statements += record
    frame = replace(plan.frame, repeatable=tuple(statements))
    return replace(plan, repeatable=tuple(due), frame=frame)


def plan_hooks(session: AsyncSession, plan: Plan, hooks: Hooks) -> Plan:
    """The same plan with the hooks that run around it."""
    from ..migrations.hooks import WHEN, hook_plan, runs

    found, texts = [], {}
    for name, when in WHEN.items():
        if (file := hooks.get(name)) is None:
            continue
        number = runs(name, len(plan.migrations), len(plan.repeatable))
        about = (name, file.path, when, number)
        try:
            planned = hook_plan(file, session.caps)
        except MigrationError as error:
            hook = PlannedHook(*about, "refused", error.message, error.hint, error.line)
        else:
            hook = PlannedHook(*about, planned.mode.value, planned.reason)
            texts[name] = planned
        found.append(hook)
    frame = replace(plan.frame, hooks=texts, hook_files=hooks)
    return replace(plan, hooks=tuple(found), frame=frame)


async def _plan(
    session: AsyncSession, snapshot: Snapshot, planned: Sequence[Planned], direction: str
) -> Plan:
    cockroachdb = session.tables.cockroachdb
    planned, walked = await _walked(session, planned)
    reads = [one for p in planned for one in p.reads]
    done: dict[int, frozenset[int]] = {}
    for version in {row.version for row in snapshot.journal if row.direction == direction}:
        mine = [r for r in snapshot.journal if (r.version, r.direction) == (version, direction)]
        done[version] = frozenset(r.ordinal for r in mine if r.state == "done")
    facts = await _facts(session, reads) if reads else Catalog()
    catalog = SimulatedCatalog(facts)
    shapes = (
        await async_read_shapes(session, reads, facts) if session.caps.explain_ddl_shape else {}
    )
    frame = Frame(
        tables=session.tables,
        setup=tuple(session.setup()),
        prepare=await _prepare(session) if planned else (),
        plans=tuple(p.plan for p in planned if p.plan is not None),
        done=tuple(sorted(done.items())),
        walked=tuple(walked.items()),
    )
    told = build(planned, catalog, shapes, done, cockroachdb=cockroachdb)
    return Plan(str(session.server), direction, told, frame)  # type: ignore[arg-type]


async def _walked(
    session: AsyncSession, planned: Sequence[Planned]
) -> tuple[list[Planned], dict[int, Table]]:
    """The tables of backfills that are there, by version; one that cannot be walked is refused."""
    found: dict[int, Table] = {}
    told: list[Planned] = []
    for one in planned:
        spec = one.script.backfill if one.script is not None else None
        if spec is not None:
            try:
                found[one.version], _ = await async_table(
                    session, spec, version=one.version, path=one.path
                )
            except psycopg.Error:  # its table is made by an earlier migration of this plan
                await session.rollback()
            except Refused as error:
                one = Planned(one.version, one.description, one.path, None, None, error)
        told.append(one)
    return told, found


async def _prepare(session: AsyncSession) -> tuple[str, ...]:
    """What makes or completes our tables; nothing where they are as they should be."""
    have = {row[0] for row in (await session.fetch(_COLUMNS))[0]}
    if not have:
        return (session.tables.create(),)
    if missing := {name for name, _ in ADDED} - have:
        assert missing
        return (session.tables.create(), *session.tables.upgrade())
    return ()


async def _facts(session: AsyncSession, reads: Iterable[Read]) -> Catalog:
    tables, indexes, functions = named(reads)
    found = (await _try(session, f.indexes(indexes)))[0] if indexes else []
    of_index = {(str(row[0]), str(row[1])): str(row[2]) for row in found}
    tables |= set(of_index.values())
    if session.tables.cockroachdb:
        path, columns, rows = await _try(
            session, f.PATH, f.columns(tables), f.rows_cockroachdb(tables)
        )
        sizes = await _ranges(session, columns, rows)
        return Catalog(_first(path), f.tables_of(columns, sizes), of_index)
    path, columns, checks, volatile, sizes = await _try(
        session,
        "SET lock_timeout = '2s'",  # a size waits for whoever locks the table; we do not
        f.PATH,
        f.columns(tables),
        f.checks(tables),
        f.volatile(functions),
        f.sizes_postgresql(tables),
    )
    return Catalog(
        _first(path),
        f.tables_of(columns, sizes, checks),
        of_index,
        frozenset(str(row[0]) for row in volatile),
    )


def _first(rows: Rows) -> tuple[str, ...]:
    return tuple(str(row[0]) for row in rows) or ("public",)


async def _try(session: AsyncSession, *questions: str) -> list[Rows]:
    """The answers to several questions; one by one, with none for what is refused, if need be."""
    answers = [q for q in questions if q.startswith("SELECT")]
    try:
        return (await session.fetch(";\n".join(questions)))[-len(answers) :]
    except psycopg.Error:
        await session.rollback()
    found: list[Rows] = []
    for question in questions:
        try:
            rows = (await session.fetch(question))[0]
        except psycopg.Error:
            await session.rollback()
            rows = []
        if question in answers:
            found.append(rows)
    return found


async def _ranges(session: AsyncSession, columns: Rows, rows: Rows) -> Rows:
    """Rows and bytes of each table. No rows by statistics may only mean that there are none."""
    known = {(str(s), str(t)): count for s, t, count in rows}
    keys = sorted({(str(row[0]), str(row[1])) for row in columns})
    sizes = await _bytes(session, keys)
    found: Rows = []
    for key in keys:
        size, count = sizes.get(key), known.get(key)
        if not count and size != 0:
            count = None
        found.append((*key, count, size))
    return found


async def _bytes(
    session: AsyncSession, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], int | None]:
    """Bytes of each table, as far as the server says.

    The answer for all tables has no schemas, and lacks a table made a moment ago; a few of
    those that it leaves open are asked for by themselves.
    """
    assert session.connection is not None
    sizes: dict[tuple[str, str], int | None] = {}
    left = list(keys)
    for details in (False, True):
        try:
            if len(keys) > _FEW and not details:
                text = f.all_bytes_cockroachdb(session.connection.info.dbname)
                rows = {str(name): size for name, size in (await session.fetch(text))[0]}
                times = Counter(name for _, name in keys)
                sizes = {k: rows[k[1]] for k in keys if k[1] in rows and times[k[1]] == 1}
                left = [key for key in keys if key not in sizes][:_FEW]
            texts = [f.bytes_cockroachdb(*key, details=details) for key in left]
            answers = await session.fetch(";\n".join(texts)) if texts else []
            return sizes | {key: a[0][0] for key, a in zip(left, answers, strict=True)}
        except psycopg.Error:
            await session.rollback()
    return {}


async def async_read_shapes(
    session: AsyncSession, reads: Iterable[Read], facts: Catalog
) -> dict[str, Shape]:
    """What the server itself says about its schema changes; what it will not explain is left."""
    shapes: dict[str, Shape] = {}
    names = {name for _, name in facts.tables}
    for one in reads:
        node = one.node
        table = getattr(node, "table", None) or getattr(node, "name", None)
        if not may_be_explained(node) or getattr(table, "name", None) not in names:
            continue
        try:
            rows = (await session.fetch(f"EXPLAIN (DDL, SHAPE) {one.sql}"))[0]
        except psycopg.Error:
            await session.rollback()
            continue
        shape = parse_shape("\n".join(str(row[0]) for row in rows))
        if shape is not None:
            shapes[one.sql] = shape
    return shapes
