"""What a COMMIT that answered XXA00 left behind: CockroachDB committed, but not all of it.

XXA00 says that the transaction is committed and a schema change of it failed afterwards and was
undone. Trying again would do the data changes twice; calling it done would be untrue. So it is
neither retried nor recorded: the catalog tells which schema changes stayed, the journal keeps the
sentence that says so, the history is put back as it was (the row went in with the same COMMIT),
and a person decides.
"""

from __future__ import annotations

from ..analysis.catalog_probe import Conclusion, conclude, effect_of
from ..errors import PartialMigration
from ..migrations.script import MigrationPlan, Mode
from .async_commit import AsyncCommitter
from .failures import Stopped


async def async_committed_in_part(
    committer: AsyncCommitter, plan: MigrationPlan, stopped: Stopped
) -> PartialMigration:
    """The error for a transaction of `plan` whose COMMIT said XXA00; the journal keeps it too."""
    tables = committer.session.tables
    first, last = stopped.span
    step = next(s for s in plan.steps if s.first == first)
    stayed: list[str] = []
    gone: list[str] = []
    for i in range(first, last):
        effect = effect_of(plan.script.node(i), cockroachdb=tables.cockroachdb)
        one_line = " ".join(plan.script.shown(*plan.script.spans[i]).split())[:80]
        if any(p.expected for p in effect.probes):
            seen = conclude(effect, None, await committer.look(effect))
            (stayed if seen is Conclusion.DONE else gone).append(one_line)
        else:
            stayed.append(one_line)
    if plan.mode is Mode.PYTHON:
        stayed.append("an unknown part of what it sent, since it is Python")
    where = "" if len(plan.steps) == 1 else f" Step {step.ordinal + 1} of {len(plan.steps)}:"
    reason = " ".join(str(stopped.error).split()).rstrip(".")
    text = (
        f"Migration {plan.version} was committed in part: {reason}.{where}"
        f" Stayed: {'; '.join(stayed) or 'nothing'}."
        f" Undone: {'; '.join(gone) or 'nothing that can be seen'}."
    )
    write = await _history_as_before(committer, plan) + tables.fail_step(
        plan.version,
        plan.script.direction,
        step.ordinal,
        plan.step_hash(step),
        committer.lease.token,
        "stuck",
        text,
    )
    await committer.journal_step(plan, step, write, "stuck")
    back, on = "not-applied", "applied"
    if plan.script.direction == "down":
        back, on = on, back
    return PartialMigration(
        text,
        version=plan.version,
        path=plan.script.path,
        sqlstate=stopped.sqlstate,
        hint=f"undo by hand what stayed, then `manticore repair {plan.version} --{back}`;"
        f" or complete it by hand, then `--{on}`",
    )


async def _history_as_before(committer: AsyncCommitter, plan: MigrationPlan) -> str:
    """What takes back that a migration was recorded together with a part of it."""
    tables = committer.session.tables
    rows = (await committer.session.fetch(tables.read_history("version")))[0]
    recorded = any(int(row[0]) == plan.version for row in rows)
    if recorded == (plan.script.direction == "down"):
        return ""
    if recorded:
        return tables.delete_history(plan.version) + ";\n"
    return tables.insert_history(committer.history_row(plan)) + ";\n"
