"""A catalog from CockroachDB's answers: what SHOW CREATE prints in, `model.Schema` out.

The text of SHOW CREATE is what every version supports and documents, so it is read rather than
tables inside the server. It is regular, and changes from version to version in what is added
(`cockroach_table` takes that away again) and in how a hash-sharded index is spelled. Names come
with their database in some places; the catalog has none, since it is the same in any database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..parser.lex import Token, tokens
from ..parser.quoting import literal, qualified, quote
from ..parser.split import split
from ..parser.types import canonical_type
from . import model as m
from .cockroach_table import constraint_of, sequence_of, sorted_by_name, table_of
from .postgres import Answers
from .printed import Text, index_of, items, name_list

_REGIONS = "crdb_internal_region"
_SEQUENCE_FUNCTIONS = ("nextval", "currval", "setval", "lastval")


def build(answers: Answers) -> m.Schema:
    """The catalog that these rows describe; the keys are those of `cockroach_queries.queries`."""
    database = str(answers["database"][0][0])
    schemas = {row[0] for row in answers["namespaces"]}
    reader = _Reader(answers)
    for name in ("types", "creates", "routines", "triggers"):
        for row in answers.get(name, ()):
            text = without_database(str(row[-1]), database, schemas)
            for start, end in split(text):
                reader.read(text[start:end])
    return reader.schema()


class _Reader:
    """Reads statement by statement, then puts together what belongs together."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.kinds = {(s, n): kind for s, n, kind in answers["relations"]}
        self.hidden: dict[m.Key, list[str]] = defaultdict(list)
        self.typed: dict[m.Key, list[m.Column]] = defaultdict(list)
        for schema, table, column, kind, hidden in answers["columns"]:
            if hidden:
                self.hidden[schema, table].append(column)
            else:
                found = m.Column(column, canonical_type(kind))
                self.typed[schema, table].append(found)
        self.unvalidated: dict[m.Key, list[str]] = defaultdict(list)
        for schema, table, name in answers["unvalidated"]:
            self.unvalidated[schema, table].append(name)
        self.tables: dict[m.Key, m.Table] = {}
        self.views: dict[m.Key, m.View] = {}
        self.sequences: dict[m.Key, m.Sequence] = {}
        self.objects: list[m.SchemaObject] = []
        self.comments: dict[tuple[str, ...], str] = {}
        self.left_out: list[str] = [row[0] for row in answers.get("untold", ())]

    def read(self, text: str) -> None:
        """Take in one statement."""
        source = Text(text)
        if source.take("comment", "on"):
            self._comment(source)
        elif source.take("alter", "table"):
            self._alter(source)
        elif source.take("create"):
            source.take("or", "replace")
            self._create(source, text)

    def _create(self, source: Text, text: str) -> None:
        match source.peek():
            case "table" | "unlogged":
                source.take("unlogged")
                source.take("table")
                key = source.key()
                table, rest = table_of(text, self.unvalidated[key], self.hidden[key])
                self.tables[table.key] = table
                if rest:
                    self.left_out.append(f"{rest.lower()} of {qualified(*table.key)}")
            case "view" | "materialized":
                view = self._view(source)
                self.views[view.key] = view
            case "sequence":
                sequence = sequence_of(text)
                self.sequences[sequence.key] = sequence
            case "index" | "unique" | "inverted" | "vector":
                self._index(text)
            case "function" | "procedure":
                self._routine(source, text)
            case "trigger" | "policy":
                self._on_table(source, text)
            case "type":
                self._type(source, text)

    def _view(self, source: Text) -> m.View:
        materialized = source.take("materialized")
        source.take("view")
        schema, name = source.key()
        columns = name_list(source.group()) if source.peek() == "(" else ()
        source.until("as")
        source.take("as")
        definition = source.until()
        typed = {c.name: c for c in self.typed[schema, name]}
        hidden = self.hidden[schema, name]
        return m.View(
            schema=schema,
            name=name,
            definition=definition,
            columns=tuple(typed.get(c, m.Column(c, "")) for c in columns if c not in hidden),
            materialized=materialized or self.kinds.get((schema, name)) == "m",
        )

    def _index(self, text: str) -> None:
        source = Text(text)
        source.until("on")
        source.take("on")
        key = source.key()
        index = index_of(text)
        if key in self.tables:
            table = self.tables[key]
            self.tables[key] = replace(table, indexes=sorted_by_name((*table.indexes, index)))
        elif key in self.views:
            view = self.views[key]
            self.views[key] = replace(view, indexes=sorted_by_name((*view.indexes, index)))

    def _routine(self, source: Text, text: str) -> None:
        kind: m.ObjectKind = "procedure" if source.name() == "procedure" else "function"
        schema, name = source.key()
        arguments = ", ".join(items(source.group()))
        drop = f"{kind.upper()} {qualified(schema, name)}({arguments})"
        self.objects.append(m.SchemaObject(kind, schema, f"{name}({arguments})", text, drop))

    def _on_table(self, source: Text, text: str) -> None:
        kind: m.ObjectKind = "trigger" if source.name() == "trigger" else "policy"
        name = source.name()
        source.until("on")
        source.take("on")
        schema, table = source.key()
        drop = f"{kind.upper()} {quote(name)} ON {qualified(schema, table)}"
        self.objects.append(m.SchemaObject(kind, schema, name, text, drop, table))

    def _type(self, source: Text, text: str) -> None:
        source.take("type")
        schema, name = source.key()
        if source.take("as") and source.peek() == "(":
            self.objects.append(
                m.SchemaObject("type", schema, name, text, f"TYPE {qualified(schema, name)}")
            )

    def _alter(self, source: Text) -> None:
        key = source.key()
        table = self.tables.get(key)
        if table is None:
            return
        if source.take("add", "constraint"):
            found = constraint_of(source.until())
            if found.name in self.unvalidated[key]:
                found = replace(found, validated=False)
            others = tuple(c for c in table.constraints if c.name != found.name)
            self.tables[key] = replace(table, constraints=sorted_by_name((*others, found)))
        rules = source.until()
        if "FORCE ROW LEVEL SECURITY" in rules and "NO FORCE" not in rules:
            self.tables[key] = replace(table, row_security="forced")
        elif "ENABLE ROW LEVEL SECURITY" in rules:
            self.tables[key] = replace(table, row_security="on")

    def _comment(self, source: Text) -> None:
        kind = source.name()
        names = source.names()
        while source.take("@") or source.take("on"):
            names += source.names()
        source.until("is")
        source.take("is")
        self.comments[kind, *names] = source.tokens[source.at].value

    # --- at the end -------------------------------------------------------------------------

    def schema(self) -> m.Schema:
        """What all statements and rows make together."""
        owners = {(row[0], row[1]): (row[2], row[3], row[4]) for row in self.answers["owners"]}
        identities = {
            (t.schema, f"{t.name}_{c.name}_seq")
            for t in self.tables.values()
            for c in t.columns
            if c.identity
        }
        return m.Schema(
            engine="cockroachdb",
            namespaces=tuple(
                m.Namespace(name, comment)
                for name, comment in sorted(self.answers["namespaces"], key=lambda row: row[0])
                if name != "public" or comment is not None
            ),
            enums=tuple(
                m.Enum(s, n, tuple(labels), comment or self.comments.get(("type", s, n)))
                for s, n, labels, comment in sorted(self.answers["enums"], key=lambda r: r[:2])
                if n != _REGIONS
            ),
            sequences=tuple(
                replace(s, owned_by=owners.get(key), comment=self._said("table", *key))
                for key, s in sorted(self.sequences.items())
                if key not in identities
            ),
            tables=tuple(self._commented(t) for _, t in sorted(self.tables.items())),
            views=tuple(self._commented_view(v) for _, v in sorted(self.views.items())),
            objects=tuple(sorted(self.objects, key=lambda p: (p.kind, p.key))),
            left_out=tuple(sorted(self.left_out)),
        )

    def _said(self, kind: str, *names: str) -> str | None:
        return self.comments.get((kind, *names))

    def _commented(self, table: m.Table) -> m.Table:
        return replace(
            table,
            comment=self._said("table", *table.key),
            columns=tuple(self._column(table.key, c) for c in table.columns),
            constraints=tuple(
                replace(c, comment=self._said("constraint", c.name, *table.key))
                for c in table.constraints
            ),
            indexes=tuple(self._indexed(table.key, i) for i in table.indexes),
        )

    def _commented_view(self, view: m.View) -> m.View:
        return replace(
            view,
            comment=self._said("table", *view.key) or self._said("view", *view.key),
            columns=tuple(self._column(view.key, c) for c in view.columns),
            indexes=tuple(self._indexed(view.key, i) for i in view.indexes),
        )

    def _column(self, key: m.Key, column: m.Column) -> m.Column:
        return replace(column, comment=self._said("column", *key, column.name))

    def _indexed(self, key: m.Key, index: m.Index) -> m.Index:
        return replace(index, comment=self._said("index", *key, index.name))


# --- names with a database ------------------------------------------------------------------


def without_database(text: str, database: str, schemas: Iterable[str]) -> str:
    """The text with ``database.schema.name`` as ``schema.name``, in bodies of routines too."""
    known = set(schemas)
    parts = tokens(text)
    done = 0
    result: list[str] = []
    for start, end, new in _replacements(text, parts, database, known):
        result += (text[done:start], new)
        done = end
    return "".join(result) + text[done:]


def _replacements(
    text: str, parts: list[Token], database: str, schemas: set[str]
) -> Iterator[tuple[int, int, str]]:
    for i, token in enumerate(parts):
        if token.kind == "dollar":
            tag = text.index("$", token.start + 1) + 1
            mark = text[token.start : tag]
            inner = without_database(token.value, database, schemas)
            yield token.start, token.end, mark + inner + mark
        elif token.kind == "string" and i > 1 and parts[i - 2].value in _SEQUENCE_FUNCTIONS:
            inner = without_database(token.value, database, schemas)
            if inner != token.value:
                yield token.start, token.end, literal(inner)
        elif (
            token.kind in ("word", "quoted")
            and token.value == database
            and [p.value for p in parts[i + 1 : i + 4 : 2]] == [".", "."]
            and parts[i + 2].value in schemas
            and (i == 0 or parts[i - 1].value != ".")
        ):
            yield token.start, parts[i + 2].start, ""
