"""What a failure means: one table, which executor and client share, and nobody goes round it."""

from __future__ import annotations

import ast
from pathlib import Path

import psycopg
import pytest

import manticore_cockroachdb
from manticore_cockroachdb.outcome import RETRYABLE, Verdict, verdict_of
from manticore_cockroachdb.retry import RetryPolicy, decide
from manticore_cockroachdb.runner import events as e

SOURCE = Path(manticore_cockroachdb.__file__).parent

# PostgreSQL's, and those that only CockroachDB has.
KINDS = [kind for kind in vars(psycopg.errors).values() if isinstance(kind, type)]
SQLSTATES = {kind.sqlstate for kind in KINDS if issubclass(kind, psycopg.Error)}
SQLSTATES |= {"CR000", "XXA00", "58C00", "58C01"}


@pytest.mark.parametrize("sqlstate", sorted(SQLSTATES, key=str))
def test_what_the_table_calls_retry_is_tried_again_and_nothing_else(sqlstate):
    again = decide(RetryPolicy(), sqlstate, 1, 0.5) is not None
    assert again is (verdict_of(sqlstate) is Verdict.RETRY) is (sqlstate in RETRYABLE)


def _compares_sqlstates(tree: ast.AST) -> list[int]:
    """Lines that compare what is called an SQLSTATE with anything but None."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and "sqlstate" in ast.unparse(node).lower():
            sides = [node.left, *node.comparators]
            if not any(isinstance(side, ast.Constant) and side.value is None for side in sides):
                mine = [ast.unparse(side) for side in sides]
                if any(side.endswith("sqlstate") for side in mine):
                    found.append(node.lineno)
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called.endswith(".startswith") and "sqlstate" in called:
                found.append(node.lineno)
    return found


def test_sqlstates_are_compared_in_one_place():
    found = {
        str(path.relative_to(SOURCE)): lines
        for path in SOURCE.rglob("*.py")
        if (lines := _compares_sqlstates(ast.parse(path.read_text())))
    }
    assert set(found) == {"outcome.py"}


@pytest.mark.engine("postgresql", because="lock_timeout")
async def test_a_lock_that_was_not_free_is_waited_for_again(db, url, colour, tmp_path):
    """CockroachDB 20.2 has no lock_timeout that does anything."""
    await db.execute("CREATE TABLE t (a INT8)")
    (tmp_path / "1_add.sql").write_text(
        "SET lock_timeout = '50ms';\nALTER TABLE t ADD COLUMN b INT8;\n"
    )
    with psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE t IN ACCESS SHARE MODE")
        told = []

        def listen(event):
            told.append(event)
            if isinstance(event, e.Retrying):
                holder.rollback()

        assert await colour.Migration(db, tmp_path, on_event=listen).migrate() == 1
    assert [event.sqlstate for event in told if isinstance(event, e.Retrying)] == ["55P03"]


@pytest.mark.engine("postgresql", because="CONCURRENTLY")
async def test_an_index_whose_lock_was_not_free_leaves_nothing_in_its_own_way(
    db, url, colour, tmp_path
):
    """CONCURRENTLY that gave up waiting leaves an invalid index; the next try removes it."""
    await db.execute("CREATE TABLE t (a INT8)")
    (tmp_path / "1_index.sql").write_text(
        "SET lock_timeout = '50ms';\nCREATE INDEX CONCURRENTLY i ON t (a);\n"
    )
    with psycopg.connect(url) as holder:
        holder.execute("INSERT INTO t VALUES (1)")
        told = []

        def listen(event):
            told.append(event)
            if isinstance(event, e.Retrying):
                holder.commit()

        assert await colour.Migration(db, tmp_path, on_event=listen).migrate() == 1
    assert any(isinstance(event, e.Retrying) for event in told)
    assert [r["indisvalid"] for r in await db.execute("SELECT indisvalid FROM pg_index x JOIN"
            " pg_class c ON c.oid = x.indexrelid WHERE c.relname = 'i'")] == [True]  # fmt: skip


@pytest.mark.engine("postgresql", because="lock_timeout")
async def test_the_client_waits_for_a_lock_again_too(db, url):
    await db.execute("CREATE TABLE t (a INT8)")
    await db.execute("INSERT INTO t VALUES (1)")
    with psycopg.connect(url) as holder:
        holder.execute("SELECT * FROM t FOR UPDATE")
        tries = 0
        async for attempt in db.retrying():
            async with attempt, db.transaction() as connection:
                tries += 1
                if tries == 2:
                    holder.rollback()
                await connection.execute("SELECT * FROM t FOR UPDATE NOWAIT")
    assert tries == 2
