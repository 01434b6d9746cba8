"""docs/variables.md: its example, its table, as they stand."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from uuid import uuid4

import pytest

from manticore_cockroachdb.configfile import check_table, environment_tables
from manticore_cockroachdb.errors import FileError
from manticore_cockroachdb.migrations.file import parse_file
from manticore_cockroachdb.migrations.script import script_of
from manticore_cockroachdb.migrations.values import Values

TEXT = (Path(__file__).parents[2] / "docs" / "variables.md").read_text()
BLOCKS = dict(re.findall(r"^ *```(\w+)\n(.*?)^ *```$", TEXT, re.MULTILINE | re.DOTALL))
_ROW = re.compile(r"^\| (`.*?)(?:, …)? \| `(.*?)` \| .* \|$", re.MULTILINE)


async def test_the_example(db, colour, tmp_path):
    # Neither server lets a table go to a role whose member one is not.
    owner = f"owner_{uuid4().hex[:8]}"
    await db.execute(f'CREATE ROLE "{owner}"')
    user = (await db.execute("SELECT current_user AS u"))[0]["u"]
    await db.execute(f'GRANT "{owner}" TO "{user}"')
    (tmp_path / "1_orders.sql").write_text(BLOCKS["sql"])
    migration = colour.Migration(db, tmp_path, variables={"region": "eu", "owner": owner})
    await migration.migrate()
    await db.execute("INSERT INTO orders_eu (id) VALUES (1)")
    rows = await db.execute("SELECT region, note FROM orders_eu")
    assert rows == [{"region": "eu", "note": "made in eu"}]
    assert await migration.rollback() == 1
    await db.execute(f'DROP ROLE "{owner}"')


def test_the_configuration():
    table = check_table(tomllib.loads(BLOCKS["toml"].replace("   ", ""))["tool"]["manticore"], "x")
    assert table["variables"] == {"region": "eu"}
    assert environment_tables(table["environments"], "x")["us"]["variables"] == {"region": "us"}


AROUND = (
    "SELECT {}",
    "SELECT * FROM {}",
    "SELECT * {}",
    "{} (id INT)",
    "ALTER TABLE t {}",
    "CREATE TABLE t (a {})",
    "CREATE TABLE t (a INT {})",
    "INSERT INTO t {}",
    "SELECT a FROM t {}",
    "CREATE SEQUENCE s {}",
    "{}",
)


@pytest.mark.parametrize(("places", "becomes"), _ROW.findall(TEXT))
def test_the_table_of_places(places, becomes):
    for place in re.findall(r"`(.*?)`", places):
        if place == "E'…'":
            continue
        for around in AROUND:
            text = f"-- @variables region, n\n{around.format(place)}"
            values = Values({"region": "EU's", "n": "10"})
            try:
                script = script_of(parse_file("1_x.sql", text, "x", values=values))
            except FileError:
                continue
            if becomes.strip("\"'") in script.text.replace('"EU\'s".orders', '"orders_EU\'s"'):
                break
        else:
            raise AssertionError(f"{place} becomes {becomes} nowhere")
