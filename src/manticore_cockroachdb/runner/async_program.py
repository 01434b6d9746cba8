"""A Python migration: its function between BEGIN and fence, history row, COMMIT.

It is one transaction like any other, so nothing is new about lost answers (`runner.async_commit`):
the history row says whether it happened, and where it did not, or the server says 40001, the
function is called again. What a function does beside its connection is then done again as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psycopg import pq

from ..migrations.script import MigrationPlan
from . import programs
from .async_commit import AsyncCommitter
from .calling import async_call
from .guard import Guard


async def async_program(
    committer: AsyncCommitter, plan: MigrationPlan, function: Callable[[Any], Any]
) -> None:
    """Run a plan's function, and record it, exactly once.

    Raises MigrationFailed for an error of the function's own; Stopped as `AsyncCommitter.commit`.
    """
    session = committer.session

    async def body() -> None:
        assert session.connection is not None
        pgconn = session.connection.pgconn
        guard = Guard(session.caps)
        try:
            await async_call(
                function, pgconn, guard, session.database, session.lent.append, session.abandon
            )
        except (Exception, SystemExit) as error:  # who calls sys.exit has not migrated
            connected = pgconn.status == pq.ConnStatus.OK
            stopped = programs.stopped_by(error, connected=connected)
            if stopped is not None and guard.refused is None:
                await session.raise_if_drained(stopped)
                if stopped is error:
                    raise
                raise stopped from error
            own = guard.refused or error
            raise programs.failed(plan, own) from own

    await committer.commit(
        plan,
        0,
        0,
        lambda: committer.record(plan),
        lambda: committer.is_recorded(plan),
        body=body,
    )
