"""manticore lint"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..call import Call
from ..index import Exit
from ..options import CONFIG, DIR, OUTPUT, URL, complete_versions
from ..result import Result
from ..terminal.layout import Layout
from ..terminal.stream import Style
from ..terminal.text import count, pointed, safe, wrapped
from ..verb import verb

if TYPE_CHECKING:
    from ...dialect import Server
    from ...lint import Finding, Level, LintConfig, ServerFacts, Source
    from ...lint.config import Known


_COLOURS: Mapping[Level, str] = {"error": "red", "warning": "yellow", "info": "cyan"}


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from ..complete import rules

    return rules(context, parameter, incomplete)


@verb(*(URL, DIR, CONFIG, OUTPUT))
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path())
@click.option(
    "--target",
    metavar="SERVER",
    help="What the files are meant for, such as cockroachdb:25.4 or postgresql:17."
    "  [default: that of --url, else the newest of what a configured URL names, else CockroachDB]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    help="How to print the findings.",
)
@click.option(
    "--level",
    type=click.Choice(["error", "warning", "info"]),
    help="Report nothing below.  [default: warning; JSON and SARIF also hold info]",
)
@click.option(
    "--select",
    metavar="RULE,...",
    multiple=True,
    shell_complete=_complete,
    help="Look for nothing else.",
)
@click.option(
    "--ignore",
    metavar="RULE,...",
    multiple=True,
    shell_complete=_complete,
    help="Do not look for these.",
)
@click.option(
    "--since",
    metavar="VERSION",
    shell_complete=complete_versions,
    help="Leave out migrations older than this one.",
)
@click.option("--changed", is_flag=True, help="Report on files that differ from --base, by git.")
@click.option(
    "--base",
    metavar="REVISION",
    help="With what --changed compares: where this branch left it.  [default: origin/HEAD, main]",
)
@click.option(
    "--baseline",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Report only what FILE does not know; a FILE that is not there is written.",
)
@click.option("--every", is_flag=True, help="Report each occurrence of what is a habit.")
@click.option("--coverage", is_flag=True, help="Report what cannot be read, of any SQL files.")
@click.option("--fix", is_flag=True, help="Mend what can be mended without asking.")
@click.option(
    "--explain", metavar="RULE", shell_complete=_complete, help="Print the page of one rule."
)
@click.option("--rules", is_flag=True, help="List the rules.")
def command(
    call: Call,
    paths: tuple[str, ...],
    target: str | None,
    form: str,
    level: str | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    since: str | None,
    changed: bool,
    base: str | None,
    baseline: str | None,
    every: bool,
    coverage: bool,
    fix: bool,
    explain: str | None,
    rules: bool,
) -> Result:
    """Find what is dangerous in migrations before they run.

    PATH is a file, a directory or - for stdin; without one it is the directory of migrations.
    Nothing is connected to, unless --url is given: then its version is the target, the size of
    its tables counts, and migrations that are applied there are left out.

    What a directory does again and again is said once. --baseline, --since and --changed leave
    out what is not new.

    Exits with 5 when there is a finding at the level or above.
    """
    if coverage:
        return _coverage(call, paths)
    if explain is not None:
        return _explained(explain)
    if rules:
        return _listed(call)
    from ...lint.config import DEFAULT_LEVEL
    from ...lint.model import at_least

    config = _config(call, target, level, select, ignore, since)
    # What is mended is mended each by itself.
    config = replace(config, every=every or fix)
    server, facts = _server(call, config)
    files = _sources(call, paths)
    call.check_environments(_environments(files))
    if not files:
        call.console.warn(f"There is no .sql file in {', '.join(paths) or call.settings.dir}.")
    if changed or base is not None:
        files = _only_changed(files, base)
    if (file := _baseline_of(call, baseline)) is not None:
        if not file.exists():
            return _written(file, _lint(files, server, replace(config, every=True), facts))
        config = replace(config, known=_known(file, files))
    found = _lint(files, server, config, facts)
    if fix:
        files, found = _mended(call, files, found, lambda new: _lint(new, server, config, facts))
    threshold = config.level or DEFAULT_LEVEL
    grave = [one for one in found if at_least(one.level, threshold)]
    code = Exit.FINDINGS if grave else Exit.OK
    return _told(call, form, found, grave, config, server, files, code)


def _config(
    call: Call,
    target: str | None,
    level: str | None,
    select: Iterable[str],
    ignore: Iterable[str],
    since: str | None,
) -> LintConfig:
    """The configuration, with the options before it."""
    from ...dialect import parse_target
    from ...lint import parse_config
    from ...lint.config import parse_level, parse_since

    table = call.settings.tables.get("lint", {})
    assert isinstance(table, Mapping)  # `configfile` has seen to it
    config = parse_config(table)
    if target is not None:
        parse_target(target)
        config = replace(config, target=target)
    elif call.given.url is not None:
        config = replace(config, target=None)
    if level is not None:
        config = replace(config, level=parse_level(level))
    if chosen := _names(select):
        config = replace(config, select=chosen)
    if since is not None:
        config = replace(config, since=parse_since(since, "--since"))
    return replace(config, ignore=config.ignore | _names(ignore))


def _only_changed(files: Sequence[Source], base: str | None) -> list[Source]:
    """The files, all but what has changed for what they create only."""
    from ..lint_changed import changed, real

    new = changed(base)
    return [one if real(one.path) in new else replace(one, context=True) for one in files]


def _baseline_of(call: Call, given: str | None) -> Path | None:
    """The file of what is known: that of the option, else that of the configuration."""
    if given is not None:
        return Path(given)
    table = call.settings.tables.get("lint", {})
    named = table.get("baseline") if isinstance(table, Mapping) else None
    if named is None:
        return None
    if not isinstance(named, str):
        from ...errors import ConfigError

        raise ConfigError("'baseline' in [tool.manticore.lint] is not a file's name.")
    return call.root / named


def _known(file: Path, files: Sequence[Source]) -> frozenset[Known]:
    """What a baseline knows, by the paths of this run; in it they are relative to itself."""
    from ...lint.baseline import read
    from ..lint_files import beside

    given = {beside(file, one.path): one.path.replace("\\", "/") for one in files}
    found = read(file.read_text(encoding="utf-8"), str(file))
    return frozenset((rule, given.get(path, path), message) for rule, path, message in found)


def _written(file: Path, found: Sequence[Finding]) -> Result:
    """Write what is known today."""
    from ...lint.baseline import known, write
    from ..lint_files import beside

    ours = {known(replace(one, path=beside(file, one.path))) for one in found}
    file.write_text(write(ours), encoding="utf-8")
    text = f"{file} knows {count(len(ours), 'finding')}; from now on only what is new is reported."
    return Result([], [text], Exit.OK)


def _coverage(call: Call, paths: Sequence[str]) -> Result:
    """What of any SQL files is not understood."""
    from ...lint.coverage import coverage
    from ..lint_files import every_sql

    found = coverage(every_sql(paths or (call.settings.dir,)))
    data = {
        "files": found.files,
        "statements": found.statements,
        "templates": found.templates,
        "unread": [
            {"path": u.path, "line": u.line, "column": u.column, "reason": u.reason, "sql": u.sql}
            for u in found.unread
        ],
    }
    lines: list[str] = []
    for one in found.unread:
        lines += [f"{safe(one.path)}:{one.line}:{one.column}: {safe(one.reason)}"]
        lines += [f"  | {safe(line)}".rstrip() for line in one.excerpt.split("\n")] + [""]
    text = f"{count(found.statements, 'statement')} in {count(found.files, 'file')}: "
    text += f"{len(found.unread):,} not understood" if found.unread else "all understood"
    if found.templates:
        text += f"; {count(found.templates, 'file')} of these templates"
    return Result(data, [*lines, f"{text}."], Exit.FINDINGS if found.unread else Exit.OK)


def _names(given: Iterable[str]) -> frozenset[str]:
    from ...lint.index import known

    return frozenset(known(name) for text in given for name in text.replace(",", " ").split())


def _server(call: Call, config: LintConfig) -> tuple[Server, ServerFacts | None]:
    """The target, and what the server of ``--url`` knows."""
    if call.given.url is None:
        said = _configured(call) if config.target is None else None
        return said or config.server, None
    from ...lint.linting import server_facts

    with call.database() as database:
        server, facts = server_facts(database)
    return (server if config.target is None else config.server), facts


def _configured(call: Call) -> Server | None:
    """The newest server of the engine that a configured URL names, as far as its text says.

    ``postgresql://`` is what CockroachDB's own URLs begin with too: its port tells.
    """
    from ...dialect import parse_target

    scheme, found, rest = (call.settings.url or "").partition("://")
    if not found or scheme not in ("postgresql", "postgres"):
        return None
    host = rest.partition("/")[0].rpartition("@")[2]
    is_cockroachdb = ":26257" in host or "cockroach" in host
    return parse_target("cockroachdb" if is_cockroachdb else "postgresql")


def _sources(call: Call, paths: Sequence[str]) -> list[Source]:
    from ..lint_files import sources

    return sources(paths or (call.settings.dir,))


def _environments(files: Iterable[Source]) -> Iterator[tuple[str, Sequence[str]]]:
    """The files that are limited to environments, and to which."""
    from ...migrations.file import environments_in

    for file in files:
        if not file.context and "@environments" in file.text.lower():
            yield file.path, environments_in(file.text)


def _lint(
    files: Sequence[Source], server: Server, config: LintConfig, facts: ServerFacts | None
) -> tuple[Finding, ...]:
    from ...lint import lint_files

    return lint_files(files, server, config, facts)


def _mended(
    call: Call,
    files: list[Source],
    found: tuple[Finding, ...],
    again: Callable[[list[Source]], tuple[Finding, ...]],
) -> tuple[list[Source], tuple[Finding, ...]]:
    """The files as they are after the fixes, and what is left to be found in them."""
    from ...lint.fix import fixed
    from ..lint_files import STDIN, write

    mended: list[Source] = []
    for file in files:
        own = [one for one in found if one.path == file.path and one.fix is not None]
        text, done = fixed(file.text, own)
        if done and file.path != STDIN:
            write(file.path, text)
            file = replace(file, text=text)
            rules = ", ".join(sorted({one.rule for one in done}))
            call.console.info(f"{file.path}: mended {count(len(done), 'finding')} ({rules})")
        mended.append(file)
    return mended, again(mended)


def _told(
    call: Call,
    form: str,
    found: Sequence[Finding],
    grave: Sequence[Finding],
    config: LintConfig,
    server: Server,
    files: Sequence[Source],
    code: int,
) -> Result:
    from ...lint import formats

    # A level that somebody asked for is the limit everywhere; the default one is not for programs.
    data = formats.plain(found if config.level is None else grave)
    texts = {file.path: file.text for file in files}
    if form == "json":
        return Result(data, [json.dumps(data, indent=2)], code)
    if form == "sarif":
        log = formats.sarif(found if config.level is None else grave, texts)
        return Result(data, [json.dumps(log, indent=2)], code)
    if form == "github":
        return Result(data, formats.github(grave), code)
    from ...lint.config import DEFAULT_LEVEL

    layout = call.layout()
    looked = sum(not file.context for file in files)
    last = _summary(found, config.level or DEFAULT_LEVEL, looked, server, layout.style)
    return Result(data, [*_lines(grave, texts, layout), *wrapped(last, layout.width)], code)


def _explained(name: str) -> Result:
    from ...lint.index import load
    from ...lint.page import page

    rule = load(name.strip()).rule
    text = page(rule)
    return Result({"rule": rule.name, "summary": rule.summary, "page": text}, [text.rstrip()])


def _listed(call: Call) -> Result:
    from ...lint.index import NAMES, load

    data = [
        {
            "rule": name,
            "cockroachdb": load(name).rule.cockroachdb,
            "postgresql": load(name).rule.postgresql,
            "summary": load(name).rule.summary,
        }
        for name in NAMES
    ]
    return Result(data, list(_rules(call.layout().style)))


def _lines(findings: Sequence[Finding], texts: Mapping[str, str], layout: Layout) -> Iterator[str]:
    """Each finding, an empty line after it.

    warning[drop-column]: Dropping users.fax destroys its data.
      --> migrations/20250102000000_drop_fax.sql:1:19
      | ALTER TABLE users DROP COLUMN fax;
      |                   ^
      help: drop it when no running code names it any more
    """
    from ...parser.split import excerpt

    style, width = layout.style, layout.width
    for one in findings:
        name = f"{one.level}[{one.rule}]:"
        first, *rest = wrapped(f"{name} {safe(one.message)}", width, "", "  ")
        yield style(name, _COLOURS[one.level], "bold") + first.removeprefix(name)
        yield from rest
        yield f"  {style('-->', 'cyan')} {safe(f'{one.path}:{one.line}:{one.column}')}"
        if texts.get(one.path, "").strip():
            shown = safe(excerpt(texts.get(one.path, ""), one.start))
            for line in pointed(shown, None if width is None else width - 4):
                yield f"  {style('|', 'cyan')} {line}".rstrip()
        first, *rest = wrapped(f"help: {safe(one.help)}", width, "  ", "        ")
        yield first.replace("help:", style("help:", "cyan"), 1)
        yield from rest
        yield ""


def _summary(
    findings: Sequence[Finding], threshold: Level, files: int, server: Server, style: Style
) -> str:
    """One line: how many of each level, in how many files, for which server."""
    from ...lint.model import LEVELS, at_least

    shown = Counter(one.level for one in findings if at_least(one.level, threshold))
    where = f"in {count(files, 'file')} for {server}"
    if not shown:
        text = style(f"No findings {where}.", "green")
    else:
        parts = [
            count(shown[level], level) if level != "info" else f"{shown[level]:,} for information"
            for level in reversed(LEVELS)
            if shown[level]
        ]
        text = f"{', '.join(parts)} {where}."
    hidden = Counter(one.level for one in findings if not at_least(one.level, threshold))
    if hidden:
        lowest = min(hidden, key=LEVELS.index)
        text += f" {sum(hidden.values()):,} below that: --level {lowest} shows them."
    return text


def _rules(style: Style) -> Iterator[str]:
    """Every rule with its levels and what it says."""
    from ...lint.index import GROUPS, load

    for title, names in GROUPS.items():
        yield style(title, "bold")
        for name in names:
            rule = load(name).rule
            levels = f"{rule.cockroachdb or '-':<8} {rule.postgresql or '-':<8}"
            yield f"  {name:<28} {levels} {rule.summary}"
        yield ""
    yield "Levels are those on CockroachDB, then on PostgreSQL; --explain RULE tells more."
