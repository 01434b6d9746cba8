"""The terminal: everything that people read, and how it is laid out.

    stream    whether it is a terminal, how wide, in which colours
    text      text made fit to be shown: clean, cut, wrapped, in columns; counts, times, durations
    layout    how a result is laid out: lists, tables, changes with a colour for each sign
    console   stderr: progress, hints, warnings, errors
    progress  a run's events as they happen; `bar` is its bar on a terminal, the only user of rich

What a command prints about its own subject stands in the command's file; this room knows of none,
but for a run's events, which several commands tell.
"""
