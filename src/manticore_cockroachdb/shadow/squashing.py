"""What a squash writes, from the schema that the old files made; and what it must not lose.

A dump holds a schema and nothing else (`schema.model`). What a migration did besides falls into
three: statements about what a dump leaves out, such as grants, which are carried over as written;
rows, which the replay shows (`async_squash`), since an UPDATE on an empty table leaves nothing to
lose; and what reaches beyond the database or depends on where it runs, which is refused with file
and line. Nothing here talks to a server.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..errors import FileError
from ..migrations.file import MigrationFile, at, statements
from ..migrations.squash import Squashed
from ..parser import nodes as n
from ..parser.lex import tokens
from ..parser.parse import parse
from ..parser.split import directives, line_column
from ..schema import model as m
from ..schema.render import statements as dumped

_SEEN = frozenset(
    {
        *("table", "index", "view", "materialized view", "sequence", "type", "domain", "schema"),
        *("extension", "function", "procedure", "routine", "statistics", "trigger", "policy"),
        *("rule", "constraint", "column"),
    }
)
_BEYOND = (
    *("role", "user", "group", "database", "tablespace", "system", "subscription", "schedule"),
    *("changefeed", "range", "tenant", "external connection", "owned"),
)
# What these do to an empty table is nothing, or is gone with the session.
_PASSING = ("ANALYZE", "CHECKPOINT", "CLUSTER", "REINDEX", "VACUUM", "REFRESH MATERIALIZED VIEW")
# Actions on a table that a dump does not hold; the others it does.
_UNHELD = (
    *("OWNER TO", "REPLICA IDENTITY", "CLUSTER ON", "SET WITHOUT CLUSTER", "SET TABLESPACE"),
    *("SET STATISTICS", "SET STORAGE", "SET COMPRESSION", "CONFIGURE ZONE", "SPLIT AT"),
    *("UNSPLIT", "DISABLE TRIGGER", "ENABLE ALWAYS", "ENABLE REPLICA", "DISABLE RULE"),
    *("EXPERIMENTAL_AUDIT", "SET ACCESS METHOD"),
)
_MOVE = "what holds for every environment can be squashed; --to can name a version before this one"


@dataclass(frozen=True, slots=True)
class Carried:
    """A statement that is carried over as written; ``first``: before the tables are made."""

    where: str
    sql: str
    first: bool = False


@dataclass(frozen=True, slots=True)
class Beside:
    """What files do besides the schema: what is carried over, and what was not looked into."""

    carried: tuple[Carried, ...]
    notes: tuple[str, ...]


def beside(files: Iterable[MigrationFile]) -> Beside:
    """What files do besides the schema. Raises FileError, with all that stands in the way."""
    from ..errors import raise_all

    carried: list[Carried] = []
    blind: list[str] = []
    wrong: list[FileError] = []
    for file in files:
        if error := _unfit(file):
            wrong.append(error)
            continue
        for start, end in statements(file):
            node = parse(file.text[start:end])
            reason = _beyond(node)
            if reason is not None:
                wrong.append(_refusal(file, start, f"{reason}, which no squashed file can hold"))
            elif isinstance(node, n.Do | n.Call):
                blind.append(_where(file, start))
            elif not _is_held(node):
                first = isinstance(node, n.AlterObject) and node.kind == "default privileges"
                carried.append(Carried(_where(file, start), file.text[start:end], first))
    raise_all(wrong)
    notes = []
    if carried:
        notes.append(f"carried over as written, since a dump does not hold it: {_few(carried)}")
    if blind:
        notes.append(
            f"what it left in the schema and in rows is compared, and nothing else: {_few(blind)}"
        )
    return Beside(tuple(carried), tuple(notes))


def _few(found: Sequence[Carried | str]) -> str:
    places = list(dict.fromkeys(one.where if isinstance(one, Carried) else one for one in found))
    more = f" and {len(places) - 5:,} more" if len(places) > 5 else ""
    return ", ".join(places[:5]) + more


def _unfit(file: MigrationFile) -> FileError | None:
    """Why a file as a whole cannot be squashed."""
    if file.path.endswith(".py"):
        return FileError(
            f"{file.path} is Python, and what it does cannot be told from the schema alone.",
            path=file.path,
            version=file.version,
            hint="squash up to a version before it; or, where every database has it, delete the"
            " file and let `manticore repair` forget it there",
        )
    for one in directives(file.text):
        if one.name in ("environments", "variables"):
            what = "some environments" if one.name == "environments" else "values from outside"
            return at(
                file.path,
                file.text,
                one.start,
                f"The migration is for {what}, and a squashed file is the same for all.",
                version=file.version,
                hint=_MOVE,
            )
    return None


def _beyond(node: n.Node) -> str | None:
    """What a statement reaches that is not the database's own, or None."""
    if isinstance(node, n.Unparsed):
        return f"This statement could not be read ({node.reason})"
    if isinstance(node, n.Grant | n.Revoke) and node.target is None:
        return f"{node.verb} of a role is the server's"
    if isinstance(node, n.SetVar) and node.scope in ("cluster", "role", "database"):
        return f"{node.verb} lasts beyond the migration"
    if isinstance(node, n.Comment) and node.object_kind in _BEYOND:
        return f"A comment on a {node.object_kind} is the server's"
    kind = getattr(node, "kind", None)
    if kind in _BEYOND:
        return f"{node.verb} is the server's"
    if isinstance(node, n.Maintenance) and not node.verb.startswith((*_PASSING, "SECURITY LABEL")):
        return f"{node.verb} reaches beyond the schema"
    return None


def _is_held(node: n.Node) -> bool:
    """Whether a dump holds what a statement makes, or it leaves nothing but rows."""
    match node:
        case n.Grant() | n.Revoke():
            return False
        case n.Maintenance():
            return node.verb != "SECURITY LABEL"
        case n.AlterTable():
            return not any(
                isinstance(one, n.OtherAction) and one.text.startswith(_UNHELD)
                for one in node.actions
            )
        case n.AlterType():
            return node.action != "owner to"
        case n.AlterObject():
            return node.kind in _SEEN and not node.action.startswith("OWNER TO")
        case n.CreateObject():
            return node.temporary or node.kind in _SEEN
        case n.Drop() | n.RenameObject():
            return node.kind in _SEEN
    return True


def squash_text(
    entries: Sequence[Squashed], schema: m.Schema, found: Beside, undo: str | None
) -> str:
    """The squashed file."""
    number = len({one.version for one in entries})
    lines = [
        f"-- Written by `manticore squash`: the schema that {number:,} migrations made, for a new"
        " database.",
        "-- Where all of them are applied, this is; nothing of it runs there.",
        *(one.line for one in entries),
    ]
    parts = ["\n".join(lines)]
    if schema.engine == "postgresql" and any(
        one.kind in ("function", "procedure") for one in schema.objects
    ):
        parts.append("SET LOCAL check_function_bodies = off;")
    parts += [_written(one) for one in found.carried if one.first]
    parts += [f"{sql};" for sql in dumped(schema)]
    parts += [_written(one) for one in found.carried if not one.first]
    text = "\n\n".join(parts) + "\n"
    return text if undo is None else f"{text}\n-- @UNDO\n\n{undo.strip()}\n"


def _written(one: Carried) -> str:
    return f"-- From {one.where}, as it was written.\n{one.sql};"


def names_public(files: Iterable[MigrationFile]) -> bool:
    """Whether a statement of these files says ``public`` itself, as its schema."""
    return any(
        one.value == "public" and following.value == "."
        for file in files
        for one, following in pairwise(tokens(file.text))
    )


def without_public(text: str) -> str:
    """A file's text with names as they are written by hand: the schema is that of the search path,
    so that it can be another one than ``public``, as for tenants."""
    pieces, done = [], 0
    found = tokens(text)
    for one, following in pairwise([*found, *found[-1:]]):
        start, end = one.start, one.start
        if one.kind == "word" and one.value == "public" and following.value == ".":
            end = following.end
        elif one.kind == "string" and one.value.startswith("public."):  # '…'::regclass
            start = text.index("public.", one.start, one.end)
            end = start + len("public.")
        if end > start:
            pieces.append(text[done:start])
            done = end
    return "".join(pieces) + text[done:]


def with_rows(
    files: Iterable[MigrationFile],
    schema: str,
    table: str,
    message: str,
    longest: int | None = None,
) -> FileError | None:
    """An error at the statement that may have left rows in a table; ``longest`` as for `parse`."""
    hint = (
        "rows that every database has belong in a repeatable file: copy the INSERT to"
        " repeatable/ (with ON CONFLICT DO NOTHING) and squash again, which compares rows too; or"
        " squash up to a version before this one"
    )
    guess: FileError | None = None
    for file in files:
        for start, end in statements(file):
            node = parse(file.text[start:end], longest)
            name = node.table if isinstance(node, n.Dml) else None
            if isinstance(node, n.CreateTable) and node.as_query:
                name = node.name
            if name is not None and name.name == table and name.schema in (None, schema):
                if node.verb not in ("UPDATE", "DELETE"):
                    return at(file.path, file.text, start, message, version=file.version, hint=hint)
            elif guess is None and isinstance(node, n.Do | n.Call | n.Query):
                guess = at(file.path, file.text, start, message, version=file.version, hint=hint)
    return guess


def _refusal(file: MigrationFile, start: int, message: str) -> FileError:
    return at(
        file.path,
        file.text,
        start,
        f"{message}.",
        version=file.version,
        hint="squash up to a version before it; or move it out of the migrations, to where servers"
        " are set up",
    )


def _where(file: MigrationFile, start: int) -> str:
    name = file.path.replace("\\", "/").rpartition("/")[2]
    return f"{name}:{line_column(file.text, start)[0]}"
