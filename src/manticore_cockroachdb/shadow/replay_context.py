"""What is around a database when its migrations run, and how a scratch database gets it too.

Whoever set ``search_path`` for a database, or for its user, decided where a table without a schema
in its name goes. A replay has to put it there as well, and the schemas that no migration makes
have to be there before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..dialect import Server
from ..migrations.file import MigrationFile, statements
from ..parser.nodes import CreateObject
from ..parser.parse import parse
from ..parser.quoting import quote
from ..schema.printed import name_list


@dataclass(frozen=True, slots=True)
class ReplayContext:
    """``databases`` are all on the server, ``schemas`` those of the database, ``path`` is its
    ``search_path`` as the server shows it."""

    server: Server
    databases: frozenset[str] = frozenset()
    schemas: frozenset[str] = frozenset()
    path: str = ""

    def settings(self) -> dict[str, str]:
        """The session settings that a replay needs."""
        usual = self.path.replace(" ", "") in ("", '"$user",public')
        if usual or self.server.engine == "cockroachdb":
            return {}
        # public too, for the history of the replay: the others may not be there yet
        more = "" if "public" in name_list(self.path) else ", public"
        return {"search_path": self.path + more}

    def before(self, files: Iterable[MigrationFile]) -> list[str]:
        """The statements that make what the files take for granted."""
        if not self.settings():
            return []
        made = {"public", *_schemas_made(files)}
        missing = [n for n in name_list(self.path) if n in self.schemas and n not in made]
        return [f"CREATE SCHEMA {quote(name)}" for name in missing]


def _schemas_made(files: Iterable[MigrationFile]) -> Iterable[str]:
    for file in files:
        for start, end in statements(file):
            text = file.text[start:end]
            node = parse(text) if text[:6].lower() == "create" else None
            if isinstance(node, CreateObject) and node.kind == "schema" and node.name:
                yield node.name.name
