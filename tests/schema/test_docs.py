"""Documentation: the timeline, the diagram, Markdown, the page; with names that mean harm."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from manticore_cockroachdb.cli import main
from manticore_cockroachdb.docs.document import Document, anchors
from manticore_cockroachdb.docs.er import entities
from manticore_cockroachdb.docs.layout import Size, arrange
from manticore_cockroachdb.docs.markdown import code, markdown, text
from manticore_cockroachdb.docs.mermaid import left_out, mermaid
from manticore_cockroachdb.docs.page import page
from manticore_cockroachdb.docs.svg import drawing, svg
from manticore_cockroachdb.docs.timeline import Entry, Touch, of_table, timeline
from manticore_cockroachdb.migrations.file import parse_file
from manticore_cockroachdb.schema import model as m

EVIL = (
    "</script><script>alert(1)</script>\"'`|*_[x](javascript:alert(2))\n# <img src=x onerror=a>\x07"
)


def foreign_key(name, column, target):
    return m.Constraint(
        name,
        "foreign key",
        f"FOREIGN KEY ({column}) REFERENCES {target[0]}.{target[1]}(id)",
        (column,),
        target,
        ("id",),
    )


def table(name, *columns, schema="public", **more):
    primary = m.Constraint(f"{name}_pkey", "primary key", "PRIMARY KEY (id)", ("id",))
    constraints = (*more.pop("constraints", ()), primary)
    ids = m.Column("id", "INT8", nullable=False)
    return m.Table(schema, name, (ids, *columns), constraints, **more)


USERS = table("users", m.Column("name", "TEXT", comment="who | what"), comment="People")
ORDERS = table(
    "orders",
    m.Column("buyer", "INT8"),
    m.Column("mood", "public.mood", default="'ok'::public.mood"),
    constraints=(foreign_key("orders_buyer", "buyer", ("public", "users")),),
    indexes=(m.Index("by_buyer", ("buyer DESC",), unique=True, where="id > 3"),),
    schema="shop",
)
SHOP = m.Schema(
    "postgresql",
    enums=(m.Enum("public", "mood", ("ok", "bad")),),
    tables=(USERS, ORDERS),
    views=(
        m.View("public", "names", "SELECT name\n  FROM public.users", (m.Column("name", "TEXT"),)),
    ),
    objects=(
        m.SchemaObject(
            "function", "public", "f(a integer)", "CREATE FUNCTION …", "FUNCTION public.f(a)"
        ),
        m.SchemaObject(
            "trigger", "shop", "t", "CREATE TRIGGER t …", "TRIGGER t ON shop.orders", "orders"
        ),
    ),
)
PAST = (
    Entry(
        1,
        "create users",
        datetime(2024, 1, 2, 3, 4, tzinfo=UTC),
        (Touch(("public", "users"), ("made",)),),
    ),
    Entry(2, "orders", None, (Touch(("shop", "orders"), ("made", "indexed")),)),
)
BOOK = Document("shop", SHOP, PAST)
EVIL_BOOK = Document(
    EVIL,
    m.Schema(
        "cockroachdb",
        namespaces=(m.Namespace(EVIL),),
        enums=(m.Enum(EVIL, EVIL, (EVIL, "b"), EVIL),),
        sequences=(m.Sequence(EVIL, EVIL, comment=EVIL),),
        tables=(
            m.Table(
                EVIL,
                EVIL,
                (m.Column(EVIL, EVIL, default=EVIL, comment=EVIL), m.Column("id", "INT8")),
                (
                    m.Constraint(EVIL, "check", EVIL, (EVIL,), comment=EVIL),
                    foreign_key("self", "id", (EVIL, EVIL)),
                ),
                (m.Index(EVIL, (EVIL,), where=EVIL, comment=EVIL),),
                comment=EVIL,
            ),
            m.Table("public", EVIL, (m.Column("id", "INT8"),)),
        ),
        views=(
            m.View(EVIL, EVIL + "v", EVIL, (m.Column(EVIL, EVIL, comment=EVIL),), comment=EVIL),
        ),
        objects=(
            m.SchemaObject("function", EVIL, EVIL, EVIL, EVIL, comment=EVIL),
            m.SchemaObject("trigger", EVIL, EVIL, EVIL, EVIL, EVIL),
            m.SchemaObject("type", EVIL, EVIL + "t", EVIL, EVIL),
        ),
    ),
    (Entry(1, EVIL, None, (Touch((EVIL, EVIL), ("made",)),)),),
)
BOOKS = pytest.mark.parametrize("book", [BOOK, EVIL_BOOK], ids=["shop", "evil"])


# --- timeline -------------------------------------------------------------------------------


def past(*texts):
    files = [parse_file(f"{i}_m{i}.sql", sql, f"{i}_m{i}.sql") for i, sql in enumerate(texts, 1)]
    return timeline(files, {file.version: (file.description, None) for file in files})


def of(entries, name, schema="public"):
    return [(entry.version, done) for entry, done in of_table(entries, (schema, name))]


def test_what_a_migration_does_to_a_table():
    entries = past(
        "CREATE TABLE a (x INT8); CREATE TABLE s.b (y INT8);",
        "ALTER TABLE a ADD COLUMN z INT8; CREATE INDEX i ON a (z); ALTER TABLE a DROP COLUMN x;",
        "INSERT INTO s.b VALUES (1); UPDATE a SET z = 1;",
    )
    assert of(entries, "a") == [(1, ("made",)), (2, ("changed", "indexed")), (3, ("filled",))]
    assert of(entries, "b", "s") == [(1, ("made",)), (3, ("filled",))]


def test_a_renamed_table_keeps_its_past():
    entries = past(
        "CREATE TABLE a (x INT8);",
        "ALTER TABLE a RENAME TO b;",
        "ALTER TABLE b SET SCHEMA s;",
        "CREATE TABLE a (y INT8);",
    )
    assert of(entries, "b", "s") == [(1, ("made",)), (2, ("changed",)), (3, ("changed",))]
    assert of(entries, "a") == [(4, ("made",))]


def test_a_table_made_anew_has_no_past():
    entries = past("CREATE TABLE a (x INT8);", "DROP TABLE a; CREATE TABLE a (y INT8);")
    assert of(entries, "a") == [(2, ("dropped", "made"))]


def test_a_version_without_a_file_and_one_that_is_not_applied():
    file = parse_file("2_two.sql", "CREATE TABLE a (x INT8);", "2_two.sql")
    (one,) = timeline([file], {1: ("gone", None)})
    assert (one.version, one.description, one.touches) == (1, "gone", ())


# --- diagram --------------------------------------------------------------------------------


def test_entities_and_relations():
    tables, (relation,) = entities(SHOP)
    assert [t.title for t in tables] == ["users", "shop.orders"]
    buyer = tables[1].fields[1]
    assert (buyer.name, buyer.primary, buyer.foreign) == ("buyer", False, True)
    assert (relation.optional, relation.single) == (True, False)


def test_mermaid():
    assert mermaid(SHOP).splitlines() == [
        "erDiagram",
        '    "users" {',
        "        INT8 id PK",
        "        TEXT name",
        "    }",
        '    "shop.orders" {',
        "        INT8 id PK",
        "        INT8 buyer FK",
        "        mood mood",
        "    }",
        '    "users" |o--o{ "shop.orders" : "buyer"',
    ]


def test_mermaid_of_evil_names_has_one_line_for_each_thing():
    lines = mermaid(EVIL_BOOK.schema).splitlines()
    assert [line for line in lines if "alert" in line and not line.startswith("    ")] == []
    assert all("<" not in line and line.count('"') % 2 == 0 for line in lines)


def many(number, columns):
    """Tables that each point to the one before."""
    wide = [m.Column(f"a_column_of_no_key_{i}", "TIMESTAMPTZ") for i in range(columns)]
    return m.Schema(
        "postgresql",
        tables=tuple(
            table(
                f"thing_{i}",
                m.Column("before", "INT8"),
                *wide,
                constraints=(foreign_key(f"k{i}", "before", ("public", f"thing_{i - 1}")),),
            )
            for i in range(number)
        ),
    )


@pytest.mark.parametrize(
    ("number", "columns", "said", "kept"),
    [
        (20, 5, None, ("a_column_of_no_key_4", "before", '"thing_19"')),
        (150, 12, "columns that are in no key", ("before", '"thing_149"')),
        (500, 12, "left out are columns", ('"thing_499"',)),
        (3000, 1, "of 3000 tables", ('"thing_0"',)),
    ],
)
def test_mermaid_ends_before_its_renderers_limit(number, columns, said, kept):
    schema = many(number, columns)
    text = mermaid(schema)
    assert len(text) < 50_000
    assert all(word in text for word in kept)
    assert ("a_column_of_no_key" in text) is (said is None)
    note = left_out(text)
    assert (note is None) is (said is None)
    if said is not None and note is not None:
        assert said in note and text.splitlines()[1] == f"    %% {note}"
        assert f"*This diagram is {note};" in markdown(Document("x", schema))
    entities_shown = text.count("{\n")
    assert sum(" : " in line for line in text.splitlines()) == entities_shown - 1


sizes = st.builds(Size, st.sampled_from([80.0, 150.0, 300.0]), st.sampled_from([40.0, 120.0]))


@settings(max_examples=60)
@given(
    boxes=st.lists(sizes, max_size=14),
    lines=st.lists(st.tuples(st.integers(0, 13), st.integers(0, 13)), max_size=30),
)
def test_boxes_never_overlap_and_lines_know_their_way(boxes, lines):
    keys = [("public", f"t{i}") for i in range(len(boxes))]
    pairs = [(keys[a], keys[b]) for a, b in lines if a < len(keys) and b < len(keys)]
    found = dict(zip(keys, boxes, strict=True))
    picture = arrange(found, pairs)
    assert set(picture.places) == set(keys)
    assert arrange(found, reversed(pairs)) == picture
    corners = [(p.x, p.y, found[k]) for k, p in picture.places.items()]
    for i, (x, y, size) in enumerate(corners):
        assert x >= 0
        assert y >= 0
        assert x + size.width <= picture.width
        assert y + size.height <= picture.height
        for x2, y2, size2 in corners[i + 1 :]:
            apart = x + size.width <= x2 or x2 + size2.width <= x
            apart |= y + size.height <= y2 or y2 + size2.height <= y
            assert apart
    for child, parent in {(c, p) for c, p in pairs if c != p}:
        is_left = picture.places[parent].x < picture.places[child].x
        assert is_left == ((child, parent) in picture.left)


@BOOKS
def test_svg_is_well_formed_and_loads_nothing(book):
    root = ElementTree.fromstring(svg(book.schema))
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert names <= {"svg", "style", "rect", "g", "title", "path", "circle", "text"}
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not any(name.startswith("on") or "href" in name for name in attributes)


def test_a_wide_table_shows_its_keys_and_how_many_more():
    columns = [m.Column(f"c{i}", "TEXT") for i in range(40)]
    wide = table("wide", *columns, m.Column("last", "INT8"), constraints=(
        foreign_key("k", "last", ("public", "wide")),
    ))  # fmt: skip
    drawn = svg(m.Schema("postgresql", tables=(wide,)))
    assert ">last</text>" in drawn
    assert ">and 29 more</text>" in drawn


def test_keys_only():
    drawn = drawing(SHOP, keys_only=True)
    assert ">buyer</text>" in drawn and ">id</text>" in drawn
    assert ">mood</text>" not in drawn and "more</text>" not in drawn
    cards = [f'data-from="{i}" data-to="{j}"' in drawn for i, j in ((1, 0), (0, 1))]
    assert cards == [True, False]


# --- Markdown -------------------------------------------------------------------------------


def test_markdown():
    lines = markdown(BOOK).splitlines()
    assert lines[0] == "# shop"
    assert "| `buyer` | `INT8` | yes |  | FK |" in lines
    assert "| `name` | `TEXT` | yes |  | who \\| what |" in lines
    assert any("Referenced by [shop.orders](#table-shop-orders) (`buyer`)" in x for x in lines)
    assert "Migrations: 2 orders (made, indexed)" in lines
    assert "| 1 | create users | [users](#table-users) made |" in lines
    assert "```mermaid" in lines


def rendered(source):
    return MarkdownIt("commonmark").enable("table").render(source)


@BOOKS
def test_markdown_holds_no_markup_from_the_schema(book):
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown(book))
    raw = [t for t in tokens if t.type == "html_block"]
    raw += [i for t in tokens if t.children for i in t.children if i.type == "html_inline"]
    for token in raw:
        assert token.content.strip().startswith(("<a id=", "</a>", "<br>", "<!-- Written by"))
    links = [i for t in tokens if t.children for i in t.children if i.type == "link_open"]
    assert all(str(link.attrs["href"]).startswith("#table-") for link in links)


@given(st.text(min_size=1))
def test_text_and_code_of_anything_are_only_text(words):
    plain = MarkdownIt("commonmark").parse("x " + text(words))
    assert [t.type for t in plain] == ["paragraph_open", "inline", "paragraph_close"]
    kinds = {child.type for child in plain[1].children or []}
    assert kinds <= {"text", "text_special", "html_inline", "softbreak"}
    (child,) = [
        c for c in MarkdownIt("commonmark").parse(code(words))[1].children or [] if c.type != "text"
    ] or [None]
    assert child is None or child.type == "code_inline"


# --- the page -------------------------------------------------------------------------------


class Seen(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.tags, self.ids, self.links, self.attributes = [], [], [], set()
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src"):
                self.links.append(value)


@BOOKS
def test_the_page_is_whole_and_needs_no_network(book):
    source = page(book)
    seen = Seen(source)
    assert seen.tags.count("script") == seen.tags.count("style") == 1
    assert "img" not in seen.tags
    assert not any(name.startswith("on") for name in seen.attributes)
    assert len(seen.ids) == len(set(seen.ids))
    assert {link.removeprefix("#") for link in seen.links} <= set(seen.ids)
    assert "http" not in source.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    assert page(book) == source


def test_the_page_tells_it_all():
    source = page(BOOK)
    for words in (
        '<h3><span class="schema">shop.</span>orders',
        "PRIMARY KEY (id)",
        "(buyer DESC) WHERE id &gt; 3",
        '<a href="#type-mood"><code>mood</code></a>',
        '<time datetime="2024-01-02T03:04:00+00:00">2024-01-02 03:04</time>',
        "CREATE TRIGGER t …",
        "SELECT name\n  FROM public.users",
    ):
        assert words in source


def test_a_search_finds_types_and_a_diagram_of_many_begins_with_keys():
    source = page(BOOK)
    assert 'data-text="shop.orders id buyer mood int8 mood"' in source
    assert '<option value="table-shop-orders">shop.orders and its neighbours</option>' in source
    assert '<div class="picture" data-picture="full"><svg' in source
    assert '<div class="picture" data-picture="keys" hidden><svg' in source
    large = page(Document("x", many(41, 1)))
    assert '<div class="picture" data-picture="full" hidden><svg' in large
    assert '<div class="picture" data-picture="keys"><svg' in large


def test_addresses_are_unlike_for_names_that_look_alike():
    tables = tuple(m.Table("public", name) for name in ("a b", "a-b", "a_b", "ü"))
    found = anchors(Document("x", m.Schema("postgresql", tables=tables)))
    assert len(set(found.values())) == len(found) == 4


# --- the command ----------------------------------------------------------------------------


@pytest.fixture
def shop(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MANTICORE_URL", url)
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "1_users.sql").write_text(
        "CREATE TABLE users (id INT8 PRIMARY KEY);"
    )
    assert main(["migrate", "--quiet"]) == 0
    return tmp_path


def test_docs_writes_its_files_and_checks_them(shop, capsys):
    assert main(["docs", "--check"]) == 5
    assert main(["docs", "-o", "book", "--json"]) == 0
    capsys.readouterr()
    names = sorted(path.name for path in (shop / "book").iterdir())
    assert names == ["schema.html", "schema.md", "schema.svg"]
    assert "users" in (shop / "book" / "schema.md").read_text()
    assert main(["docs", "-o", "book", "--check"]) == 0
    (shop / "book" / "schema.md").write_text("old")
    assert main(["docs", "-o", "book", "--check", "--json"]) == 5
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["stale"] == ["book/schema.md"]


def test_databases_that_are_migrated_alike_are_documented_alike(shop, server, monkeypatch, capsys):
    assert main(["docs", "-o", "book", "--title", "shop"]) == 0
    with server.fresh_database() as other:
        monkeypatch.setenv("MANTICORE_URL", other)
        assert main(["migrate", "--quiet"]) == 0
        assert main(["docs", "-o", "book", "--title", "shop", "--check"]) == 0
        assert "<time " not in (shop / "book" / "schema.html").read_text()
        assert main(["docs", "-o", "book", "--title", "shop", "--times"]) == 0
        assert "<time " in (shop / "book" / "schema.html").read_text()
        assert main(["docs", "-o", "book", "--times", "--check"]) == 2
    assert "no two databases have the same times" in capsys.readouterr().err


def test_docs_prints_one_format(shop, capsys):
    capsys.readouterr()
    assert main(["docs", "--format", "mermaid"]) == 0
    assert capsys.readouterr().out.startswith("erDiagram\n")
    assert main(["docs", "--format", "svg", "-o", "er/all.svg", "--quiet"]) == 0
    assert (shop / "er" / "all.svg").read_text().startswith("<?xml")
    assert main(["docs", "--format", "svg", "--check"]) == 2
