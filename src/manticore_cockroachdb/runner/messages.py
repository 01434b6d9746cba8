"""How a script becomes messages, and how a server's complaint leads back to a place in the file.

A transaction travels as one message: BEGIN, the statements, the fence, the history row, COMMIT.
A script longer than `LIMIT` characters travels in several, cut between statements, so that
memory stays bounded whatever the file's size; the transaction is still one. Short ones may travel
together: where one fails, the server leaves out what comes after it in the message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

LIMIT = 1_000_000
_NEXT = ";\n"
_DETAIL = re.compile(r"source SQL:\n(?P<text>.*)\n(?P<caret> *)\^\s*\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Message:
    """Part of a transaction, ready to send.

    Statements `first` to `last` (exclusive) of the script stand in it, from character `offset`
    of `sql` on, behind `before` statements of ours.
    """

    sql: str
    before: int
    first: int
    last: int
    offset: int

    @property
    def statements(self) -> int:
        """How many of the script's statements are in it."""
        return self.last - self.first


def messages(
    text: str,
    spans: Sequence[tuple[int, int]],
    first: int,
    last: int,
    *,
    begin: str,
    after: Sequence[str],
    limit: int = LIMIT,
) -> Iterator[Message]:
    """The messages of one transaction over statements `first` to `last` of `text`."""
    head = begin + _NEXT
    end = _NEXT.join(after)
    start = first
    while True:
        stop = start
        while stop < last and (stop == start or spans[stop][1] - spans[start][0] <= limit):
            stop += 1
        body = text[spans[start][0] : spans[stop - 1][1]] if stop > start else ""
        sql = head + body + _NEXT if body else head
        if stop == last:
            sql += end
        yield Message(sql, 1 if head else 0, start, stop, len(head))
        if stop == last:
            return
        start, head = stop, ""


def together(
    transactions: Iterable[tuple[str, Sequence[tuple[int, int]], Sequence[str]]], *, begin: str
) -> tuple[str, list[Message]]:
    """One message for several transactions, and where in it each one's statements are.

    A transaction is a script's text, the spans of its statements, and what comes after them.
    """
    parts: list[str] = []
    places: list[Message] = []
    length = 0
    for text, spans, after in transactions:
        places.append(Message("", 1, 0, len(spans), length + len(begin) + len(_NEXT)))
        body = text[spans[0][0] : spans[-1][1]]
        parts.append(_NEXT.join((begin, body, *after)))
        length += len(parts[-1]) + len(_NEXT)
    return _NEXT.join(parts), places


def place(
    text: str,
    spans: Sequence[tuple[int, int]],
    message: Message,
    *,
    done: int,
    position: int | None,
    detail: str | None,
) -> int | None:
    """The character of `text` that an error is about; None when it is about our own statements.

    `done` statements of the message succeeded; `position` is the server's, from 1, into the
    message; `detail` is the error's DETAIL, in which CockroachDB quotes a syntax error.
    """
    if message.first == message.last:
        return None
    start, end = spans[message.first][0], spans[message.last - 1][1]
    if position is not None and position > 0:
        offset = start + position - 1 - message.offset
        return offset if start <= offset <= end else None
    if detail is not None and (found := _DETAIL.search(detail)):
        source, caret = found["text"], len(found["caret"])
        line = source.rfind("\n") + 1
        quoted = text.find(source, start, end)
        if quoted >= 0:
            return min(quoted + line + caret, end)
    index = done - message.before
    if 0 <= index < message.statements:
        return spans[message.first + index][0]
    return None
