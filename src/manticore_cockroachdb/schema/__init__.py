"""Schemas: read from a server, written as SQL, compared, changed, replayed, documented.

    server ── async_read ──> model.Schema ──┬── render ──────> a dump
                                            ├── diff ────────> Change, … ── report ──> text, JSON
                                            ├── alter, draft ─> a migration
                                            └── document ────> page, markdown, svg, mermaid

Everything to the right of `model.Schema` is pure. `async_drift` and `async_sources` put it together
with scratch databases (`async_scratch`, `async_replay`) for what `AsyncMigrator` offers.
"""
