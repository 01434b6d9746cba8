"""Programs that the *project's* Python runs, to say what only the project's own tool knows.

They are handed over as text, since that interpreter need not have us, and so may import nothing of
ours. Each takes a JSON request from its argument and writes a JSON answer into a file: what the
project prints by the way must not get in between.
"""
