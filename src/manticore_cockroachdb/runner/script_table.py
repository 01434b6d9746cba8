"""The SQL of ``_migrations_scripts``: what else ran than migrations, and nothing that runs it.

One row for each repeatable file and each hook, as it last ran:

    kind         "repeatable", "hook", or "round": repeatable files that are under way
    name         the file's path below its folder
    checksum     of its text
    mark         the run that wrote the row: what tells whether a lost COMMIT has happened
    detail       as JSON: what a repeatable file made; of a round, its script and what is to be kept

Why a table of its own: ``_migrations`` is read and edited by hand, by people and by programs that
know its first three columns, and each row there is a version. A file that runs again whenever it
changes has none, and a row in disguise would count as the newest migration to somebody. The table
is made when the first such file runs, so who has none pays nothing. Like the journal's, its rows
belong to one history table (``history``): when somebody drops ``_migrations`` to start again, they
are void.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..own_tables import HISTORY, SCRIPTS
from ..parser.quoting import literal, nullable

if TYPE_CHECKING:
    from .bookkeeping import Tables


def read_repeatable(scripts: str = SCRIPTS, history: str = HISTORY) -> str:
    """What is recorded of repeatable files: name and checksum.

    For a session's first message, which may not know yet in which schema our tables are: they are
    called as there. A round that stopped half way stands among them under the empty name.
    """
    return (
        f"SELECT name, checksum FROM {scripts} WHERE kind IN ('repeatable', 'round')"
        f" AND history = {literal(history)}::REGCLASS::OID::INT8 ORDER BY name"
    )


def create(tables: Tables) -> str:
    """Make the table where it is missing."""
    return (
        f"CREATE TABLE IF NOT EXISTS {tables.name(SCRIPTS)} (kind TEXT, name TEXT, checksum TEXT,"
        " mark TEXT NOT NULL, detail TEXT, applied_at TIMESTAMPTZ NOT NULL, applied_by TEXT NOT"
        " NULL, token INT8 NOT NULL, history INT8 NOT NULL, PRIMARY KEY (kind, name))"
    )


def read(tables: Tables) -> str:
    """The rows of this history: kind, name, checksum, mark, detail."""
    return (
        f"SELECT kind, name, checksum, mark, detail FROM {tables.name(SCRIPTS)}"
        f" WHERE history = {tables.identity} ORDER BY kind, name"
    )


def read_hooks(tables: Tables) -> str:
    """When each hook of this history last ran: name, time, detail."""
    return (
        f"SELECT name, applied_at, detail FROM {tables.name(SCRIPTS)}"
        f" WHERE history = {tables.identity} AND kind = 'hook' ORDER BY name"
    )


def upsert(
    tables: Tables,
    rows: list[tuple[str, str, str | None, str | None]],
    mark: str,
    token: int,
) -> str:
    """Record scripts: kind, name, checksum and detail of each."""
    values = ", ".join(
        f"({literal(kind)}, {literal(name)}, {nullable(checksum)}, {literal(mark)},"
        f" {nullable(detail)},"
        f" clock_timestamp(), current_user, {int(token)}, {tables.identity})"
        for kind, name, checksum, detail in rows
    )
    return (
        f"INSERT INTO {tables.name(SCRIPTS)} (kind, name, checksum, mark, detail, applied_at,"
        f" applied_by, token, history) VALUES {values} ON CONFLICT (kind, name) DO UPDATE SET"
        " checksum = excluded.checksum, mark = excluded.mark, detail = excluded.detail,"
        " applied_at = excluded.applied_at, applied_by = excluded.applied_by,"
        " token = excluded.token, history = excluded.history"
    )


def forget(tables: Tables, kind: str, names: list[str]) -> str:
    """Remove rows."""
    chosen = ", ".join(map(literal, names))
    return f"DELETE FROM {tables.name(SCRIPTS)} WHERE kind = {literal(kind)} AND name IN ({chosen})"
