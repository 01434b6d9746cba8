# Generated from async_fleet.py by tools/unasync.py; do not edit.
"""Fleet: a directory of migrations, held against many databases or schemas.

Each command goes the same way. Who is in the fleet is asked for; all are looked at
(`looking`); those that have something to do are worked on, wave by wave, by a crew
(`crew`), each by the migrator of a single database (`member`); what became of every one
is the report.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Unpack

from ..backfill.machine import OPEN, STOPPED, Wish
from ..errors import ConfigError, ManticoreError
from ..migration import Migration, MigratorOptions, check_count
from ..migrations.choose import (
    check_known,
    choose_down,
    choose_up,
    parse_version,
    problems,
    resolve,
)
from ..migrations.repeatable import stale
from ..migrations.status import WAITING
from ..runner.deadline import Deadline, When
from . import events as e
from .campaign import Campaign, Command, checked_size
from .look import Look, check_named
from .member import Files, Member, read_files
from .names import ask_names
from .report import FleetPlan, FleetReport, FleetStatus, PlanGroup, TargetStatus
from .rollout import Rollout, rollout_of
from .spec import FleetSpec, Target, chosen, spec_of, targets_of

if TYPE_CHECKING:
    from ..database import Database
    from ..migrations.choose import VersionStatus
    from ..runner.events import Event

# Looking at targets ends early for nobody's sake.
_ALL = rollout_of(max_failures="100%")


class Fleet:
    """Migrates, reverts and reports many databases or schemas as one.

    ``db`` is where the names of the targets are asked for, and where schemas and databases of a
    fleet are; a target with a URL of its own may be anywhere. Who is in the fleet and where each is
    say the arguments, see `fleet.spec.FleetSpec`, or the ``spec`` of a configuration.
    ``options`` are those of `Migration`, for every target. ``on_event`` hears `fleet.events`.
    Raises ConfigError for what cannot be meant.
    """

    def __init__(
        self,
        db: Database,
        migrations_dir: str | os.PathLike[str] = "./migrations",
        *,
        names: Sequence[str] | None = None,
        query: str | None = None,
        databases: str | None = None,
        schemas: str | None = None,
        command: str | None = None,
        schema: str | None = None,
        database: str | None = None,
        url: str | None = None,
        search_path: Sequence[str] = (),
        parallel: int | None = None,
        connections: int | None = None,
        create: bool = False,
        allow_empty: bool = False,
        spec: FleetSpec | None = None,
        name: str | None = None,
        on_event: e.FleetListener | None = None,
        **options: Unpack[MigratorOptions],
    ) -> None:
        self.db = db
        self.migrations_dir = migrations_dir
        self.name = name
        self.where = "the fleet" if name is None else f"the fleet {name}"
        self.spec = spec or spec_of(
            {
                "names": names,
                "query": query,
                "databases": databases,
                "schemas": schemas,
                "command": command,
                "schema": schema,
                "database": database,
                "url": url,
                "search_path": search_path,
                "parallel": parallel,
                "connections": connections,
                "create": create,
                "allow_empty": allow_empty,
            },
            self.where,
        )
        self.options = options
        self.on_event = on_event or _ignore
        self.report: FleetReport | None = None
        """What became of the last run, also of one that was interrupted."""
        self._lock = RLock()
        self._plain = Migration(db, migrations_dir, **self.options)

    # --- who -------------------------------------------------------------------------------

    def targets(
        self, *, only: Sequence[str] = (), leave_out: Sequence[str] = ()
    ) -> tuple[Target, ...]:
        """Return the targets, in their order: those that match one of ``only``, where any are
        given, and none of ``leave_out``, which are patterns such as ``acme*``. Raises ConfigError
        for a name that appears twice, for two that are one place, and for nobody at all."""
        names = ask_names(self.db, self.spec, self.where)
        return chosen(targets_of(self.spec, names, self.where), only, leave_out)

    # --- doing -----------------------------------------------------------------------------

    def migrate(
        self,
        target_version: int | str | None = None,
        *,
        fresh: bool = False,
        finish_backfills: bool = False,
        only: Sequence[str] = (),
        leave_out: Sequence[str] = (),
        canary: int | None = None,
        waves: str | None = None,
        max_failures: str | int | None = None,
        parallel: int | None = None,
        deadline: When | None = None,
    ) -> FleetReport:
        """Apply pending migrations in every target; return what became of each.

        Only targets that have something to do are worked on, each as `Migration.migrate` would.
        ``canary`` of them go first, or ``waves`` such as ``"1,5%,rest"``; when more than
        ``max_failures`` have failed, a number or ``"5%"`` of all, no more are begun. Run it again
        after whatever stopped it: what is done stays done. From the ``deadline`` on none is begun,
        and what is under way stops as `Migration.migrate` does. A failing target raises
        nothing, it is in the report; ConfigError, FileError and ConnectionFailed are raised before
        anything runs.
        """
        version = parse_version(target_version)
        size, rollout = self._checked(canary, waves, max_failures, parallel)
        until = Deadline(deadline)
        campaign = self._campaign(only, leave_out)
        files = campaign.files
        if version is not None:
            check_known(version, (f.version for f in files.migrations), self.migrations_dir)

        def is_due(_: Target, look: Look) -> bool:
            statuses = self._statuses(files, look)
            chosen_up = choose_up(statuses, version, self._plain.allow)
            return bool(chosen_up or _stale(files, look))

        def act(member: Member, _: Target) -> None:
            member.migrate(
                version, fresh=fresh, finish_backfills=finish_backfills, deadline=_left(until)
            )

        command = Command("migrate", is_due, act, creates=True)
        return self._run(campaign, command, size, rollout, until)

    def rollback(
        self,
        count: int = 1,
        *,
        target_version: int | str | None = None,
        shown: Mapping[str, Sequence[int]] | None = None,
        only: Sequence[str] = (),
        leave_out: Sequence[str] = (),
        canary: int | None = None,
        waves: str | None = None,
        max_failures: str | int | None = None,
        parallel: int | None = None,
        deadline: When | None = None,
    ) -> FleetReport:
        """Revert applied migrations in every target, as `Migration.rollback` does in one.

        ``count`` is each target's own, so of targets that stand differently not the same versions
        go; with ``target_version`` they all stand there afterwards. ``shown`` is what somebody
        agreed to, from `rolled_back_by`: a target of which others would go by now fails.
        """
        check_count(count)
        version = parse_version(target_version)
        size, rollout = self._checked(canary, waves, max_failures, parallel)
        until = Deadline(deadline)
        campaign = self._campaign(only, leave_out)

        def is_due(target: Target, look: Look) -> bool:
            going = self._going(campaign.files, look, count, version)
            return bool(going or (shown or {}).get(target.name))

        def act(member: Member, target: Target) -> None:
            agreed = None if shown is None else shown.get(target.name, ())
            member.rollback(count, target_version=version, shown=agreed, deadline=_left(until))

        command = Command("rollback", is_due, act)
        return self._run(campaign, command, size, rollout, until, whole=True)

    def rolled_back_by(
        self,
        count: int = 1,
        *,
        target_version: int | str | None = None,
        only: Sequence[str] = (),
        leave_out: Sequence[str] = (),
        parallel: int | None = None,
    ) -> dict[str, tuple[int, ...]]:
        """Return which versions `rollback` would revert, in its order, for each target in which
        there are any. Targets that it would fail for are left out. Changes nothing."""
        check_count(count)
        version = parse_version(target_version)
        size = checked_size(parallel, self.spec)
        campaign = self._campaign(only, leave_out)
        campaign.look(size, whole=True)
        found: dict[str, tuple[int, ...]] = {}
        for target in campaign.targets:
            look = campaign.looks[target.name]
            with suppress(ManticoreError):
                if look.error is None and not look.missing:
                    going = self._going(campaign.files, look, count, version)
                    if going:
                        found[target.name] = going
        return found

    def run_backfills(
        self,
        *names: int | str,
        workers: int | None = None,
        only: Sequence[str] = (),
        leave_out: Sequence[str] = (),
        canary: int | None = None,
        waves: str | None = None,
        max_failures: str | int | None = None,
        parallel: int | None = None,
        deadline: When | None = None,
    ) -> FleetReport:
        """Work on backfills in every target that has any that are not complete, until nothing is
        left to do; an outcome's result are the names of those that got complete."""
        size, rollout = self._checked(canary, waves, max_failures, parallel)
        until = Deadline(deadline)
        campaign = self._campaign(only, leave_out)
        wanted = {str(name) for name in names}

        def open_in(look: Look) -> list[str]:
            return [one for one, _ in look.backfills if not wanted or one in wanted]

        def is_due(_: Target, look: Look) -> bool:
            return bool(open_in(look))

        def act(member: Member, target: Target) -> list[str]:
            mine = open_in(campaign.looks[target.name]) if wanted else ()
            return member.run_backfills(*mine, workers=workers, deadline=_left(until))

        command = Command("backfill", is_due, act)
        return self._run(campaign, command, size, rollout, until, backfills=sorted(wanted))

    def pause_backfill(
        self,
        name: int | str,
        *,
        only: Sequence[str] = (),
        leave_out: Sequence[str] = (),
        parallel: int | None = None,
    ) -> FleetReport:
        """Let its workers stop after the batch they are at, in every target; an outcome's result
        is what was done there, a sentence. One target's error stops no other."""

        return self._of_backfill(
            "pause",
            name,
            OPEN,
            lambda member: member.pause_backfill(name),
            only,
            leave_out,
            parallel,
        )

    def resume_backfill(
        self,
        name: int | str,
        *,
        only: Sequence[str] = (),
        leave_out: Sequence[str] = (),
        parallel: int | None = None,
    ) -> FleetReport:
        """Let it go on in every target where it is paused, failed or cancelled; as
        `pause_backfill`."""

        return self._of_backfill(
            "resume",
            name,
            STOPPED,
            lambda member: member.resume_backfill(name),
            only,
            leave_out,
            parallel,
        )

    def cancel_backfill(
        self,
        name: int | str,
        *,
        only: Sequence[str] = (),
        leave_out: Sequence[str] = (),
        parallel: int | None = None,
    ) -> FleetReport:
        """Give it up in every target where it is not complete; what is done stays; as
        `pause_backfill`."""

        return self._of_backfill(
            "cancel",
            name,
            (*OPEN, Wish.PAUSED, Wish.FAILED),
            lambda member: member.cancel_backfill(name),
            only,
            leave_out,
            parallel,
        )

    def retry_backfill(
        self,
        name: int | str,
        *,
        only: Sequence[str] = (),
        leave_out: Sequence[str] = (),
        parallel: int | None = None,
    ) -> FleetReport:
        """Try rows again that failed, in every target where it is not complete; an outcome's
        result is how many are done now and how many failed again, None where there were none."""

        def retry(member: Member) -> object:
            done, failed = member.retry_backfill(name)
            return (done, failed) if done or failed else None

        return self._of_backfill("retry", name, (*OPEN, *STOPPED), retry, only, leave_out, parallel)

    def drift(
        self,
        *,
        ignore: Sequence[str] = (),
        only: Sequence[str] = (),
        leave_out: Sequence[str] = (),
        parallel: int | None = None,
    ) -> FleetReport:
        """Compare every target with what its applied migrations make; an outcome's result is its
        `Drift`. One that cannot be compared has failed, and stops no other."""
        campaign = self._campaign(only, leave_out)

        def act(member: Member, _: Target) -> object:
            return member.drift(ignore=ignore)

        command = Command("drift", lambda *_: True, act)
        return self._run(campaign, command, checked_size(parallel, self.spec), _ALL)

    def verify(
        self,
        *,
        newest: int = 5,
        strict: bool = False,
        only: Sequence[str] = (),
        leave_out: Sequence[str] = (),
        parallel: int | None = None,
    ) -> FleetReport:
        """Verify the migrations as a target of this fleet runs them, once for each server that
        targets are on; every outcome has the `Verification` of its server as its result."""
        campaign = self._campaign(only, leave_out)
        first: dict[object, str] = {}
        for target in campaign.targets:
            with suppress(ConfigError):
                first.setdefault(_server_of(campaign.reached(target)), target.name)
        tried = set(first.values())

        def act(member: Member, _: Target) -> object:
            return member.verify(newest=newest, strict=strict)

        command = Command("verify", lambda target, _: target.name in tried, act)
        report = self._run(campaign, command, checked_size(parallel, self.spec), _ALL)
        by_name = {one.name: one for one in report.outcomes}
        outcomes = []
        for target, outcome in zip(campaign.targets, report.outcomes, strict=True):
            if outcome.state == "nothing to do":
                other = by_name[first[_server_of(campaign.reached(target))]]
                outcome = replace(
                    outcome, state=other.state, error=other.error, result=other.result
                )
            outcomes.append(outcome)
        self.report = replace(report, outcomes=tuple(outcomes))
        return self.report

    # --- asking ----------------------------------------------------------------------------

    def status(
        self,
        *,
        only: Sequence[str] = (),
        leave_out: Sequence[str] = (),
        parallel: int | None = None,
    ) -> FleetStatus:
        """Return where each target stands: who is behind, and what is wrong. Changes nothing."""
        size = checked_size(parallel, self.spec)
        campaign = self._campaign(only, leave_out)
        campaign.look(size, backfills=any(f.backfill for f in campaign.files.migrations))
        return FleetStatus(
            tuple(
                self._standing(t, campaign.looks[t.name], campaign.files) for t in campaign.targets
            )
        )

    def plan(
        self,
        target_version: int | str | None = None,
        *,
        rollback: bool = False,
        count: int = 1,
        only: Sequence[str] = (),
        leave_out: Sequence[str] = (),
        parallel: int | None = None,
    ) -> FleetPlan:
        """Return what `migrate`, or with ``rollback`` `rollback`, would run: one plan for targets
        that have the same to do, with the costs in the first of them. Changes nothing."""
        check_count(count)
        version = parse_version(target_version)
        size = checked_size(parallel, self.spec)
        campaign = self._campaign(only, leave_out)
        files = campaign.files
        if version is not None and not rollback:
            check_known(version, (f.version for f in files.migrations), self.migrations_dir)
        campaign.look(size, whole=rollback)
        groups: dict[object, list[str]] = {}
        failed: dict[str, Exception] = {}
        for target in campaign.targets:
            look = campaign.looks[target.name]
            try:
                if look.error is not None:
                    raise look.error
                if rollback:
                    due: object = self._going(files, look, count, version)
                else:
                    statuses = self._statuses(files, look)
                    going = choose_up(statuses, version, self._plain.allow)
                    due = (tuple(f.version for f in going), _stale(files, look))
                groups.setdefault(due, []).append(target.name)
            except ManticoreError as error:
                failed[target.name] = error
        idle = [name for due in ((), ((), ())) for name in groups.pop(due, ())]
        first = {names[0] for names in groups.values()}

        def act(member: Member, _: Target) -> object:
            return member.plan(version, rollback=rollback, count=count)

        campaign.targets = [one for one in campaign.targets if one.name in first]
        command = Command("plan", lambda *_: True, act)
        report = campaign.run(command, size, _ALL)
        plans = {one.name: one for one in report.outcomes}
        found: list[PlanGroup] = []
        for names in groups.values():
            one = plans[names[0]]
            if one.error is not None:
                failed |= dict.fromkeys(names, one.error)
            else:
                found.append(PlanGroup(one.result, tuple(names)))  # type: ignore[arg-type]
        return FleetPlan(tuple(found), tuple(idle), tuple(failed.items()))

    def backfills(
        self,
        *,
        only: Sequence[str] = (),
        leave_out: Sequence[str] = (),
        parallel: int | None = None,
    ) -> FleetReport:
        """Return how far backfills are: an outcome's result are its target's `BackfillStatus`."""
        campaign = self._campaign(only, leave_out)

        def act(member: Member, _: Target) -> object:
            return member.backfills()

        command = Command("backfill status", lambda _, look: look.backfills != (), act)
        size = checked_size(parallel, self.spec)
        return self._run(campaign, command, size, _ALL, backfills=())

    # --- inside ----------------------------------------------------------------------------

    def _of_backfill(
        self,
        verb: str,
        name: int | str,
        of: Sequence[Wish],
        change: Callable[[Member], object],
        only: Sequence[str],
        leave_out: Sequence[str],
        parallel: int | None,
    ) -> FleetReport:
        """Do something about one backfill where it is in one of these states."""
        wanted = {(str(name), str(state)) for state in of}

        def is_due(_: Target, look: Look) -> bool:
            return not wanted.isdisjoint(look.backfills)

        def act(member: Member, _: Target) -> object:
            return change(member)

        size = checked_size(parallel, self.spec)
        campaign = self._campaign(only, leave_out)
        command = Command(f"backfill {verb}", is_due, act)
        return self._run(campaign, command, size, _ALL, backfills=(str(name),))

    def _campaign(self, only: Sequence[str], leave_out: Sequence[str]) -> Campaign:
        files = read_files(self._plain)
        self._tell(e.FilesRead(files.migrations))
        targets = self.targets(only=only, leave_out=leave_out)
        directory = self._plain.migrations_dir
        return Campaign(self.db, self.spec, directory, self.options, files, targets, self._tell)

    def _run(
        self,
        campaign: Campaign,
        command: Command,
        size: int,
        rollout: Rollout,
        until: Deadline | None = None,
        *,
        whole: bool = False,
        backfills: Sequence[str] | None = None,
    ) -> FleetReport:
        """Look, and do it. ``backfills``: it is about them; about these, where any are named."""
        self.report = None
        started = monotonic()
        campaign.look(size, whole=whole, backfills=backfills is not None)
        check_named(backfills or (), campaign.files.migrations, campaign.looks.values())
        looked = monotonic() - started
        try:
            campaign.run(command, size, rollout, until)
        finally:
            if campaign.report is not None:
                seconds = campaign.report.seconds + looked
                self.report = replace(campaign.report, seconds=seconds)
        assert self.report is not None
        return self.report

    def _checked(
        self,
        canary: int | None,
        waves: str | None,
        max_failures: str | int | None,
        parallel: int | None,
    ) -> tuple[int, Rollout]:
        return checked_size(parallel, self.spec), self._rollout(canary, waves, max_failures)

    def _going(self, files: Files, look: Look, count: int, version: int | None) -> tuple[int, ...]:
        """The versions that a rollback takes back. Raises what stands in its way."""
        statuses = self._statuses(files, look)
        self._plain._check_lowest(version, statuses)
        going = choose_down(statuses, count, version, self._plain.allow)
        return tuple(one.version for one in going)

    def _standing(self, target: Target, look: Look, files: Files) -> TargetStatus:
        name, place = target.name, target.place
        if look.error is not None or look.missing:
            error = look.error or ManticoreError(f"There is no {place}.")
            return TargetStatus(name, place, "problem", error=error)
        statuses = self._statuses(files, look)
        wrong = problems(statuses, self._plain.allow)
        pending = tuple(one.version for one in statuses if one.state in WAITING)
        stale = _stale(files, look)
        rows = look.standing.rows
        return TargetStatus(
            name,
            place,
            "problem" if wrong else "behind" if pending or stale else "up to date",
            rows[-1].version if rows else None,
            len(rows),
            pending,
            stale,
            wrong,
            look.backfills,
        )

    def _rollout(
        self, canary: int | None, waves: str | None, max_failures: str | int | None
    ) -> Rollout:
        if canary is None and waves is None:
            waves = self.spec.waves
        if max_failures is None:
            max_failures = self.spec.max_failures
        return rollout_of(canary, waves, max_failures)

    def _statuses(self, files: Files, look: Look) -> tuple[VersionStatus, ...]:
        standing = look.standing
        return resolve(files.migrations, standing.rows, standing.journal, self._plain.environment)

    def _tell(self, event: Event) -> None:
        with self._lock:
            self.on_event(event)


def _stale(files: Files, look: Look) -> tuple[str, ...]:
    """The repeatable files that are not as they last ran; all, where a run over them stopped."""
    return stale(files.repeatable, dict(look.standing.repeatable))


def _left(until: Deadline) -> float | None:
    """Seconds until a deadline, None where there is none."""
    return None if until.at == inf else max(until.left, 0.0)


def _server_of(database: Database) -> object:
    settings = database.settings
    return settings.hosts, settings.ports, settings.local


def _ignore(_: object) -> None:
    """Listen to nothing."""
