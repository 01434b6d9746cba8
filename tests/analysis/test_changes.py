"""What a statement changes, where no table of cases says it."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.analysis.changes import changes
from manticore_cockroachdb.analysis.references import mentions
from manticore_cockroachdb.parser.parse import parse


@pytest.mark.parametrize(
    ("sql", "to"),
    [
        ("ALTER TABLE app.a RENAME TO b", "app.b"),
        ("ALTER TABLE a RENAME TO b", "b"),
        ("ALTER SEQUENCE app.a RENAME TO b", "app.b"),
    ],
)
def test_a_new_name_is_in_the_schema_of_the_old_one(sql: str, to: str) -> None:
    (one,) = changes(parse(sql), sql)
    assert str(one.to) == to


@pytest.mark.parametrize("words", ["", "TEMPORARY", "TEMP TABLE", "UNLOGGED TABLE", "TABLE"])
def test_the_table_that_a_select_makes(words: str) -> None:
    sql = f"SELECT 1 AS a INTO {words} app.t FROM u"
    (one,) = changes(parse(sql), sql)
    assert (one.way, str(one.name)) == ("makes", "app.t")


@pytest.mark.parametrize("target", ["t", "TABLE t", "table app.t"])
def test_rights_on_a_table_are_an_aspect_of_it(target: str) -> None:
    (one,) = changes(parse(f"GRANT SELECT ON {target} TO reader"))
    assert (one.kind, one.name.name, one.aspect) == ("table", "t", "grants")


def test_rights_on_all_of_some_schemas_mention_these() -> None:
    some = "GRANT SELECT ON ALL TABLES IN SCHEMA app, other TO reader"
    assert mentions(some, parse(some)).schemas == {"app", "other"}
    one = "GRANT SELECT ON t TO reader"
    assert mentions(one, parse(one)).schemas == set()
