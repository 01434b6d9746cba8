"""The PostgreSQL protocol, version 3, as messages: framing and names, no I/O.

Every message is one byte of type, four bytes of length (which counts itself) and a body. The
exception is whatever a client sends before its StartupMessage is through: a length and a body
without a type. `Framer` turns the bytes of one direction into `Message` values, in whatever
pieces they arrive, and remembers only which of the two forms comes next. A message keeps its
bytes as they came, so that forwarding it changes nothing.

The readers below (`query_text`, `fields`, …) take a message's body apart and the builders
(`error`, `ready`, …) put one together: as much of the protocol as the proxy and the imitation
say themselves, and no more. Text is UTF-8; bytes that are not survive a reading as surrogates.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType


class Sender(enum.StrEnum):
    """Who said it."""

    CLIENT = "client"
    SERVER = "server"


FRONTEND: Mapping[str, str] = MappingProxyType(
    {
        "B": "Bind",
        "C": "Close",
        "D": "Describe",
        "E": "Execute",
        "F": "FunctionCall",
        "H": "Flush",
        "P": "Parse",
        "Q": "Query",
        "S": "Sync",
        "X": "Terminate",
        "c": "CopyDone",
        "d": "CopyData",
        "f": "CopyFail",
        "p": "Password",
    }
)
"""What a client says; ``p`` is also every step of SASL and GSSAPI."""

BACKEND: Mapping[str, str] = MappingProxyType(
    {
        "1": "ParseComplete",
        "2": "BindComplete",
        "3": "CloseComplete",
        "A": "NotificationResponse",
        "C": "CommandComplete",
        "D": "DataRow",
        "E": "ErrorResponse",
        "G": "CopyInResponse",
        "H": "CopyOutResponse",
        "I": "EmptyQueryResponse",
        "K": "BackendKeyData",
        "N": "NoticeResponse",
        "R": "Authentication",
        "S": "ParameterStatus",
        "T": "RowDescription",
        "V": "FunctionCallResponse",
        "W": "CopyBothResponse",
        "Z": "ReadyForQuery",
        "c": "CopyDone",
        "d": "CopyData",
        "n": "NoData",
        "s": "PortalSuspended",
        "t": "ParameterDescription",
        "v": "NegotiateProtocolVersion",
    }
)
"""What a server says."""

UNTYPED: Mapping[int, str] = MappingProxyType(
    {
        80877102: "CancelRequest",
        80877103: "SSLRequest",
        80877104: "GSSENCRequest",
    }
)
"""A client's first words, by the number after the length; any other is a StartupMessage."""

ENCRYPTION_REFUSED = "EncryptionRefused"
"""Our name for the bare ``N`` that answers SSLRequest and GSSENCRequest."""

_LONGEST = 1 << 30


class ProtocolError(Exception):
    """Bytes that cannot be a message of this protocol."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its type byte ("" for those that have none) and all of its bytes."""

    code: str
    raw: bytes

    @property
    def body(self) -> bytes:
        """What follows the length."""
        return self.raw[5:] if self.code else self.raw[4:]


REFUSAL = Message("", b"N")
"""The answer to SSLRequest and GSSENCRequest: carry on in the clear."""


def name(sender: Sender, message: Message) -> str:
    """The protocol's name for a message, or its type byte where there is none."""
    if message.code:
        table = FRONTEND if sender is Sender.CLIENT else BACKEND
        return table.get(message.code, message.code)
    if sender is Sender.SERVER:
        return ENCRYPTION_REFUSED
    return UNTYPED.get(_number(message.raw), "StartupMessage")


class Framer:
    """Cuts the bytes of one direction into messages."""

    __slots__ = ("_buffer", "_untyped")

    def __init__(self, sender: Sender) -> None:
        self._buffer = bytearray()
        self._untyped = sender is Sender.CLIENT

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete once ``data`` has arrived, in order.

        Raises ProtocolError where a length cannot be one.
        """
        buffer = self._buffer
        buffer += data
        messages: list[Message] = []
        at = 0
        while True:
            head = 0 if self._untyped else 1
            if len(buffer) - at < head + 4:
                break
            length = int.from_bytes(buffer[at + head : at + head + 4], "big")
            if not 4 <= length <= _LONGEST:
                raise ProtocolError(f"a message of {length} bytes")
            end = at + head + length
            if len(buffer) < end:
                break
            raw = bytes(buffer[at:end])
            messages.append(Message("" if self._untyped else chr(raw[0]), raw))
            if self._untyped and name(Sender.CLIENT, messages[-1]) == "StartupMessage":
                self._untyped = False
            at = end
        del buffer[:at]
        return messages


def text(data: bytes) -> str:
    """Bytes of the protocol as text."""
    return data.decode("utf-8", "surrogateescape")


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def _number(raw: bytes) -> int:
    return int.from_bytes(raw[4:8], "big")


def _until_zero(body: bytes, start: int = 0) -> str:
    end = body.find(b"\0", start)
    return text(body[start:] if end < 0 else body[start:end])


# --- reading ---------------------------------------------------------------------------------


def query_text(message: Message) -> str:
    """The SQL of a Query or Parse message."""
    body = message.body
    return _until_zero(body) if message.code == "Q" else _until_zero(body, body.find(b"\0") + 1)


def command_tag(message: Message) -> str:
    """The tag of a CommandComplete, for instance ``INSERT 0 1``."""
    return _until_zero(message.body)


def fields(message: Message) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse: C is the SQLSTATE, M the message."""
    parts = message.body.split(b"\0")
    return {chr(part[0]): text(part[1:]) for part in parts if part}


def tx_status(message: Message) -> str:
    """What a ReadyForQuery says: I outside, T inside, E inside a failed transaction."""
    return chr(message.raw[5])


def parameter(message: Message) -> tuple[str, str]:
    """Name and value of a ParameterStatus."""
    key, value = message.body.split(b"\0")[:2]
    return text(key), text(value)


def startup_parameters(message: Message) -> dict[str, str]:
    """The parameters of a StartupMessage: user, database, application_name, …"""
    parts = [text(part) for part in message.raw[8:].split(b"\0")]
    return {key: value for key, value in zip(parts[::2], parts[1::2], strict=False) if key}


def row_values(message: Message) -> list[str | None]:
    """The values of a DataRow in text format."""
    body = message.body
    at = 2
    values: list[str | None] = []
    for _ in range(int.from_bytes(body[:2], "big")):
        size = int.from_bytes(body[at : at + 4], "big", signed=True)
        at += 4
        values.append(None if size < 0 else text(body[at : at + size]))
        at += max(size, 0)
    return values


# --- building --------------------------------------------------------------------------------


def build(code: str, body: bytes = b"") -> Message:
    """A message from its type byte and body."""
    return Message(code, code.encode("ascii") + struct.pack("!I", len(body) + 4) + body)


def query(sql: str) -> Message:
    """A client's simple Query."""
    return build("Q", _bytes(sql) + b"\0")


def startup(parameters: Mapping[str, str]) -> Message:
    """A client's StartupMessage, protocol 3.0."""
    pairs = b"".join(
        _bytes(key) + b"\0" + _bytes(value) + b"\0" for key, value in parameters.items()
    )
    return Message("", struct.pack("!II", len(pairs) + 9, 3 << 16) + pairs + b"\0")


SYNC = build("S")
TERMINATE = build("X")


def error(
    sqlstate: str,
    message: str,
    *,
    severity: str = "ERROR",
    detail: str | None = None,
    hint: str | None = None,
) -> Message:
    """A server's ErrorResponse."""
    return build("E", _fields(severity, sqlstate, message, detail, hint))


def notice(
    sqlstate: str,
    message: str,
    *,
    severity: str = "NOTICE",
    detail: str | None = None,
    hint: str | None = None,
) -> Message:
    """A server's NoticeResponse."""
    return build("N", _fields(severity, sqlstate, message, detail, hint))


def _fields(
    severity: str, sqlstate: str, message: str, detail: str | None, hint: str | None
) -> bytes:
    pairs = (
        ("S", severity),
        ("V", severity),
        ("C", sqlstate),
        ("M", message),
        ("D", detail),
        ("H", hint),
    )
    body = b"".join(_bytes(key + value) + b"\0" for key, value in pairs if value is not None)
    return body + b"\0"


def ready(status: str) -> Message:
    """A server's ReadyForQuery."""
    return build("Z", status.encode("ascii"))


def command_complete(tag: str) -> Message:
    """A server's CommandComplete."""
    return build("C", _bytes(tag) + b"\0")


def parameter_status(key: str, value: str) -> Message:
    """A server's ParameterStatus."""
    return build("S", _bytes(key) + b"\0" + _bytes(value) + b"\0")


TYPES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "bool": (16, 1),
        "int8": (20, 8),
        "text": (25, -1),
        "float8": (701, 8),
        "timestamptz": (1184, 8),
    }
)
"""Type name to OID and size, for `row_description`."""


def row_description(columns: Sequence[tuple[str, str]]) -> Message:
    """A server's RowDescription: (column, type name of `TYPES`) pairs, text format."""
    body = struct.pack("!H", len(columns))
    for column, kind in columns:
        oid, size = TYPES[kind]
        body += _bytes(column) + b"\0" + struct.pack("!IHIhih", 0, 0, oid, size, -1, 0)
    return build("T", body)


def data_row(values: Sequence[str | None]) -> Message:
    """A server's DataRow, text format."""
    body = struct.pack("!H", len(values))
    for value in values:
        data = None if value is None else _bytes(value)
        body += struct.pack("!i", -1) if data is None else struct.pack("!i", len(data)) + data
    return build("D", body)
