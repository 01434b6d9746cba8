"""Who is at work, on what, and who keeps them waiting: told to others and by the run itself."""

from __future__ import annotations

import psycopg
import pytest

from manticore_cockroachdb.runner import events as e

pytestmark = pytest.mark.engine("postgresql", because="blockers")


async def test_a_run_that_waits_for_a_reader_says_for_whom(db, url, colour, tmp_path):
    """And `lease_status` and `status` say the same to everybody else."""
    (tmp_path / "1_t.sql").write_text("CREATE TABLE t (a INT8 PRIMARY KEY);\n")
    (tmp_path / "2_t.sql").write_text("ALTER TABLE t ADD COLUMN b INT8;\n")
    seen, asked = [], {}
    migration = colour.Migration(db, migrations_dir=tmp_path, on_event=seen.append)
    await migration.migrate(1)
    assert (await migration.status()).runner is None
    other = colour.Migration(colour.database(url), migrations_dir=tmp_path)

    async def run():
        await migration.migrate()

    async def watch():
        for _ in range(600):
            await colour.sleep(0.05)
            if any(isinstance(one, e.Blocked) for one in seen):
                break
        asked["lease"] = await other.lease_status()
        asked["status"] = (await other.status()).runner
        reader.close()

    with psycopg.connect(url, application_name="the report") as reader:
        reader.execute("SELECT * FROM t")
        await colour.concurrently(run, watch)
    blocked = next(one for one in seen if isinstance(one, e.Blocked))
    assert blocked.version == 2
    assert "the report" in blocked.by[0] and "SELECT * FROM t" in blocked.by[0]
    for found in asked.values():
        assert found.version == 2
        assert "ADD COLUMN b" in found.statement
        assert found.blocked_by == blocked.by
    assert (await migration.lease_status()).owner is None
