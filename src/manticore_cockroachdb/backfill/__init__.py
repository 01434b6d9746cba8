"""Backfills: all rows of a table changed batch by batch, exactly once, by any number of workers.

Theory of operation
-------------------
The rows of a table stand in the order of a unique key. That order is cut into *ranges*, each a row
of `_migrations_backfill_ranges` with a *cursor*: what is at or before it is done. A worker takes a
range for a time (its lease) under a fencing token, and sends one message for each batch:

    BEGIN; the statements for the rows after the cursor, up to a key;
    move the cursor to that key, if the token is still ours, and fail otherwise; COMMIT;
    look for the next key

So batch and cursor are one transaction: the cursor is past a row if and only if the row has been
done. When an answer is lost, the worker does not know which; it *raises the token first*, since its
old transaction may still commit, and then reads the cursor. Whoever takes over from a worker that
was taken for dead does the same. Nothing else makes this exact; leases only keep workers from
getting in each other's way.

=================  ================================================================================
`keys`             the key's order as SQL: conditions, the next key; pure
`machine`          what a worker does next, and what it makes of an answer; pure, and explored
                   state by state by `python -m faults model`
`sizing`           how many rows the next batch has; pure
`tables`           the SQL of our tables; pure
`job`              one backfill as its workers see it; the messages they send; pure
`async_worker`     one connection that does what `machine` decides
=================  ================================================================================

A row that is there when the batch of its place begins is done once. One that appears behind the
cursor later is not seen: whoever inserts it writes it right, as a dual write or a default does.
"""
