"""Guard: each statement of a Python migration, read before it is sent, and refused where no
transaction covers it.

What SQL files are told when they are planned, Python is told when it asks: nobody knows its
statements before. The rule is the planner's own (`analysis.transactions`, `migrations.grouping`),
over all that the migration has sent so far.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from psycopg import sql

from ..analysis.transactions import Alone, Unusable, judge
from ..dialect import Capabilities
from ..errors import Refused
from ..migrations.grouping import Covered
from ..parser import nodes as n
from ..parser.lex import Unterminated
from ..parser.parse import parse
from ..parser.split import split

_PARAMETER = re.compile(r"%(?:%|\(\w+\)[sbt]|[sbt])")
_IN_SQL = "put it into a SQL migration, which runs it as a step of its own"
_SHOWN = 80


class Guard:
    """Looks at what one migration sends.

    ``refused`` is the first that was: even if the migration catches that error, it has failed.
    ``nested`` counts the savepoints that are open.
    """

    def __init__(self, caps: Capabilities) -> None:
        self.caps = caps
        self.refused: Refused | None = None
        self.nested = 0
        self._covered = Covered(caps)

    def look(self, query: object, parameters: object, connection: Any, *, copy: bool) -> None:
        """Raise Refused for a query with a statement that a transaction does not cover."""
        text = _text_of(query, connection)
        if parameters is not None:
            text = _PARAMETER.sub(lambda found: "%" if found[0] == "%%" else "$1", text)
        try:
            spans = list(split(text))
        except Unterminated:
            return  # the server says what is wrong
        for start, end in spans:
            self._one(text[start:end], copy=copy)

    def _one(self, text: str, *, copy: bool) -> None:
        node = parse(text)
        if copy and isinstance(node, n.Dml):  # here something is there to send the rows
            self._covered.wrote = True
            return
        verdict = judge(node, self.caps)
        if isinstance(verdict, Unusable):
            if isinstance(node, n.TransactionControl):
                self._refuse(text, f"{node.verb} belongs to the migration's run", _OURS)
            self._refuse(text, verdict.reason, verdict.hint)
        if isinstance(verdict, Alone) and not self._covered.makes_safe(node):
            self._refuse(text, f"no transaction covers it: {verdict.reason}", _IN_SQL)
        if self.nested and not self.caps.transactional_ddl and not isinstance(node, _DATA):
            self._refuse(
                text,
                "a savepoint around schema changes is not safe on CockroachDB",
                "put it outside of the nested transaction",
            )
        if not self._covered.take(node, text, 0, len(text)):
            self._refuse(text, "CockroachDB needs a COMMIT before it", _IN_SQL)

    def _refuse(self, text: str, reason: str, hint: str) -> NoReturn:
        shown = " ".join(text.split())
        shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"
        error = Refused(f"{shown} was not sent: {reason}.", hint=hint)
        self.refused = self.refused or error
        raise error


_OURS = "return, and all is committed with the history row; raise an error, and all is rolled back"
_DATA = (n.Dml, n.Query, n.Call, n.SetVar)


def _text_of(query: object, connection: Any) -> str:
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    if isinstance(query, sql.Composable):
        return query.as_string(connection)
    if isinstance(query, str):
        return query
    pieces = getattr(query, "strings", ())  # of a template of Python 3.14
    return "$1".join(pieces) if all(isinstance(piece, str) for piece in pieces) else ""
