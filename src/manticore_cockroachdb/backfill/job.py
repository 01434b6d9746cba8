"""One backfill as its workers see it, and the messages that they send; pure.

A message is one round trip: the transaction, what people say meanwhile, and where the next batch
ends. What a worker is told comes after COMMIT, in a transaction of its own, so that nobody who
pauses a backfill or has nothing to do gets in the way of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..dialect import Capabilities
from ..migrations.backfill import Backfill
from ..parser.quoting import literal
from .brakes import ON_COCKROACHDB, ON_POSTGRESQL, Company
from .keys import Key, Walk, decode
from .machine import Batch, Held, Look, Told, Wish
from .tables import WORKERS, BackfillTables

_JOIN = ";\n"


LOCK_TIMEOUT = 1.0
"""Seconds that a batch waits for a lock while it holds others back itself."""


SEARCH = 2.0
"""Seconds to look for rows that -- @where holds for."""


@dataclass(frozen=True, slots=True)
class Manners:
    """Settings that keep a batch from standing in others' way: for its transaction, or for the
    session, and what takes the latter back."""

    local: tuple[str, ...] = ()
    session: tuple[str, ...] = ()
    reset: tuple[str, ...] = ()
    behind: bool = False
    """The server puts these transactions behind those of others."""


def manners(caps: Capabilities, ttl: float) -> Manners:
    """The settings for a server. No statement may run for longer than its lease lasts."""
    limit = int(ttl * 1000 * 2 / 3)
    if caps.engine == "postgresql":
        lock = min(int(LOCK_TIMEOUT * 1000), limit)
        return Manners(
            (
                f"SET LOCAL statement_timeout = {limit}",
                f"SET LOCAL lock_timeout = {lock}",
                # Rows that a policy hides would be passed over and counted as done: an error now.
                "SET LOCAL row_security = off",
            )
        )
    session = [f"SET statement_timeout = {limit}", f"SET application_name = {literal(WORKERS)}"]
    reset = ["SET statement_timeout = 0", "RESET application_name"]
    if caps.quality_of_service:
        session.append("SET default_transaction_quality_of_service = background")
        reset.append("SET default_transaction_quality_of_service = regular")
    return Manners((), tuple(session), tuple(reset), behind=caps.quality_of_service)


@dataclass(frozen=True, slots=True)
class Job:
    """One backfill: `run` names this going through, `name` what is gone through."""

    name: str
    run: str
    spec: Backfill
    walk: Walk
    tables: BackfillTables
    version: int | None = None
    estimate: int | None = None
    ttl: float = 30.0
    manners: Manners = Manners()

    @property
    def makes_room(self) -> bool:
        """Whether others at work are asked after: not where a pause is given, or the server puts
        them first by itself."""
        return self.spec.batching.pause is None and not self.manners.behind

    @property
    def company(self) -> Company:
        """How others at work are seen, and what is done about it."""
        return ON_COCKROACHDB if self.tables.cockroachdb else ON_POSTGRESQL

    def look(self, held: Held, move: Look, *, sparse: bool = False) -> tuple[str, ...]:
        """The question for the end of the next batch; see `batch`."""
        return self._look(held.cursor, held.hi, move.rows, sparse=sparse)

    def checkpoint(self, held: Held, move: Batch, seconds: float) -> str:
        """What moves the cursor, in the batch's transaction."""
        return self.tables.move(
            self.run,
            held.id,
            held.token,
            held.cursor,
            move.upto,
            rows=move.rows,
            seconds=seconds,
            size=move.then,
            ttl=self.ttl,
        )

    def batch(
        self,
        held: Held,
        move: Batch,
        *,
        seconds: float,
        note: tuple[str | None, str],
        sparse: bool = False,
        asked: Sequence[str] = (),
        waiting: bool = False,
    ) -> tuple[str, int]:
        """The message of one batch, and how many of its statements come after COMMIT: `told`, what
        is `asked`, and the look for the end of the next one.

        `waiting`: the last before COMMIT asks how many wait for this transaction.

        `note` is SQLSTATE and words of the failure of a row that is passed over. `sparse`: looking
        for rows that -- @where holds for takes too long, so the next batch is of rows of any kind.
        """
        condition = {"after": held.cursor, "upto": held.hi if move.upto is None else move.upto}
        if move.skip:
            assert move.upto is not None
            body = [self.tables.fail(self.run, move.upto, *note)]
        else:
            body = [
                one.fill(lambda alias: self.walk.condition(**condition, alias=alias))
                for one in self.spec.templates
            ]
        checkpoint = self.checkpoint(held, move, seconds)
        waits = [self.tables.waiting()] if waiting else []
        parts = [self.tables.begin, *self.manners.local, *body, checkpoint, *waits, "COMMIT"]
        after = [self.tables.told(self.run), *asked]
        if move.upto is not None:
            after += self._look(move.upto, held.hi, move.then, sparse=sparse)
        else:
            after.append(self.tables.open_ranges(self.run))
        return _JOIN.join((*parts, *after)), len(after)

    def again(self, key: Key) -> str:
        """The message that tries one failed row again, and forgets that it failed."""
        body = [one.fill(lambda alias: self.walk.one(key, alias)) for one in self.spec.templates]
        retried = self.tables.retried(self.run, key)
        return _JOIN.join((self.tables.begin, *self.manners.local, *body, retried, "COMMIT"))

    def _look(
        self, after: Key | None, upto: Key | None, rows: int, *, sparse: bool
    ) -> tuple[str, ...]:
        walk = replace(self.walk, where=None) if sparse else self.walk
        query = walk.next_key(after, upto, rows)
        if walk.where is None or not self.manners.local:
            return (query,)
        limit = f"SET LOCAL statement_timeout = {int(SEARCH * 1000)}"
        return ("BEGIN", limit, query, "COMMIT")


@dataclass(frozen=True, slots=True)
class Noted:
    """What is noted of a backfill: the row that `BackfillTables.read` gives."""

    name: str
    run: str
    version: int | None
    direction: str
    relation: str
    key_columns: str
    meaning: str
    background: bool
    state: str
    note: str | None
    estimate: int | None

    @property
    def key(self) -> Key:
        """The names of the key's columns."""
        return decode(self.key_columns) or ()


def name_of(version: int, direction: str) -> str:
    """What the backfill of a migration is called in our tables."""
    return f"{version}" if direction == "up" else f"{version} undo"


def told_of(rows: list[tuple[object, ...]]) -> Told:
    """What is said in the answer to `BackfillTables.told`."""
    if not rows:
        return Told(Wish.CANCELLED)
    state, idle = rows[0]
    return Told(Wish(str(state)), int(str(idle)))


def key_of(row: tuple[object, ...]) -> tuple[Key, int]:
    """Key and number of rows from an answer to `Walk.next_key`."""
    *key, rows = row
    return tuple(str(part) for part in key), int(str(rows))
