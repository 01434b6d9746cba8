"""What a run tells of itself while one migration goes on."""

from __future__ import annotations

from manticore_cockroachdb.runner import events as e


async def test_a_long_file_tells_how_many_of_its_statements_have_run(db, colour, tmp_path):
    """About once a megabyte: that is how it travels."""
    (tmp_path / "1_t.sql").write_text("CREATE TABLE t (id INT8 PRIMARY KEY, a TEXT);\n")
    rows = [f"INSERT INTO t VALUES ({n}, '{'x' * 400_000}');\n" for n in range(6)]
    (tmp_path / "2_seed.sql").write_text("".join(rows))
    heard: list[e.Event] = []
    migration = colour.Migration(db, migrations_dir=tmp_path, on_event=heard.append)
    assert await migration.migrate() == 2
    told = [event for event in heard if isinstance(event, e.StatementProgress)]
    assert [(event.version, event.done, event.total) for event in told] == [(2, 2, 6), (2, 4, 6)]
    assert (await db.execute("SELECT count(*) AS n FROM t"))[0]["n"] == 6
