"""A backfill as a script for psql, which a person runs where no manticore is; pure.

psql cannot loop, but ``\\gexec`` sends each value of an answer as a message. So one query cuts what
is left of the walk into batches, and gives for each the message that a worker would send: BEGIN,
the statements, fence and cursor, COMMIT. What is noted is what `migrate` notes; so a script that
was stopped may be run again, or `migrate` goes on where it was, and what runs twice at once or too
late fails at the fence. Keys are put into messages by the server's ``quote_literal``, piece by
piece: a key is never read as SQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..migrations.backfill import Backfill
from ..migrations.file import checksum
from ..own_tables import BACKFILLS, FAILURES, RANGES
from ..parser.quoting import literal, nullable, quote
from .catalog import Table
from .keys import Key, Walk, encode
from .tables import BackfillTables

HOST = "plan --sql"
LEASE = 600
"""Seconds that others leave a script alone whose session they cannot see."""

SIZE = 5_000
"""Rows a batch where -- @batch does not set narrower bounds."""


@dataclass(frozen=True, slots=True)
class ByHand:
    """What a script of one backfill needs: `guard` fails where it must not run, `begin` writes its
    row of the journal and `begun` looks for it, `record` is what stands in its last transaction."""

    name: str
    version: int
    direction: str
    table: Table
    spec: Backfill
    tables: BackfillTables
    guard: str
    begin: str
    begun: str
    record: Sequence[str]

    @property
    def walk(self) -> Walk:
        """What is walked, in which order."""
        return Walk(self.table.relation, self.table.key, self.spec.where)

    def lines(self) -> Iterator[str]:
        """The script, line by line."""
        tables = self.tables
        yield f"-- The rows of {self.spec.table} in batches. Stopped anywhere, this script or"
        yield "-- `manticore migrate` goes on where it was. It needs psql, which has \\gexec."
        yield f"{tables.create()};"
        yield f"{self.guard};"
        yield f"{tables.begin};"
        yield from (f"{line};" for line in self._registered())
        yield "COMMIT;"
        yield f"{self._is_open()} \\gset"
        yield "\\if :open"
        yield "-- No row here: others are at work, it was cancelled, or another file began it."
        yield f"{self._taken()} \\gset"
        yield f"{self._batches()} \\gexec"
        yield f"{self._rest()} \\gexec"
        yield "\\endif"
        if self.spec.check is not None:
            yield "-- A division by zero here: -- @check finds rows that are not as they should."
            yield "SELECT 1 / (1 - count(*)) AS checked"
            yield f"  FROM (SELECT * FROM ({self.spec.check}) AS c LIMIT 1) AS c;"
        yield f"{tables.begin};"
        yield f"{self._completed()};"
        yield from self.record
        yield "COMMIT;"

    # --- beginning -------------------------------------------------------------------------

    def _registered(self) -> Iterator[str]:
        """Forget an earlier life, unless this one has begun, and note this one."""
        tables = self.tables
        for text in tables.forget(self.name):
            yield f"{text} AND NOT EXISTS ({self.begun})"
        noted = f"SELECT run FROM {tables.name(BACKFILLS)} WHERE name = {literal(self.name)}"
        key = nullable(encode(tuple(column.name for column in self.table.key)))
        rows = "NULL" if self.table.estimate is None else str(int(self.table.estimate))
        yield (
            f"INSERT INTO {tables.name(BACKFILLS)} (name, run, version, direction, relation,"
            " key_columns, meaning, background, state, estimate) SELECT"
            f" {literal(self.name)}, md5(random()::TEXT || clock_timestamp()::TEXT),"
            f" {self.version}, {literal(self.direction)}, {literal(self.table.relation)}, {key},"
            f" {literal(checksum(self.spec.meaning))}, false, 'running', {rows}"
            f" WHERE NOT EXISTS ({noted})"
        )
        yield (
            f"INSERT INTO {tables.name(RANGES)} (run, id, changed_at) SELECT run, 0,"
            f" clock_timestamp() FROM {tables.name(BACKFILLS)} b WHERE name = {literal(self.name)}"
            f" AND NOT EXISTS (SELECT 1 FROM {tables.name(RANGES)} r WHERE r.run = b.run)"
        )
        yield self.begin

    def _mine(self) -> str:
        """The backfill as this script means it."""
        return (
            f"b.name = {literal(self.name)} AND b.state IN ('running', 'failed', 'registered')"
            f" AND b.meaning = {literal(checksum(self.spec.meaning))}"
        )

    def _is_open(self) -> str:
        return (
            f"SELECT count(*) > 0 AS open FROM {self.tables.name(RANGES)} r JOIN"
            f" {self.tables.name(BACKFILLS)} b ON b.run = r.run WHERE b.name ="
            f" {literal(self.name)} AND NOT r.done"
        )

    @property
    def _session(self) -> str:
        """The session's name, as workers write it."""
        if self.tables.cockroachdb:
            return "current_setting('session_id')"
        return (
            "(SELECT pid::TEXT || ':' || EXTRACT(EPOCH FROM backend_start)::TEXT FROM"
            " pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid())"
        )

    def _taken(self) -> str:
        """The one range that is left, up to the table's end, under a token of our own, as variables
        of psql's. Several ranges are for workers: then there is no row, and psql stops."""
        tables = self.tables
        runs = f"(SELECT b.run FROM {tables.name(BACKFILLS)} b WHERE {self._mine()})"
        left = f"(SELECT min(id) FROM {tables.name(RANGES)} WHERE run IN {runs} AND NOT done"
        after = ", ".join(
            f"coalesce(cursor::JSONB ->> {i}, '') AS after_{i}" for i in range(self._width)
        )
        return (
            f"UPDATE {tables.name(RANGES)} SET owner = {literal(HOST)},"
            f" session = {self._session}, token = token + 1,"
            f" expires_at = {_in(LEASE)}, started_at = coalesce(started_at, clock_timestamp()),"
            f" changed_at = clock_timestamp() WHERE run IN {runs} AND NOT done AND id ="
            f" {left} HAVING count(*) = 1) AND hi IS NULL AND (owner IS NULL OR"
            f" owner = {literal(HOST)} OR expires_at < clock_timestamp())"
            f" RETURNING run, id, token, cursor IS NULL AS first, {after}"
        )

    # --- batches ---------------------------------------------------------------------------

    @property
    def _width(self) -> int:
        return len(self.table.key)

    def _after(self) -> Key:
        return tuple(_mark("a", i) for i in range(self._width))

    def _upto(self) -> Key:
        return tuple(_mark("u", i) for i in range(self._width))

    def _batches(self) -> str:
        """A query that gives a message for each batch but the last."""
        sizes, numbers = self.spec.batching, range(self._width)
        size = min(max(SIZE, sizes.smallest), sizes.largest)
        order, walk = self.walk.order(), self.walk
        after = re.sub("'\ue000a(\\d+)\ue001'", r"nullif(:'after_\1', '')", self._beyond())
        names = ", ".join(quote(column.name) for column in walk.columns)
        where = f" AND ({walk.where})" if walk.where is not None else ""
        keys = (
            f"SELECT {names}, row_number() OVER (ORDER BY {order}) AS n FROM {walk.table}"
            f" WHERE (:'first'::BOOL OR {after}){where}"
        )
        ends = ", ".join(
            f"{quote(column.name)}::TEXT AS upto_{i}" for i, column in enumerate(walk.columns)
        )
        ends = f"SELECT n, {ends} FROM ({keys}) AS k WHERE n % {size} = 0"
        pairs = ", ".join(
            f"upto_{i}, lag(upto_{i}, 1, nullif(:'after_{i}', '')) OVER (ORDER BY n) AS after_{i}"
            for i in numbers
        )
        pairs = f"SELECT n, n = {size} AND :'first'::BOOL AS first, {pairs} FROM ({ends}) AS e"
        return (
            f"SELECT CASE WHEN first THEN {self._message(None, self._upto(), str(size))}"
            f" ELSE {self._message(self._after(), self._upto(), str(size))} END"
            f" FROM ({pairs}) AS p ORDER BY n"
        )

    def _rest(self) -> str:
        """A query that gives the message of the last batch: what is after the cursor."""
        after = ", ".join(f"cursor::JSONB ->> {i} AS after_{i}" for i in range(self._width))
        return (
            f"SELECT CASE WHEN cursor IS NULL THEN {self._message(None, None, '0')}"
            f" ELSE {self._message(self._after(), None, '0')} END FROM (SELECT cursor, {after} FROM"
            f" {self.tables.name(RANGES)} WHERE run = :'run' AND id = :id) AS r"
        )

    def _beyond(self) -> str:
        """What comes after a key, without the condition of -- @where."""
        return Walk(self.walk.table, self.walk.columns).condition(self._after(), None)

    def _message(self, after: Key | None, upto: Key | None, rows: str) -> str:
        """A batch's message, as an SQL expression."""
        parts = [self.tables.begin]
        if not self.tables.cockroachdb:
            parts.append("SET LOCAL row_security = off")  # as workers do, see `job.manners`
        parts += [
            one.fill(lambda alias: self.walk.condition(after, upto, alias))
            for one in self.spec.templates
        ]
        text = ";\n".join(parts) + ";\n"
        was = "cursor IS NULL" if after is None else f"cursor = {_mark('a')}"
        if upto is None:
            change = "cursor = hi, done = true, owner = NULL, session = NULL, expires_at = NULL"
        else:
            change = f"cursor = {_mark('u')}, expires_at = {_in(LEASE)}"
        text += (
            f"WITH moved AS (UPDATE {self.tables.name(RANGES)} SET {change}, rows = rows + {rows},"
            f" batches = batches + 1, changed_at = clock_timestamp() WHERE run = {_mark('r')}"
            f" AND id = {_mark('i')} AND token = {_mark('t')} AND NOT done AND {was} RETURNING"
            f" rows) SELECT {rows} / count(*) AS rows, max(rows) AS so_far FROM moved;\nCOMMIT"
        )
        if self.spec.batching.pause:
            text += f";\nSELECT pg_sleep({self.spec.batching.pause:g})"
        return self._expression(text)

    def _expression(self, text: str) -> str:
        """A text with marks as an SQL expression that puts in what they stand for."""
        parts: list[str] = []
        for piece in re.split("('?\ue000[a-z]\\d*\ue001'?)", text):
            mark = re.fullmatch("'?\ue000([a-z])(\\d*)\ue001'?", piece)
            if mark is None:
                parts += [literal(piece)] if piece else []
                continue
            kind, number = mark[1], mark[2]
            if kind in ("r", "i", "t"):
                name = {"r": "run", "i": "id", "t": "token"}[kind]
                parts.append(f"quote_literal(:'{name}')" if kind == "r" else f":'{name}'")
                continue
            column = {"a": "after_", "u": "upto_"}[kind]
            if number:
                parts.append(f"quote_literal({column}{number})")
            else:
                whole = ", ".join(f"{column}{i}" for i in range(self._width))
                parts.append(f"quote_literal(json_build_array({whole})::TEXT)")
        return " || ".join(parts)

    # --- the end ---------------------------------------------------------------------------

    def _completed(self) -> str:
        """Say that all is done, or fail where a range or a row is not."""
        left = f"SELECT 1 FROM {self.tables.name(RANGES)} r WHERE r.run = b.run AND NOT r.done"
        failed = f"SELECT 1 FROM {self.tables.name(FAILURES)} f WHERE f.run = b.run"
        return (
            f"WITH completed AS (UPDATE {self.tables.name(BACKFILLS)} b SET state = 'complete',"
            " note = NULL, finished_at = clock_timestamp(), changed_at = clock_timestamp() WHERE"
            f" {self._mine()} AND NOT EXISTS ({left}) AND NOT EXISTS ({failed}) RETURNING 1)"
            " SELECT 1 / count(*) AS complete FROM completed"
        )


def _mark(kind: str, number: int | None = None) -> str:
    """A place in a text that a value goes to; in the private use area, where no text has any."""
    return f"\ue000{kind}{'' if number is None else number}\ue001"


def _in(seconds: float) -> str:
    return f"clock_timestamp() + INTERVAL '{int(seconds)} seconds'"
