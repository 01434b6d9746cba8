"""`verify` runs a backfill over rows that it makes up from the table's schema."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manticore_cockroachdb.schema import model as m
from manticore_cockroachdb.shadow.values import Hints, hints_of, value_of

from ..schema.halves import read_schema

SHOP = """
CREATE TABLE countries (code CHAR(2) PRIMARY KEY, name VARCHAR(20) NOT NULL UNIQUE);
CREATE TABLE accounts (
    id UUID PRIMARY KEY,
    boss UUID REFERENCES accounts (id),
    email TEXT NOT NULL UNIQUE CHECK (email LIKE '%@%' AND length(email) > 5),
    country CHAR(2) NOT NULL REFERENCES countries (code),
    feeling {mood} NOT NULL,
    level INT2 NOT NULL CHECK (level IN (7, 20, 300)),
    state VARCHAR(8) NOT NULL CHECK (state IN ('open', 'closed')),
    rate DECIMAL(5, 2) NOT NULL CHECK (rate BETWEEN 0 AND 100),
    born DATE CHECK (born > '1990-01-01'),
    tags TEXT[] NOT NULL,
    data JSONB NOT NULL,
    seen TIMESTAMPTZ NOT NULL DEFAULT now(),
    raw BYTEA NOT NULL,
    ip INET,
    since TIME NOT NULL,
    every INTERVAL NOT NULL,
    weight FLOAT8 NOT NULL CHECK (weight > 0.5),
    CHECK (state <> 'closed' OR level > 10)
);
CREATE TABLE orders (
    account UUID REFERENCES accounts (id),
    line INT8,
    amount DECIMAL(10, 2) NOT NULL,
    total DECIMAL(12, 2),
    PRIMARY KEY (account, line),
    UNIQUE (account, amount)
);
"""
ORDERS = """
CREATE TABLE orders (line INT8 PRIMARY KEY, amount DECIMAL(10, 2) NOT NULL, total DECIMAL(12, 2));
"""
FILL = "-- @backfill orders\nUPDATE orders SET total = amount * 2 WHERE :batch{more};\n"
BACK = "-- @UNDO\n-- @backfill orders\nUPDATE orders SET total = NULL WHERE :batch;\n"


# A CockroachDB of v20.2 may die of an enum that was dropped with its database: only PostgreSQL.
MOOD = {
    "postgresql": ("mood", "CREATE TYPE mood AS ENUM ('happy', 'sad');"),
    "cockroachdb": ("TEXT", ""),
}


@pytest.fixture
def shop(server):
    """The tables of a shop."""
    mood, type_ = MOOD[server.engine]
    return type_ + SHOP.format(mood=mood)


@pytest.fixture
def verify(colour, db, tmp_path):
    """Verify files, given by their texts."""

    async def verify(*texts: str):
        for number, text in enumerate(texts, 1):
            (tmp_path / f"{number}_m{number}.sql").write_text(text)
        return await colour.Migration(db, tmp_path).verify()

    return verify


async def test_a_backfill_runs_over_rows_with_keys_checks_and_types(verify, shop):
    found = await verify(shop, FILL.format(more="") + BACK)
    assert found.ok, found
    assert found.migrations[1].notes == (
        "its backfill ran over 25 of 25 made-up rows in 5 batches",
    )


async def test_where_may_leave_rows_out(verify):
    fill = FILL.format(more="")
    (note,) = (await verify(ORDERS, "-- @where total IS NULL\n" + fill)).migrations[1].notes
    assert note.startswith("its backfill ran over ") and " of 25 made-up rows" in note
    (note,) = (await verify(ORDERS, "-- @where false\n" + fill)).migrations[1].notes
    assert note == "its backfill changed none of 25 made-up rows: -- @where left them all out"


async def test_a_statement_that_fails_for_every_row_is_a_failure(verify):
    found = await verify(ORDERS, FILL.format(more=" AND 1 / (amount - amount) > 0"))
    (failing,) = found.migrations[1].failures
    assert failing.stage == "apply" and "cannot be changed" in failing.message


async def test_one_that_fails_for_some_rows_is_a_note(verify):
    found = await verify(ORDERS, FILL.format(more=" AND 1 / (line - 3) < 2"))
    assert found.ok
    (note,) = found.migrations[1].notes
    assert note.startswith("apply: 1 of 25 made-up rows cannot be changed, such as [")


async def test_an_undo_that_fails_over_rows_is_a_failure(verify):
    back = BACK.replace("total = NULL", "amount = NULL")
    found = await verify(ORDERS, FILL.format(more="") + back)
    (failing,) = found.migrations[1].failures
    assert failing.stage == "undo" and "cannot be changed" in failing.message


async def test_what_it_cannot_make_up_it_says(verify):
    table = "CREATE TABLE orders (id INT8 PRIMARY KEY, amount INT8 NOT NULL, total INT8,{});\n"
    never = " CHECK (amount * amount = 1234321 AND id < 0)"
    (note,) = (await verify(table.format(never), FILL.format(more=""))).migrations[1].notes
    assert (
        note.startswith("its backfill ran over no rows, for none could be made up: orders: ")
        and "check" in note.lower()
    )


async def test_few_where_a_key_has_few_values(verify):
    table = "CREATE TABLE orders (id BOOL PRIMARY KEY, amount INT8 NOT NULL, total INT8);\n"
    (note,) = (await verify(table, FILL.format(more=""))).migrations[1].notes
    assert note == "its backfill ran over 2 of 2 made-up rows in 2 batches"


async def test_rows_that_the_migrations_bring_are_counted_too(verify):
    """In batches that grow with them: 7 rows each would be some 4,300 of them."""
    seed = "INSERT INTO orders SELECT n, n::DECIMAL FROM generate_series(1, 30000) n;\n"
    (note,) = (await verify(ORDERS + seed, FILL.format(more=""))).migrations[1].notes
    start, batches = note.rsplit(" in ", 1)
    assert start == "its backfill ran over 30025 of 30025 rows, 25 of them made up"
    assert int(batches.split()[0]) <= 200


async def test_a_check_that_finds_made_up_rows_says_that_they_are(verify):
    table = "CREATE TABLE orders (id INT8 PRIMARY KEY, amount INT8, total INT8);\n"
    check = "-- @check SELECT id FROM orders WHERE total IS NULL\n"
    (failing,) = (await verify(table, check + FILL.format(more=""))).migrations[1].failures
    assert "-- @check finds" in failing.message
    assert failing.hint is not None and "made up for the trial" in failing.hint


# --- values --------------------------------------------------------------------------------------

ENUMS = (m.Enum("public", "mood", ("happy", "it's")),)
TYPES = (
    "INT2", "INT4", "INT8", "NUMERIC", "NUMERIC(5,2)", "NUMERIC(2)", "FLOAT4", "FLOAT8", "TEXT",
    "VARCHAR(3)", "CHAR(1)", "BOOL", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "TIME", "TIMETZ",
    "INTERVAL", "UUID", "BYTEA", "JSONB", "INET", "BIT(3)", "VARBIT(4)", "INT8[]", "TEXT[]",
)  # fmt: skip


async def test_every_value_is_one_of_its_type(db):
    """The server takes what is made for each type, first guesses and wild ones."""
    rng, hints = Random(3), Hints((), (0, 3, -3, 200, 70_000))
    for type in TYPES:
        values = [
            value_of(type, n, hints, ENUMS, rng, first=n < 3) for n in (1, 25, 100_000, *range(12))
        ]
        assert all(values)
        await db.execute(f"SELECT {', '.join(map(str, values))}")


async def test_both_engines_spell_the_types_as_they_are_known(colour, db):
    columns = ", ".join(
        f"c{i} {type}" for i, type in enumerate(TYPES) if type not in ("NUMERIC(2)", "CHAR(1)")
    )
    await db.execute(f"CREATE TABLE t (id INT8 PRIMARY KEY, {columns})")
    (table,) = (await read_schema(colour, db)).tables
    for column in table.columns:
        assert value_of(column.type, 1, Hints(), ENUMS, Random(1), first=True), column


@given(st.text(max_size=60))
def test_any_text_has_hints(text):
    hints_of([text])


def test_hints_are_constants_and_their_neighbours():
    hints = hints_of(["CHECK (state IN ('open', 'it''s') AND level > 10)"])
    assert hints.texts == ("open", "it's")
    assert set(hints.numbers) >= {9, 10, 11, -10}
    assert value_of("public.mood", 2, hints, ENUMS, Random(1), first=True) == "'happy'::public.mood"
    assert value_of("geometry", 1, hints, (), Random(1), first=True) is None
    assert replace(hints, numbers=()).texts == hints.texts
