"""Options, variables and configuration become RunSettings, in the order that the docs promise."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from manticore_cockroachdb.cli.settings import (
    ConfigFile,
    Given,
    RunSettings,
    misspelt,
    resolve,
)
from manticore_cockroachdb.errors import ConfigError
from manticore_cockroachdb.url import dereferenced


def config(**table: object) -> ConfigFile:
    return ConfigFile(Path("/project/manticore.toml"), table)


def test_without_anything_the_defaults_hold() -> None:
    assert resolve(Given(), {}, None) == RunSettings()


# Highest first, as docs/cli.md says. Each source sets url and dir to its own name.
SOURCES = ("option", "named", "variable", "database_url", "chosen", "top")


def from_sources(present: tuple[str, ...]) -> RunSettings:
    given, environ, environments, table = Given(), {}, {}, {}
    if "option" in present:
        given = Given(url="option", dir="/option")
    if "variable" in present:
        environ |= {"MANTICORE_URL": "variable", "MANTICORE_DIR": "/variable"}
    if "database_url" in present:
        environ["DATABASE_URL"] = "database_url"
    if "named" in present:
        given = Given(url=given.url, dir=given.dir, env="named")
        environments["named"] = {"url": "named", "dir": "/named"}
    if "chosen" in present:
        environ["MANTICORE_ENV"] = "chosen"
        environments["chosen"] = {"url": "chosen", "dir": "/chosen"}
    if "top" in present:
        table |= {"url": "top", "dir": "/top"}
    return resolve(given, environ, config(**table, environments=environments))


@pytest.mark.parametrize(
    "present", [c for n in range(1, 7) for c in combinations(SOURCES, n)], ids=" ".join
)
def test_the_first_source_that_has_a_value_decides(present: tuple[str, ...]) -> None:
    found = from_sources(present)
    # An environment named on the command line is the only one that is looked into.
    sources = [s for s in present if not (s == "chosen" and "named" in present)]
    assert found.url == sources[0]
    with_directory = [s for s in sources if s != "database_url"]
    assert found.dir == (f"/{with_directory[0]}" if with_directory else "/project/migrations")


def test_where_the_url_comes_from_is_said() -> None:
    assert resolve(Given(url="x"), {}, None).url_from == "--url"
    assert resolve(Given(), {"DATABASE_URL": "x"}, None).url_from == "DATABASE_URL"
    found = resolve(Given(env="p"), {}, config(environments={"p": {"url": "x"}}))
    assert found.url_from == "environment p in manticore.toml"


def test_the_url_is_not_in_the_repr() -> None:
    assert "secret" not in repr(resolve(Given(url="postgresql://u:secret@h/d"), {}, None))
    assert "secret" not in repr(Given(url="postgresql://u:secret@h/d"))
    assert "secret" not in repr(config(url="postgresql://u:secret@h/d"))


def test_an_empty_variable_counts_as_not_set() -> None:
    found = resolve(Given(), {"MANTICORE_URL": "", "DATABASE_URL": "", "MANTICORE_ENV": ""}, None)
    assert found == RunSettings()


def test_the_environment_is_what_directives_compare() -> None:
    assert resolve(Given(env="blue"), {}, None).environment == "blue"
    assert resolve(Given(), {"MANTICORE_ENV": "blue"}, None).environment == "blue"
    assert resolve(Given(), {}, config(environment="blue")).environment == "blue"
    twin = config(environments={"green": {"environment": "production"}})
    assert resolve(Given(env="green"), {}, twin).environment == "production"


def test_an_environment_without_a_url_leaves_the_variable_in_force() -> None:
    found = resolve(
        Given(env="production"),
        {"DATABASE_URL": "injected"},
        config(environments={"production": {"dir": "sql"}}),
    )
    assert (found.url, found.dir) == ("injected", "/project/sql")


def test_an_unknown_environment_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="no environment 'prodution'") as caught:
        resolve(Given(env="prodution"), {}, config(environments={"production": {}}))
    assert caught.value.hint == "did you mean 'production'?"


def test_session_settings_are_merged_name_by_name() -> None:
    found = resolve(
        Given(env="p", set=("c=option", "d=a=b")),
        {},
        config(
            settings={"a": "top", "b": "top", "c": "top", "app": {"n": 1, "on": True}},
            environments={"p": {"settings": {"b": "env", "c": "env"}}},
        ),
    )
    assert dict(found.settings) == {
        "a": "top",
        "b": "env",
        "c": "option",
        "d": "a=b",
        "app.n": "1",
        "app.on": "true",
    }


def test_directories_are_relative_to_the_file_or_to_where_one_is() -> None:
    assert resolve(Given(dir="a"), {}, config(dir="b")).dir == "a"
    assert resolve(Given(), {"MANTICORE_DIR": "a"}, config(dir="b")).dir == "a"
    assert resolve(Given(), {}, config(dir="b")).dir == "/project/b"
    assert resolve(Given(), {}, config(dir="/b")).dir == "/b"
    assert resolve(Given(), {}, config(url="local:./db?dbname=x")).url == (
        "local:/project/db?dbname=x"
    )
    assert resolve(Given(), {}, config(url="local:")).url == "local:"
    assert resolve(Given(), {}, config(url="local:~/db")).url == "local:~/db"
    assert resolve(Given(url="local:db"), {}, config()).url == "local:db"


def test_a_url_can_be_in_a_variable() -> None:
    assert dereferenced("env:PROD", "x", {"PROD": "postgresql://h/d"}) == "postgresql://h/d"
    assert dereferenced("postgresql://h/d", "x", {}) == "postgresql://h/d"
    with pytest.raises(ConfigError, match="PROD is not set, and the URL from --url"):
        dereferenced("env:PROD", "--url", {})


def test_times_and_switches() -> None:
    found = resolve(
        Given(allow_missing=True),
        {"MANTICORE_LEASE_TTL": "12.5"},
        config(lease_ttl=3, **{"lease-wait": 7, "allow-changed": True}),
    )
    assert (found.lease_ttl, found.lease_wait) == (12.5, 7.0)
    assert (found.allow_changed, found.allow_missing, found.allow_out_of_order) == (
        True,
        True,
        False,
    )


def test_tables_of_commands_are_passed_on() -> None:
    assert resolve(Given(), {}, config(lint={"target": "x"})).tables == {"lint": {"target": "x"}}


@pytest.mark.parametrize(
    ("table", "message", "hint"),
    [
        ({"ulr": "x"}, "no key 'ulr' in manticore.toml", "did you mean 'url'?"),
        ({"zzz": 1}, "no key 'zzz'", "known: allow_changed, "),
        ({"url": 3}, "'url' in manticore.toml is not a text", None),
        ({"dir": ""}, "'dir' in manticore.toml is not a text", None),
        ({"lease_ttl": "soon"}, "'lease_ttl' in manticore.toml is not a number", "30"),
        ({"lease_ttl": True}, "'lease_ttl' in manticore.toml is not a number", "30"),
        ({"lease_wait": float("nan")}, "'lease_wait' in manticore.toml is not a number", "30"),
        ({"allow_missing": "yes"}, "neither true nor false", None),
        ({"settings": 1}, "'settings' in manticore.toml is not a table", None),
        ({"settings": {"a": [1]}}, "setting 'a' in manticore.toml is neither", None),
        ({"lint": 1}, "'lint' in manticore.toml is not a table", None),
        ({"environments": {"a": 1}}, "not a table of tables", "production"),
        ({"environments": {"a": {"ulr": 1}}}, "'ulr' in environment a in manticore.toml", "url"),
        ({"environments": {"a": {"environments": {}}}}, "no key 'environments'", "environment"),
        ({"environments": {"a": {"lint": {}}}}, "no key 'lint'", ""),
    ],
)
def test_a_wrong_configuration_is_named(
    table: dict[str, object], message: str, hint: str | None
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(Given(), {}, config(**table))
    assert message in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")


def test_wrong_values_elsewhere_are_named() -> None:
    with pytest.raises(ConfigError, match="MANTICORE_LEASE_TTL is not a number"):
        resolve(Given(), {"MANTICORE_LEASE_TTL": "soon"}, None)
    with pytest.raises(ConfigError, match="--set takes NAME=VALUE, not 'x'"):
        resolve(Given(set=("x",)), {}, None)


def test_a_variable_that_resembles_one_of_ours_is_noticed() -> None:
    # Kubernetes sets variables such as MANTICORE_PORT for a service of that name.
    environ = ["MANTICORE_LEASE_TTTL", "MANTICORE_PORT", "MANTICORE_SERVICE_HOST", "MANTICORE_URL"]
    assert misspelt(environ) == [("MANTICORE_LEASE_TTTL", "MANTICORE_LEASE_TTL")]
