"""Fleets: one directory of migrations on many databases or schemas, and what became of each.

    spec        names and a pattern -> targets, each once; what a configuration may say
    rollout     in which order, how many at once, how many failures it may cost
    look        how all targets stand, asked in as few messages as the server allows
    async_member, async_crew    one target's migrator, and those that work side by side
    report      every target with what became of it: the sum is the number of targets, or an error

A fleet has no memory of its own. What is left to do is what each target's history says, read anew
by each run, so that nothing can disagree with it; and each target is migrated by the same run that
`AsyncMigrator` makes of a single database, under its own lease and with its own journal.
"""

from __future__ import annotations
