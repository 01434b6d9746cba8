"""A baseline: one file, the schema as it is, for what cannot be carried over."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from ..cli.conftest import Manticore
from .conftest import Tree
from .test_histories import CASES, ONE, TWO


def live(url: str, *statements: str) -> None:
    """Make a database."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def written() -> list[str]:
    """The files that there are now."""
    return sorted(path.name for path in Path("migrations").glob("*.sql"))


def test_rails(on: Manticore, url: str, tree: Tree) -> None:
    live(
        url,
        ONE,
        "CREATE SEQUENCE numbers",
        "CREATE TABLE schema_migrations (version VARCHAR NOT NULL PRIMARY KEY)",
        "CREATE TABLE ar_internal_metadata (key VARCHAR NOT NULL PRIMARY KEY, value VARCHAR)",
        "INSERT INTO schema_migrations VALUES ('20240101000000'), ('20240102000000')",
    )
    source = str(tree({"20240101000000_x.rb": "class X < ActiveRecord::Migration[7.1]\nend\n"}))
    err = on("import", source, code=2).err
    assert "programs in Ruby" in err and "--baseline-from" in err
    on("import", source, "--baseline-from", "20240102000000", code=2)
    command = ("import", source, "--url", url, "--baseline-from", "20240102000000", "--json")
    found = on(*command).json
    assert found["history"]["identical"] is True, found
    assert found["history"]["recorded"] == [20240102000000]
    assert written() == ["20240102000000_baseline.sql"]
    text = Path("migrations/20240102000000_baseline.sql").read_text()
    assert "cooldown" in text and "schema_migrations" not in text and "ar_internal" not in text
    assert on(*command).json["written"] == 0
    on("migrate")


@pytest.mark.engine("postgresql", because="one engine")
def test_what_was_refused_does_not_matter_once_applied(on: Manticore, url: str, tree: Tree) -> None:
    case = CASES["goose"]
    live(url, ONE, *case.history)
    source = str(
        tree(
            {
                "1_one.go": "package m\nfunc init() { goose.AddMigration(up, down) }\n",
                "2_two.sql": case.files["2_two.sql"],
            }
        )
    )
    on("import", source, "--url", url, code=1)
    assert not Path("migrations").exists()
    on("import", source, "--url", url, "--baseline-from", "2", code=1)  # 2 is pending
    found = on("import", source, "--url", url, "--baseline-from", "1", "--json").json
    assert found["history"]["identical"] is True
    assert found["history"]["pending"] == [2]
    assert written() == ["1_baseline.sql", "2_two.sql"]
    on("migrate")


@pytest.mark.engine("postgresql", because="one engine")
def test_a_repeatable_is_in_the_schema(on: Manticore, url: str, tree: Tree) -> None:
    case = CASES["flyway"]
    live(url, ONE, "CREATE VIEW v AS SELECT id FROM one", *case.history)
    source = str(
        tree({**case.files, "R__v.sql": "CREATE OR REPLACE VIEW v AS SELECT id FROM one;"})
    )
    found = on("import", source, "--url", url, "--output", "whole", "--json").json
    assert found["history"]["identical"] is True
    assert "CREATE OR REPLACE VIEW v" in Path("whole/repeatable/v.sql").read_text()
    again = on("import", source, "--url", url, "--output", "whole", "--json").json
    assert again["history"]["identical"] is True
    live(url, "DROP TABLE _migrations")
    found = on("import", source, "--url", url, "--baseline-from", "1", "--json").json
    assert found["history"]["identical"] is True and found["history"]["pending"] == [2]
    assert any("becomes repeatable/v.sql" in note["message"] for note in found["notes"])
    assert "CREATE VIEW" in Path("migrations/1_baseline.sql").read_text()


@pytest.mark.engine("postgresql", because="one engine")
def test_a_pending_one_that_cannot_be_carried_over_stops_it(
    on: Manticore, url: str, tree: Tree
) -> None:
    case = CASES["golang-migrate"]
    live(url, ONE, *case.history)
    files = {"1_one.up.sql": ONE, "2_two.up.sql": f"BEGIN;\n{TWO}COMMIT;\nSELECT 1;\n"}
    out = on("import", str(tree(files)), "--url", url, "--baseline-from", "1", code=1).out
    assert "2_two.up.sql:1: BEGIN" in out and "Nothing was written" in out
    assert not Path("migrations").exists() and on("current").out == ""
