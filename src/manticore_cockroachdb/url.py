"""Connection URLs: text in, libpq keywords out, and the other way round.

libpq's own parser decides what a URL means, so every form that psql takes is taken here:
several hosts, percent-encoded socket directories, query parameters, and ``key=value`` strings.
On top come the schemes ``cockroachdb://`` (a synonym of ``postgresql://``) and ``local:`` (the
embedded server of `manticore_cockroachdb.local`, alone or followed by its directory).

An error here never quotes what could be a password. libpq's message may quote any part of the
URL, a mistyped password among them, so it is not passed on and not chained.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote

from .errors import ConfigError
from .keywords import check_keyword

SCHEMES = ("postgresql", "postgres", "cockroachdb")


def parse(url: str) -> dict[str, str]:
    """Return the libpq keywords of a URL or of a ``key=value`` string.

    A ``local:`` URL gives the one keyword ``local``, its directory or the empty text, and those
    of its query part. Raises `ConfigError` for anything libpq would not read.
    """
    url = url.strip()
    if not url:
        raise ConfigError(
            "The database URL is empty.", hint="Give postgresql://user@host:port/database."
        )
    if url.startswith("local:"):
        return _parse_local(url)
    scheme, separator, rest = url.partition("://")
    if separator and (ours := _without_driver(scheme)) is not None:
        raise ConfigError(
            f"{scheme}:// names a driver, which only other libraries' URLs do.",
            hint=f"Write {ours}:// and the rest as it is.",
        )
    if separator and scheme not in SCHEMES and "=" not in scheme:
        raise ConfigError(
            f"{_printable(scheme)!r} is not a scheme of a database URL.",
            hint=f"Write {', '.join(f'{s}://' for s in SCHEMES)} or local:.",
        )
    if not separator and "=" not in url:
        raise ConfigError(
            "This is not a database URL.", hint="Give postgresql://user@host:port/database."
        )
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    text = f"postgresql://{rest}" if scheme == "cockroachdb" else url
    if separator:
        _check_query(text)
    try:
        found = conninfo_to_dict(text)
    except ProgrammingError:
        raise _unreadable(url) from None  # its text may quote a password
    keywords = {key: str(value) for key, value in found.items() if value is not None}
    # A bare @ or / in a password: what libpq takes for host, port and database is part of it.
    database_like_userinfo = "@" in keywords.get("dbname", "") and "user" not in keywords
    if separator and ("@" in keywords.get("host", "") or database_like_userinfo):
        raise _unreadable(url)
    return keywords


def looks_like_one(text: str) -> bool:
    """Whether a text was meant as a URL, whether or not it can be read as one."""
    return "://" in text or text.startswith("local:")


def _parse_local(url: str) -> dict[str, str]:
    directory, _, query = url.removeprefix("local:").partition("?")
    if directory.startswith("//"):  # local:///some/dir, as file: URLs are written
        directory = "/" + directory.lstrip("/")
    _check_query(f"?{query}")
    return {"local": unquote(directory), **dict(parse_qsl(query))}


def _check_query(url: str) -> None:
    """Raise an error that names the nearest keyword for an unknown query parameter."""
    for name, _ in parse_qsl(url.partition("?")[2], keep_blank_values=True):
        # libpq itself knows `ssl=true` and `requiressl` in URLs of old drivers.
        if "@" in name:
            raise _unreadable(url)
        if name not in ("ssl", "requiressl"):
            check_keyword(name, what="URL parameter")


def _unreadable(url: str) -> ConfigError:
    return ConfigError(
        f"The database URL {redact(url)} cannot be read.",
        hint="Write characters such as @ : / ? # % in a user name, password or host as %40 "
        "%3A %2F %3F %23 %25.",
    )


def redact(url: str) -> str:
    """Return the URL with user, password and secret parameters replaced by ``***``.

    Deliberately coarse: everything before the last ``@`` goes, because a password that was not
    percent-encoded may hold any character.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "***"  # key=value: a mistyped key may be that of the password
    if "@" in rest:
        rest = "***@" + rest.rpartition("@")[2]
    rest = re.sub(r"([^?&=]*(?:password|secret|_key)[^=&]*)=[^&]*", r"\1=***", rest)
    return f"{scheme}://{rest}"


def dereferenced(url: str, origin: str, environ: Mapping[str, str]) -> str:
    """Return the URL that ``env:NAME`` stands for, any other as it is. Raises ConfigError."""
    name = url.removeprefix("env:")
    if name == url:
        return url
    if not environ.get(name):
        raise ConfigError(
            f"The variable {name} is not set, and the URL from {origin} is {url!r}.",
            hint=f"set {name} to the database's URL",
        )
    return environ[name]


def render(keywords: Mapping[str, str | int]) -> str:
    """Return the URL that says the same as these libpq keywords, secrets included."""
    rest = dict(keywords)
    user, password = rest.pop("user", None), rest.pop("password", None)
    hosts = str(rest.pop("host", "")).split(",")
    ports = str(rest.pop("port", "")).split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    where = ",".join(
        bracketed(quote(host, safe=":")) + (f":{port}" if port else "")
        for host, port in zip(hosts, ports, strict=False)
    )
    who = "" if user is None else quote(str(user), safe="")
    who += "" if password is None else f":{quote(str(password), safe='')}"
    database = quote(str(rest.pop("dbname", "")), safe="")
    query = "&".join(f"{key}={quote(str(value), safe='/')}" for key, value in rest.items())
    return f"postgresql://{who}{'@' if who else ''}{where}/{database}{'?' if query else ''}{query}"


def bracketed(host: str) -> str:
    """Return the host as it stands before ``:port``: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host and "/" not in host else host


def _without_driver(scheme: str) -> str | None:
    """The scheme that SQLAlchemy's ``postgresql+psycopg``, or JDBC's, means; None for others."""
    plain = scheme.removeprefix("jdbc:").partition("+")[0]
    return plain if plain in SCHEMES and plain != scheme else None


def _printable(text: str) -> str:
    return text if len(text) <= 20 and re.fullmatch(r"[\w+.-]+", text) else "…"
