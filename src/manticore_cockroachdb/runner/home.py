"""Home: the schema that a session lives in, where one database holds many tenants.

The history, lease and journal of a tenant are in the tenant's own schema, and so is everything
that migrations name without a schema. Both are said outright: our tables are qualified, and the
search path begins with this schema. Left to the search path alone, a tenant without a history would
take that of the next schema in it for its own, and report as applied what was applied elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import MigrationError
from ..parser.quoting import quote


@dataclass(frozen=True, slots=True)
class Home:
    """A schema, and those that are looked in after it: what tenants share, such as extensions."""

    schema: str
    behind: tuple[str, ...] = ()

    def name(self, table: str) -> str:
        """The qualified, quoted name of a table in it."""
        return f"{quote(self.schema)}.{quote(table)}"

    def path(self) -> str:
        """The search path, as SET takes it."""
        return ", ".join(map(quote, (self.schema, *self.behind)))


def no_schema(schema: str) -> MigrationError:
    """The error for a home that is not there, or not for this user."""
    return MigrationError(
        f"There is no schema {schema}, or this user may not use it.",
        sqlstate="3F000",
        hint="create it (--create does), or GRANT USAGE on it; or leave its target out",
    )
