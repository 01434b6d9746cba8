"""Settings, transactions, and commands to the session."""

from __future__ import annotations

from typing import Literal

from .cursor import Cursor
from .nodes import Call, Do, Node, QName, Reset, SessionCommand, SetVar, TransactionControl

Scope = Literal["session", "local", "cluster", "role", "database"]


def set_statement(c: Cursor) -> Node:
    """After SET."""
    if c.key in ("transaction", "session") and c.accept("session", "characteristics"):
        c.expect("as", "transaction")
        c.rest()
        return TransactionControl(verb="SET SESSION CHARACTERISTICS")
    if c.accept("transaction"):
        c.rest()
        return TransactionControl(verb="SET TRANSACTION")
    if c.accept("constraints"):
        c.rest()
        return SessionCommand(verb="SET CONSTRAINTS")
    if c.accept("cluster", "setting"):
        return set_variable(c, "cluster", "SET CLUSTER SETTING")
    scope: Scope = "session"
    if c.keys[c.i + 1] not in ("=", "to", "."):
        scope = "local" if c.accept("local") else "session"
        if scope == "session":
            c.accept("session")
    if scope == "local" and c.accept("transaction"):
        c.rest()
        return TransactionControl(verb="SET TRANSACTION")
    verb = "SET LOCAL" if scope == "local" else "SET"
    return set_variable(c, scope, verb)


def set_variable(c: Cursor, scope: Scope, verb: str) -> SetVar:
    """A name and its value, or one of the phrases that stand for them."""
    for phrase, name in _PHRASES:
        if c.keys[c.i + len(phrase)] not in ("=", "to") and c.accept(*phrase):
            return SetVar(verb=verb, name=name, value=_value(c), scope=scope)
    name = _setting(c)
    if not (c.accept("=") or c.accept("to")):
        c.fail()
    return SetVar(verb=verb, name=name, value=_value(c), scope=scope)


_PHRASES = (
    (("time", "zone"), "timezone"),
    (("session", "authorization"), "session_authorization"),
    (("authorization",), "session_authorization"),
    (("role",), "role"),
    (("names",), "client_encoding"),
    (("schema",), "search_path"),
    (("xml", "option"), "xmloption"),
)


def _setting(c: Cursor) -> str:
    name = c.label()
    while c.accept("."):
        name += "." + c.label()
    return name


def _value(c: Cursor) -> str | None:
    """What is left: without quotes if it is one constant, None for DEFAULT."""
    if c.keys[c.i + 1] == "":
        if c.accept("default"):
            return None
        if c.at_string():
            return c.string()
        if c.key[:1] == '"':
            return c.name()
    if not c.key:
        c.fail()
    return c.rest()


def reset(c: Cursor) -> Reset:
    """After RESET."""
    if c.accept("cluster", "setting"):
        return Reset(verb="RESET CLUSTER SETTING", name=_setting(c), scope="cluster")
    if c.accept("time", "zone"):
        return Reset(name="timezone")
    if c.accept("session", "authorization"):
        return Reset(name="session_authorization")
    if c.keys[c.i + 1]:
        c.accept("session")
    return Reset(name=_setting(c))


def transaction(c: Cursor, first: str) -> Node:
    """BEGIN and its like, after the first word."""
    match first:
        case "begin" | "start":
            if first == "start":
                c.expect("transaction")
            elif not c.accept("work"):
                c.accept("transaction")
            _modes(c)
            return TransactionControl(verb="BEGIN")
        case "commit" | "end" | "rollback" | "abort":
            return _end(c, "COMMIT" if first in ("commit", "end") else "ROLLBACK", first)
        case "savepoint":
            return TransactionControl(verb="SAVEPOINT", name=c.name())
    c.accept("savepoint")
    return TransactionControl(verb="RELEASE", name=c.name())


def _modes(c: Cursor) -> None:
    if c.key and c.key not in (
        "isolation",
        "read",
        "not",
        "deferrable",
        "priority",
        "as",
        "name",
        "readonly",
        ",",
    ):
        c.fail()
    c.rest()


def _end(c: Cursor, verb: str, first: str) -> TransactionControl:
    if first in ("commit", "rollback") and c.accept("prepared"):
        return TransactionControl(verb=f"{verb} PREPARED", name=c.string())
    if not c.accept("work"):
        c.accept("transaction")
    if verb == "ROLLBACK" and c.accept("to"):
        c.accept("savepoint")
        return TransactionControl(verb="ROLLBACK TO", name=c.name())
    if c.accept("and"):
        c.accept("no")
        c.expect("chain")
    return TransactionControl(verb=verb)


def do(c: Cursor) -> Do:
    """After DO: a body, and its language before or after it."""
    language = "plpgsql"
    if c.accept("language"):
        language = c.string() if c.at_string() else c.name()
    body = c.string()
    if c.accept("language"):
        language = c.string() if c.at_string() else c.name()
    return Do(language=language, body=body)


def call(c: Cursor) -> Call:
    name = c.qname()
    c.skip_group()
    return Call(name=name, functions=c.functions())


def session_command(c: Cursor, first: str) -> Node:
    """DISCARD, LISTEN and the like, after the first word."""
    names: tuple[QName, ...] = ()
    if first == "prepare" and c.accept("transaction"):
        return TransactionControl(verb="PREPARE TRANSACTION", name=c.string())
    if first == "lock":
        c.accept("table")
        c.accept("only")
        names = c.qnames()
        if c.key not in ("", "*", "in", "nowait"):
            c.fail()
    elif first == "execute":
        names = (c.qname(),)
        if c.key == "(":
            c.skip_group()
        if c.key not in ("", "discard"):
            c.fail()
    elif first == "use":
        names = (c.qname(),)
    c.rest()
    verb = "LOCK TABLE" if first == "lock" else first.upper()
    return SessionCommand(verb=verb, names=names, functions=c.functions())
