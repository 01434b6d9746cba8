"""`manticore verify`: one verdict, for a person and for CI."""

from __future__ import annotations

import pytest

from .conftest import Manticore, write, write_tables

pytestmark = pytest.mark.engine("postgresql", because="one engine")
"""The library's own tests run on both engines; this is about what is printed."""


def test_the_verdict(on: Manticore) -> None:
    write_tables(2)
    out = on("verify").out
    assert "Verified: 2 migrations" in out
    found = on("verify", "--newest", "0", "--json").json
    assert found["ok"] is True
    assert [m["version"] for m in found["migrations"]] == [1, 2]
    assert all(m["up"] > 0 and m["down"] > 0 for m in found["migrations"])
    assert on("current").out == ""


def test_what_fails(on: Manticore) -> None:
    write_tables(1)
    write(
        2,
        "half undone",
        "ALTER TABLE t1 ADD COLUMN a INT, ADD COLUMN b INT;",
        "ALTER TABLE t1 DROP COLUMN a;",
    )
    out = on("verify", code=5).out
    assert "FAILED" in out and "undo failed" in out and "column b" in out
    assert "Not verified: 1 of 2 migrations failed" in out


def test_without_undo(on: Manticore) -> None:
    write(1, "one", "CREATE TABLE one (id INT PRIMARY KEY);")
    assert "no undo" in on("verify").out
    assert on("verify", "--strict", "--newest", "0", code=5).out.startswith(" ")


def test_nothing(on: Manticore) -> None:
    write_tables(1)
    on("verify", "--newest", "-1", code=2)
    on("verify", "--on", "sqlite", code=2)
