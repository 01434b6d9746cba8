"""crdb_internal and system, on CockroachDB."""

from __future__ import annotations

from collections.abc import Iterator

from ..context import Context
from ..model import Case, Finding, Rule
from ..words import words

RULE = Rule(
    name="internal-tables",
    cockroachdb="error",
    summary="crdb_internal and system are denied from 26.1 on.",
    help="use SHOW statements, information_schema or pg_catalog",
    problem="""
        What is in them changes without notice. From 26.1 on reading them fails with SQLSTATE 42501
        unless a session turns `allow_unsafe_internals` on, and from 26.2 on views over them fail
        too. On older servers this is a warning. Some tables about sessions, queries, contention
        and statistics stay open, and are not reported.
    """,
    solution="""
        ```sql
        SELECT table_name FROM information_schema.tables WHERE table_schema = 'public';
        SELECT job_id, status FROM [SHOW JOBS];
        ```
    """,
    ok=(
        Case("SELECT table_name FROM information_schema.tables;"),
        Case("SELECT count(*) FROM crdb_internal.cluster_sessions;"),
        Case("SELECT system.name FROM systems AS system;"),
        Case("DROP INDEX t@t_crdb_internal_a_shard_16_a_idx;"),
    ),
    bad=(
        Case("SELECT * FROM crdb_internal.tables;"),
        Case("CREATE VIEW v AS SELECT id FROM system.jobs;"),
        Case("SELECT crdb_internal.force_error('', 'no');", target="cockroachdb:25.4"),
    ),
)
_OPEN = frozenset(
    (
        *("cluster_contended_indexes", "cluster_contended_keys", "cluster_contended_tables"),
        *("cluster_contention_events", "cluster_locks", "cluster_queries", "cluster_sessions"),
        *("cluster_transactions", "index_usage_statistics", "statement_statistics"),
        *("transaction_statistics", "transaction_contention_events"),
    )
)
_SYSTEM = frozenset(
    (
        *("comments", "database_role_settings", "descriptor", "eventlog", "jobs", "job_info"),
        *("lease", "locations", "migrations", "namespace", "privileges", "rangelog"),
        *("role_members", "role_options", "scheduled_jobs", "settings", "span_configurations"),
        *("sql_instances", "sqlliveness", "statement_statistics", "table_statistics", "tenants"),
        *("transaction_statistics", "users", "web_sessions", "zones"),
    )
)


def check(context: Context) -> Iterator[Finding]:
    """Each statement, in both parts, that names one of them."""
    level = None if context.caps.unsafe_internals_blocked else "warning"
    for statement in context.file.statements:
        lowered = statement.sql.lower()
        if "crdb_internal." not in lowered and "system." not in lowered:
            continue
        found = words(statement.sql)
        for i, token in enumerate(found[:-2]):
            if token.kind != "word" or found[i + 1].value != ".":
                continue
            after = found[i + 2].value
            if after == "public" and token.value == "system" and i + 4 < len(found):
                after = found[i + 4].value
            denied = (token.value == "crdb_internal" and after not in _OPEN) or (
                token.value == "system" and after in _SYSTEM
            )
            if denied:
                message = f"{token.value}.{after} is internal to the server."
                yield context.finding(
                    RULE,
                    statement,
                    message,
                    start=token.start,
                    level="warning" if level else None,
                )
                break
