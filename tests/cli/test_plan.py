"""`manticore plan` and `migrate --dry-run`: what they print and what they end with."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.analysis.catalog import Size
from manticore_cockroachdb.analysis.cost import Work
from manticore_cockroachdb.analysis.undo import Undo
from manticore_cockroachdb.cli.commands.plan import presented
from manticore_cockroachdb.cli.terminal.layout import Layout
from manticore_cockroachdb.cli.terminal.text import width_of
from manticore_cockroachdb.preview.model import Frame, Plan, PlannedMigration, PlannedStatement
from manticore_cockroachdb.runner.bookkeeping import Tables

from .conftest import Manticore, write, write_tables


def test_from_nothing_to_dangerous(on: Manticore) -> None:
    write_tables(2)
    out = on("plan").out
    assert "2 migrations to apply, 2 statements; none dangerous" in out
    assert on("migrate", "--dry-run").out == out
    on("plan", "--exit-code", code=3)
    assert on("current").out == ""  # nothing was done
    on("migrate")
    assert "Nothing to do: everything is applied." in on("plan", "--exit-code").out
    write(3, "drop t1", "DROP TABLE t1;")
    found = on("plan", "--exit-code", code=4).out
    assert "danger: destroys all rows of t1" in found
    assert "has no undo part" in found
    back = on("plan", "--rollback", "--count", "2", "--exit-code", code=4).out
    assert back.index("2 create t2") < back.index("1 create t1")
    assert "1 migration to roll back" in on("plan", "--rollback", "--to", "1").out
    on("plan", "--count", "2", code=2)
    on("plan", "--to", "9", code=2)


def test_refused(on: Manticore) -> None:
    write(1, "bad", "COMMIT;")
    found = on("plan", "--exit-code", code=6)
    assert "refused" in found.out and "migrations/1_bad.sql:1" in found.out
    assert "1 refused, so nothing would run" in found.out
    on("plan")
    assert "no script" in on("plan", "--sql", code=1).err


def test_json_and_sql(on: Manticore) -> None:
    write_tables(1)
    found = on("plan", "--json").json
    assert (found["direction"], found["changes"], found["dangerous"]) == ("up", True, False)
    (migration,) = found["migrations"]
    assert (migration["version"], migration["mode"], migration["undo"]) == (1, "transaction", "yes")
    (statement,) = migration["statements"]
    assert (statement["verb"], statement["object"]) == ("CREATE TABLE", "t1")
    script = on("plan", "--sql").out
    assert "\nCREATE TABLE t1 (id INT PRIMARY KEY);\n" in script and script.endswith("COMMIT;\n")
    assert on("plan", "--sql", "--json").json["sql"] == script
    on("migrate")
    assert on("plan", "--sql").out == ""


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    statement = PlannedStatement(
        "ALTER TABLE",
        "users ALTER name SET NOT NULL, ADD COLUMN a_rather_long_name, DROP COLUMN another",
        3,
        0,
        "ALTER TABLE …",
        Size("users", 1_200_000, 3_400_000_000),
        (Work.VALIDATE, Work.REWRITE),
        "ACCESS EXCLUSIVE",
        "users",
        "reads and writes",
        "the column users.another",
        ("random() gives another value for each row",),
        None,
        ("destroys the column users.another", "blocks reads and writes of users for long"),
        Undo.WITHOUT_DATA,
        1,
    )
    migration = PlannedMigration(
        1, "change", "1_change.sql", "transaction", "why", (statement,), 1, Undo.WITHOUT_DATA
    )
    plan = Plan("PostgreSQL 18", "up", (migration,), Frame(Tables("public", False)))
    found = presented(plan, "a@b/c", "migrations", Layout(width=width))
    assert max(map(width_of, found.lines)) <= width
    text = " ".join(" ".join(found.lines).split())
    assert "about 1,200,000 rows, 3.4 GB" in text
    assert "writes the whole table anew" in text
