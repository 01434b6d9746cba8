"""Who is in a fleet and where each is: every way to mean the wrong tenant is an error."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.errors import ConfigError
from manticore_cockroachdb.fleet.spec import Target, chosen, spec_of, targets_of, too_long


def spec(**given: object):  # type: ignore[no-untyped-def]
    return spec_of({"names": ["a"], "schema": "tenant_{name}"} | given)


@pytest.mark.parametrize(
    ("given", "name", "target"),
    [
        ({"schema": "tenant_{name}"}, "Acme & Co", Target("Acme & Co", schema="tenant_Acme & Co")),
        ({"database": "{name}"}, "a.b", Target("a.b", database="a.b")),
        ({"url": "env:URL_{NAME}"}, "a-b", Target("a-b", url="env:URL_A_B")),
        (
            {"url": "postgresql://h/t_{name}"},
            "a/b?",
            Target("a/b?", url="postgresql://h/t_a%2Fb%3F"),
        ),
    ],
)
def test_a_name_fills_the_pattern(given: dict[str, str], name: str, target: Target) -> None:
    assert targets_of(spec_of({"names": [name]} | given), [name]) == (target,)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "Nothing in the fleet says who is in it"),
        ({"names": ["a"], "query": "SELECT 1", "schema": "{name}"}, "'names' and 'query' in"),
        ({"names": ["a"]}, "says where a target is"),
        ({"names": ["a"], "schema": "{name}", "database": "{name}"}, "'schema' and 'database' in"),
        ({"names": ["a"], "schema": "tenant"}, "has no {name}"),
        ({"names": ["a"], "schema": "t_{tenant}"}, "{tenant} in 'schema'"),
        ({"names": "a", "schema": "{name}"}, "'names' in the fleet is not a list"),
        ({"names": ["a", 1], "schema": "{name}"}, "'names' in the fleet is not a list"),
        ({"query": "", "schema": "{name}"}, "'query' in the fleet is not a text"),
        ({"names": ["a"], "schema": "{name}", "parallel": 0}, "'parallel' in the fleet is 0"),
        ({"names": ["a"], "schema": "{name}", "parallel": True}, "'parallel' in the fleet is True"),
        ({"names": ["a"], "schema": "{name}", "create": "yes"}, "neither true nor false"),
        ({"names": ["a"], "schema": "{name}", "paralel": 4}, "no key 'paralel'"),
        ({"names": ["a"], "url": "postgresql://u:secret@h/{name}"}, "holds a password"),
    ],
)
def test_what_cannot_be_meant_is_refused(table: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        spec_of(table)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_slip_in_a_key_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'parallel'"):
        spec(paralel=4)


def test_a_pattern_of_schemas_or_databases_is_the_place_too() -> None:
    assert spec_of({"schemas": "tenant_*"}).schema == "{name}"
    assert spec_of({"databases": "tenant_*"}).kind == "database"


@pytest.mark.parametrize(
    ("given", "names", "message"),
    [
        ({}, ["a", "b", "a"], "'a' appears twice"),
        ({"schema": None, "url": "env:{NAME}"}, ["a-b", "a_b"], "are the same: env:A_B"),
        ({}, [], "nobody in the fleet"),
        ({}, ["a", " "], "is empty"),
        ({}, ["a\0b"], "holds a character"),
    ],
)
def test_names_that_would_meet_are_refused(
    given: dict[str, object], names: list[str], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        targets_of(spec(**given), names)
    assert message in str(caught.value)


def test_nobody_is_allowed_where_that_is_said() -> None:
    assert targets_of(spec(allow_empty=True), []) == ()


def test_only_and_except_choose_by_patterns() -> None:
    targets = targets_of(spec(), ["acme", "acme_test", "zed"])

    def names(*given: tuple[str, ...]) -> list[str]:
        return [target.name for target in chosen(targets, *given)]

    assert names(("acme*",)) == ["acme", "acme_test"]
    assert names((), ("*_test",)) == ["acme", "zed"]
    assert names(("acme*", "zed"), ("acme",)) == ["acme_test", "zed"]


@pytest.mark.parametrize("given", [(("acne",), ()), ((), ("acne",))])
def test_a_pattern_that_matches_nobody_is_a_slip(given: tuple[tuple[str, ...], ...]) -> None:
    with pytest.raises(ConfigError, match=r"No target matches 'acne'[\s\S]*did you mean acme"):
        chosen(targets_of(spec(), ["acme"]), *given)


def test_a_name_that_postgresql_would_cut_is_an_error() -> None:
    short, long = targets_of(spec(), ["é" * 28, "é" * 29])
    assert too_long(short) is None
    assert "63 bytes" in str(too_long(long))
