"""The SQL of our own tables, run: what rows keep, what they replace, who may write."""

from __future__ import annotations

import psycopg
import pytest

from manticore_cockroachdb.database import Database
from manticore_cockroachdb.runner.bookkeeping import Tables, journal_rows


@pytest.fixture
def run(url, server):
    """Run SQL of ours in an empty database; the rows, as tuples."""
    with Database.from_url(url, max_size=1) as database, database.dedicated() as connection:
        connection.row_factory = psycopg.rows.tuple_row

        def run(sql):
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

        run.tables = Tables("public", server.engine == "cockroachdb")
        for sql in run.tables.create().split(";\n"):
            run(sql)
        yield run


def journal(run):
    return journal_rows(run(run.tables.read_steps()))


def test_a_journal_row_keeps_what_was_read_before_its_step(run):
    tables = run.tables
    run(tables.start_step(7, "up", 2, "h", "'true'||'|'||'~'", 3))
    (row,) = journal(run)
    assert (row.version, row.direction, row.ordinal, row.hash) == (7, "up", 2, "h")
    assert (row.state, row.before, row.detail) == ("started", ("true", None), None)
    assert run("SELECT finished_at FROM _migrations_steps") == [(None,)]

    run(tables.finish_step(7, "up", 2, "h", 4, "seen"))
    (row,) = journal(run)
    assert (row.state, row.before, row.detail) == ("done", ("true", None), "seen")
    ((token, finished),) = run("SELECT token, finished_at FROM _migrations_steps")
    assert token == 4 and finished is not None


def test_a_step_that_begins_again_is_read_anew(run):
    tables = run.tables
    run(tables.start_step(7, "up", 0, "h", "'one'", 3))
    run(tables.fail_step(7, "up", 0, "h", 3, "failed", "no"))
    (row,) = journal(run)
    assert (row.state, row.before, row.detail) == ("failed", ("one",), "no")
    run(tables.start_step(7, "up", 0, "g", "'two'", 4))
    (row,) = journal(run)
    assert (row.state, row.hash, row.before, row.detail) == ("started", "g", ("two",), None)
    assert run("SELECT finished_at FROM _migrations_steps") == [(None,)]


def test_a_step_with_nothing_to_read_has_nothing_before(run):
    run(run.tables.start_step(7, "up", 0, "h", None, 3))
    assert [row.before for row in journal(run)] == [None]


def test_the_journal_is_in_order_and_of_this_history_only(run):
    tables = run.tables
    for version, direction, ordinal in ((9, "up", 0), (7, "up", 1), (7, "down", 0), (7, "up", 0)):
        run(tables.finish_step(version, direction, ordinal, "h", 1, None))
    found = [(row.version, row.direction, row.ordinal) for row in journal(run)]
    assert found == [(7, "down", 0), (7, "up", 0), (7, "up", 1), (9, "up", 0)]
    run(tables.clear_steps(7))
    assert [row.version for row in journal(run)] == [9]
    run("UPDATE _migrations_steps SET history = history + 1")
    assert journal(run) == []


def test_a_first_step_that_was_never_sent_is_taken_back_by_its_owner_only(run):
    tables = run.tables
    ((token, *_),) = run(tables.acquire("us", "session", 30))

    def left(*forgotten):
        run(tables.clear_steps(7))
        run(tables.start_step(7, "up", 0, "h", None, token))
        run(tables.forget_unsent(*forgotten))
        return len(journal(run))

    assert left(7, "up", "us", token) == 0
    assert left(8, "up", "us", token) == 1
    assert left(7, "down", "us", token) == 1
    assert left(7, "up", "them", token) == 1
    assert left(7, "up", "us", token + 1) == 1
    run(tables.finish_step(7, "up", 0, "h", token, None))
    run(tables.forget_unsent(7, "up", "us", token))
    assert len(journal(run)) == 1


def test_the_lease_is_taken_renewed_broken_and_given_back(run):
    tables = run.tables
    assert run(tables.read_lease())[0][:3] == (None, 0, None)
    assert run(tables.acquire("a", "sa", 30)) == [(1, None, None)]
    owner, token, held, since, remaining = run(tables.read_lease())[0]
    assert (owner, token, held) == ("a", 1, "sa")
    assert since is not None and 25 < remaining <= 30
    assert run(tables.acquire("b", "sb", 30)) == []
    assert run(tables.acquire("a", "sa2", 30)) == [(2, None, None)]  # ours: a new token
    assert run(tables.renew(1, 30)) == []
    assert run(tables.renew(2, 90)) == [(2,)]
    assert 85 < run(tables.read_lease())[0][4] <= 90
    run(tables.release("b"))
    assert run(tables.read_lease())[0][0] == "a"
    run(tables.release("a"))
    assert run(tables.read_lease())[0][0] is None
    assert run(tables.renew(2, 30)) == []  # nobody's
    assert run(tables.acquire("b", "sb", 30))[0][0] == 3
    assert run(tables.break_lease()) == [("b", "sb")]
    assert run(tables.break_lease()) == []
    assert run(tables.read_lease())[0][:3] == (None, 4, None)


def test_an_expired_lease_is_taken_and_says_from_whom(run):
    tables = run.tables
    run(tables.acquire("a", "sa", 0))
    assert run(tables.acquire("b", "sb", 30)) == [(2, "a", "sa")]
    # the answer was lost: who asks again hears it again
    assert run(tables.acquire("b", "sb", 30)) == [(3, "a", "sa")]


def test_the_fence_lets_the_token_pass_and_nobody_else(run):
    tables = run.tables
    ((token, *_),) = run(tables.acquire("a", "sa", 30))
    assert run(tables.fence(token)) == [(1,)]
    for other in (token - 1, token + 1):
        with pytest.raises(psycopg.errors.DivisionByZero):
            run(tables.fence(other))


def history(run, **more):
    given = {
        "version": 7,
        "description": "it's",
        "checksum": "c",
        "undo": "DROP TABLE t",
        "mode": "transaction",
        "host": "h",
        "token": 3,
        **more,
    }
    run(run.tables.insert_history(run.tables.history_row(**given)))
    columns = "description, checksum, undo, mode, duration_ms, applied_from, token"
    return run(f"SELECT {columns} FROM _migrations WHERE version = {given['version']}")[0]


def test_what_a_history_row_keeps(run):
    found = history(run)
    assert found[:4] == ("it's", "c", "DROP TABLE t", "transaction")
    assert found[4] is not None and 0 <= found[4] < 60_000
    assert found[5:] == ("h", 3)
    assert history(run, version=8, checksum=None, undo=None, token=None)[1:3] == (None, None)
    assert history(run, version=9, mode="baseline")[4] is None
    assert history(run, version=10, mode="repaired")[4] is None
    secret = "ALTER ROLE r PASSWORD 'x'"
    assert history(run, version=11, undo=secret)[2] is None
    assert [v for v, *_ in run(run.tables.read_history("version"))] == [7, 8, 9, 10, 11]
    assert run(run.tables.read_undo((7, 8, 99))) == [(7, "DROP TABLE t"), (8, None)]
    assert run(run.tables.read_undo(())) == []
    run(run.tables.set_checksum(8, "new", secret))
    run(run.tables.delete_history(7))
    left = run("SELECT version, checksum, undo FROM _migrations WHERE version < 9")
    assert left == [(8, "new", None)]


def test_steps_and_backfills_count_from_their_first_step(run):
    run(run.tables.start_step(7, "up", 0, "h", None, 3))
    run("UPDATE _migrations_steps SET started_at = started_at - INTERVAL '100 seconds'")
    assert history(run, mode="steps")[4] >= 100_000
    assert history(run, version=8, mode="steps")[4] is None
    run(run.tables.start_step(9, "up", 0, "h", None, 3))
    run("UPDATE _migrations_steps SET started_at = started_at - INTERVAL '50 seconds'")
    assert history(run, version=9, mode="backfill")[4] >= 50_000


def test_failed_attempts_are_kept_newest_first(run):
    tables = run.tables
    for number, statement in ((1, "SELECT 'a'"), (2, None)):
        run(
            tables.insert_attempt(
                version=7,
                direction="up",
                token=number,
                seconds=1.2345,
                host="h",
                statement=statement,
                sqlstate="42601",
                message="it's",
                outcome="nothing remains",
            )
        )
    found = run(tables.read_attempts())
    assert [row[6] for row in found] == [None, "SELECT 'a'"]
    assert {(row[0], row[1], row[3], row[5], row[7], row[8], row[9]) for row in found} == {
        (7, "up", 1234, "h", "42601", "it's", "nothing remains")
    }


def test_a_table_of_an_old_version_is_completed_as_often_as_one_likes(run):
    run("DROP TABLE _migrations")
    run(
        "CREATE TABLE _migrations (version INTEGER PRIMARY KEY, description TEXT NOT NULL,"
        " applied_at TIMESTAMPTZ NOT NULL DEFAULT now())"
    )
    run("INSERT INTO _migrations (version, description) VALUES (20230101, 'old')")
    for _ in range(2):
        for sql in run.tables.upgrade():
            run(sql)
    assert history(run, version=20230101000000)[3] == "transaction"
    assert run("SELECT description FROM _migrations WHERE checksum IS NULL") == [("old",)]


def test_cockroachdb_reads_before_it_writes():
    """v20.2 reads no virtual table inside a write that may conflict; see `_write_step`."""
    tables = Tables("public", True)
    begun = tables.start_step(7, "up", 0, "h", "now_there", 3)
    assert begun.startswith("WITH b AS MATERIALIZED (SELECT now_there AS now) INSERT INTO")
    assert "(SELECT now FROM b)" in begun and "before = excluded.before" in begun
    done = tables.finish_step(7, "up", 0, "h", 3, None)
    assert done.startswith("INSERT INTO") and "before = excluded" not in done
    assert Tables("public", False).start_step(7, "up", 0, "h", "x", 3).startswith("INSERT INTO")
    assert tables.begin == "BEGIN ISOLATION LEVEL SERIALIZABLE"
    assert Tables("public", False).begin == "BEGIN"
    assert "FOR KEY SHARE" not in tables.fence(1)
    assert "FOR KEY SHARE" in Tables("public", False).fence(1)
    assert not any("TYPE INT8" in sql for sql in tables.upgrade())
    row = {"version": 2, "description": "d", "checksum": None, "undo": None, "host": "h"}
    after = {**row, "mode": "transaction", "token": None, "after": 1}
    assert "WHERE version = 1" not in tables.history_row(**after)
    assert "WHERE version = 1" in Tables("public", False).history_row(**after)
