"""Waiting until a database has what a build's files need: see `migrations.readiness`.

Every look is a connection of its own. Hundreds of pods may wait at the same moment, and what they
wait for is a run that needs connections too: none is held between two looks, and their moments
are spread a little.

Whatever another look may find mended is waited through: a server that is not up or refuses the
connection, a database or a schema that is not there yet, a lost answer. A history that is another
one is not; nor is a right that is missing, which somebody has to grant.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import uniform
from time import monotonic

import psycopg

from .._acompat import AsyncEvent, AsyncTask, async_sleep
from ..errors import ConnectionFailed, MigrationError, NotReady, raise_all
from ..migrations.readiness import Readiness
from ..outcome import is_not_made_yet
from .async_session import AsyncSession, worth_waiting
from .events import Listener, WaitingFor

LOOK = 10.0
"""Seconds that a look may take before its connection is given up."""


@asynccontextmanager
async def async_limited(session: AsyncSession) -> AsyncIterator[None]:
    """Give the session's connection up once the block has taken `LOOK` seconds: a server that is
    stopped, or cut off, keeps it open and says nothing for ever."""
    over = AsyncEvent()

    async def give_up() -> None:
        if not await over.wait(LOOK):
            session.abandon()

    guard = AsyncTask(give_up, name="manticore look")
    try:
        yield
    finally:
        over.set()
        await guard.join(1)


async def async_until_ready(
    look: Callable[[], Awaitable[Readiness]],
    listener: Listener,
    *,
    timeout: float,
    interval: float,
) -> Readiness:
    """Look until nothing is lacking; say what is, whenever that changes.

    Raises what a look found that waiting does not mend. When `timeout` seconds are over, raises
    ConnectionFailed if no server was reached last, else NotReady.
    """
    began, told = monotonic(), ""
    while True:
        try:
            found = await look()
        except (ConnectionFailed, MigrationError) as error:
            if not _may_mend(error) or monotonic() - began >= timeout:
                raise
            said = f"the database: {error.message}"
        else:
            raise_all(found.problems)
            if found.ready:
                return found
            if monotonic() - began >= timeout:
                raise _not_ready(found, monotonic() - began)
            said = f"{', '.join(found.lacking)}{_who(found)}"
        left = max(timeout - (monotonic() - began), 0.0)
        if said != told:
            told = said
            listener(WaitingFor(said, left))
        await async_sleep(min(interval * uniform(0.8, 1.2), left))


def _not_ready(found: Readiness, waited: float) -> NotReady:
    return NotReady(
        f"After {waited:.0f} s the database still lacks {', '.join(found.lacking)}.",
        version=found.missing[0] if found.missing else None,
        hint="`manticore status` shows where it stands; is `manticore migrate` of this build"
        " running, or did it fail?",
    )


def _may_mend(error: ConnectionFailed | MigrationError) -> bool:
    """Whether the next look may find it otherwise."""
    if isinstance(error, ConnectionFailed) or is_not_made_yet(error.sqlstate):
        return True
    cause = error.__cause__
    return isinstance(cause, psycopg.Error) and worth_waiting(cause)


def _who(found: Readiness) -> str:
    runner = found.runner
    if runner is None or (runner.remaining or 0) <= 0:
        return "; nobody is migrating" if found.missing else ""
    at = "" if runner.version is None else f" is at {runner.version}"
    return f"; {runner.owner}{at or ' is migrating'}"
