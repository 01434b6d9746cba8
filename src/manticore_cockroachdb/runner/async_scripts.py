"""AsyncScripts: runs repeatable files and hooks, under the lease of a run.

A round (`migrations.objects`) is planned and run like a migration, by the same executor: in one
transaction on PostgreSQL, step by step with the journal on CockroachDB. Its record is not a row of
the history but one row for each file (`runner.script_table`), which carries a mark that no other
round has; so a lost COMMIT is settled as everywhere, by reading whether the record is there.

What is different is what a round does when it stopped half way. Its drops have lost what the
catalog knew: which grants there were. So before its first step a round of several steps writes
itself down, script and grants. Who finds such a row

    and the same files    goes on at the step where it stopped, with that script
    and others, or a step that a person would have to look at
                          begins anew with all of the round's files: nothing in them minds, since
                          every drop is IF EXISTS and what they make can be made again; and what
                          the objects get back is what was written down, and what they have now

On PostgreSQL nothing is written before: a transaction that ends leaves the catalog as it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

from ..errors import ConnectionFailed, MigrationError
from ..migrations.hooks import HOOK, Hooks, hook_plan
from ..migrations.objects import (
    ROUND,
    Objects,
    RecordedFile,
    Round,
    recorded_files,
    round_script,
)
from ..migrations.plan import plan_script
from ..migrations.repeatable import Repeatable
from ..migrations.script import MigrationPlan, Mode, Origin
from . import events as e
from . import script_table
from .async_execute import AsyncExecutor
from .async_session import Rows
from .failures import Stopped
from .keeping import asking

Row = tuple[str, str, str | None, str | None]
"""What `runner.script_table` records: kind, name, checksum, detail."""


class AsyncScripts:
    """What a run records beside the history: see `AsyncCommitter.beside`."""

    def __init__(self, executor: AsyncExecutor) -> None:
        self.executor = executor
        self.committer = executor.committer
        self.session = executor.session
        self.finished: list[str] = []
        self._rows: dict[tuple[str, str], tuple[str, str, str]] = {}  # checksum, mark, detail
        self._records: list[Row] = []
        self._forgets: list[tuple[str, list[str]]] = []
        self._mark = ""
        self._marks = 0

    async def open(self) -> None:
        """Make the table if need be, and read it; the lease is ours already."""
        tables = self.session.tables
        await self.session.steady(lambda: self.session.fetch(script_table.create(tables)))
        self.remember((await self.session.steady(lambda: self.session.fetch(self.reads())))[0])
        self.committer.beside = self

    # --- what the committer asks -----------------------------------------------------------

    def reads(self) -> str:
        """The query whose answer `remember` takes."""
        return script_table.read(self.session.tables)

    def remember(self, rows: Rows) -> None:
        """Take over what is recorded now."""
        self._rows = {
            (str(kind), str(name)): (str(checksum or ""), str(mark), str(detail or ""))
            for kind, name, checksum, mark, detail in rows
        }

    def writes(self) -> tuple[str, ...]:
        """What records the script that runs now."""
        tables, token = self.session.tables, self.committer.lease.token
        found = [script_table.forget(tables, kind, names) for kind, names in self._forgets if names]
        if self._records:
            found.append(script_table.upsert(tables, self._records, self._mark, token))
        return tuple(found)

    def is_recorded(self) -> bool:
        """Whether the record of the script that runs now is there."""
        return all(
            self._rows.get((kind, name), ("", "", ""))[1] == self._mark
            for kind, name, *_ in self._records
        ) and not any((kind, name) in self._rows for kind, names in self._forgets for name in names)

    def _about(self, records: list[Row], forgets: list[tuple[str, list[str]]]) -> None:
        """A script is about to run that leaves this record."""
        self._marks += 1
        self._mark = f"{self.committer.lease.owner} {self._marks}"
        self._records, self._forgets = records, forgets

    def _done(self) -> None:
        """The record has been written."""
        for kind, names in self._forgets:
            for name in names:
                self._rows.pop((kind, name), None)
        for kind, name, checksum, detail in self._records:
            self._rows[kind, name] = (checksum or "", self._mark, detail or "")

    # --- hooks -----------------------------------------------------------------------------

    async def hook(self, hooks: Hooks, name: str, version: int | None = None) -> None:
        """Run a hook, if there is one of that name.

        Raises MigrationFailed or PartialMigration, which say what of the run is applied.
        """
        file = hooks.get(name)
        if file is None:
            return
        plan = hook_plan(file, self.session.caps)
        if self.committer.steps_of(plan):  # of a run that died in a hook: it begins anew
            await self._clear(plan)
        detail = json.dumps({"version": version})
        self._about([("hook", name, file.checksum, detail)], [])
        started = monotonic()
        try:
            await self.executor.run(plan)
        except MigrationError as failure:
            failure.hint = "; ".join(filter(None, (failure.hint, self._truth(name, version))))
            raise
        self._done()
        self._forget_steps(HOOK)
        self.session.listener(e.HookFinished(name, version, monotonic() - started))

    async def _clear(self, plan: MigrationPlan) -> None:
        """Forget the journal of a hook."""
        clear, committer = self.session.tables.clear_steps(HOOK), self.committer
        started = monotonic()
        try:
            await committer.commit(
                plan, 0, 0, lambda: committer.fenced(clear), lambda: not committer.steps_of(plan)
            )
        except Stopped as stopped:
            raise await self.executor.failed(plan, stopped, started) from stopped.error
        self._forget_steps(HOOK)

    async def on_failure(self, hooks: Hooks, failure: MigrationError) -> None:
        """Run the hook for failures; that it failed too is said with the failure, not over it."""
        try:
            await self.hook(hooks, "on_failure")
        except (MigrationError, ConnectionFailed) as second:
            failure.hint = "; ".join(filter(None, (failure.hint, second.message)))

    def _truth(self, name: str, version: int | None) -> str:
        """What is applied when a hook has failed."""
        applied = self.executor.finished
        said = "this run has applied no migration"
        if applied:
            said = f"this run has applied {', '.join(map(str, applied))}"
        if name == "before_each":
            said += f"; {version} is not applied"
        if name in ("after_migrate", "after_each"):
            said += "; that stays, and the hook does not run again by itself for it"
        return said

    # --- repeatable files ------------------------------------------------------------------

    def is_due(self, objects: Objects) -> bool:
        """Whether a repeatable file has to run."""
        return self._begun() is not None or bool(objects.due(self._recorded()).files)

    def _recorded(self) -> dict[str, RecordedFile]:
        return recorded_files(
            (name, row[0], row[2])
            for (kind, name), row in self._rows.items()
            if kind == "repeatable"
        )

    async def repeatable(self, objects: Objects) -> None:
        """Run the files that are due, and all that depends on them.

        Raises MigrationFailed, PartialMigration, Refused or LeaseLost.
        """
        files = {file.name: file for file in objects.files}
        while True:
            recorded = self._recorded()
            begun = self._begun()
            if begun is not None and self._goes_on(begun, files):
                await self._run(_stored(begun, files), begun)
                continue
            also = begun["files"] if begun is not None else ()
            due = objects.due(recorded, also)
            if not due.files:
                return
            kept = await self._kept(objects, due, recorded, begun)
            one = objects.round(due, recorded, kept)
            await self._run(one, None, kept)

    def _begun(self) -> dict[str, Any] | None:
        row = self._rows.get(("round", ""))
        return None if row is None else json.loads(row[2])

    def _goes_on(self, begun: dict[str, Any], files: Mapping[str, Repeatable]) -> bool:
        """Whether an interrupted round can go on as it was."""
        same = all(
            name in files and files[name].checksum == checksum
            for name, checksum in begun["files"].items()
        )
        return same and not any(
            row.version == ROUND and row.state in ("stuck", "failed")
            for row in self.committer.journal
        )

    async def _kept(
        self,
        objects: Objects,
        due: Any,
        recorded: Mapping[str, RecordedFile],
        begun: dict[str, Any] | None,
    ) -> dict[str, list[str]]:
        """What each object gets back after it was dropped, as statements."""
        kept: dict[str, list[str]] = dict(begun["kept"]) if begun is not None else {}
        remade = objects.remade(due, recorded).values()
        query = asking(remade, cockroachdb=self.session.tables.cockroachdb)
        if query is not None:
            rows = (await self.session.steady(lambda: self.session.fetch(query)))[0]
            for key, sql in rows:
                found = kept.setdefault(str(key), [])
                if sql not in found:
                    found.append(str(sql))
        return kept

    async def _run(
        self,
        one: Round,
        begun: dict[str, Any] | None,
        kept: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        script = one.script
        if self.session.caps.transactional_ddl:
            script = replace(script, wish=True)
        plan = plan_script(script, self.session.caps)
        names = tuple(file.name for file in one.files)
        self.session.listener(e.RepeatableStarted(names, plan.mode.value, len(plan.steps)))
        started = monotonic()
        if begun is None and plan.mode is Mode.STEPS:
            await self._write_down(one, plan, kept or {})
        records: list[Row] = [("repeatable", f.name, f.checksum, f.detail) for f in one.files]
        self._about(records, [("repeatable", list(one.gone)), ("round", [""])])
        await self.executor.run(plan)
        self._done()
        self._forget_steps()
        self.finished += names
        self.session.listener(e.RepeatableFinished(names, monotonic() - started))

    async def _write_down(
        self, one: Round, plan: MigrationPlan, kept: Mapping[str, Sequence[str]]
    ) -> None:
        """Record a round of several steps before its first one."""
        names = {file.path: file.name for file in one.files}
        detail = {
            "files": {file.name: file.checksum for file in one.files},
            "gone": one.gone,
            "kept": kept,
            "statements": [[names.get(o.path or ""), o.start, o.sql] for o in one.script.origins],
        }
        self._about([("round", "", None, json.dumps(detail))], [])
        clear = self.session.tables.clear_steps(ROUND)
        started = monotonic()
        try:
            await self.committer.commit(
                plan, 0, 0, lambda: self.committer.fenced(*self.writes(), clear), self.is_recorded
            )
        except Stopped as stopped:
            raise await self.executor.failed(plan, stopped, started) from stopped.error
        self._done()
        self._forget_steps()

    def _forget_steps(self, version: int = ROUND) -> None:
        journal = self.committer.journal
        self.committer.journal = [row for row in journal if row.version != version]


def _stored(begun: dict[str, Any], files: Mapping[str, Repeatable]) -> Round:
    """A round as it was written down."""
    parts = []
    for name, start, sql in begun["statements"]:
        file = files.get(name) if name else None
        if file is not None and file.sql.startswith(sql, start):
            parts.append(file.origin(start, sql))
        else:
            parts.append(Origin(None, "", 0, sql))
    chosen = tuple(files[name] for name in begun["files"])
    return Round(round_script(parts), chosen, tuple(begun["gone"]))
