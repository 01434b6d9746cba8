"""AsyncCrew: so many workers, who take one target after another until there are none, or no more
are to be begun.

A worker is never interrupted by another's failure: what it is at ends as a single run would. When
the whole run is stopped, by Ctrl-C or a cancelled task, workers end what they are at before its
next statement, and whoever asked gets his interruption once all have.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from threading import Lock

from .._acompat import AsyncCancelled, AsyncTask, async_sleep
from ..errors import DeadlineReached
from ..runner.async_seat import AsyncSeat
from ..runner.deadline import Deadline
from .report import Outcome
from .spec import Target

TIME_IS_UP = "the time is up"
Work = Callable[[Target, AsyncSeat], Awaitable[Outcome]]


class AsyncCrew:
    """Runs ``work`` for targets, ``size`` at once; ``outcomes`` holds what became of them.

    ``may_fail`` of them may fail, and after ``until`` none is begun. ``halted`` says why no more
    are begun, None while they are; ``interrupted`` is set for those at work to see.
    """

    def __init__(
        self,
        size: int,
        may_fail: int,
        tell: Callable[[Outcome], None],
        until: Deadline | None = None,
    ) -> None:
        self.until = until or Deadline()
        self.size = size
        self.may_fail = may_fail
        self.tell = tell
        self.outcomes: list[Outcome] = []
        self.failed = 0
        self.halted: str | None = None
        self.interrupted = False
        self._lock = Lock()
        self._at_work = 0
        self._seats: list[AsyncSeat] = []

    async def run(self, targets: Iterable[Target], work: Work) -> None:
        """Work on these targets; return when none is left, or none is begun any more."""
        left = deque(targets)

        async def go(seat: AsyncSeat) -> None:
            while True:
                with self._lock:
                    if not left or self.halted is not None:
                        return
                    if self.until.passed():
                        self.halted = TIME_IS_UP
                        return
                    target = left.popleft()
                    self._at_work += 1
                try:
                    self.ended(await work(target, seat))
                finally:
                    with self._lock:
                        self._at_work -= 1

        while len(self._seats) < min(self.size, len(left)):
            self._seats.append(AsyncSeat(lambda: self.interrupted))
        tasks: list[AsyncTask] = []
        try:
            for seat in self._seats[: len(left)]:
                tasks.append(AsyncTask(_with(go, seat), name="manticore fleet"))
            for task in tasks:
                await task.join()
        except AsyncCancelled:
            with self._lock:
                self.interrupted = True
                self.halted = "it was interrupted"
            # Not those of `tasks`: one may have been interrupted while it was put there.
            while self._at_work:
                await async_sleep(0.01)
            raise
        for task in tasks:
            if task.error is not None:
                raise task.error

    def ended(self, outcome: Outcome) -> None:
        """Note what became of a target."""
        with self._lock:
            self.outcomes.append(outcome)
            if isinstance(outcome.error, DeadlineReached):
                self.halted = self.halted or TIME_IS_UP
            else:
                self.failed += outcome.state == "failed"
            if self.failed > self.may_fail and self.halted is None:
                self.halted = _too_many(self.failed, self.may_fail)
        self.tell(outcome)

    async def close(self) -> None:
        """Close what connections workers have kept."""
        for seat in self._seats:
            await seat.close()
        self._seats.clear()


def _too_many(failed: int, may_fail: int) -> str:
    if not may_fail:
        return "a target has failed"
    return f"{failed} targets have failed, and {may_fail} may"


def _with(
    function: Callable[[AsyncSeat], Awaitable[None]], seat: AsyncSeat
) -> Callable[[], Awaitable[None]]:
    async def call() -> None:
        await function(seat)

    return call
