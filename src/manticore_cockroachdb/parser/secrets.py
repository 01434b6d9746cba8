"""Passwords in SQL: what is kept of a statement must not hold one."""

from __future__ import annotations

import re

_QUOTED = r"""E?'(?:[^'\\]|''|\\.)*'|\$\w*\$.*?\$\w*\$"""
_PASSWORD = re.compile(
    rf"(?i)(\bPASSWORD\s+=?\s*|\bIDENTIFIED\s+BY\s+)(?:{_QUOTED})|(\bpassword=)[^\s'\";]+",
    re.DOTALL,
)


def without_secrets(sql: str) -> str:
    """`sql` with every password in it replaced by `***`."""
    return _PASSWORD.sub(lambda m: f"{m[1]}'***'" if m[1] else f"{m[2]}***", sql)
