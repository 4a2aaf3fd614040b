"""The figures of runs: histograms, percentiles, and the median of several rounds with its spread."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

QUANTILES = {"p50_us": 0.5, "p90_us": 0.9, "p99_us": 0.99, "p999_us": 0.999}


@dataclass(frozen=True)
class Histogram:
    """Counts of durations.

    Attributes
    ----------
    values_us : ndarray of float64, shape (n,)
        The bound of each bucket, ascending.
    counts : ndarray of int64, shape (n,)
        How many there are in each.
    """

    values_us: NDArray[np.float64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, pairs: Iterable[Sequence[float]]) -> Histogram:
        """Return the histogram of (microseconds, count) pairs; a value may come more than once.

        >>> Histogram.of([(5.0, 1), (2.0, 3), (5.0, 2)]).counts
        array([3, 3])
        """
        together: dict[float, int] = {}
        for value, count in pairs:
            together[value] = together.get(value, 0) + int(count)
        ordered = sorted(together.items())
        return cls(np.array([value for value, _ in ordered]), np.array([count for _, count in ordered], np.int64))

    @classmethod
    def merged(cls, several: Iterable[Histogram]) -> Histogram:
        """Return all of them together."""
        return cls.of(pair for one in several for pair in zip(one.values_us.tolist(), one.counts.tolist(), strict=True))

    @property
    def total(self) -> int:
        """How many durations there are."""
        return int(self.counts.sum())

    def quantile(self, share: float) -> float:
        """Return the duration that `share` of all do not pass; 0 of none.

        >>> Histogram.of([(1.0, 98), (7.0, 2)]).quantile(0.98), Histogram.of([(1.0, 98), (7.0, 2)]).quantile(0.99)
        (1.0, 7.0)
        """
        if self.total == 0:
            return 0.0
        # One millionth of slack: 0.99 × 100 must ask for the 99th and not, by a rounding, for the 100th.
        place = int(np.searchsorted(np.cumsum(self.counts), share * self.total - 1e-6))
        return float(self.values_us[min(place, len(self.values_us) - 1)])


@dataclass(frozen=True)
class Run:
    """One run against one server.

    Attributes
    ----------
    target : str
        The server.
    rate : float or None
        Requests that were due each second; None for a closed loop.
    users_each : int
        Users of a request.
    sent, answered : int
        Requests; those answered with OK.
    failed : dict
        The others, by status code.
    elapsed_s : float
        From the first due request to the last answer.
    latency : Histogram
        From due to answered.
    max_us, late_p99_us : float
        The longest; how late the generator itself came to its requests.
    windows : list of dict
        The run over time: ``at_s``, ``count``, ``p50_us``, ``p99_us``, ``max_us``.
    server : Histogram or None
        What the server's own histogram has; None when it has none.
    server_cpu_us : float or None
        Processor time of the server's process.
    stopped : bool
        Whether it was ended before its time.
    """

    target: str
    rate: float | None
    users_each: int
    sent: int
    answered: int
    failed: dict[str, int]
    elapsed_s: float
    latency: Histogram
    max_us: float
    late_p99_us: float
    windows: list[dict[str, float]] = field(repr=False)
    server: Histogram | None
    server_cpu_us: float | None
    stopped: bool

    @classmethod
    def of(cls, text: str, target: str, rate: float | None, users_each: int) -> Run:
        """Read what the extension measured."""
        found: dict[str, Any] = json.loads(text)
        server = found["server"]
        return cls(
            target=target,
            rate=rate,
            users_each=users_each,
            sent=found["sent"],
            answered=found["answered"],
            failed=found["failed"],
            elapsed_s=found["elapsed_s"],
            latency=Histogram.of(found["histogram"]),
            max_us=found["max_us"],
            late_p99_us=found["late_p99_us"],
            windows=found["windows"],
            server=None if server is None else Histogram.of(server["histogram"]),
            server_cpu_us=None if server is None else server["cpu_us"],
            stopped=found["stopped"],
        )

    @property
    def failures(self) -> int:
        """Requests that were not answered with OK."""
        return sum(self.failed.values())

    @property
    def achieved(self) -> float:
        """Requests answered each second."""
        return self.answered / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def cpu_us_each(self) -> float | None:
        """Processor time of the server for each answer."""
        if self.server_cpu_us is None or not self.answered:
            return None
        return self.server_cpu_us / self.answered

    def holds(self, bound_us: float) -> bool:
        """Say whether the server kept up: 99 % of the rate answered, nothing failed, the 99th percentile in bounds."""
        kept_up = self.rate is None or self.achieved >= 0.99 * self.rate
        return kept_up and not self.failures and self.latency.quantile(0.99) <= bound_us

    def figures(self) -> dict[str, float | None]:
        """Return the figures that tables, rounds and pages have, by name."""
        quantiles: dict[str, float | None] = {name: self.latency.quantile(at) for name, at in QUANTILES.items()}
        server = self.server if self.server is not None and self.server.total else None
        own = {"server_p50_us": 0.5, "server_p99_us": 0.99}
        return {
            "achieved": self.achieved,
            **quantiles,
            "max_us": self.max_us,
            **{name: None if server is None else server.quantile(at) for name, at in own.items()},
            "server_cpu_us": self.cpu_us_each,
            "late_p99_us": self.late_p99_us,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return it for machines: every count, and the percentiles instead of the histograms."""
        return {
            "target": self.target,
            "rate": self.rate,
            "users_each": self.users_each,
            "sent": self.sent,
            "answered": self.answered,
            "failed": self.failed,
            "elapsed_s": self.elapsed_s,
            **self.figures(),
            "windows": self.windows,
            "stopped": self.stopped,
        }


@dataclass(frozen=True)
class Summary:
    """The rounds of one server at one rate.

    Attributes
    ----------
    median, low, high : dict
        Of each figure of `Run.figures`, over the rounds; None where no round has it.
    failed : dict
        Of all rounds together, by status code.
    """

    target: str
    rate: float | None
    rounds: int
    median: dict[str, float | None]
    low: dict[str, float | None]
    high: dict[str, float | None]
    failed: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return it for machines."""
        return dict(vars(self))


def summary(runs: Sequence[Run]) -> list[Summary]:
    """Return one summary for each server and rate, in the order in which they came.

    Parameters
    ----------
    runs : sequence of Run
        Of any servers and rates.
    """
    groups: dict[tuple[str, float | None], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.target, run.rate), []).append(run)
    return [_summary_of(target, rate, group) for (target, rate), group in groups.items()]


def _summary_of(target: str, rate: float | None, group: list[Run]) -> Summary:
    rounds = [run.figures() for run in group]
    failed: dict[str, int] = {}
    for run in group:
        for code, count in run.failed.items():
            failed[code] = failed.get(code, 0) + count

    def over(what: Callable[[list[float]], float]) -> dict[str, float | None]:
        columns = {name: [one[name] for one in rounds] for name in rounds[0]}
        present = {name: [value for value in values if value is not None] for name, values in columns.items()}
        return {name: what(values) if values else None for name, values in present.items()}

    return Summary(target, rate, len(group), over(statistics.median), over(min), over(max), failed)
