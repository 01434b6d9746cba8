"""Build the documentation site from docs/, strictly.

    python -m tools.docsite            build it into build/site/html
    python -m tools.docsite --look     and serve it, to look at it in a browser

The pages of docs/ are made to be read in the repository too, so what differs is made here, in
build/site: a page for each command, cut from docs/cli.md and completed with its options; changelog
and contributing guide as pages; links that leave docs/; drawings of diagrams (`tools.diagrams`).
Zensical makes HTML of that.

Strictly: a page that is not in `nav` of mkdocs.yml, a line of `nav` without a page, and a link of
the finished HTML, anchors and pictures included, that leads nowhere end with exit code 1. What is
checked is the HTML and not the Markdown, since that is what readers get.
"""

from __future__ import annotations

import argparse
import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from . import diagrams
from .commandpages import LINK, outside_code, split

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
CONFIG = ROOT / "mkdocs.yml"
BUILD = ROOT / "build" / "site"

# Files of the repository that are pages of the site.
BROUGHT = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
# What stands for a file that is none.
INSTEAD = {"README.md": "index.md", "docs/lint": "lint/README.md"}

# What plays a recording, relative to a page at the top: brought from the package that has it.
PLAYER = "assets/asciinema-player"

# What a block of code says after its language, for the tests: where it runs.
WHERE = {"postgresql": "on PostgreSQL", "fastapi": "FastAPI", "django": "Django"}

_ONLY = re.compile(r"^( *```\w+) (\w+)$", re.MULTILINE)
_BY_NAME = re.compile(r"\[([\w./-]+\.md)\]\(([^)\s#]+)")


# --- pages ---------------------------------------------------------------------------------------


def pages() -> dict[str, str]:
    """Every page of the site by its path, as Markdown."""
    found = {
        page.relative_to(DOCS).as_posix(): page.read_text(encoding="utf-8")
        for page in sorted(DOCS.rglob("*.md"))
    }
    home = {f"docs/{page}": page for page in found}
    for source, page in BROUGHT.items():
        found[page] = (ROOT / source).read_text(encoding="utf-8")
        home[source] = page
    for page in found:
        came_from = next(name for name, there in home.items() if there == page)
        text = relink(found[page], came_from, page, home)
        found[page] = _ONLY.sub(
            lambda fence: f'{fence[1]} title="{WHERE.get(fence[2], fence[2])}"', text
        )
        up = "../" * page.count("/")
        found[page] = diagrams.drawn(found[page], up)
    made = split(found)
    return {page: entitled(text, page, made) for page, text in made.items()}


def entitled(text: str, page: str, found: dict[str, str]) -> str:
    """Call a page by its title where a link calls it by its file's name."""

    def better(match: re.Match[str]) -> str:
        there = posixpath.normpath(posixpath.join(posixpath.dirname(page), match[2]))
        title = re.match(r"# (.+)", found.get(there, ""))
        return f"[{title[1]}]({match[2]}" if title else match[0]

    return outside_code(text, lambda part: _BY_NAME.sub(better, part))


def relink(text: str, source: str, page: str, home: dict[str, str]) -> str:
    """Turn links that lead out of docs/ into links to pages, or into the repository.

    Both names are paths: of the file in the repository, and of the page on the site.
    """

    def better(match: re.Match[str]) -> str:
        link = match[1]
        if "://" in link or link.startswith(("#", "mailto:")):
            return link
        path, mark, anchor = link.partition("#")
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        there = home.get(wanted) or INSTEAD.get(wanted)
        if there is None:
            if wanted.startswith("docs/"):
                return link  # a picture beside it; or nothing, which the check of the HTML says
            return f"{repository()}/blob/main/{wanted}" if (ROOT / wanted).exists() else link
        return posixpath.relpath(there, posixpath.dirname(page) or ".") + mark + anchor

    return outside_code(text, lambda part: LINK.sub(better, part))


def repository() -> str:
    """The repository's address."""
    found = re.search(r"^  repository: (\S+)$", CONFIG.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


# --- the map -------------------------------------------------------------------------------------


def expand(config: str, found: dict[str, str]) -> str:
    """Write out the lines of the map that stand for a folder."""

    def lines(match: re.Match[str]) -> str:
        indent, folder = match[1], match[2]
        inside = [p for p in sorted(found) if posixpath.dirname(p) == folder]
        return "".join(
            f"{indent}- {posixpath.basename(page)[:-3]}: {page}\n"
            for page in inside
            if not re.search(rf"[ :]{re.escape(page)}$", config, re.MULTILINE)
        )

    return re.sub(r"^( +)- (\S+)/\*\n", lines, config, flags=re.MULTILINE)


def off_the_map(config: str, found: dict[str, str]) -> list[str]:
    """What is wrong with the map: pages it lacks, and lines without a page."""
    listed = list(_leaves(_nav(config)))
    missing = [
        f"docs/{page} is not on the site's map: give it a line in `nav` of mkdocs.yml,"
        " under Tutorial, How-to, Reference or Explanation"
        for page in found
        if page not in listed
    ]
    gone = [f"`nav` of mkdocs.yml names {page}, which is not in docs/" for page in listed]
    twice = {page for page in listed if listed.count(page) > 1}
    return [
        *missing,
        *(line for page, line in zip(listed, gone, strict=True) if page not in found),
        *(f"`nav` of mkdocs.yml names {page} more than once" for page in sorted(twice)),
    ]


def _nav(config: str) -> Any:
    import yaml

    return yaml.load(config, Loader=yaml.BaseLoader)["nav"]


def _leaves(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    else:
        for one in entry.values() if isinstance(entry, dict) else entry:
            yield from _leaves(one)


# --- links of the finished pages -----------------------------------------------------------------


class _Page(HTMLParser):
    """What a page leads to, what it loads, and the places in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.leads: list[str] = []
        self.loads: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        self.places |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.leads.append(given["href"])
        elif tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload"):
            self.loads.append(given.get("href", ""))
        elif "src" in given:
            self.loads.append(given["src"])
        if "data-cast" in given:
            self.loads += [given["data-cast"], PLAYER + ".min.js", PLAYER + ".css"]


def dead_links(html: Path, base: str = "/") -> list[str]:
    """Every link of the pages in this directory that leads nowhere, in words.

    ``base`` is the path at which the site will stand: absolute links begin with it.
    """
    read = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(html.rglob("*.html"))}
    wrong = []
    for path, page in read.items():
        name = path.relative_to(html).as_posix()
        for link in dict.fromkeys([*page.leads, *page.loads]):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.loads:
                    wrong.append(f"{name} loads {link} from elsewhere")
                continue
            target = path
            if parts.path.startswith("/"):
                target = html / unquote(parts.path.removeprefix(base).lstrip("/"))
            elif parts.path:
                target = path.parent / unquote(parts.path)
            target = target.resolve()
            if target.is_dir():
                target = target / "index.html"
            if not target.exists():
                wrong.append(f"{name}: {link} leads nowhere")
            elif parts.fragment and target.suffix == ".html":
                there = read.get(target) or _Page(target.read_text(encoding="utf-8"))
                if unquote(parts.fragment) not in there.places | {"", "__skip"}:
                    wrong.append(f"{name}: {link} leads to a page without that place")
    return wrong


# --- all of it -----------------------------------------------------------------------------------


def build() -> list[str]:
    """Build the site; return what is wrong with it, in words."""
    found = pages()
    config = expand(CONFIG.read_text(encoding="utf-8"), found)
    wrong = off_the_map(config, found)
    wrong += [
        f"docs/{page.relative_to(DOCS)}: a diagram ({block}) was changed or is new:"
        " `python -m tools.diagrams` draws it"
        for page in sorted(DOCS.rglob("*.md"))
        for block in diagrams.missing(page.read_text(encoding="utf-8"))
    ]
    if wrong:
        return wrong
    if BUILD.exists():
        shutil.rmtree(BUILD)
    staged = BUILD / "docs"
    shutil.copytree(DOCS, staged, ignore=shutil.ignore_patterns("*.md", "examples"))
    for page, text in found.items():
        (staged / page).parent.mkdir(parents=True, exist_ok=True)
        (staged / page).write_text(text, encoding="utf-8")
    for file in (f"{PLAYER}.min.js", f"{PLAYER}.css"):
        shutil.copy(_player() / file, staged / file)
    (BUILD / "mkdocs.yml").write_text(config, encoding="utf-8")
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    made = subprocess.run(command, cwd=BUILD, text=True, capture_output=True, check=False)
    if made.returncode or not (BUILD / "html" / "index.html").exists():
        said = made.stdout + made.stderr.partition("Traceback")[0]
        return [re.sub(r"\x1b\[[0-9;]*m", "", said)]
    site = re.search(r"^site_url: (\S+)$", config, re.MULTILINE)
    return dead_links(BUILD / "html", urlsplit(site[1]).path if site else "/")


def _player() -> Path:
    """The folder of asciinema's player, which has no package of its own for Python."""
    return Path(str(distribution("mkdocs-asciinema-player").locate_file("mkdocs_asciinema_player")))


def main() -> int:
    """Build, and say what is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--look", action="store_true", help="serve it on this machine afterwards")
    look = parser.parse_args().look
    if find_spec("zensical") is None or find_spec("mkdocs_asciinema_player") is None:
        print("what builds the site is not installed: pip install -e '.[site]'", file=sys.stderr)
        return 1
    wrong = build()
    for line in wrong:
        print(line, file=sys.stderr)
    if wrong:
        print(f"{len(wrong)} wrong; the site is not fit to be published", file=sys.stderr)
        return 1
    print(f"built {BUILD / 'html'}")
    if look:
        serve = [sys.executable, "-m", "http.server", "8000", "--bind", "127.0.0.1"]
        with subprocess.Popen([*serve, "--directory", str(BUILD / "html")]) as server:
            server.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
