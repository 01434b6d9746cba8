"""A backfill as a migration file asks for it: its directives, and its statements with `:batch`.

    -- @backfill users by id
    -- @batch rows 100..50000, time 50ms, pause auto, workers 1
    -- @where full_name IS NULL
    UPDATE users SET full_name = first_name || ' ' || last_name WHERE :batch;

The rule: a part of a file with `-- @backfill` is a backfill as a whole. All its statements run, in
one transaction, for one batch of rows of the table after another, and each says where the batch
goes: `:batch`, or `:batch(u)` for an alias. Text in, frozen values out; what is walked, by whom and
how far is the business of `manticore_cockroachdb.backfill`.

`@batch` and `@throttle` say how gently a backfill runs and not what it does, so they may change
while it runs and are no part of a file's checksum.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ..errors import FileError
from ..parser import nodes as n
from ..parser.cursor import Cursor, Misunderstood
from ..parser.lex import Unterminated, tokens
from ..parser.parse import parse
from ..parser.quoting import quote
from ..parser.split import Directive

# Directives that only a part with `-- @backfill` may have.
COMPANIONS = ("batch", "where", "check", "throttle", "background")
DIRECTIVES = ("backfill", *COMPANIONS)
# Those that change how a backfill runs and not what it does.
TUNING = ("batch", "throttle")
MOST_WORKERS = 64

Fail = Callable[[int, str, str | None], FileError]

_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min)")
_ROWS = re.compile(r"(\d[\d_]*)\s*\.\.\s*(\d[\d_]*)")
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0}
_WRITES = ("INSERT", "UPSERT", "UPDATE", "DELETE", "MERGE")


@dataclass(frozen=True, slots=True)
class Batching:
    """How large batches are, in rows; how long one should take, and how long to wait after it, in
    seconds; how many workers of one process share the work.

    `pause` None: as long as `sizing` says, while others are at work on the database.
    """

    smallest: int = 100
    largest: int = 50_000
    time: float = 0.05
    pause: float | None = None
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Template:
    """A statement cut at each `:batch`: between two pieces stands the condition, in terms of the
    alias that goes with the first of them (None: of the table itself)."""

    pieces: tuple[str, ...]
    aliases: tuple[str | None, ...]

    def fill(self, condition: Callable[[str | None], str]) -> str:
        """The statement for the batch that `condition` gives by alias."""
        parts = [self.pieces[0]]
        for alias, piece in zip(self.aliases, self.pieces[1:], strict=True):
            parts += (condition(alias), piece)
        return "".join(parts)

    @property
    def text(self) -> str:
        """The statement with `:batch` in it again."""
        return self.fill(lambda alias: ":batch" if alias is None else f":batch({quote(alias)})")


@dataclass(frozen=True, slots=True)
class Backfill:
    """One part of a file as a backfill. `by` is empty for the primary key."""

    table: n.QName
    by: tuple[str, ...] = ()
    batching: Batching = Batching()
    where: str | None = None
    check: str | None = None
    throttle: str | None = None
    background: bool = False
    templates: tuple[Template, ...] = ()

    def foreseen(self, rows: int | None) -> str:
        """What running it over about so many rows amounts to, a sentence."""
        sizes = self.batching
        text = (
            f"batches of {sizes.smallest:,} to {sizes.largest:,} rows, each a transaction of about"
            f" {sizes.time * 1000:,.0f} ms"
        )
        if rows is None:
            return text
        least = max(-(-rows // sizes.largest), 1)
        seconds = least * (sizes.time + (sizes.pause or 0.0)) / sizes.workers
        batches = "1 batch" if least == 1 else f"{least:,} batches"
        return f"{text}: {batches} or more, so {seconds:,.1f} s at best"

    @property
    def meaning(self) -> str:
        """What must stay as it is from the first batch to the last, as one text."""
        parts = [f"{self.table} by {', '.join(map(quote, self.by))}", self.where or ""]
        return "\n".join([*parts, *(template.text for template in self.templates)])


def find(found: Sequence[Directive], start: int, end: int, fail: Fail) -> Backfill | None:
    """The backfill that the directives between two offsets ask for, without its statements."""
    mine = [one for one in found if one.name in DIRECTIVES and start <= one.start < end]
    if not mine:
        return None
    seen: set[str] = set()
    for one in mine:
        if one.name in seen:
            raise fail(
                one.start,
                f"A second -- @{one.name} in one part.",
                "one part has one backfill; write another migration for another table"
                if one.name == "backfill"
                else "say all of it in one line",
            )
        seen.add(one.name)
    if "backfill" not in seen:
        raise fail(
            mine[0].start,
            f"-- @{mine[0].name} belongs to a backfill, and this part is none.",
            "write -- @backfill TABLE above it",
        )
    backfill = Backfill(n.QName(("",)))
    for one in mine:
        backfill = _read(backfill, one, fail)
    return backfill


def _read(backfill: Backfill, one: Directive, fail: Fail) -> Backfill:
    match one.name:
        case "backfill":
            table, by = _table(one, fail)
            return replace(backfill, table=table, by=by)
        case "batch":
            return replace(backfill, batching=_batching(one, fail))
        case "background":
            if one.value:
                raise fail(one.start, f"-- @background takes nothing, not {one.value!r}.", None)
            return replace(backfill, background=True)
        case name:
            value = one.value.rstrip().rstrip(";").rstrip()
            if not value:
                what = "a condition" if name == "where" else "a query"
                raise fail(one.start, f"-- @{name} needs {what} after it, on its line.", None)
            try:
                tokens(value)
            except Unterminated as error:
                raise fail(one.start, f"Unterminated {error.kind} in -- @{name}.", None) from error
            if name == "where":
                return replace(backfill, where=value)
            if name == "check":
                return replace(backfill, check=value)
            return replace(backfill, throttle=value)


def _table(one: Directive, fail: Fail) -> tuple[n.QName, tuple[str, ...]]:
    hint = "write -- @backfill users, or -- @backfill users by created_at, id"
    try:
        cursor = Cursor(one.value)
        table = cursor.qname()
        by: list[str] = []
        if cursor.accept("by"):
            by.append(cursor.name())
            while cursor.accept(","):
                by.append(cursor.name())
        cursor.finish()
    except (Misunderstood, Unterminated) as error:
        raise fail(one.start, "-- @backfill needs the name of a table.", hint) from error
    if len(table.parts) > 3 or len(set(by)) < len(by):
        raise fail(one.start, f"-- @backfill cannot walk {one.value}.", hint)
    return table, tuple(by)


def _batching(one: Directive, fail: Fail) -> Batching:
    found = Batching()
    for part in filter(None, (part.strip() for part in one.value.split(","))):
        name, _, value = part.partition(" ")
        value = value.strip()
        match name.lower():
            case "rows" if (rows := _ROWS.fullmatch(value)) and 1 <= int(rows[1]) <= int(rows[2]):
                found = replace(found, smallest=int(rows[1]), largest=int(rows[2]))
            case "rows" if value.replace("_", "").isdecimal() and int(value) >= 1:
                found = replace(found, smallest=int(value), largest=int(value))
            case "time" if (time := _seconds(value)) is not None and 0.001 <= time <= 60:
                found = replace(found, time=time)
            case "pause" if (time := _seconds(value)) is not None and time <= 3600:
                found = replace(found, pause=time)
            case "pause" if value.lower() == "auto":
                found = replace(found, pause=None)
            case "workers" if value.isdecimal() and 1 <= int(value) <= MOST_WORKERS:
                found = replace(found, workers=int(value))
            case _:
                raise fail(
                    one.start,
                    f"-- @batch does not know {part!r}.",
                    "write any of: rows 100..50000, time 50ms, pause auto, workers 1",
                )
    return found


def _seconds(text: str) -> float | None:
    found = _TIME.fullmatch(text)
    return float(found[1]) * _UNITS[found[2]] if found else None


def with_statements(
    backfill: Backfill, text: str, spans: Iterable[tuple[int, int]], fail: Fail
) -> Backfill:
    """The backfill with its statements, which stand in `text`. Raises FileError."""
    templates = []
    for start, end in spans:
        sql = text[start:end]
        template = template_of(sql)
        node = parse(template.fill(lambda _: "true"))
        if not template.aliases:
            raise fail(
                start,
                "A statement of a backfill without :batch would run for the whole table each time.",
                "put :batch into its WHERE: it is the condition that picks a batch's rows",
            )
        writes = isinstance(node, n.Query) or getattr(node, "verb", "") in _WRITES
        if not isinstance(node, n.Unparsed) and not writes:
            raise fail(
                start,
                f"{node.verb or 'This'} cannot be run batch by batch.",
                "a backfill changes rows; put changes of the schema into a migration before it",
            )
        templates.append(template)
    return replace(backfill, templates=tuple(templates))


def template_of(sql: str) -> Template:
    """A statement, cut at each `:batch`."""
    found = tokens(sql)
    pieces, aliases, done = [], [], 0
    for i, token in enumerate(found):
        after = found[i + 1 : i + 5]
        if token.value != ":" or not after or after[0].start != token.end:
            continue
        if after[0].kind != "word" or after[0].value != "batch":
            continue
        end, alias = after[0].end, None
        if (
            len(after) == 4
            and (after[1].value, after[3].value) == ("(", ")")
            and after[1].start == end
            and after[2].kind in ("word", "quoted")
        ):
            end, alias = after[3].end, after[2].value
        pieces.append(sql[done : token.start])
        aliases.append(alias)
        done = end
    return Template((*pieces, sql[done:]), tuple(aliases))


def batched(sql: str, table: n.QName) -> list[tuple[int, int, str]] | None:
    """What makes a plain UPDATE or DELETE of a table one with `:batch`: texts in the place of parts
    of it. None where it is not plain to see how it calls the table."""
    found = tokens(sql)
    at = (2 if found[0].value == "delete" else 1) + 2 * len(table.parts) - 1
    named = [token.value for token in found[at : at + 3]]
    if named[:1] == ["as"]:
        named = named[1:]
    alias = "" if not named or named[0] in ("set", "where") else named[0]
    if alias and (len(named) < 2 or named[1] not in ("set", "where")) and len(found) > at + 1:
        return None
    batch = f":batch({alias})" if alias else ":batch"
    depth = 0
    for token in found:
        depth += (token.value in ("(", "[")) - (token.value in (")", "]"))
        if depth == 0 and token.kind == "word" and token.value == "where":
            rest = sql[token.end :]
            first = token.end + len(rest) - len(rest.lstrip())
            return [(token.end, first, f" {batch} AND ("), (len(sql), len(sql), ")")]
    return [(len(sql), len(sql), f" WHERE {batch}")]
