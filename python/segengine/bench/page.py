"""A bench as one HTML page: facts, a table, three kinds of curves; it loads nothing, so it can be mailed and kept."""

from __future__ import annotations

import datetime as dt
import platform
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from segengine.bench.curves import COLORS, Line, drawing, duration, linear, logarithmic, percentiles, short
from segengine.bench.figures import Histogram

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from segengine.bench.curves import Axis
    from segengine.bench.figures import Run, Summary
    from segengine.bench.runs import Capacity

_LIGHT = ("#2563eb", "#d97706", "#059669", "#9333ea", "#dc2626", "#0891b2", "#65a30d", "#db2777")
_DARK = ("#6ea8fe", "#fbbf24", "#34d399", "#c4a1ff", "#ff8585", "#4fd1e8", "#a8d64f", "#f893c5")


def _colors(ink: str, colors: Sequence[str]) -> str:
    return ink + "".join(f" --c{number}:{color};" for number, color in enumerate(colors))


_INKS = (
    "--ink:#1b2430; --soft:#5d6b7c; --grid:#e3e8ee; --paper:#fff; --card:#f6f8fa; --bad:#b42318;",
    "--ink:#e6ebf1; --soft:#9aa7b6; --grid:#2c3743; --paper:#12181f; --card:#1a222b; --bad:#ff8a7a;",
)
_LINES = "".join(f".line.c{n} {{ stroke:var(--c{n}); }} .dot.c{n} {{ fill:var(--c{n}); }}\n" for n in range(COLORS))
_STYLE = f"""
:root {{ color-scheme:light dark; {_colors(_INKS[0], _LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_colors(_INKS[1], _DARK)} }} }}
{_LINES}body {{ margin:0; background:var(--paper); color:var(--ink); font:15px/1.5 system-ui, sans-serif; }}
main {{ max-width:1040px; margin:0 auto; padding:28px 20px 60px; }}
h1 {{ font-size:24px; margin:0 0 2px; }}
h2 {{ font-size:18px; margin:34px 0 6px; }}
p {{ color:var(--soft); margin:2px 0 12px; }}
dl {{ display:grid; grid-template-columns:max-content 1fr; gap:2px 18px; margin:0; padding:12px 16px;
  background:var(--card); border-radius:8px; }}
dt {{ color:var(--soft); }}
dd {{ margin:0; overflow-wrap:anywhere; }}
.wide {{ overflow-x:auto; }}
table {{ border-collapse:collapse; width:100%; font-variant-numeric:tabular-nums; white-space:nowrap; }}
th, td {{ text-align:right; padding:5px 9px; border-bottom:1px solid var(--grid); }}
th {{ color:var(--soft); font-weight:600; }}
th:first-child, td:first-child {{ text-align:left; padding-left:0; }}
small {{ color:var(--soft); display:block; }}
.bad {{ color:var(--bad); }}
svg {{ width:100%; height:auto; display:block; }}
svg text {{ fill:var(--soft); font-size:12px; }}
svg .title {{ fill:var(--ink); }}
.end {{ text-anchor:end; }}
.middle {{ text-anchor:middle; }}
.grid {{ stroke:var(--grid); fill:none; }}
.line {{ fill:none; stroke-width:2; stroke-linejoin:round; }}
.dashed {{ stroke-dasharray:6 5; }}
"""


@dataclass(frozen=True)
class Page:
    """What a page shows.

    Attributes
    ----------
    facts : sequence of (str, str)
        What was asked, and how.
    capacities : sequence of Capacity
        Of sweeps; may be empty.
    runs : sequence of Run
        Every round.
    summaries : sequence of Summary
        One for each server and rate.
    """

    facts: Sequence[tuple[str, str]]
    capacities: Sequence[Capacity]
    runs: Sequence[Run]
    summaries: Sequence[Summary]


def page(found: Page) -> str:
    """Return the page as HTML text."""
    now = dt.datetime.now(dt.UTC)
    facts = [*found.facts, ("client", f"{platform.machine()}, {platform.system()} {platform.release()}")]
    pairs = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    body = [
        "<h1>segengine bench</h1>",
        f"<p>{now:%Y-%m-%d %H:%M} UTC</p><dl>{pairs}</dl>",
        "<h2>Figures</h2><p>Median of the rounds, and below it the lowest and the highest.</p>",
        f'<div class="wide">{_table(found.summaries)}</div>',
        *_charts(found),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>segengine bench</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head>\n<body><main>\n{chr(10).join(body)}\n</main></body></html>\n"
    )


_COLUMNS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("answered /s", "achieved", lambda value: f"{value:,.0f}"),
    ("p50", "p50_us", duration),
    ("p90", "p90_us", duration),
    ("p99", "p99_us", duration),
    ("p99.9", "p999_us", duration),
    ("max", "max_us", duration),
    ("server p50", "server_p50_us", duration),
    ("server p99", "server_p99_us", duration),
    ("server CPU", "server_cpu_us", duration),
)


def _table(summaries: Sequence[Summary]) -> str:
    headings = "".join(f"<th>{name}</th>" for name, *_ in _COLUMNS)
    rows = []
    for one in summaries:
        rate = "closed loop" if one.rate is None else f"{one.rate:,.0f} /s"
        cells = []
        for _, name, text in _COLUMNS:
            value, low, high = one.median[name], one.low[name], one.high[name]
            if value is None or low is None or high is None:
                cells.append("<td>–</td>")
            else:
                spread = f"<small>{text(low)} … {text(high)}</small>" if one.rounds > 1 else ""
                cells.append(f"<td>{text(value)}{spread}</td>")
        failed = ", ".join(f"{count:,} {code}" for code, count in sorted(one.failed.items()))
        mark = f'<small class="bad">{escape(failed)}</small>' if failed else ""
        rows.append(f"<tr><td>{rate}<small>{escape(one.target)}</small>{mark}</td>{''.join(cells)}</tr>")
    return f"<table><thead><tr><th>due</th>{headings}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _charts(found: Page) -> Iterator[str]:
    targets = list(dict.fromkeys(run.target for run in found.runs))
    yield "<h2>Latency by percentile</h2>"
    yield "<p>From when a request was due until its answer; dashed is what the server measured of its own part.</p>"
    yield _percentile_chart(found.runs)
    for rate in dict.fromkeys(run.rate for run in found.runs):
        yield f"<h2>Over time{'' if rate is None else f', {rate:,.0f} /s'}</h2>"
        yield _time_chart([run for run in found.runs if run.rate == rate], targets)
    tried = [*(run for capacity in found.capacities for run in capacity.runs), *found.runs]
    if len({run.rate for run in tried if run.rate is not None}) > 1:
        yield "<h2>Latency by rate</h2>"
        yield "<p>Each point is a rate that was asked; the capacity is the highest that held.</p>"
        yield _rate_chart(tried)


def _groups(runs: Iterable[Run]) -> dict[tuple[str, float | None], list[Run]]:
    groups: dict[tuple[str, float | None], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.target, run.rate), []).append(run)
    return groups


def _up(values: Sequence[float]) -> Axis:
    return logarithmic("latency", values, duration)


def _name(target: str, rate: float | None, more: str = "") -> str:
    return f"{target}, {'closed loop' if rate is None else f'{short(rate)}/s'}{more}"


def _percentile_chart(runs: Sequence[Run]) -> str:
    lines, deepest = [], 0.0
    for color, ((target, rate), group) in enumerate(_groups(runs).items()):
        sides = [(Histogram.merged(run.latency for run in group), "")]
        server = [run.server for run in group if run.server is not None and run.server.total]
        if server:
            sides.append((Histogram.merged(server), ", server"))
        for histogram, more in sides:
            if histogram.total:
                deepest = max(deepest, 1 - 1 / histogram.total)
                points = _quantiles(histogram)
                lines.append(Line(_name(target, rate, more), points, color, dashed=bool(more)))
    values = [us for line in lines for _, us in line.points]
    across = percentiles("share of the requests that took no longer", min(max(deepest, 0.99), 0.99999))
    return drawing("latency by percentile", across, _up(values), lines)


def _quantiles(histogram: Histogram) -> list[tuple[float, float]]:
    """Return points that are even on an axis of nines."""
    nines = 0.0
    points = []
    while 10.0**-nines * histogram.total >= 1:
        share = 1 - 10.0**-nines
        points.append((share, histogram.quantile(share)))
        nines += 0.05
    return points


def _time_chart(runs: Sequence[Run], targets: Sequence[str]) -> str:
    lines = []
    for number, target in enumerate(targets):
        for name, dashed in (("p99_us", False), ("p50_us", True)):
            passed, points = 0.0, []
            for run in (one for one in runs if one.target == target):
                points += [(passed + one["at_s"], one[name]) for one in run.windows]
                passed += run.elapsed_s
            lines.append(Line(f"{target}, {name.removesuffix('_us')}", points, number, dashed=dashed))
    seconds = [s for line in lines for s, _ in line.points]
    values = [us for line in lines for _, us in line.points]
    across = linear("seconds", seconds, lambda value: f"{value:.3g}")
    return drawing("latency over time", across, _up(values), lines)


def _rate_chart(runs: Sequence[Run]) -> str:
    lines = []
    by_target: dict[str, list[tuple[float, Run]]] = {}
    for run in runs:
        if run.rate is not None and run.latency.total:
            by_target.setdefault(run.target, []).append((run.rate, run))
    for number, (target, tried) in enumerate(by_target.items()):
        ordered = sorted(tried, key=lambda one: one[0])
        for name, share, dashed in (("p99", 0.99, False), ("p50", 0.5, True)):
            points = [(rate, run.latency.quantile(share)) for rate, run in ordered]
            lines.append(Line(f"{target}, {name}", points, number, dashed=dashed, dots=True))
    rates = [rate for line in lines for rate, _ in line.points]
    values = [us for line in lines for _, us in line.points]
    return drawing("latency by rate", linear("requests due each second", rates, short), _up(values), lines)
