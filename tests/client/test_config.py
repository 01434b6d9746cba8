"""Settings: which of argument, URL, environment and default wins, and what is refused."""

from __future__ import annotations

import pytest

from manticore_cockroachdb import ConfigError, Database, Settings
from manticore_cockroachdb.config import resolve

PG = {
    "PGHOST": "envhost",
    "PGPORT": "6000",
    "PGUSER": "envuser",
    "PGDATABASE": "envdb",
    "PGCONNECT_TIMEOUT": "3",
}


def test_cockroachdb_s_defaults() -> None:
    settings = resolve()
    assert settings.display() == "root@localhost:26257/defaultdb"
    assert settings.conninfo() == {
        "host": "localhost",
        "port": "26257",
        "user": "root",
        "dbname": "defaultdb",
        "connect_timeout": "10",
        "client_encoding": "UTF8",
        "fallback_application_name": "manticore",
    }


def test_the_environment_wins_over_the_defaults() -> None:
    assert resolve(environ=PG).display() == "envuser@envhost:6000/envdb"
    assert "connect_timeout" not in resolve(environ=PG).conninfo(), "libpq reads its own"


def test_an_empty_variable_is_none() -> None:
    assert resolve(environ={"PGHOST": "", "PGPORT": ""}).display() == resolve().display()


def test_the_url_wins_over_the_environment() -> None:
    assert resolve("postgresql://u@h:1/d", environ=PG).display() == "u@h:1/d"
    assert resolve("postgresql://h/", environ=PG).display() == "envuser@h:6000/envdb"


def test_arguments_win_over_all() -> None:
    arguments = {"host": "arg", "port": 5, "user": "me", "database": "mine"}
    settings = resolve("postgresql://u:p@h:1/d?options=-c%20a.b%3D1", arguments, PG)
    assert settings.display() == "me@arg:5/mine"
    assert settings.password == "p"
    assert settings.conninfo()["options"] == "-c a.b=1"


def test_none_counts_as_not_given() -> None:
    assert resolve(arguments={"host": None, "max_size": None}) == resolve()


def test_a_service_stands_in_for_the_defaults() -> None:
    for settings in (resolve("postgresql:///?service=s"), resolve(environ={"PGSERVICE": "s"})):
        assert not {"host", "port", "user", "dbname"} & settings.conninfo().keys()
    assert "service s" in resolve("postgresql:///?service=s").display()


def test_overrides_replace_one_connection_s_keywords() -> None:
    settings = resolve()
    found = settings.conninfo(database="other", options="-c x.y=z", application_name="me")
    assert (found["dbname"], found["options"], found["application_name"]) == (
        "other",
        "-c x.y=z",
        "me",
    )
    with pytest.raises(ConfigError, match="'dbnam'"):
        settings.conninfo(dbnam="x")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("hots", "host"),
        ("databse", "database"),
        ("sslrootcrt", "sslrootcert"),
        ("maxsize", "max_size"),
        ("applicationname", "application_name"),
    ],
)
def test_an_unknown_setting_names_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(arguments={name: "x"})
    assert repr(name) in str(caught.value)
    assert caught.value.hint == f"Did you mean {near!r}?"


@pytest.mark.parametrize(
    "arguments",
    [
        {"port": 0},
        {"port": 65536},
        {"port": "x"},
        {"port": -1},
        {"port": "1,2"},
        {"host": "a,b", "port": "1,2,3"},
        {"host": b"x"},
        {"host": ["a"]},
        {"user": "a\0b"},
        {"password": True},
        {"min_size": 11},
        {"min_size": 5, "max_size": 4},
        {"max_size": 0},
        {"max_size": 1.5},
        {"max_size": "3"},
        {"max_size": True},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"max_idle": float("inf")},
        {"connect": True},
    ],
)
def test_a_value_that_cannot_be_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        resolve(arguments=arguments)


def test_pool_settings() -> None:
    settings = resolve(arguments={"min_size": 2, "max_size": 3, "timeout": 1, "max_idle": 7.5})
    assert (settings.min_size, settings.max_size) == (2, 3)
    assert (settings.timeout, settings.max_idle, settings.max_lifetime) == (1.0, 7.5, 300.0)


def test_the_pool_s_names_of_0_3_1() -> None:
    settings = resolve(arguments={"min_connections": 2, "max_connections": 4})
    assert (settings.min_size, settings.max_size) == (2, 4)


def test_secrets_are_never_shown() -> None:
    settings = resolve("postgresql://u:hunter2@h/d?sslpassword=hunter3&oauth_client_secret=hunter4")
    database = Database.from_settings(settings)
    for text in (repr(settings), str(settings), repr(database), settings.display()):
        assert "hunter" not in text
    assert "hunter" not in settings.url()
    assert settings.url(secrets=True).count("hunter") == 3


def test_a_url_made_from_settings_says_the_same() -> None:
    first = resolve("postgresql://us%40er:p%3Aw%2F@h1:1,[::1]:2/d%2Fb?options=-c%20a.b%3Dc%26d")
    again = resolve(first.url(secrets=True))
    assert again == first
    assert again.conninfo() == first.conninfo()


def test_local_waits_for_the_server_s_address() -> None:
    settings = resolve("local:/some/dir", {"database": "shop", "max_size": 2}, PG)
    assert (settings.local, settings.hosts, settings.database) == ("/some/dir", (), "shop")
    assert settings.display() == "local:/some/dir?dbname=shop"
    there = settings.elsewhere("postgresql://me@/defaultdb?host=/run/x&port=5432")
    assert there.display() == "me@/run/x:5432/shop"
    assert there.max_size == 2
    assert resolve("local:").elsewhere("postgresql://me@h/defaultdb").database == "defaultdb"


def test_local_knows_its_own_address() -> None:
    with pytest.raises(ConfigError, match="host"):
        resolve("local:", {"host": "x"})


def test_settings_are_values() -> None:
    assert resolve() == resolve()
    assert hash(resolve()) == hash(resolve())
    with pytest.raises(AttributeError):
        Settings().user = "x"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("url", "arguments", "environ", "create"),
    [
        (None, {"database": "shop"}, {}, True),
        (None, {"database": "shop", "host": "127.0.0.1"}, {}, True),
        (None, {"database": "shop", "host": "::1"}, {}, True),
        (None, {"database": "shop"}, {"PGHOST": "/run/postgresql"}, True),
        (None, {"database": "shop", "create": False}, {}, False),
        (None, {"database": "shop", "host": "db.example"}, {}, False),
        (None, {"database": "shop", "host": "localhost,db.example"}, {}, False),
        (None, {"database": "shop", "hostaddr": "10.0.0.1"}, {}, False),
        (None, {"database": "shop"}, {"PGHOST": "db.example"}, False),
        (None, {"database": "shop"}, {"PGHOSTADDR": "10.0.0.1"}, False),
        (None, {"database": "shop"}, {"PGSERVICE": "s"}, False),
        (None, {}, {"PGDATABASE": "shop"}, False),
        (None, {}, {}, False),
        ("postgresql://localhost/shop", {}, {}, False),
        ("postgresql://localhost/shop", {"database": "other"}, {}, False),
        ("postgresql://db.example/shop", {"create": True}, {}, True),
        ("local:", {"database": "shop"}, {}, False),
    ],
)
def test_which_missing_database_is_made(
    url: str | None, arguments: dict[str, object], environ: dict[str, str], create: bool
) -> None:
    """One that the program names, here; one in a URL or a variable may be mistyped."""
    assert resolve(url, arguments, environ).create is create


def test_create_is_a_switch() -> None:
    with pytest.raises(ConfigError, match="True or False"):
        resolve(arguments={"create": "yes"})
    with pytest.raises(ConfigError):
        resolve("postgresql://h/d?create=true")


@pytest.mark.parametrize("url", ["postgresql://me:secret@h/shop", "local:", "local:/some/dir"])
def test_a_url_is_not_the_name_of_a_database(url: str) -> None:
    """It was taken for one, and, on this machine, a database of that name would be created."""
    with pytest.raises(ConfigError, match="where the name of a database belongs") as caught:
        resolve(None, {"database": url})
    assert "from_url" in str(caught.value.hint) and "secret" not in str(caught.value)
