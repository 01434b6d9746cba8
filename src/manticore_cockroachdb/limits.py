"""What a transaction may be asked for besides its work: an older moment, a priority, limits.

`plan` decides which statements say so to a server: settings of the session before BEGIN, how to
undo them afterwards, and what must come first inside. Settings go with the session and not with
``SET LOCAL``, which CockroachDB before v22.1 lacks and its quality of service never heeds.

What a server cannot do is refused: a guard that is silently absent guards nothing. A priority is
a wish, so ``quality`` is left out where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, TypedDict

from .dialect import Capabilities
from .errors import QueryError
from .parser.quoting import literal

Isolation = Literal["read committed", "repeatable read", "serializable"]
Quality = Literal["background", "regular", "critical"]

ISOLATIONS = ("read committed", "repeatable read", "serializable")
QUALITIES = ("background", "regular", "critical")
FOLLOWER = "follower_read_timestamp()"
# What that function returned before it was a part of every build.
FOLLOWER_INTERVAL = "'-4.8s'"


class Options(TypedDict, total=False):
    """The keywords of ``transaction``; see `Limits`."""

    as_of: str
    follower_read: bool
    read_only: bool
    isolation: Isolation
    quality: Quality
    statement_timeout: float
    deadline: float
    max_rows_read: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What is asked for; None and False mean the server's own ways.

    ``as_of`` is a moment as CockroachDB writes it, ``"-10s"`` or ``"2030-01-31 12:00:00"``;
    ``follower_read`` is the newest moment that the nearest replica can answer alone, a few seconds
    ago. Both only read. ``statement_timeout`` is in seconds for each statement; ``deadline`` in
    seconds for all of it, tries included. ``max_rows_read`` is how many rows may be read, on the
    way to the answer too. ``quality`` is how urgent it is for CockroachDB's admission control.
    """

    as_of: str | None = None
    follower_read: bool = False
    read_only: bool = False
    isolation: Isolation | None = None
    quality: Quality | None = None
    statement_timeout: float | None = None
    deadline: float | None = None
    max_rows_read: int | None = None

    def __post_init__(self) -> None:
        _one_of("isolation", self.isolation, ISOLATIONS)
        _one_of("quality", self.quality, QUALITIES)
        if self.as_of is not None and self.follower_read:
            raise QueryError("as_of and follower_read are two moments: give one.")
        for name in ("statement_timeout", "deadline", "max_rows_read"):
            number = getattr(self, name)
            kinds = int if name == "max_rows_read" else int | float
            if number is not None and (
                isinstance(number, bool) or not isinstance(number, kinds) or not number > 0
            ):
                unit = "number of rows" if name == "max_rows_read" else "number of seconds"
                raise QueryError(f"{name} takes a {unit} above 0, not {number!r}.")


def limits_of(options: Mapping[str, object]) -> Limits:
    """Return the limits that keywords ask for. Raises `QueryError` for an unknown one."""
    if not options:
        return NONE
    known = [field.name for field in fields(Limits)]
    for name in options:
        if name not in known:
            raise QueryError(f"transaction has no option {name!r}.", hint=f"It has {known}.")
    return Limits(**options)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Asking:
    """The statements that ask: ``before`` BEGIN, how it begins, ``first`` inside, ``after``."""

    before: tuple[str, ...] = ()
    read_only: bool = False
    isolation: Isolation | None = None
    first: str | None = None
    after: tuple[str, ...] = ()


def plan(limits: Limits, caps: Capabilities, left: float | None = None) -> Asking:
    """Return how to ask a server; ``left`` is how many seconds of the deadline are left."""
    crdb = caps.engine == "cockroachdb"
    settings: list[tuple[str, str]] = []
    first: str | None = None
    isolation, read_only = limits.isolation, limits.read_only
    timeouts = [limit for limit in (limits.statement_timeout, left) if limit is not None]
    if timeouts:
        settings.append(("statement_timeout", _milliseconds(min(timeouts))))
    if left is not None and caps.transaction_timeout:
        settings.append(("transaction_timeout", _milliseconds(left)))
    if limits.quality is not None and caps.quality_of_service:
        settings.append(("default_transaction_quality_of_service", limits.quality))
    if limits.max_rows_read is not None:
        if not caps.rows_read_guard:
            raise QueryError(
                "This server does not count the rows that a transaction reads.",
                hint="max_rows_read is CockroachDB's, from v21.2 on. statement_timeout bounds the "
                "work everywhere.",
            )
        settings.append(("transaction_rows_read_err", str(limits.max_rows_read)))
    if limits.as_of is not None:
        if not crdb:
            raise QueryError(
                "PostgreSQL does not keep older states that as_of could read.",
                hint="isolation='repeatable read' gives one moment, that of the first statement.",
            )
        first = f"SET TRANSACTION AS OF SYSTEM TIME {_quoted(limits.as_of)}"
    if limits.follower_read and crdb:
        moment = FOLLOWER if caps.follower_reads else FOLLOWER_INTERVAL
        first = f"SET TRANSACTION AS OF SYSTEM TIME {moment}"
    elif limits.follower_read:
        read_only, isolation = True, isolation or "repeatable read"
    return Asking(
        tuple(f"SET {name} = {_quoted(value)}" for name, value in settings),
        read_only,
        isolation,
        first,
        tuple(f"RESET {name}" for name, _ in settings),
    )


def _one_of(name: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        raise QueryError(f"{name} is {' or '.join(map(repr, known))}, not {value!r}.")


def _milliseconds(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"


def _quoted(text: str) -> str:
    if not isinstance(text, str) or not text or "\0" in text:
        raise QueryError(f"A moment is text such as '-10s', not {text!r}.")
    return literal(text)


NONE = Limits()
