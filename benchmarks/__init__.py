"""The benchmark: what this package costs beside what others cost, on this machine, today.

    python -m benchmarks                        everything, as tables on the terminal
    python -m benchmarks --quick                fewer runs and smaller numbers, to see that it works
    python -m benchmarks --only far --only nothing
    python -m benchmarks --engine postgresql
    python -m benchmarks --write docs/performance.md

The exit code is 0 when every bar is met, else 1.

How it measures
---------------
- *Processes as a user starts them*: each tool's own command, in a fresh process, from exec to
  exit; its output goes to a file. The peers live in virtual environments of their own, made with
  the same Python; `benchmarks/peers.txt` names their versions.
- *In turns*: runs of what is to be compared alternate, A B C A B C, so that a slow minute of the
  machine falls on all of them. What is reported is the median.
- *The same work*: the same tables, one transaction and one history row for each migration, each
  tool's own file format, an empty database for each run.
- *The same way to the server*: its socket at 0 ms (CockroachDB: loopback), `faults.proxy` in a
  process of its own at 40 ms, for every tool alike. The proxy cannot delay TCP's own handshake.
- *Servers of our own* that are not durable, so that nobody waits for a disk.

The parts: `clock` starts processes and takes turns, `servers` lends databases, `work` is what
everybody does, `tools` and `peers` how each does it, `rows` what is compared with which bar,
`page` and `plot` turn the findings into text and pictures. Findings are frozen values
(`findings`); nothing measures while it writes.
"""
