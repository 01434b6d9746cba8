"""What must not be replayed beside the database it was written for."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.migrations.file import parse_file
from manticore_cockroachdb.shadow.risks import shared


def reason(sql, databases=("shop", "postgres"), schemas=("public", "app")):
    return shared([parse_file("7_x.sql", sql, "7_x.sql")], databases, schemas)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE ROLE reader",
        "CREATE USER reader",
        "ALTER ROLE reader LOGIN",
        "DROP ROLE IF EXISTS reader",
        "GRANT admin TO reader",
        "CREATE DATABASE other",
        "DROP DATABASE other CASCADE",
        "ALTER DATABASE shop SET search_path = app",
        "ALTER SYSTEM SET work_mem = '1MB'",
        "SET CLUSTER SETTING kv.x = 1",
        "SET database = shop",
        "USE shop",
        "DROP TABLE shop.public.orders",
        'CREATE TABLE "shop".public.orders (a INT8)',
        "INSERT INTO shop.orders VALUES (1)",
        "GRANT ALL ON DATABASE shop TO x",
        "BACKUP DATABASE shop INTO 'nodelocal://1/x'",
    ],
)
def test_what_reaches_beyond_its_database(sql):
    found = reason(f"CREATE TABLE t (a INT8); {sql};")
    assert found is not None
    assert found.startswith("migration 7 ")


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE app.orders (shop INT8)",
        "SELECT shop.a FROM orders AS shop2",
        "UPDATE t SET a = 'shop.public.x'",
        "-- shop.public.orders\nSELECT 1",
        "GRANT SELECT ON t TO reader",
        "ALTER TABLE shop ADD COLUMN a INT8",
        "CREATE SCHEMA shop",
        "SET search_path = app",
        "SELECT a.shop.b FROM a",
    ],
)
def test_what_stays_inside(sql):
    assert reason(f"{sql};", databases=("postgres", "shop2")) is None


def test_a_schema_of_the_databases_name_is_no_database():
    assert reason("SELECT * FROM shop.orders", schemas=("public", "shop")) is None
    assert reason("SELECT * FROM shop.public.orders", schemas=("public", "shop")) is not None
