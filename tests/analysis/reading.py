"""What each reader says of one statement, in the words of the table `cases`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from manticore_cockroachdb.analysis.catalog import Catalog, SimulatedCatalog
from manticore_cockroachdb.analysis.catalog_probe import effect_of
from manticore_cockroachdb.analysis.changes import Change, changes
from manticore_cockroachdb.analysis.cost import Work
from manticore_cockroachdb.analysis.costs import cost_of
from manticore_cockroachdb.analysis.transactions import Alone, judge
from manticore_cockroachdb.analysis.types import VOLATILE
from manticore_cockroachdb.analysis.undo import undo_of
from manticore_cockroachdb.dialect import capabilities, parse_target
from manticore_cockroachdb.docs.timeline import timeline
from manticore_cockroachdb.lint import LintConfig, Source, at_least, lint_files
from manticore_cockroachdb.migrations.file import parse_file
from manticore_cockroachdb.parser.parse import parse
from manticore_cockroachdb.parser.split import split

TARGETS = {"pg": "postgresql:17", "crdb": "cockroachdb:25.4"}
BEFORE = """
CREATE TABLE other (id INT8 PRIMARY KEY);
CREATE TABLE t (id INT8 PRIMARY KEY, a INT4, s VARCHAR(10), x TEXT, n NUMERIC(10, 2), d INT4,
    CONSTRAINT proof CHECK (d IS NOT NULL));
ALTER TABLE t ADD CONSTRAINT later CHECK (a > 1) NOT VALID;
CREATE INDEX t_a ON t (a);
"""


def nodes(sql: str) -> list:
    """The statements of a text, read."""
    return [parse(sql[start:end]) for start, end in split(sql)]


def after(*statements: str, server: Catalog | None = None) -> SimulatedCatalog:
    """What is known of a server once these statements have run."""
    catalog = SimulatedCatalog(server)
    for sql in statements:
        for node in nodes(sql):
            catalog.take(node)
    return catalog


def known() -> SimulatedCatalog:
    """A server that has had `BEFORE` for long, with a million rows in t."""
    made = after(BEFORE)
    tables = {}
    for name in ("other", "t"):
        table = made.table(nodes(f"TRUNCATE {name}")[0].names[0])
        assert table is not None
        checks = ("CHECK ((d IS NOT NULL))",) if name == "t" else ()
        tables["public", name] = replace(
            table, rows=1_000_000, bytes=10**9, made=None, checks=checks
        )
    return SimulatedCatalog(Catalog(("public",), tables, {("public", "t_a"): "t"}, VOLATILE))


def does(sql: str) -> str:
    """What is made, removed, renamed, altered or emptied."""
    return "; ".join(map(_told, changes(parse(sql), sql)))


def _told(one: Change) -> str:
    on = f" on {one.table}" if one.table is not None else ""
    to = f" to {one.to}" if one.to is not None else ""
    aspect = f" ({one.aspect})" if one.aspect else ""
    return f"{one.way} {one.kind} {one.name}{on}{to}{aspect}"


def cost(sql: str, engine: str) -> str:
    """The lock on PostgreSQL, and the work on the rows that are there."""
    found = cost_of(parse(sql), sql, known(), cockroachdb=engine == "crdb")
    works = " + ".join(work.value for work in Work if work in found.work)
    on = "" if found.lock_on is None or str(found.lock_on) == "t" else f" on {found.lock_on}"
    return ", ".join(part for part in (f"{found.lock or ''}{on}", works) if part)


def destroys(sql: str) -> str:
    """Data that are gone afterwards."""
    found = {
        cost_of(parse(sql), sql, known(), cockroachdb=engine == "crdb").destroys
        for engine in TARGETS
    }
    assert len(found) == 1, "the engines do not differ in what is lost"
    return found.pop() or ""


def runs(sql: str, engine: str) -> str:
    """Whether the planner lets a transaction cover it."""
    verdict = judge(parse(sql), capabilities(parse_target(TARGETS[engine])))
    if verdict is None:
        return "transaction"
    return "alone" if isinstance(verdict, Alone) else "refused"


def seen(sql: str, engine: str) -> str:
    """How a lost answer is settled: the catalog is looked at, it is done again, or a person is
    asked."""
    effect = effect_of(parse(sql), cockroachdb=engine == "crdb")
    if effect.probes:
        return "catalog"
    return "again" if effect.repeatable else "person"


def undone(sql: str, undo: str | None) -> str:
    """What the plan says of the undo part."""
    down = None if undo is None else nodes(undo)
    lost = bool(destroys(sql))
    return undo_of([parse(sql)], down, [sql]).of(0, destroys=lost).value


def lint(sql: str, engine: str, undo: str | None = None) -> str:
    """The rules that warn, in a migration after `BEFORE`."""
    text = f"{sql};\n" + ("" if undo is None else f"-- @UNDO\n{undo};\n")
    config = LintConfig(ignore=frozenset(("lock-timeout", "statement-timeout")))
    files = [Source("m/1_before.sql", BEFORE), Source("m/2_change_it.sql", text)]
    found = lint_files(files, TARGETS[engine], config)
    mine = [one for one in found if one.path == "m/2_change_it.sql"]
    return " ".join(sorted({one.rule for one in mine if at_least(one.level, "warning")}))


def documented(sql: str) -> str:
    """What the schema's documentation says that the migration did."""
    file = parse_file("2_change_it.sql", f"{sql};", "2_change_it.sql")
    entries = timeline([file], {2: ("change it", datetime(2025, 1, 1, tzinfo=UTC))})
    touches = [f"{'.'.join(one.table)} {', '.join(one.done)}" for one in entries[0].touches]
    return "; ".join(touches).replace("public.", "")
