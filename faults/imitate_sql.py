"""As much of a statement as imitating CockroachDB takes: its words, kind and table. Pure.

The migration engine has a real parser; this one is separate on purpose, so that a mistake in the
engine's reading of a statement is not repeated by the server it is tested on. It looks only at
a statement's tokens with comments left out: words in capitals unless quoted, and everything else
as it stands. Splitting a message into statements is left to the engine's splitter, which has
tests of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property

from manticore_cockroachdb.parser.split import Unterminated, split

_TOKEN = re.compile(
    r"""
      (?P<skip>\s+ | --[^\n\r]* | /\*(?:[^*]|\*(?!/))*\*/)
    | (?P<string>[eEbB]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*'
                | (?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?P=tag))
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<word>[^\W\d][\w$]*)
    | (?P<other>\d[\w.]* | .)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A token and where it starts and ends; ``key`` is in capitals for words that are bare."""

    key: str
    kind: str
    start: int
    end: int


def tokens(sql: str) -> Iterator[Token]:
    """The tokens of a statement, lazily, without comments."""
    for found in _TOKEN.finditer(sql):
        kind = found.lastgroup or ""
        if found["string"] is not None:
            kind = "string"
        if kind != "skip":
            key = found[0].upper() if kind == "word" else found[0]
            yield Token(key, kind, found.start(), found.end())


class Kind(Enum):
    """What a statement is to a transaction."""

    BEGIN = auto()
    COMMIT = auto()
    ROLLBACK = auto()
    SAVEPOINT = auto()
    ROLLBACK_TO = auto()
    SCHEMA = auto()
    OTHER = auto()


_SCHEMA = frozenset(
    ("CREATE", "ALTER", "DROP", "TRUNCATE", "COMMENT", "GRANT", "REVOKE", "REFRESH")
)
_NOISE = frozenset(("IF", "NOT", "EXISTS", "ONLY", "CONCURRENTLY", "TABLE", "INDEX", "UNIQUE"))
_HEAD = 60


@dataclass(frozen=True)
class Statement:
    """One statement, without its semicolon."""

    sql: str

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The first tokens."""
        found = []
        for token in tokens(self.sql):
            found.append(token.key)
            if len(found) == _HEAD:
                break
        return tuple(found)

    @cached_property
    def kind(self) -> Kind:
        """What it does to a transaction."""
        first = self.words[:1]
        if first in (("BEGIN",), ("START",)):
            return Kind.BEGIN
        if first in (("COMMIT",), ("END",)):
            return Kind.COMMIT
        if first in (("ROLLBACK",), ("ABORT",)):
            return Kind.ROLLBACK_TO if "TO" in self.words[1:3] else Kind.ROLLBACK
        if first == ("SAVEPOINT",):
            return Kind.SAVEPOINT
        return Kind.SCHEMA if self.words[:1] and self.words[0] in _SCHEMA else Kind.OTHER

    def starts(self, *words: str) -> bool:
        """Whether it begins with these words."""
        return self.words[: len(words)] == words

    @property
    def creates_table(self) -> bool:
        """CREATE TABLE, temporary or not."""
        return self.words[:1] == ("CREATE",) and "TABLE" in self.words[1:4]

    @property
    def creates_index(self) -> bool:
        """CREATE INDEX, unique or not."""
        return self.starts("CREATE", "INDEX") or self.starts("CREATE", "UNIQUE", "INDEX")

    @cached_property
    def table(self) -> str | None:
        """The table that CREATE TABLE, ALTER TABLE or CREATE INDEX is about, without schema."""
        words = list(self.words)
        if self.creates_index and "ON" in words:
            rest = words[words.index("ON") + 1 :]
        elif self.creates_table or self.starts("ALTER", "TABLE"):
            rest = words[words.index("TABLE") + 1 :]
        else:
            return None
        while rest and rest[0] in _NOISE:
            rest.pop(0)
        while len(rest) > 2 and rest[1] == ".":
            rest = rest[2:]
        return _name(rest[0]) if rest else None

    @cached_property
    def becomes_job(self) -> bool:
        """Whether it needs a backfill, a validation or a clean-up when its table has existed.

        Everything that ALTER TABLE does but renaming and handing over; indexes; dropping.
        """
        if self.creates_index or self.starts("DROP", "INDEX") or self.starts("DROP", "TABLE"):
            return True
        if self.starts("CREATE", "MATERIALIZED", "VIEW"):
            return True
        return self.starts("ALTER", "TABLE") and not {"RENAME", "OWNER", "SCHEMA_LOCKED"} & set(
            self.words[:12]
        )

    @property
    def waits_for_commit(self) -> bool:
        """Whether inside a transaction it takes effect only after COMMIT."""
        return self.becomes_job and not self.starts("DROP", "TABLE")


def _name(token: str) -> str:
    return token[1:-1].replace('""', '"') if token.startswith('"') else token.lower()


def statements(sql: str) -> list[Statement] | None:
    """The statements of a message; None when it ends inside a token."""
    try:
        return [Statement(sql[start:end]) for start, end in split(sql)]
    except Unterminated:
        return None


def literal(value: str) -> str:
    """A text as an SQL literal, whatever it contains."""
    quoted = value.replace("'", "''")
    return "E'" + quoted.replace("\\", "\\\\") + "'" if "\\" in value else f"'{quoted}'"


def unquote(token: str) -> str:
    """The value of a plain string literal, or the token itself."""
    return token[1:-1].replace("''", "'") if token.startswith("'") else token
