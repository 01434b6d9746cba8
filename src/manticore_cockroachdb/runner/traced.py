"""A run as spans: run → migration → step → what is sent. A listener, and what a session asks.

The spans of migrations and steps are current from their beginning to their end, in the task or
thread that runs them, so what it sends stands below. Several migrations that travel in one message
stand beside that message, below the run; their times are what the server said each of them took,
one after another from the moment the message was sent.

Retries, recovered connections, waits and a cluster's jobs are events of the innermost span. None
has a server's words: those may quote values.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from . import events as e

if TYPE_CHECKING:
    from ..telemetry.handle import Attributes, Current, Operation, Telemetry
    from .events import Event, Listener


class Trace:
    """One run, told to OpenTelemetry. It is the session's listener, and passes events on."""

    def __init__(self, telemetry: Telemetry, name: str, listener: Listener) -> None:
        self._telemetry = telemetry
        self._name = name
        self._listener = listener
        self._open: list[Current] = []  # the run, a migration, a step
        self._mark: int | None = None  # when what is told of next began, in a common message
        self._jobs: set[str] = set()
        self._below: Any = None

    def __enter__(self) -> Self:
        from opentelemetry import context

        self._start(self._name, {})
        self._below = context.get_current()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self._open:
            self._end(error)

    def __call__(self, event: Event) -> None:
        self._listener(event)
        self._hear(event)

    # --- what a session asks -------------------------------------------------------------------

    def message(self, connection: Any, sql: str, *, several: bool) -> Operation:
        """Return the operation that sends a message, of ``several`` migrations perhaps."""
        from ..telemetry.handle import now

        self._mark = now() if several else None
        operation: Operation = connection.target.message(sql, self._below if several else None)
        return operation

    def span(self, name: str, attributes: Attributes) -> AbstractContextManager[object]:
        """Return a span for a ``with``."""
        return self._telemetry.span(name, attributes)

    # --- events --------------------------------------------------------------------------------

    def _start(self, name: str, attributes: Attributes, start: int | None = None) -> None:
        from ..telemetry.handle import Current

        span = self._telemetry.tracer.start_span(name, attributes=attributes, start_time=start)
        self._open.append(Current(span))

    def _end(self, error: BaseException | None = None, at: int | None = None) -> None:
        from ..telemetry.handle import fail

        current = self._open.pop()
        if error is not None and not isinstance(error, GeneratorExit):
            fail(current.span, error)
        current.end(at)

    def _tell(self, name: str, **attributes: str | int | float) -> None:
        if self._open:
            named = {f"manticore.{key}": value for key, value in attributes.items()}
            self._open[-1].span.add_event(name, named)

    def _hear(self, event: Event) -> None:
        match event:
            case e.RunPlanned(direction=direction, versions=versions):
                run = self._open[0].span
                run.set_attribute("manticore.direction", direction)
                run.set_attribute("manticore.migrations", len(versions))
            case e.LeaseTaken(token=token):
                self._open[0].span.set_attribute("manticore.lease.token", token)
            case e.MigrationStarted():
                self._close(1)
                self._start("migration", _of_migration(event), self._mark)
            case e.RepeatableStarted(names=names, steps=steps):
                self._close(1)
                named = {"manticore.repeatable.names": names, "manticore.steps": steps}
                self._start("repeatable files", named)  # type: ignore[arg-type]
            case e.StepStarted(ordinal=ordinal, resumed=resumed):
                self._close(2)
                self._mark = None
                self._start("step", {"manticore.step": ordinal, "manticore.resumed": resumed})
            case e.MigrationFinished(seconds=seconds) if len(self._open) > 1:
                self._close(2)
                if self._mark is not None:
                    self._mark += int(seconds * 1e9)
                self._end(at=self._mark)
            case e.RepeatableFinished():
                self._close(1)
            case e.HookFinished(name=name, seconds=seconds):
                from ..telemetry.handle import now

                ended = now()
                told = {"manticore.hook.name": name}
                start = ended - int(seconds * 1e9)
                self._telemetry.begin("hook", told, start=start).end(ended)
            case e.Retrying(sqlstate=sqlstate, attempt=attempt, delay=delay):
                state = {"db.response.status_code": sqlstate} if sqlstate else {}
                self._open[-1].span.add_event(
                    "retry",
                    {
                        **state,
                        "manticore.retry.attempt": attempt,
                        "manticore.retry.delay": delay,
                    },
                )
            case e.Recovered(outcome=outcome):
                self._tell("recovered", outcome=outcome)
            case e.Blocked(by=by):
                self._tell("blocked", sessions=len(by))
            case e.LeaseWaiting(owner=owner, remaining=remaining):
                self._tell("waiting for the lease", owner=owner, remaining=remaining)
            case e.JobProgress(job=job) if job not in self._jobs:
                self._jobs.add(job)
                self._tell("job", job=job)
            case _:
                pass

    def _close(self, depth: int) -> None:
        """End the spans below a depth."""
        while len(self._open) > depth:
            self._end()


def _of_migration(event: e.MigrationStarted) -> dict[str, str | int]:
    return {
        "manticore.migration.version": event.version,
        "manticore.migration.description": event.description,
        "manticore.direction": event.direction,
        "manticore.mode": str(event.mode),
        "manticore.steps": event.steps,
    }
