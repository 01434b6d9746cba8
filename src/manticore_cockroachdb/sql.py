"""Statements for ``insert``, ``select`` and the like: names and shapes in, text out.

Identifiers are always quoted, values are always parameters, and nothing of either is ever
written into the text raw. The only raw text anywhere is a column's type in `create_table`.

Text depends on the shape of a call alone, not on its values, and is cached by it. It is bytes,
because psycopg takes those without encoding them once more, and it is written for psycopg's
``%s`` placeholders: a ``%`` inside an identifier is doubled, so parameters must always be passed
along, if only ``()``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, wraps

from .errors import QueryError
from .parser.quoting import quote_always

LONG = 1000

_PART = re.compile(r'"(?P<quoted>(?:[^"]|"")+)"|(?P<plain>[^".][^.]*)')


class Built(bytes):
    """A verb's statement, with what a statement of somebody else's does not tell for sure."""

    operation: str
    table: str


def _built(operation: str, table: str, text: str) -> Built:
    built = Built(text.encode())
    built.operation, built.table = operation, table
    return built


def is_unicode(text: str) -> bool:
    """Return whether a server can be sent the text: a str can hold halves of characters."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


@lru_cache(4096)
def identifier(name: str) -> str:
    """Return one name quoted, ready for a statement with parameters."""
    if not isinstance(name, str) or not name:
        raise QueryError(f"A name is text that is not empty, not {name!r}.")
    if "\0" in name:
        raise QueryError(f"The name {name!r} holds a NUL character.")
    if not is_unicode(name):
        raise QueryError(f"The name {name!r} holds half a character, a lone surrogate.")
    return quote_always(name).replace("%", "%%")


@lru_cache(1024)
def split_name(name: str) -> tuple[str, ...]:
    """Return the parts of ``table``, ``schema.table`` or ``database.schema.table``.

    A part with a dot of its own is written in double quotes: ``public."a.b"``.
    """
    if not isinstance(name, str) or not name:
        raise QueryError(f"A table's name is text that is not empty, not {name!r}.")
    parts: list[str] = []
    position = 0
    while match := _PART.match(name, position):
        quoted = match["quoted"]
        parts.append(match["plain"] if quoted is None else quoted.replace('""', '"'))
        position = match.end()
        if position == len(name) and len(parts) <= 3:
            return tuple(parts)
        if name[position : position + 1] != ".":
            break
        position += 1
    raise QueryError(
        f"{name!r} is not a table's name.",
        hint='Write table, schema.table, or in double quotes what holds a dot: public."a.b".',
    )


@lru_cache(1024)
def table_name(name: str) -> str:
    """Return a table's name quoted part by part."""
    return ".".join(identifier(part) for part in split_name(name))


def columns_of(columns: Iterable[str]) -> str:
    """Return names quoted and separated by commas."""
    return ", ".join(identifier(column) for column in columns)


def _cached(function: Callable[..., bytes]) -> Callable[..., bytes]:
    """Remember texts by their shape, but not those that a long list of values makes long."""
    remembered = lru_cache(512)(function)

    @wraps(function)
    def call(table: str, columns: tuple[str, ...], where: str, *more: object) -> bytes:
        recall = remembered if len(where) <= LONG else function
        return recall(table, columns, where, *more)

    return call


@_cached
def select(
    table: str,
    columns: tuple[str, ...],
    where: str,
    order_by: str,
    limited: bool,
    shifted: bool,
) -> bytes:
    """Return a SELECT; ``where`` and ``order_by`` are text made here, the flags add %s."""
    text = f"SELECT {columns_of(columns) or '*'} FROM {table_name(table)}"
    text += f" WHERE {where}" if where else ""
    text += f" ORDER BY {order_by}" if order_by else ""
    text += " LIMIT %s" if limited else ""
    text += " OFFSET %s" if shifted else ""
    return _built("SELECT", table, text)


@_cached
def count(table: str, columns: tuple[()], where: str) -> bytes:
    """Return a SELECT of the number of rows, as ``count``."""
    condition = f" WHERE {where}" if where else ""
    text = f"SELECT count(*) AS count FROM {table_name(table)}{condition}"
    return _built("SELECT", table, text)


@lru_cache(1024)
def insert(table: str, columns: tuple[str, ...]) -> bytes:
    """Return an INSERT of one row that returns it."""
    return _built("INSERT", table, f"{_insert(table, columns)} RETURNING *")


def _insert(table: str, columns: tuple[str, ...]) -> str:
    if not columns:
        return f"INSERT INTO {table_name(table)} DEFAULT VALUES"
    values = ", ".join(["%s"] * len(columns))
    return f"INSERT INTO {table_name(table)} ({columns_of(columns)}) VALUES ({values})"


@lru_cache(1024)
def upsert(
    table: str, columns: tuple[str, ...], conflict: tuple[str, ...], update: tuple[str, ...]
) -> bytes:
    """Return an INSERT that updates the row it conflicts with, or leaves it for no ``update``."""
    if not columns or not conflict:
        raise QueryError("An upsert needs data and the columns that can conflict.")
    sets = ", ".join(f"{identifier(c)} = excluded.{identifier(c)}" for c in update)
    action = f"UPDATE SET {sets}" if update else "NOTHING"
    text = f"{_insert(table, columns)} ON CONFLICT ({columns_of(conflict)}) DO {action} RETURNING *"
    return _built("INSERT", table, text)


@_cached
def update(table: str, columns: tuple[str, ...], where: str, returning: str = "all") -> bytes:
    """Return an UPDATE that returns the new rows: ``all`` of them, the ``first``, or ``none``."""
    if not columns:
        raise QueryError("An update needs at least one column to set.")
    sets = ", ".join(f"{identifier(column)} = %s" for column in columns)
    text = f"UPDATE {table_name(table)} SET {sets}{f' WHERE {where}' if where else ''}"
    if returning == "first":
        # A statement in WITH is carried out to its end, however few of its rows are read.
        text = f"WITH updated AS ({text} RETURNING *) SELECT * FROM updated LIMIT 1"
    elif returning == "all":
        text += " RETURNING *"
    return _built("UPDATE", table, text)


@_cached
def delete(table: str, columns: tuple[()], where: str) -> bytes:
    """Return a DELETE."""
    text = f"DELETE FROM {table_name(table)}{f' WHERE {where}' if where else ''}"
    return _built("DELETE", table, text)


@lru_cache(64)
def insert_many(
    table: str, columns: tuple[str, ...], rows: int, gaps: frozenset[int], returning: bool
) -> bytes:
    """Return an INSERT of several rows, with ``$1`` placeholders for a raw cursor.

    ``gaps`` are the positions, counted through all rows, that get the column's default.
    """
    end = " RETURNING *" if returning else ""
    target = table_name(table).replace("%%", "%")
    if not columns:
        return _built("INSERT", table, f"INSERT INTO {target} DEFAULT VALUES{end}")
    numbers = iter(range(1, rows * len(columns) + 1))
    cells = ["DEFAULT" if i in gaps else f"${next(numbers)}" for i in range(rows * len(columns))]
    width = len(columns)
    values = ", ".join(f"({', '.join(cells[i : i + width])})" for i in range(0, len(cells), width))
    names = columns_of(columns).replace("%%", "%")
    return _built("INSERT", table, f"INSERT INTO {target} ({names}) VALUES {values}{end}")


def copy(table: str, columns: tuple[str, ...], format: str = "text", header: bool = False) -> bytes:
    """Return a COPY from the client. It takes no parameters, so a % stays single."""
    names = f" ({columns_of(columns)})" if columns else ""
    text = f"COPY {table_name(table)}{names} FROM STDIN{_options(format, header)}"
    return _built("COPY", table, text.replace("%%", "%"))


def copy_out(table: str | None, columns: tuple[str, ...], format: str, header: bool) -> bytes:
    """Return a COPY to the client, of a table, or with ``%s`` of a query to put there."""
    if table is None:
        return f"COPY (%s) TO STDOUT{_options(format, header)}".encode()
    names = f" ({columns_of(columns)})" if columns else ""
    text = f"COPY {table_name(table)}{names} TO STDOUT{_options(format, header)}"
    return _built("COPY", table, text.replace("%%", "%"))


def _options(format: str, header: bool) -> str:
    """Return COPY's options in their old spelling, which every CockroachDB knows."""
    if format not in ("text", "csv", "binary") or (header and format != "csv"):
        raise QueryError(
            f"COPY has no format {format!r}{' with a header' if header else ''}.",
            hint="The format is 'text', 'csv' or 'binary'; a header has csv alone.",
        )
    return {"text": "", "csv": " WITH CSV", "binary": " WITH BINARY"}[format] + (
        " HEADER" if header else ""
    )


def kinds(table: str, columns: tuple[str, ...]) -> bytes:
    """Return a SELECT without rows, whose answer tells the columns' types."""
    text = f"SELECT {columns_of(columns) or '*'} FROM {table_name(table)} LIMIT 0"
    return _built("SELECT", table, text)


def create_table(table: str, columns: Mapping[str, str], *, if_not_exists: bool) -> bytes:
    """Return a CREATE TABLE. The types are SQL as they stand: never from outside."""
    guard = "IF NOT EXISTS " if if_not_exists else ""
    definitions = ", ".join(
        f"{identifier(name)} {definition.replace('%', '%%')}"
        for name, definition in columns.items()
    )
    text = f"CREATE TABLE {guard}{table_name(table)} ({definitions})"
    return _built("CREATE TABLE", table, text)


def drop_table(table: str, *, if_exists: bool, cascade: bool) -> bytes:
    """Return a DROP TABLE."""
    guard = "IF EXISTS " if if_exists else ""
    text = f"DROP TABLE {guard}{table_name(table)}{' CASCADE' if cascade else ''}"
    return _built("DROP TABLE", table, text)


def exists(table: str) -> tuple[bytes, tuple[str, ...]]:
    """Return the query, and its parameters, for whether a table or view has that name."""
    *path, name = split_name(table)
    catalog = f"{identifier(path[0])}." if len(path) == 2 else ""
    schema = "= %s" if path else "= ANY (current_schemas(true))"
    return (
        f"SELECT 1 AS found FROM {catalog}pg_catalog.pg_class c "
        f"JOIN {catalog}pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE c.relname = %s AND n.nspname {schema} "
        f"AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
    ).encode(), (name, *path[-1:])


def create_database(name: str) -> bytes:
    """Return a CREATE DATABASE, to run without parameters."""
    return f"CREATE DATABASE {identifier(name)}".replace("%%", "%").encode()


def drop_database(name: str, *, if_exists: bool, force: bool, crdb: bool) -> bytes:
    """Return a DROP DATABASE, to run without parameters."""
    guard = "IF EXISTS " if if_exists else ""
    # CockroachDB ends no sessions, but asks for CASCADE where the database is not empty.
    end = " CASCADE" if crdb else " WITH (FORCE)" if force else ""
    return f"DROP DATABASE {guard}{identifier(name)}{end}".replace("%%", "%").encode()
