"""URLs: every libpq form, our two schemes, and errors that give no password away."""

from __future__ import annotations

import pytest

from manticore_cockroachdb import ConfigError
from manticore_cockroachdb.url import parse, redact, render


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "cockroachdb"])
def test_schemes(scheme: str) -> None:
    assert parse(f"{scheme}://u:p@h:5/d?sslmode=disable") == {
        "user": "u",
        "password": "p",
        "host": "h",
        "port": "5",
        "dbname": "d",
        "sslmode": "disable",
    }


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://", {}),
        ("postgresql:///d", {"dbname": "d"}),
        ("postgresql://h1:1,h2:2/d", {"host": "h1,h2", "port": "1,2", "dbname": "d"}),
        ("postgresql://h1,h2:2/", {"host": "h1,h2", "port": ",2"}),
        ("postgresql://[::1]:2/", {"host": "::1", "port": "2"}),
        ("postgresql://%2Frun%2Fx/d", {"host": "/run/x", "dbname": "d"}),
        ("postgresql:///d?host=/run/x", {"host": "/run/x", "dbname": "d"}),
        ("postgresql:///d?host=/run/x&port=7", {"host": "/run/x", "port": "7", "dbname": "d"}),
        ("postgresql://u%40x:p%2Fq@h", {"user": "u@x", "password": "p/q", "host": "h"}),
        ("postgresql://h/d?options=-c%20a.b%3D1",
         {"host": "h", "dbname": "d", "options": "-c a.b=1"}),
        ("postgresql://h?sslrootcert=/x/y&application_name=z",
         {"host": "h", "sslrootcert": "/x/y", "application_name": "z"}),
        ("postgresql://h/?ssl=true", {"host": "h", "sslmode": "require"}),
        ("host=h user='a b' dbname=d", {"host": "h", "user": "a b", "dbname": "d"}),
        ("  postgresql://h \n", {"host": "h"}),
        ("local:", {"local": ""}),
        ("local:/some/dir", {"local": "/some/dir"}),
        ("local:relative/dir", {"local": "relative/dir"}),
        ("local:///some/dir", {"local": "/some/dir"}),
        ("local:/a%20b?dbname=shop&application_name=x",
         {"local": "/a b", "dbname": "shop", "application_name": "x"}),
    ],
)  # fmt: skip
def test_forms(url: str, expected: dict[str, str]) -> None:
    assert parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:s3@cret@h/d",
        "postgresql://u:s3/cret@h/d",
        "postgresql://u:s3?cret@h/d",
        "postgresql://u:%zzs3cret@h/d",
        "postgresql://u:s3cret@h:port/d",
        "postgresql://u:s3cret@[::1/d",
        "postgresql://u:s3cret@h/d?sslmod=require",
        "postgresql://u:s3cret@h/d?cluster=x",
        "postgresql://h/d?pasword=s3cret",
        "mysql://u:s3cret@h/d",
        "root:s3cret@h/d",
        "u:s3cret://h",
        "host=h password='s3cret",
        "password=s3cret hst=h",
    ],
)
def test_a_url_that_cannot_be_read_gives_no_password_away(url: str) -> None:
    from manticore_cockroachdb.config import resolve

    with pytest.raises(ConfigError) as caught:
        resolve(url)
    assert "s3" not in str(caught.value)
    assert "cret" not in str(caught.value).replace("secret", "")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("url", ["", "   ", "nonsense", "http://example.org"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(url)
    assert caught.value.hint


def test_an_unknown_parameter_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="sslrootcert"):
        parse("postgresql://h/d?sslrotcert=x")
    with pytest.raises(ConfigError, match="sslrootcert"):
        parse("local:?sslrotcert=x")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p@h:1/d", "postgresql://***@h:1/d"),
        ("postgresql://u:p@q@h/d?x=1", "postgresql://***@h/d?x=1"),
        ("postgresql://h/d?password=x&a=b", "postgresql://h/d?password=***&a=b"),
        ("postgresql://h/d?sslpassword=x", "postgresql://h/d?sslpassword=***"),
    ],
)
def test_redacting(url: str, shown: str) -> None:
    assert redact(url) == shown


@pytest.mark.parametrize(
    "keywords",
    [
        {"host": "h", "port": "1", "user": "u", "dbname": "d"},
        {"host": "h1,h2", "port": "1,2", "dbname": "d"},
        {"host": "::1", "port": "1", "user": "a:b", "password": "@/?#%", "dbname": "x y/z"},
        {"host": "/run/x y", "port": "5", "dbname": "d", "options": "-c a=b&c"},
    ],
)
def test_parsing_what_was_rendered_gives_it_back(keywords: dict[str, str]) -> None:
    assert parse(render(keywords)) == keywords


@pytest.mark.parametrize(
    ("scheme", "ours"),
    [
        ("postgresql+psycopg", "postgresql"),
        ("postgres+asyncpg", "postgres"),
        ("cockroachdb+psycopg2", "cockroachdb"),
        ("jdbc:postgresql", "postgresql"),
    ],
)
def test_a_scheme_with_a_driver_is_refused_with_the_one_to_write(scheme: str, ours: str) -> None:
    with pytest.raises(ConfigError, match="names a driver") as caught:
        parse(f"{scheme}://ann:secret@h/d")
    assert f"Write {ours}://" in str(caught.value.hint)
    assert "secret" not in str(caught.value)
