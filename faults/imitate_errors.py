"""Errors as CockroachDB words them.

It gives no position in the message (psycopg's ``diag.statement_position`` is None). For a syntax
error, and only there, the DETAIL quotes the statement up to the line in question with a caret
below. The wording is that of its parser: ``at or near "x": syntax error``.
"""

from __future__ import annotations

import re

from faults import wire
from faults.wire import Message
from manticore_cockroachdb.parser.split import Unterminated, split

_NEAR = re.compile(r'syntax error at or near (".*")', re.DOTALL)


def position(error: Message) -> int | None:
    """Where the server says the error is, as an offset into the message."""
    found = wire.fields(error).get("P")
    return None if found is None else int(found) - 1


def worded(error: Message, sql: str, offset: int | None, *, without: str = "") -> Message:
    """A server's error about the character at ``offset`` of ``sql``, as CockroachDB has it.

    ``without`` is a text of ours that must not be quoted.
    """
    fields = wire.fields(error)
    message, detail = fields.get("M", ""), fields.get("D")
    if fields.get("C") == "42601" and offset is not None:
        found = _NEAR.search(message)
        near = found[1] if found else '"EOF"'
        message, detail = f"at or near {near}: syntax error", _quoted(sql, offset)
    return wire.error(
        fields.get("C", "XX000"),
        message,
        severity=fields.get("S", "ERROR"),
        detail=detail.replace(without, "", 1) if detail and without else detail,
        hint=fields.get("H"),
    )


def _quoted(sql: str, offset: int) -> str:
    start, end = 0, len(sql)
    try:
        for start, end in split(sql):  # noqa: B007 - the last one is kept where none contains it
            if offset <= end:
                break
    except Unterminated:
        pass
    line = sql.rfind("\n", start, offset) + 1 or start
    stop = sql.find("\n", offset, end)
    source = sql[start : end if stop < 0 else stop]
    return f"source SQL:\n{source}\n{' ' * (offset - max(line, start))}^"


def schema_change_failed(error: Message) -> Message:
    """XXA00: the transaction was committed, and a schema change of it failed. (§1.3)"""
    fields = wire.fields(error)
    return wire.error(
        "XXA00",
        "transaction committed but schema change aborted with error:"
        f" ({fields.get('C')}): {fields.get('M')}",
        hint="Some of the non-DDL statements may have committed successfully, but some of the DDL"
        " statement(s) failed.\nManual inspection may be required to determine the actual state of"
        " the database.",
    )
