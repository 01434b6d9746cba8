"""docs/architecture.md and CONTRIBUTING.md speak of what there is."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src/manticore_cockroachdb"
PAGES = ("docs/architecture.md", "CONTRIBUTING.md")


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def test_every_room_is_on_the_map_and_no_other() -> None:
    rooms = {f"{one.name}/" for one in PACKAGE.iterdir() if (one / "__init__.py").exists()}
    table = text(PAGES[0]).partition("## The rooms")[2].partition("```mermaid")[0]
    assert set(re.findall(r"^\| `(\S+/)` \|", table, re.M)) == rooms


def test_every_module_beside_the_rooms_is_on_the_map() -> None:
    """But for twins that are generated, and what Python itself asks for by name."""
    beside = {
        path.name
        for path in PACKAGE.glob("*.py")
        if not path.read_text(encoding="utf-8").startswith("# Generated")
    } - {"__init__.py", "__main__.py", "_version.py", "async_migration.py"}
    table = text(PAGES[0]).partition("Beside the rooms")[2].partition("```mermaid")[0]
    assert set(re.findall(r"`(\w+\.py)`", table)) == beside


def test_every_room_says_what_it_knows() -> None:
    for room in PACKAGE.iterdir():
        if (room / "__init__.py").exists():
            assert (room / "__init__.py").read_text(encoding="utf-8").startswith('"""'), room


def test_every_file_and_module_that_is_named_is_there() -> None:
    for page in PAGES:
        for name in re.findall(r"`([\w./]+/?)`", text(page)):
            if name.startswith("build/"):  # what a command makes there
                continue
            if "NAME" in name or "drop_thing" in name or not re.search(r"/|\.py$|\.md$", name):
                continue
            assert (PACKAGE / name).exists() or (ROOT / name).exists(), f"{page}: {name}"
        for name in re.findall(r'[|"]((?:migrations|runner|analysis|parser)\.\w+)', text(page)):
            path = PACKAGE / name.replace(".", "/")
            assert path.with_suffix(".py").exists(), f"{page}: {name}"


def test_every_contract_s_layer_is_on_the_map() -> None:
    """Who may import whom, drawn: no arrow of the diagram points against the contract."""
    contract = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    layers = re.search(r"^layers = \[(.*?)^\]", contract, re.M | re.S)
    assert layers is not None
    floor: dict[str, int] = {}
    for number, line in enumerate(layers[1].strip().splitlines()):
        for name in re.findall(r"manticore_cockroachdb\.(\w+)", line):
            floor[name] = number
    floor["facade"] = floor["async_migration"]
    diagram = text(PAGES[0]).partition("graph TD")[2].partition("```")[0]
    for above, below in re.findall(
        r"^ *(\w+)(?:\[\w+\])? --> ([\w& ]+?)(?:\[\w+\])?$", diagram, re.M
    ):
        for name in below.split(" & "):
            assert floor[above] < floor[name], f"{above} --> {name}"
