"""No password is kept."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.parser.secrets import without_secrets


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("CREATE USER a PASSWORD 's3cret'", "CREATE USER a PASSWORD '***'"),
        ("create role a with password E's\\'x'", "create role a with password '***'"),
        ("ALTER USER a WITH PASSWORD 'it''s' VALID", "ALTER USER a WITH PASSWORD '***' VALID"),
        ("ALTER USER a PASSWORD $$s3cret$$;", "ALTER USER a PASSWORD '***';"),
        (
            "CREATE SUBSCRIPTION s CONNECTION 'host=x password=s3cret'",
            "CREATE SUBSCRIPTION s CONNECTION 'host=x password=***'",
        ),
        ("ALTER USER a PASSWORD NULL", "ALTER USER a PASSWORD NULL"),
        ("SELECT password FROM users", "SELECT password FROM users"),
    ],
)
def test_passwords_are_struck_out(sql, kept):
    assert "s3cret" not in without_secrets(sql)
    assert without_secrets(sql) == kept
