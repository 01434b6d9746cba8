"""How a plan is carried out, exactly once, whatever dies: lease, session, messages, journal.

`docs/architecture.md` has the theory on one page; `async_commit` and `async_nontransactional` have
it in full. Each asynchronous module has a generated twin.
"""
