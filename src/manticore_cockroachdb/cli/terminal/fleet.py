"""A fleet's run, told while it goes on: waves, how many a second, and failures as they come.

A thousand targets are not a thousand lines. On a terminal one bar shows the wave; elsewhere a line
says every few seconds how far it is. Only a failure has a line of its own, at once, since somebody
may want to stop; ``--verbose`` has one for every target.

Events come from many threads, one at a time (`fleet.events`).
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from ...fleet import events as e
from ...runner import events as run
from .console import Console
from .progress import PLAIN_INTERVAL, Listener
from .text import count, one_line, took

if TYPE_CHECKING:
    from ...fleet.report import Outcome


class FleetProgress(Listener):
    """A listener; ``reason`` says on one line why a target failed."""

    def __init__(self, console: Console, reason: Callable[[Outcome], str]) -> None:
        super().__init__(console, live=console.terminal and not console.quiet)
        self._reason = reason
        self._wave = ""
        self._size = self._ended = self._failed = 0
        self._since = self._told = monotonic()

    def say(self, text: str) -> None:
        """Say something above the bar, from any thread."""
        with self._lock:
            self._say(text, always=True)

    def _hear(self, event: run.Event) -> None:
        match event:
            case e.FleetLooked(total=total, due=due, sizes=sizes):
                self._say(f"{count(total, 'target')}, {due:,} with something to do")
                self._size, self._since = due, monotonic()
                self._wave = "" if len(sizes) > 1 else "all"
                self._show()
            case e.WaveStarted(number=number, waves=waves, size=size):
                self._wave = f"wave {number} of {waves}"
                self._size, self._ended, self._since = size, 0, monotonic()
                self._say(f"{self._wave}: {count(size, 'target')}")
                self._show()
            case e.FleetNote(text=text):
                self._say(text)
            case e.FleetStopping(reason=reason):
                self._say(f"no more targets are begun: {one_line(reason)}")
            case e.TargetFinished(outcome=outcome):
                self._finished(outcome)
            case e.TargetEvent(name=name, event=run.LeaseWaiting(owner=owner)):
                self._say(f"{one_line(name)} waits for {one_line(owner)}")
            case e.TargetEvent(name=name, event=run.Retrying(reason=reason, delay=delay)):
                self._say(f"{one_line(name)}: retrying in {took(delay)}: {one_line(reason)}")
            case e.TargetEvent(name=name, event=run.Notice(severity=severity, message=message)):
                if self.console.verbose:
                    self._say(
                        f"{one_line(name)}: {one_line(severity).lower()}: {one_line(message)}"
                    )
            case _:
                pass

    def _finished(self, outcome: Outcome) -> None:
        if outcome.wave is not None:
            self._ended += 1
        if outcome.state == "failed":
            self._failed += 1
            word = self.console.style("failed", "red")
            self._say(f"{word} {one_line(outcome.name)}: {self._reason(outcome)}", always=True)
        elif self.console.verbose and outcome.wave is not None:
            done = count(len(outcome.versions), "migration")
            self._say(f"{outcome.state} {one_line(outcome.name)}: {done} ({took(outcome.seconds)})")
        if outcome.wave is not None:
            self._show()

    def _show(self) -> None:
        if not self._size or not self._wave:
            return
        seconds = max(monotonic() - self._since, 1e-3)
        rate = f"{self._ended / seconds:.1f}/s" if self._ended else ""
        failed = f"{self._failed:,} failed" if self._failed else ""
        if self.live:
            label = ", ".join(part for part in (self._wave, rate, failed) if part)
            self._open_bar().start(label, self._ended, self._size)
        elif monotonic() - self._told >= PLAIN_INTERVAL and self._ended:
            self._told = monotonic()
            far = f"{self._ended:,} of {self._size:,} targets"
            self._say(", ".join(part for part in (far, rate, failed) if part))

    def _say(self, text: str, *, always: bool = False) -> None:
        if self.console.quiet and not always:
            return
        if self._bar is not None:
            self._bar.above(text)
        else:
            self.console.line(text)
