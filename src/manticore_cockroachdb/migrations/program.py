"""A Python migration: `<version>_<description>.py` with `migrate` and, to go back, `undo`.

    # @environments production
    import hashlib

    def migrate(connection):
        for user in connection.select("users", where={"digest": None}):
            digest = hashlib.sha256(user["name"].encode()).hexdigest()
            connection.update("users", {"digest": digest}, {"id": user["id"]})

    def undo(connection):
        connection.update("users", {"digest": None}, all_rows=True)

Text in, frozen values out, as in `migrations.file`: the text is compiled, which tells its errors
and its names, and never executed here (`interpreter.module` does, when it is due). What it does to
a database nobody knows before; so nothing of it is analysed, and each statement is looked at when
it is about to be sent (`runner.guard`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from types import CodeType

from ..errors import FileError
from ..parser.split import Directive
from ..suggest import nearest

UP, DOWN = "migrate", "undo"
KNOWN = ("environments", "requires", "allow")
_MEANT = re.compile(
    r"^(?:(?:async[ \t]+)?def[ \t]+(?:migrate|undo)\b|(?:migrate|undo)[ \t]*=|from\b.*\bmigrate\b)",
    re.MULTILINE,
)
_DIRECTIVE = re.compile(r"#[ \t]*@([A-Za-z][\w-]*)[ \t]*([^\n\r]*)")


def compiled(text: str, path: str, version: int | None = None) -> CodeType:
    """The code of a text. Raises FileError, with its place, for one that is no Python."""
    try:
        return compile(text, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        excerpt = None
        if error.text is not None and error.offset is not None:
            line = error.text.rstrip("\n")
            excerpt = f"{line}\n{' ' * (error.offset - 1)}^"
        raise FileError(
            f"This is no Python: {error.msg}.",
            path=path,
            line=error.lineno,
            column=error.offset,
            version=version,
            excerpt=excerpt,
        ) from error
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise FileError(f"This is no Python: {error}.", path=path, version=version) from error


def is_meant(text: str) -> bool:
    """Whether a program is meant as a migration: it names one of the two functions, or has another
    of one argument. What has neither merely lies beside migrations."""
    if _MEANT.search(text):
        return True
    try:
        code = compile(text, "", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        return False
    inner = (one for one in code.co_consts if isinstance(one, CodeType))
    return any(one.co_argcount == 1 and one.co_name.isidentifier() for one in inner)


def functions(code: CodeType, path: str, version: int | None = None) -> tuple[str, ...]:
    """Which of the two functions the code has a name for. Raises FileError without `migrate`."""
    found = tuple(name for name in (UP, DOWN) if name in code.co_names)
    if UP not in found:
        near = nearest(UP, code.co_names, likeness=0.5)
        raise FileError(
            f"The file defines no function {UP}(connection)."
            + (f" It has {near}." if near in ("up", "upgrade", "migration", "forward") else ""),
            path=path,
            version=version,
            hint="a Python migration is `def migrate(connection)` and, to go back, `def"
            " undo(connection)`; if it is none, give it a name that does not begin with a version",
        )
    return found


def directives(text: str) -> Iterator[Directive]:
    """The comment lines `# @name value` above the first line of code."""
    at = 0
    for line in text.splitlines(keepends=True):
        words = line.strip()
        if words and not words.startswith("#"):
            return
        start = at + len(line) - len(line.lstrip())
        if found := _DIRECTIVE.match(text, start):
            yield Directive(found[1].lower(), found[2].rstrip(), start, found.end())
        at += len(line)


@dataclass(frozen=True, slots=True)
class Sent:
    """A call of a method by a Python migration, as far as it is written out: its name, the first
    text in it, with `template_` for what is put in, the keywords that are True, whether it is in a
    loop, the function of the module that it is in, and at which character it stands."""

    method: str
    text: str
    switches: tuple[str, ...]
    in_loop: bool
    function: str
    start: int


def sent(text: str) -> list[Sent]:
    """The calls of methods with a text in a program, in order; for who only looks."""
    import ast  # which few runs need

    lines = text.splitlines(keepends=True)
    starts = [0, *accumulate(map(len, lines))]
    found: list[Sent] = []

    def offset(node: ast.expr) -> int:
        line = lines[node.lineno - 1].encode()[: node.col_offset].decode(errors="replace")
        return starts[node.lineno - 1] + len(line)

    def texts(node: ast.expr) -> Iterator[str]:
        for one in ast.walk(node):
            if isinstance(one, ast.JoinedStr):
                parts = (v.value if isinstance(v, ast.Constant) else STAND_IN for v in one.values)
                yield "".join(map(str, parts))
            elif isinstance(one, ast.Constant) and isinstance(one.value, str):
                yield one.value

    def walk(node: ast.AST, in_loop: bool, function: str) -> None:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            first = next(texts(node.args[0]), None)
            if first is not None:
                switches = tuple(
                    k.arg
                    for k in node.keywords
                    if k.arg and isinstance(k.value, ast.Constant) and k.value.value is True
                )
                start = offset(node)
                found.append(Sent(node.func.attr, first, switches, in_loop, function, start))
        loops = isinstance(
            node,
            ast.For | ast.AsyncFor | ast.While | ast.ListComp | ast.SetComp | ast.GeneratorExp,
        )
        if not function and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function = node.name
        for child in ast.iter_child_nodes(node):
            # What is looped over is asked for once.
            once = isinstance(node, ast.For | ast.AsyncFor) and child is node.iter
            walk(child, in_loop or (loops and not once), function)

    walk(ast.parse(text), False, "")
    return found


STAND_IN = "template_"
