"""What SQL text says: tokens, statements, nodes, quoting; for both engines, without a server.

Reading never fails: what is not understood becomes a node that says so, and its text stays.
"""
