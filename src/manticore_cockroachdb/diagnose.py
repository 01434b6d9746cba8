"""Why a connection failed: psycopg's error in, `ConnectionFailed` out.

libpq gives no SQLSTATE for a connection that never came about, only text, so `CAUSES` reads the
text: the first row whose pattern occurs in it decides what to say and what to check. An unknown
text is passed on as it is. Passwords are never part of it; if a server should echo one, it is
struck out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .config import DEFAULT_PORT, Settings, is_on_this_machine
from .errors import ConnectionFailed, NoSuchDatabase
from .keywords import SECRETS

MISSING = "there is no such database"
CROWDED = r"too many clients|remaining connection slots|too many connections"
NOBODY = "nothing listens there"
NO_SOCKET = "no server listens on that socket"

# (pattern in libpq's text, what happened, what to check)
CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        r"no password supplied|empty password",
        "the server asks for a password, and none was given",
        "Put it into PGPASSWORD or ~/.pgpass, or into the URL: postgresql://user:password@host/…",
    ),
    (
        r"password authentication failed|SCRAM",
        "the server refused the password",
        "Check user and password; PGPASSWORD or ~/.pgpass can supply it.",
    ),
    (
        r'database "[^"]*" does not exist|3D000',
        MISSING,
        "Create it with create_database() or create=True, or check its name.",
    ),
    (
        r'role "[^"]*" does not exist|user .* does not exist',
        "there is no such user",
        "Check the user name; PostgreSQL's first one is usually postgres, CockroachDB's is root.",
    ),
    (
        r"no pg_hba\.conf entry|authentication failed|not permitted to log in|no authentication",
        "the server does not let this user in from here",
        "Check the user, the server's pg_hba.conf or its HBA setting, and sslmode.",
    ),
    (
        r"could not translate host name|Name or service not known|nodename nor servname|"
        r"[Tt]emporary failure in name resolution|failed to resolve host",
        "the host name is unknown",
        "Check its spelling and this machine's DNS.",
    ),
    (
        r"certificate|sslrootcert|root\.crt|tlsv1|SSL error|ssl_",
        "the TLS handshake failed",
        "Check sslmode, sslrootcert, sslcert and sslkey; sslmode=verify-full needs the "
        "authority's certificate.",
    ),
    (
        r"server does not support SSL|node is running secure mode|secure mode, SSL connection",
        "server and client do not agree on TLS",
        "A server started with --insecure needs sslmode=disable or prefer, a secure one "
        "sslmode=require or better.",
    ),
    (
        r"[Cc]onnection refused|actively refused",
        NOBODY,
        "Check that the server runs, and on that host and port.",
    ),
    (
        r"No such file or directory.*socket|socket .*No such file or directory",
        NO_SOCKET,
        "Check that the server runs, its socket directory and its port.",
    ),
    (
        r"timeout expired|timed out|No route to host|[Nn]etwork is unreachable",
        "the server did not answer",
        "Check host, port and firewall; connect_timeout says how long to wait.",
    ),
    (
        CROWDED,
        "the server has no connection to spare",
        "Lower max_size, or raise the server's limit.",
    ),
    (
        r"starting up|shutting down|not accepting clients|the database system is",
        "the server is starting or stopping",
        "Try again in a moment.",
    ),
)


def connection_failed(
    settings: Settings, error: Exception, keywords: Mapping[str, str | int]
) -> ConnectionFailed:
    """Return the error to raise from ``error``: where it tried, as whom, what to check.

    ``keywords`` are those of the connection that failed, made from the settings.
    """
    text = _clean(str(error), keywords)
    what, hint = next(
        ((what, hint) for pattern, what, hint in CAUSES if re.search(pattern, text, re.DOTALL)),
        (text or type(error).__name__, "Check host, port, user and that the server runs."),
    )
    where = settings.display()
    database = str(keywords.get("dbname", settings.database))
    if database != settings.database:
        where = f"{where.rpartition('/')[0]}/{database}"
    if what == NOBODY and set(settings.ports) == {DEFAULT_PORT}:
        hint += f" {DEFAULT_PORT} is CockroachDB's port, PostgreSQL's is 5432."
    if what in (NOBODY, NO_SOCKET) and is_on_this_machine(settings.hosts):
        hint += " The URL local: is a server of your own, started when it is needed."
    kind = NoSuchDatabase if what == MISSING else ConnectionFailed
    return kind(f"Cannot connect to {where}: {what}.", hint=hint)


def is_crowded(error: ConnectionFailed) -> bool:
    """Whether the server only had no connection to spare at that moment."""
    return re.search(CROWDED, str(error.__cause__)) is not None


def _clean(text: str, keywords: Mapping[str, str | int]) -> str:
    """Return the text on one line, without any secret among the keywords."""
    for secret in (str(value) for key, value in keywords.items() if key in SECRETS and value):
        text = text.replace(secret, "***")
    return " ".join(text.split()).removeprefix("connection failed: ").rstrip(".")
