"""Importing: another migration tool's files and history, carried over and proven.

Theory of operation
-------------------
As data an import walks straight through::

    directory -> Files -> a tool's reader -> Old migrations -> convert -> Converted files
                                                    + the tool's history table -> our history

Readers (`tools`, one file a tool) follow *their* tool's rules for what a marker is and where a
statement ends; they know nothing of ours. `convert` writes our files and proves each against what
the old tool would have sent: where the two cut statements differently, the file is refused. Nothing
is ever left out in silence: what cannot be carried over is a `Finding` with file and line, and then
nothing is written at all, unless somebody asks for the part before the first refusal.

All of that is pure. `disk` reads and writes directories, `interpreter` asks a project's own Python
for what only it knows, and `async_adopt` (with its generated twin) reads the old history, replays
the files on a scratch database and compares that with the live one. The old table is only read.
"""
