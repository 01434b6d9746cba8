"""Where to connect, as whom, and how large the pool is: one frozen value, `Settings`.

Each value comes from the first of these that has it: an argument, the URL, a ``PG*`` variable,
CockroachDB's default (host ``localhost``, port 26257, user ``root``, database ``defaultdb``).
What this package has no default of its own for, such as ``sslmode`` or certificates, stays with
libpq, which reads its own variables and files. A ``service`` stands in for the defaults.

A database that is missing is an error, as a mistyped name in a URL has to be. With
``create=True`` it is made, and so it is without a word for one that the program itself names,
``Database(database="shop")``, on a server of this machine (a socket, or a loopback address).
Such a name stands in code that was read and run before, while URLs and variables are typed anew
for each deployment; and the server is the developer's, or a tunnel's at worst. An empty database
destroys nothing, and that it was made is logged. ``create=False`` refuses there too.

Everything is decided here from text and mappings alone: no environment, no disk, no psycopg.
Secrets are left out of ``repr``, of `Settings.display` and of every message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from . import url as _url
from .errors import ConfigError
from .keywords import POOL, SECRETS, SYNONYMS, check_keyword
from .sql import is_unicode

DEFAULT_HOST = "localhost"
DEFAULT_PORT = 26257
DEFAULT_USER = "root"
DEFAULT_DATABASE = "defaultdb"
DEFAULT_CONNECT_TIMEOUT = 10
DEFAULT_MAX_SIZE = 10

# The keywords that have a field of their own, and the variable that libpq reads for each.
_FIELDS = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a connection and a pool need to know.

    ``hosts`` and ``ports`` go together, one port a host; both are empty where a libpq service or
    the embedded server decides, and then ``user`` and ``database`` may be None. ``parameters``
    are further libpq keywords. Times are in seconds. ``local`` is the embedded server's directory
    (empty text: the usual one), or None for a server elsewhere. With ``create`` a database that
    is missing is made at the first connection. ``telemetry`` is True, False, a handle of
    `telemetry.enable`, or None for what that has made the default.
    """

    hosts: tuple[str, ...] = (DEFAULT_HOST,)
    ports: tuple[int, ...] = (DEFAULT_PORT,)
    user: str | None = DEFAULT_USER
    password: str | None = field(default=None, repr=False)
    database: str | None = DEFAULT_DATABASE
    parameters: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    local: str | None = None
    min_size: int = 1
    max_size: int = DEFAULT_MAX_SIZE
    timeout: float = 30.0
    max_lifetime: float = 300.0
    max_idle: float = 300.0
    prepare_threshold: int | None = None
    create: bool = False
    telemetry: Any = field(default=None, repr=False)

    def conninfo(self, **overrides: str | int) -> dict[str, str | int]:
        """Return libpq's keywords, as ``psycopg.connect(**keywords)`` takes them.

        ``overrides`` are libpq keywords, or ``database``, that replace the settings' own.
        """
        found: dict[str, str | int] = {
            "fallback_application_name": "manticore",
            "client_encoding": "UTF8",
            **dict(self.parameters),
        }
        if self.hosts:
            found["host"] = ",".join(self.hosts)
            found["port"] = ",".join(str(port) for port in self.ports)
        for key, value in (
            ("user", self.user),
            ("password", self.password),
            ("dbname", self.database),
        ):
            if value is not None:
                found[key] = value
        for key, new in overrides.items():
            key = SYNONYMS.get(key, key)
            check_keyword(key)
            found[key] = new
        return found

    def display(self) -> str:
        """Return where and as whom, without secrets: ``root@localhost:26257/example_db``."""
        if self.local is not None:
            where = f"local:{self.local}"
            return where if self.database is None else f"{where}?dbname={self.database}"
        where = ",".join(
            f"{_url.bracketed(h)}:{p}" for h, p in zip(self.hosts, self.ports, strict=True)
        )
        if not where:
            where = f"service {dict(self.parameters).get('service', 'of PGSERVICE')}"
        who = "" if self.user is None else f"{self.user}@"
        return f"{who}{where}/{self.database or ''}"

    def url(self, *, secrets: bool = False) -> str:
        """Return a URL that connects there; with its password only when ``secrets`` is True."""
        if self.local is not None:
            return self.display()
        hidden = frozenset() if secrets else SECRETS
        own = {"fallback_application_name", "client_encoding", *hidden}
        return _url.render({k: v for k, v in self.conninfo().items() if k not in own})

    def elsewhere(self, url: str) -> Settings:
        """Return these settings for the server at ``url``: how ``local`` is resolved.

        The database and parameters that were asked for stay; the rest of where is the URL's.
        """
        there = resolve(url)
        return replace(
            self,
            local=None,
            hosts=there.hosts,
            ports=there.ports,
            user=there.user,
            password=there.password,
            database=self.database or there.database,
            parameters=tuple(sorted({**dict(there.parameters), **dict(self.parameters)}.items())),
        )


def resolve(
    url: str | None = None,
    arguments: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Return the settings that arguments, URL, environment and defaults make together.

    Arguments that are None count as not given. Raises `ConfigError` for an unknown name or a
    value of the wrong kind.
    """
    environ = environ or {}
    given, pool = _sort(arguments or {})
    found = _url.parse(url) if url is not None else {}
    for key in found:
        if key != "local":
            check_keyword(key)
    local = found.pop("local", None)
    found |= given
    where: dict[str, str | None] = {k: found.pop(k, None) or None for k in _FIELDS}
    password = found.pop("password", None)
    if local is not None:
        _refuse_with_local([k for k in ("host", "port", "user") if where[k]])
        return Settings(
            hosts=(),
            ports=(),
            user=None,
            password=None,
            database=where["dbname"],
            parameters=tuple(sorted(found.items())),
            local=local,
            **pool,
        )
    if _url.looks_like_one(given.get("dbname", "")):
        raise ConfigError(
            "A URL is given where the name of a database belongs.",
            hint="Database.from_url(…) and AsyncDatabase.from_url(…) take a URL.",
        )
    named_by_program = url is None and where["dbname"] is not None
    where = {k: v or environ.get(_FIELDS[k]) or None for k, v in where.items()}
    if "service" not in found and not environ.get("PGSERVICE"):
        where["host"] = where["host"] or found.get("hostaddr") or DEFAULT_HOST
        where["user"] = where["user"] or DEFAULT_USER
        where["dbname"] = where["dbname"] or DEFAULT_DATABASE
    if "connect_timeout" not in found and not environ.get("PGCONNECT_TIMEOUT"):
        found["connect_timeout"] = str(DEFAULT_CONNECT_TIMEOUT)
    hosts = tuple(where["host"].split(",")) if where["host"] else ()
    if named_by_program and "hostaddr" not in found and not environ.get("PGHOSTADDR"):
        pool.setdefault("create", is_on_this_machine(hosts))
    return Settings(
        hosts=hosts,
        ports=_ports(where["port"], len(hosts)),
        user=where["user"],
        password=password,
        database=where["dbname"],
        parameters=tuple(sorted(found.items())),
        **pool,
    )


def is_on_this_machine(hosts: Sequence[str]) -> bool:
    """Whether all of these hosts, of which there is one, are sockets or loopback addresses."""
    return bool(hosts) and all(
        host in ("localhost", "::1") or host.startswith(("/", "@", "127.")) for host in hosts
    )


def _sort(arguments: Mapping[str, object]) -> tuple[dict[str, str], dict[str, Any]]:
    """Split arguments into libpq keywords and pool settings, each checked."""
    keywords: dict[str, str] = {}
    pool: dict[str, Any] = {}
    for given, value in arguments.items():
        if value is None:
            continue
        name = SYNONYMS.get(given, given)
        if name in POOL:
            pool[name] = _number(given, value, POOL[name])
            continue
        if name == "connect":
            raise ConfigError(
                "There is no setting 'connect'.",
                hint="The pool opens at first use; call connect() to open it at once.",
            )
        if name == "create":
            if not isinstance(value, bool):
                raise ConfigError(f"The setting 'create' is True or False, not {value!r}.")
            pool[name] = value
            continue
        if name == "telemetry":
            if not isinstance(value, bool) and not hasattr(value, "tracer"):
                raise ConfigError(
                    f"The setting 'telemetry' is True or False, not {value!r}.",
                    hint="Or what telemetry.enable(…) returns, for providers of your own.",
                )
            pool[name] = value
            continue
        check_keyword(name)
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise ConfigError(f"The setting {given!r} takes text, not {type(value).__name__}.")
        if "\0" in str(value):
            raise ConfigError(f"The setting {given!r} holds a NUL character.")
        if not is_unicode(str(value)):
            raise ConfigError(f"The setting {given!r} holds half a character, a lone surrogate.")
        keywords[name] = str(value)
    low, high = pool.get("min_size", 0), pool.get("max_size", DEFAULT_MAX_SIZE)
    if high < 1 or low > high:
        raise ConfigError(
            f"A pool cannot have min_size {low} and max_size {high}.",
            hint="max_size is at least 1 and at least min_size.",
        )
    return keywords, pool


def _number(name: str, value: object, kind: type[int] | type[float]) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < inf:
        number = kind(value)
        if number == value:
            return number
    what = "a whole number" if kind is int else "a number of seconds"
    raise ConfigError(f"The setting {name!r} takes {what}, not {value!r}.")


def _ports(text: str | None, hosts: int) -> tuple[int, ...]:
    """Return one port a host; a single one is for all, a missing one is the default."""
    if not hosts:
        return ()
    parts = (text or "").split(",")
    if len(parts) == 1:
        parts *= hosts
    if len(parts) != hosts:
        raise ConfigError(f"There are {hosts} hosts and {len(parts)} ports.")
    ports: list[int] = []
    for part in parts:
        if part and not (part.strip().isascii() and part.strip().isdigit()):
            # Not quoted: in a mistyped URL it can be part of a password.
            raise ConfigError("The port is not a number.", hint="It follows the host: host:26257.")
        port = int(part) if part else DEFAULT_PORT
        if not 1 <= port <= 65535:
            raise ConfigError(f"{port} is not a port.", hint="A port is a number up to 65535.")
        ports.append(port)
    return tuple(ports)


def _refuse_with_local(names: list[str]) -> None:
    if names:
        raise ConfigError(
            f"A local: URL cannot be combined with {' and '.join(names)}.",
            hint="The embedded server knows its own address and user.",
        )
