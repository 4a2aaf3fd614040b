"""Curves as SVG: lines over two axes, either of which may be logarithmic. Nothing but the standard library.

Colors come from the page's style sheet (``.c0`` … ``.c7``), so one drawing serves light and dark. Each line has a name
at its legend and a title that browsers show under the pointer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

COLORS = 8
_WIDTH, _HEIGHT = 860, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 30, 30, 44
_LEGEND_ROW = 20
_LEGEND_COLUMN = 272


@dataclass(frozen=True)
class Line:
    """A line: its name, its points in order, its color, and whether it is dashed."""

    name: str
    points: Sequence[tuple[float, float]]
    color: int = 0
    dashed: bool = False
    dots: bool = False


@dataclass(frozen=True)
class Axis:
    """An axis: what it shows, its ticks with their texts, and how a value is placed between 0 and 1."""

    title: str
    ticks: Sequence[tuple[float, str]]
    place: Callable[[float], float]


def duration(us: float) -> str:
    """Return a duration in the unit that people would use.

    >>> duration(0), duration(46.2), duration(1_500), duration(43_000), duration(2_500_000)
    ('0', '46.2 µs', '1.5 ms', '43 ms', '2.5 s')
    """
    for unit, size in (("s", 1e6), ("ms", 1e3), ("µs", 1.0)):
        if us >= size:
            return f"{us / size:.3g} {unit}"
    return f"{us:.2g} µs" if us else "0"


def short(number: float) -> str:
    """Return a number in few characters.

    >>> short(0), short(950), short(12_500), short(2_000_000)
    ('0', '950', '12.5k', '2M')
    """
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"


def logarithmic(title: str, values: Sequence[float], text: Callable[[float], str]) -> Axis:
    """Return an axis with a tick at 1, 2 and 5 of each power of ten that the values span.

    >>> [text for _, text in logarithmic("", [0.9, 30], short).ticks]
    ['0.5', '1', '2', '5', '10', '20', '50']
    """
    positive = [value for value in values if value > 0] or [1.0]
    marks = [lead * 10.0**power for power in range(-3, 12) for lead in (1, 2, 5)]
    first = max((mark for mark in marks if mark <= min(positive)), default=marks[0])
    last = min((mark for mark in marks if mark >= max(positive)), default=marks[-1])
    if first == last:
        last = marks[min(marks.index(first) + 1, len(marks) - 1)]
    within = [mark for mark in marks if first <= mark <= last]
    few = [mark for mark in within if len(within) <= 10 or f"{mark:e}".startswith("1")]
    span = math.log(last / first)
    return Axis(title, [(mark, text(mark)) for mark in few], lambda value: math.log(max(value, first) / first) / span)


def linear(title: str, values: Sequence[float], text: Callable[[float], str]) -> Axis:
    """Return an axis from 0 with about six ticks.

    >>> [text for _, text in linear("", [0, 58], short).ticks]
    ['0', '10', '20', '30', '40', '50', '60']
    """
    largest = max(values, default=1.0) or 1.0
    step = 10.0 ** math.floor(math.log10(largest))
    step = next(step * share for share in (0.1, 0.2, 0.5, 1.0, 2.0) if largest / (step * share) <= 7)
    count = math.ceil(largest / step - 1e-9)
    return Axis(title, [(step * n, text(step * n)) for n in range(count + 1)], lambda value: value / (step * count))


def percentiles(title: str, deepest: float) -> Axis:
    """Return an axis of shares on which each further nine takes the same room, as far as `deepest`.

    >>> [text for _, text in percentiles("", 0.9995).ticks]
    ['0 %', '50 %', '90 %', '99 %', '99.9 %', '99.99 %']
    """
    nines = max(2, math.ceil(-math.log10(1 - deepest) - 1e-9))
    ticks = [(0.0, "0 %"), (0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %")]
    ticks += [(1 - 10.0**-n, f"99.{'9' * (n - 2)} %") for n in range(3, nines + 1)]
    return Axis(title, ticks, lambda share: min(-math.log10(max(1 - share, 10.0**-nines)) / nines, 1.0))


def drawing(name: str, across: Axis, up: Axis, lines: Sequence[Line]) -> str:
    """Return a chart as an SVG element.

    Parameters
    ----------
    name : str
        What it shows, for those who cannot see it.
    across, up : Axis
        The axes.
    lines : sequence of Line
        Lines without points are left out.
    """
    shown = [line for line in lines if line.points]
    columns = max(1, (_WIDTH - _LEFT) // _LEGEND_COLUMN)
    height = _HEIGHT + _LEGEND_ROW * math.ceil(len(shown) / columns)
    parts = [*_grid(across, up), *(part for line in shown for part in _line(line, across, up))]
    for number, line in enumerate(shown):
        x = _LEFT + _LEGEND_COLUMN * (number % columns)
        y = _HEIGHT + 14 + _LEGEND_ROW * (number // columns)
        parts.append(f'<path class="line {_classes(line)}" d="M{x} {y - 4}h24"/>')
        parts.append(f'<text x="{x + 30}" y="{y}">{escape(line.name)}</text>')
    label = escape(name, quote=True)
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _x(axis: Axis, value: float) -> float:
    return _LEFT + axis.place(value) * (_WIDTH - _LEFT - _RIGHT)


def _y(axis: Axis, value: float) -> float:
    return _HEIGHT - _BOTTOM - axis.place(value) * (_HEIGHT - _TOP - _BOTTOM)


def _grid(across: Axis, up: Axis) -> Iterator[str]:
    right, floor = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    for value, text in up.ticks:
        y = _y(up, value)
        yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{right}"/>'
        yield f'<text class="end" x="{_LEFT - 8}" y="{y + 4:.1f}">{escape(text)}</text>'
    for value, text in across.ticks:
        x = _x(across, value)
        yield f'<path class="grid" d="M{x:.1f} {_TOP}V{floor}"/>'
        yield f'<text class="middle" x="{x:.1f}" y="{floor + 18}">{escape(text)}</text>'
    yield f'<text class="middle title" x="{(_LEFT + right) / 2}" y="{floor + 36}">{escape(across.title)}</text>'
    yield f'<text class="title" x="4" y="14">{escape(up.title)}</text>'


def _classes(line: Line) -> str:
    return f"c{line.color % COLORS}{' dashed' if line.dashed else ''}"


def _line(line: Line, across: Axis, up: Axis) -> Iterator[str]:
    points = [(_x(across, x), _y(up, y)) for x, y in line.points]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    yield f'<path class="line {_classes(line)}" d="M{path}"><title>{escape(line.name)}</title></path>'
    if line.dots or len(points) == 1:
        for x, y in points:
            yield f'<circle class="dot {_classes(line)}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
