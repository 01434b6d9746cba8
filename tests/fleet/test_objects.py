"""How many objects a run creates on CockroachDB is known before it creates the first."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.errors import Refused
from manticore_cockroachdb.fleet.look import NEVER_MIGRATED, Standing
from manticore_cockroachdb.fleet.objects import check_objects, created_by
from manticore_cockroachdb.migrations.choose import Recorded
from manticore_cockroachdb.migrations.file import MigrationFile, parse_file

SQL = (
    "CREATE TABLE a (id INT8 PRIMARY KEY);",
    "CREATE VIEW v AS SELECT 1; CREATE SEQUENCE s; INSERT INTO a VALUES (1);",
)
FILES = tuple(parse_file(f"{n}_x.sql", text + "\n", f"{n}_x.sql") for n, text in enumerate(SQL, 1))


def test_what_a_migration_creates_is_counted() -> None:
    assert [created_by(file) for file in FILES] == [1, 2]


@pytest.mark.parametrize(
    ("objects", "limit", "says"),
    [
        (100, 20_000, None),
        (100, None, None),
        (9_990, 20_000, "there will be 10,006 objects, 16 of them new"),
        (9_990, None, "there will be 10,006 objects, 16 of them new"),
    ],
)
def test_many_objects_are_advised_against(
    objects: int, limit: int | None, says: str | None
) -> None:
    """Two new targets with 4 tables of ours and 3 objects each, and one that lacks a migration."""
    begun = Standing((Recorded(1, "x", None),))
    found = check_objects(objects, limit, [NEVER_MIGRATED, NEVER_MIGRATED, begun], FILES)
    assert found is None if says is None else found is not None and found.startswith(says)


def test_more_than_the_server_creates_are_refused_before_anything_runs() -> None:
    with pytest.raises(Refused, match=r"19,990, and 2 targets would create 14 more") as caught:
        check_objects(19_990, 20_000, [NEVER_MIGRATED] * 2, FILES)
    assert "sql.schema.approx_max_object_count" in str(caught.value)


def test_nothing_new_is_no_matter_how_many_there_are() -> None:
    done = Standing(tuple(Recorded(file.version, "x", None) for file in FILES))
    files: tuple[MigrationFile, ...] = FILES
    assert check_objects(19_999, 20_000, [done], files) is None
