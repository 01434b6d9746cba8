# Generated from async_service.py by tools/unasync.py; do not edit.
"""Backfills: what people and programs ask of backfills, from any machine.

Who works on one needs no lease to migrate: ranges have their own, and what is done is recorded with
each batch. So `run` may be called on any number of machines, and stopped anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import psycopg

from .._acompat import sleep
from ..errors import (
    BackfillIncomplete,
    ChangedFile,
    ConfigError,
    ManticoreError,
    MissingFile,
)
from ..migrations.script import script_of
from ..outcome import Verdict, verdict_of
from . import machine as m
from .job import Job, Noted
from .results import BackfillStatus, statuses
from .retry import RetryRows
from .setup import job_of, same, table, tables_of
from .team import Team
from .words import SHOWN, unfinished, unknown

if TYPE_CHECKING:
    from ..migrations.file import MigrationFile
    from ..runner.session import Rows, Session

LOOK = 1.0
"""Seconds between two looks for something to do."""


class Backfills:
    """The backfills of one database; ``files`` say what those of migrations are."""

    def __init__(self, session: Session, files: Sequence[MigrationFile], *, ttl: float) -> None:
        self.session = session
        self.files = {file.version: file for file in files}
        self.ttl = ttl
        self.tables = tables_of(session)

    # --- looking ---------------------------------------------------------------------------

    def status(self, name: str | None = None) -> tuple[BackfillStatus, ...]:
        """Every backfill, or one; none where no backfill was ever registered."""
        tables = self.tables
        texts = (tables.overview(name), tables.holders(), tables.failed_rows())
        try:
            found = self._fetch(*texts)
        except psycopg.errors.UndefinedTable:
            self.session.rollback()
            return ()
        return statuses(*found)

    def noted(self, name: str) -> Noted:
        """What is noted of one. Raises ConfigError for a name that no backfill has."""
        rows = self.session.steady(lambda: self.session.read(self.tables.read(name)))
        if rows:
            return Noted(*rows[0])
        raise unknown(name, [one.name for one in self.status()])

    # --- what people want ------------------------------------------------------------------

    def pause(self, name: str) -> str:
        """Let workers stop after the batch that they are at; return what was done, a sentence."""
        return self._change(name, m.Wish.PAUSED, m.OPEN, "is paused")

    def resume(self, name: str) -> str:
        """Let workers go on; return what was done, a sentence."""
        return self._change(name, m.Wish.RUNNING, m.STOPPED, "goes on")

    def cancel(self, name: str) -> str:
        """Give it up: what is under way commits nothing any more, what is done stays."""
        noted = self.noted(name)
        self._fetch(self.tables.fence_off(noted.run))
        states = [wish for wish in m.Wish if wish is not m.Wish.COMPLETE]
        return self._change(name, m.Wish.CANCELLED, states, "is cancelled")

    def _change(self, name: str, to: m.Wish, of: Sequence[m.Wish], said: str) -> str:
        noted = self.noted(name)
        text = self.tables.set_state(noted.run, to, of=of)
        rows = (self._fetch(text))[0]
        if rows:
            return f"Backfill {name} {said}."
        state = (self.noted(name)).state
        if state == to:
            return f"Backfill {name} is {state} already."
        raise ConfigError(
            f"Backfill {name} is {state}, so it cannot become {to.value}.",
            hint="`manticore backfill status` shows them all",
        )

    def retry(self, name: str) -> tuple[int, int]:
        """Try failed rows again; return how many are done now, and how many failed again.

        When none is left, the backfill may be completed: it is running again.
        """
        noted = self.noted(name)
        job = self.job(noted)
        done, failed = RetryRows(self.session, job).run()
        if not failed:
            again = (m.Wish.FAILED, m.Wish.PAUSED)
            self._fetch(self.tables.set_state(noted.run, m.Wish.RUNNING, of=again))
            if noted.background or noted.version is None:
                self._work(noted.name, 1, lambda: False)
        return done, failed

    # --- working ---------------------------------------------------------------------------

    def run(
        self,
        names: Sequence[str] = (),
        *,
        workers: int | None = None,
        until_idle: bool = True,
        stop: Callable[[], bool] = lambda: False,
    ) -> list[str]:
        """Work on these backfills, or on all; return the names of those that are complete now.

        With ``until_idle`` it returns when nothing is left to do, otherwise it waits for more,
        until ``stop`` says so. Raises what stands in the way of one, after the others.
        """
        done: list[str] = []
        for name in names:
            noted = self.noted(name)
            self._fetch(self.tables.set_state(noted.run, m.Wish.RUNNING, of=m.AGAIN))
        broken: dict[str, Exception] = {}
        while not stop():
            worked = False
            for one in self.open(names):
                if stop() or one.name in broken:
                    continue
                worked = True
                try:
                    if self._work(one.name, workers, stop):
                        done.append(one.name)
                except ManticoreError as error:
                    broken[one.name] = error
            if until_idle and not worked:
                break
            if not worked:
                sleep(LOOK)
        if broken:
            raise next(iter(broken.values()))
        for name in names:
            noted = self.noted(name)
            if noted.state != m.Wish.COMPLETE and not stop():
                raise BackfillIncomplete(
                    f"Backfill {name} is {noted.state}{f': {noted.note}' if noted.note else ''}.",
                    version=noted.version,
                    hint=f"`manticore backfill resume {name}` lets it go on",
                )
        return done

    def open(self, names: Sequence[str] = ()) -> list[BackfillStatus]:
        """Those of `run` that somebody could work on now."""
        return [
            one
            for one in self.status()
            if one.state in m.OPEN and (one.name in names if names else one.version is not None)
        ]

    def _work(self, name: str, workers: int | None, stop: Callable[[], bool]) -> bool:
        """Work on one until nothing is left; return whether it is complete."""
        noted = self.noted(name)
        job = self.job(noted)
        tables = self.tables
        text = tables.set_state(noted.run, m.Wish.RUNNING, of=m.OPEN)
        _, ((before,),) = self._fetch(text, tables.progress(noted.run))
        number = workers or job.spec.batching.workers
        team = Team(self.session, job, number, before=int(before), stop=stop)
        why = team.run()
        if why == m.Wish.COMPLETE:
            return True
        if why in ("stopped", m.Wish.PAUSED, m.Wish.CANCELLED):
            return False
        texts = (tables.note(noted.run), tables.failures(noted.run, SHOWN))
        rows, failed = self._fetch(*texts)
        error = unfinished(
            noted.version or 0,
            noted.direction,
            self._path(noted),
            why,
            team.rows,
            failure=team.failure,
            note=rows[0][0] if rows else None,
            failed=failed,
        )
        if isinstance(team.failure, psycopg.Error) and _lasts(team.failure):
            note = tables.set_state(noted.run, m.Wish.FAILED, of=m.OPEN, note=error.message)
            self._fetch(note)
        raise error

    def _fetch(self, *texts: str) -> list[Rows]:
        """Send what may be sent twice."""
        return self.session.steady(lambda: self.session.fetch(";\n".join(texts)))

    def job(self, noted: Noted) -> Job:
        """The job of a run that is noted. Raises MissingFile or ChangedFile."""
        file = self.files.get(noted.version) if noted.version is not None else None
        if file is None:
            raise MissingFile(
                f"Backfill {noted.name} has no file here that says what it does.",
                version=noted.version,
                hint="run it with the directory of migrations that registered it; one that a"
                " program began goes on in that program",
            )
        script = script_of(file, down=noted.direction == "down")
        spec = script.backfill
        found = None
        if spec is not None:
            found, _ = table(self.session, spec, version=file.version, path=file.path)
        if spec is None or found is None or not same(noted, spec, found):
            raise ChangedFile(
                f"Migration {file.version} was changed after its backfill began: some of its rows"
                " may be done as it was before.",
                version=file.version,
                path=file.path,
                hint="put its statements, table, key and -- @where back as they were, and write a"
                " new migration for what should be different",
            )
        return job_of(
            self.session,
            spec,
            found,
            name=noted.name,
            run=noted.run,
            ttl=self.ttl,
            version=noted.version,
            estimate=noted.estimate,
        )

    def _path(self, noted: Noted) -> str | None:
        file = self.files.get(noted.version) if noted.version is not None else None
        return file.path if file is not None else None


def _lasts(error: psycopg.Error) -> bool:
    """Whether the next worker would fail as well."""
    return verdict_of(error.sqlstate) is Verdict.FAILED
