"""Bars, as an SVG that is readable on a light and on a dark page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LABEL_WIDTH, NUMBER_WIDTH = 760, 210, 80
BAR_HEIGHT, GAP, TITLE_HEIGHT = 18, 8, 34
STYLE = (
    "text { font: 13px system-ui, sans-serif; fill: #57606a } .title { font-weight: 600 } "
    ".bar { fill: #8c959f } .own { fill: #1f7a5c }"
)


@dataclass(frozen=True)
class Bar:
    """One bar. Ours are drawn in another colour than those we are compared with."""

    label: str
    value: float

    @property
    def is_own(self) -> bool:
        return self.label.startswith(("declarative", "code"))


def bars(charts: Mapping[str, Sequence[Bar]]) -> str:
    """Return one chart below the other, each with its title: `{"Requests a second": [Bar("nginx", 60000), …]}`."""
    height = sum(_height(chart) for chart in charts.values())
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
    return "\n".join([head, f"<style>{STYLE}</style>", *_charts(charts), "</svg>\n"])


def _height(chart: Sequence[Bar]) -> int:
    return TITLE_HEIGHT + len(chart) * (BAR_HEIGHT + GAP) + GAP


def _charts(charts: Mapping[str, Sequence[Bar]]) -> Iterator[str]:
    top = 0
    for title, chart in charts.items():
        yield f'<text class="title" x="0" y="{top + 22}">{escape(title)}</text>'
        longest = max((bar.value for bar in chart), default=0.0) or 1.0
        for number, bar in enumerate(chart):
            yield from _bar(bar, longest, top + TITLE_HEIGHT + number * (BAR_HEIGHT + GAP))
        top += _height(chart)


def _bar(bar: Bar, longest: float, top: int) -> Iterator[str]:
    width = (WIDTH - LABEL_WIDTH - NUMBER_WIDTH) * bar.value / longest
    middle, kind = top + BAR_HEIGHT - 5, "bar own" if bar.is_own else "bar"
    yield f'<text x="{LABEL_WIDTH - 10}" y="{middle}" text-anchor="end">{escape(bar.label)}</text>'
    yield f'<rect class="{kind}" x="{LABEL_WIDTH}" y="{top}" width="{width:.1f}" height="{BAR_HEIGHT}" rx="2"/>'
    yield f'<text x="{LABEL_WIDTH + width + 8:.1f}" y="{middle}">{bar.value:,.0f}</text>'
