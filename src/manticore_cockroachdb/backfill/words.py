"""What a user is told when a backfill is not complete: what happened, what stays, how to go on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import (
    BackfillIncomplete,
    ConfigError,
    ConnectionFailed,
    MigrationError,
    PartialMigration,
)
from ..runner.failures import sentence
from ..suggest import meant
from .keys import decode
from .machine import Wish
from .results import BackfillStatus

SHOWN = 3
"""Failed rows that an error shows; `manticore backfill status` shows more."""


def unknown(name: str, known: Iterable[str]) -> ConfigError:
    """The error for a name that no backfill has."""
    names = list(known)
    hint = meant(name, names, otherwise=f"there are {', '.join(names)}")
    return ConfigError(
        f"There is no backfill {name}.",
        hint=hint if names else "none has been registered here; `manticore migrate` does so",
    )


def unfinished(
    version: int,
    direction: str,
    path: str | None,
    why: str,
    rows: int,
    *,
    failure: Any = None,
    note: str | None = None,
    failed: Sequence[tuple[Any, ...]] = (),
) -> MigrationError | ConnectionFailed:
    """The error for a run that ended as `why` says, a state or "stopped".

    `failure` is what stopped it, an error of psycopg's or ours; `note` what is noted of it;
    `failed` are rows of `BackfillTables.failures`.
    """
    what = f"migration {version}"
    if direction == "down":
        what = f"the rollback of {what}"
    so_far = f"{rows:,} rows are done and stay so."
    again = "run again when the cause is mended: it goes on where it stopped"
    sqlstate = getattr(failure, "sqlstate", None)
    if failure is not None and not isinstance(failure, ConnectionFailed):
        text = f"The backfill of {what} failed: {sentence(failure)} {so_far}"
    elif failure is not None:
        return ConnectionFailed(
            f"The connection was lost during the backfill of {what}: {failure.message}",
            hint="run again when the server is back: it goes on where it stopped",
        )
    elif failed:
        shown = "; ".join(f"{shown_key(key)}: {words}" for key, _, words, _ in failed)
        text = f"The backfill of {what} is done but for rows that cannot be changed: {shown}"
        again = (
            f"`manticore backfill status {version}` lists them; mend them, then"
            f" `manticore backfill retry {version}`, and run again"
        )
    elif why == Wish.FAILED:
        text = f"The backfill of {what} is not complete: {note or 'it failed'}."
        again = "correct what is left, and run again"
    else:
        text = f"The backfill of {what} is {why}. {so_far}"
        again = f"`manticore backfill resume {version}`, then run again: it goes on where it was"
    return PartialMigration(text, version=version, path=path, sqlstate=sqlstate, hint=again)


def incomplete(pending: int | None, left: BackfillStatus | None) -> BackfillIncomplete:
    """The error for a database that lacks a migration, or rows of a backfill."""
    if pending is not None or left is None:
        return BackfillIncomplete(
            f"Migration {pending} is not applied.",
            version=pending,
            hint="`manticore migrate` applies it",
        )
    about = "" if left.estimate is None else f" of about {left.estimate:,}"
    return BackfillIncomplete(
        f"The backfill of migration {left.version} is {left.state}: {left.rows:,}{about} rows are"
        " done.",
        version=left.version,
        hint=f"`manticore backfill run {left.version}` works on it",
    )


def shown_key(stored: str | None) -> str:
    """A key as a person reads it."""
    return ", ".join(decode(stored) or ())
