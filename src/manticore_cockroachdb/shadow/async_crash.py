"""AsyncCrashingSession: it dies at a chosen message, as a runner does that is killed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import ConnectionFailed
from ..runner.async_session import AsyncSession
from .crash_points import CrashPoint

if TYPE_CHECKING:
    from ..async_database import AsyncDatabase
    from ..runner.events import Listener
    from ..runner.exchange import Reply
    from ..runner.home import Home


class Crash(Exception):
    """The simulated end of a runner; caught in this package and never seen outside."""


class AsyncCrashingSession(AsyncSession):
    """Sends messages until the one to crash at; then it is dead and connects no more."""

    def __init__(
        self,
        database: AsyncDatabase,
        settings: Mapping[str, str],
        listener: Listener,
        crash: CrashPoint | None,
        home: Home | None = None,
    ) -> None:
        super().__init__(database, settings, listener, home=home)
        self.crash = crash
        self.dead = False
        self._count = 0

    async def open(self) -> None:
        """Connect, unless dead: whoever is killed cannot clean up either."""
        if self.dead:
            raise ConnectionFailed("This runner has crashed.")
        await super().open()

    async def run(self, message: str, commits: list[str] | None = None) -> Reply:
        """Send a message; die at the one that it is to crash at."""
        if self.crash is None or message == "ROLLBACK":
            return await super().run(message, commits)
        number, self._count = self._count, self._count + 1
        if number != self.crash.message:
            return await super().run(message, commits)
        await super().run(message.removesuffix("COMMIT") if self.crash.torn else message)
        self.dead = True
        await self.close()
        raise Crash
