"""Fixtures for every test: each behaviour is written once and runs for both colours and engines.

    async def test_insert_returns_the_row(db):
        await db.execute("CREATE TABLE t (a INT)")
        assert await db.insert("t", {"a": 1}) == {"a": 1}

runs for {sync, async} x {CockroachDB, PostgreSQL}, in an empty database each time. A body is
written against the asynchronous half; ``tests/support/colour.py`` makes the synchronous one look
alike. What a fixture gives:

``db``        a database, not connected yet, closed after the test
``url``       the URL of the test's empty database; a test that needs no colour takes this alone
``server``    the server under it: ``server.engine``, ``server.version``, ``server.url``
``colour``    the half under test: ``colour.Database``, ``colour.Migration``,
              ``colour.database(url)``, ``await colour.concurrently(f, g)``, ``colour.sleep``,
              ``colour.spawn``, ``colour.event``, ``colour.name``

A test marked ``@pytest.mark.engine("postgresql", because="NOTIFY")`` runs on that engine only; the
reasons are in ``tests/support/differences.py``, each with its ticket or page. Which servers the
session ran on is said at its start and its end; CockroachDB is left out where there is none.

Tests with drawn examples draw the same ones in every run; ``--hypothesis-profile=explore`` draws
others.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from inspect import iscoroutinefunction
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from .support.colour import COLOURS, Colour
from .support.differences import REASONS
from .support.servers import ENGINES, Server, Servers, available, origin

# How long an example takes says how busy the machine is: hypothesis is not asked to judge by that.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", derandomize=False)
settings.load_profile("repeatable")

_servers = pytest.StashKey[Servers]()


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # Begun with `&` by a script: the programs under test would be deaf to Ctrl-C too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[_servers] = Servers()
    config.addinivalue_line("markers", "engine(name, because=reason): run on this engine only")
    config.addinivalue_line("markers", "slow: starts servers or processes of its own")
    config.addinivalue_line("markers", "clock: looks at a clock; .ci/run runs it by itself")
    config.addinivalue_line("markers", "fast: set on all tests that need no server")


def pytest_unconfigure(config: pytest.Config) -> None:
    if _servers in config.stash:
        config.stash[_servers].close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" in metafunc.fixturenames:
        marks = list(metafunc.definition.iter_markers("engine"))
        engines = [_on(engine, marks) for engine in available()]
        metafunc.parametrize("server", engines, indirect=True, scope="session")
    if "colour" in metafunc.fixturenames:
        metafunc.parametrize("colour", list(COLOURS), indirect=True)


def _on(engine: str, marks: list[pytest.Mark]) -> Any:
    """The engine as a parameter; one that a mark leaves out is skipped with the mark's reason."""
    for mark in marks:
        if engine not in mark.args:
            reason = REASONS.get(mark.kwargs.get("because", ""), "no reason is given")
            return pytest.param(engine, marks=pytest.mark.skip(reason=str(reason)))
    return engine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        needs_server = "server" in getattr(item, "fixturenames", ())
        if not needs_server and not item.get_closest_marker("slow"):
            item.add_marker("fast")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine function: in its colour, else in an event loop."""
    if not iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    colour: Colour = pyfuncitem.funcargs.get("colour") or Colour()
    colour.run(pyfuncitem.obj(**arguments))
    return True


def pytest_report_header() -> list[str]:
    return [f"servers: {'; '.join(f'{engine}: {origin(engine)}' for engine in ENGINES)}"]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    counts: dict[str, int] = {}
    for kind in ("passed", "failed"):
        for report in terminalreporter.getreports(kind):
            for name, value in getattr(report, "user_properties", ()):
                if name == "server" and report.when == "call":
                    counts[value] = counts.get(value, 0) + 1
    terminalreporter.section("servers")
    for engine in ENGINES:
        ran = [
            f"{n} tests on {name}"
            for name, n in counts.items()
            if engine == name.split()[0].lower()
        ]
        terminalreporter.write_line(f"{engine}: {', '.join(ran) or 'no tests'} ({origin(engine)})")


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Server:
    """The server under test."""
    return request.config.stash[_servers].get(request.param)


@pytest.fixture
def url(server: Server, record_property: Any) -> Iterator[str]:
    """The URL of an empty database of this test's own."""
    record_property("server", server.version)
    with server.fresh_database() as found:
        yield found


@pytest.fixture
def colour(request: pytest.FixtureRequest) -> Colour:
    """The half under test."""
    return COLOURS[request.param]()


@pytest.fixture
def db(url: str, colour: Colour) -> Any:
    """A database of the colour under test."""
    return colour.database(url)
