"""COMMENT, GRANT, REVOKE, and what maintains or operates a database."""

from __future__ import annotations

from .cursor import Cursor
from .kinds import object_kind
from .nodes import Comment, Grant, Maintenance, MaintenanceVerb, Revoke


def comment(c: Cursor) -> Comment:
    """After COMMENT."""
    c.expect("on")
    kind = object_kind(c) or c.fail()
    first = c.i
    while c.key and c.key != "is":
        if c.key == "(":
            c.skip_group()
        else:
            c.i += 1
    name = c.between(first, c.i) or c.fail()
    c.expect("is")
    text = None if c.accept("null") else c.string()
    return Comment(object_kind=kind, name=name, text=text)


def grant(c: Cursor) -> Grant:
    """After GRANT."""
    privileges, target = _privileges(c, "to")
    grantees = _grantees(c)
    if c.key not in ("", "with", "granted"):
        c.fail()
    c.rest()
    return Grant(privileges=privileges, target=target, grantees=grantees)


def revoke(c: Cursor) -> Revoke:
    """After REVOKE."""
    for option in ("grant", "admin", "inherit", "set"):
        if c.accept(option, "option", "for"):
            break
    privileges, target = _privileges(c, "from")
    grantees = _grantees(c)
    if c.accept("granted", "by"):
        c.label()
    return Revoke(privileges=privileges, target=target, grantees=grantees, cascade=c.behaviour())


def _privileges(c: Cursor, end: str) -> tuple[tuple[str, ...], str | None]:
    """What is given, and on what: as text, up to the word before the grantees."""
    privileges: list[str] = []
    while True:
        first = c.i
        while c.key not in ("", ",", "on", end):
            if c.key == "(":
                c.skip_group()
            else:
                c.i += 1
        privileges.append(c.shout(first, c.i) or c.fail())
        if not c.accept(","):
            break
    target = None
    if c.accept("on"):
        first = c.i
        while c.key not in ("", end):
            if c.key == "(":
                c.skip_group()
            else:
                c.i += 1
        target = c.between(first, c.i) or c.fail()
    c.expect(end)
    return tuple(privileges), target


def _grantees(c: Cursor) -> tuple[str, ...]:
    grantees: list[str] = []
    while True:
        c.accept("group")
        grantees.append(c.label())
        if not c.accept(","):
            return tuple(grantees)


def maintenance(c: Cursor, word: str) -> Maintenance:
    """VACUUM and the like, after the first word."""
    first = c.i
    verb = MAINTENANCE[word]
    concurrently = False
    name = None
    if word in ("vacuum", "analyze", "analyse", "cluster"):
        if c.key == "(":
            c.skip_group()
        while c.accept_any(("full", "freeze", "verbose", "analyze", "analyse")):
            pass
        c.accept("only")
        name = c.qname() if c.key else None
        if c.key not in ("", "(", ",", "*", "as", "using", "with", "on"):
            c.fail()
    elif word == "reindex":
        options = c.i
        if c.key == "(":
            c.skip_group()
        asked = "concurrently" in c.keys[options : c.i]
        if not c.accept_any(("index", "table", "schema", "database", "system")):
            c.fail()
        concurrently = c.accept("concurrently") or asked
        name = c.qname() if c.key else None
        c.finish()
    elif word == "refresh":
        c.expect("materialized", "view")
        concurrently = c.accept("concurrently")
        name = c.qname()
    elif word == "reassign":
        c.expect("owned", "by")
    elif word == "security":
        c.expect("label")
    elif word == "import" and c.accept("foreign", "schema"):
        verb = "IMPORT FOREIGN SCHEMA"
    elif (word == "import" and c.accept("into")) or (word == "inspect" and c.accept("table")):
        name = c.qname()
    elif word in ("cancel", "pause", "resume") and c.key not in _OPERATED:
        c.fail()
    c.rest()
    return Maintenance(
        verb=verb,
        name=name,
        concurrently=concurrently,
        text=c.shout(first, c.size, mask=True),
        functions=c.functions(),
    )


_OPERATED = (
    "all",
    "job",
    "jobs",
    "query",
    "queries",
    "schedule",
    "schedules",
    "session",
    "sessions",
)
# The first words of these statements, and the verbs that they begin.
MAINTENANCE: dict[str, MaintenanceVerb] = {
    "analyse": "ANALYZE",
    "analyze": "ANALYZE",
    "backup": "BACKUP",
    "cancel": "CANCEL",
    "checkpoint": "CHECKPOINT",
    "cluster": "CLUSTER",
    "experimental": "EXPERIMENTAL",
    "export": "EXPORT",
    "import": "IMPORT",
    "inspect": "INSPECT",
    "pause": "PAUSE",
    "reassign": "REASSIGN OWNED",
    "refresh": "REFRESH MATERIALIZED VIEW",
    "reindex": "REINDEX",
    "restore": "RESTORE",
    "resume": "RESUME",
    "security": "SECURITY LABEL",
    "vacuum": "VACUUM",
}
