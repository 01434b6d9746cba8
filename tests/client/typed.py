"""What type checkers know of rows; checked by them in CI, and imported by a test."""

from __future__ import annotations

from dataclasses import dataclass

from manticore_cockroachdb.async_database import AsyncDatabase
from manticore_cockroachdb.database import Database
from manticore_cockroachdb.pooled import PooledConnection


@dataclass
class User:
    """A row."""

    id: int
    name: str


def names(db: Database) -> list[str]:
    """Every verb with ``row`` gives objects of that class, without one dicts."""
    found: list[str] = [user.name for user in db.select("users", row=User)]
    found += [user.name for user in db.execute("SELECT * FROM users", row=User)]
    found += [user.name for user in db.stream("SELECT * FROM users", row=User)]
    found.append(db.one("SELECT * FROM users", row=User).name)
    found.append(db.insert("users", {"id": 1}, row=User).name)
    found.append(db.table("users").one({"id": 1}, row=User).name)
    for one in (
        db.update("users", {"name": "x"}, {"id": 1}, row=User),
        db.upsert("users", {"id": 1}, "id", row=User),
        db.table("users").update({"name": "x"}, {"id": 1}, row=User),
        db.table("users").upsert({"id": 1}, "id", row=User),
    ):
        found += [] if one is None else [one.name]
    found += [user.name for user in db.update_many("users", {"name": "x"}, {"id": 1}, row=User)]
    found += [u.name for u in db.table("users").update_many({"name": "x"}, {"id": 1}, row=User)]
    row = db.update("users", {"name": "x"}, {"id": 1})
    found += [] if row is None else [row["name"]]
    maybe = db.one_or_none("SELECT * FROM users", row=User)
    if maybe is not None:
        found.append(maybe.name)
    found.append(db.one("SELECT * FROM users")["name"])
    changed: int = db.execute("UPDATE users SET name = 'x'").rowcount
    changed += db.update_many("users", {"name": "x"}, all_rows=True, returning=False)
    return [*found, str(changed)]


def in_a_transaction(db: Database) -> int:
    """What is lent is psycopg's connection, and has the verbs."""

    def work(tx: PooledConnection) -> int:
        tx.insert("users", {"id": 2})
        return tx.execute("SELECT 1").rowcount

    return db.run_in_transaction(work)


async def async_names(db: AsyncDatabase) -> list[str]:
    """The same of the other half."""
    found = [user.name for user in await db.select("users", row=User)]
    found += [user.name async for user in db.stream("SELECT * FROM users", row=User)]
    async with db.transaction() as tx:
        found.append((await tx.one("SELECT * FROM users", row=User)).name)
    return found
