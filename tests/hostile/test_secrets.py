"""Passwords: never in an error, a log, a repr, the history or what the command line prints."""

from __future__ import annotations

import json
import logging
import traceback

import pytest

from manticore_cockroachdb import Database, Migration
from manticore_cockroachdb.cli import main
from manticore_cockroachdb.errors import ConfigError, ConnectionFailed, ManticoreError

SECRET = "hunter2-geheim"
NOWHERE = f"postgresql://me:{SECRET}@127.0.0.1:1/x?connect_timeout=2"

MISTYPED = (
    f"postgresql://me:{SECRET}@localhost:notaport/x",
    f"postgresql://me:{SECRET}/x@localhost:1/x",
    f"postgresql://me:{SECRET}@x@localhost:1/x",
    f"postgresql://me:{SECRET}#@localhost/x",
    f"postgresql://me:{SECRET}%zz@localhost/x",
    f"postgresq://me:{SECRET}@localhost/x",
    f"postgresql://me:1:{SECRET}@localhost/x",
    f"postgresql://me@localhost/x?pasword={SECRET}",
    f"postgresql://me@localhost/x?sslpasswd={SECRET}",
    f"postgresql://me@localhost/x?{SECRET}@",
    f"host=localhost password='{SECRET}",
    f"host=localhost pasword={SECRET}",
    f"me:{SECRET}@localhost/x",
)


def everything_of(error):
    """All that a careless program could print of an error."""
    return "\n".join(
        [
            str(error),
            repr(error),
            repr(error.args),
            "".join(traceback.format_exception(error)),
            str(vars(error)),
        ]
    )


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.DEBUG)
    return caplog


@pytest.mark.parametrize("url", MISTYPED)
def test_a_mistyped_url(url, log):
    try:
        database = Database.from_url(url, connect_timeout=2)
        assert SECRET not in repr(database) + repr(database.settings)
        database.connect()
    except (ManticoreError, ValueError) as error:
        assert SECRET not in everything_of(error)
    else:
        raise AssertionError("it connected")
    assert SECRET not in log.text


@pytest.mark.parametrize("where", ["url", "argument", "variable", "sslpassword", "passfile"])
def test_a_server_that_is_not_there(where, log, tmp_path, monkeypatch):
    address = {"host": "127.0.0.1", "port": 1, "user": "me", "connect_timeout": 2}
    more = {}
    match where:
        case "argument" | "sslpassword":
            more = {"password" if where == "argument" else where: SECRET}
        case "variable":
            monkeypatch.setenv("PGPASSWORD", SECRET)
        case "passfile":
            file = tmp_path / "pgpass"
            file.write_text(f"*:*:*:*:{SECRET}\n")
            file.chmod(0o600)
            more = {"passfile": str(file)}
    database = Database.from_url(NOWHERE) if where == "url" else Database(**address, **more)
    for shown in (
        repr(database),
        repr(database.settings),
        str(database.settings),
        database.settings.display(),
        database.settings.url(),
        repr(Migration(database, tmp_path)),
    ):
        assert SECRET not in shown
    with pytest.raises(ConnectionFailed) as caught:
        database.connect()
    assert SECRET not in everything_of(caught.value)
    with pytest.raises(ConnectionFailed) as caught:
        Migration(database, tmp_path).initialize()
    assert SECRET not in everything_of(caught.value)
    assert SECRET not in log.text


@pytest.mark.parametrize("how", ["option", "variable", "configuration", "reference"])
@pytest.mark.parametrize("options", [["--verbose"], ["--json"], ["--json", "--verbose"]])
def test_the_command_line(how, options, tmp_path, monkeypatch, capsys, log):
    monkeypatch.chdir(tmp_path)
    for variable in ("DATABASE_URL", "MANTICORE_URL"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "1_x.sql").write_text("SELECT 1;")
    arguments = list(options)
    match how:
        case "option":
            arguments += ["--url", NOWHERE]
        case "variable":
            monkeypatch.setenv("DATABASE_URL", NOWHERE)
        case "configuration":
            (tmp_path / "manticore.toml").write_text(f'url = "{NOWHERE}"\n')
        case "reference":
            monkeypatch.setenv("OTHER", NOWHERE)
            arguments += ["--url", "env:OTHER"]
    for command in ("migrate", "status", "rollback"):
        assert main([command, *arguments]) == 1
        said = capsys.readouterr()
        assert "127.0.0.1:1" in said.err
        assert SECRET not in said.out + said.err
    assert SECRET not in log.text


def test_a_broken_configuration(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for text in (f'url = "{NOWHERE}', f'urll = "{NOWHERE}"', f'lease_ttl = "{NOWHERE}"'):
        (tmp_path / "manticore.toml").write_text(text + "\n")
        assert main(["status", "--verbose"]) == 2
        said = capsys.readouterr()
        assert SECRET not in said.out + said.err


@pytest.mark.parametrize("fails", [True, False])
def test_what_is_recorded(url, tmp_path, log, capsys, monkeypatch, fails):
    """The password of the connection is nowhere in our tables; one in a migration that failed
    is not in what is kept of the attempt."""
    monkeypatch.setenv("PGPASSWORD", SECRET)
    end = "SELECT 1 / 0;" if fails else ""
    (tmp_path / "1_x.sql").write_text(
        f"CREATE TABLE t (x INT8);\n{end}\nSELECT 1;\n-- @UNDO\nDROP TABLE t;\n"
    )
    code = main(["migrate", "--url", url, "--dir", str(tmp_path), "--verbose", "--json"])
    assert code == (1 if fails else 0)
    said = capsys.readouterr()
    assert json.loads(said.out)
    with Database.from_url(url) as db:
        tables = ("_migrations", "_migrations_attempts", "_migrations_lease", "_migrations_steps")
        kept = repr([db.select(table) for table in tables])
    assert SECRET not in kept + said.out + said.err + log.text


@pytest.mark.engine("postgresql", because="users")
def test_a_statement_with_a_password(url, tmp_path):
    """What a migration says to the server about passwords stays between the two."""
    (tmp_path / "1_x.sql").write_text(f"CREATE ROLE nobody_{{ LOGIN PASSWORD '{SECRET}';")
    with Database.from_url(url) as db:
        migration = Migration(db, tmp_path)
        with pytest.raises(ManticoreError) as caught:
            migration.migrate()
        assert SECRET not in str(caught.value)
        assert SECRET not in repr(db.select("_migrations_attempts"))


@pytest.mark.engine("postgresql", because="users")
def test_a_password_that_is_refused(url, log):
    """A role that may not log in is refused as one with a wrong password is: after the start."""
    settings = Database.from_url(url).settings
    role = f"locked_{settings.database}"
    with Database.from_url(url) as admin:
        admin.execute(f"CREATE ROLE {role} NOLOGIN PASSWORD '{SECRET}'")
        try:
            with pytest.raises(ConnectionFailed) as caught:
                Database.from_url(url, user=role, password=SECRET).connect()
        finally:
            admin.execute(f"DROP ROLE {role}")
    assert SECRET not in everything_of(caught.value)
    assert role in str(caught.value)
    with pytest.raises(ConnectionFailed) as caught:
        Database.from_url(url, database="missing_one", password=SECRET).connect()
    assert SECRET not in everything_of(caught.value)
    assert SECRET not in log.text


@pytest.mark.parametrize(
    "mode", ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
)
def test_every_way_of_tls_reaches_libpq_untouched(mode):
    given = {
        "sslmode": mode,
        "sslrootcert": "/ca/root.crt",
        "sslcert": "/ca/me.crt",
        "sslkey": "/ca/me.key",
        "sslpassword": SECRET,
        "sslcrl": "/ca/crl",
        "sslsni": "0",
        "ssl_min_protocol_version": "TLSv1.3",
        "channel_binding": "require",
        "sslnegotiation": "direct",
    }
    query = "&".join(f"{key}={value}" for key, value in given.items())
    by_url = Database.from_url(f"postgresql://me@db.example/x?{query}").settings
    by_name = Database(host="db.example", user="me", database="x", **given).settings
    for settings in (by_url, by_name):
        assert given.items() <= settings.conninfo().items()
        assert given.items() <= settings.conninfo(dbname="other").items()
        assert SECRET not in settings.url()
        assert settings.url(secrets=True).count(f"sslmode={mode}") == 1
        assert (
            given.items()
            <= Database.from_url(settings.url(secrets=True)).settings.conninfo().items()
        )


def test_verification_that_cannot_be_done_is_refused(url):
    """Asked for a certificate of a known authority, a server without one is not talked to."""
    if Database.from_url(url).settings.hosts[0].startswith("/"):
        return  # libpq asks for no certificate on a socket of this machine
    for mode in ("require", "verify-ca", "verify-full"):
        with pytest.raises(ConnectionFailed, match=r"TLS|certificate"):
            Database.from_url(url, sslmode=mode, sslrootcert="/nowhere/root.crt").connect()


def test_a_local_url_takes_no_secret():
    with pytest.raises(ConfigError):
        Database.from_url("local:", user="me")
    assert SECRET not in repr(Database.from_url(f"local:/x?password={SECRET}"))
