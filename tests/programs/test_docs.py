"""docs/python-migrations.md: its example, as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from manticore_cockroachdb.errors import FileError
from manticore_cockroachdb.lint import Source, lint_files

TEXT = (Path(__file__).parents[2] / "docs" / "python-migrations.md").read_text()
[(NAME, CODE)] = re.findall(r"`migrations/(\S+\.py)`:\n\n```python\n(.*?)^```$", TEXT, re.M | re.S)


async def test_the_example(db, colour, tmp_path):
    await db.execute("CREATE TABLE plans (id INT8 PRIMARY KEY, price TEXT, cents INT8)")
    await db.execute("INSERT INTO plans VALUES (1, '12,50 €'), (2, '99 €')")
    (tmp_path / NAME).write_text(CODE)
    migration = colour.Migration(db, tmp_path)
    assert await migration.migrate() == 1
    rows = await db.select("plans", ["cents"], order_by="id")
    assert rows == [{"cents": 1250}, {"cents": 9900}]
    assert await migration.rollback() == 1
    assert await db.select("plans", ["cents"]) == [{"cents": None}, {"cents": None}]


def test_lint_has_nothing_against_the_example():
    found = lint_files([Source(NAME, CODE)], "cockroachdb:25.4")
    assert [one for one in found if one.level != "info"] == []


async def test_the_directives_it_names_are_known(db, colour, tmp_path):
    for one in re.findall(r"`(# @[^`]*)`", TEXT):
        (tmp_path / "20250401120000_x.py").write_text(f"{one}\n{CODE}")
        assert len(await colour.Migration(db, tmp_path).load_migrations()) == 1
    (tmp_path / "20250401120000_x.py").write_text(f"# @nothing\n{CODE}")
    with pytest.raises(FileError):
        await colour.Migration(db, tmp_path).load_migrations()
