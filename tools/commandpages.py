"""A page for each command: its section of docs/cli.md, completed with what the program knows.

docs/cli.md is where a command is described, and the only place. For the site its section becomes a
page, to which this adds every option as ``--help`` has it, what each exit code means there, and the
example of docs/examples; the section's place is taken by a link. `tools.docsite` calls it.
"""

from __future__ import annotations

import inspect
import posixpath
import re
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import click

from manticore_cockroachdb.cli.app import root
from manticore_cockroachdb.cli.index import EXIT_CODES, Exit, names

EXAMPLES = Path(__file__).resolve().parent.parent / "docs" / "examples"
PAGE = "cli.md"
FOLDER = "commands"

# Every program ends so.
EVERYWHERE = (Exit.OK, Exit.ERROR, Exit.USAGE)
SIGNALS = (Exit.HUNG_UP, Exit.INTERRUPTED, Exit.BROKEN_PIPE, Exit.TERMINATED)
# What comes out of an error that the runner raises, and stands in no command's own file.
RAISED = {"migrate": (Exit.PENDING,), "status": (Exit.PENDING,)}

LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
_FENCE = re.compile(r"^(```+|~~~+).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)


def split(pages: dict[str, str]) -> dict[str, str]:
    """Return the pages with a page for each command, and every link led to it."""
    before, begin, rest = pages[PAGE].partition("\n## Commands\n")
    chapter, end, after = rest.partition("\n## ")
    first, *sections = re.split(r"^### (.+)\n", chapter, flags=re.MULTILINE)
    if not begin or not sections:
        raise SystemExit(f"docs/{PAGE} has no chapter `## Commands` with a section a command")
    texts = dict(zip(sections[::2], sections[1::2], strict=True))
    # A section that is about no single command stays where it is.
    rest = "".join(f"### {title}\n{text}" for title, text in texts.items() if title not in names())
    made = {**pages, PAGE: before + begin + first + rest + end + after}
    for name in names():
        if name not in texts:
            raise SystemExit(f"docs/{PAGE} has no section `### {name}`")
        made[f"{FOLDER}/{name}.md"] = page(name, texts[name])
    return {path: _led(path, text) for path, text in made.items()}


def _led(path: str, text: str) -> str:
    """Lead links to a section of the one page to that command's page."""
    folder = posixpath.dirname(path)
    section = folder == FOLDER  # its text was written for the folder above

    def better(match: re.Match[str]) -> str:
        link = match[1]
        if "://" in link:
            return link
        name, mark, anchor = link.partition("#")
        if section:
            wanted = posixpath.normpath(name) if name else PAGE
        else:
            wanted = posixpath.normpath(posixpath.join(folder, name)) if name else path
        if wanted == PAGE and anchor in names():
            wanted, mark, anchor = f"{FOLDER}/{anchor}.md", "", ""
        return posixpath.relpath(wanted, folder or ".") + mark + anchor

    return outside_code(text, lambda part: LINK.sub(better, part))


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Change what stands outside of code blocks."""
    parts, at = [], 0
    for fence in _FENCE.finditer(text):
        parts += [change(text[at : fence.start()]), fence[0]]
        at = fence.end()
    return "".join([*parts, change(text[at:])])


def page(name: str, text: str) -> str:
    """Return a command's page: what its section says, its options, its exit codes."""
    command = root.get_command(click.Context(root), name)
    assert command is not None
    parts = [f"# manticore {name}", f"{names()[name]}.", text.strip("\n")]
    example = EXAMPLES / f"{name}.txt"
    if example.exists():
        parts += ["## Example", f"```console\n{example.read_text(encoding='utf-8')}```"]
    for path, one in with_a_verb(name, command):
        title = "Options" if one is command else f"`manticore {' '.join(path)}`"
        parts.append(f"## {title}")
        if one is not command:
            parts.append(inspect.cleandoc(one.help or "").partition("\n\n")[0])
        parts.append(_options(one))
    parts += ["## Exit codes", _exit_codes(name, command)]
    return "\n\n".join(parts) + "\n"


def with_a_verb(name: str, command: click.Command) -> Iterator[tuple[list[str], click.Command]]:
    """Yield a command, or those of a family, with their full names."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            one = command.get_command(context, inner)
            assert one is not None
            for path, leaf in with_a_verb(inner, one):
                yield [name, *path], leaf
    else:
        yield [name], command


def _options(command: click.Command) -> str:
    rows = []
    with click.Context(command) as context:
        for parameter in command.params:
            if isinstance(parameter, click.Argument):
                continue
            record = parameter.get_help_record(context)
            if record is not None:  # hidden
                rows.append(f"| {_words(record[0])} | {_prose(record[1])} |")
    if not rows:
        return "None but `--help`."
    table = "\n".join(["| option | meaning |", "|---|---|", *rows])
    return f'<div class="options" markdown>\n\n{table}\n\n</div>'


def _words(names: str) -> str:
    # Word by word, so that a narrow screen breaks between and not inside them.
    words = (f"`{word.rstrip(',')}`{',' if word.endswith(',') else ''}" for word in names.split())
    return " ".join(words)


def _prose(text: str) -> str:
    # What looks like code in a help line is code; in Markdown a bare `<` or `*` would be markup.
    return re.sub(r"([*_<])", r"\\\1", " ".join(text.split()).replace("|", "\\|"))


def _exit_codes(name: str, command: click.Command) -> str:
    rows = [f"| {code} | {EXIT_CODES[code]} |" for code in sorted(codes(name, command))]
    table = "\n".join(["| code | meaning |", "|---|---|", *rows])
    stopped = ", ".join(str(code) for code in SIGNALS)
    return (
        f"{table}\n\nAnd {stopped} when it is stopped, see [the command line](cli.md#exit-codes)."
    )


def codes(name: str, command: click.Command) -> set[int]:
    """Return the exit codes that a command can end with, signals left out."""
    module = import_module(f"manticore_cockroachdb.cli.commands.{name.replace('-', '_')}")
    source = inspect.getsource(sys.modules[module.__name__])
    found = {getattr(Exit, one) for one in re.findall(r"\bExit\.([A-Z]+)\b", source)}
    found |= {*EVERYWHERE, *RAISED.get(name, ())}
    options = {
        option
        for _, one in with_a_verb(name, command)
        for parameter in one.params
        for option in parameter.opts
    }
    if "--lease-ttl" in options:
        found |= {Exit.LEASE, Exit.PERSON}
    return found
