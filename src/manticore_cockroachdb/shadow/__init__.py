"""Proof that migrations apply, that undo parts undo, and that a crash can be resumed.

Theory of operation
-------------------
Two scratch databases, dropped afterwards whatever happens. They are on the server that the real
one is on, so that everything means the same there; where that is not allowed or not safe (see
`shadow.risks`), or somebody asks for it, on a throwaway server.

In the first, each migration in turn goes up, down, up: the catalog after *down* must be the one
before *up*, and the second *up* must lead where the first did. Then everything is undone, down
to the first migration without undo, and applied once more; again the catalogs must be the same.

In the second, the newest migrations go up through simulated crashes. `crash_points` says where:
before a COMMIT (the server rolls back) and after it (the answer is lost), before and after a
statement that no transaction covers, and between steps. `async_crash` is a session that dies
there: its connection closes, its lease stays taken, nothing is cleaned up. Another runner then
takes over and crashes at the next place, until one gets through. Catalog and history must be those
of the undisturbed run, and the journal empty.

A backfill has nothing to do on a table without rows; so those among the newest run in a database
of their own over rows that `async_rows` makes up from the table's schema (`values` guesses, the
server judges).

This is a room of its own rather than a part of `preview` because it does the opposite: `preview`
runs nothing and decides from values, this runs everything and compares.
"""
