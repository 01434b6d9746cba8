"""Wrong use: exit code 2, what was wrong, what is near."""

from __future__ import annotations

from pathlib import Path

import pytest

from manticore_cockroachdb.cli.index import names

from .conftest import Manticore


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["migrat"], "There is no command 'migrat'.", "did you mean migrate?"),
        (["xyzzy"], "There is no command 'xyzzy'.", "manticore --help shows how"),
        (["lock", "relese"], "There is no command 'relese'.", "did you mean release?"),
        (["lock"], "Missing command.", "manticore lock --help shows how"),
        (["migrate", "--urll", "x"], "No such option '--urll'", "did you mean --url?"),
        (["--url", "x", "migrate"], "No such option '--url'", "options stand after the command"),
        (["migrate", "x"], "unexpected extra argument", "manticore migrate --help"),
        (["new"], "Missing argument", "manticore new --help"),
        (["rollback", "--count", "0"], "'--count'", "manticore rollback --help"),
        (["rollback", "--count", "1", "--all"], "exclude each other", ""),
        (["migrate", "--lease-wait", "-1"], "not a number of seconds", ""),
        (["status", "--set", "x"], "--set takes NAME=VALUE", ""),
        (["status", "--config", "nope.toml"], "cannot be read", ""),
        (["status", "--url", "mysql://h/d"], "not a scheme of a database URL", "postgresql://"),
    ],
)
def test_it_is_said_what_is_wrong(
    manticore: Manticore, arguments: list[str], message: str, hint: str
) -> None:
    answer = manticore(*arguments, code=2)
    assert answer.out == ""
    assert answer.err.startswith("error: ") and message in answer.err
    assert hint in answer.err.partition("hint: ")[2]
    assert "Did you mean" not in answer.err


def test_a_url_in_the_wrong_place_keeps_its_password(manticore: Manticore) -> None:
    for arguments in (
        ["migrate", "postgresql://u:hunter2@h/d"],
        ["status", "--url", "postgresql://u:hun@ter2@h/d"],
    ):
        answer = manticore(*arguments, code=2)
        assert "ter2" not in answer.err


@pytest.mark.parametrize("name", names())
def test_every_command_explains_itself(manticore: Manticore, name: str) -> None:
    text = manticore(name, "--help").out
    assert f"Usage: manticore {name}" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_an_unknown_key_in_the_configuration_names_the_nearest(manticore: Manticore) -> None:
    Path("manticore.toml").write_text('urls = "local:"')
    answer = manticore("status", code=2)
    assert "There is no key 'urls' in manticore.toml." in answer.err
    assert "hint: did you mean 'url'?" in answer.err


def test_a_variable_that_is_nearly_ours_is_warned_of(
    manticore: Manticore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MANTICORE_URLS", "local:")
    answer = manticore("status", "--url", "postgresql://127.0.0.1:1/x", code=1)
    assert "warning: MANTICORE_URLS is not a variable of manticore's." in answer.err
    assert "hint: did you mean MANTICORE_URL?" in answer.err


def test_a_server_that_is_not_there(manticore: Manticore) -> None:
    url = "postgresql://somebody:hunter2@127.0.0.1:1/x"
    answer = manticore("current", "--url", url, "--json", "--verbose", code=1)
    assert "Cannot connect to somebody@127.0.0.1:1/x: nothing listens there." in answer.err
    assert answer.json["error"]["kind"] == "ConnectionFailed"
    assert "Traceback" in answer.err and "hunter2" not in answer.err + answer.out


@pytest.mark.parametrize(
    "arguments",
    [["migrate", "--urll", "x"], ["migrat"], ["lock", "relese"], ["rollback", "--count", "0"]],
)
def test_with_json_it_is_said_as_json_too(manticore: Manticore, arguments: list[str]) -> None:
    answer = manticore(*arguments, "--json", code=2)
    error = answer.json["error"]
    assert error["kind"] == "UsageError"
    assert f"error: {error['message']}" in answer.err
    assert error["hint"]
