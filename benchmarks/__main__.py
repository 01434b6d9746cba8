"""The command: choose rows, measure them one after another, print or write the page."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from . import machine, page, peers, plot
from .bench import Bench
from .clock import CommandFailed
from .findings import Bar, Section
from .rows import ROWS, row
from .servers import ENGINES, SHORT, available


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 when every bar is met, 1 when one is missed."""
    options = _parser().parse_args(arguments)
    engines = tuple(e for e in available() if not options.engine or e in options.engine)
    chosen = tuple(name for name in ROWS if not options.only or name in options.only)
    with tempfile.TemporaryDirectory(prefix="manticore-benchmarks-") as space:
        tools = peers.tools(options.cache)
        bench = Bench(options.quick, engines, tools, Path(space))
        sections: list[Section] = []
        for name in chosen:
            started = time.monotonic()
            bench.loads.append(machine.load())
            bench.say(f"{name}: {ROWS[name]} (load {bench.loads[-1]:.1f})")
            sections.append(_measured(bench, name))
            for bar in sections[-1].bars:
                if not bar.met:
                    bench.say(
                        f"  missed: {bar.what}: {bar.value:.4g} {bar.unit}, bar {bar.limit:g}"
                    )
            bench.say(f"  {time.monotonic() - started:.0f} s")
            if options.write:  # after each row, so that an interrupted run leaves what it found
                text = _page(bench, sections, options, options.write.stem)
                _write(options.write, text, sections)
    if not options.write:
        print(_page(bench, sections, options, None))
    return 0 if all(bar.met for section in sections for bar in section.bars) else 1


def _page(
    bench: Bench, sections: Sequence[Section], options: argparse.Namespace, pictures: str | None
) -> str:
    facts = list(machine.describe())
    facts += [(SHORT[engine], version) for engine, version in bench.versions.items()]
    loads = f"{min(bench.loads):.1f} to {max(bench.loads):.1f}, average load before each row"
    facts.append(("other work", loads))
    measured = {section.name for section in sections}
    return page.markdown(
        sections,
        facts,
        [(tool.name, tool.remark) for tool in bench.tools],
        date=date.today().isoformat(),
        command=_command(options),
        quick=bench.quick,
        absent=[what for name, what in ROWS.items() if name not in measured],
        pictures=pictures,
    )


def _command(options: argparse.Namespace) -> str:
    """The command again, as somebody at the root of a checkout would type it."""
    words = ["python -m benchmarks", *(["--quick"] if options.quick else [])]
    words += [f"--only {name}" for name in options.only or ()]
    words += [f"--engine {engine}" for engine in options.engine or ()]
    return " ".join([*words, *([f"--write {options.write}"] if options.write else [])])


def _measured(bench: Bench, name: str) -> Section:
    """A row's findings; what stops one row is a missed bar and does not stop the others."""
    try:
        return row(name)(bench)
    except CommandFailed as error:
        bench.say(str(error))
        failed = Bar(f"could not be measured: {str(error)[:200]}", 0, 1, "", at_least=True)
        return Section(name, ROWS[name].capitalize(), "", (failed,))


def _write(path: Path, text: str, sections: Sequence[Section]) -> None:
    """Write the page, and its pictures into a folder of the same name beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    folder = path.with_suffix("")
    charts = [chart for section in sections for chart in section.charts]
    if charts:
        folder.mkdir(exist_ok=True)
    for chart in charts:
        (folder / f"{chart.name}.svg").write_text(plot.svg(chart))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure this package beside its peers and against the bars.",
        epilog="rows:\n" + "\n".join(f"  {name:8} {what}" for name, what in ROWS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="fewer runs, smaller numbers")
    parser.add_argument(
        "--only", action="append", choices=ROWS, metavar="ROW", help="only this row"
    )
    parser.add_argument("--engine", action="append", choices=ENGINES, help="only this engine")
    parser.add_argument(
        "--write", type=Path, metavar="PAGE.md", help="write the page and its plots"
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=peers.cache(),
        metavar="DIRECTORY",
        help="where the peers' environments are kept (%(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
