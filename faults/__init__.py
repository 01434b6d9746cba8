"""The fault harness: what a migration run survives, shown on real servers.

`faults.wire` names and frames the messages of the PostgreSQL protocol, `faults.proxy` stands
between a client and a server and cuts, delays, counts or falsifies what they say, and
`faults.imitate` makes a server answer as a newer CockroachDB would.
"""
