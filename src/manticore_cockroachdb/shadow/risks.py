"""Which migrations must not be replayed beside the database that they were written for.

A scratch database on the same server is only apart as far as a statement stays inside its own
database. Roles, cluster settings and databases are shared; and CockroachDB, where a name may
begin with a database, would take ``DROP TABLE shop.public.orders`` at its word.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress

from ..migrations.file import MigrationFile
from ..migrations.hooks import Hooks
from ..migrations.program import sent
from ..migrations.repeatable import Repeatable
from ..migrations.script import script_of
from ..parser.lex import Token, Unterminated, tokens
from ..parser.nodes import Grant, Revoke, SessionCommand, SetVar
from ..parser.parse import parse
from ..parser.split import split

_SHARED_KINDS = (
    *("ROLE", "USER", "GROUP", "DATABASE", "TABLESPACE", "SYSTEM", "SUBSCRIPTION", "SERVER"),
    *("SCHEDULE", "CHANGEFEED", "RANGE", "TENANT", "EXTERNAL"),
)
_SHARED_VERBS = ("BACKUP", "RESTORE", "IMPORT", "EXPORT", "CONFIGURE ZONE", "REASSIGN OWNED")
_NAMES = ("word", "quoted")


def shared(
    files: Iterable[MigrationFile],
    databases: Collection[str],
    schemas: Collection[str],
    repeatable: Iterable[Repeatable] = (),
    hooks: Hooks | None = None,
) -> str | None:
    """Why these files must run on a server of their own, or None when they need not.

    ``databases`` are all names on the server, ``schemas`` those of the database itself.
    """
    for file in files:
        for text in _statements(file):
            if reason := _reason(text, databases, schemas):
                return f"migration {file.version} {reason}"
    beside = [("repeatable file", one) for one in repeatable]
    beside += [("hook", one) for one in (hooks or {}).values()]
    for what, one in beside:
        for start, end in one.spans:
            if reason := _reason(one.sql[start:end], databases, schemas):
                return f"the {what} {one.name} {reason}"
    return None


def _statements(file: MigrationFile) -> Iterator[str]:
    """The statements of a forward part; of Python, as far as they are written out."""
    if file.is_program:
        for one in sent(file.text):
            with suppress(Unterminated):
                yield from [one.text[start:end] for start, end in split(one.text)]
        return
    script = script_of(file)
    yield from (script.sql(i) for i in range(len(script.spans)))


def _reason(text: str, databases: Collection[str], schemas: Collection[str]) -> str | None:
    node = parse(text)
    words = node.verb.split()
    if words[:1] in (["CREATE"], ["ALTER"], ["DROP"]) and words[-1] in _SHARED_KINDS:
        return f"has {node.verb}, which other databases of the server share"
    if node.verb.startswith(_SHARED_VERBS):
        return f"has {node.verb}, which reaches beyond its database"
    if isinstance(node, SetVar) and node.scope == "cluster":
        return "has SET CLUSTER SETTING"
    if isinstance(node, SetVar) and node.name == "database":
        return "goes to another database"
    if isinstance(node, SessionCommand) and words == ["USE"]:
        return "goes to another database"
    if isinstance(node, Grant | Revoke) and node.target is None:
        return f"has {node.verb} of a role"
    return _names_a_database(tokens(text), databases, schemas)


def _names_a_database(
    parts: list[Token], databases: Collection[str], schemas: Collection[str]
) -> str | None:
    for i, token in enumerate(parts):
        before = parts[i - 1].value if i else ""
        if token.kind not in _NAMES or token.value not in databases or before == ".":
            continue
        dots = 0
        while i + 2 * dots + 1 < len(parts) and parts[i + 2 * dots + 1].value == ".":
            dots += 1
        if before == "database" or dots >= 2 or (dots == 1 and token.value not in schemas):
            return f"names the database {token.value}"
    return None
