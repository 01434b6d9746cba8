"""Start, stop and ask after the server of a home. The theory is in the package's docstring.

Everything that changes something runs under the home's ``lock``. ``local.json`` is written
when the data are complete, so a home without it has no data worth keeping; where a running
server listens is never stored, always asked.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import LocalServerError
from . import cockroach, lock, place, process
from .cockroach import Cockroach
from .engine import Endpoint, Launch, LocalEngine
from .place import Engine, State
from .postgres import Postgres

START_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0
_LOCK_TIMEOUT = START_TIMEOUT + STOP_TIMEOUT
_LEFTOVERS_TIMEOUT = 10.0
_POLL = 0.005
_ENGINES: dict[Engine, LocalEngine] = {"cockroachdb": Cockroach(), "postgresql": Postgres()}


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """What there is in ``directory``.

    ``engine`` and ``version`` are None where no database has been made yet; ``url`` and
    ``pid`` where no server runs. ``data`` and ``log`` are where the server keeps its files
    and what it says.
    """

    running: bool
    engine: Engine | None
    version: str | None
    directory: Path
    url: str | None
    pid: int | None
    data: Path | None
    log: Path | None


def url_for(directory: Path | str | None = None, *, engine: Engine | None = None) -> str:
    """The libpq URL of the database in ``directory``, started if it does not run.

    Without a directory: MANTICORE_LOCAL_DIR, else the user's own. See `start` for the rest.
    """
    url = start(directory, engine=engine).url
    assert url is not None
    return url


def start(
    directory: Path | str | None = None, *, engine: Engine | None = None, durable: bool = True
) -> LocalStatus:
    """Start the server of ``directory``, or attach to it if it runs.

    ``engine`` chooses where there is a choice: data once made stay with their engine, and
    asking for another one raises. Without it, MANTICORE_LOCAL_ENGINE, then CockroachDB if
    there is a binary, then PostgreSQL. ``durable=False`` makes PostgreSQL faster; what is
    committed then survives a crash of the server, but not of the machine. It has no effect on
    a server that runs already. Raises LocalServerError.
    """
    return begin(place.locate(directory), engine, durable=durable)


def begin(
    home: Path, engine: Engine | None, *, durable: bool, throwaway: bool = False
) -> LocalStatus:
    """`start`, and with ``throwaway`` for data that need not survive the server."""
    with _explained(home):
        if (found := _attach(home)) is not None:
            _agree(found.engine, engine, home)
            return found
        place.create(home)
        with lock.exclusive(home / "lock", timeout=_LOCK_TIMEOUT) as locked:
            if not locked:
                raise _busy(home)
            state = place.read_state(home)
            if state is not None:
                _agree(state.engine, engine, home)
                if (found := _await_running(home, state)) is not None:
                    return found
            else:
                state = _create(home, engine)
            return _launch(home, state, durable=durable, throwaway=throwaway)


def stop(directory: Path | str | None = None) -> bool:
    """Stop the server of ``directory``, its data safe; False if none was running.

    Open connections are ended, open transactions rolled back. Raises LocalServerError.
    """
    home = place.locate(directory)
    with _explained(home):
        if place.read_state(home) is None:
            return False
        with lock.exclusive(home / "lock", timeout=_LOCK_TIMEOUT) as locked:
            if not locked:
                raise _busy(home)
            state = place.read_state(home)
            return state is not None and _stop(home, state, at_once=False)


def status(directory: Path | str | None = None) -> LocalStatus:
    """What there is in ``directory``. Changes nothing, waits for nobody."""
    home = place.locate(directory)
    with _explained(home):
        state = place.read_state(home)
        if state is None:
            return LocalStatus(False, None, None, home, None, None, None, None)
        return _attach(home) or _status(home, state, place.base_of(home, state), None)


def destroy(directory: Path | str) -> None:
    """End the server of ``directory`` at once, and remove the directory and its data."""
    home = place.locate(directory)
    with _explained(home):
        state = place.read_state(home)
        bases = [home]
        if state is not None:
            bases.append(place.base_of(home, state))
            _stop(home, state, at_once=True)
        for base in bases:
            shutil.rmtree(base, ignore_errors=True)


def _choose(wanted: Engine | None) -> LocalEngine:
    named = wanted or os.environ.get("MANTICORE_LOCAL_ENGINE")
    if named == "cockroachdb" or (not named and cockroach.find() is not None):
        return _ENGINES["cockroachdb"]
    if named in ("postgresql", None, ""):
        return _ENGINES["postgresql"]
    raise LocalServerError(
        f"There is no engine {named!r}.",
        hint="Write 'cockroachdb' or 'postgresql' (MANTICORE_LOCAL_ENGINE).",
    )


def _agree(has: Engine | None, wanted: Engine | None, home: Path) -> None:
    if has is not None and wanted not in (None, has):
        raise LocalServerError(
            f"{home} holds data of {has}, not of {wanted}.", hint="Name another directory."
        )


def _alive(base: Path, endpoint: Endpoint | None) -> bool:
    if sys.platform == "win32":
        return endpoint is not None and endpoint.accepts()
    return lock.held(base / "alive")


def _status(home: Path, state: State, base: Path, endpoint: Endpoint | None) -> LocalStatus:
    return LocalStatus(
        running=endpoint is not None,
        engine=state.engine,
        version=state.version,
        directory=home,
        url=None if endpoint is None else endpoint.url,
        pid=None if endpoint is None else endpoint.pid,
        data=base / "data",
        log=base / "server.log",
    )


def _attach(home: Path) -> LocalStatus | None:
    """The running server, if it takes connections. This is the path of every command."""
    state = place.read_state(home)
    if state is None:
        return None
    base = place.base_of(home, state)
    endpoint = _ENGINES[state.engine].endpoint(base, state)
    if endpoint is None or not endpoint.ready or not _alive(base, endpoint):
        return None
    return _status(home, state, base, endpoint) if endpoint.accepts() else None


def _await_running(home: Path, state: State) -> LocalStatus | None:
    """The server, if one is alive; waits for one that is starting, or stopping (None)."""
    base = place.base_of(home, state)
    engine = _ENGINES[state.engine]
    deadline = time.monotonic() + STOP_TIMEOUT
    while True:
        if (found := _attach(home)) is not None:
            return found
        endpoint = engine.endpoint(base, state)
        if not _alive(base, endpoint):
            return None
        if time.monotonic() >= deadline:
            raise LocalServerError(
                f"The {engine.title} in {home} is alive but takes no connections.",
                hint=f"Stop it and start again; see {base / 'server.log'}.",
            )
        time.sleep(_POLL)


def _create(home: Path, wanted: Engine | None) -> State:
    """Make the data and remember them. They become ``data`` in `_launch`."""
    place.expect_empty(home)
    engine = _choose(wanted)
    account = engine.account(home, new=True)
    for old in place.abandoned(home):  # its data stay, but nobody can reach its server
        _stop(home, State("postgresql", "", place=old), at_once=False)
    token = place.new_place(home, account)
    base = home if token is None else place.ROOTS / "data" / token
    try:
        state = replace(engine.create(base, account), place=token)
        place.write_state(home, state)
    except BaseException:
        if token is not None:
            shutil.rmtree(base, ignore_errors=True)
        raise
    return state


def _launch(home: Path, state: State, *, durable: bool, throwaway: bool) -> LocalStatus:
    base = place.base_of(home, state)
    engine = _ENGINES[state.engine]
    if not (base / "data").exists():
        if not (base / "data.new").exists():
            raise LocalServerError(
                f"The data of {home} are gone.", hint=f"Remove {home} to begin afresh."
            )
        (base / "data.new").rename(base / "data")
    account = engine.account(base, new=False)
    alive = None
    if sys.platform != "win32":
        alive = lock.acquire(base / "alive", timeout=_LEFTOVERS_TIMEOUT)
        if alive is None:
            raise LocalServerError(
                f"Processes of an earlier {engine.title} still use {base}.",
                hint="End them and start again.",
            )
    log = base / "server.log"
    try:
        version = engine.launch(Launch(base, log, alive, account, durable, throwaway))
    finally:
        if alive is not None:
            os.close(alive)
    endpoint = _await_ready(base, state, engine, log)
    if version != state.version:
        state = replace(state, version=version)
        place.write_state(home, state)
    return _status(home, state, base, endpoint)


def _await_ready(base: Path, state: State, engine: LocalEngine, log: Path) -> Endpoint:
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        endpoint = engine.endpoint(base, state)
        if endpoint is not None and endpoint.ready and endpoint.accepts():
            return endpoint
        if sys.platform != "win32" and not lock.held(base / "alive"):
            raise process.failure(engine.title, log)
        if time.monotonic() >= deadline:
            raise LocalServerError(
                f"{engine.title} is not ready after {START_TIMEOUT:.0f} seconds.",
                hint=f"After a crash it may need longer: start again; see {log}.",
            )
        time.sleep(_POLL)


def _stop(home: Path, state: State, *, at_once: bool) -> bool:
    """End the server, whatever it is doing; False if there is none."""
    base = place.base_of(home, state)
    engine = _ENGINES[state.engine]
    endpoint = _await_endpoint(base, state, engine)
    if endpoint is None:
        return False
    words = process.command_line(endpoint.pid)
    if words and not any(name in word for word in words for name in ("postgres", "cockroach")):
        raise LocalServerError(
            f"The {engine.title} in {home} says its pid is {endpoint.pid}, and that is {words[0]}.",
            hint="If it runs in another container, stop it there.",
        )
    account = engine.account(base, new=False)
    for hard in [True] if at_once else [False, True]:
        engine.end(endpoint.pid, account, at_once=hard)
        deadline = time.monotonic() + STOP_TIMEOUT
        while time.monotonic() < deadline:
            if not _alive(base, endpoint):
                engine.clean_up(base, endpoint)
                return True
            time.sleep(_POLL)
    raise LocalServerError(
        f"{engine.title} (pid {endpoint.pid}) in {home} does not end.", hint="End it by hand."
    )


def _await_endpoint(base: Path, state: State, engine: LocalEngine) -> Endpoint | None:
    """The endpoint of a live server; None if none lives. A starting one soon has a pid."""
    deadline = time.monotonic() + STOP_TIMEOUT
    while True:
        endpoint = engine.endpoint(base, state)
        if not _alive(base, endpoint):
            return None
        if endpoint is not None:
            return endpoint
        if time.monotonic() >= deadline:
            raise LocalServerError(
                f"A {engine.title} is alive in {base}, but does not say under which pid.",
                hint=f"End it by hand; see {base / 'server.log'}.",
            )
        time.sleep(_POLL)


def _busy(home: Path) -> LocalServerError:
    return LocalServerError(
        f"Another process has been starting or stopping the server in {home} "
        f"for {_LOCK_TIMEOUT:.0f} seconds.",
        hint="End that process.",
    )


@contextmanager
def _explained(home: Path) -> Iterator[None]:
    """The file system's refusals, as errors of ours."""
    try:
        yield
    except OSError as error:
        raise LocalServerError(
            f"{home} cannot hold a local database: {error}.",
            hint="Name another directory (local:/some/dir) or set MANTICORE_LOCAL_DIR",
        ) from error
