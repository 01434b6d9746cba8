"""What one statement allows: a transaction covers it, it runs alone, or it cannot be used.

Sources: PostgreSQL docs, the notes of each command that "cannot be executed inside a transaction
block"; CockroachDB docs, "Online schema changes" and its known limitations.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..dialect import Capabilities
from ..own_tables import OURS
from ..parser import client
from ..parser import nodes as n
from .changes import references


@dataclass(frozen=True, slots=True)
class Alone:
    """No transaction covers this statement, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """This statement cannot be in a migration, why, and what to do instead."""

    reason: str
    hint: str


Coverage = Alone | Unusable | None
"""None: a transaction covers the statement."""


def judge(node: n.Node, caps: Capabilities) -> Coverage:
    """What this server allows for a statement, whatever its neighbours."""
    match node:
        case n.TransactionControl(verb=verb) if verb in _SAVEPOINTS:
            if not caps.transactional_ddl:
                return Unusable(
                    "a savepoint around schema changes is not safe on CockroachDB",
                    "remove the savepoint: the migration is atomic or resumable without it",
                )
            return None
        case n.TransactionControl(verb=verb):
            return Unusable(
                f"{verb} in a migration would end its transaction half way",
                "remove it: a migration already runs in a transaction where the server allows"
                " one; write -- @transaction off for one statement at a time; from the files of"
                " another tool `manticore import` takes a BEGIN and COMMIT around the whole",
            )
        case n.Drop(names=names) if not caps.transactional_ddl and any(
            one.name.lower() in OURS for one in names
        ):
            return Unusable(
                "it drops a table that says what is applied, and so could not be recorded",
                "to start again, drop it by hand, not in a migration",
            )
        case n.Dml(verb="COPY") if node.from_stdin or node.to:
            return Unusable(
                client.COPY,
                client.COPY_HINT,
            )
        case _:
            pass
    return _judge_postgresql(node) if caps.transactional_ddl else _judge_cockroachdb(node, caps)


_SAVEPOINTS = ("SAVEPOINT", "RELEASE", "ROLLBACK TO")
_NO_BLOCK = "PostgreSQL refuses it inside a transaction"


def _judge_postgresql(node: n.Node) -> Coverage:
    match node:
        case n.CreateIndex(concurrently=True):
            return Alone(f"{_NO_BLOCK}: CREATE INDEX CONCURRENTLY")
        case n.Drop(concurrently=True):
            return Alone(f"{_NO_BLOCK}: DROP INDEX CONCURRENTLY")
        case n.Maintenance(verb=verb) if verb == "VACUUM" or node.concurrently:
            if verb.startswith("REFRESH"):
                return None
            return Alone(f"{_NO_BLOCK}: {verb}")
        case n.CreateObject(kind=kind) | n.Drop(kind=kind) if kind in (
            "database",
            "tablespace",
            "subscription",
        ):
            return Alone(f"{_NO_BLOCK}: {node.verb}")
        case n.AlterObject(kind="system"):
            return Alone(f"{_NO_BLOCK}: ALTER SYSTEM")
        case n.AlterTable(actions=actions) if any(
            isinstance(a, n.DetachPartition) and a.concurrently for a in actions
        ):
            return Alone(f"{_NO_BLOCK}: DETACH PARTITION CONCURRENTLY")
        case _:
            return None


def _judge_cockroachdb(node: n.Node, caps: Capabilities) -> Coverage:
    match node:
        case n.CreateTable(as_query=False) if refers_to(node):
            return Alone("on CockroachDB a job shows a table with foreign keys after COMMIT")
        case n.CreateTable(as_query=False):
            return None
        case n.Dml() | n.Query() | n.Call() | n.SessionCommand() | n.Reset():
            return None
        case n.SetVar(scope="session" | "local"):
            return None
        case n.Do() if caps.do_blocks:
            return None
        case n.Do():
            return Unusable(
                "this CockroachDB has no DO blocks",
                "write plain SQL, or limit the migration with -- @environments",
            )
        case n.AlterTable(actions=actions) if len(actions) > 1 and any(
            isinstance(a, n.DropColumn) for a in actions
        ):
            return Unusable(
                "DROP COLUMN together with other changes can lose data on CockroachDB"
                " (cockroachdb/cockroach#46541)",
                "put DROP COLUMN into a statement, better a migration, of its own",
            )
        case n.Unparsed():
            return Alone("it could not be parsed, so nothing says that a transaction covers it")
        case _:
            return Alone(f"on CockroachDB {node.verb} goes on as a job after COMMIT")


def refers_to(node: n.CreateTable) -> set[str]:
    """The other tables that a new one has foreign keys to, or is interleaved in, by name.

    CockroachDB adds such a table in a hidden state; a job tells the others of it and then shows
    it. Seen on v20.2 by killing it; newer versions do the same unless the other tables are made in
    the same transaction (cockroachdb/cockroach, pkg/sql/create_table.go).
    """
    found = {r.name.lower() for r in (*references(node), node.interleaved) if r is not None}
    return found - {node.name.name.lower()}


_LASTING = ("USE", "PREPARE")


def sets_session(node: n.Node) -> bool:
    """Whether a new session needs this statement again to understand what follows alike."""
    match node:
        case n.SessionCommand(verb=verb):
            return verb in _LASTING
        case _:
            return changes_session(node)


def changes_session(node: n.Node) -> bool:
    """Whether what follows in the same session may see it differently."""
    match node:
        case n.SetVar(scope="session") | n.Reset():
            return True
        case n.SessionCommand():
            return True
        case n.Query(functions=functions) if "set_config" in functions:
            return True
        case _:
            return False
