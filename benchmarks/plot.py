"""Charts as SVG, drawn by hand: horizontal bars, ours in another colour and marked by its name.

No library, no script, no web font: the file is text that any browser shows, light or dark.
"""

from __future__ import annotations

from html import escape

from .findings import Chart

WIDTH, LEFT, RIGHT = 800, 290, 80
BAR, GAP, TOP = 20, 10, 44
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .name { text-anchor: end }
  .ours { font-weight: 600 }
  rect { fill: #8c959f } rect.ours { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } rect { fill: #6e7681 } rect.ours { fill: #4493f8 }
  }
"""


def svg(chart: Chart) -> str:
    """The chart as the text of an SVG file."""
    height = TOP + len(chart.bars) * (BAR + GAP) + 6
    longest = max(value for _, value in chart.bars) or 1.0
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="{escape(chart.title)}">',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="0" y="20">{escape(chart.title)}</text>',
    ]
    for number, (name, value) in enumerate(chart.bars):
        y = TOP + number * (BAR + GAP)
        length = max(1.0, value / longest * (WIDTH - LEFT - RIGHT))
        kind = "ours" if name in chart.ours else "theirs"
        lines += [
            f'<text class="name {kind}" x="{LEFT - 8}" y="{y + 15}">{escape(name)}</text>',
            f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}"/>',
            f'<text class="{kind}" x="{LEFT + length + 6:.1f}" y="{y + 15}">'
            f"{escape(_label(value, chart.unit))}</text>",
        ]
    return "\n".join([*lines, "</svg>", ""])


def _label(value: float, unit: str) -> str:
    number = f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
    return f"{number} {unit}".rstrip()
