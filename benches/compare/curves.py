"""Curves on two logarithmic axes as SVG, with nothing but text: one panel for each series, its slope in its title."""

from __future__ import annotations

import math
from html import escape

PANEL = (360, 220)
MARGIN = (64, 40, 16, 44)  # left, top, right, bottom
COLUMNS = 2
STYLE = (
    "text{font:12px sans-serif;fill:#333}.t{font-weight:bold}.g{stroke:#ddd}.l{fill:none;stroke:#06c;stroke-width:2}"
)


def short(value: float) -> str:
    """A number in few letters."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten between two values, few enough to read; the ends where there are none."""
    found = [
        step * 10.0**power
        for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for step in (1, 2, 5)
        if low <= step * 10.0**power <= high
    ]
    decades = [tick for tick in found if math.isclose(math.log10(tick) % 1, 0, abs_tol=1e-9)]
    return (decades if len(found) > 6 and len(decades) > 1 else found) or [low, high]


def panel(title: str, x: list[int], y: list[float]) -> str:
    """One series; the vertical axis spans at least a factor of ten, so that a flat curve looks flat."""
    width, height = PANEL
    left, top, right, bottom = MARGIN
    low, high = min(y), max(y)
    if high < 10 * low:
        middle = math.sqrt(low * high)
        low, high = middle / math.sqrt(10), middle * math.sqrt(10)

    def across(value: float) -> float:
        share = (math.log(value) - math.log(x[0])) / (math.log(x[-1]) - math.log(x[0]))
        return left + share * (width - left - right)

    def up(value: float) -> float:
        share = (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
        return height - bottom - share * (height - top - bottom)

    parts = [f'<text class="t" x="{left}" y="{top - 16}">{escape(title)}</text>']
    for tick in ticks(low, high):
        at = up(tick)
        parts.append(f'<line class="g" x1="{left}" x2="{width - right}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text text-anchor="end" x="{left - 6}" y="{at + 4:.1f}">{short(tick)}</text>')
    for value in x:
        at = across(value)
        parts.append(f'<line class="g" x1="{at:.1f}" x2="{at:.1f}" y1="{top}" y2="{height - bottom}"/>')
        parts.append(f'<text text-anchor="middle" x="{at:.1f}" y="{height - bottom + 18}">{short(value)}</text>')
    places = [(across(a), up(b)) for a, b in zip(x, y, strict=True)]
    parts.append(f'<polyline class="l" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in places)}"/>')
    parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="#06c"/>' for a, b in places]
    return "".join(parts)


def draw(axis: str, x: list[int], series: dict[str, list[float]], slopes: dict[str, float]) -> str:
    """All series of an axis as one picture."""
    width, height = PANEL
    rows = -(-len(series) // COLUMNS)
    whole = (COLUMNS * width, rows * height + 24)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole[0]} {whole[1]}" width="{whole[0]}">',
        f"<title>Growth with {escape(axis)}</title><style>{STYLE}</style>",
        f'<rect width="{whole[0]}" height="{whole[1]}" fill="#fff"/>',
    ]
    for number, (what, y) in enumerate(series.items()):
        shown = what.replace(" us", ", µs").replace(" B", ", bytes").replace(" s", ", s") if " " in what else what
        across, down = number % COLUMNS * width, number // COLUMNS * height
        title = f"{shown} (slope {slopes[what]:.2f})"
        parts.append(f'<g transform="translate({across},{down})">{panel(title, x, y)}</g>')
    parts.append(f'<text text-anchor="middle" x="{whole[0] / 2}" y="{whole[1] - 8}">{escape(axis)}</text></svg>')
    return "\n".join(parts) + "\n"
