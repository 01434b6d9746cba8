"""What a fleet's run tells while it goes on. ``on_event`` receives them one at a time, from the
threads or tasks that work; what a single target tells is wrapped in `TargetEvent`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..migrations.file import MigrationFile
from ..runner.events import Event
from .report import Outcome


@dataclass(frozen=True, slots=True)
class FilesRead(Event):
    """These are the fleet's migrations, in order."""

    migrations: tuple[MigrationFile, ...]


@dataclass(frozen=True, slots=True)
class FleetLooked(Event):
    """Of ``total`` targets ``due`` have something to do, in waves of these ``sizes``."""

    total: int
    due: int
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FleetNote(Event):
    """Something about the whole fleet that is good to know."""

    text: str


@dataclass(frozen=True, slots=True)
class WaveStarted(Event):
    """Wave ``number`` of ``waves`` begins, with ``size`` targets."""

    number: int
    waves: int
    size: int


@dataclass(frozen=True, slots=True)
class TargetStarted(Event):
    """Somebody works on a target."""

    name: str


@dataclass(frozen=True, slots=True)
class TargetEvent(Event):
    """What the run of one target told, see `runner.events`."""

    name: str
    event: Event


@dataclass(frozen=True, slots=True)
class TargetFinished(Event):
    """What became of a target."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class FleetStopping(Event):
    """No more targets are begun: more have failed than may, or somebody asked."""

    reason: str


FleetListener = Callable[[Event], None]
