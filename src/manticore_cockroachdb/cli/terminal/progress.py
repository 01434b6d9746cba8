"""Progress: a run's events, told while it goes on, and remembered for its result.

On a terminal the migration under way stands in the last line, and from the second migration on,
or when a schema change reports how far it is, a bar of `bar` below it. Elsewhere there is one
plain line for each migration, and one for a schema change under way every few seconds.

Events come from two threads (see `runner.events`); each is told under a lock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING

from ...runner import events as e
from .console import Console
from .text import count, one_line, took

if TYPE_CHECKING:
    from .bar import Bar

PLAIN_INTERVAL = 5.0
BACKFILL_INTERVAL = 60.0
_DONE = {"up": "applied", "down": "rolled back"}
_DOING = {"up": "applying", "down": "rolling back"}


class Listener(ABC):
    """Who tells events on a console, with a bar where it is ``live``; from many threads."""

    def __init__(self, console: Console, *, live: bool) -> None:
        self.console = console
        self.live = live
        self._lock = RLock()
        self._bar: Bar | None = None

    def __call__(self, event: e.Event) -> None:
        with self._lock:
            try:
                self._hear(event)
            except OSError:  # nobody listens any more, and the run goes on
                self.console.quiet = True

    def close(self) -> None:
        """Take the bar and a transient line away, for good."""
        with self._lock:
            self.live = False
            if self._bar is not None:
                self._bar.close()
                self._bar = None
            self.console.clear()

    @abstractmethod
    def _hear(self, event: e.Event) -> None:
        """Tell one event, under the lock."""

    def _open_bar(self) -> Bar:
        if self._bar is None:
            from .bar import Bar

            self.console.clear()
            self._bar = Bar(self.console)
        return self._bar


class Progress(Listener):
    """A listener. ``finished`` holds what was done so far, in order; ``plain``: no bar."""

    def __init__(self, console: Console, *, plain: bool = False) -> None:
        super().__init__(console, live=console.terminal and not plain)
        self.finished: list[e.MigrationFinished] = []
        self.repeatable: list[str] = []
        self._total = 0
        self._told: dict[str, float] = {}

    def summary(self, *, stopped: bool = False, passive: bool = False) -> str:
        """Return what was done, such as "2 migrations applied"; ``passive``: "… were applied"."""
        done = len(self.finished)
        word = _DONE[self.finished[0].direction] if self.finished else "applied"
        verb = ("was " if done == 1 else "were ") if passive else ""
        if self.repeatable and not stopped:
            return f"{count(done, 'migration')} {verb}{word}, {_files(self.repeatable)} run"
        if stopped:
            return f"stopped; {count(done, 'migration')} {word}; the state is recorded"
        return f"{count(done, 'migration')} {verb}{word}"

    def data(self) -> dict[str, object]:
        """Return what was done, for ``--json``."""
        done = [
            {"version": f.version, "description": f.description, "seconds": round(f.seconds, 6)}
            for f in self.finished
        ]
        up = not self.finished or self.finished[0].direction == "up"
        found: dict[str, object] = {"applied" if up else "rolled_back": done}
        if self.repeatable:
            found["repeatable"] = self.repeatable
        return found

    def _hear(self, event: e.Event) -> None:
        match event:
            case e.ForeignHistory():
                warn_of_history(event, self.console)
            case e.RunPlanned(versions=versions):
                self._total = len(versions)
            case e.MigrationStarted():
                self._started(event)
            case e.StepStarted(version=version, ordinal=ordinal, steps=steps, resumed=resumed):
                again = ", which an earlier run had begun" if resumed else ""
                self._detail(f"{_called(version)}: step {ordinal + 1} of {steps}{again}")
            case e.MigrationFinished():
                self._finished(event)
            case e.RepeatableStarted(names=names, mode=mode):
                self._detail(f"running {_files(names)} ({mode})")
            case e.RepeatableFinished(names=names, seconds=seconds):
                self.repeatable += names
                done = self.console.style("ran", "green")
                self._say(f"{done} {_files(names)} ({took(seconds)})", styled=True)
            case e.StatementProgress():
                self._statements(event)
            case e.JobProgress():
                self._job(event)
            case e.BackfillProgress():
                self._backfill(event)
            case e.Blocked(version=version, by=by):
                self._say(f"{version} waits for {one_line('; '.join(by))}")
            case e.WaitingFor(what=what, remaining=remaining):
                self._say(f"waiting for {one_line(what)} (for {took(remaining)} at most)")
            case e.LeaseWaiting(owner=owner, remaining=remaining):
                self._say(
                    f"waiting for {one_line(owner)}, who has the right to migrate"
                    f" (for {max(remaining, 0):.0f} s more unless renewed)"
                )
            case e.LeaseTaken(previous=previous) if previous is not None:
                self._say(f"took over from {one_line(previous)}, who stopped without a word")
            case e.Retrying(version=version, reason=reason, attempt=attempt, delay=delay):
                what = "" if version is None else f" {_called(version)}"
                self._say(
                    f"retrying{what} in {took(delay)} (attempt {attempt}): {one_line(reason)}"
                )
            case e.Recovered(version=version, outcome=outcome):
                self._say(f"connected again; {_recovered(version, one_line(outcome))}")
            case e.HookFinished(name=name, version=version, seconds=seconds):
                about = "" if version is None else f" of {version}"
                self._detail(f"ran the hook {name}{about} ({took(seconds)})")
            case e.Notice(severity=severity, message=message):
                self._say(f"{one_line(severity).lower()}: {one_line(message)}")
            case _:
                pass

    def _started(self, event: e.MigrationStarted) -> None:
        label = _label(event)
        if not self.live or self.console.quiet:
            self._detail(f"{_DOING[event.direction]} {label} ({event.mode})")
            return
        if self._total > 1:
            self._open_bar().start(label, len(self.finished), self._total)
        else:
            self.console.transient(f"{_DOING[event.direction]} {label} …")

    def _finished(self, event: e.MigrationFinished) -> None:
        self.finished.append(event)
        done = self.console.style(_DONE[event.direction], "green")
        self._say(f"{done} {_label(event)} ({took(event.seconds)})", styled=True)
        if self._bar is not None:
            self._bar.advance(len(self.finished), max(self._total, len(self.finished)))

    def _statements(self, event: e.StatementProgress) -> None:
        if self.console.quiet:
            return
        far = f"{event.done:,} of {event.total:,} statements"
        if self.live:
            self._open_bar().job(
                "", "", event.done / event.total, f"{_called(event.version)}: {far}"
            )
        elif self._is_time(f"statements {event.version}", PLAIN_INTERVAL):
            self.console.info(f"{_called(event.version)}: {far}")

    def _is_time(self, what: str, interval: float) -> bool:
        """Whether to tell of this now: not at once, and not more often than every interval."""
        now = monotonic()
        if now - self._told.setdefault(what, now) < interval:
            return False
        self._told[what] = now
        return True

    def _job(self, event: e.JobProgress) -> None:
        if self.console.quiet:
            return
        if self.live:
            self._open_bar().job(event.job, event.status, event.fraction, event.description)
            return
        now = monotonic()
        if now - self._told.get(event.job, -PLAIN_INTERVAL) < PLAIN_INTERVAL:
            return
        self._told[event.job] = now
        far = event.status if event.fraction is None else f"{event.fraction:.0%} {event.status}"
        self.console.info(f"schema change {event.job}: {far}: {one_line(event.description)}")

    def _backfill(self, event: e.BackfillProgress) -> None:
        if self.console.quiet:
            return
        if self.live:
            fraction = event.rows / event.estimate if event.estimate else None
            fraction = None if fraction is None else min(fraction, 1.0)
            self._open_bar().job(event.name, "", fraction, rows_done(event))
            return
        if self._is_time(event.name, BACKFILL_INTERVAL):
            self.console.info(f"backfill {event.name}: {rows_done(event)}")

    def _say(self, text: str, *, styled: bool = False) -> None:
        if self.console.quiet:
            return
        if self._bar is not None:
            self._bar.above(text)
        elif styled:
            self.console.line(text)
        else:
            self.console.info(text)

    def _detail(self, text: str) -> None:
        if self._bar is not None and self.console.verbose:
            self._bar.above(self.console.style(text, "dim"))
        elif self._bar is None:
            self.console.debug(text)


def _recovered(version: int, outcome: str) -> str:
    """What had become of a migration when its connection was lost, as a sentence about it."""
    what = f"migration {version}" if version >= 0 else _called(version)
    if outcome.startswith("it had "):
        return f"{what} {outcome.removeprefix('it ')}"
    if outcome.startswith("nothing had happened"):
        return f"of {what} {outcome}"
    return f"{what}: {outcome}"


def warn_of_history(event: e.ForeignHistory, console: Console) -> None:
    """Say whose history is there, where there is none of ours, and what that may mean."""
    console.warn(
        f"{one_line(event.table)} is a history of {event.tool}'s, and manticore has recorded"
        " nothing in this database",
        f"if {event.tool} has applied migrations that are in this directory too, `manticore"
        " baseline VERSION` records them as applied without running them",
    )


def rows_done(event: e.BackfillProgress) -> str:
    """How far a backfill is, in words."""
    text = f"{event.rows:,}"
    if event.estimate is not None and event.estimate >= event.rows:
        text += f" of about {event.estimate:,}"
    text += f" rows, {event.rate:,.0f}/s"
    if event.remaining is not None and event.rows < (event.estimate or 0):
        text += f", {took(event.remaining)} left"
    if event.workers > 1:
        text += f", {count(event.workers, 'worker')}"
    if event.waits_for:
        text += f", waiting: {one_line(event.waits_for)}"
    elif event.makes_room:
        text += ", making room for others"
    if event.failed:
        text += f", {count(event.failed, 'row')} failed"
    return text


def _called(version: int) -> str:
    """What a script is called by the version under which it is journalled."""
    if version >= 0:
        return str(version)
    return "the repeatable files" if version == -1 else "a hook"


def _files(names: Sequence[str]) -> str:
    """Repeatable files in a few words: their names, while they are few."""
    shown = ", ".join(map(one_line, names[:3])) if len(names) <= 3 else f"{len(names):,}"
    return f"repeatable {shown}" if len(names) <= 3 else f"{shown} repeatable files"


def _label(event: e.MigrationStarted | e.MigrationFinished) -> str:
    return f"{event.version} {one_line(event.description)}".rstrip()
