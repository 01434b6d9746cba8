"""AsyncLooking: asks how targets stand, see `look`, and decides what there is to do in each.

Schemas of one database are asked over one connection, in three messages: the catalog, the marks,
one target of each mark whole. Databases are asked over a connection each, side by side; whose mark
was seen already need not be read whole.

What cannot be looked at is no reason to know nothing of the others: a chunk that fails is halved
until the target that it fails for is alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import psycopg

from ..dialect import server_of
from ..errors import ConfigError, ManticoreError, NoSuchDatabase
from ..migrations.choose import Recorded
from ..outcome import absent
from ..parser.quoting import quote
from ..runner.async_session import AsyncSession
from ..runner.home import no_schema
from .look import (
    CHUNK,
    DATABASES,
    FREE,
    NEVER_MIGRATED,
    OBJECTS,
    OBJECTS_LIMIT,
    USUAL_LIMIT,
    USUAL_PATHS,
    Look,
    Standing,
    backfills_query,
    mark_query,
    marks_query,
    schemas_query,
    standing_of,
    standing_queries,
)
from .spec import Target, same_place, too_long

if TYPE_CHECKING:
    from ..async_database import AsyncDatabase
    from ..dialect import Engine
    from ..runner.events import Listener

T = TypeVar("T")
_WHOLE = 50  # targets that are read whole in one message
_NAMES = 1_000  # names in one question to the catalog
_IDENTITY = {
    "postgresql": "SELECT concat_ws(' ', pg_postmaster_start_time(), current_setting('port'),"
    " current_database(), current_schema())",
    "cockroachdb": "SELECT concat_ws(' ', crdb_internal.cluster_id()::TEXT, current_database(),"
    " current_schema())",
}
# What a target may have of our tables: the usual, with repeatable files, a history alone.
_KINDS = ((True, False), (True, True), (False, False))


class Present(NamedTuple):
    """Which of our tables a target with a history has besides it."""

    steps: bool
    scripts: bool
    backfills: bool = False


class AsyncLooking:
    """Looks at targets; ``found`` holds what it has seen so far, by name."""

    def __init__(self, listener: Listener, *, repeatable: bool) -> None:
        self.listener = listener
        self.repeatable = repeatable
        self.found: dict[str, Look] = {}
        self.engine: Engine | None = None
        self.free: int | None = None  # connections that PostgreSQL has left
        self.objects: int | None = None  # of CockroachDB, and where it stops, if it does
        self.objects_limit: int | None = None
        self.whole = False  # whether each is read whole, also where others stand alike
        self.backfills = False  # whether to ask for backfills that are not complete
        self._standing: dict[str, Standing] = {}  # by mark
        self.same: list[ConfigError] = []  # targets whose URLs lead to one database
        self._identities: dict[str, str] = {}

    # --- all in a few messages -------------------------------------------------------------

    async def together(self, database: AsyncDatabase, targets: Sequence[Target]) -> bool:
        """Look at schemas of one database, or databases of one CockroachDB, over one connection;
        False where that cannot be done. Raises ConnectionFailed."""
        session = AsyncSession(database, {}, self.listener, writes=False)
        await session.open_at_first()
        try:
            crdb = await _settle(session)
            self.engine = session.server.engine
            if crdb:
                await self._count_objects(session)
            else:
                self.free = int((await session.fetch(FREE))[0][0][0])
            wanted = [one for one in targets if not self._cut(one, crdb=crdb)]
            if not wanted or wanted[0].schema is not None:
                tables = await self._of_schemas(session, wanted)
            elif crdb and (found := await self._of_databases(session)) is not None:
                tables = found
            else:
                return False
            known: dict[Target, Present] = {}
            for target in wanted:
                place = target.schema or target.database or ""
                if place not in tables:
                    self._missing(target)
                elif (having := tables[place]) is None:
                    self.found[target.name] = Look()
                else:
                    known[target] = having
            await self._marked(session, known)
            if self.backfills:
                await self._of_backfills(session, [t for t in known if known[t].backfills])
            return True
        finally:
            await session.close()

    async def _of_schemas(
        self, session: AsyncSession, targets: Sequence[Target]
    ) -> dict[str, Present | None]:
        """Which of these schemas there are, and what each has of our tables; None: no history."""
        found: dict[str, Present | None] = {}
        for part in _chunks(targets, _NAMES):
            names = [str(target.schema) for target in part]
            query = schemas_query(names, cockroachdb=session.server.engine == "cockroachdb")
            for name, history, *others in (await session.fetch(query))[0]:
                found[name] = Present(*map(bool, others)) if history else None
        return found

    async def _of_databases(self, session: AsyncSession) -> dict[str, Present | None] | None:
        """The same of CockroachDB's databases, which one connection can read across; None where
        this user's tables are not in the usual schema, or the catalog of all is not to be read."""
        try:
            *_, names, rows, path = await session.fetch(_internals(session) + DATABASES)
        except psycopg.Error as error:
            if error.sqlstate is None:
                raise
            await session.rollback()
            return None
        if path[0][0].replace(" ", "") not in USUAL_PATHS:
            return None
        found: dict[str, Present | None] = {str(row[0]): None for row in names}
        for name, history, *others in rows:
            if history:
                found[str(name)] = Present(*map(bool, others))
        return found

    async def _marked(self, session: AsyncSession, tables: dict[Target, Present]) -> None:
        marks: dict[Target, str] = {}

        async def ask(part: Sequence[Target]) -> None:
            selects = {
                str(i): mark_query(
                    _at(target), steps=tables[target].steps, scripts=tables[target].scripts
                )
                for i, target in enumerate(part)
            }
            for key, mark in (await session.fetch(marks_query(selects)))[0]:
                marks[part[int(key)]] = mark

        if self.whole:
            marks = {target: target.name for target in tables}
        else:
            await self._halving(session, list(tables), CHUNK[session.server.engine], ask)
        first: dict[str, Target] = {}
        for target, mark in marks.items():
            first.setdefault(mark, target)
        whole = {target: mark for mark, target in first.items()}

        async def read(part: Sequence[Target]) -> None:
            queries = [
                standing_queries(
                    _at(target), steps=tables[target].steps, scripts=tables[target].scripts
                )
                for target in part
            ]
            sets = iter(await session.fetch(";\n".join(q for some in queries for q in some)))
            for target, some in zip(part, queries, strict=True):
                steps, scripts, _ = tables[target]
                rows = list(islice(sets, len(some)))
                self._standing[whole[target]] = standing_of(rows, steps=steps, scripts=scripts)

        await self._halving(session, list(whole), _WHOLE, read)
        for target, mark in marks.items():
            if mark in self._standing:
                self.found[target.name] = Look(self._standing[mark])
            elif target.name not in self.found:  # the one that was to be read whole is gone
                await self._single(session, target)

    async def _of_backfills(self, session: AsyncSession, targets: Sequence[Target]) -> None:
        async def ask(part: Sequence[Target]) -> None:
            query = " UNION ALL ".join(backfills_query(one.name, _at(one)) for one in part)
            rows = (await session.fetch(f"{query} ORDER BY 1, 2"))[0]
            for one in part:
                mine = tuple((str(n), str(state)) for key, n, state in rows if key == one.name)
                self.found[one.name] = replace(self.found[one.name], backfills=mine)

        await self._halving(session, targets, CHUNK[session.server.engine], ask)

    async def _count_objects(self, session: AsyncSession) -> None:
        """How many objects the cluster has, and where it stops: None where it would not say."""
        try:
            self.objects = int((await session.fetch(_internals(session) + OBJECTS))[-1][0][0])
            if session.caps.limits_objects:
                self.objects_limit = int((await session.fetch(OBJECTS_LIMIT))[0][0][0])
        except psycopg.Error as error:
            if error.sqlstate is None:
                raise
            await session.rollback()
            if session.caps.limits_objects and self.objects is not None:
                self.objects_limit = USUAL_LIMIT  # this user may not see the setting

    async def _halving(
        self,
        session: AsyncSession,
        targets: Sequence[Target],
        size: int,
        ask: Callable[[Sequence[Target]], Awaitable[None]],
    ) -> None:
        """Ask of so many targets at once; of one alone where a question fails."""
        parts = list(_chunks(targets, size))[::-1]
        while parts:
            part = parts.pop()
            try:
                await ask(part)
            except psycopg.Error as error:
                if error.sqlstate is None:  # the connection is lost
                    raise
                await session.rollback()
                if len(part) == 1:
                    await self._single(session, part[0])
                else:
                    half = len(part) // 2
                    parts += [part[half:], part[:half]]

    async def _single(self, session: AsyncSession, target: Target) -> None:
        """Look at one target of which something could not be read."""
        try:
            self.found[target.name] = Look(await _whole(session, _at(target)))
        except psycopg.Error as error:
            if error.sqlstate is None:
                raise
            await session.rollback()
            if absent(error.sqlstate) == "schema":  # it was dropped while we looked
                self._missing(target)
            else:
                self.found[target.name] = Look(error=error)

    # --- one by one ------------------------------------------------------------------------

    async def alone(self, database: AsyncDatabase, target: Target) -> None:
        """Look at a target that is a database. Never raises for what is wrong with this one."""
        try:
            session = AsyncSession(database, {}, self.listener, writes=False)
            if self._cut(target, crdb=False):
                return
            await session.open_at_first()
            try:
                standing = await self._asked(session, target)
                backfills = await self._backfills_in(session) if self.backfills else ()
                self.found[target.name] = Look(standing, backfills)
            finally:
                await session.close()
        except (ManticoreError, psycopg.Error) as error:
            if isinstance(error, NoSuchDatabase | psycopg.errors.InvalidCatalogName):
                self._missing(target)
            else:
                self.found[target.name] = Look(error=error)

    async def _asked(self, session: AsyncSession, target: Target) -> Standing:
        before = f"{_IDENTITY[session.server.engine]};\n" if target.url is not None else ""
        kinds = (_KINDS[1], _KINDS[0], _KINDS[2]) if self.repeatable else (_KINDS[0], _KINDS[2])
        lacks = None
        for steps, scripts in kinds:
            try:
                *identity, marks = await session.fetch(
                    before + mark_query("", steps=steps, scripts=scripts)
                )
            except psycopg.Error as error:
                if (lacks := absent(error.sqlstate)) is None:
                    raise
                await session.rollback()
                continue
            if identity:
                self._identify(target, str(identity[0][0][0]))
            mark = f"{steps} {scripts} {marks[0][0]}"
            if self.whole or mark not in self._standing:
                queries = standing_queries("", steps=steps, scripts=scripts)
                sets = await session.fetch(";\n".join(queries))
                self._standing[mark] = standing_of(sets, steps=steps, scripts=scripts)
            return self._standing[mark]
        if before:
            self._identify(target, str((await session.fetch(before))[0][0][0]))
        return NEVER_MIGRATED if lacks == "table" else await _whole(session, "")

    async def _backfills_in(self, session: AsyncSession) -> tuple[tuple[str, str], ...]:
        rows = await session.read(backfills_query("", "") + " ORDER BY name")
        return tuple((str(name), str(state)) for _, name, state in rows)

    def _identify(self, target: Target, identity: str) -> None:
        """Note where a target's URL leads, and whether another's leads there too."""
        other = self._identities.setdefault(identity, target.name)
        if other != target.name:
            self.same.append(same_place(other, target.name, "their URLs lead to one database"))

    # --- inside ----------------------------------------------------------------------------

    def _missing(self, target: Target) -> None:
        error: ManticoreError = NoSuchDatabase(
            f"There is no {target.place}.", hint="create it (--create does), or leave it out"
        )
        if target.schema is not None:
            error = no_schema(target.schema)
        self.found[target.name] = Look(missing=True, error=error)

    def _cut(self, target: Target, *, crdb: bool) -> bool:
        """Whether PostgreSQL would cut the target's name, which is remembered as its error."""
        error = None if crdb else too_long(target)
        if error is not None:
            self.found[target.name] = Look(error=error)
        return error is not None


async def _settle(session: AsyncSession) -> bool:
    """Let no timeout end what is asked; return whether this is CockroachDB, also where a pooler
    hides it."""
    sets = await session.fetch("SET statement_timeout = 0;\nSELECT version()")
    version = str(sets[1][0][0])
    if session.server.engine == "postgresql" and version.startswith("CockroachDB"):
        session.know(server_of(version, 0))
    return session.server.engine == "cockroachdb"


def _internals(session: AsyncSession) -> str:
    """What lets this session read CockroachDB's own tables, where it has to be asked for."""
    return "SET allow_unsafe_internals = on;\n" if session.caps.unsafe_internals_blocked else ""


async def _whole(session: AsyncSession, at: str) -> Standing:
    """How one target stands, whatever it has of our tables, and of an old version's."""
    lacks = None
    for steps, scripts in ((True, True), *_KINDS):
        try:
            sets = await session.fetch(
                ";\n".join(standing_queries(at, steps=steps, scripts=scripts))
            )
            return standing_of(sets, steps=steps, scripts=scripts)
        except psycopg.Error as error:
            lacks = absent(error.sqlstate)
            if lacks not in ("table", "column"):
                raise
            await session.rollback()
    if lacks == "table":
        return NEVER_MIGRATED
    rows = await session.read(f"SELECT version, description FROM {at}_migrations")  # of 0.3.1
    return Standing(tuple(Recorded(row[0], str(row[1]), None) for row in rows))


def _at(target: Target) -> str:
    """What stands before the names of a target's tables, where one connection reads many."""
    if target.schema is not None:
        return f"{quote(target.schema)}."
    return f"{quote(str(target.database))}.public."


def _chunks(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
