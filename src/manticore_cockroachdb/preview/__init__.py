"""Knowing before running: what a migration will cost, what it will destroy, whether it goes back.

Theory of operation
-------------------
`plan` asks the server a few questions, changes nothing, and decides the rest from values::

    files, history --choose--> scripts --plan_script--> steps
                                                          |
    server --facts--> Catalog, simulated --> costs, undo +--> Plan --> terminal, JSON, SQL

* `facts`: the questions (sizes, columns, volatile functions) and what the answers amount to;
* `analysis.catalog`: the tables as they will be when a statement's turn comes: what an earlier
  statement of the same plan made is new and empty, what it renamed keeps its size under another
  name;
* `analysis.costs`: what one statement does: work (backfill, validate, rewrite), lock, data
  destroyed.
  `on_postgresql` and `on_cockroachdb` are the rules, each with its source; `shape` reads what
  ``EXPLAIN (DDL, SHAPE)`` says, which counts for more than a rule;
* `undo`: whether the undo part takes back what a statement did;
* `build` puts a `report.Plan` together, `script` writes it as SQL for a person with psql.

Only `async_plan` talks to a server; nothing of this is imported by `migrate`.
"""
