"""Write each synchronous module from its asynchronous twin.

    python tools/unasync.py            write what is stale
    python tools/unasync.py --check    change nothing; exit 1 when something is stale

Every ``async_NAME.py`` under ``src`` becomes ``NAME.py`` beside it. The rewriter works on tokens,
so layout and comments survive, and it knows one table of rules and nothing else:

* in code, ``async`` and ``await`` go, ``Awaitable[X]`` becomes ``X``, names follow `NAMES`;
* in strings and comments, the phrases of `PROSE` go and names follow `NAMES`, so that docstrings,
  ``__all__`` and error texts speak of the class they stand in;
* ``ruff`` then sorts imports, drops those that only the asynchronous half used, and formats.

Whatever differs more deeply between the colours lives behind one name in
``manticore_cockroachdb._acompat`` and never here. Each rule has to match somewhere: one that no
longer does is an error, so the table cannot gather dust.
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"

HEADER = "# Generated from {source} by tools/unasync.py; do not edit.\n"

# A name in code is replaced by the first rule that matches the whole of it.
NAMES = {
    r"AsyncMigrator": "Migration",
    r"(Abstract)?Async([A-Z]\w*)": r"\1\2",
    r"async_([a-z]\w*)": r"\1",
    r"asynccontextmanager": "contextmanager",
    r"a(clos(?:e|ing))": r"\1",
    r"anext": "next",
    r"StopAsyncIteration": "StopIteration",
    r"__a(enter|exit|iter|next)__": r"__\1__",
}
# Phrases of code quoted in docstrings, comments and messages.
PROSE = {
    r"\basync (?=with\b|for\b|def\b|callback\b)": "",
}
# Code that is more than one name.
SYNTAX = ("async", "await", "Awaitable")

Span = tuple[int, int]
STRINGS = {tokenize.STRING, tokenize.COMMENT}
STRINGS |= {getattr(tokenize, name) for name in ("FSTRING_MIDDLE",) if hasattr(tokenize, name)}


class Rewriter:
    """Rewrites source text and remembers in ``used`` which rules matched."""

    def __init__(self) -> None:
        self.used: set[str] = set()

    def rewrite(self, text: str) -> str:
        """Return the synchronous source, not yet formatted."""
        starts = [0]
        for line in io.StringIO(text):
            starts.append(starts[-1] + len(line))
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
        done = 0
        parts: list[str] = []
        for token, new, end in self._edits(tokens):
            begin = starts[token.start[0] - 1] + token.start[1]
            parts += (text[done:begin], new)
            done = starts[end[0] - 1] + end[1]
        return "".join(parts) + text[done:]

    def _edits(
        self, tokens: list[tokenize.TokenInfo]
    ) -> Iterator[tuple[tokenize.TokenInfo, str, Span]]:
        """Yield (first token, replacement, end of what is replaced), in order."""
        closing: list[int] = []
        for i, token in enumerate(tokens):
            if token.type in STRINGS:
                yield token, self._prose(token.string), token.end
            elif token.type == tokenize.NAME and token.string in ("async", "await"):
                self.used.add(token.string)
                yield token, "", tokens[i + 1].start
            elif token.string == "Awaitable" and tokens[i + 1].string == "[":
                self.used.add(token.string)
                closing.append(_matching(tokens, i + 1))
                yield token, "", tokens[i + 1].end
            elif i in closing:
                yield token, "", token.end
            elif token.type == tokenize.NAME:
                yield token, self._name(token.string), token.end

    def _name(self, name: str) -> str:
        for pattern, new in NAMES.items():
            if match := re.fullmatch(pattern, name):
                self.used.add(pattern)
                return match.expand(new)
        return name

    def _prose(self, text: str) -> str:
        for pattern, new in PROSE.items():
            text, count = re.subn(pattern, new, text)
            if count:
                self.used.add(pattern)
        text = re.sub(r"(?<={)await ", "", text)  # before Python 3.12 an f-string is one token
        return re.sub(r"[A-Za-z_]\w*", lambda word: self._name(word[0]), text)


def _matching(tokens: list[tokenize.TokenInfo], opening: int) -> int:
    """Return the index of the bracket that closes the one at ``opening``."""
    depth = 0
    for i in range(opening, len(tokens)):
        depth += {"[": 1, "]": -1}.get(tokens[i].string, 0)
        if depth == 0:
            return i
    raise SyntaxError("unbalanced bracket after Awaitable")


def unused_rules(used: Iterable[str]) -> list[str]:
    """Return the rules that matched nothing, in the table's order."""
    return [rule for rule in (*NAMES, *PROSE, *SYNTAX) if rule not in set(used)]


def tidy(text: str, path: Path) -> str:
    """Return the text with imports sorted and pruned, formatted as the project is."""
    for command in (
        ["check", "--quiet", "--exit-zero", "--fix-only", "--select", "F401,I001"],
        ["format", "--quiet"],
    ):
        text = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(path), "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return text


def convert(rewriter: Rewriter, source: Path) -> str:
    """Return the whole text of the module that ``source`` generates."""
    text = rewriter.rewrite(source.read_text(encoding="utf-8"))
    return tidy(HEADER.format(source=source.name) + text, target_of(source))


def target_of(source: Path) -> Path:
    """Return where the module generated from ``source`` goes."""
    return source.with_name(source.name.removeprefix("async_"))


def main(argv: list[str] | None = None) -> int:
    """Write or check every generated module; return the exit code."""
    parser = argparse.ArgumentParser(description="Write the synchronous modules.")
    parser.add_argument("--check", action="store_true", help="only report what is stale")
    only_check = parser.parse_args(argv).check
    rewriter, stale = Rewriter(), False
    for source in sorted(SOURCE.rglob("async_*.py")):
        target = target_of(source)
        text = convert(rewriter, source)
        if target.exists() and target.read_text(encoding="utf-8") == text:
            continue
        stale = True
        print(f"{'stale' if only_check else 'wrote'}: {target.relative_to(ROOT)}")
        if not only_check:
            target.write_text(text, encoding="utf-8", newline="\n")
    unused = unused_rules(rewriter.used)
    for rule in unused:
        print(f"error: the rule {rule!r} matches nothing any more; remove it", file=sys.stderr)
    return 1 if unused or (only_check and stale) else 0


if __name__ == "__main__":
    raise SystemExit(main())
