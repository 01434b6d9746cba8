"""A run goes on by itself when servers go away and come back, on whichever host answers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from faults.proxy import Answer, Cut, Fault, Proxy, When
from manticore_cockroachdb.config import resolve
from manticore_cockroachdb.errors import LeaseTimeout
from manticore_cockroachdb.runner import events as e
from manticore_cockroachdb.runner.identity import is_dead, new_owner

COMMIT = ";\nCOMMIT"
AWAY = 12  # refused connections: a second and a half of waiting


def write(directory, version, up):
    (directory / f"{version}_m.sql").write_text(f"{up}\n", encoding="utf-8")


def over(*urls):
    """One URL with the hosts of several."""
    found = [resolve(url) for url in urls]
    hosts = ",".join(one.hosts[0] for one in found)
    ports = ",".join(str(one.ports[0]) for one in found)
    one = found[0]
    return f"postgresql://{one.user}@/{one.database}?host={hosts}&port={ports}&sslmode=disable"


async def test_a_server_that_is_away_for_a_while_is_waited_for(url, colour, tmp_path):
    """The connection is lost with the COMMIT, and refused for longer than a few tries."""
    write(tmp_path, 1, "CREATE TABLE t (a INT8 PRIMARY KEY);")
    write(tmp_path, 2, "INSERT INTO t VALUES (1);")
    seen = []
    with Proxy.before(url) as proxy:
        db = colour.database(proxy.through(url))
        migration = colour.Migration(db, migrations_dir=tmp_path, on_event=seen.append)
        await migration.migrate(1)
        proxy.arm(
            Fault(When(text=COMMIT), Cut(forward=True, server="finish")),
            Fault(When(type="StartupMessage", nth=2), Cut(), times=AWAY),
        )
        assert await migration.migrate() == 1
        assert proxy.fired
    rows = await colour.database(url).execute("SELECT a FROM t")
    assert [row["a"] for row in rows] == [1]
    waits = [one.delay for one in seen if isinstance(one, e.Retrying)]
    assert waits[0] <= 0.001 < max(waits) <= 1.0


async def test_a_lost_connection_is_had_again_on_another_host(url, colour, tmp_path):
    """The first host is gone for good; the second leads to the same database."""
    write(tmp_path, 1, "CREATE TABLE t (a INT8 PRIMARY KEY);")
    with Proxy.before(url) as first, Proxy.before(url) as second:
        both = over(first.through(url), second.through(url))
        migration = colour.Migration(colour.database(both), migrations_dir=tmp_path)
        await migration.initialize()
        first.arm(
            Fault(When(text=COMMIT), Cut()),
            Fault(When(type="StartupMessage", nth=2), Cut(), times=None),
        )
        assert await migration.migrate() == 1
        assert first.fired
        assert any(m.type == "Query" for m in second.trace)


async def test_trouble_of_the_cluster_without_a_code_of_its_own_is_waited_out(
    url, colour, tmp_path
):
    """CockroachDB calls it uncategorized; the connection is still there."""
    write(tmp_path, 1, "CREATE TABLE t (a INT8 PRIMARY KEY);")
    with Proxy.before(url) as proxy:
        db = colour.database(proxy.through(url))
        migration = colour.Migration(db, migrations_dir=tmp_path)
        await migration.initialize()
        trouble = Answer("XXUUU", "unable to dial n2: breaker open", server="rollback")
        proxy.arm(Fault(When(text=COMMIT), trouble, times=3))
        assert await migration.migrate() == 1
        assert proxy.fired


async def test_other_uncategorized_errors_are_not(url, colour, tmp_path):
    write(tmp_path, 1, "CREATE TABLE t (a INT8 PRIMARY KEY);")
    with Proxy.before(url) as proxy:
        db = colour.database(proxy.through(url))
        migration = colour.Migration(db, migrations_dir=tmp_path)
        await migration.initialize()
        proxy.arm(Fault(When(text=COMMIT), Answer("XXUUU", "it does not add up")))
        with pytest.raises(Exception, match="does not add up"):
            await migration.migrate()


# --- a runner that was killed ----------------------------------------------------------------


@pytest.fixture(scope="module")
def dead():
    """The name of a run whose process is gone."""
    script = "from manticore_cockroachdb.runner.identity import new_owner; print(new_owner())"
    argv = [sys.executable, "-c", script]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def hold(owner):
    return (
        f"UPDATE _migrations_lease SET owner = '{owner}', token = token + 1, session = NULL,"
        " expires_at = now() + INTERVAL '1 hour'"
    )


async def test_the_lease_of_a_dead_process_of_this_machine_is_taken_at_once(
    db, colour, tmp_path, dead
):
    write(tmp_path, 1, "CREATE TABLE t (a INT8 PRIMARY KEY);")
    seen = []
    migration = colour.Migration(db, migrations_dir=tmp_path, on_event=seen.append)
    await migration.initialize()
    await db.execute(hold(dead))
    assert await migration.migrate() == 1
    assert not [one for one in seen if isinstance(one, e.LeaseWaiting)]
    (taken,) = [one for one in seen if isinstance(one, e.LeaseTaken)]
    assert taken.previous == dead


@pytest.mark.parametrize("change", ["the same", "another machine", "another boot"])
async def test_whoever_may_be_alive_is_waited_for(db, colour, tmp_path, dead, change):
    write(tmp_path, 1, "SELECT 1;")
    host, pid, digits = dead.rsplit(":", 2)
    owner = {
        "the same": new_owner(),
        "another machine": f"{host}x:{pid}:{digits}",
        "another boot": f"{host}:{pid}:{'0' * 6}{digits[6:]}",
    }[change]
    migration = colour.Migration(db, migrations_dir=tmp_path, lease_wait=0.2)
    await migration.initialize()
    await db.execute(hold(owner))
    with pytest.raises(LeaseTimeout):
        await migration.migrate()


def test_who_is_dead(dead):
    assert is_dead(dead)
    assert not is_dead(new_owner())
    assert not any(map(is_dead, ("", "nobody", "host:12:ab", dead[:-1], dead + "0")))
