"""A newer CockroachDB, imitated on top of a PostgreSQL or an old CockroachDB.

    imitation = Imitation("v25.4.3")
    with Proxy("127.0.0.1", 5432, imitation=imitation) as proxy:
        ...

The proxy announces the version, and simple queries are carried out as that version would, as far
as `faults.imitate_quirks` knows how: schema changes commit the transaction before them, changes
to existing tables become jobs that outlive their client, COMMIT may answer XXA00, tables are
``schema_locked``, settings that only CockroachDB has are accepted, and errors are worded its way.
Everything else is the server's that stands behind. In particular its SQL is: what PostgreSQL
cannot parse stays an error. Its isolation is too, so that only BEGIN ISOLATION LEVEL SERIALIZABLE
gives what CockroachDB gives by default. The extended protocol passes untouched.

One `Imitation` is one cluster: its jobs and its locked tables are shared by all connections of
the proxy, and `Imitation.jobs` lets a test script a job and look at it.

The faults of `faults.proxy` act between the client and the imitation, on what the client says
and hears. To hit the messages that the imitation exchanges with the server behind, put a second
proxy between those two. A client's message that has reached the imitation is carried out to its
end even when the client is cut off, as PostgreSQL does.

An old CockroachDB behind (before v24.1, which has ``autocommit_before_ddl`` itself) does by itself
what `faults.imitate_quirks` says, and shows its own jobs besides those of the imitation.

A scripted job runs on a session of its own, opened with the client's start-up parameters: the
server behind must let that user in without a password.
"""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence

from faults import wire
from faults.imitate_jobs import Jobs, JobScript
from faults.imitate_quirks import quirks
from faults.imitate_server import Gone, Server
from faults.imitate_session import Session
from faults.imitate_state import SETTINGS, State, Version
from faults.proxy_relay import Backend, SocketBackend
from faults.wire import Message, Sender

__all__ = ["Imitation", "JobScript", "Jobs"]

Connect = Callable[[], Awaitable[SocketBackend]]


class Imitation:
    """One imitated cluster of version ``crdb_version``, for instance "v25.4.3".

    ``settings`` are the cluster's defaults for session settings, ``jobs`` scripts for jobs.
    """

    def __init__(
        self,
        crdb_version: str,
        *,
        settings: Mapping[str, str] | None = None,
        jobs: Sequence[JobScript] = (),
    ) -> None:
        found = re.fullmatch(r"v(\d+)\.(\d+)\.(\d+)(-\S+)?", crdb_version)
        if found is None:
            raise ValueError(f"{crdb_version!r} is no version such as v25.4.3")
        self.version: Version = (int(found[1]), int(found[2]))
        self.announced = f"CockroachDB CCL {crdb_version} (x86_64-pc-linux-gnu, imitated)"
        self.settings = dict(settings or {})
        self.jobs = Jobs(jobs)
        self.locked: dict[tuple[str, str], bool] = {}
        self.quirks = quirks(self.announced, self.version)
        self.sessions: dict[bytes, Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._errors: list[BaseException] = []

    def backend(self, server: SocketBackend, connect: Connect) -> Backend:
        """The imitation on a connection to the server behind; ``connect`` opens others."""
        return Imitated(self, server, connect)

    def spawn(self, work: Awaitable[None]) -> None:
        """Run something that outlives the connection which began it."""

        async def run() -> None:
            await work

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._errors.append(error)

    async def stop(self) -> None:
        """End every job and every connection at once; raises the first error of our own."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._errors:
            raise self._errors.pop(0)


class Imitated:
    """One connection to the imitated cluster; a `Backend`."""

    def __init__(self, imitation: Imitation, server: SocketBackend, connect: Connect) -> None:
        self._imitation = imitation
        self._said: asyncio.Queue[Message | None] = asyncio.Queue()
        self._answers: asyncio.Queue[list[Message]] = asyncio.Queue(256)
        self._server = Server(server, self._emit)
        self._server.announce = self._announce
        self._state = State(imitation.version, imitation.jobs, imitation.locked)
        self._state.defaults.update(imitation.settings)
        self._session = Session(
            self._server, self._emit, self._state, imitation.quirks, connect, imitation.spawn
        )
        self._key = b""
        self._announced = False
        imitation.spawn(self._run())

    # --- the relay's side --------------------------------------------------------------------

    async def send(self, messages: list[Message]) -> None:
        for message in messages:
            if message.code and message.code in "dcf":
                await self._server.forward(message)
            else:
                self._said.put_nowait(message)

    async def receive(self) -> list[Message]:
        return await self._answers.get()

    def send_eof(self) -> None:
        self._said.put_nowait(None)

    def close(self) -> None:
        """Finish what has been said, then close; nobody listens any more."""
        self._session.closed = True
        self._said.put_nowait(None)
        while not self._answers.empty():
            self._answers.get_nowait()

    # --- the connection's life ---------------------------------------------------------------

    async def _emit(self, messages: list[Message]) -> None:
        if not self._session.closed:
            await self._answers.put(messages)

    async def _run(self) -> None:
        reading = asyncio.create_task(self._server.read())
        working = asyncio.create_task(self._work())
        try:
            await asyncio.wait((reading, working), return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                self._said.put_nowait(None)
                await asyncio.wait((working,))
            elif not self._session.closed:
                # The client will say no more; the server closes when it has finished.
                self._server.send_eof()
                await asyncio.wait((reading,))
        finally:
            for task in (reading, working):
                task.cancel()
            ended = await asyncio.gather(reading, working, return_exceptions=True)
            self._imitation.sessions.pop(self._key, None)
            self._server.close()
            await self._emit([])
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome

    async def _work(self) -> None:
        while (message := await self._said.get()) is not None:
            if message.code == "Q":
                try:
                    await self._session.query(wire.query_text(message))
                except Gone:
                    return
            elif message.code:
                await self._server.forward(message)
            else:
                await self._start(message)

    async def _start(self, message: Message) -> None:
        if wire.name(Sender.CLIENT, message) != "StartupMessage":
            waiting = self._imitation.sessions.get(message.raw[8:])
            if waiting is not None and waiting.waiting:
                waiting.cancelled = True
                self._server.send_eof()
            else:
                await self._server.forward(message, asks=False)
            return
        parameters = wire.startup_parameters(message)
        self._state.user = parameters.get("user", "")
        self._state.database = parameters.get("database", self._state.user)
        kept, own = startup_settings(parameters, self._imitation.version)
        self._state.defaults.update(own)
        if own:
            message = wire.startup(kept)
        self._session.startup = message
        await self._server.forward(message)

    def _announce(self, messages: list[Message]) -> list[Message]:
        """Put the version among the first ParameterStatus messages."""
        announcement = wire.parameter_status("crdb_version", self._imitation.announced)
        told: list[Message] = []
        for message in messages:
            if message.code == "S" and wire.parameter(message)[0] == "crdb_version":
                self._state.native = True
                continue
            if message.code == "K":
                self._key = message.body
                self._imitation.sessions[self._key] = self._session
            if message.code == "Z" and not self._announced:
                self._announced = True
                told.append(announcement)
            told.append(message)
        return told


def startup_settings(
    parameters: Mapping[str, str], version: Version
) -> tuple[dict[str, str], dict[str, str]]:
    """Start-up parameters without the settings that only CockroachDB has, and those settings.

    They come as parameters of their own or in ``options``, as ``-c name=value`` or
    ``--name=value``.
    """
    known = {name for name, setting in SETTINGS.items() if setting.since <= version}
    own = {key: value for key, value in parameters.items() if key in known}
    kept = {key: value for key, value in parameters.items() if key not in known}
    options: list[str] = []
    words = iter(shlex.split(kept.pop("options", "")))
    for word in words:
        given = next(words, "") if word == "-c" else re.sub("^(--|-c)", "", word)
        name, _, value = given.partition("=")
        if name.replace("-", "_") in known:
            own[name.replace("-", "_")] = value
        else:
            options += ["-c", given.replace("\\", "\\\\").replace(" ", "\\ ")]
    if options:
        kept["options"] = " ".join(options)
    return kept, own
