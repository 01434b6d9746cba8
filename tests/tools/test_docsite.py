"""The documentation site: its map, its pages of commands, and that a dead link is found."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest

from manticore_cockroachdb.cli.app import root
from manticore_cockroachdb.cli.index import EXIT_CODES, names
from manticore_cockroachdb.lint.index import NAMES
from tools import commandpages, diagrams, docsite


@pytest.fixture(scope="module")
def found() -> dict[str, str]:
    return docsite.pages()


@pytest.fixture(scope="module")
def config(found: dict[str, str]) -> str:
    return docsite.expand(docsite.CONFIG.read_text(encoding="utf-8"), found)


def command(name: str) -> click.Command:
    made = root.get_command(click.Context(root), name)
    assert made is not None
    return made


def test_every_page_is_on_the_map(found: dict[str, str], config: str) -> None:
    assert docsite.off_the_map(config, found) == []


def test_the_package_says_where_the_site_and_the_repository_are(config: str) -> None:
    project = tomllib.loads((docsite.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    urls = project["project"]["urls"]
    assert f"site_url: {urls['Documentation']}\n" in config
    assert urls["Source"] == docsite.repository()


def test_every_command_and_every_lint_rule_has_a_page(found: dict[str, str]) -> None:
    assert found.keys() >= {f"commands/{name}.md" for name in names()}
    assert found.keys() >= {f"lint/{name}.md" for name in NAMES}


def told(config: str, pages: dict[str, str], found: dict[str, str]) -> list[str]:
    """What is said of these pages and not of those that are there."""
    before = docsite.off_the_map(config, found)
    return [line for line in docsite.off_the_map(config, pages) if line not in before]


def test_a_page_that_is_not_on_the_map_is_named_and_where_to_put_it(
    found: dict[str, str], config: str
) -> None:
    (said,) = told(config, {**found, "new.md": "# New"}, found)
    assert said.startswith("docs/new.md is not on the site's map")
    assert "`nav` of mkdocs.yml" in said


def test_a_line_of_the_map_without_a_page_is_named(found: dict[str, str], config: str) -> None:
    rest = {name: text for name, text in found.items() if name != "hooks.md"}
    assert told(config, rest, found) == [
        "`nav` of mkdocs.yml names hooks.md, which is not in docs/"
    ]
    twice = config.replace("hooks.md", "plan.md")
    assert "`nav` of mkdocs.yml names plan.md more than once" in docsite.off_the_map(twice, found)


@pytest.mark.parametrize("name", names())
def test_a_command_s_page_has_its_options_and_exit_codes(name: str, found: dict[str, str]) -> None:
    text = found[f"commands/{name}.md"]
    options = {
        option
        for _, one in commandpages.with_a_verb(name, command(name))
        for parameter in one.params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for option in parameter.opts
        if option.startswith("--")
    }
    assert (options or name == "completion") and all(f"`{option}`" in text for option in options)
    said = {int(code) for code in re.findall(r"^\| (\d+) \|", text.split("## Exit codes")[1], re.M)}
    assert said <= EXIT_CODES.keys()
    # What the section promises in words is in the table.
    promised = re.findall(r"(?:ends|[Ee]xits|is) with (\d)\b|\b(\d) when", text)
    words = {int(one or other) for one, other in promised}
    assert words <= said


def test_a_section_s_links_lead_to_the_pages_of_commands() -> None:
    pages = {
        "cli.md": "# The line\n\n## Commands\n\nsee [a](#migrate)\n"
        + "".join(f"### {name}\n\n[p](plan.md#x) [q](#plan) [r](#exit-codes)\n" for name in names())
        + "### All of them\n\n`[x](#migrate)` is code\n\n```py\nd[0](#migrate)\n```\n"
        + "\n## Exit codes\n",
        "lint/README.md": "[m](../cli.md#migrate) [c](../cli.md#exit-codes)\n",
    }
    made = commandpages.split(pages)
    assert "[a](commands/migrate.md)" in made["cli.md"]
    assert "### migrate" not in made["cli.md"] and "## Exit codes" in made["cli.md"]
    assert "### All of them\n" in made["cli.md"] and "d[0](#migrate)" in made["cli.md"]
    assert "[p](../plan.md#x) [q](plan.md) [r](../cli.md#exit-codes)" in made["commands/lint.md"]
    assert made["lint/README.md"] == "[m](../commands/migrate.md) [c](../cli.md#exit-codes)\n"


def test_links_out_of_the_documentation_lead_to_pages_or_the_repository() -> None:
    home = {"docs/a.md": "a.md", "docs/lint/b.md": "lint/b.md", "CHANGELOG.md": "changelog.md"}

    def led(link: str, source: str = "docs/lint/b.md", page: str = "lint/b.md") -> str:
        return docsite.relink(f"[x]({link})", source, page, home)[4:-1]

    assert led("../a.md#there") == "../a.md#there"
    assert led("../../CHANGELOG.md") == "../changelog.md"
    assert led("../../README.md") == "../index.md"
    assert led("docs/lint", "README.md", "index.md") == "lint/README.md"
    assert led("../../tests/README.md").startswith("https://")
    assert led("https://example.com/") == "https://example.com/"
    assert led("../../gone.md") == "../../gone.md"
    code = "```sh\n[x](../../README.md)\n```\n"
    assert docsite.relink(code, "docs/lint/b.md", "lint/b.md", home) == code


def test_where_a_block_of_code_runs_is_its_title(found: dict[str, str]) -> None:
    assert '```python title="on PostgreSQL"\n' in found["client.md"]
    assert not any(docsite._ONLY.search(text) for text in found.values())


def test_no_page_calls_another_by_its_file_s_name(found: dict[str, str]) -> None:
    for page, text in found.items():
        for name, link in docsite._BY_NAME.findall(text):
            assert "://" in link, f"{page}: {name} ({link})"


def test_a_link_by_a_file_s_name_is_called_by_the_page_s_title() -> None:
    found = {"a.md": "# All of it\n", "lint/b.md": ""}
    text = "[a.md](../a.md), [a](../a.md), [../a.md](../a.md#x), [c.md](c.md), `[a.md](../a.md)`\n"
    assert docsite.entitled(text, "lint/b.md", found).startswith(
        "[All of it](../a.md), [a](../a.md), [All of it](../a.md#x), [c.md](c.md), "
    )


def test_dead_links_of_the_finished_pages_are_found(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "index.html").write_text(
        '<a href="sub/#there">ok</a> <a href="/base/sub/">ok</a> <a href="https://x.org">ok</a>'
        '<a href="sub/#nowhere">1</a> <a href="gone/">2</a> <img src="gone.png">'
        '<script src="https://x.org/x.js"></script>'
    )
    (tmp_path / "sub" / "index.html").write_text('<h1 id="there"><a href="../#">up</a></h1>')
    assert docsite.dead_links(tmp_path, "/base/") == [
        "index.html: sub/#nowhere leads to a page without that place",
        "index.html: gone/ leads nowhere",
        "index.html: gone.png leads nowhere",
        "index.html loads https://x.org/x.js from elsewhere",
    ]


def test_every_diagram_has_its_drawing_and_a_changed_one_none() -> None:
    text = (docsite.DOCS / "architecture.md").read_text(encoding="utf-8")
    assert diagrams.BLOCK.search(text) and not diagrams.missing(text)
    shown = diagrams.drawn(text, "")
    assert "```mermaid" not in shown and "assets/diagrams/" in shown
    assert diagrams.missing(text.replace("graph TD", "graph LR")) == ["graph LR"]
