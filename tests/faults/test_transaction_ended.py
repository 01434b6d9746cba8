"""transaction() on CockroachDB v25.1 and later, which commits before a schema change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from faults.imitate import Imitation
from faults.proxy import Proxy
from manticore_cockroachdb import TransactionError

pytestmark = pytest.mark.engine("postgresql", because="imitated")


@pytest.fixture(params=["v25.4.3", "v26.2.0"])
def imitated(request: pytest.FixtureRequest, url: str) -> Iterator[str]:
    """The URL of an imitated cluster."""
    with Proxy.before(url, imitation=Imitation(request.param)) as proxy:
        yield proxy.through(url)


async def test_what_comes_after_a_schema_change_is_not_sent(colour: Any, imitated: str) -> None:
    db = colour.database(imitated)
    await db.create_table("t", {"a": "INT"})
    with pytest.raises(TransactionError, match="autocommit_before_ddl") as caught:
        async with db.transaction() as tx:
            await db.insert("t", {"a": 1})
            await tx.create_table("u", {"a": "INT"})
            await db.insert("t", {"a": 2})
    assert "options='-c autocommit_before_ddl=off'" in str(caught.value)
    assert [row["a"] for row in await db.select("t")] == [1]


async def test_the_end_of_the_block_tells(colour: Any, imitated: str) -> None:
    db = colour.database(imitated)

    async def create(tx: Any) -> None:
        await tx.create_table("t", {"a": "INT"})

    with pytest.raises(TransactionError, match="CockroachDB commits before a schema change"):
        await db.run_in_transaction(create)
    with pytest.raises(ZeroDivisionError) as error:
        async with db.transaction():
            await db.create_table("u", {"a": "INT"})
            raise ZeroDivisionError
    assert "Nothing was rolled back" in error.value.__notes__[0]
    assert (await db.exists("t"), await db.exists("u")) == (True, True)


async def test_with_the_setting_off_the_transaction_is_one(colour: Any, imitated: str) -> None:
    db = colour.database(imitated, options="-c autocommit_before_ddl=off")
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            await db.create_table("t", {"a": "INT"})
            await db.insert("t", {"a": 1})
            raise ZeroDivisionError
    assert not await db.exists("t")
