"""What a changefeed sends, as values: text of CockroachDB in, `Change` and `Resolved` out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from .errors import QueryError
from .sql import table_name


@dataclass(frozen=True, slots=True)
class Change:
    """A row that was inserted or changed; ``row`` is None where it was deleted.

    ``key`` holds the values of the primary key, ``updated`` is the moment of the change, to be
    compared by `moment`. Values are what JSON has: text for times, UUIDs and the like.
    """

    table: str
    key: tuple[Any, ...]
    row: Any
    updated: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """Every change up to ``cursor`` has been sent; pass it on to go on from there."""

    cursor: str


Event: TypeAlias = Change | Resolved


def moment(text: str) -> tuple[int, int]:
    """Return a moment as nanoseconds since 1970 and a counter, to be compared."""
    nanoseconds, _, counter = text.partition(".")
    return int(nanoseconds), int(counter or 0)


def statement(table: str, cursor: str | None, resolved: float, *, modern: bool) -> bytes:
    """Return the statement whose answer never ends; its old spelling where not ``modern``."""
    if isinstance(resolved, bool) or not isinstance(resolved, int | float) or not resolved > 0:
        raise QueryError(f"resolved takes a number of seconds above 0, not {resolved!r}.")
    options = ["updated", f"resolved = '{round(resolved * 1000)}ms'"]
    if cursor is not None:
        try:
            moment(cursor)
        except (ValueError, AttributeError):
            raise QueryError(
                f"{cursor!r} is not a cursor of a changefeed.",
                hint="Pass the cursor of a Resolved that was kept, or None to begin with all rows.",
            ) from None
        options.append(f"cursor = '{cursor}'")
    verb = "CREATE CHANGEFEED FOR TABLE" if modern else "EXPERIMENTAL CHANGEFEED FOR"
    name = table_name(table).replace("%%", "%")
    return f"{verb} {name} WITH {', '.join(options)}".encode()


def event(
    table: str | None,
    key: bytes | None,
    value: bytes | None,
    shape: Callable[[dict[str, Any]], Any],
) -> Event:
    """Return what one line of the feed says; ``shape`` makes a row of a dict."""
    found = json.loads(value or b"{}")
    if table is None or key is None:
        return Resolved(found["resolved"])
    after = found.get("after")
    row = None if after is None else shape(after)
    return Change(table, tuple(json.loads(key)), row, found.get("updated", ""))
