"""Other migration tools: how their files, directories and history tables are told from ours.

To us another tool's marker is a comment. Read so, the way back runs as a part of the way forward,
and `-- migrate:down` drops what `-- migrate:up` has just made. So every reader of files asks here
first. It is one table, `TOOLS`; whoever imports those files asks the same one with `detect`.

**What counts as a marker.** A comment line that our lexer reads as one. The tools themselves have
no lexer: goose, dbmate and the like cut at such a line in a string or a dollar-quoted body, too.
That changes nothing here. Each of them wants its first marker before any statement, where no string
can be open, so a file of theirs always has one that counts; and a line that is data to us is sent
as data, whatever it says. The other way round it matters: a body that mentions `-- migrate:down` is
an ordinary migration of ours, and stays one.

**A file with a line `-- @UNDO` is ours.** In it a name means nothing, and a marker counts only
where it contradicts our own: a way back in the forward part, a way forward in the undo part. That
is what a conversion left half done looks like. One done by putting `-- @UNDO` above the old marker
is complete.

**A directory** is another's by what lies in it beside `.sql` files: a file that only that tool has
(`atlas.sum`), a layout (`20240101_x/up.sql`), or a program that says what it is for. A program's
name alone is never enough, since `0001_initial.py` could be anybody's.

A file that we have applied already, or that is ours in spite of its looks, says so with
``-- @allow foreign-file: reason``. An allowance is in no checksum, so an applied file may get one;
it is seen in review; and it holds where no database can be asked, as in `lint`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from ..parser.lex import Unterminated, spans
from ..parser.quoting import literal

ALLOWANCE = "foreign-file"


@dataclass(frozen=True, slots=True)
class Marker:
    """A comment line: a regular expression for what follows ``--`` and blanks.

    ``part`` is what begins there, None when it only says how to run something. ``head``: it counts
    only before everything else.
    """

    pattern: str
    part: Literal["up", "down"] | None = None
    head: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """A table in which a tool records what it has applied: the columns that it has at least.

    ``without`` are columns, and ``beside`` a table of the same schema, that tell it from another
    tool's of the same name.
    """

    table: str
    columns: frozenset[str]
    without: frozenset[str] = frozenset()
    schema: str | None = None
    beside: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool and its traces. Patterns are regular expressions for whole names, which are relative
    to the directory, such as ``1_x.up.sql`` or ``20240101_x/up.sql``.

    ``name`` is for the command line, ``title`` for sentences. ``files`` are its SQL files,
    ``beside`` what only it puts next to them, ``programs`` files that are its own if ``says`` is
    found in their text. ``by_hand`` says how to convert without an importer.
    """

    name: str
    title: str
    by_hand: str
    files: str | None = None
    beside: str | None = None
    programs: str | None = None
    says: str | None = None
    markers: tuple[Marker, ...] = ()
    histories: tuple[History, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """What gave a tool away. ``tools`` are those that it may be, the likeliest first.

    ``name`` is the file's; ``marker`` the line in it, from character ``start`` on, None if the
    name was enough.
    """

    tools: tuple[Tool, ...]
    name: str
    marker: str | None = None
    start: int = 0
    part: Literal["up", "down"] | None = None

    @property
    def whose(self) -> str:
        """Whose it is, or may be: "goose's", "Flyway's or refinery's"."""
        titles = [f"{tool.title}'s" for tool in self.tools]
        *others, last = titles
        return f"{', '.join(others)} or {last}" if others else last


def _columns(*names: str) -> frozenset[str]:
    return frozenset(names)


_MARKED = (
    "put the way back below a line -- @UNDO in place of the tool's marker, and take the others out"
)
_PAIRED = (
    "make one file <version>_<description>.sql of each pair, the way back below a line -- @UNDO"
)
_NAMED = (
    "name each file <version>_<description>.sql, with the way back, if there is one, below a line"
    " -- @UNDO"
)
_SHOWN = (
    "let the tool print its SQL, and make a file <version>_<description>.sql of each migration,"
    " with the way back below a line -- @UNDO"
)
_FROM_NOW_ON = (
    "dump the schema that it has made into a first migration, and record that as applied with"
    " `manticore baseline`"
)
_EOL = r"[ \t]*(?=[\n\r]|\Z)"
_SCRIPTS = r".*\.(?:[cm]?js|ts)"

TOOLS: tuple[Tool, ...] = (
    Tool(
        "golang-migrate",
        "golang-migrate",
        _PAIRED,
        files=r"\d+_.*\.(?:up|down)\.sql",
        histories=(History("schema_migrations", _columns("version", "dirty")),),
    ),
    Tool(
        "sqlx",
        "sqlx",
        _PAIRED,
        files=r"\d+_.*\.(?:up|down)\.sql",
        markers=(Marker(rf"no-transaction{_EOL}", head=True),),
        histories=(
            History("_sqlx_migrations", _columns("version", "installed_on", "execution_time")),
        ),
    ),
    Tool(
        "pop",
        "pop",
        _PAIRED,
        files=r"\d+_[^.]+(?:\.[a-z0-9]+)?(?:\.autocommit)?\.(?:up|down)\.sql",
        beside=r"\d+_.*\.fizz",
        histories=(History("schema_migration", _columns("version")),),
    ),
    Tool(
        "goose",
        "goose",
        _MARKED,
        programs=r"\d+_.*\.go",
        says=r"\bgoose\.Add",
        markers=(
            Marker(r"\+goose[ \t]+(?i:up)\b", "up"),
            Marker(r"\+goose[ \t]+(?i:down)\b", "down"),
            Marker(r"\+goose\b"),
        ),
        histories=(History("goose_db_version", _columns("version_id", "is_applied", "tstamp")),),
    ),
    Tool(
        "dbmate",
        "dbmate",
        _MARKED,
        markers=(Marker(r"migrate:up(?!\S)", "up"), Marker(r"migrate:down(?!\S)", "down")),
        histories=(
            History(
                "schema_migrations",
                _columns("version"),
                without=_columns("dirty", "inserted_at", "statements", "name"),
            ),
        ),
    ),
    Tool(
        "sql-migrate",
        "sql-migrate",
        _MARKED,
        markers=(
            Marker(r"\+migrate[ \t]+(?i:up)\b", "up"),
            Marker(r"\+migrate[ \t]+(?i:down)\b", "down"),
            Marker(r"\+migrate\b"),
        ),
        histories=(History("gorp_migrations", _columns("id", "applied_at")),),
    ),
    Tool(
        "rockhopper",
        "rockhopper",
        _MARKED,
        markers=(Marker(rf"\+(?i:up){_EOL}", "up"), Marker(rf"\+(?i:down){_EOL}", "down")),
        histories=(History("rockhopper_versions", _columns("package", "version_id")),),
    ),
    Tool(
        "tern",
        "tern",
        _MARKED,
        beside=r"tern\.conf",
        markers=(
            Marker(r"-- create above / drop below ----", "down"),
            Marker(r"-- tern: disable-tx ----"),
        ),
        histories=(
            History("schema_version", _columns("version"), without=_columns("installed_rank")),
        ),
    ),
    Tool(
        "node-pg-migrate",
        "node-pg-migrate",
        _MARKED,
        programs=_SCRIPTS,
        says=r"\bpgm\.|node-pg-migrate",
        markers=(
            Marker(rf"[- \t]*+(?i:up)[ \t]+(?i:migration){_EOL}", "up"),
            Marker(rf"[- \t]*+(?i:down)[ \t]+(?i:migration){_EOL}", "down"),
        ),
        histories=(History("pgmigrations", _columns("id", "name", "run_on")),),
    ),
    Tool(
        "flyway",
        "Flyway",
        _NAMED,
        files=r"(?:[VUB]\d+(?:[._]\d+)*|R)__.+\.sql",
        beside=r"flyway\.(?:conf|toml)|.*\.sql\.conf",
        histories=tuple(
            History(name, _columns("installed_rank", "version", "script"))
            for name in ("flyway_schema_history", "schema_version")
        ),
    ),
    Tool(
        "refinery",
        "refinery",
        _NAMED,
        files=r"[UV]\d+(?:\.\d+)?__\w+\.sql",
        beside=r"[UV]\d+(?:\.\d+)?__\w+\.rs",
        histories=(History("refinery_schema_history", _columns("version", "applied_on")),),
    ),
    Tool(
        "manticore-0.3",
        "manticore 0.3.1",
        "V1__x.sql with a line -- DOWN is now 1_x.sql with a line -- @UNDO",
        markers=(Marker(rf"DOWN{_EOL}", "down"),),
    ),
    Tool(
        "liquibase",
        "Liquibase",
        "let `liquibase update-sql` print its SQL, and make a file <version>_<description>.sql of"
        " each change set, with what is in its rollback lines below a line -- @UNDO",
        beside=r"liquibase\.properties",
        programs=r".*\.(?:xml|ya?ml|json)",
        says=r"databaseChangeLog",
        markers=(Marker(r"(?i:liquibase formatted sql)", head=True),),
        histories=(History("databasechangelog", _columns("orderexecuted", "exectype")),),
    ),
    Tool(
        "alembic",
        "Alembic",
        "let `alembic upgrade A:B --sql` and `alembic downgrade B:A --sql` print the SQL of each"
        " revision, for the two parts of a file <version>_<description>.sql",
        beside=r"alembic\.ini|script\.py\.mako",
        programs=r".*\.py",
        says=r"(?m)^down_revision\b",
        histories=(History("alembic_version", _columns("version_num")),),
    ),
    Tool(
        "django",
        "Django",
        "let `manage.py sqlmigrate` print the SQL of each migration; Django's own apps stay with"
        " Django, so keep files of manticore's in a directory of their own",
        programs=r".*\.py",
        says=r"(?m)^class Migration\(",
        histories=(History("django_migrations", _columns("app", "name", "applied")),),
    ),
    Tool(
        "yoyo",
        "yoyo",
        _PAIRED,
        files=r".*\.rollback\.sql",
        beside=r"yoyo\.ini",
        programs=r".*\.py",
        says=r"(?m)^(?:from|import) yoyo\b",
        markers=(
            # The names that `yoyo new` gives; anybody may write what a migration depends on.
            Marker(r"depends:[ \t]*\d{8}_\d{2}_\w{5}\b", head=True),
            Marker(rf"transactional:[ \t]*(?:true|false){_EOL}", head=True),
        ),
        histories=(History("_yoyo_migration", _columns("migration_hash", "migration_id")),),
    ),
    Tool(
        "sqitch",
        "sqitch",
        "make one file <version>_<description>.sql of each change, in the plan's order: deploy"
        " first, revert below a line -- @UNDO",
        beside=r"sqitch\.(?:plan|conf)",
        markers=(Marker(r"(?:Deploy|Revert|Verify) \S+:\S+ (?:to|from|on) (?:pg|cockroach)\b"),),
        histories=(
            History("changes", _columns("change_id", "project", "planner_name"), schema="sqitch"),
        ),
    ),
    Tool(
        "prisma",
        "Prisma",
        "make one file <version>_<description>.sql of each folder's migration.sql",
        files=r"\d{14}_[^/]+/migration\.sql",
        beside=r"migration_lock\.toml|schema\.prisma",
        histories=(History("_prisma_migrations", _columns("migration_name", "finished_at")),),
    ),
    Tool(
        "diesel",
        "Diesel",
        "make one file <version>_<description>.sql of each folder: up.sql, then down.sql below a"
        " line -- @UNDO",
        files=r"\d[\d-]*_[^/]+/(?:up|down)\.sql",
        beside=r"diesel\.toml",
        histories=(History("__diesel_schema_migrations", _columns("version", "run_on")),),
    ),
    Tool(
        "hasura",
        "Hasura",
        "make one file <version>_<description>.sql of each folder: up.sql, then down.sql below a"
        " line -- @UNDO",
        files=r"(?:[^/]+/)?\d{13}_[^/]+/(?:up|down)\.sql",
        beside=r"\d+_.*\.(?:up|down)\.yaml",
        histories=(
            History("schema_migrations", _columns("version", "dirty"), schema="hdb_catalog"),
        ),
    ),
    Tool(
        "atlas",
        "Atlas",
        "take the -- atlas: lines and atlas.sum out; what had txmode none gets a line"
        " -- @transaction off",
        beside=r"atlas\.(?:sum|hcl)",
        markers=(Marker(r"atlas:\w+"),),
        histories=(
            History("atlas_schema_revisions", _columns("version", "total", "partial_hashes")),
        ),
    ),
    Tool(
        "postgrator",
        "Postgrator",
        _PAIRED,
        files=r"\d+\.(?:do|undo)\..*sql",
        histories=(History("schemaversion", _columns("version", "md5")),),
    ),
    Tool(
        "supabase",
        "Supabase",
        "its files are plain SQL, which manticore takes as they are",
        histories=(
            History(
                "schema_migrations",
                _columns("version", "statements"),
                schema="supabase_migrations",
            ),
        ),
    ),
    Tool(
        "rails",
        "Rails",
        _FROM_NOW_ON,
        programs=r".*\.rb",
        says=r"ActiveRecord::Migration",
        histories=(
            History("schema_migrations", _columns("version"), beside="ar_internal_metadata"),
        ),
    ),
    Tool(
        "ecto",
        "Ecto",
        _FROM_NOW_ON,
        programs=r".*\.exs",
        says=r"\buse Ecto\.Migration\b",
        histories=(History("schema_migrations", _columns("version", "inserted_at")),),
    ),
    Tool(
        "knex",
        "Knex",
        _FROM_NOW_ON,
        programs=_SCRIPTS,
        says=r"\b[kK]nex\b",
        histories=(History("knex_migrations", _columns("name", "batch", "migration_time")),),
    ),
    Tool(
        "sequelize",
        "Sequelize",
        _FROM_NOW_ON,
        programs=_SCRIPTS,
        says=r"\bqueryInterface\b",
        histories=(History("SequelizeMeta", _columns("name")),),
    ),
    Tool(
        "typeorm",
        "TypeORM",
        _FROM_NOW_ON,
        programs=_SCRIPTS,
        says=r"\bMigrationInterface\b",
    ),
)


# --- sentences -----------------------------------------------------------------------------------


def way_on(tool: Tool) -> str:
    """What to do with a tool's files: the importer, or the same by hand."""
    return (
        f"convert them with `manticore import {tool.name} DIRECTORY --output NEW`; or by hand:"
        f" {tool.by_hand}"
    )


def hint(trace: Trace) -> str:
    """What to do about a trace in a file or a directory."""
    text = way_on(trace.tools[0])
    if trace.name.endswith(".sql") and (trace.marker or trace.name[:1].isdigit()):
        text += (
            ". A file that manticore has applied already goes on as it is with a line -- @allow"
            f" {ALLOWANCE}: reason, which is in no checksum"
        )
    elif not trace.name.endswith(".sql"):
        text += ". If it merely lies beside migrations of manticore's, move it elsewhere"
    return text


def message(trace: Trace) -> str:
    """What was seen, a sentence."""
    if trace.marker is None:
        return f"The file {trace.name} is {trace.whose}, not manticore's."
    if trace.part is None:
        return f"The line {trace.marker!r} is {trace.whose}; to manticore it is a mere comment."
    return (
        f"The line {trace.marker!r} is {trace.whose}; to manticore it is a mere comment, and the"
        " way back would run as a part of the way forward."
    )


# --- files ---------------------------------------------------------------------------------------


def is_suspicious(name: str, text: str) -> bool:
    """Whether `in_file` is worth asking: quick, since nearly every file is ours.

    ``name`` may have its folder before it.
    """
    if _trigger().search(text) is not None:
        return True
    return name.count(".") != 1 or not name[:1].isdigit() or "/" in name


def in_file(name: str, text: str, undo: int | None = None) -> Trace | None:
    """The trace of another tool in a SQL file; ``undo`` is where a `-- @UNDO` of ours stands.

    A way back is told before anything else, since that is what destroys.
    """
    found = list(_lines(text, undo))
    if found:
        return replace(next((one for one in found if one.part == "down"), found[0]), name=name)
    return of_name(name) if undo is None else None


def of_name(name: str) -> Trace | None:
    """The trace that a SQL file's name is."""
    tools = tuple(tool for tool in TOOLS if tool.files and re.fullmatch(tool.files, name))
    return Trace(tools, name) if tools else None


def detect(names: Iterable[str], read_text: Callable[[str], str]) -> Trace | None:
    """Whose a directory is: from the names in it, relative to it, and the texts that tell.

    ``read_text`` gives the text of one of the names, or "" when it has none. The first trace
    counts; later ones narrow it where it leaves a choice. What is in a folder is only judged by
    its name, since we do not read it.
    """
    found: Trace | None = None
    for name in names:
        trace = _of_entry(name, read_text)
        if trace is None:
            continue
        if found is None:
            found = trace
        both = tuple(tool for tool in found.tools if tool in trace.tools)
        found = replace(found, tools=both or found.tools)
        if len(found.tools) == 1:
            break
    return found


def _of_entry(name: str, read_text: Callable[[str], str]) -> Trace | None:
    if "/" in name:
        return of_name(name)
    if name.endswith(".sql"):
        return in_file(name, read_text(name))
    tools = tuple(tool for tool in TOOLS if tool.beside and re.fullmatch(tool.beside, name))
    if tools:
        return Trace(tools, name)
    if any(tool.programs and re.fullmatch(tool.programs, name) for tool in TOOLS):
        return of_program(name, read_text(name))
    return None


def of_program(name: str, text: str) -> Trace | None:
    """The trace that a program is, by its name and what its text says."""
    candidates = [t for t in TOOLS if t.programs and re.fullmatch(t.programs, name)]
    tools = tuple(tool for tool in candidates if re.search(str(tool.says), text))
    return Trace(tools, name) if tools else None


@cache
def _trigger() -> re.Pattern[str]:
    """The same as `_marks` without groups, which is three times as quick."""
    alternatives = "|".join(marker.pattern for tool in TOOLS for marker in tool.markers)
    return re.compile(rf"--[ \t]*+(?:{alternatives})")


@cache
def _marks() -> tuple[re.Pattern[str], tuple[tuple[Tool, Marker], ...]]:
    """One expression for all markers; its group says which."""
    which = tuple((tool, marker) for tool in TOOLS for marker in tool.markers)
    alternatives = "|".join(f"({marker.pattern})" for _, marker in which)
    return re.compile(rf"--[ \t]*+(?:{alternatives})"), which


def _lines(text: str, undo: int | None) -> Iterator[Trace]:
    """The markers that count, in order."""
    pattern, which = _marks()
    found = [one for one in pattern.finditer(text) if _is_line(text, one.start())]
    if not found:
        return
    comments = _comments(text, found[-1].end())
    for one in found:
        assert one.lastindex is not None
        tool, marker = which[one.lastindex - 1]
        start, before = one.start(), text[: one.start()]
        if start not in comments or (marker.head and not _only_comments(before)):
            continue
        if undo is not None and marker.part != ("down" if start < undo else "up"):
            continue
        line = re.split(r"[\n\r]", text[start : start + 200], maxsplit=1)[0].rstrip()
        yield Trace((tool,), "", line, start, marker.part)


def _is_line(text: str, start: int) -> bool:
    """Whether a comment has its line for itself."""
    before = text[max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1 : start]
    return not before.strip()


def _only_comments(text: str) -> bool:
    return all(not line.strip() or line.lstrip().startswith("--") for line in text.splitlines())


def _comments(text: str, end: int) -> frozenset[int]:
    """Where comments start, up to ``end``. What follows a token without an end is unknown."""
    found = set()
    try:
        for kind, start, _ in spans(text, 0, len(text)):
            if start >= end:
                break
            if kind == "comment":
                found.add(start)
    except Unterminated:
        pass  # whoever reads the file says so
    return frozenset(found)


# --- databases -----------------------------------------------------------------------------------


@cache
def histories_query() -> str:
    """Ask for the tables that could be another tool's history: schema, name, columns with commas
    between, of the whole database."""
    known = [history for tool in TOOLS for history in tool.histories]
    names = sorted({h.table for h in known} | {h.beside for h in known if h.beside})
    return (
        "SELECT n.nspname, c.relname, string_agg(a.attname::TEXT, ',')"
        " FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relkind IN ('r', 'p') AND a.attnum > 0"
        f" AND c.relname IN ({', '.join(map(literal, names))})"
        " GROUP BY n.nspname, c.relname ORDER BY n.nspname, c.relname"
    )


def histories(rows: Sequence[tuple[str, str, str]]) -> list[tuple[Tool, str]]:
    """The histories among these rows of `histories_query`: whose, and the table's full name."""
    there = {(schema, table) for schema, table, _ in rows}
    found = []
    for schema, table, columns in rows:
        names = {name.lower() for name in columns.split(",")}
        fitting = [
            (tool, one)
            for tool in TOOLS
            for one in tool.histories
            if one.table == table
            and one.columns <= names
            and not one.without & names
            and one.schema in (None, schema)
            and (one.beside is None or (schema, one.beside) in there)
        ]
        # The one that asks for more is right: a schema, a table beside it, more columns.
        fitting.sort(
            key=lambda f: (f[1].schema is None, f[1].beside is None, -len(f[1].columns)),
        )
        if fitting:
            found.append((fitting[0][0], f"{schema}.{table}"))
    return found
